/* How what was done is taken back, and what happens when the policy changes meanwhile. */
#include "engine_world.h"

static gs_policy *in_mode(enum gs_mode mode)
{
    gs_policy *p = world_policy("p");
    p->mode = mode;
    return p;
}

static void undoing_does_not_wait_for_a_cooldown(void **state)
{
    (void)state;
    world w;
    world_open(&w);
    fake_pod *p = world_usual(&w), *q = world_pod(&w, "shop", "shop-2");
    (void)world_site(q, "main.idle", 5, 0, 0);
    world_watch(&w, "p", q);
    (void)world_site(p, WORLD_LEAK, 0, 2, w.now);
    (void)world_site(q, "shop/order", 0, 3, w.now + 3 * MINUTE);
    world_run(&w, 5 * MINUTE);
    assert_int_equal(world_count(&w, GS_EVENT_REFUSED), 1); /* Cooldown */
    p->freed_ms = w.now;
    (void)world_until(&w, GS_EVENT_RESOLVED, 2 * MINUTE);
    world_run(&w, 2 * SECOND);
    assert_int_equal(w.undos, 1);
    world_close(&w);
}

enum ending { SHRUNK, POD_GONE, RESTARTED };

static void resolving_takes_it_back_once(void **state)
{
    (void)state;
    for (int how = SHRUNK; how <= RESTARTED; how++) {
        world w;
        world_open(&w);
        gs_incident *i = world_leaking(&w);
        world_run(&w, 2 * MINUTE);
        fake_pod *p = w.pods[0];
        if (how == SHRUNK)
            p->freed_ms = w.now;
        else if (how == POD_GONE)
            world_drop(&w, p, GS_LEAVE_GONE);
        else
            p->started_ms = w.now;
        p->sites[1].rate = how == RESTARTED ? 0 : p->sites[1].rate;
        int64_t from = w.now;
        (void)world_until(&w, GS_EVENT_RESOLVED, 2 * MINUTE);
        assert_in_range(w.now - from, 15 * SECOND, 80 * SECOND); /* 30 s after the last profile that showed it */
        assert_true(i->resolved && i->resolution_ms > 0);
        world_run(&w, 60 * MINUTE);
        assert_int_equal(w.undos, 1);
        assert_int_equal(world_scale(&w, "shop")->replicas, 3);
        assert_int_equal(i->actions[0].outcome, GS_OUTCOME_UNDONE);
        assert_string_equal(world_line_at(&w, GS_EVENT_ACTION, 1)->reason, "ScaleOut 3 -> 4: Undone");
        assert_int_equal(world_count(&w, GS_EVENT_ACTION), 2);
        assert_int_equal(world_count(&w, GS_EVENT_RESOLVED), 1);
        assert_false(world_facts(&w, "p").to_undo);
        assert_int_equal(gs_incident_phase(i), GS_PHASE_RESOLVED);
        world_close(&w);
    }
}

static void half_is_not_gone(void **state)
{
    (void)state;
    world w;
    world_open(&w);
    gs_incident *i = world_leaking(&w);
    world_run(&w, 2 * MINUTE);
    w.pods[0]->sites[1].until_ms = w.now; /* stops leaking: what was leaked stays */
    world_run(&w, 120 * MINUTE);
    assert_false(i->resolved);
    assert_int_equal(w.undos, 0);
    world_close(&w);
}

static void someone_else_changed_the_scale(void **state)
{
    (void)state;
    world w;
    world_open(&w);
    gs_incident *i = world_leaking(&w);
    world_run(&w, MINUTE);
    world_scale(&w, "shop")->replicas = 7;
    world_drop(&w, w.pods[0], GS_LEAVE_GONE);
    world_run(&w, 10 * MINUTE);
    assert_int_equal(w.undos, 1);
    assert_int_equal(world_scale(&w, "shop")->replicas, 7);
    assert_string_equal(i->actions[0].reason, "NotUndone: someone else set the scale to 7");
    assert_false(world_facts(&w, "p").to_undo);
    world_close(&w);
}

static void an_undo_that_fails_is_tried_again(void **state)
{
    (void)state;
    static const enum act_mode modes[] = {ACT_REFUSED, ACT_UNKNOWN};
    for (size_t k = 0; k < GS_LEN(modes); k++) {
        world w;
        world_open(&w);
        gs_incident *i = world_leaking(&w);
        world_run(&w, MINUTE);
        w.act = modes[k];
        world_drop(&w, w.pods[0], GS_LEAVE_GONE);
        world_run(&w, 2 * MINUTE);
        assert_in_range(w.undos, 10, 25); /* every 5 s */
        assert_int_equal(i->actions[0].outcome, GS_OUTCOME_SUCCEEDED);
        assert_string_equal(world_facts(&w, "p").heal_state, "Retrying");
        w.act = ACT_OK;
        world_run(&w, 10 * SECOND);
        assert_int_equal(world_scale(&w, "shop")->replicas, 3);
        assert_int_equal(i->actions[0].outcome, GS_OUTCOME_UNDONE);
        world_close(&w);
    }
}

static void it_comes_back(void **state)
{
    (void)state;
    world w;
    world_open(&w);
    gs_incident *i = world_leaking(&w);
    world_run(&w, MINUTE);
    fake_pod *p = w.pods[0];
    p->freed_ms = w.now;
    (void)world_until(&w, GS_EVENT_RESOLVED, 5 * MINUTE);
    world_run(&w, MINUTE);
    p->freed_ms = 0;
    p->sites[1].from_ms = w.now;
    (void)world_until(&w, GS_EVENT_INCIDENT, 5 * MINUTE);
    assert_int_equal(world_incidents(&w), 1);
    assert_false(i->resolved);
    assert_int_equal(i->occurrences, 2);
    assert_int_equal(i->resolution_ms, 0);
    world_run(&w, 30 * MINUTE);
    assert_int_equal(i->grade, GS_GRADE_PROVEN);
    assert_int_equal(w.begun, 2); /* after the cooldown */
    assert_int_equal(w.undos, 1);
    assert_true(world_scale(&w, "shop")->record.action_times[1] - world_scale(&w, "shop")->record.action_times[0] >=
                600 * SECOND);
    world_close(&w);
}

static void undoing_goes_on(void **state)
{
    (void)state;
    for (int how = 0; how < 4; how++) {
        world w;
        world_open(&w);
        gs_incident *i = world_leaking(&w);
        world_run(&w, MINUTE);
        assert_int_equal(w.begun, 1);
        gs_policy *p = in_mode(how == 0 ? GS_MODE_OBSERVE : GS_MODE_ENFORCE);
        p->suspend = how == 1;
        p->deleting = how == 2;
        (void)world_set(&w, p);
        if (how == 0)
            w.pods[0]->freed_ms = w.now;
        if (how == 3)
            assert_true(gs_engine_undo_all(w.e, "default", "p"));
        world_run(&w, how == 0 ? 2 * MINUTE : 2 * SECOND);
        assert_int_equal(w.undos, how == 1 ? 0 : 1);
        assert_int_equal(i->resolved, how == 0);
        if (how == 3)
            assert_false(gs_engine_undo_all(w.e, "default", "p"));
        world_run(&w, 30 * MINUTE);
        assert_int_equal(w.begun, 1);
        assert_int_equal(world_scale(&w, "shop")->replicas, how == 1 ? 4 : 3);
        world_close(&w);
    }
}

static void policies_change_under_a_call(void **state)
{
    (void)state;
    for (int64_t at = 0; at < 12 * SECOND; at += 500) {
        for (int how = 0; how < 4; how++) {
            world w;
            world_open(&w);
            w.act_ms = 3000;
            gs_incident *i = world_leaking(&w);
            world_run(&w, at);
            unsigned before = w.begun;
            if (how == 0) {
                gs_engine_remove_policy(w.e, "default", "p");
            } else {
                gs_policy *p = in_mode(how == 1 ? GS_MODE_OBSERVE : GS_MODE_ENFORCE);
                p->suspend = how == 2;
                p->deleting = how == 3;
                (void)world_set(&w, p);
            }
            world_run(&w, 5 * MINUTE);
            assert_int_equal(w.begun, before); /* none is begun any more */
            assert_true(i->n_actions <= 1);
            assert_true(!i->n_actions || i->actions[0].outcome != GS_OUTCOME_PENDING);
            assert_int_equal(world_scale(&w, "shop")->replicas, before && how != 3 ? 4 : 3);
            world_close(&w);
        }
    }
}

static void old_history_is_forgotten(void **state)
{
    (void)state;
    world w;
    world_open(&w);
    (void)world_leaking(&w);
    world_run(&w, MINUTE);
    const gs_heal_history *h[4];
    const gs_policy *p = gs_engine_policy(w.e, "default", "p");
    world_drop(&w, w.pods[0], GS_LEAVE_GONE);
    world_run(&w, 30 * MINUTE);
    assert_int_equal(gs_engine_histories(w.e, p, h, 4), 1);
    assert_int_equal(h[0]->n_times, 1);
    gs_engine_forget_incident(w.e, "default", world_incident(&w, 0)->name);
    world_run(&w, 10 * SECOND);
    assert_int_equal(world_stats(&w).workloads, 1); /* its cooldown is remembered */
    world_run(&w, 31 * MINUTE);
    assert_int_equal(gs_engine_histories(w.e, p, h, 4), 0);
    assert_int_equal(world_stats(&w).workloads, 0);
    world_close(&w);
}

/* What an earlier action added is taken back at once, though a cooldown holds the other incident for minutes. */
static void undoing_all_waits_for_nothing(void **state)
{
    (void)state;
    world w;
    world_open(&w);
    fake_pod *p = world_usual(&w);
    (void)world_site(p, WORLD_LEAK, 0, 2, w.now);
    (void)world_site(p, "shop/order", 0, 3, w.now + 3 * MINUTE);
    world_run(&w, 5 * MINUTE);
    assert_int_equal(world_incidents(&w), 2);
    for (size_t k = 0; k < p->n_sites; k++)
        p->sites[k].until_ms = w.now; /* so that no new profile wakes it */
    world_run(&w, MINUTE);
    assert_true(gs_engine_undo_all(w.e, "default", "p"));
    world_run(&w, 2 * SECOND);
    assert_int_equal(w.undos, 1);
    unsigned asked = w.facts_calls;
    world_run(&w, 30 * MINUTE); /* nor is the other one acted on, once the cooldown is over */
    assert_int_equal(w.begun, 1);
    assert_int_equal(w.facts_calls, asked);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(undoing_does_not_wait_for_a_cooldown),
        cmocka_unit_test(resolving_takes_it_back_once),
        cmocka_unit_test(half_is_not_gone),
        cmocka_unit_test(someone_else_changed_the_scale),
        cmocka_unit_test(an_undo_that_fails_is_tried_again),
        cmocka_unit_test(it_comes_back),
        cmocka_unit_test(undoing_goes_on),
        cmocka_unit_test(policies_change_under_a_call),
        cmocka_unit_test(old_history_is_forgotten),
        cmocka_unit_test(undoing_all_waits_for_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
