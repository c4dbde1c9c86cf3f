/* The operator's limit of actions in a namespace and hour, over all policies and workloads in it. */
#include "engine_world.h"

#define HOUR (60 * MINUTE)

static gs_policy *limited(const char *name, int max)
{
    gs_policy *p = world_policy(name);
    p->max_namespace_actions = max;
    return p;
}

/* Two workloads that leak, the second one later; each under a policy of these names. */
static void two_leak(world *w, const char *first, const char *second, int max)
{
    static const char *const workloads[] = {"shop", "mill"};
    const char *const policies[] = {first, second};
    for (size_t k = 0; k < 2; k++) {
        if (k == 0 || strcmp(first, second) != 0)
            (void)world_set(w, limited(policies[k], max));
        (void)world_scale(w, workloads[k]);
        fake_pod *p = world_pod(w, workloads[k], k ? "mill-1" : "shop-1");
        (void)world_site(p, WORLD_LEAK, 0, 2, w->now + (int64_t)k * 5 * MINUTE);
        world_watch(w, policies[k], p);
    }
}

static const world_line *last_refused(const world *w)
{
    return world_line_at(w, GS_EVENT_REFUSED, world_count(w, GS_EVENT_REFUSED) - 1);
}

static void check_refused(const world *w)
{
    assert_int_equal(w->begun, 1);
    assert_int_equal(world_count(w, GS_EVENT_REFUSED), 1); /* and nobody is told again and again */
    assert_true(strncmp(last_refused(w)->reason, "NamespaceBudget: ", 17) == 0);
    assert_string_equal(last_refused(w)->workload, "mill");
}

static void over_policies(void **state)
{
    static const char *const second[] = {"p", "q"}; /* the same policy, or another one */
    (void)state;
    for (size_t k = 0; k < GS_LEN(second); k++) {
        world w;
        world_open(&w);
        two_leak(&w, "p", second[k], 1);
        world_run(&w, 30 * MINUTE);
        check_refused(&w);
        assert_string_equal(world_facts(&w, second[k]).heal_state, "NamespaceBudget");
        world_run(&w, w.scaled_at + HOUR - w.now - SECOND);
        check_refused(&w);
        world_run(&w, MINUTE); /* the hour is over */
        assert_int_equal(w.begun, 2);
        assert_int_equal(world_scale(&w, "mill")->replicas, 4);
        world_close(&w);
    }
}

static void room_for_both(void **state)
{
    static const int max[] = {0, 2};
    (void)state;
    for (size_t k = 0; k < GS_LEN(max); k++) {
        world w;
        world_open(&w);
        two_leak(&w, "p", "q", max[k]);
        world_run(&w, 30 * MINUTE);
        assert_int_equal(w.begun, 2);
        assert_int_equal(world_count(&w, GS_EVENT_REFUSED), 0);
        world_close(&w);
    }
}

/* One that is under way counts before it has ended. */
static void under_way(void **state)
{
    (void)state;
    world w;
    world_open(&w);
    w.act_ms = 6 * MINUTE; /* for each question and each answer */
    two_leak(&w, "p", "q", 1);
    world_run(&w, 30 * MINUTE);
    check_refused(&w);
    world_close(&w);
}

static void survives_a_restart(void **state)
{
    (void)state;
    world w;
    world_open(&w);
    two_leak(&w, "p", "p", 1);
    (void)world_until(&w, GS_EVENT_ACTION, 5 * MINUTE);
    world_restart(&w);
    world_run(&w, 20 * MINUTE);
    check_refused(&w);
    world_close(&w);
}

/* A policy that is deleted, and one of another name that is made for its workloads, bring no new budget; nor is what was done
 * counted twice where the same one is back. */
static void policy_goes(void **state)
{
    (void)state;
    for (int back = 0; back < 2; back++) {
        world w;
        world_open(&w);
        two_leak(&w, "p", "q", back ? 2 : 1);
        (void)world_until(&w, GS_EVENT_ACTION, 5 * MINUTE);
        gs_engine_remove_policy(w.e, "default", "p");
        if (back) {
            (void)world_set(&w, limited("p", 2));
            gs_engine_adopt_history(w.e, "p", &world_scale(&w, "shop")->record);
        }
        world_run(&w, 20 * MINUTE);
        if (back)
            assert_int_equal(w.begun, 2);
        else
            check_refused(&w);
        world_run(&w, w.scaled_at + HOUR + MINUTE - w.now);
        assert_int_equal(w.begun, 2);
        world_close(&w);
    }
}

/* Nor where it is deleted while no controller runs: the incident knows what was done. */
static void policy_goes_unseen(void **state)
{
    (void)state;
    world w;
    world_open(&w);
    two_leak(&w, "p", "p", 1);
    (void)world_until(&w, GS_EVENT_ACTION, 5 * MINUTE);
    world_scale(&w, "shop")->recorded = false;
    world_restart(&w);
    world_run(&w, 20 * MINUTE);
    check_refused(&w);
    world_close(&w);
}

/* Nor where that policy's successor has a record of the same workload, which has its own actions only; these count once. */
static void record_of_the_next(void **state)
{
    (void)state;
    for (int before = 0; before < 2; before++) {
        world w;
        world_open(&w);
        two_leak(&w, "p", "p", 2);
        (void)world_until(&w, GS_EVENT_ACTION, 5 * MINUTE);
        assert_int_equal(w.n_stored, 1);
        if (before)
            gs_incident_add_action(w.stored[0], GS_ACTION_EVICT, w.stored[0]->actions[0].time_ms - MINUTE)->outcome =
                GS_OUTCOME_SUCCEEDED;
        world_restart(&w);
        world_run(&w, 20 * MINUTE);
        if (before)
            check_refused(&w);
        else
            assert_int_equal(w.begun, 2);
        world_close(&w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(over_policies),      cmocka_unit_test(room_for_both), cmocka_unit_test(under_way),
        cmocka_unit_test(survives_a_restart), cmocka_unit_test(policy_goes),   cmocka_unit_test(policy_goes_unseen),
        cmocka_unit_test(record_of_the_next),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
