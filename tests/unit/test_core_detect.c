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
    d->growth.enabled = d->surge.enabled = d->blocked.enabled = false;
}

static void two_periods(gs_detection *d)
{
    d->growth.periods = 2;
}

static void small_surge(gs_detection *d)
{
    d->surge.goroutines = 100;
}

#define G GS_RULE_GROWTH
#define S GS_RULE_SURGE

/* A sample every `step` seconds. Default rules: three rises, over 15 %/min; 5000 and 30 % in 300 s. */
static const struct {
    const char *name;
    void (*change)(gs_detection *);
    int step;
    double v[12]; /* ended by 0 */
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
};

static void test_series(void **state)
{
    (void)state;
    for (size_t i = 0; i < GS_LEN(series); i++) {
        gs_detection d = defaults();
        gs_series se = {0};
        gs_verdict v;
        int64_t now = 1000000;
        if (series[i].change)
            series[i].change(&d);
        for (size_t k = 0; k < GS_LEN(series[i].v) && series[i].v[k] > 0; k++) {
            gs_sample s = {.goroutines = series[i].v[k], .start_time_s = NAN};
            now += series[i].step * 1000;
            (void)gs_series_add(&se, &s, now, series[i].step * 1000, d.surge.window_s * 1000);
        }
        gs_detect_series(&d, &se, now, &v);
        if (v.rules != series[i].rules)
            fail_msg("%s: %u %s", series[i].name, v.rules, v.reason);
        assert_int_equal(v.reason[0] != 0, v.rules != 0);
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
    {"site: half more", NULL, {{"pa", 30, SEND, 0}}, {{"pa", 20, SEND, 0}}, true, GS_RULE_SITE},
    {"site: less than half more", NULL, {{"pa", 59, SEND, 0}}, {{"pa", 40, SEND, 0}}, true, 0},
    {"site: half more of an odd count", NULL, {{"pa", 31, SEND, 0}}, {{"pa", 21, SEND, 0}}, true, 0},
    {"site: half more, but nine", NULL, {{"pa", 19, SEND, 0}}, {{"pa", 10, SEND, 0}}, true, 0},
    {"site: ten new ones", NULL, {{"pa", 10, GS_STATE_IO_WAIT, 0}}, {{"pb", 10, SEND, 0}}, true, GS_RULE_SITE},
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
    static const char *const names[GS_RULES] = {"growth", "surge", "blocked", "site"};
    for (unsigned k = 0; k < GS_RULES; k++)
        assert_string_equal(gs_rule_name(1u << k), names[k]);
    assert_string_equal(gs_rule_name(0), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_series), cmocka_unit_test(test_profiles),
                                       cmocka_unit_test(test_names)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
