/* What is suspicious, what is a leak, and what is neither. */
#include "engine_world.h"

#define LEAK "shop/payments.(*pool).acquire"

static void a_constant_pool_is_no_incident(void **state)
{
    (void)state;
    world w;
    world_open(&w);
    gs_policy *p = world_policy("p");
    p->profile_interval_s = 60;
    (void)world_set(&w, p);
    fake_pod *pod = world_pod(&w, "shop", "shop-1");
    (void)world_site(pod, "shop/payments.worker", 500, 0, 0);
    world_watch(&w, "p", pod);
    world_run(&w, 120 * MINUTE);
    assert_int_equal(world_incidents(&w), 0);
    assert_true(world_count(&w, GS_EVENT_SUSPECTED) <= 1); /* at first sight, when there is no base to compare with */
    assert_true(pod->profiles < 130);
    world_close(&w);
}

static void a_pulsating_service_is_no_incident(void **state)
{
    (void)state;
    static const struct {
        int period_s;
        size_t incidents; /* at most, in an hour */
    } cases[] = {{7, 0},  {8, 0},  {9, 0},  {13, 0}, {16, 0}, {20, 0},
                 {23, 0}, {30, 0}, {11, 1}, {40, 1}, {60, 1}, {90, 1}};
    for (size_t k = 0; k < GS_LEN(cases); k++) {
        world w;
        world_open(&w);
        fake_pod *p = world_usual(&w);
        fake_site *s = world_site(p, "shop/web.(*handler).serve", 10, 0, 0);
        s->wave = 60;
        s->period_ms = cases[k].period_s * SECOND;
        world_run(&w, 60 * MINUTE);
        if (world_count(&w, GS_EVENT_INCIDENT) > cases[k].incidents)
            fail_msg("a wave of %d s: %zu incidents", cases[k].period_s, world_count(&w, GS_EVENT_INCIDENT));
        if (w.begun != w.undos || world_scale(&w, "shop")->replicas != 3)
            fail_msg("a wave of %d s: scaled out %u times, taken back %u times", cases[k].period_s, w.begun, w.undos);
        world_close(&w);
    }
}

static void a_leak_in_a_pulsating_service(void **state)
{
    (void)state;
    world w;
    world_open(&w);
    fake_pod *p = world_usual(&w);
    fake_site *s = world_site(p, "shop/web.(*handler).serve", 10, 0, 0);
    s->wave = 60;
    s->period_ms = 23 * SECOND;
    (void)world_site(p, LEAK, 0, 2, w.now + 5 * MINUTE);
    world_run(&w, 5 * MINUTE);
    assert_int_equal(world_incidents(&w), 0);
    world_run(&w, 6 * MINUTE); /* the growth rule sees no three rises in a row: the next regular profile does */
    assert_int_equal(world_incidents(&w), 1);
    const gs_incident *i = world_incident(&w, 0);
    bool named = false;
    for (size_t k = 0; k < i->n_patterns; k++)
        named = named || gs_streq(i->patterns[k].leaf, LEAK);
    assert_true(named);
    world_close(&w);
}

static void small_sites_that_swap_places_are_no_growth(void **state)
{
    (void)state;
    world w;
    world_open(&w);
    gs_policy *p = world_policy("p");
    p->detection.surge.goroutines = 10; /* suspects at every rise */
    p->detection.surge.percent = 1;
    (void)world_set(&w, p);
    fake_pod *pod = world_pod(&w, "shop", "shop-1");
    pod->many_sites = 300;
    world_watch(&w, "p", pod);
    world_run(&w, 60 * MINUTE);
    assert_true(world_count(&w, GS_EVENT_SUSPECTED) > 5); /* a look lasts some windows, and is held after */
    assert_int_equal(world_incidents(&w), 0);
    world_close(&w);
}

static void surge_suspects(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        double base, burst;
        bool suspected;
    } cases[] = {{"over the count, risen", 4000, 1500, true},
                 {"over the count, risen too little", 6000, 1000, false},
                 {"risen, under the count", 100, 4000, false}};
    for (size_t k = 0; k < GS_LEN(cases); k++) {
        world w;
        world_open(&w);
        gs_policy *p = world_policy("p");
        p->detection.growth.enabled = p->detection.blocked.enabled = p->detection.resources.enabled = false;
        (void)world_set(&w, p);
        fake_pod *pod = world_pod(&w, "shop", "shop-1");
        (void)world_site(pod, "shop/web.serve", cases[k].base, 0, 0);
        world_watch(&w, "p", pod);
        world_run(&w, 2 * MINUTE);
        fake_site *s = world_site(pod, LEAK, 0, 5000, w.now); /* and the rest within a second, then a trickle */
        s->until_ms = w.now + (int64_t)(cases[k].burst / 5);
        world_run(&w, MINUTE);
        if ((world_count(&w, GS_EVENT_SUSPECTED) > 0) != cases[k].suspected)
            fail_msg("%s", cases[k].name);
        if (cases[k].suspected)
            assert_non_null(strstr(w.lines[0].reason, "surge: 5500 goroutines, from 4000 within 300 s"));
        assert_int_equal(world_incidents(&w), 0); /* it does not go on growing */
        world_close(&w);
    }
}

static void blocked_suspects_and_is_p0(void **state)
{
    (void)state;
    world w;
    world_open(&w);
    gs_policy *p = world_policy("p");
    p->detection.growth.enabled = p->detection.surge.enabled = false;
    p->profile_interval_s = 60;
    (void)world_set(&w, p);
    fake_pod *pod = world_pod(&w, "shop", "shop-1");
    (void)world_site(pod, "shop/web.serve", 1000, 0, 0);
    (void)world_site(pod, LEAK, 0, 2, w.now + 10 * SECOND);
    world_watch(&w, "p", pod);
    world_run(&w, 5 * MINUTE);
    assert_int_equal(world_incidents(&w), 1);
    assert_int_equal(world_incident(&w, 0)->severity, GS_SEVERITY_P0);
    assert_true(world_incident(&w, 0)->rules & GS_RULE_BLOCKED);
    world_close(&w);
}

static void io_wait_leaks_too(void **state)
{
    (void)state;
    world w;
    world_open(&w);
    fake_pod *p = world_usual(&w);
    world_site(p, "shop/feed.read", 0, 3, w.now + 20 * SECOND)->state = GS_STATE_IO_WAIT;
    world_run(&w, 3 * MINUTE);
    assert_int_equal(world_incident(&w, 0)->grade, GS_GRADE_PROVEN);
    assert_int_equal(world_incident(&w, 0)->severity, GS_SEVERITY_LOW);
    world_close(&w);
}

static void odd_counts_are_errors(void **state)
{
    (void)state;
    static const double odd[] = {-1, 1.0 / 0.0, -1.0 / 0.0, 0.0 / 0.0};
    for (size_t k = 0; k < GS_LEN(odd); k++) {
        gs_sample s = {.goroutines = odd[k]};
        world w;
        world_open(&w);
        fake_pod *p = world_usual(&w);
        p->odd_sample = &s;
        world_run(&w, MINUTE);
        assert_int_equal(world_stats(&w).samples, 0);
        assert_int_equal(world_facts(&w, "p").unreachable, 1);
        assert_non_null(strstr(world_view(&w, "shop-1")->error, "not a count"));
        world_close(&w);
    }
}

/* Rises that are not next to each other in time are not in a row. */
static void rises_with_gaps_are_no_growth(void **state)
{
    (void)state;
    for (int gaps = 0; gaps < 2; gaps++) {
        world w;
        world_open(&w);
        gs_policy *p = world_policy("p");
        p->detection.blocked.enabled = p->detection.surge.enabled = false;
        (void)world_set(&w, p);
        fake_pod *pod = world_pod(&w, "shop", "shop-1");
        (void)world_site(pod, LEAK, 20, 2, w.now);
        world_watch(&w, "p", pod);
        for (int k = 0; k < 8; k++) { /* three samples, then none for 15 s */
            pod->down = false;
            world_run(&w, 15 * SECOND);
            pod->down = gaps;
            world_run(&w, 15 * SECOND);
        }
        assert_int_equal(world_count(&w, GS_EVENT_SUSPECTED), gaps ? 0 : 1);
        world_close(&w);
    }
}

/* A pod that leaks is looked at often; a healthy site that steps up once there opens no incident of its own. */
static void one_step_in_a_leaking_pod_is_no_leak(void **state)
{
    (void)state;
    world w;
    world_open(&w);
    fake_pod *p = world_usual(&w);
    (void)world_site(p, LEAK, 0, 2, w.now);
    fake_site *step = world_site(p, "shop/web.(*handler).serve", 20, 10, w.now + 5 * MINUTE);
    step->until_ms = step->from_ms + SECOND;
    step->reachable = true;
    world_run(&w, 10 * MINUTE);
    assert_int_equal(world_incidents(&w), 1);
    assert_int_equal(world_incident(&w, 0)->n_patterns, 1);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_constant_pool_is_no_incident),
        cmocka_unit_test(a_pulsating_service_is_no_incident),
        cmocka_unit_test(a_leak_in_a_pulsating_service),
        cmocka_unit_test(small_sites_that_swap_places_are_no_growth),
        cmocka_unit_test(surge_suspects),
        cmocka_unit_test(blocked_suspects_and_is_p0),
        cmocka_unit_test(io_wait_leaks_too),
        cmocka_unit_test(odd_counts_are_errors),
        cmocka_unit_test(rises_with_gaps_are_no_growth),
        cmocka_unit_test(one_step_in_a_leaking_pod_is_no_leak),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
