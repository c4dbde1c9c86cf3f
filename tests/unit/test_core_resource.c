#include "core/resource.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define NO NAN
#define MIB (1 << 20)
#define CLEAR GS_RESOURCE_CLEAR
#define EASES GS_RESOURCE_EASES
#define ABOVE GS_RESOURCE_ABOVE
#define HOLDS GS_RESOURCE_HOLDS

static const gs_detection usual = {
    .resources = {.enabled = true, .cpu_percent = 90, .cpu_for_s = 180, .goroutines = 5000, .heap_inuse = 512 * MIB}};

/* A pod that is sampled every 5 s, from an odd time on. */
typedef struct pod {
    gs_resource r;
    gs_sample s;
    gs_detection d;
    uint32_t limit;
    int64_t now_ms;
    gs_resource_verdict v;
} pod;

static pod new_pod(uint32_t limit, double gomaxprocs)
{
    return (pod){.s = {100, NO, 100 * MIB, 1000, NO, NO, NO, gomaxprocs}, .d = usual, .limit = limit, .now_ms = 12345};
}

static void take(pod *p, enum gs_series_event event)
{
    gs_resource_add(&p->r, &p->d, &p->s, event, p->limit, p->now_ms, &p->v);
}

/* For so many seconds, at so many cores. */
static void run(pod *p, int seconds, double cores)
{
    for (int s = 0; s < seconds; s += 5) {
        p->now_ms += 5000;
        p->s.cpu_s += 5 * cores;
        take(p, GS_SERIES_CONTINUES);
    }
}

static void test_cpu(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        uint32_t limit;
        double gomaxprocs, cores;
        enum gs_resource_state early, late; /* after 175 s, after 185 s */
    } cases[] = {
        {"of the limit", 2000, 8, 1.9, GS_RESOURCE_ABOVE, GS_RESOURCE_HOLDS},
        {"near it", 2000, 1, 1.7, GS_RESOURCE_EASES, GS_RESOURCE_EASES},
        {"well below it", 2000, 1, 1.6, GS_RESOURCE_EASES, GS_RESOURCE_CLEAR},
        {"of GOMAXPROCS", 0, 4, 3.8, GS_RESOURCE_ABOVE, GS_RESOURCE_HOLDS},
        {"well below GOMAXPROCS", 0, 4, 3.2, GS_RESOURCE_EASES, GS_RESOURCE_CLEAR},
        {"a part of a core", 250, NO, 0.24, GS_RESOURCE_ABOVE, GS_RESOURCE_HOLDS},
        {"of what is not known", 0, NO, 64, GS_RESOURCE_CLEAR, GS_RESOURCE_CLEAR},
        {"of a GOMAXPROCS of 0", 0, 0, 64, GS_RESOURCE_CLEAR, GS_RESOURCE_CLEAR},
    };
    for (size_t i = 0; i < GS_LEN(cases); i++) {
        pod p = new_pod(cases[i].limit, cases[i].gomaxprocs);
        take(&p, GS_SERIES_STARTED);
        run(&p, 175, cases[i].cores);
        enum gs_resource_state early = p.v.state[GS_HIGH_CPU];
        run(&p, 10, cases[i].cores);
        if (early != cases[i].early || p.v.state[GS_HIGH_CPU] != cases[i].late)
            fail_msg("%s: %d, %d", cases[i].name, early, p.v.state[GS_HIGH_CPU]);
        assert_int_equal(p.v.state[GS_HIGH_GOROUTINES], GS_RESOURCE_CLEAR);
        assert_int_equal(p.v.state[GS_HIGH_HEAP], GS_RESOURCE_CLEAR);
    }
}

static void test_cpu_measured(void **state)
{
    (void)state;
    pod p = new_pod(1000, NO);
    take(&p, GS_SERIES_STARTED);
    assert_int_equal(p.v.state[GS_HIGH_CPU], GS_RESOURCE_UNKNOWN);
    assert_true(isnan(gs_resource_value(&p.r, GS_HIGH_CPU)));
    run(&p, 5, 1); /* less than a span: of no account */
    assert_true(isnan(gs_resource_value(&p.r, GS_HIGH_CPU)));
    run(&p, 5, 0.9);
    assert_true(fabs(gs_resource_value(&p.r, GS_HIGH_CPU) - 95) < 0.01);
    assert_int_equal(p.v.state[GS_HIGH_CPU], GS_RESOURCE_ABOVE);
    assert_int_equal(p.v.for_ms[GS_HIGH_CPU], 10000);
    run(&p, 10, 0.1);
    assert_int_equal(p.v.state[GS_HIGH_CPU], GS_RESOURCE_EASES);
    assert_true(fabs(gs_resource_value(&p.r, GS_HIGH_CPU) - 10) < 0.01);
}

/* What ends a run of 175 s, so that 10 s more do not make it 180. */
static void test_cpu_breaks(void **state)
{
    (void)state;
    enum how { NOTHING, REST, GAP, RESTART, BACK, HIDDEN, OFF };
    static const struct {
        const char *name;
        enum how how;
        enum gs_resource_state after;
    } cases[] = {
        {"nothing", NOTHING, GS_RESOURCE_HOLDS},
        {"a rest", REST, GS_RESOURCE_ABOVE},
        {"a gap", GAP, GS_RESOURCE_ABOVE},
        {"a restart", RESTART, GS_RESOURCE_ABOVE},
        {"a counter that went back", BACK, GS_RESOURCE_ABOVE},
        {"a page without the counter", HIDDEN, GS_RESOURCE_ABOVE},
        {"a policy without the rule", OFF, GS_RESOURCE_ABOVE},
    };
    for (size_t i = 0; i < GS_LEN(cases); i++) {
        pod p = new_pod(1000, NO);
        take(&p, GS_SERIES_STARTED);
        run(&p, 170, 1);
        switch (cases[i].how) {
        case NOTHING:
            break;
        case REST:
            run(&p, 10, 0.5);
            break;
        case GAP:
        case RESTART:
            p.now_ms += 60000;
            p.s.cpu_s = cases[i].how == GAP ? p.s.cpu_s + 60 : 1;
            take(&p, cases[i].how == GAP ? GS_SERIES_GAP : GS_SERIES_RESTARTED);
            break;
        case BACK:
            p.s.cpu_s = 1;
            run(&p, 5, 1);
            break;
        case HIDDEN: {
            double cpu_s = p.s.cpu_s;
            p.s.cpu_s = NO;
            run(&p, 5, 1);
            assert_int_equal(p.v.state[GS_HIGH_CPU], GS_RESOURCE_CLEAR);
            p.s.cpu_s = cpu_s + 5;
            break;
        }
        case OFF:
            p.d.resources.enabled = false;
            run(&p, 5, 1);
            assert_int_equal(p.v.state[GS_HIGH_CPU], GS_RESOURCE_CLEAR);
            p.d = usual;
            break;
        }
        run(&p, 30, 1);
        if (p.v.state[GS_HIGH_CPU] != cases[i].after)
            fail_msg("%s: %d", cases[i].name, p.v.state[GS_HIGH_CPU]);
        run(&p, 180, 1);
        assert_int_equal(p.v.state[GS_HIGH_CPU], GS_RESOURCE_HOLDS);
    }
}

/* Goroutines and heap: for a minute without a break. */
static void test_levels(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        double goroutines, heap;
        int64_t max_goroutines, max_heap;
        enum gs_resource_state early[2], want[2]; /* after 55 s, after a minute */
    } cases[] = {
        {"at the limits", 5000, 512.0 * MIB, 5000, 512 * MIB, {EASES, EASES}, {EASES, EASES}},
        {"near them", 4500, 0.91 * 512 * MIB, 5000, 512 * MIB, {EASES, EASES}, {EASES, EASES}},
        {"well below", 4499, 0.89 * 512 * MIB, 5000, 512 * MIB, {EASES, EASES}, {CLEAR, CLEAR}},
        {"above both", 5001, 513.0 * MIB, 5000, 512 * MIB, {ABOVE, ABOVE}, {HOLDS, HOLDS}},
        {"goroutines", 9000, 10.0 * MIB, 5000, 512 * MIB, {ABOVE, EASES}, {HOLDS, CLEAR}},
        {"limits that are off", 9000, 900.0 * MIB, 0, 0, {CLEAR, CLEAR}, {CLEAR, CLEAR}},
        {"heap not exposed", 10, NO, 5000, 512 * MIB, {EASES, CLEAR}, {CLEAR, CLEAR}},
    };
    for (size_t i = 0; i < GS_LEN(cases); i++) {
        pod p = new_pod(0, NO);
        p.d.resources.goroutines = cases[i].max_goroutines;
        p.d.resources.heap_inuse = cases[i].max_heap;
        p.s.goroutines = cases[i].goroutines;
        p.s.heap_inuse = cases[i].heap;
        take(&p, GS_SERIES_STARTED);
        run(&p, 55, 0);
        for (int k = 0; k < 2; k++)
            if (p.v.state[GS_HIGH_GOROUTINES + k] != cases[i].early[k])
                fail_msg("%s, %d, early: %d", cases[i].name, k, p.v.state[GS_HIGH_GOROUTINES + k]);
        run(&p, 5, 0);
        for (int k = 0; k < 2; k++)
            if (p.v.state[GS_HIGH_GOROUTINES + k] != cases[i].want[k])
                fail_msg("%s, %d: %d", cases[i].name, k, p.v.state[GS_HIGH_GOROUTINES + k]);
    }
}

static void test_levels_break(void **state)
{
    (void)state;
    static const enum gs_series_event events[] = {GS_SERIES_GAP, GS_SERIES_RESTARTED, GS_SERIES_STARTED};
    for (size_t i = 0; i <= GS_LEN(events); i++) {
        pod p = new_pod(0, NO);
        p.s.goroutines = 6000;
        take(&p, GS_SERIES_STARTED);
        run(&p, 55, 0);
        if (i < GS_LEN(events)) {
            take(&p, events[i]);
        } else { /* one sample below */
            p.s.goroutines = 4000;
            run(&p, 5, 0);
            assert_int_equal(p.v.state[GS_HIGH_GOROUTINES], GS_RESOURCE_EASES);
            p.s.goroutines = 6000;
        }
        run(&p, 55, 0);
        assert_int_equal(p.v.state[GS_HIGH_GOROUTINES], GS_RESOURCE_ABOVE);
        run(&p, 10, 0);
        assert_int_equal(p.v.state[GS_HIGH_GOROUTINES], GS_RESOURCE_HOLDS);
    }
}

/* Once it held, it is over after as long a time well below the limit, without a break: near it nothing comes and goes. */
static void test_eases(void **state)
{
    (void)state;
    pod p = new_pod(1000, NO);
    take(&p, GS_SERIES_STARTED);
    run(&p, 180, 1);
    assert_int_equal(p.v.state[GS_HIGH_CPU], GS_RESOURCE_HOLDS);
    for (int k = 0; k < 10; k++) {
        run(&p, 170, 0.85); /* of 0.9 */
        assert_int_equal(p.v.state[GS_HIGH_CPU], GS_RESOURCE_EASES);
        run(&p, 20, 0.95);
        assert_int_equal(p.v.state[GS_HIGH_CPU], GS_RESOURCE_ABOVE);
        run(&p, 170, 0.1);
        assert_int_equal(p.v.state[GS_HIGH_CPU], GS_RESOURCE_EASES);
        run(&p, 10, 0.85);
        assert_int_equal(p.v.state[GS_HIGH_CPU], GS_RESOURCE_EASES);
    }
    run(&p, 175, 0.8);
    assert_int_equal(p.v.state[GS_HIGH_CPU], GS_RESOURCE_EASES);
    run(&p, 10, 0.8);
    assert_int_equal(p.v.state[GS_HIGH_CPU], GS_RESOURCE_CLEAR);
}

/* Times are kept in 32 bits: 49 days in, nothing is different. */
static void test_late_times(void **state)
{
    (void)state;
    for (int64_t start = ((int64_t)1 << 32) - 100000; start <= ((int64_t)1 << 32); start += 5000) {
        pod p = new_pod(1000, NO);
        p.now_ms = start;
        p.s.goroutines = 6000;
        take(&p, GS_SERIES_STARTED);
        run(&p, 170, 1);
        assert_int_equal(p.v.state[GS_HIGH_CPU], GS_RESOURCE_ABOVE);
        assert_int_equal(p.v.state[GS_HIGH_GOROUTINES], GS_RESOURCE_HOLDS);
        run(&p, 15, 1);
        assert_int_equal(p.v.state[GS_HIGH_CPU], GS_RESOURCE_HOLDS);
    }
}

static void test_describe(void **state)
{
    (void)state;
    static const struct {
        enum gs_resource_rule rule;
        double value;
        const char *text;
    } cases[] = {
        {GS_HIGH_CPU, 97.4, "CPU 97 %, limit 90 %"},
        {GS_HIGH_GOROUTINES, 6120, "6120 goroutines, limit 5000"},
        {GS_HIGH_HEAP, 601.0 * MIB, "heap in use 601 MiB, limit 512 MiB"},
    };
    for (size_t i = 0; i < GS_LEN(cases); i++) {
        char text[100];
        gs_resource_describe(cases[i].rule, &usual, cases[i].value, text, sizeof text);
        assert_string_equal(text, cases[i].text);
    }
}

static void test_incident(void **state)
{
    (void)state;
    static const gs_workload_ref w = {.kind = "Deployment", .name = "payments", .uid = "u"};
    static const struct {
        const char *id, *reason;
        enum gs_severity severity;
    } want[] = {{"cpu", "CpuHigh", GS_SEVERITY_HIGH},
                {"goroutines", "GoroutinesHigh", GS_SEVERITY_MEDIUM},
                {"heap", "HeapHigh", GS_SEVERITY_LOW}};
    for (int k = 0; k < GS_RESOURCE_RULES; k++) {
        gs_cleanup(gs_incident_free) gs_incident *i = gs_resource_incident(&w, (enum gs_resource_rule)k);
        for (int again = 0; again < 2; again++) {
            assert_int_equal(i->type, GS_INCIDENT_RESOURCE);
            assert_string_equal(i->pattern_id, want[k].id);
            assert_string_equal(gs_reason_name(i->reasons), want[k].reason);
            assert_int_equal(i->severity, want[k].severity);
            assert_int_equal(i->grade, GS_GRADE_SUSPECTED);
            assert_int_equal(gs_resource_rule_of(i), k);
            gs_incident_reopen(i, 1);
            gs_resource_grade(i);
        }
        i->type = GS_INCIDENT_LEAK;
        assert_int_equal(gs_resource_rule_of(i), -1);
        i->type = GS_INCIDENT_RESOURCE;
        (void)gs_str_copy(i->pattern_id, sizeof i->pattern_id, GS_STR("disk")); /* of a later release */
        assert_int_equal(gs_resource_rule_of(i), -1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cpu),    cmocka_unit_test(test_cpu_measured), cmocka_unit_test(test_cpu_breaks),
        cmocka_unit_test(test_levels), cmocka_unit_test(test_levels_break), cmocka_unit_test(test_late_times),
        cmocka_unit_test(test_eases),  cmocka_unit_test(test_describe),     cmocka_unit_test(test_incident),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
