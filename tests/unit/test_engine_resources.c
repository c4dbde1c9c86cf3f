/* detection.resources: incidents of what a whole pod uses. */
#include "engine_world.h"

#include <math.h>

#define LEAK "shop/payments.(*pool).acquire"

/* Pods whose /metrics a test writes by hand. */
typedef struct bench {
    world w;
    fake_pod *pods[2];
    gs_sample samples[2];
    double cores[2]; /* that each pod uses */
} bench;

static void open_bench(bench *b, enum gs_mode mode, enum gs_grade min_grade)
{
    static const gs_sample quiet = {
        .goroutines = 100, .start_time_s = 1, .heap_inuse = 1 << 20, .open_fds = NAN, .rss = NAN, .load = NAN};
    *b = (bench){.cores = {0}};
    world_open(&b->w);
    gs_policy *p = world_policy("p");
    p->mode = mode;
    p->detection.resources.enabled = true;
    p->min_grade = min_grade;
    (void)world_set(&b->w, p);
    for (int k = 0; k < 2; k++) {
        b->pods[k] = world_pod(&b->w, "shop", k ? "shop-2" : "shop-1");
        (void)world_site(b->pods[k], "shop/web.serve", 12, 0, 0);
        b->samples[k] = quiet;
        b->samples[k].gomaxprocs = 2;
        b->pods[k]->odd_sample = &b->samples[k];
        b->pods[k]->revision = k ? "r2" : "r1";
        world_watch(&b->w, "p", b->pods[k]);
    }
}

static void run(bench *b, int64_t ms)
{
    for (int64_t t = 0; t < ms; t += SECOND) {
        world_run(&b->w, SECOND);
        for (int k = 0; k < 2; k++)
            b->samples[k].cpu_s += b->cores[k];
    }
}

static const gs_incident *only(const bench *b)
{
    assert_int_equal(world_incidents(&b->w), 1);
    return world_incident(&b->w, 0);
}

static void each_rule(void **state)
{
    (void)state;
    static const struct {
        double goroutines, heap, cores;
        int early_s, late_s; /* not yet, and by then */
        const char *id, *reason;
        enum gs_severity severity;
    } cases[] = {
        {6000, 1 << 20, 0, 55, 75, "goroutines", "GoroutinesHigh: 6000 goroutines, limit 5000, for 6",
         GS_SEVERITY_MEDIUM},
        {100, 600 << 20, 0, 55, 75, "heap", "HeapHigh: heap in use 600 MiB, limit 512 MiB, for 6", GS_SEVERITY_LOW},
        {100, 1 << 20, 1.9, 170, 210, "cpu", "CpuHigh: CPU ", GS_SEVERITY_HIGH},
    };
    for (size_t c = 0; c < GS_LEN(cases); c++) {
        bench b;
        open_bench(&b, GS_MODE_OBSERVE, GS_GRADE_PROBABLE);
        b.samples[0].goroutines = cases[c].goroutines;
        b.samples[0].heap_inuse = cases[c].heap;
        b.cores[0] = cases[c].cores;
        run(&b, cases[c].early_s * SECOND);
        assert_int_equal(world_incidents(&b.w), 0);
        run(&b, (cases[c].late_s - cases[c].early_s) * SECOND);
        const gs_incident *i = only(&b);
        assert_int_equal(i->type, GS_INCIDENT_RESOURCE);
        assert_string_equal(i->pattern_id, cases[c].id);
        assert_int_equal(i->severity, cases[c].severity);
        assert_int_equal(i->grade, GS_GRADE_SUSPECTED);
        assert_int_equal(i->n_patterns, 0);
        assert_int_equal(i->n_pods, 1);
        assert_string_equal(i->pods[0].name, "shop-1");
        assert_string_equal(i->revision, "r1");
        assert_int_equal(i->pods[0].goroutines, (uint64_t)cases[c].goroutines);
        assert_string_equal(i->policy_name, "p");
        assert_true(i->detection_ms - i->start_ms >= (cases[c].early_s - 10) * SECOND);
        const world_line *l = world_line_at(&b.w, GS_EVENT_INCIDENT, 0);
        assert_string_equal(l->target, "shop-1");
        assert_memory_equal(l->reason, cases[c].reason, strlen(cases[c].reason));
        gs_policy_facts f = world_facts(&b.w, "p");
        assert_int_equal(f.open_incidents, 1);
        assert_int_equal(f.leaking, 0); /* it is no leak */
        assert_string_equal(f.worst, "");
        assert_int_equal(world_view(&b.w, "shop-1")->grade, GS_GRADE_NONE);
        assert_int_equal(world_count(&b.w, GS_EVENT_GRADED), 0);
        world_close(&b.w);
    }
}

static void resolved_and_back(void **state)
{
    (void)state;
    bench b;
    open_bench(&b, GS_MODE_OBSERVE, GS_GRADE_PROBABLE);
    b.samples[0].goroutines = 6000;
    run(&b, 90 * SECOND);
    for (int k = 0; k < 4; k++) { /* about the limit: one incident, all the time */
        b.samples[0].goroutines = 4600;
        run(&b, 90 * SECOND);
        b.samples[0].goroutines = 5100;
        run(&b, 20 * SECOND);
        assert_false(only(&b)->resolved);
    }
    b.samples[0].goroutines = 1200;
    run(&b, 55 * SECOND);
    assert_false(only(&b)->resolved);
    run(&b, 15 * SECOND);
    assert_true(only(&b)->resolved);
    assert_string_equal(world_line_at(&b.w, GS_EVENT_RESOLVED, 0)->reason,
                        "no pod has shown it for 30 s: 1200 goroutines, limit 5000");
    b.samples[0].goroutines = 7000;
    run(&b, 80 * SECOND);
    const gs_incident *i = only(&b);
    assert_false(i->resolved);
    assert_int_equal(i->occurrences, 2);
    assert_int_equal(i->grade, GS_GRADE_SUSPECTED);
    assert_int_equal(i->severity, GS_SEVERITY_MEDIUM);
    assert_int_equal(world_count(&b.w, GS_EVENT_INCIDENT), 2);
    assert_int_equal(world_stats(&b.w).incidents_opened, 2);
    world_close(&b.w);
}

static void one_incident_for_all_pods(void **state)
{
    (void)state;
    bench b;
    open_bench(&b, GS_MODE_OBSERVE, GS_GRADE_PROBABLE);
    b.samples[0].goroutines = b.samples[1].goroutines = 6000;
    b.samples[1].heap_inuse = 600 << 20;
    run(&b, 90 * SECOND);
    assert_int_equal(world_incidents(&b.w), 2); /* a rule each */
    const gs_incident *goroutines = world_incident(&b.w, 0), *heap = world_incident(&b.w, 1);
    if (goroutines->n_pods == 1) {
        heap = goroutines;
        goroutines = world_incident(&b.w, 1);
    }
    assert_int_equal(goroutines->n_pods, 2);
    assert_string_equal(goroutines->revision, "");
    assert_int_equal(heap->n_pods, 1);
    b.samples[0].goroutines = 10;
    run(&b, 70 * SECOND);
    assert_false(goroutines->resolved);
    assert_int_equal(goroutines->n_pods, 1);
    assert_string_equal(goroutines->pods[0].name, "shop-2");
    world_drop(&b.w, b.pods[1], GS_LEAVE_GONE);
    run(&b, 40 * SECOND);
    assert_true(goroutines->resolved && heap->resolved);
    assert_int_equal(world_count(&b.w, GS_EVENT_RESOLVED), 2);
    world_close(&b.w);
}

/* The controller knows nothing of the time before it began: what it finds recorded goes on all the same. */
static void a_restart_of_the_controller(void **state)
{
    (void)state;
    bench b;
    open_bench(&b, GS_MODE_OBSERVE, GS_GRADE_PROBABLE);
    b.samples[0].goroutines = 6000;
    b.cores[0] = 1.9;
    run(&b, 240 * SECOND);
    assert_int_equal(world_incidents(&b.w), 2);
    world_restart(&b.w);
    run(&b, 240 * SECOND);
    assert_int_equal(world_incidents(&b.w), 2);
    assert_int_equal(world_count(&b.w, GS_EVENT_INCIDENT), 2);
    assert_int_equal(world_count(&b.w, GS_EVENT_RESOLVED), 0);
    assert_int_equal(world_incident(&b.w, 0)->n_pods + world_incident(&b.w, 1)->n_pods, 2);
    b.samples[0].goroutines = 60;
    b.cores[0] = 0.1;
    run(&b, 200 * SECOND);
    assert_int_equal(world_count(&b.w, GS_EVENT_RESOLVED), 2);
    world_close(&b.w);
}

/* A new process starts its counters anew, and has 60 s of its own. */
static void a_restart_of_the_process(void **state)
{
    (void)state;
    bench b;
    open_bench(&b, GS_MODE_OBSERVE, GS_GRADE_PROBABLE);
    b.samples[0].goroutines = 6000;
    for (int k = 0; k < 5; k++) {
        run(&b, 50 * SECOND);
        b.samples[0].start_time_s += 50;
        b.samples[0].cpu_s = 0;
    }
    assert_int_equal(world_incidents(&b.w), 0);
    run(&b, 90 * SECOND);
    assert_int_equal(only(&b)->n_pods, 1);
    b.samples[0].start_time_s += 50;
    run(&b, 10 * SECOND);
    assert_int_equal(only(&b)->n_pods, 0);
    run(&b, 30 * SECOND);
    assert_true(only(&b)->resolved);
    world_close(&b.w);
}

static void a_pod_that_does_not_answer(void **state)
{
    (void)state;
    bench b;
    open_bench(&b, GS_MODE_OBSERVE, GS_GRADE_PROBABLE);
    b.samples[0].goroutines = 6000;
    for (int k = 0; k < 5; k++) {
        run(&b, 40 * SECOND);
        b.pods[0]->down = true;
        run(&b, 40 * SECOND);
        b.pods[0]->down = false;
    }
    assert_int_equal(world_incidents(&b.w), 0);
    world_close(&b.w);
}

static void rules_that_are_off(void **state)
{
    (void)state;
    bench b;
    open_bench(&b, GS_MODE_OBSERVE, GS_GRADE_PROBABLE);
    b.samples[0].goroutines = 6000;
    run(&b, 90 * SECOND);
    assert_false(only(&b)->resolved);
    gs_policy *p = world_policy("p");
    p->mode = GS_MODE_OBSERVE; /* and no rules of resources */
    (void)world_set(&b.w, p);
    run(&b, 60 * SECOND);
    assert_true(only(&b)->resolved);
    run(&b, 5 * MINUTE);
    assert_int_equal(world_count(&b.w, GS_EVENT_INCIDENT), 1);
    world_close(&b.w);
}

/* A pod that leaks, too: two incidents, and each keeps to its own. */
static void beside_a_leak(void **state)
{
    (void)state;
    world w;
    world_open(&w);
    gs_policy *p = world_policy("p");
    p->mode = GS_MODE_OBSERVE;
    p->detection.resources.enabled = true;
    p->detection.resources.goroutines = 500;
    (void)world_set(&w, p);
    fake_pod *pod = world_pod(&w, "shop", "shop-1");
    (void)world_site(pod, "shop/web.serve", 600, 0, 0);
    world_watch(&w, "p", pod);
    world_run(&w, 5 * MINUTE);
    assert_int_equal(world_incidents(&w), 1);
    assert_int_equal(world_incident(&w, 0)->type, GS_INCIDENT_RESOURCE);
    (void)world_site(pod, LEAK, 0, 3, w.now);
    world_run(&w, 20 * MINUTE);
    assert_int_equal(world_incidents(&w), 2);
    const gs_incident *high = world_incident(&w, 0), *leak = world_incident(&w, 1);
    if (high->type == GS_INCIDENT_LEAK) {
        leak = high;
        high = world_incident(&w, 1);
    }
    assert_true(high->type == GS_INCIDENT_RESOURCE && leak->type == GS_INCIDENT_LEAK);
    assert_int_equal(high->n_pods, 1);
    assert_int_equal(high->n_patterns, 0);
    assert_int_equal(high->grade, GS_GRADE_SUSPECTED);
    assert_true(leak->grade >= GS_GRADE_PROBABLE);
    assert_string_equal(leak->patterns[0].leaf, LEAK);
    assert_int_equal(world_facts(&w, "p").leaking, 1);
    world_close(&w);
}

/* minGrade says whether numbers are enough to act. */
static void healed_only_where_numbers_are_enough(void **state)
{
    (void)state;
    static const struct {
        enum gs_grade min_grade;
        bool acts;
    } cases[] = {{GS_GRADE_SUSPECTED, true}, {GS_GRADE_PROBABLE, false}, {GS_GRADE_PROVEN, false}};
    for (size_t c = 0; c < GS_LEN(cases); c++) {
        bench b;
        open_bench(&b, GS_MODE_ENFORCE, cases[c].min_grade);
        b.samples[0].goroutines = 6000;
        run(&b, 5 * MINUTE);
        if ((world_count(&b.w, GS_EVENT_ACTION) > 0) != cases[c].acts)
            fail_msg("minGrade %s: %zu actions", gs_grade_name(cases[c].min_grade), world_count(&b.w, GS_EVENT_ACTION));
        world_close(&b.w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_rule),
        cmocka_unit_test(resolved_and_back),
        cmocka_unit_test(one_incident_for_all_pods),
        cmocka_unit_test(a_restart_of_the_controller),
        cmocka_unit_test(a_restart_of_the_process),
        cmocka_unit_test(a_pod_that_does_not_answer),
        cmocka_unit_test(rules_that_are_off),
        cmocka_unit_test(beside_a_leak),
        cmocka_unit_test(healed_only_where_numbers_are_enough),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
