#include "core/series.h"

#include "base/cleanup.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define INTERVAL 5000
#define SURGE 80000 /* eight buckets of 10 s */
#define FLOOR 20000 /* four samples */

static const gs_windows lengths = {INTERVAL, SURGE, FLOOR};

static gs_sample sample(double goroutines, double start, double cpu)
{
    return (gs_sample){.goroutines = goroutines,
                       .start_time_s = start,
                       .heap_inuse = NAN,
                       .cpu_s = cpu,
                       .open_fds = NAN,
                       .rss = NAN,
                       .load = NAN};
}

static enum gs_series_event add(gs_series *se, int64_t at_s, double goroutines, double start)
{
    gs_sample s = sample(goroutines, start, NAN);
    return gs_series_add(se, &s, at_s * 1000, &lengths);
}

static void test_events(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int64_t at_s;
        double start, cpu;
        enum gs_series_event want;
        unsigned n;
    } steps[] = {
        {"first", 100, 1000, 5, GS_SERIES_STARTED, 1},
        {"next", 105, 1000, 6, GS_SERIES_CONTINUES, 2},
        {"late, but not very", 117, 1000, 7, GS_SERIES_CONTINUES, 3},
        {"a gap", 130, 1000, 8, GS_SERIES_GAP, 1},
        {"goes on", 135, 1000, 9, GS_SERIES_CONTINUES, 2},
        {"start not told once", 140, NAN, 9, GS_SERIES_CONTINUES, 3},
        {"start a little off", 145, 1000.4, 9.5, GS_SERIES_CONTINUES, 4},
        {"CPU time jumps back, but the start is known", 150, 1000, 1, GS_SERIES_CONTINUES, 5},
        {"a new process", 155, 1149, 2, GS_SERIES_RESTARTED, 1},
        {"goes on", 160, 1149, 3, GS_SERIES_CONTINUES, 2},
        {"a new process after a gap", 500, 1400, 4, GS_SERIES_RESTARTED, 1},
        {"neither start nor CPU time", 505, NAN, NAN, GS_SERIES_CONTINUES, 2},
        {"CPU time stands still", 510, NAN, 4, GS_SERIES_CONTINUES, 3},
        {"CPU time jumps back", 515, NAN, 0.5, GS_SERIES_RESTARTED, 1},
        {"start told for the first time", 520, 1500, 0.1, GS_SERIES_CONTINUES, 2},
        {"CPU time jumps back after a gap", 600, NAN, 0.05, GS_SERIES_RESTARTED, 1},
        {"a start of 0 is none", 605, 0, 0.06, GS_SERIES_CONTINUES, 2},
    };
    gs_series se = {0};
    int64_t since = 0;
    assert_true(gs_series_last(&se) == -1);
    assert_int_equal(gs_series_len(&se), 0);
    assert_true(gs_series_growth_ratio(&se) == 1);
    for (size_t i = 0; i < GS_LEN(steps); i++) {
        gs_sample s = sample(10 + (double)i, steps[i].start, steps[i].cpu);
        enum gs_series_event e = gs_series_add(&se, &s, steps[i].at_s * 1000, &lengths);
        if (e != steps[i].want || gs_series_len(&se) != steps[i].n)
            fail_msg("%s: %d, %u", steps[i].name, (int)e, gs_series_len(&se));
        assert_true(gs_series_last(&se) == (float)(10 + i));
        if (e == GS_SERIES_STARTED || e == GS_SERIES_RESTARTED)
            since = steps[i].at_s * 1000;
        assert_int_equal(se.since_ms, since);
    }
}

static void test_newest(void **state)
{
    (void)state;
    gs_series se = {0};
    assert_true(isnan(gs_series_fds(&se)) && isnan(gs_series_load(&se)) && isnan(gs_series_rss(&se)));
    gs_sample s = sample(10, 7, 1);
    s.open_fds = 12;
    s.load = 3;
    s.rss = 1 << 30;
    (void)gs_series_add(&se, &s, 1000000, &lengths);
    assert_true(gs_series_fds(&se) == 12 && gs_series_load(&se) == 3 && gs_series_rss(&se) == 1 << 30);
    (void)add(&se, 1005, 10, 7);
    assert_true(isnan(gs_series_fds(&se)) && isnan(gs_series_load(&se)) && isnan(gs_series_rss(&se)));
}

/* A ring: the newest GS_SERIES_RECENT are kept, in order; times are exact however long the machine has been up. */
static void test_ring(void **state)
{
    (void)state;
    static const int64_t begins[] = {0, 1000, (UINT32_MAX - 300000) / 1000, (int64_t)400 * 86400};
    for (size_t b = 0; b < GS_LEN(begins); b++) {
        gs_series se = {0};
        for (int i = 0; i < 100; i++) {
            (void)add(&se, begins[b] + i * 5, i + 1, 7);
            unsigned n = i + 1 < GS_SERIES_RECENT ? (unsigned)i + 1 : GS_SERIES_RECENT;
            assert_int_equal(gs_series_len(&se), n);
            for (unsigned k = 0; k < n; k++) {
                int64_t at;
                assert_true(gs_series_back(&se, k, &at) == (float)(i + 1 - (int)k));
                assert_int_equal(at, (begins[b] + (i - (int)k) * 5) * 1000);
            }
            assert_true(fabs(gs_series_growth_ratio(&se) - (n < 2 ? 1 : (double)(i + 1) / (i + 2 - (int)n))) < 1e-6);
        }
    }
}

static void test_window_min(void **state)
{
    (void)state;
    static const gs_windows rare = {60000, SURGE, FLOOR}; /* no step is a gap */
    static const struct {
        int64_t at_s;
        double v;
        float min;
    } steps[] = {
        {1000, 50, 50}, {1005, 40, 40}, {1010, 60, 40}, {1040, 70, 40},
        {1069, 80, 40}, {1079, 80, 40}, {1080, 90, 60}, /* the bucket of 1000 is out of the window */
        {1089, 95, 60}, {1090, 95, 70}, {1200, 99, 99},
    };
    gs_series se = {0};
    assert_true(gs_series_window_min(&se, 0, SURGE) == -1);
    for (size_t i = 0; i < GS_LEN(steps); i++) {
        gs_sample s = sample(steps[i].v, NAN, NAN);
        (void)gs_series_add(&se, &s, steps[i].at_s * 1000, &rare);
        float min = gs_series_window_min(&se, steps[i].at_s * 1000, SURGE);
        if (min != steps[i].min)
            fail_msg("at %d: %f, expected %f", (int)steps[i].at_s, (double)min, (double)steps[i].min);
    }
    gs_series begun = {0};
    (void)add(&begun, 0, 50, NAN);
    assert_true(gs_series_window_min(&begun, 0, SURGE) == 50);
    assert_true(gs_series_window_min(&begun, 0, SURGE / 2) == -1); /* another length than was added with */
    gs_sample s = sample(120, NAN, NAN);
    gs_windows shorter = rare;
    shorter.surge = SURGE / 2;
    (void)gs_series_add(&se, &s, 1201000, &shorter);
    assert_true(gs_series_window_min(&se, 1201000, SURGE / 2) == 120); /* what the longer window held is forgotten */
    shorter.surge = 1;
    (void)gs_series_add(&se, &s, 1202000, &shorter);
    assert_true(gs_series_window_min(&se, 1202000, 1) == 120); /* a window without width is no crash */
}

/* Neither the old process nor what was before a gap is what a surge is measured from. */
static void test_window_min_begins_anew(void **state)
{
    (void)state;
    gs_series se = {0};
    (void)add(&se, 1305, 10, 5);
    assert_int_equal(add(&se, 1310, 90, 400), GS_SERIES_RESTARTED);
    assert_true(gs_series_window_min(&se, 1310000, SURGE) == 90);
    assert_int_equal(add(&se, 1325, 200, 400), GS_SERIES_GAP);
    assert_true(gs_series_window_min(&se, 1325000, SURGE) == 200);
}

/* A count for each sample of a window: `low` in one of them, low + swing else. */
static void add_window(gs_series *se, int64_t *at_s, double low, double swing, double start)
{
    for (int i = 0; i < 4; i++, *at_s += 5)
        (void)add(se, *at_s, low + (i == 2 ? 0 : swing), start);
}

#define X (-1) /* a window in which nothing is sampled: a gap of 25 s */
#define R (-2) /* the process starts anew */

/* Minima of successive windows of 20 s, then a sample in the next one. */
static const struct {
    const char *name;
    double min[40];
    double swing, newest; /* newest 0: as the last window */
    unsigned windows;
    bool rises;
    float from, to;
    int since; /* window that the run begins with */
} floors[] = {
    {"nothing", {0}, 0, 100, 4, false, 0, 0, 0},
    {"three windows", {40, 55, 71}, 0, 0, 4, false, 0, 0, 0},
    {"four", {40, 55, 71, 90}, 0, 0, 4, true, 40, 90, 0},
    {"the last four", {30, 40, 55, 71, 90}, 0, 0, 4, true, 40, 90, 1},
    {"ten windows, of which eight are kept", {1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, 0, 0, 8, true, 3, 10, 2},
    {"two of two", {90, 40, 55}, 0, 0, 2, true, 40, 55, 1},
    {"one standstill", {40, 55, 55, 90}, 0, 0, 4, false, 0, 0, 0},
    {"one fall", {40, 71, 55, 90}, 0, 0, 4, false, 0, 0, 0},
    {"after a fall", {99, 40, 55, 71, 90}, 0, 0, 4, true, 40, 90, 1},
    {"the newest is below", {40, 55, 71, 90}, 0, 89, 4, false, 0, 0, 0},
    {"three goroutines", {40, 41, 42, 43}, 0, 0, 4, true, 40, 43, 0},
    {"two goroutines", {40, 40.5, 41, 42}, 0, 0, 4, false, 0, 0, 0},
    {"swings as much", {40, 55, 71, 90}, 50, 0, 4, true, 40, 90, 0},
    {"swings more", {40, 55, 71, 90}, 51, 0, 4, false, 0, 0, 0},
    {"a gap", {40, 55, X, 71, 90, 100}, 0, 0, 4, false, 0, 0, 0},
    {"right after a gap", {40, 55, 71, 90, X}, 0, 99, 4, false, 0, 0, 0},
    {"the window behind a gap is broken too", {30, X, 40, 55, 71, 90}, 0, 0, 4, false, 0, 0, 0},
    {"long enough after a gap", {30, X, 35, 40, 55, 71, 90}, 0, 0, 4, true, 40, 90, 3},
    {"a new process", {40, 55, R, 71, 90}, 0, 0, 4, false, 0, 0, 0},
    {"long enough after its start", {80, R, 40, 55, 71, 90}, 0, 0, 4, true, 40, 90, 1},
};

static void test_floor(void **state)
{
    (void)state;
    for (size_t i = 0; i < GS_LEN(floors); i++) {
        gs_series se = {0};
        gs_floor f = {0};
        int64_t at = 1003; /* windows begin with the process, not with the clock */
        double start = 7, last = 0;
        for (size_t k = 0; k < GS_LEN(floors[i].min) && floors[i].min[k] != 0; k++) {
            if (floors[i].min[k] == R)
                start += 100;
            else if (floors[i].min[k] == X)
                at += 20;
            else
                add_window(&se, &at, last = floors[i].min[k], floors[i].swing, start);
        }
        (void)add(&se, at, floors[i].newest > 0 ? floors[i].newest : last, start);
        if (gs_series_floor(&se, floors[i].windows, &f) != floors[i].rises)
            fail_msg("%s: %f to %f", floors[i].name, (double)f.from, (double)f.to);
        if (!floors[i].rises)
            continue;
        if (f.from != floors[i].from || f.to != floors[i].to || f.scale != 1 ||
            f.since_ms != (1003 + 20 * floors[i].since) * 1000)
            fail_msg("%s: scale %u, %f to %f since %lld", floors[i].name, f.scale, (double)f.from, (double)f.to,
                     (long long)f.since_ms);
    }
}

/* A window is complete once a sample was taken behind its end, not before. */
static void test_floor_completes(void **state)
{
    (void)state;
    gs_series se = {0};
    gs_floor f;
    int64_t at = 1000;
    for (int w = 0; w < 4; w++) {
        assert_false(gs_series_floor(&se, 4, &f));
        add_window(&se, &at, 40 + w * 10, 0, 7);
    }
    assert_false(gs_series_floor(&se, 4, &f));
    (void)add(&se, at, 200, 7);
    assert_true(gs_series_floor(&se, 4, &f));
    gs_series gap = se;
    assert_int_equal(add(&gap, at + 15, 200, 7), GS_SERIES_GAP);
    assert_false(gs_series_floor(&gap, 4, &f)); /* though the gap is in a window of its own */
    gs_windows longer = {INTERVAL, SURGE, FLOOR + 1000};
    gs_sample s = sample(200, 7, NAN);
    (void)gs_series_add(&se, &s, (at + 5) * 1000, &longer); /* another policy: its windows begin now */
    assert_false(gs_series_floor(&se, 4, &f));
}

/* Windows as short as the interval: one that no sample fell into breaks the run, though there was no gap. */
static void test_floor_without_sample(void **state)
{
    (void)state;
    static const gs_windows w = {INTERVAL, SURGE, INTERVAL};
    static const int64_t regular[] = {0, 5, 10, 15, 20, 25}, late[] = {0, 5, 10, 20, 25, 30};
    gs_series a = {0}, b = {0};
    gs_floor f;
    for (size_t i = 0; i < GS_LEN(late); i++) {
        gs_sample s = sample(10 + 10 * (double)i, 7, NAN);
        (void)gs_series_add(&a, &s, regular[i] * 1000, &w);
        (void)gs_series_add(&b, &s, late[i] * 1000, &w);
    }
    assert_true(gs_series_floor(&a, 4, &f));
    assert_false(gs_series_floor(&b, 4, &f));
    assert_int_equal(gs_series_len(&b), GS_LEN(late));
}

static double noise(uint32_t *seed, double amplitude)
{
    *seed = *seed * 1664525u + 1013904223u;
    return amplitude * (2.0 * (*seed >> 8) / (1 << 24) - 1);
}

/* What slow and fast leaks and mere noise amount to: 30 hours of samples every 5 s, windows of 120 s. */
static const struct {
    const char *name;
    double per_s, amplitude, sine, period_s;
    int gap_every_s; /* a gap of 20 s */
    unsigned scale;  /* on which it is found first; 0: never */
    int within_s;
} leaks[] = {
    {"20/s", 20, 20, 0, 1, 0, 1, 500},
    {"0.6/s beside noise", 0.6, 20, 0, 1, 0, 1, 500},
    {"0.6/s beside much noise", 0.6, 100, 0, 1, 0, 1, 1000},
    {"0.6/s beside a load that swings", 0.6, 5, 100, 60, 0, 1, 2000},
    {"0.05/s", 0.05, 20, 0, 1, 0, 4, 2500},
    {"0.02/s", 0.02, 20, 0, 1, 0, 16, 8000},
    {"0.005/s", 0.005, 20, 0, 1, 0, 64, 31000},
    {"0.6/s with a gap in every window", 0.6, 20, 0, 1, 110, 4, 2500},
    {"noise", 0, 20, 0, 1, 0, 0, 0},
    {"a little noise", 0, 3, 0, 1, 0, 0, 0},
    {"a sine shorter than a window", 0, 5, 100, 60, 0, 0, 0},
    {"a sine a little longer than a window", 0, 5, 100, 200, 0, 0, 0},
};

static void test_floor_of_leaks(void **state)
{
    (void)state;
    static const gs_windows w = {INTERVAL, 300000, 120000};
    for (size_t i = 0; i < GS_LEN(leaks); i++) {
        gs_series se = {0};
        gs_floor f = {0};
        uint32_t seed = 1;
        int t = 0;
        for (bool found = false; t < 108000 && !found; t += 5) {
            if (leaks[i].gap_every_s && t % leaks[i].gap_every_s < 20)
                continue;
            double v = 500 + leaks[i].per_s * t + noise(&seed, leaks[i].amplitude) +
                       leaks[i].sine * sin(2 * acos(-1) * t / leaks[i].period_s);
            gs_sample s = sample(floor(v), 7, NAN);
            (void)gs_series_add(&se, &s, 5000 + (int64_t)t * 1000, &w);
            found = gs_series_floor(&se, 4, &f);
        }
        if (f.scale != leaks[i].scale || (f.scale && t > leaks[i].within_s))
            fail_msg("%s: scale %u at %d s, %f to %f", leaks[i].name, f.scale, t, (double)f.from, (double)f.to);
    }
}

/* Nearest rank (the smallest count that as many percent are not above), of the counts before the newest. */
static void test_percentile(void **state)
{
    (void)state;
    static const struct {
        unsigned samples;
        int percentile;
        float want;
    } cases[] = {
        {30, 90, 27}, {30, 50, 15}, {30, 99, 30}, {30, 1, 1}, {30, 100, 30}, {30, 0, 1},   {30, 200, 30}, {5, 90, 24},
        {5, 60, 10},  {5, 61, 17},  {5, 50, 10},  {1, 50, 1}, {2, 50, 1},    {31, 50, -1}, {0, 50, -1},
    };
    gs_series se = {0};
    for (int i = 0; i < 30; i++) { /* 1..30 in some order, at last 3, 10, 17, 24, 1 */
        assert_true(gs_series_percentile(&se, 30, 50) == -1);
        (void)add(&se, 1000 + i * 5, 1 + (i + 1) * 7 % 30, 7);
    }
    assert_true(gs_series_percentile(&se, 30, 50) == -1); /* 29 before the newest */
    (void)add(&se, 1150, 9999, 7);
    for (size_t i = 0; i < GS_LEN(cases); i++) {
        float p = gs_series_percentile(&se, cases[i].samples, cases[i].percentile);
        if (p != cases[i].want)
            fail_msg("P%d of %u: %f", cases[i].percentile, cases[i].samples, (double)p);
    }
    (void)add(&se, 1200, 9999, 7); /* a gap */
    assert_true(gs_series_percentile(&se, 5, 50) == -1);
}

/* Counts every 5 s, ended by 0; the onset in seconds from the first of them. */
static const struct {
    const char *name;
    double v[12];
    double slope, onset_s;
} lines[] = {
    {"one", {100}, 0, 0},
    {"two are no line", {100, 200}, 0, 5},
    {"a line", {100, 110, 120, 130}, 2, 0},
    {"an outlier", {100, 110, 9000, 130, 140}, 2, 0},
    {"an outlier below", {100, 110, 120, 5, 140, 150}, 2, 0},
    {"an even number of pairs", {0.5, 1, 3}, 0.25, 0},
    {"flat, then a line", {100, 100, 100, 120, 140, 160, 180, 200, 220, 240}, 4, 10},
    {"mostly flat, then a line", {100, 100, 100, 100, 100, 100, 100, 100, 100, 120, 140, 160}, 0, 40},
    {"the same, and an outlier", {100, 100, 100, 100, 100, 900, 100, 100, 100, 120, 140, 160}, 0, 40},
    {"falls", {130, 120, 110, 100}, -2, 15},
    {"flat", {100, 100, 100, 100}, 0, 15},
};

static void test_slope_and_onset(void **state)
{
    (void)state;
    for (size_t i = 0; i < GS_LEN(lines); i++) {
        gs_series se = {0};
        for (size_t k = 0; k < GS_LEN(lines[i].v) && lines[i].v[k] > 0; k++)
            (void)add(&se, 1000 + (int64_t)k * 5, lines[i].v[k], 7);
        double slope = gs_series_slope(&se), onset = (double)(gs_series_onset_ms(&se) - 1000000) / 1000;
        if (fabs(slope - lines[i].slope) > 1e-6 || fabs(onset - lines[i].onset_s) > 0.01)
            fail_msg("%s: slope %f, onset %f", lines[i].name, slope, onset);
    }
}

/* Beyond the recent counts the floor windows know the level from which a leak rose. */
static void test_onset_long_ago(void **state)
{
    (void)state;
    gs_series se = {0};
    uint32_t seed = 1;
    for (int t = 0; t < 1800; t += 5)
        (void)add(&se, 1000 + t, floor(200 + (t > 900 ? 2.0 * (t - 900) : 0) + noise(&seed, 10)), 7);
    double onset = (double)(gs_series_onset_ms(&se) - 1000000) / 1000;
    if (fabs(onset - 900) > 60)
        fail_msg("onset at %f s", onset);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_events),
        cmocka_unit_test(test_newest),
        cmocka_unit_test(test_ring),
        cmocka_unit_test(test_window_min),
        cmocka_unit_test(test_window_min_begins_anew),
        cmocka_unit_test(test_floor),
        cmocka_unit_test(test_floor_completes),
        cmocka_unit_test(test_floor_without_sample),
        cmocka_unit_test(test_floor_of_leaks),
        cmocka_unit_test(test_percentile),
        cmocka_unit_test(test_slope_and_onset),
        cmocka_unit_test(test_onset_long_ago),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
