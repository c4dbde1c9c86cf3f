#include "core/series.h"

#include "base/cleanup.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define INTERVAL 5000
#define WINDOW 80000 /* eight buckets of 10 s */

static enum gs_series_event add(gs_series *se, int64_t at_s, double goroutines, double start)
{
    gs_sample s = {.goroutines = goroutines, .start_time_s = start};
    return gs_series_add(se, &s, at_s * 1000, INTERVAL, WINDOW);
}

static void test_events(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int64_t at_s;
        double start;
        enum gs_series_event want;
        unsigned n;
    } steps[] = {
        {"first", 100, 1000, GS_SERIES_STARTED, 1},
        {"next", 105, 1000, GS_SERIES_CONTINUES, 2},
        {"late, but not very", 117, 1000, GS_SERIES_CONTINUES, 3},
        {"a gap", 130, 1000, GS_SERIES_GAP, 1},
        {"goes on", 135, 1000, GS_SERIES_CONTINUES, 2},
        {"start not told once", 140, NAN, GS_SERIES_CONTINUES, 3},
        {"start a little off", 145, 1000.4, GS_SERIES_CONTINUES, 4},
        {"a new process", 150, 1149, GS_SERIES_RESTARTED, 1},
        {"goes on", 155, 1149, GS_SERIES_CONTINUES, 2},
        {"a new process after a gap", 500, 1400, GS_SERIES_RESTARTED, 1},
    };
    gs_series se = {0};
    assert_true(gs_series_last(&se) == -1);
    assert_true(gs_series_growth_ratio(&se) == 1);
    for (size_t i = 0; i < GS_LEN(steps); i++) {
        enum gs_series_event e = add(&se, steps[i].at_s, 10 + (double)i, steps[i].start);
        if (e != steps[i].want || se.n != steps[i].n)
            fail_msg("%s: %d, n %u", steps[i].name, (int)e, se.n);
        assert_true(gs_series_last(&se) == (float)(10 + i));
    }
}

/* A ring: the newest GS_SERIES_RECENT are kept, in order. */
static void test_ring(void **state)
{
    (void)state;
    gs_series se = {0};
    for (int i = 0; i < 100; i++) {
        (void)add(&se, 1000 + i * 5, i + 1, 7);
        unsigned n = i + 1 < GS_SERIES_RECENT ? (unsigned)i + 1 : GS_SERIES_RECENT;
        assert_int_equal(se.n, n);
        for (unsigned k = 0; k < n; k++) {
            int64_t at;
            assert_true(gs_series_back(&se, k, &at) == (float)(i + 1 - (int)k));
            assert_int_equal(at, (1000 + (i - (int)k) * 5) * 1000);
        }
        assert_true(fabs(gs_series_growth_ratio(&se) - (n < 2 ? 1 : (double)(i + 1) / (i + 2 - (int)n))) < 1e-6);
    }
    int64_t last = (1000 + 99 * 5) * 1000;
    assert_true(gs_series_max_until(&se, last) == 100);
    assert_true(gs_series_max_until(&se, last - 1) == 99);
    assert_true(gs_series_max_until(&se, 0) == -1);
    assert_true(gs_series_min_after(&se, last - 10001) == 98);
    assert_true(gs_series_min_after(&se, last) == 0);
}

static void test_window_min(void **state)
{
    (void)state;
    gs_series se = {0};
    assert_true(gs_series_window_min(&se, 0, WINDOW) == -1);
    static const struct {
        int64_t at_s;
        double v;
        float min;
    } steps[] = {
        {1000, 50, 50}, {1005, 40, 40}, {1010, 60, 40}, {1040, 70, 40},
        {1069, 80, 40}, {1079, 80, 40}, {1080, 90, 60}, /* the bucket of 1000 is out of the window */
        {1089, 95, 60}, {1090, 95, 70}, {1300, 99, 99},
    };
    for (size_t i = 0; i < GS_LEN(steps); i++) {
        (void)add(&se, steps[i].at_s, steps[i].v, NAN);
        float min = gs_series_window_min(&se, steps[i].at_s * 1000, WINDOW);
        if (min != steps[i].min)
            fail_msg("at %d: %f, expected %f", (int)steps[i].at_s, (double)min, (double)steps[i].min);
    }
    (void)add(&se, 1305, 10, 5);
    (void)add(&se, 1310, 90, 400); /* restarted: the minimum of the old process is forgotten */
    assert_true(gs_series_window_min(&se, 1310000, WINDOW) == 90);
    assert_true(gs_series_window_min(&se, 1310000, 1) >= -1); /* a window without width is no crash */
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_events), cmocka_unit_test(test_ring),
                                       cmocka_unit_test(test_window_min)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
