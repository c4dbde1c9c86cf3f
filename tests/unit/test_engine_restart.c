/* A controller that dies and another one that goes on: exactly one incident and exactly one action. And an engine that
 * is freed at any moment. */
#include "engine_world.h"

/* It dies before the intent is recorded, after it, after the scale is set, and with or without the incident's status
 * having been told of the action. */
static void dies_while_acting(void **state)
{
    (void)state;
    static const enum act_mode modes[] = {ACT_DIES_BEFORE, ACT_DIES_INTENT, ACT_DIES_SCALED};
    for (size_t k = 0; k < GS_LEN(modes); k++) {
        for (int told = 0; told < 2; told++) {
            world w;
            world_open(&w);
            w.act = modes[k];
            (void)world_leaking(&w);
            while (!w.dead) {
                w.lose_incidents = !told && w.stored_at; /* from the evidence on */
                world_run(&w, 10);
            }
            w.now += 20 * SECOND;
            world_restart(&w);
            world_run(&w, 30 * MINUTE);
            assert_int_equal(world_incidents(&w), 1);
            const gs_incident *i = world_incident(&w, 0);
            assert_int_equal(i->occurrences, 1);
            assert_int_equal(w.begun, modes[k] == ACT_DIES_BEFORE ? 2 : 1);
            assert_int_equal(w.resumes, modes[k] == ACT_DIES_BEFORE ? 0 : 1);
            assert_int_equal(world_scale(&w, "shop")->replicas, 4);
            assert_int_equal(world_scale(&w, "shop")->record.n_times, 1);
            assert_int_equal(i->n_actions, 1);
            assert_int_equal(i->actions[0].outcome, GS_OUTCOME_SUCCEEDED);
            assert_int_equal(i->actions[0].to, 4);
            assert_int_equal(world_count(&w, GS_EVENT_INCIDENT), 1);
            assert_int_equal(world_count(&w, GS_EVENT_ACTION), 1);
            w.pods[0]->freed_ms = w.now; /* and it can be taken back */
            world_run(&w, 3 * MINUTE);
            assert_int_equal(w.undos, 1);
            assert_int_equal(world_scale(&w, "shop")->replicas, 3);
            assert_int_equal(i->actions[0].outcome, GS_OUTCOME_UNDONE);
            world_close(&w);
        }
    }
}

/* The outcome was recorded in the policy, but the incident's status still says Pending, or does not know of it at all. */
static void the_record_knows_better(void **state)
{
    (void)state;
    for (int written = 0; written < 2; written++) {
        world w;
        world_open(&w);
        (void)world_leaking(&w);
        while (!w.begun)
            world_run(&w, 1);
        w.lose_incidents = true;
        world_run(&w, SECOND);
        assert_int_equal(w.stored[0]->actions[0].outcome, GS_OUTCOME_PENDING);
        assert_int_equal(world_scale(&w, "shop")->record.added_replicas, 1);
        w.stored[0]->n_actions = (size_t)written;
        world_restart(&w);
        world_run(&w, 30 * MINUTE);
        const gs_incident *i = world_incident(&w, 0);
        assert_int_equal(w.begun, 1);
        assert_int_equal(w.resumes, 0);
        assert_int_equal(i->n_actions, 1);
        assert_int_equal(i->actions[0].outcome, GS_OUTCOME_SUCCEEDED);
        assert_int_equal(i->actions[0].from, 3);
        assert_int_equal(i->actions[0].to, 4);
        assert_int_equal(gs_incident_phase(i), GS_PHASE_MITIGATING);
        w.pods[0]->freed_ms = w.now;
        world_run(&w, 3 * MINUTE);
        assert_int_equal(world_incident(&w, 0)->actions[0].outcome, GS_OUTCOME_UNDONE);
        world_close(&w);
    }
}

static void someone_scaled_while_it_was_away(void **state)
{
    (void)state;
    world w;
    world_open(&w);
    w.act = ACT_DIES_INTENT;
    (void)world_leaking(&w);
    while (!w.dead)
        world_run(&w, 10);
    world_scale(&w, "shop")->replicas = 8;
    world_restart(&w);
    world_run(&w, 30 * MINUTE);
    assert_int_equal(world_scale(&w, "shop")->replicas, 8);
    assert_int_equal(w.resumes, 1);
    assert_int_equal(w.begun, 1);
    assert_int_equal(world_incident(&w, 0)->actions[0].outcome, GS_OUTCOME_FAILED);
    world_close(&w);
}

/* Before the evidence is stored: the new one gets its own, and acts once. */
static void dies_before_the_evidence(void **state)
{
    (void)state;
    world w;
    world_open(&w);
    w.store = STORE_HANGS;
    (void)world_leaking(&w);
    world_run(&w, 20 * SECOND);
    w.store = STORE_OK;
    world_restart(&w);
    world_run(&w, 5 * MINUTE);
    assert_int_equal(world_incidents(&w), 1);
    assert_int_equal(w.begun, 1);
    assert_true(w.stored_at < w.scaled_at);
    world_close(&w);
}

/* As after a bad day: as many actions as there is room for, so far apart, the last one as it was. */
static int64_t fill_history(gs_heal_history *h, int64_t apart_ms)
{
    int64_t last = h->action_times[0];
    assert_int_equal(h->n_times, 1);
    for (h->n_times = 0; h->n_times < GS_MAX_ACTION_TIMES; h->n_times++)
        h->action_times[h->n_times] = last - (int64_t)(GS_MAX_ACTION_TIMES - 1 - h->n_times) * apart_ms;
    return last;
}

/* Neither the cooldown nor the actions of the last hour are forgotten with the controller. */
static void limits_are_remembered(void **state)
{
    (void)state;
    static const struct {
        int64_t apart_ms, again_ms; /* after the last one */
        const char *reason;
        size_t kept;
    } cases[] = {
        {61 * SECOND, 600 * SECOND, "Cooldown: limits.cooldownSeconds is 600", 51},
        {10 * SECOND, 3600 * SECOND - 590 * SECOND, "MaxActionsPerHour: limits.maxActionsPerHour is 60", 60},
    };
    for (size_t k = 0; k < GS_LEN(cases); k++) {
        world w;
        world_open(&w);
        fake_pod *p = world_usual(&w);
        gs_policy *policy = world_policy("p");
        policy->limits.max_actions_per_hour = 60;
        (void)world_set(&w, policy);
        (void)world_site(p, WORLD_LEAK, 0, 2, w.now);
        world_run(&w, MINUTE);
        p->freed_ms = w.now;
        world_run(&w, 3 * MINUTE);
        assert_int_equal(w.undos, 1);
        gs_heal_history *h = &world_scale(&w, "shop")->record;
        int64_t last = fill_history(h, cases[k].apart_ms);
        world_restart(&w);
        p->freed_ms = 0;
        p->sites[1].from_ms = w.now;
        world_run(&w, last + cases[k].again_ms - SECOND - gs_wall(&w.ports.clock));
        assert_int_equal(w.begun, 1);
        const world_line *told = world_line_at(&w, GS_EVENT_REFUSED, world_count(&w, GS_EVENT_REFUSED) - 1);
        assert_memory_equal(told->reason, cases[k].reason, strlen(cases[k].reason));
        world_run(&w, 10 * SECOND);
        assert_int_equal(w.begun, 2);
        assert_int_equal(h->n_times, cases[k].kept);
        assert_int_equal(world_incident(&w, 0)->occurrences, 2);
        world_close(&w);
    }
}

/* It dies between the resolution and the undo. */
static void resolved_and_not_taken_back(void **state)
{
    (void)state;
    world w;
    world_open(&w);
    (void)world_leaking(&w);
    world_run(&w, MINUTE);
    w.pods[0]->freed_ms = w.now;
    w.act = ACT_REFUSED;
    (void)world_until(&w, GS_EVENT_RESOLVED, 3 * MINUTE);
    assert_int_equal(world_scale(&w, "shop")->replicas, 4);
    world_restart(&w);
    unsigned before = w.undos;
    world_run(&w, 10 * SECOND);
    assert_int_equal(w.undos, before + 1);
    assert_int_equal(world_scale(&w, "shop")->replicas, 3);
    assert_int_equal(world_count(&w, GS_EVENT_RESOLVED), 1);
    world_close(&w);
}

/* The pods that an incident lists are gone while nobody ran: it resolves, once all that exists is known. */
static void pods_that_went_meanwhile(void **state)
{
    (void)state;
    for (int suspended = 0; suspended < 2; suspended++) {
        world w;
        world_open(&w);
        (void)world_leaking(&w);
        world_run(&w, MINUTE);
        world_drop(&w, w.pods[0], GS_LEAVE_UNWATCHED); /* is not set again after the restart */
        if (suspended) {
            gs_policy *p = world_policy("p");
            p->suspend = true;
            (void)world_set(&w, p);
        }
        world_restart(&w);
        world_run(&w, 10 * MINUTE);
        assert_int_equal(world_count(&w, GS_EVENT_RESOLVED), !suspended);
        assert_int_equal(w.undos, !suspended);
        if (suspended) {
            (void)world_set(&w, world_policy("p"));
            fake_pod *q = world_pod(&w, "shop", "shop-9");
            (void)world_site(q, "main.idle", 5, 0, 0);
            world_watch(&w, "p", q);
            world_run(&w, 2 * MINUTE);
            assert_int_equal(world_count(&w, GS_EVENT_RESOLVED), 1);
            assert_int_equal(w.undos, 1);
        }
        world_close(&w);
    }
}

/* The leak stopped before the restart, so that no rule fires: the pod is looked at because an incident lists it. */
static void a_listed_pod_is_looked_at(void **state)
{
    (void)state;
    world w;
    world_open(&w);
    (void)world_leaking(&w);
    world_run(&w, MINUTE);
    w.pods[0]->sites[1].until_ms = w.now;
    w.pods[0]->sites[1].state = GS_STATE_IO_WAIT; /* not `blocked` either */
    world_run(&w, MINUTE);
    world_restart(&w);
    world_run(&w, MINUTE);
    assert_int_equal(world_count(&w, GS_EVENT_RESOLVED), 0);
    w.pods[0]->freed_ms = w.now;
    world_run(&w, 2 * MINUTE);
    assert_int_equal(world_count(&w, GS_EVENT_RESOLVED), 1);
    world_close(&w);
}

static void nothing_is_judged_before_the_sync(void **state)
{
    (void)state;
    world w;
    world_open(&w);
    (void)world_leaking(&w);
    world_run(&w, MINUTE);
    gs_policy *p = world_policy("p");
    world_free_engine(&w);
    w.e = gs_engine_new(&w.ports);
    (void)world_set(&w, p);
    gs_incident *i = w.stored[0];
    w.stored[0] = w.stored[--w.n_stored];
    i->n_pods = 0;
    gs_engine_adopt_incident(w.e, i);
    gs_engine_adopt_history(w.e, "p", &world_scale(&w, "shop")->record);
    gs_engine_adopt_history(w.e, "nobody", &world_scale(&w, "shop")->record); /* of a policy that is gone */
    world_run(&w, 10 * MINUTE);
    assert_false(i->resolved);
    assert_int_equal(w.undos, 0);
    gs_engine_synced(w.e);
    world_run(&w, 40 * SECOND);
    assert_true(i->resolved);
    assert_int_equal(w.undos, 1);
    world_close(&w);
}

/* The policy leaves (it was made invalid) and comes back with its record while the actuator is at work. */
static void a_record_that_comes_back_under_a_call(void **state)
{
    (void)state;
    world w;
    world_open(&w);
    w.act_ms = 4000;
    (void)world_leaking(&w);
    while (!w.begun)
        world_run(&w, 10);
    gs_engine_remove_policy(w.e, "default", "p");
    world_run(&w, SECOND);
    (void)world_set(&w, world_policy("p"));
    gs_heal_history h = {.workload = world_workload("shop"), .pending = {.set = true, .id = "a1", .from = 3, .to = 4}};
    gs_engine_adopt_history(w.e, "p", &h);
    world_watch(&w, "p", w.pods[0]);
    world_run(&w, 30 * SECOND);
    assert_true(world_facts(&w, "p").to_undo); /* the answer was kept */
    w.pods[0]->freed_ms = w.now;
    world_run(&w, 3 * MINUTE);
    assert_int_equal(w.undos, 1);
    assert_int_equal(w.begun, 1);
    assert_int_equal(world_scale(&w, "shop")->replicas, 3);
    world_close(&w);
}

static size_t histories(const world *w, const char *policy, const gs_heal_history **ret)
{
    return gs_engine_histories(w->e, gs_engine_policy(w->e, "default", policy), ret, 1);
}

/* The workload went to another policy, and the controller died before the first one's record was put right. */
static void the_newer_of_two_records_holds(void **state)
{
    (void)state;
    for (int order = 0; order < 2; order++) {
        world w;
        const gs_heal_history *found;
        world_open(&w);
        (void)world_set(&w, world_policy("p"));
        (void)world_set(&w, world_policy("q"));
        gs_heal_history older = {.workload = world_workload("shop"), .n_times = 1, .added_replicas = 1, .scaled_to = 4};
        older.action_times[0] = older.scaled_ms = WORLD_WALL0;
        gs_heal_history newer = older;
        newer.pending = (gs_pending){.set = true, .recorded = true, .id = "a2", .step_ms = WORLD_WALL0 + MINUTE};
        gs_engine_adopt_history(w.e, order ? "q" : "p", order ? &newer : &older);
        gs_engine_adopt_history(w.e, order ? "p" : "q", order ? &older : &newer);
        assert_int_equal(histories(&w, "p", &found), 0);
        assert_int_equal(histories(&w, "q", &found), 1);
        assert_string_equal(found->pending.id, "a2");
        world_close(&w);
    }
}

/* The first policy's status holds the record until the other one's intent is written. */
static void a_record_goes_to_another_policy(void **state)
{
    (void)state;
    world w;
    const gs_heal_history *found;
    world_open(&w);
    (void)world_leaking(&w);
    gs_policy *p = world_policy("p"), *q = world_policy("q");
    p->actions[0].scale_out.hold_s = 60;
    (void)world_set(&w, p);
    world_run(&w, 5 * MINUTE);
    assert_int_equal(w.begun, 1);
    assert_int_equal(w.undos, 1);
    q->actions[0] = (gs_action_spec){.type = GS_ACTION_EVICT, .evict = {.max_pods = 1}};
    q->limits.min_available_percent = 0;
    (void)world_set(&w, q);
    world_watch(&w, "q", w.pods[0]);
    w.act = ACT_REFUSED;
    world_run(&w, 10 * MINUTE);
    assert_in_range(w.begun, 2, 100); /* and withdrawn */
    assert_int_equal(histories(&w, "p", &found), 1);
    assert_int_equal(histories(&w, "q", &found), 0);
    w.act = ACT_OK;
    world_run(&w, MINUTE);
    assert_int_equal(histories(&w, "p", &found), 0);
    assert_int_equal(histories(&w, "q", &found), 1);
    assert_int_equal(found->n_times, 2);
    world_close(&w);
}

/* Killed again and again, at any moment of the first two minutes: one incident, one action, and nothing is lost. */
static void killed_at_any_moment(void **state)
{
    (void)state;
    for (int64_t at = 100; at < 50 * SECOND; at += 370) {
        world w;
        world_open(&w);
        fake_pod *p = world_usual(&w);
        (void)world_site(p, WORLD_LEAK, 0, 2, w.now);
        world_run(&w, at);
        world_restart(&w);
        world_run(&w, 700);
        world_restart(&w);
        world_run(&w, 2 * MINUTE);
        assert_int_equal(world_incidents(&w), 1);
        assert_int_equal(world_count(&w, GS_EVENT_INCIDENT), 1);
        assert_int_equal(world_scale(&w, "shop")->replicas, 4);
        assert_int_equal(world_scale(&w, "shop")->record.n_times, 1);
        assert_true(w.begun <= 2); /* the second one only where the first was never recorded */
        p->freed_ms = w.now;
        world_run(&w, 3 * MINUTE);
        assert_int_equal(world_scale(&w, "shop")->replicas, 3);
        world_close(&w);
    }
}

/* A leak that only the windows tell, and windows that begin anew with each controller. */
static void killed_between_the_windows(void **state)
{
    (void)state;
    for (int64_t at = 20 * SECOND; at < 12 * MINUTE; at += 23 * SECOND) {
        world w;
        world_open(&w);
        fake_pod *p = world_usual(&w);
        world_site(p, WORLD_LEAK, 0, 2, w.now)->reachable = true;
        world_run(&w, at);
        enum gs_grade before = world_incidents(&w) ? world_incident(&w, 0)->grade : GS_GRADE_NONE;
        world_restart(&w);
        world_run(&w, SECOND);
        assert_int_equal(world_incidents(&w) ? world_incident(&w, 0)->grade : GS_GRADE_NONE, before);
        world_run(&w, 15 * MINUTE);
        assert_int_equal(world_incidents(&w), 1);
        assert_int_equal(world_count(&w, GS_EVENT_INCIDENT), 1);
        assert_int_equal(world_count(&w, GS_EVENT_GRADED), 2);
        assert_int_equal(world_incident(&w, 0)->grade, GS_GRADE_PROBABLE);
        assert_int_equal(world_incident(&w, 0)->n_pods, 1);
        assert_int_equal(world_scale(&w, "shop")->replicas, 4);
        world_close(&w);
    }
}

/* With slow answers, so that there is always something under way. */
static void freed_at_any_moment(void **state)
{
    (void)state;
    for (int64_t at = 0; at < 60 * SECOND; at += 190) {
        world w;
        world_open(&w);
        w.sample_ms = 1900;
        w.profile_ms = 2900;
        w.put_ms = 2700;
        w.act_ms = 3300;
        w.store = at % 3 ? STORE_OK : STORE_FAILS;
        fake_pod *p = world_usual(&w), *q = world_pod(&w, "shop", "shop-2");
        (void)world_site(p, WORLD_LEAK, 0, 5, w.now);
        (void)world_site(q, "shop/order", 0, 5, w.now + 20 * SECOND);
        world_watch(&w, "p", q);
        world_run(&w, at);
        if (at % 4 == 0)
            world_drop(&w, q, GS_LEAVE_GONE);
        if (at % 5 == 0)
            gs_engine_remove_policy(w.e, "default", "p");
        world_close(&w);
    }
}

/* Windows of 8 s, so that leak profiles and dumps are under way most of the time. */
static void freed_between_profiles_and_dumps(void **state)
{
    (void)state;
    size_t costly = 0;
    for (int64_t at = 0; at < 60 * SECOND; at += 310) {
        world w;
        world_open(&w);
        w.profile_ms = 900;
        fake_pod *p = world_usual(&w);
        gs_policy *policy = world_policy("p");
        policy->interval_s = 1;
        policy->detection.floor.window_s = 8;
        (void)world_set(&w, policy);
        world_site(p, WORLD_LEAK, 0, 5, w.now)->reachable = true;
        world_run(&w, at);
        if (at % 3 == 0) {
            p->started_ms = w.now; /* a new process answers what the old one was asked */
            world_run(&w, 1500);
        }
        if (at % 4 == 0)
            world_drop(&w, p, at % 8 ? GS_LEAVE_GONE : GS_LEAVE_UNWATCHED);
        if (at % 5 == 0)
            gs_engine_remove_policy(w.e, "default", "p");
        world_run(&w, 200);
        costly += p->leaks.n > 0 && p->dumps.n > 0;
        world_close(&w);
    }
    assert_true(costly > 100);
}

static void freed_when_empty(void **state)
{
    (void)state;
    gs_engine_free(NULL);
    world w;
    world_open(&w);
    gs_workload_ref ref = world_workload("shop");
    gs_engine_adopt_incident(w.e, gs_incident_new(&ref, NULL));
    gs_target_spec t = {.ns = "default", .name = "x", .uid = "u", .host = "10.0.0.1", .metrics_port = 1};
    gs_engine_set_target(w.e, "nobody", &ref, &t);
    gs_engine_drop_target(w.e, "default", "x", GS_LEAVE_GONE);
    gs_engine_remove_policy(w.e, "default", "nobody");
    assert_false(gs_engine_undo_all(w.e, "default", "nobody"));
    gs_engine_forget_incident(w.e, "default", "nothing");
    assert_int_equal(world_stats(&w).targets, 0);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dies_while_acting),
        cmocka_unit_test(the_record_knows_better),
        cmocka_unit_test(someone_scaled_while_it_was_away),
        cmocka_unit_test(dies_before_the_evidence),
        cmocka_unit_test(limits_are_remembered),
        cmocka_unit_test(resolved_and_not_taken_back),
        cmocka_unit_test(pods_that_went_meanwhile),
        cmocka_unit_test(a_listed_pod_is_looked_at),
        cmocka_unit_test(nothing_is_judged_before_the_sync),
        cmocka_unit_test(a_record_that_comes_back_under_a_call),
        cmocka_unit_test(the_newer_of_two_records_holds),
        cmocka_unit_test(a_record_goes_to_another_policy),
        cmocka_unit_test(killed_at_any_moment),
        cmocka_unit_test(killed_between_the_windows),
        cmocka_unit_test(freed_at_any_moment),
        cmocka_unit_test(freed_between_profiles_and_dumps),
        cmocka_unit_test(freed_when_empty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
