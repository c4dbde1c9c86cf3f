#include "core/cluster.h"

#include "base/cleanup.h"
#include "base/rng.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

/* Other values than these break everything that was stored with them. */
static void test_minhash_is_fixed(void **state)
{
    (void)state;
    static const struct {
        uint64_t element;
        uint32_t first, last;
    } cases[] = {
        {0, 0xa8e60d2e, 0x46ea7658},
        {1, 0x57367cd6, 0x020eae0b},
        {UINT64_MAX, 0xef3dbb6a, 0x8cf5f595},
    };
    for (size_t i = 0; i < GS_LEN(cases); i++) {
        gs_minhash m;
        gs_minhash_of(cases[i].element, &m);
        if (m.v[0] != cases[i].first || m.v[GS_MINHASH - 1] != cases[i].last)
            fail_msg("%zu: 0x%08x, 0x%08x", i, m.v[0], m.v[GS_MINHASH - 1]);
    }
}

/* Two sets with `common` elements in both, and `own` more in each. */
static void set_pair(gs_rng *r, unsigned common, unsigned own, gs_minhash *a, gs_minhash *b)
{
    gs_minhash m;
    gs_minhash_of(gs_rng_next(r), a);
    *b = *a;
    for (unsigned i = 1; i < common; i++) {
        gs_minhash_of(gs_rng_next(r), &m);
        gs_minhash_join(a, &m);
        gs_minhash_join(b, &m);
    }
    for (unsigned i = 0; i < own; i++) {
        gs_minhash_of(gs_rng_next(r), &m);
        gs_minhash_join(a, &m);
        gs_minhash_of(gs_rng_next(r), &m);
        gs_minhash_join(b, &m);
    }
}

#define PAIRS 4000

/* The mean and the deviation that the theory promises; as candidates the pairs that it promises to find. */
static void test_estimate(void **state)
{
    (void)state;
    static const struct {
        unsigned common, own;
        unsigned lost; /* at most, of PAIRS: with eps 1 whoever is compared is grouped */
    } cases[] = {
        {1, 7, PAIRS}, {8, 7, PAIRS}, {12, 2, PAIRS / 50}, {13, 2, PAIRS / 50}, {12, 1, PAIRS / 1000 - 1}, {15, 0, 0},
    };
    for (size_t i = 0; i < GS_LEN(cases); i++) {
        gs_rng r = {.state = 7 + i};
        double j = (double)cases[i].common / (cases[i].common + 2 * cases[i].own), sum = 0, squares = 0;
        unsigned lost = 0;
        for (unsigned k = 0; k < PAIRS; k++) {
            gs_minhash a, b;
            set_pair(&r, cases[i].common, cases[i].own, &a, &b);
            double d = gs_minhash_distance(&a, &b);
            assert_true(d == gs_minhash_distance(&b, &a));
            sum += d;
            squares += (d - (1 - j)) * (d - (1 - j));
            gs_cluster_item items[2] = {{.signature = &a, .weight = 2}, {.signature = &b, .weight = 1}};
            gs_cluster(items, 2, 1.0, 3);
            lost += items[1].cluster == 1;
        }
        if (fabs(sum / PAIRS - (1 - j)) > 0.005)
            fail_msg("%zu: mean distance %g, not %g", i, sum / PAIRS, 1 - j);
        if (fabs(sqrt(squares / PAIRS) - sqrt(j * (1 - j) / GS_MINHASH)) > 0.005)
            fail_msg("%zu: deviation %g, not %g", i, sqrt(squares / PAIRS), sqrt(j * (1 - j) / GS_MINHASH));
        if (lost > cases[i].lost)
            fail_msg("%zu: %u of %u pairs at %g not found", i, lost, PAIRS, j);
    }
}

static void test_join(void **state)
{
    (void)state;
    gs_rng r = {.state = 3};
    gs_minhash a, b;
    set_pair(&r, 5, 5, &a, &b);
    gs_minhash ab = a, ba = b, aa = a;
    gs_minhash_join(&ab, &b);
    gs_minhash_join(&ba, &a);
    gs_minhash_join(&aa, &a);
    assert_memory_equal(&ab, &ba, sizeof ab);
    assert_memory_equal(&aa, &a, sizeof a);
    assert_memory_not_equal(&ab, &a, sizeof a);
    assert_true(gs_minhash_distance(&a, &a) == 0.0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_minhash_is_fixed), cmocka_unit_test(test_estimate),
                                       cmocka_unit_test(test_join)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
