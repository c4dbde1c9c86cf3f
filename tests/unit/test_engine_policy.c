/* Policies that come and go while an incident is open. */
#include "base/mem.h"
#include "engine_world.h"

#define LEAK "shop/pay"

/* An open incident of "shop", whose policy then leaves. */
static fake_pod *orphaned(world *w)
{
    fake_pod *p = world_usual(w);
    (void)world_site(p, LEAK, 0, 5, w->now);
    (void)world_until(w, GS_EVENT_INCIDENT, 2 * MINUTE);
    gs_engine_remove_policy(w->e, "default", "p");
    return p;
}

static const gs_policy *policy_again(world *w, const char *name, bool suspend)
{
    gs_policy *p = world_policy(name);
    p->suspend = suspend;
    return world_set(w, p);
}

/* What became of the pod and of its policy, and whether the incident is resolved two minutes later. */
static void an_orphan_is_judged_by_the_policy_that_comes_back(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        bool pod_gone;
        const char *policy; /* that comes back; NULL: none */
        bool suspend, watched;
        bool resolved;
    } cases[] = {
        {"its pod is gone, the policy is back", true, "p", false, false, true},
        {"its pod is gone, the policy is back but suspended", true, "p", true, false, false},
        {"its pod is gone, and nobody watches", true, NULL, false, false, false},
        {"its pod is gone, another policy came", true, "q", false, false, false},
        {"its pod still leaks, and is watched again", false, "p", false, true, false},
        {"its pod went unseen, the policy is back", false, "p", false, false, true},
    };
    for (size_t k = 0; k < GS_LEN(cases); k++) {
        print_message("  %s\n", cases[k].name);
        world w;
        world_open(&w);
        fake_pod *p = orphaned(&w);
        if (cases[k].pod_gone)
            gs_engine_drop_target(w.e, "default", p->name, GS_LEAVE_GONE);
        world_run(&w, 10 * SECOND);
        if (cases[k].policy)
            (void)policy_again(&w, cases[k].policy, cases[k].suspend);
        if (cases[k].watched)
            world_watch(&w, cases[k].policy, p);
        world_run(&w, 2 * MINUTE);
        assert_int_equal(world_incidents(&w), 1);
        assert_int_equal(world_incident(&w, 0)->resolved, cases[k].resolved);
        world_close(&w);
    }
}

/* One that was suspended when it came back judges when it is no longer. */
static void an_orphan_waits_for_the_end_of_suspend(void **state)
{
    (void)state;
    world w;
    world_open(&w);
    fake_pod *p = orphaned(&w);
    gs_engine_drop_target(w.e, "default", p->name, GS_LEAVE_GONE);
    (void)policy_again(&w, "p", true);
    world_run(&w, 2 * MINUTE);
    assert_false(world_incident(&w, 0)->resolved);
    (void)policy_again(&w, "p", false);
    world_run(&w, 2 * MINUTE);
    assert_true(world_incident(&w, 0)->resolved);
    assert_int_equal(world_facts(&w, "p").open_incidents, 0);
    world_close(&w);
}

/* All that a pod is asked is asked with what is in force for its policy at that moment; a policy begins with nothing. */
static void pods_are_asked_with_what_is_in_force(void **state)
{
    (void)state;
    world w;
    world_open(&w);
    fake_pod *p = world_usual(&w);
    gs_access *first = gs_access_refuse("first"), *second = gs_access_refuse("second");
    gs_policy *policy = world_policy("p");
    policy->snapshot_kinds |= 1u << GS_PROFILE_HEAP;
    (void)world_set(&w, policy);
    world_run(&w, 30 * SECOND);
    assert_null(w.sampled_with);
    gs_engine_set_access(w.e, "default", "p", first);
    gs_engine_set_access(w.e, "default", "q", second); /* there is no such policy */
    gs_access_unref(first);
    (void)world_site(p, LEAK, 0, 5, w.now);
    (void)world_until(&w, GS_EVENT_INCIDENT, 2 * MINUTE);
    world_run(&w, MINUTE);
    assert_ptr_equal(w.sampled_with, first);
    assert_ptr_equal(w.fetched_with, first);
    assert_ptr_equal(w.taken_with, first);
    gs_engine_set_access(w.e, "default", "p", second);
    (void)policy_again(&w, "p", false); /* another version of it */
    world_run(&w, MINUTE);
    assert_ptr_equal(w.sampled_with, second);
    assert_ptr_equal(w.fetched_with, second);
    gs_engine_remove_policy(w.e, "default", "p");
    (void)policy_again(&w, "p", false);
    world_watch(&w, "p", p);
    world_run(&w, 10 * SECOND);
    assert_null(w.sampled_with);
    gs_access_unref(second);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_orphan_is_judged_by_the_policy_that_comes_back),
        cmocka_unit_test(an_orphan_waits_for_the_end_of_suspend),
        cmocka_unit_test(pods_are_asked_with_what_is_in_force),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
