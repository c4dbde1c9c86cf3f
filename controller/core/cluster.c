#include "core/cluster.h"

#include "base/cleanup.h"
#include "base/mem.h"

#include <stdbool.h>
#include <string.h>

/* One value for each of 64 hash functions: the outputs of a counter generator that the element seeds. Mixers: splitmix64
 * (Steele, Lea and Flood 2014) for the seed, MurmurHash3's 32-bit finaliser for each output. */
void gs_minhash_of(uint64_t element, gs_minhash *ret)
{
    uint64_t z = element + 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    z ^= z >> 31;
    const uint32_t start = (uint32_t)z, step = (uint32_t)(z >> 32) | 1;
    for (uint32_t i = 0; i < GS_MINHASH; i++) {
        uint32_t x = start + i * step;
        x = (x ^ (x >> 16)) * 0x85ebca6b;
        x = (x ^ (x >> 13)) * 0xc2b2ae35;
        ret->v[i] = x ^ (x >> 16);
    }
}

void gs_minhash_join(gs_minhash *into, const gs_minhash *other)
{
    for (size_t i = 0; i < GS_MINHASH; i++)
        into->v[i] = other->v[i] < into->v[i] ? other->v[i] : into->v[i];
}

double gs_minhash_distance(const gs_minhash *a, const gs_minhash *b)
{
    uint32_t differ = 0;
    for (size_t i = 0; i < GS_MINHASH; i++)
        differ += a->v[i] != b->v[i];
    return (double)differ / GS_MINHASH;
}

enum {
    BAND = 4,
    BANDS = GS_MINHASH / BAND,
    SMALL = 24, /* buckets of at most so many points are compared all with all */
    HUBS = 6,   /* in larger ones the heaviest, which stand for the rest, with all */
    WINDOW = 6, /* and each point with so many after it */
};

/* All items of one signature. Points are numbered in the order of their signatures, so that nothing which is decided by
 * number depends on the order of the items. */
typedef struct point {
    const gs_minhash *signature;
    uint64_t weight;
    uint64_t reach;         /* the weight within eps of it, its own included */
    uint32_t heaviest;      /* of its items */
    uint32_t parent;        /* of the same group; its own number at the root (union-find) */
    uint32_t border;        /* the first core within eps of a point that is none; NONE */
    uint32_t bucket[BANDS]; /* in each band: where its bucket begins, and where it is, in the band's order */
    uint32_t at[BANDS];
    uint16_t large, hub; /* a bit for each band: its bucket is large; it is one of the hubs there */
} point;

#define NONE UINT32_MAX

typedef struct pair {
    uint32_t a, b;
} pair;

typedef struct entry {
    uint64_t key;
    uint32_t point;
} entry;

typedef struct work {
    double eps;
    point *points;
    uint32_t n;
    entry *order, *spare; /* the points by band key */
    pair *near;           /* every pair within eps that was found, once */
    size_t n_near, cap_near;
} work;

static uint64_t add_saturated(uint64_t a, uint64_t b)
{
    return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

/* By signature, then by position. */
static int compare_items(const void *x, const void *y)
{
    const gs_cluster_item *a = *(const gs_cluster_item *const *)x, *b = *(const gs_cluster_item *const *)y;
    if (a->signature != b->signature && memcmp(a->signature, b->signature, sizeof *a->signature) != 0) {
        size_t i = 0;
        while (a->signature->v[i] == b->signature->v[i])
            i++;
        return a->signature->v[i] < b->signature->v[i] ? -1 : 1;
    }
    return (a > b) - (a < b);
}

/* Makes the points; leaves each item's in its `cluster`. */
static void fold(work *w, gs_cluster_item *items, size_t n)
{
    gs_autofree gs_cluster_item **sorted = gs_allocn(n, sizeof *sorted);
    for (size_t i = 0; i < n; i++)
        sorted[i] = &items[i];
    qsort(sorted, n, sizeof *sorted, compare_items);
    point *p = NULL;
    for (size_t i = 0; i < n; i++) {
        uint32_t item = (uint32_t)(sorted[i] - items);
        if (!p || memcmp(p->signature, sorted[i]->signature, sizeof *p->signature) != 0) {
            p = &w->points[w->n];
            *p = (point){.signature = sorted[i]->signature, .heaviest = item, .parent = w->n, .border = NONE};
            w->n++;
        }
        p->weight = add_saturated(p->weight, sorted[i]->weight);
        if (sorted[i]->weight > items[p->heaviest].weight)
            p->heaviest = item;
        sorted[i]->cluster = w->n - 1;
    }
}

static uint64_t band_hash(const gs_minhash *m, unsigned band)
{
    uint64_t h = 0;
    for (unsigned i = 0; i < BAND; i++) {
        h = (h ^ m->v[band * BAND + i]) * 0x9e3779b97f4a7c15;
        h ^= h >> 32;
    }
    return h;
}

#define KEY_NEXT_BITS 16

/* Orders the points by this band, and those of a bucket by the next band: alike ones side by side. Radix sort, the cost
 * of which nobody can choose; stable. Bands of equal hash that differ only share a bucket. */
static void order_by_band(work *w, unsigned band)
{
    for (uint32_t i = 0; i < w->n; i++) {
        const gs_minhash *m = w->points[i].signature;
        uint64_t this = (uint32_t)band_hash(m, band), next = (uint16_t)band_hash(m, (band + 1) % BANDS);
        w->order[i] = (entry){.key = this << KEY_NEXT_BITS | next, .point = i};
    }
    for (unsigned shift = 0; shift < 32 + KEY_NEXT_BITS; shift += 8) {
        uint32_t end[257] = {0};
        for (uint32_t i = 0; i < w->n; i++)
            end[(w->order[i].key >> shift & 255) + 1]++;
        for (unsigned k = 1; k < 257; k++)
            end[k] += end[k - 1];
        for (uint32_t i = 0; i < w->n; i++)
            w->spare[end[w->order[i].key >> shift & 255]++] = w->order[i];
        entry *t = w->order;
        w->order = w->spare;
        w->spare = t;
    }
}

static bool is_hub(const point *p, unsigned band)
{
    return p->hub >> band & 1;
}

/* Whether this band brings the two together: what compare_bucket does, told from where they are. */
static bool meet(const point *a, const point *b, unsigned band)
{
    if (a->bucket[band] != b->bucket[band])
        return false;
    if (!(a->large >> band & 1) || is_hub(a, band) || is_hub(b, band))
        return true;
    uint32_t x = a->at[band], y = b->at[band];
    return (x < y ? y - x : x - y) <= WINDOW;
}

static void compare(work *w, unsigned band, uint32_t i, uint32_t j)
{
    uint32_t a = w->order[i].point, b = w->order[j].point;
    const point *p = &w->points[a], *q = &w->points[b];
    for (unsigned k = 0; k < band; k++)
        if (meet(p, q, k))
            return;
    if (!(gs_minhash_distance(p->signature, q->signature) <= w->eps)) /* NaN: nothing is near */
        return;
    w->near = gs_grow(w->near, &w->cap_near, w->n_near + 1, sizeof *w->near);
    w->near[w->n_near++] = (pair){a, b};
}

static bool heavier(const work *w, uint32_t a, uint32_t b)
{
    uint64_t x = w->points[a].weight, y = w->points[b].weight;
    return x != y ? x > y : a < b;
}

/* Marks the HUBS heaviest points of [from, to). */
static void mark_hubs(work *w, unsigned band, uint32_t from, uint32_t to)
{
    uint32_t hubs[HUBS];
    unsigned n = 0;
    for (uint32_t i = from; i < to; i++) {
        uint32_t p = w->order[i].point;
        if (n == HUBS && !heavier(w, p, hubs[n - 1]))
            continue;
        unsigned k = n < HUBS ? n++ : HUBS - 1;
        for (; k > 0 && heavier(w, p, hubs[k - 1]); k--)
            hubs[k] = hubs[k - 1];
        hubs[k] = p;
    }
    for (unsigned k = 0; k < n; k++)
        w->points[hubs[k]].hub |= (uint16_t)(1u << band);
}

static void compare_large(work *w, unsigned band, uint32_t from, uint32_t to)
{
    mark_hubs(w, band, from, to);
    for (uint32_t i = from; i < to; i++) {
        bool hub = is_hub(&w->points[w->order[i].point], band);
        uint32_t start = hub ? from : i + 1, end = hub || to - i <= WINDOW ? to : i + 1 + WINDOW;
        for (uint32_t j = start; j < end; j++) {
            bool other = is_hub(&w->points[w->order[j].point], band);
            if (hub ? !other || i < j : !other)
                compare(w, band, i, j);
        }
    }
}

static void compare_bucket(work *w, unsigned band, uint32_t from, uint32_t to)
{
    for (uint32_t i = from; i < to; i++) {
        point *p = &w->points[w->order[i].point];
        p->bucket[band] = from;
        p->at[band] = i;
        if (to - from > SMALL)
            p->large |= (uint16_t)(1u << band);
    }
    if (to - from > SMALL) {
        compare_large(w, band, from, to);
        return;
    }
    for (uint32_t i = from; i < to; i++)
        for (uint32_t j = i + 1; j < to; j++)
            compare(w, band, i, j);
}

static void find_near(work *w)
{
    for (unsigned band = 0; band < BANDS; band++) {
        order_by_band(w, band);
        for (uint32_t from = 0, to = 0; from < w->n; from = to) {
            while (to < w->n && w->order[to].key >> KEY_NEXT_BITS == w->order[from].key >> KEY_NEXT_BITS)
                to++;
            compare_bucket(w, band, from, to);
        }
    }
}

static uint32_t root_of(point *points, uint32_t p)
{
    while (points[p].parent != p)
        p = points[p].parent = points[points[p].parent].parent;
    return p;
}

static void reach_border(point *p, uint32_t core)
{
    if (core < p->border)
        p->border = core;
}

/* DBSCAN over the pairs within eps. */
static void join_near(work *w, uint64_t min_weight)
{
    point *points = w->points;
    for (uint32_t i = 0; i < w->n; i++)
        points[i].reach = points[i].weight;
    for (size_t i = 0; i < w->n_near; i++) {
        point *a = &points[w->near[i].a], *b = &points[w->near[i].b];
        a->reach = add_saturated(a->reach, b->weight);
        b->reach = add_saturated(b->reach, a->weight);
    }
    for (size_t i = 0; i < w->n_near; i++) {
        uint32_t a = w->near[i].a, b = w->near[i].b;
        bool core_a = points[a].reach >= min_weight, core_b = points[b].reach >= min_weight;
        if (core_a && core_b)
            points[root_of(points, a)].parent = root_of(points, b);
        else if (core_a)
            reach_border(&points[b], a);
        else if (core_b)
            reach_border(&points[a], b);
    }
    for (uint32_t i = 0; i < w->n; i++)
        if (points[i].border != NONE)
            points[i].parent = points[i].border;
}

/* From each item's point to the heaviest item of its group. */
static void name_groups(work *w, gs_cluster_item *items, size_t n, uint64_t min_weight)
{
    gs_autofree uint32_t *heaviest = gs_allocn(w->n, sizeof *heaviest);
    for (uint32_t i = 0; i < w->n; i++)
        heaviest[i] = NONE;
    for (uint32_t i = 0; i < w->n; i++) {
        uint32_t *h = &heaviest[root_of(w->points, i)];
        if (*h == NONE || items[w->points[i].heaviest].weight > items[*h].weight)
            *h = w->points[i].heaviest;
    }
    for (size_t i = 0; i < n; i++) {
        const point *p = &w->points[items[i].cluster];
        bool noise = p->reach < min_weight && p->border == NONE;
        items[i].cluster = noise ? (uint32_t)i : heaviest[root_of(w->points, items[i].cluster)];
    }
}

void gs_cluster(gs_cluster_item *items, size_t n, double eps, uint64_t min_weight)
{
    if (n == 0)
        return;
    gs_autofree point *points = gs_allocn(n, sizeof *points);
    work w = {.eps = eps, .points = points};
    fold(&w, items, n);
    w.order = gs_allocn(w.n, sizeof *w.order);
    w.spare = gs_allocn(w.n, sizeof *w.spare);
    find_near(&w);
    join_near(&w, min_weight);
    name_groups(&w, items, n, min_weight);
    free(w.order);
    free(w.spare);
    free(w.near);
}
