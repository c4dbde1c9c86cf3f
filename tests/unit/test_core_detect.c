#include "core/detect.h"

#include "core_profile.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static gs_detection defaults(void)
{
    gs_policy *p = gs_policy_new();
    gs_detection d = p->detection;
    gs_policy_free(p);
    return d;
}

static void off(gs_detection *d)
{
    d->growth.enabled = d->surge.enabled = d->blocked.enabled = d->floor.enabled = d->baseline.enabled = false;
}

static void two_periods(gs_detection *d)
{
    d->growth.periods = 2;
}

static void small_surge(gs_detection *d)
{
    d->surge.goroutines = 100;
}

#define GAP (-1)
#define ANEW (-2)

/* Two samples to a floor window at a step of 60 s. */
static void only_floor(gs_detection *d)
{
    off(d);
    d->floor.enabled = true;
}

static void only_baseline(gs_detection *d)
{
    off(d);
    d->baseline.enabled = true;
    d->baseline.static_goroutines = 100;
    d->baseline.samples = 5;
}

static void baseline_of_logins(gs_detection *d)
{
    only_baseline(d);
    d->tolerance.permille = gs_class_permille(GS_CLASS_LOGIN);
}

static void no_tolerance(gs_detection *d)
{
    only_baseline(d);
    d->tolerance.permille = 0;
}

static void all_small(gs_detection *d)
{
    d->surge.goroutines = 100;
    d->baseline.static_goroutines = 100;
    d->baseline.samples = 5;
}

#define G GS_RULE_GROWTH
#define S GS_RULE_SURGE
#define F GS_RULE_FLOOR
#define B GS_RULE_BASELINE

/* A sample every `step` seconds. Default rules: three rises, over 15 %/min; 5000 and 30 % in 300 s; four windows of
 * 120 s; 2000, and 2 % over the P90 of 30 samples. */
static const struct {
    const char *name;
    void (*change)(gs_detection *);
    int step;
    double v[12]; /* ended by 0; GAP: no sample for two steps, ANEW: another process from here */
    unsigned rules;
} series[] = {
    {"nothing yet", NULL, 5, {0}, 0},
    {"one", NULL, 5, {100}, 0},
    {"three rises", NULL, 5, {100, 110, 120, 130}, G},
    {"two rises", NULL, 5, {100, 110, 120}, 0},
    {"two of two", two_periods, 5, {100, 110, 120}, G},
    {"not in a row", NULL, 5, {100, 110, 105, 120, 130}, 0},
    {"a pause", NULL, 5, {100, 110, 110, 120, 130}, 0},
    {"three rises after a fall", NULL, 5, {200, 100, 110, 120, 130}, G},
    {"falls", NULL, 5, {130, 120, 110, 100}, 0},
    {"two goroutines more are noise", NULL, 5, {1, 1.5, 2, 3}, 0},
    {"from next to nothing", NULL, 5, {1, 2, 3, 4}, G},
    {"exactly 15 % a minute", NULL, 60, {1000, 1100, 1200, 1450}, 0},
    {"a little over", NULL, 60, {1000, 1100, 1200, 1451}, G},
    {"slower", NULL, 60, {10000, 10100, 10200, 10300}, 0},
    {"rises on the whole, with noise", NULL, 5, {20, 22, 19, 26, 24, 27, 31, 29, 33}, G},
    {"eight of those", NULL, 5, {20, 22, 19, 26, 24, 27, 31, 29}, 0},
    {"on the whole, but a step", NULL, 5, {20, 22, 19, 30, 28, 31, 30, 28, 31}, 0},
    {"on the whole, the thirds overlap", NULL, 5, {20, 30, 19, 26, 24, 27, 31, 29, 33}, 0},
    {"on the whole, but for a gap", NULL, 5, {20, 22, 19, 26, GAP, 24, 27, 31, 29, 33}, 0},
    {"on the whole, too slowly", NULL, 30, {2000, 1999, 2001, 2010, 2009, 2011, 2019, 2018, 2020}, 0},
    {"off", off, 5, {100, 200, 300, 9000}, 0},
    {"surge", NULL, 60, {4000, 4000, 5200}, S},
    {"surge at the limit", NULL, 60, {3000, 3000, 5000}, S},
    {"below the count", NULL, 60, {1000, 1000, 4999}, 0},
    {"always high", NULL, 60, {9000, 9000, 9100}, 0},
    {"exactly 30 %", small_surge, 60, {100, 100, 130}, S},
    {"29 %", small_surge, 60, {100, 100, 129}, 0},
    {"the low is out of the window", small_surge, 60, {100, 300, 300, 300, 300, 300, 300, 300, 300}, 0},
    {"the low is still in the window", small_surge, 60, {300, 100, 300, 300, 300}, S},
    {"both", small_surge, 60, {100, 200, 300, 400}, S | G},
    {"growth, but for a gap", NULL, 5, {100, 110, GAP, 120, 130}, 0},
    {"growth after a gap", NULL, 5, {100, GAP, 110, 120, 130, 140}, G},
    {"growth, but for a restart", NULL, 5, {100, 110, ANEW, 120, 130}, 0},
    {"surge, but for a gap", small_surge, 60, {100, 100, GAP, 300}, 0},
    {"surge, but for a restart", small_surge, 60, {100, 100, ANEW, 300}, 0},
    {"floor", only_floor, 60, {40, 45, 55, 60, 71, 76, 90, 95, 96}, F},
    {"floor, not above the last minimum", only_floor, 60, {40, 45, 55, 60, 71, 76, 90, 95, 89}, 0},
    {"floor, the window is not over", only_floor, 60, {40, 45, 55, 60, 71, 76, 90, 95}, 0},
    {"floor, but for a gap", only_floor, 60, {40, 45, 55, 60, GAP, 71, 76, 90, 95, 96}, 0},
    {"floor, but for a restart", only_floor, 60, {40, 45, 55, 60, ANEW, 71, 76, 90, 95, 96}, 0},
    {"baseline", only_baseline, 5, {100, 100, 100, 100, 100, 103}, B},
    {"baseline, within the tolerance", only_baseline, 5, {100, 100, 100, 100, 100, 102}, 0},
    {"baseline, a class that tolerates less", baseline_of_logins, 5, {100, 100, 100, 100, 100, 101}, B},
    {"baseline, no tolerance", no_tolerance, 5, {100, 100, 100, 100, 100, 101}, B},
    {"baseline, no tolerance, as ever", no_tolerance, 5, {101, 101, 101, 101, 101, 101}, 0},
    {"baseline, below the percentile", only_baseline, 5, {100, 100, 100, 100, 130, 131}, 0},
    {"baseline, not above the static count", only_baseline, 5, {50, 50, 50, 50, 50, 100}, 0},
    {"baseline, too few samples", only_baseline, 5, {100, 100, 100, 100, 150}, 0},
    {"baseline, but for a gap", only_baseline, 5, {100, 100, 100, GAP, 100, 100, 150}, 0},
    {"baseline, but for a restart", only_baseline, 5, {100, 100, 100, ANEW, 100, 100, 150}, 0},
    {"all", all_small, 60, {50, 100, 200, 250, 350, 400, 500, 550, 900}, F | S | B | G},
};

/* Feeds one case; the time of its newest sample. */
static int64_t feed(gs_series *se, const gs_detection *d, int step_s, const double *v, size_t n)
{
    const gs_windows w = {step_s * 1000, (int64_t)d->surge.window_s * 1000, (int64_t)d->floor.window_s * 1000};
    gs_sample s = {.start_time_s = 1000, .cpu_s = NAN, .open_fds = NAN, .rss = NAN, .load = NAN};
    int64_t now = 1000000;
    for (size_t k = 0; k < n && v[k] != 0; k++) {
        if (v[k] == ANEW) {
            s.start_time_s += 100;
            continue;
        }
        now += step_s * 1000;
        if (v[k] == GAP) {
            now += step_s * 1000;
            continue;
        }
        s.goroutines = v[k];
        (void)gs_series_add(se, &s, now, &w);
    }
    return now;
}

static void test_series(void **state)
{
    (void)state;
    for (size_t i = 0; i < GS_LEN(series); i++) {
        gs_detection d = defaults();
        gs_series se = {0};
        gs_verdict v;
        if (series[i].change)
            series[i].change(&d);
        int64_t now = feed(&se, &d, series[i].step, series[i].v, GS_LEN(series[i].v));
        gs_detect_series(&d, &se, now, &v);
        if (v.rules != series[i].rules)
            fail_msg("%s: %u %s", series[i].name, v.rules, v.reason);
        assert_int_equal(v.reason[0] != 0, v.rules != 0);
    }
}

/* Of several rules the strongest one says why. */
static void test_reasons(void **state)
{
    (void)state;
    static const struct {
        bool floor, surge, baseline, growth;
        const char *reason;
    } cases[] = {
        {true, true, true, true, "floor: the minimum rose from 50 to 500 goroutines in 4 windows of 120 s"},
        {false, true, true, true, "surge: 900 goroutines, from 350 within 300 s"},
        {false, false, true, true, "baseline: 900 goroutines, P90 of 5 samples 550, tolerance 20 per mille"},
        {false, false, false, true, "growth: 400 to 900 goroutines in 3 periods, 42 %/min"},
        {false, false, false, false, ""},
    };
    static const double counts[] = {50, 100, 200, 250, 350, 400, 500, 550, 900};
    for (size_t i = 0; i < GS_LEN(cases); i++) {
        gs_detection d = defaults();
        gs_series se = {0};
        gs_verdict v;
        all_small(&d);
        d.floor.enabled = cases[i].floor;
        d.surge.enabled = cases[i].surge;
        d.baseline.enabled = cases[i].baseline;
        d.growth.enabled = cases[i].growth;
        gs_detect_series(&d, &se, 0, &v); /* no sample at all */
        assert_int_equal(v.rules, 0);
        int64_t now = feed(&se, &d, 60, counts, GS_LEN(counts));
        gs_detect_series(&d, &se, now, &v);
        assert_string_equal(v.reason, cases[i].reason);
    }
}

#define SEND GS_STATE_CHAN_SEND

static const struct {
    const char *name;
    void (*change)(gs_detection *);
    site_spec now[3], base[3];
    bool with_base;
    unsigned rules;
} profiles[] = {
    {"100 blocked", NULL, {{"pa", 100, SEND, 0}}, {{0}}, false, GS_RULE_BLOCKED},
    {"99 blocked", NULL, {{"pa", 99, SEND, 0}}, {{0}}, false, 0},
    {"two sites of 60", NULL, {{"pa", 60, SEND, 0}, {"pb", 60, SEND, 0}}, {{0}}, false, 0},
    {"IO wait", NULL, {{"pa", 500, GS_STATE_IO_WAIT, 0}}, {{0}}, false, 0},
    {"sleep", NULL, {{"pa", 500, GS_STATE_SLEEP, 0}}, {{0}}, false, 0},
    {"running", NULL, {{"pa", 500, GS_STATE_RUNNING, 0}}, {{0}}, false, 0},
    {"as in the base", NULL, {{"pa", 500, SEND, 0}}, {{"pa", 500, SEND, 0}}, true, 0},
    {"a few more than in the base", NULL, {{"pa", 505, SEND, 0}}, {{"pa", 500, SEND, 0}}, true, GS_RULE_BLOCKED},
    {"site: twice the root more", NULL, {{"pa", 35, SEND, 0}}, {{"pa", 25, SEND, 0}}, true, GS_RULE_SITE},
    {"site: less than that", NULL, {{"pa", 34, SEND, 0}}, {{"pa", 25, SEND, 0}}, true, 0},
    {"site: three new ones", NULL, {{"pa", 3, GS_STATE_IO_WAIT, 0}}, {{"pb", 10, SEND, 0}}, true, GS_RULE_SITE},
    {"site: two new ones", NULL, {{"pa", 2, SEND, 0}}, {{"pb", 10, SEND, 0}}, true, 0},
    {"site: no base", NULL, {{"pa", 90, SEND, 0}}, {{0}}, false, 0},
    {"site: fewer", NULL, {{"pa", 50, SEND, 0}}, {{"pa", 90, SEND, 0}}, true, 0},
    {"both", NULL, {{"pa", 200, SEND, 0}}, {{"pa", 20, SEND, 0}}, true, GS_RULE_SITE | GS_RULE_BLOCKED},
    {"blocked is off", off, {{"pa", 200, SEND, 0}}, {{0}}, false, 0},
};

static void test_profiles(void **state)
{
    (void)state;
    for (size_t i = 0; i < GS_LEN(profiles); i++) {
        gs_detection d = defaults();
        gs_profile p;
        gs_site v[SPECS];
        gs_counts base = {0};
        gs_verdict verdict;
        if (profiles[i].change)
            profiles[i].change(&d);
        profile_of(&p, v, profiles[i].now);
        if (profiles[i].with_base)
            counts_of(&base, profiles[i].base, 1);
        gs_detect_profile(&d, &p, &base, &verdict);
        if (verdict.rules != profiles[i].rules)
            fail_msg("%s: %u %s", profiles[i].name, verdict.rules, verdict.reason);
        assert_int_equal(verdict.reason[0] != 0, verdict.rules != 0);
        gs_counts_done(&base);
    }
}

static void test_names(void **state)
{
    (void)state;
    static const char *const names[GS_RULES] = {"growth", "surge", "blocked", "site", "floor", "baseline"};
    for (unsigned k = 0; k < GS_RULES; k++)
        assert_string_equal(gs_rule_name(1u << k), names[k]);
    assert_string_equal(gs_rule_name(0), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_series), cmocka_unit_test(test_reasons),
                                       cmocka_unit_test(test_profiles), cmocka_unit_test(test_names)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
