#include "base/cleanup.h"
#include "base/rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include <cmocka.h>

/* splitmix64 with seed 1234567, as its authors' program prints it. */
static void test_known_values(void **state)
{
    static const uint64_t expected[] = {6457827717110365317u, 3203168211198807973u, 9817491932198370423u,
                                        4593380528125082431u, 16408922859458223821u};
    gs_rng r = {.state = 1234567};
    (void)state;
    for (size_t i = 0; i < GS_LEN(expected); i++)
        assert_true(gs_rng_next(&r) == expected[i]);
}

static void test_below(void **state)
{
    static const uint64_t limits[] = {0, 1, 2, 7, 1000};
    gs_rng r = {.state = 1};
    (void)state;
    for (size_t i = 0; i < GS_LEN(limits); i++) {
        uint64_t highest = 0;
        for (int k = 0; k < 20000; k++) {
            uint64_t v = gs_rng_below(&r, limits[i]);
            assert_true(v < limits[i] || (limits[i] == 0 && v == 0));
            highest = v > highest ? v : highest;
        }
        assert_int_equal(highest, limits[i] ? limits[i] - 1 : 0);
    }
}

static void test_backoff(void **state)
{
    static const struct {
        unsigned attempt;
        int64_t first, max, low, high;
    } table[] = {
        {0, 800, 30000, 400, 800},
        {1, 800, 30000, 800, 1600},
        {5, 800, 30000, 12800, 25600},
        {6, 800, 30000, 15000, 30000},
        {4000000000u, 800, 30000, 15000, 30000},
        {0, 50000, 30000, 15000, 30000},
        {3, 0, 30000, 0, 0},
    };
    gs_rng r = {.state = 1};
    (void)state;
    for (size_t i = 0; i < GS_LEN(table); i++) {
        int64_t low = INT64_MAX, high = 0;
        for (int k = 0; k < (table[i].first ? 2000 : 1); k++) {
            int64_t ms = gs_rng_backoff(&r, table[i].first ? table[i].attempt : 3, table[i].first, table[i].max);
            low = ms < low ? ms : low;
            high = ms > high ? ms : high;
        }
        if (low < table[i].low || high > table[i].high || high - low < (table[i].high - table[i].low) / 2)
            fail_msg("attempt %u: %lld..%lld", table[i].attempt, (long long)low, (long long)high);
    }
}

static void test_seeds_differ(void **state)
{
    gs_rng a = gs_rng_system(), b = gs_rng_system();
    (void)state;
    assert_true(gs_rng_next(&a) != gs_rng_next(&b));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_values),
        cmocka_unit_test(test_below),
        cmocka_unit_test(test_backoff),
        cmocka_unit_test(test_seeds_differ),
    };
    return cmocka_run_group_tests_name("base/rng", tests, NULL, NULL);
}
