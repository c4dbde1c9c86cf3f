/* What is done about an incident, and how often. */
#include "engine_world.h"

static bool starts(const char *s, const char *with)
{
    return strncmp(s, with, strlen(with)) == 0;
}

static gs_policy *in_mode(enum gs_mode mode)
{
    gs_policy *p = world_policy("p");
    p->mode = mode;
    return p;
}

static void one_scale_out(void **state)
{
    (void)state;
    static const int64_t act_ms[] = {0, 30, 40000};
    for (size_t k = 0; k < GS_LEN(act_ms); k++) {
        world w;
        world_open(&w);
        w.act_ms = act_ms[k];
        gs_incident *i = world_leaking(&w);
        world_run(&w, 120 * MINUTE);
        assert_int_equal(w.begun, 1);
        assert_int_equal(w.undos, 0);
        assert_int_equal(world_scale(&w, "shop")->replicas, 4);
        assert_int_equal(world_count(&w, GS_EVENT_ACTION), 1);
        assert_string_equal(world_line_at(&w, GS_EVENT_ACTION, 0)->reason, "ScaleOut 3 -> 4: Succeeded");
        assert_int_equal(i->n_actions, 1);
        assert_int_equal(gs_incident_phase(i), GS_PHASE_MITIGATING);
        gs_policy_facts f = world_facts(&w, "p");
        assert_true(f.to_undo);
        assert_string_equal(f.heal_state, "Succeeded");
        world_close(&w);
    }
}

static void observe_never_acts(void **state)
{
    (void)state;
    world w;
    world_open(&w);
    (void)world_usual(&w);
    (void)world_set(&w, in_mode(GS_MODE_OBSERVE));
    (void)world_site(w.pods[0], WORLD_LEAK, 0, 2, w.now);
    world_run(&w, 60 * MINUTE);
    const gs_incident *i = world_incident(&w, 0);
    assert_int_equal(w.facts_calls + w.begun + w.undos + w.resumes, 0);
    assert_int_equal(i->n_actions, 0);
    assert_int_equal(i->grade, GS_GRADE_PROVEN);
    assert_true(gs_incident_has_evidence(i));
    assert_int_equal(world_count(&w, GS_EVENT_REFUSED), 0);
    world_close(&w);
}

static void dry_run_records_and_does_nothing(void **state)
{
    (void)state;
    world w;
    world_open(&w);
    (void)world_usual(&w);
    (void)world_set(&w, in_mode(GS_MODE_DRY_RUN));
    (void)world_site(w.pods[0], WORLD_LEAK, 0, 2, w.now);
    world_run(&w, 60 * MINUTE);
    gs_incident *i = world_incident(&w, 0);
    assert_int_equal(w.begun, 0);
    assert_int_equal(world_scale(&w, "shop")->replicas, 3);
    assert_int_equal(world_count(&w, GS_EVENT_ACTION), 1);
    assert_string_equal(world_line_at(&w, GS_EVENT_ACTION, 0)->reason, "ScaleOut 3 -> 4: would be done under Enforce");
    assert_int_equal(i->n_actions, 1);
    assert_true(i->actions[0].dry_run);
    assert_int_equal(gs_incident_phase(i), GS_PHASE_OPEN);
    assert_false(world_facts(&w, "p").to_undo);
    (void)world_set(&w, in_mode(GS_MODE_ENFORCE)); /* now it is done */
    world_run(&w, 10 * SECOND);
    assert_int_equal(w.begun, 1);
    world_close(&w);
}

static void grade_decides(void **state)
{
    (void)state;
    world w;
    world_open(&w);
    gs_policy *p = world_policy("p");
    p->min_grade = GS_GRADE_SUSPECTED;
    gs_incident *i;
    (void)world_usual(&w);
    (void)world_set(&w, p);
    world_site(w.pods[0], WORLD_LEAK, 0, 2, w.now)->reachable = true;
    (void)world_until(&w, GS_EVENT_ACTION, 7 * MINUTE);
    i = world_incident(&w, 0);
    assert_int_equal(world_line_at(&w, GS_EVENT_ACTION, 0)->grade, GS_GRADE_SUSPECTED);
    world_run(&w, 10 * MINUTE);
    assert_int_equal(w.begun, 1);
    assert_int_equal(i->grade, GS_GRADE_PROBABLE);
    world_close(&w);
    world_open(&w); /* and one that stays Suspected is left alone where Probable is asked for */
    (void)world_usual(&w);
    fake_site *s = world_site(w.pods[0], WORLD_LEAK, 0, 2, w.now);
    s->reachable = true;
    (void)world_until(&w, GS_EVENT_INCIDENT, 7 * MINUTE);
    s->until_ms = w.now;
    world_run(&w, 30 * MINUTE);
    assert_int_equal(world_incident(&w, 0)->grade, GS_GRADE_SUSPECTED);
    assert_int_equal(w.begun, 0);
    assert_int_equal(world_count(&w, GS_EVENT_REFUSED), 0);
    world_close(&w);
}

/* Each refusal is told once, and goes away with its cause. */

static void refusals(void **state)
{
    (void)state;
    static const struct {
        const char *reason;
        const char *autoscaler;
        bool not_scalable, gone;
        int replicas;
        bool lifts; /* looked at again without a new profile */
    } cases[] = {
        {"Autoscaler: KEDA owns HorizontalPodAutoscaler shop-hpa, which owns the scale", "shop-hpa", false, false, 3,
         true},
        {"ActionNotPossible: a Deployment has no scale to set", "", true, false, 3, false},
        {"WorkloadGone", "", false, true, 3, false},
        {"ScaledToZero", "", false, false, 0, true},
        {"MaxReplicas: 10 replicas, scaleOut.maxReplicas is 10", "", false, false, 10, true},
    };
    for (size_t k = 0; k < GS_LEN(cases); k++) {
        world w;
        world_open(&w);
        fake_scale *s = world_scale(&w, "shop");
        (void)snprintf(s->autoscaler, sizeof s->autoscaler, "%s", cases[k].autoscaler);
        s->keda = true;
        s->not_scalable = cases[k].not_scalable;
        s->gone = cases[k].gone;
        s->replicas = cases[k].replicas;
        gs_incident *i = world_leaking(&w);
        world_run(&w, 60 * MINUTE);
        assert_int_equal(w.begun, 0);
        assert_int_equal(world_count(&w, GS_EVENT_REFUSED), 1);
        const char *reason = world_line_at(&w, GS_EVENT_REFUSED, 0)->reason;
        if (!starts(reason, cases[k].reason))
            fail_msg("refused with \"%s\", expected \"%s\"", reason, cases[k].reason);
        assert_int_equal(i->n_actions, 1);
        assert_int_equal(i->actions[0].outcome, GS_OUTCOME_REFUSED);
        s->autoscaler[0] = 0;
        s->not_scalable = s->gone = false;
        s->replicas = 3;
        world_run(&w, 2 * MINUTE);
        assert_int_equal(w.begun, 1);
        world_close(&w);
    }
}

static void no_actuator_no_cluster(void **state)
{
    (void)state;
    world w;
    world_open(&w);
    world_free_engine(&w);
    w.ports.actuator = NULL;
    w.e = gs_engine_new(&w.ports);
    gs_engine_synced(w.e);
    (void)world_leaking(&w);
    world_run(&w, 30 * MINUTE);
    assert_int_equal(world_count(&w, GS_EVENT_REFUSED), 1);
    assert_true(starts(world_line_at(&w, GS_EVENT_REFUSED, 0)->reason, "NoCluster"));
    world_close(&w);
}

static void cooldown_holds_a_second_incident(void **state)
{
    (void)state;
    world w;
    world_open(&w);
    fake_pod *p = world_usual(&w);
    (void)world_site(p, WORLD_LEAK, 0, 2, w.now);
    (void)world_site(p, "shop/order", 0, 3, w.now + 5 * MINUTE);
    world_run(&w, 6 * MINUTE);
    assert_int_equal(w.begun, 1);
    int64_t first = w.scaled_at;
    assert_int_equal(world_count(&w, GS_EVENT_REFUSED), 1);
    assert_true(starts(world_line_at(&w, GS_EVENT_REFUSED, 0)->reason, "Cooldown"));
    world_run(&w, first + 600 * SECOND - w.now - SECOND);
    assert_int_equal(world_count(&w, GS_EVENT_REFUSED), 1);
    world_run(&w, 90 * SECOND); /* it is over; but what was added is still there */
    assert_int_equal(w.begun, 1);
    assert_int_equal(world_count(&w, GS_EVENT_REFUSED), 2);
    assert_true(starts(world_line_at(&w, GS_EVENT_REFUSED, 1)->reason, "AlreadyScaled"));
    p->freed_ms = w.now; /* both are gone, all is taken back */
    world_run(&w, 3 * MINUTE);
    assert_int_equal(w.undos, 1);
    assert_int_equal(world_scale(&w, "shop")->replicas, 3);
    world_close(&w);
}

/* Nobody would else know why nothing is done about it. Of its own action an incident knows. */
static void an_action_without_outcome_holds_a_second_incident(void **state)
{
    (void)state;
    world w;
    world_open(&w);
    fake_pod *p = world_usual(&w);
    (void)world_site(p, WORLD_LEAK, 0, 2, w.now);
    (void)world_site(p, "shop/order", 0, 3, w.now + 5 * MINUTE);
    w.act = ACT_UNKNOWN;
    for (int k = 0; k < 600 && !w.begun; k++)
        world_run(&w, 100);
    world_run(&w, SECOND);
    w.act = ACT_REFUSED; /* nor can it be found out */
    world_run(&w, 4 * MINUTE);
    assert_int_equal(world_count(&w, GS_EVENT_REFUSED), 0);
    world_run(&w, 4 * MINUTE);
    assert_int_equal(world_count(&w, GS_EVENT_REFUSED), 1);
    assert_string_equal(world_line_at(&w, GS_EVENT_REFUSED, 0)->reason,
                        "ActionPending: an earlier action has no outcome yet");
    assert_string_equal(world_facts(&w, "p").heal_state, "Retrying"); /* of that action */
    assert_int_equal(w.begun, 1);
    world_close(&w);
}

/* The first incident resolves in the middle of the cooldown that holds the second one: undoing does not wait for it. */

static void failures_of_the_actuator(void **state)
{
    (void)state;
    world w;
    world_open(&w);
    w.facts_fail = true;
    gs_incident *i = world_leaking(&w);
    world_run(&w, MINUTE);
    assert_int_equal(w.begun, 0);
    assert_in_range(w.facts_calls, 8, 20); /* every 5 s */
    assert_string_equal(world_facts(&w, "p").heal_state, "Retrying");
    w.facts_fail = false;
    w.act = ACT_REFUSED; /* the intent cannot be recorded */
    world_run(&w, MINUTE);
    assert_in_range(w.begun, 8, 20);
    assert_int_equal(i->n_actions, 0);
    assert_int_equal(world_count(&w, GS_EVENT_ACTION), 0);
    assert_false(world_facts(&w, "p").to_undo);
    w.act = ACT_OK;
    world_run(&w, MINUTE);
    assert_int_equal(world_scale(&w, "shop")->replicas, 4);
    assert_int_equal(world_count(&w, GS_EVENT_ACTION), 1);
    world_close(&w);
}

static void a_failed_action_is_not_repeated(void **state)
{
    (void)state;
    world w;
    world_open(&w);
    w.act = ACT_FAILS;
    gs_incident *i = world_leaking(&w);
    world_run(&w, 60 * MINUTE);
    assert_int_equal(w.begun, 1);
    assert_int_equal(i->actions[0].outcome, GS_OUTCOME_FAILED);
    assert_string_equal(world_line_at(&w, GS_EVENT_ACTION, 0)->reason,
                        "ScaleOut 3 -> 4: Failed: the API server said no");
    world_close(&w);
}

/* The outcome is not known: it is found out, not done again. */

static void an_unknown_outcome_is_resumed(void **state)
{
    (void)state;
    world w;
    world_open(&w);
    w.act = ACT_UNKNOWN;
    gs_incident *i = world_leaking(&w);
    for (int k = 0; k < 600 && !w.begun; k++)
        world_run(&w, 100);
    world_run(&w, SECOND);
    assert_int_equal(i->actions[0].outcome, GS_OUTCOME_PENDING);
    w.act = ACT_REFUSED; /* nor can it be found out for a while */
    world_run(&w, 30 * SECOND);
    assert_int_equal(i->n_actions, 1);
    assert_string_equal(i->actions[0].id, "a1");
    assert_int_equal(i->actions[0].outcome, GS_OUTCOME_PENDING);
    assert_in_range(w.resumes, 3, 8);
    w.act = ACT_OK;
    world_run(&w, MINUTE);
    assert_int_equal(w.begun, 1);
    assert_int_equal(i->actions[0].outcome, GS_OUTCOME_SUCCEEDED);
    assert_int_equal(world_scale(&w, "shop")->replicas, 4);
    world_close(&w);
}

/* Under Observe and suspend undoing goes on; a policy that is deleted is undone at once and acts no more. */

/* The policy goes, changes, or is suspended while the engine waits for the actuator. */

/* What was done long ago is forgotten, so that a policy's record does not grow with every workload that ever leaked. */

/* Refusals never push a real action off the list: it would be done again. */

static void a_list_full_of_refusals(void **state)
{
    (void)state;
    gs_workload_ref ref = world_workload("shop");
    gs_incident *i = gs_incident_new(&ref, NULL);
    gs_incident_add_action(i, GS_ACTION_SCALE_OUT, 1)->outcome = GS_OUTCOME_SUCCEEDED;
    for (int k = 2; k < 100; k++)
        gs_incident_add_action(i, GS_ACTION_SCALE_OUT, k)->outcome = GS_OUTCOME_REFUSED;
    assert_int_equal(i->n_actions, GS_MAX_INCIDENT_ACTIONS);
    assert_string_equal(i->actions[0].id, "a1");
    assert_string_equal(i->actions[1].id, "a81");
    assert_string_equal(i->actions[19].id, "a99");
    gs_incident_free(i);
}

static void history_keeps_64_times(void **state)
{
    (void)state;
    gs_heal_history h = {0};
    for (int64_t k = 0; k < 200; k++)
        gs_history_add_time(&h, k * 1000, 600);
    assert_int_equal(h.n_times, GS_MAX_ACTION_TIMES);
    assert_int_equal(h.action_times[0], 136000);
    assert_int_equal(h.action_times[63], 199000);
    gs_history_add_time(&h, 199000 + 3600000, 600);
    assert_int_equal(h.n_times, 2); /* the one of just an hour ago is kept */
    gs_history_add_time(&h, 20000000, 600);
    assert_int_equal(h.n_times, 1);
}

/* A new version of the policy lifts a refusal that nothing else would: the leak has stopped, no profile wakes it. */
static void a_new_policy_is_tried_at_once(void **state)
{
    (void)state;
    world w;
    world_open(&w);
    fake_scale *s = world_scale(&w, "shop");
    s->not_scalable = true;
    (void)world_leaking(&w);
    world_run(&w, MINUTE);
    assert_int_equal(world_count(&w, GS_EVENT_REFUSED), 1);
    w.pods[0]->sites[1].until_ms = w.now;
    world_run(&w, MINUTE);
    s->not_scalable = false;
    (void)world_set(&w, world_policy("p"));
    world_run(&w, 2 * SECOND);
    assert_int_equal(w.begun, 1);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_scale_out),
        cmocka_unit_test(observe_never_acts),
        cmocka_unit_test(dry_run_records_and_does_nothing),
        cmocka_unit_test(grade_decides),
        cmocka_unit_test(refusals),
        cmocka_unit_test(no_actuator_no_cluster),
        cmocka_unit_test(cooldown_holds_a_second_incident),
        cmocka_unit_test(an_action_without_outcome_holds_a_second_incident),
        cmocka_unit_test(failures_of_the_actuator),
        cmocka_unit_test(a_failed_action_is_not_repeated),
        cmocka_unit_test(an_unknown_outcome_is_resumed),
        cmocka_unit_test(a_list_full_of_refusals),
        cmocka_unit_test(history_keeps_64_times),
        cmocka_unit_test(a_new_policy_is_tried_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
