#include "core/cluster.h"

#include "base/cleanup.h"
#include "base/mem.h"
#include "base/rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

/* A made-up signature: that of a family, but for the values [from, to). */
typedef struct member {
    uint32_t family, from, to;
    uint64_t weight;
    uint32_t cluster; /* expected */
} member;

static void sign(const member *m, gs_minhash *ret)
{
    for (uint32_t i = 0; i < GS_MINHASH; i++)
        ret->v[i] = m->family * 1000 + i + (i >= m->from && i < m->to ? 500 : 0);
}

#define MEMBERS 5

static const struct {
    const char *name;
    double eps;
    uint64_t min_weight;
    size_t n;
    member v[MEMBERS];
} groups[] = {
    {"nothing", 0.2, 3, 0, {{0}}},
    {"one, heavy", 0.2, 3, 1, {{1, 0, 0, 9, 0}}},
    {"one, light", 0.2, 3, 1, {{1, 0, 0, 1, 0}}},
    {"alike, together heavy enough", 0.2, 3, 2, {{1, 0, 0, 1, 1}, {1, 0, 4, 2, 1}}},
    {"alike, too light", 0.2, 3, 2, {{1, 0, 0, 1, 0}, {1, 0, 4, 1, 1}}},
    {"equal, too light", 0.2, 3, 2, {{1, 0, 0, 1, 0}, {1, 0, 0, 1, 1}}},
    {"equal, as one point heavy enough", 0.2, 3, 3, {{1, 0, 0, 1, 0}, {1, 0, 0, 1, 0}, {1, 0, 0, 1, 0}}},
    {"the heaviest names the group", 0.2, 3, 3, {{1, 0, 0, 2, 1}, {1, 0, 0, 7, 1}, {1, 0, 4, 3, 1}}},
    {"of equally heavy ones the smaller signature", 0.2, 3, 3, {{1, 0, 4, 5, 2}, {1, 4, 8, 5, 2}, {1, 0, 0, 5, 2}}},
    {"two families", 0.2, 3, 4, {{1, 0, 0, 3, 0}, {2, 0, 0, 3, 1}, {1, 0, 4, 1, 0}, {2, 0, 4, 1, 1}}},
    {"12 of 64 differ, eps 0.2", 0.2, 3, 2, {{1, 0, 0, 9, 0}, {1, 0, 12, 1, 0}}},
    {"13 of 64 differ, eps 0.2", 0.2, 3, 2, {{1, 0, 0, 9, 0}, {1, 0, 13, 1, 1}}},
    {"9 of 64 differ, eps 0.15", 0.15, 3, 2, {{1, 0, 0, 9, 0}, {1, 0, 9, 1, 0}}},
    {"10 of 64 differ, eps 0.15", 0.15, 3, 2, {{1, 0, 0, 9, 0}, {1, 0, 10, 1, 1}}},
    {"16 of 64 differ, eps 0.25", 0.25, 3, 2, {{1, 0, 0, 9, 0}, {1, 0, 16, 1, 0}}},
    {"17 of 64 differ, eps 0.25", 0.25, 3, 2, {{1, 0, 0, 9, 0}, {1, 0, 17, 1, 1}}},
    {"eps 0: equal ones only", 0, 3, 3, {{1, 0, 0, 9, 0}, {1, 0, 1, 9, 1}, {1, 0, 0, 1, 0}}},
    {"a bridge of cores", 0.2, 3, 3, {{1, 0, 0, 5, 0}, {1, 0, 8, 4, 0}, {1, 0, 16, 3, 0}}},
    /* the middle reaches 1 + 1 + 1; the ends reach 2 and are no cores, but its border */
    {"a light bridge with one core", 0.2, 3, 3, {{1, 0, 0, 1, 0}, {1, 0, 8, 1, 0}, {1, 0, 16, 1, 0}}},
    /* The middle reaches 1 + 3 + 3, which is too light for a core: it joins nobody, and goes to the core whose signature
     * comes first. The outer ones are borders too. */
    {"no bridge over a border",
     0.2,
     9,
     5,
     {{1, 0, 24, 5, 0}, {1, 0, 12, 3, 0}, {1, 0, 0, 1, 4}, {1, 24, 36, 3, 4}, {1, 24, 48, 5, 4}}},
    {"no bridge over a border, backwards",
     0.2,
     9,
     5,
     {{1, 24, 48, 5, 0}, {1, 24, 36, 3, 0}, {1, 0, 0, 1, 0}, {1, 0, 12, 3, 4}, {1, 0, 24, 5, 4}}},
    {"weights beyond 64 bits", 0.2, 3, 2, {{1, 0, 0, UINT64_MAX, 0}, {1, 0, 4, 1, 0}}},
};

static void test_groups(void **state)
{
    (void)state;
    for (size_t i = 0; i < GS_LEN(groups); i++) {
        gs_minhash signatures[MEMBERS];
        gs_cluster_item items[MEMBERS];
        for (size_t k = 0; k < groups[i].n; k++) {
            sign(&groups[i].v[k], &signatures[k]);
            items[k] = (gs_cluster_item){.signature = &signatures[k], .weight = groups[i].v[k].weight, .cluster = 77};
        }
        gs_cluster(items, groups[i].n, groups[i].eps, groups[i].min_weight);
        for (size_t k = 0; k < groups[i].n; k++)
            if (items[k].cluster != groups[i].v[k].cluster)
                fail_msg("%s: item %zu is in %u, not %u", groups[i].name, k, items[k].cluster, groups[i].v[k].cluster);
    }
}

/* DBSCAN as its authors define it, over all pairs: what gs_cluster must find. */
typedef struct reference {
    const gs_cluster_item *items;
    size_t n;
    double eps;
    uint64_t min_weight;
    uint32_t *group; /* a core's: its group's first core; a border's: its core's; else itself */
    bool *core;
} reference;

static bool near_each_other(const reference *r, size_t a, size_t b)
{
    return gs_minhash_distance(r->items[a].signature, r->items[b].signature) <= r->eps;
}

static int by_signature(const gs_minhash *a, const gs_minhash *b)
{
    for (size_t i = 0; i < GS_MINHASH; i++)
        if (a->v[i] != b->v[i])
            return a->v[i] < b->v[i] ? -1 : 1;
    return 0;
}

static void spread(reference *r, size_t from)
{
    gs_autofree uint32_t *todo = gs_allocn(r->n, sizeof *todo);
    size_t n = 0;
    todo[n++] = (uint32_t)from;
    while (n > 0) {
        uint32_t at = todo[--n];
        for (uint32_t k = 0; k < r->n; k++)
            if (r->core[k] && r->group[k] == UINT32_MAX && near_each_other(r, at, k)) {
                r->group[k] = (uint32_t)from;
                todo[n++] = k;
            }
    }
}

static uint32_t first_core_near(const reference *r, uint32_t i)
{
    uint32_t best = UINT32_MAX;
    for (uint32_t k = 0; k < r->n; k++)
        if (r->core[k] && near_each_other(r, i, k) &&
            (best == UINT32_MAX || by_signature(r->items[k].signature, r->items[best].signature) < 0))
            best = k;
    return best;
}

static void group_all(reference *r)
{
    for (uint32_t i = 0; i < r->n; i++) {
        uint64_t reach = 0;
        for (uint32_t k = 0; k < r->n; k++)
            reach += near_each_other(r, i, k) ? r->items[k].weight : 0;
        r->core[i] = reach >= r->min_weight;
        r->group[i] = UINT32_MAX;
    }
    for (uint32_t i = 0; i < r->n; i++)
        if (r->core[i] && r->group[i] == UINT32_MAX) {
            r->group[i] = i;
            spread(r, i);
        }
    for (uint32_t i = 0; i < r->n; i++)
        if (!r->core[i]) {
            uint32_t core = first_core_near(r, i);
            r->group[i] = core == UINT32_MAX ? i : r->group[core];
        }
}

static bool names_better(const gs_cluster_item *a, const gs_cluster_item *b)
{
    return a->weight != b->weight ? a->weight > b->weight : by_signature(a->signature, b->signature) < 0;
}

static uint32_t expected_cluster(const reference *r, uint32_t i)
{
    uint32_t best = UINT32_MAX;
    for (uint32_t k = 0; k < r->n; k++)
        if (r->group[k] == r->group[i] && (best == UINT32_MAX || names_better(&r->items[k], &r->items[best])))
            best = k;
    return best;
}

/* Stacks of a program: families of 15 functions, of which up to five are others in each member. */
static void fill_program(gs_rng *r, unsigned families, gs_minhash *v, gs_cluster_item *items, size_t n)
{
    uint64_t seed = gs_rng_next(r);
    for (size_t i = 0; i < n; i++) {
        uint64_t family = gs_rng_below(r, families), others = gs_rng_below(r, 6);
        for (uint64_t k = 0; k < GS_CLUSTER_FRAMES; k++) {
            gs_minhash m;
            gs_minhash_of(k < others ? gs_rng_below(r, 100) : seed + family * 100 + k, &m);
            if (k == 0)
                v[i] = m;
            else
                gs_minhash_join(&v[i], &m);
        }
        items[i] = (gs_cluster_item){.signature = &v[i], .weight = 1 + gs_rng_below(r, 4)};
    }
}

#define PROGRAM 400

static void test_against_reference(void **state)
{
    (void)state;
    static const struct {
        double eps;
        uint64_t min_weight;
        unsigned families;
    } cases[] = {{0.15, 3, 60}, {0.2, 3, 60}, {0.25, 3, 60}, {0.2, 9, 60}, {0.2, 40, 20}, {0.2, 1, 200}, {0.25, 15, 8}};
    static gs_minhash v[PROGRAM];
    static gs_cluster_item items[PROGRAM];
    static uint32_t group[PROGRAM];
    static bool core[PROGRAM];
    for (size_t i = 0; i < GS_LEN(cases); i++) {
        gs_rng rng = {.state = i};
        fill_program(&rng, cases[i].families, v, items, PROGRAM);
        gs_cluster(items, PROGRAM, cases[i].eps, cases[i].min_weight);
        reference r = {items, PROGRAM, cases[i].eps, cases[i].min_weight, group, core};
        group_all(&r);
        for (uint32_t k = 0; k < PROGRAM; k++)
            if (items[k].cluster != expected_cluster(&r, k))
                fail_msg("case %zu: item %u is in %u, not %u", i, k, items[k].cluster, expected_cluster(&r, k));
    }
}

#define MANY 4096
#define HEAVY 1234 /* the item that weighs more than 1 */

/* Fills v[0..MANY); the groups that must come out, and 0 where that is left to the sampling of large buckets. */
typedef struct shape {
    const char *name;
    void (*fill)(gs_rng *r, gs_minhash *v);
    unsigned groups;
} shape;

static void fill_random(gs_rng *r, gs_minhash *m)
{
    for (size_t k = 0; k < GS_MINHASH; k++)
        m->v[k] = (uint32_t)gs_rng_next(r);
}

static void fill_equal(gs_rng *r, gs_minhash *v)
{
    fill_random(r, &v[0]);
    for (size_t i = 1; i < MANY; i++)
        v[i] = v[0];
}

static void fill_unlike(gs_rng *r, gs_minhash *v)
{
    for (size_t i = 0; i < MANY; i++)
        fill_random(r, &v[i]);
}

static void fill_one_bucket(gs_rng *r, gs_minhash *v)
{
    fill_unlike(r, v);
    for (size_t i = 1; i < MANY; i++)
        memcpy(v[i].v, v[0].v, 4 * sizeof v[0].v[0]);
}

/* All within eps of each other, each in three values of its own. */
static void fill_alike(gs_rng *r, gs_minhash *v)
{
    fill_equal(r, v);
    for (size_t i = 0; i < MANY; i++)
        for (unsigned k = 0; k < 3; k++)
            v[i].v[gs_rng_below(r, GS_MINHASH)] = (uint32_t)gs_rng_next(r);
}

/* Each differs in one value from the one before. */
static void fill_chain(gs_rng *r, gs_minhash *v)
{
    fill_equal(r, v);
    for (size_t i = 1; i < MANY; i++) {
        v[i] = v[i - 1];
        v[i].v[i % GS_MINHASH] = (uint32_t)gs_rng_next(r);
    }
}

/* Buckets of 24 that are not large on the whole, of other points in each band: most comparisons, no pair within eps. */
static void fill_full_buckets(gs_rng *r, gs_minhash *v)
{
    for (size_t i = 0; i < MANY; i++)
        for (uint32_t k = 0; k < GS_MINHASH; k += 4) {
            uint32_t bucket = (uint32_t)gs_rng_below(r, MANY / 20);
            for (uint32_t j = k; j < k + 4; j++)
                v[i].v[j] = bucket * GS_MINHASH + j;
        }
}

/* Four values in each band: all points are in large buckets. */
static void fill_large_buckets(gs_rng *r, gs_minhash *v)
{
    for (size_t i = 0; i < MANY; i++)
        for (uint32_t k = 0; k < GS_MINHASH; k++)
            v[i].v[k] = k % 4 == 0 ? (uint32_t)gs_rng_below(r, 4) : v[i].v[k - 1];
}

/* Hardly within eps of each other, all within eps of the heavy one. */
static void fill_star(gs_rng *r, gs_minhash *v)
{
    fill_equal(r, v);
    for (size_t i = 0; i < MANY; i++)
        for (unsigned k = 0; k < 9 && i != HEAVY; k++)
            v[i].v[gs_rng_below(r, GS_MINHASH)] = (uint32_t)gs_rng_next(r);
}

/* 512 groups of 8. Every bucket is large; which group it is, only two bands together tell, and the first two, by which
 * signatures are in numerical order, differ from item to item. */
static void fill_groups(gs_rng *r, gs_minhash *v)
{
    for (uint32_t i = 0; i < MANY; i++) {
        uint32_t group = i / 8;
        for (uint32_t k = 0; k < GS_MINHASH; k++)
            v[i].v[k] = (k / 4 % 2 ? group / 16 : group % 16) * GS_MINHASH + k;
        v[i].v[0] = (uint32_t)gs_rng_next(r);
        v[i].v[4] = (uint32_t)gs_rng_next(r);
    }
}

static const shape shapes[] = {
    {"all equal", fill_equal, 1},
    {"all unlike", fill_unlike, MANY},
    {"one bucket", fill_one_bucket, MANY},
    {"all alike", fill_alike, 1},
    {"a chain", fill_chain, 1},
    {"full buckets", fill_full_buckets, MANY},
    {"large buckets", fill_large_buckets, 0},
    {"groups in large buckets", fill_groups, 512},
    {"a star", fill_star, 1},
};

static unsigned count_groups(const gs_cluster_item *items, size_t n)
{
    unsigned n_groups = 0;
    for (size_t i = 0; i < n; i++)
        n_groups += items[i].cluster == i;
    return n_groups;
}

/* Also with addresses checked, coverage counted and on a busy machine; it takes a hundredth of that without. Comparing
 * all with all takes longer. */
#define MANY_MS 2000

static void test_many(void **state)
{
    (void)state;
    gs_autofree gs_minhash *v = gs_allocn(MANY, sizeof *v);
    gs_autofree gs_cluster_item *items = gs_allocn(MANY, sizeof *items);
    for (size_t i = 0; i < GS_LEN(shapes); i++) {
        gs_rng r = {.state = i};
        shapes[i].fill(&r, v);
        for (size_t k = 0; k < MANY; k++)
            items[k] = (gs_cluster_item){.signature = &v[k], .weight = k == HEAVY ? 9 : 1};
        clock_t start = clock();
        gs_cluster(items, MANY, GS_CLUSTER_EPS, GS_CLUSTER_MIN_WEIGHT);
        double ms = (double)(clock() - start) * 1000 / CLOCKS_PER_SEC;
        unsigned n = count_groups(items, MANY);
        if (shapes[i].groups && n != shapes[i].groups)
            fail_msg("%s: %u groups, not %u", shapes[i].name, n, shapes[i].groups);
        if (shapes[i].groups == 1)
            assert_int_equal(items[0].cluster, HEAVY);
        if (ms > MANY_MS)
            fail_msg("%s: %.1f ms", shapes[i].name, ms);
    }
}

static void shuffle(gs_rng *r, uint32_t *v, size_t n)
{
    for (size_t i = n; i > 1; i--) {
        size_t k = gs_rng_below(r, i);
        uint32_t t = v[i - 1];
        v[i - 1] = v[k];
        v[k] = t;
    }
}

/* The same items in another order: every item's representative is the same, or its equal. */
static void check_shuffled(const char *name, gs_rng *r, gs_cluster_item *items, size_t n)
{
    gs_autofree uint32_t *from = gs_allocn(n, sizeof *from);
    gs_autofree gs_cluster_item *other = gs_allocn(n, sizeof *other);
    for (uint32_t i = 0; i < n; i++)
        from[i] = i;
    shuffle(r, from, n);
    for (size_t i = 0; i < n; i++)
        other[i] = items[from[i]];
    gs_cluster(items, n, GS_CLUSTER_EPS, GS_CLUSTER_MIN_WEIGHT);
    gs_cluster(other, n, GS_CLUSTER_EPS, GS_CLUSTER_MIN_WEIGHT);
    for (size_t i = 0; i < n; i++) {
        const gs_cluster_item *a = &items[items[from[i]].cluster], *b = &other[other[i].cluster];
        if (a->weight != b->weight || by_signature(a->signature, b->signature) != 0)
            fail_msg("%s: item %u is in another group when it stands at %zu", name, from[i], i);
    }
    assert_int_equal(count_groups(items, n), count_groups(other, n));
}

static void test_order_does_not_matter(void **state)
{
    (void)state;
    gs_autofree gs_minhash *v = gs_allocn(MANY, sizeof *v);
    gs_autofree gs_cluster_item *items = gs_allocn(MANY, sizeof *items);
    gs_rng r = {.state = 11};
    fill_program(&r, 50, v, items, MANY);
    check_shuffled("program", &r, items, MANY);
    for (size_t i = 0; i < GS_LEN(shapes); i++) {
        shapes[i].fill(&r, v);
        for (size_t k = 0; k < MANY; k++)
            items[k] = (gs_cluster_item){.signature = &v[k], .weight = 1 + k % 3};
        check_shuffled(shapes[i].name, &r, items, MANY);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_groups), cmocka_unit_test(test_against_reference),
                                       cmocka_unit_test(test_many), cmocka_unit_test(test_order_does_not_matter)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
