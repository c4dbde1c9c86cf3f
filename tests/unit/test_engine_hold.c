/* A ScaleOut that is held, judged and taken back, and the actions that come after it. */
#include "engine_world.h"

#define RISE 3600 /* goroutines per hour of one in a second */

/* In force: a ScaleOut that is held for 300 s and never over 900 s, then an Evict; cooldown 60 s. */
static gs_policy *ladder(world *w)
{
    gs_policy *p = world_policy("p");
    p->actions[0].scale_out.hold_s = 300;
    p->actions[0].scale_out.max_hold_s = 900;
    p->actions[1] = (gs_action_spec){.type = GS_ACTION_EVICT, .evict.max_pods = 1};
    p->n_actions = 2;
    p->limits.cooldown_s = 60;
    p->limits.min_available_percent = 50;
    (void)world_set(w, p);
    return p;
}

/* The ScaleOut is done. */
static gs_incident *scaled(world *w)
{
    fake_pod *p = world_usual(w);
    (void)ladder(w);
    (void)world_site(p, WORLD_LEAK, 0, 2, w->now);
    (void)world_until(w, GS_EVENT_ACTION, 2 * MINUTE);
    assert_int_equal(world_scale(w, "shop")->replicas, 4);
    return world_incident(w, 0);
}

static void stops_leaking(world *w)
{
    w->pods[0]->sites[1].until_ms = w->now; /* what was leaked stays: the incident is open for ever */
}

static const world_decision *decision_at(const world *w, enum gs_decision_kind kind, size_t k)
{
    for (size_t at = 0; at < w->n_decisions; at++)
        if (w->decisions[at].kind == kind && k-- == 0)
            return &w->decisions[at];
    return NULL;
}

static bool starts(const char *s, const char *with)
{
    return strncmp(s, with, strlen(with)) == 0;
}

static const gs_action *last_action(const gs_incident *i, enum gs_action_type type)
{
    const gs_action *a = NULL;
    for (size_t k = 0; k < i->n_actions; k++)
        if (i->actions[k].type == type && i->actions[k].outcome != GS_OUTCOME_REFUSED)
            a = &i->actions[k];
    return a;
}

/* It helps: it stays, the next action comes once that is judged, and what was added goes after its longest hold. */
static void kept_and_the_next_one(void **state)
{
    (void)state;
    world w;
    world_open(&w);
    const gs_incident *i = scaled(&w);
    int64_t at = w.now;
    assert_in_range(world_scale(&w, "shop")->record.growth, 2 * RISE - 700, 2 * RISE + 700);
    stops_leaking(&w);
    world_run(&w, 290 * SECOND);
    assert_int_equal(w.begun, 1);
    const world_line *told = world_line_at(&w, GS_EVENT_REFUSED, world_count(&w, GS_EVENT_REFUSED) - 1);
    assert_true(starts(told->reason, "Holding: the ScaleOut to 4 is judged after scaleOut.holdSeconds: 300 s"));
    const world_line *evicted = world_until(&w, GS_EVENT_ACTION, 30 * SECOND);
    assert_in_range(evicted->ms - at, 298 * SECOND, 304 * SECOND);
    assert_string_equal(evicted->reason, "Evict of shop-1: Succeeded");
    assert_string_equal(i->actions[i->n_actions - 1].pods, "shop-1");
    assert_int_equal(w.records, 1);
    assert_true(world_scale(&w, "shop")->record.judged);
    assert_int_equal(world_scale(&w, "shop")->replicas, 4);
    const world_line *undone = world_until(&w, GS_EVENT_ACTION, 15 * MINUTE);
    assert_in_range(undone->ms - at, 898 * SECOND, 904 * SECOND);
    assert_string_equal(undone->reason, "ScaleOut 3 -> 4: Undone: MaxHold: scaleOut.maxHoldSeconds is 900");
    assert_int_equal(world_scale(&w, "shop")->replicas, 3);
    world_run(&w, 60 * MINUTE);
    assert_int_equal(w.begun, 2);
    assert_int_equal(w.undos, 1);
    assert_int_equal(world_scale(&w, "shop")->record.n_times, 2);
    assert_true(world_count(&w, GS_EVENT_REFUSED) <= 2); /* Cooldown, Holding: each once */
    world_close(&w);
}

/* What is written of each decision, in order. */
static void every_decision_is_told(void **state)
{
    (void)state;
    static const struct {
        enum gs_decision_kind kind;
        enum gs_action_type type;
        enum gs_outcome outcome;
        const char *message, *pods;
    } want[] = {
        {GS_DECISION_ACT, GS_ACTION_SCALE_OUT, GS_OUTCOME_PENDING, "ScaleOut 3 -> 4", ""},
        {GS_DECISION_OUTCOME, GS_ACTION_SCALE_OUT, GS_OUTCOME_SUCCEEDED, "", ""},
        {GS_DECISION_REFUSE, GS_ACTION_EVICT, GS_OUTCOME_REFUSED, "the ScaleOut to 4 is judged", ""},
        {GS_DECISION_ACT, GS_ACTION_EVICT, GS_OUTCOME_PENDING, "Evict of shop-1", "shop-1 "},
        {GS_DECISION_OUTCOME, GS_ACTION_EVICT, GS_OUTCOME_SUCCEEDED, "", "shop-1 "},
        {GS_DECISION_UNDO, GS_ACTION_SCALE_OUT, GS_OUTCOME_UNDONE, "MaxHold: ", ""},
    };
    world w;
    world_open(&w);
    (void)scaled(&w);
    stops_leaking(&w);
    world_run(&w, 30 * MINUTE);
    for (size_t k = 0; k < GS_LEN(want); k++) {
        assert_true(k < w.n_decisions);
        const world_decision *d = &w.decisions[k];
        if (d->kind != want[k].kind || d->type != want[k].type || d->outcome != want[k].outcome ||
            !starts(d->message, want[k].message) || !gs_streq(d->pods, want[k].pods))
            fail_msg("decision %zu: kind %d, %s, %s, \"%s\", pods \"%s\"", k, (int)d->kind, gs_action_name(d->type),
                     gs_outcome_name(d->outcome), d->message, d->pods);
    }
    assert_int_equal(w.n_decisions, GS_LEN(want));
    assert_string_equal(w.decisions[0].id, w.decisions[5].id);
    assert_string_equal(w.decisions[3].id, w.decisions[4].id);
    world_close(&w);
}

/* Each pod goes on as before, or the new ones never get Ready: taken back, and never tried again in this incident. */
static void in_vain(void **state)
{
    (void)state;
    for (int ready = 0; ready < 2; ready++) {
        world w;
        world_open(&w);
        const gs_incident *i = scaled(&w);
        int64_t at = w.now;
        fake_scale *s = world_scale(&w, "shop");
        s->never_ready = !ready;
        const world_line *l = world_until(&w, GS_EVENT_ACTION, 6 * MINUTE);
        assert_in_range(l->ms - at, 298 * SECOND, 304 * SECOND);
        const char *want = ready ? "ScaleOut 3 -> 4: Ineffective: GrowthNotLower: 7"
                                 : "ScaleOut 3 -> 4: Ineffective: NotReady: 3 pods are available, not 4, after";
        if (!starts(l->reason, want))
            fail_msg("\"%s\"", l->reason);
        assert_int_equal(last_action(i, GS_ACTION_SCALE_OUT)->outcome, GS_OUTCOME_INEFFECTIVE);
        assert_int_equal(decision_at(&w, GS_DECISION_UNDO, 0)->outcome, GS_OUTCOME_INEFFECTIVE);
        assert_int_equal(s->replicas, 3);
        assert_int_equal(w.records, 0);
        assert_false(i->resolved);
        s->never_ready = 0;
        world_run(&w, 2 * MINUTE);
        assert_int_equal(w.begun, 2); /* the Evict */
        fake_pod *p = w.pods[0];
        p->freed_ms = w.now;
        (void)world_until(&w, GS_EVENT_RESOLVED, 3 * MINUTE);
        p->removed = false; /* its successor leaks as well */
        p->freed_ms = 0;
        p->sites[1].from_ms = w.now;
        (void)world_until(&w, GS_EVENT_INCIDENT, 5 * MINUTE);
        world_run(&w, 10 * MINUTE);
        assert_int_equal(i->occurrences, 2);
        assert_int_equal(w.begun, 3); /* again only the Evict */
        assert_int_equal(last_action(i, GS_ACTION_EVICT)->outcome, GS_OUTCOME_SUCCEEDED);
        world_close(&w);
    }
}

/* What the judge needs fails for a while, or the controller dies: it is judged later, once. */
static void judged_later(void **state)
{
    (void)state;
    enum { FACTS_FAIL, RECORD_FAILS, RESTARTED, SUSPENDED, WAYS };
    for (int how = 0; how < WAYS; how++) {
        world w;
        world_open(&w);
        (void)scaled(&w);
        stops_leaking(&w);
        world_run(&w, 280 * SECOND);
        w.facts_fail = how == FACTS_FAIL;
        w.act = how == RECORD_FAILS ? ACT_REFUSED : ACT_OK;
        gs_policy *p = ladder(&w);
        if (how == RESTARTED)
            world_restart(&w);
        p = how == SUSPENDED ? ladder(&w) : p;
        if (how == SUSPENDED)
            p->suspend = true;
        world_run(&w, MINUTE);
        assert_int_equal(world_scale(&w, "shop")->record.judged, how == RESTARTED);
        assert_int_equal(w.begun, how == RESTARTED ? 2 : 1);
        w.facts_fail = false;
        w.act = ACT_OK;
        if (how == SUSPENDED)
            (void)ladder(&w);
        world_run(&w, 30 * SECOND);
        assert_true(world_scale(&w, "shop")->record.judged);
        assert_int_equal(w.begun, 2);
        assert_int_equal(w.undos, 0);
        world_close(&w);
    }
}

/* It is never held longer, whatever the mode; and what an earlier version recorded has no time of its own. */
static void never_longer(void **state)
{
    (void)state;
    enum { OBSERVE, SUSPEND, NO_ACTIONS, OLD_RECORD, WAYS };
    for (int how = 0; how < WAYS; how++) {
        world w;
        world_open(&w);
        (void)scaled(&w);
        stops_leaking(&w);
        world_run(&w, 100 * SECOND);
        gs_policy *p = ladder(&w);
        p->mode = how == OBSERVE ? GS_MODE_OBSERVE : GS_MODE_ENFORCE;
        p->suspend = how == SUSPEND;
        p->n_actions = how == NO_ACTIONS ? 0 : p->n_actions;
        if (how == OLD_RECORD) {
            world_scale(&w, "shop")->record.scaled_ms = 0;
            world_restart(&w);
        }
        world_run(&w, 780 * SECOND);
        assert_int_equal(w.undos, 0);
        world_run(&w, how == NO_ACTIONS ? 6400 * SECOND : 30 * SECOND); /* 2 hours are the API's */
        if (w.undos != 1)
            fail_msg("way %d: %u undone", how, w.undos);
        assert_int_equal(world_scale(&w, "shop")->replicas, 3);
        world_close(&w);
    }
}

/* Pods that get Ready only after a while: it goes on in steps, says what it waits for, and survives any death. */
static void replace_waits(void **state)
{
    (void)state;
    for (int deaths = 0; deaths < 3; deaths++) {
        world w;
        world_open(&w);
        fake_pod *p = world_usual(&w);
        gs_policy *policy = world_policy("p");
        policy->actions[0] = (gs_action_spec){.type = GS_ACTION_REPLACE, .replace = {.max_pods = 1, .ready_s = 5}};
        policy->limits.min_available_percent = 50;
        (void)world_set(&w, policy);
        fake_scale *s = world_scale(&w, "shop");
        s->never_ready = 1;
        (void)world_site(p, WORLD_LEAK, 0, 2, w.now);
        while (s->replicas != 4)
            world_run(&w, 10);
        for (int k = 0; k < 20; k++) {
            world_run(&w, SECOND);
            if (k < 5 * deaths)
                world_restart(&w);
        }
        gs_policy_facts f = world_facts(&w, "p");
        assert_string_equal(f.heal_state, "Acting");
        assert_true(starts(f.heal_message, "Replace 3 -> 4 of shop-1: waits for pods to get Ready: 2 of 3"));
        assert_true(f.to_undo);
        s->never_ready = 0;
        world_run(&w, 20 * SECOND);
        assert_int_equal(w.begun, 1);
        assert_int_equal(s->replicas, 3);
        assert_true(p->removed);
        const gs_incident *i = world_incident(&w, 0);
        assert_int_equal(last_action(i, GS_ACTION_REPLACE)->outcome, GS_OUTCOME_SUCCEEDED);
        assert_string_equal(last_action(i, GS_ACTION_REPLACE)->pods, "shop-1");
        assert_string_equal(world_line_at(&w, GS_EVENT_ACTION, 0)->reason, "Replace 3 -> 4 of shop-1: Succeeded");
        assert_int_equal(world_count(&w, GS_EVENT_ACTION), 1);
        assert_false(world_facts(&w, "p").to_undo);
        world_close(&w);
    }
}

/* The policy changes its mind in the middle: its replicas are taken back, and no pod is removed. */
static void replace_is_called_off(void **state)
{
    (void)state;
    for (int how = 0; how < 3; how++) {
        world w;
        world_open(&w);
        fake_pod *p = world_usual(&w);
        gs_policy *policy = world_policy("p");
        policy->actions[0] = (gs_action_spec){.type = GS_ACTION_REPLACE, .replace = {.max_pods = 1}};
        policy->limits.min_available_percent = 50;
        (void)world_set(&w, policy);
        fake_scale *s = world_scale(&w, "shop");
        (void)world_site(p, WORLD_LEAK, 0, 2, w.now);
        s->never_ready = 1;
        while (s->replicas != 4)
            world_run(&w, 10);
        gs_policy *next = world_policy("p");
        next->mode = how == 0 ? GS_MODE_OBSERVE : GS_MODE_ENFORCE;
        next->suspend = how == 1;
        next->deleting = how == 2;
        (void)world_set(&w, next);
        world_run(&w, 20 * SECOND);
        assert_int_equal(s->replicas, 3);
        assert_false(p->removed);
        const gs_action *a = last_action(world_incident(&w, 0), GS_ACTION_REPLACE);
        assert_int_equal(a->outcome, GS_OUTCOME_FAILED);
        assert_true(starts(a->reason, "PolicyChanged: "));
        assert_false(world_facts(&w, "p").to_undo);
        world_close(&w);
    }
}

/* The kind cannot do the first action: told once, and the next one is done. */
static void passed_over(void **state)
{
    (void)state;
    for (int mode = GS_MODE_DRY_RUN; mode <= GS_MODE_ENFORCE; mode++) {
        world w;
        world_open(&w);
        fake_pod *p = world_usual(&w);
        gs_policy *policy = ladder(&w);
        policy->mode = (enum gs_mode)mode;
        policy->actions[0] = (gs_action_spec){.type = GS_ACTION_REPLACE, .replace.max_pods = 1};
        fake_scale *s = world_scale(&w, "shop");
        s->not_replaceable = true;
        s->rolling = true; /* it is looked at many times */
        (void)world_site(p, WORLD_LEAK, 0, 2, w.now);
        world_run(&w, 5 * MINUTE);
        assert_int_equal(world_count(&w, GS_EVENT_REFUSED), 2);
        assert_true(starts(world_line_at(&w, GS_EVENT_REFUSED, 0)->reason, "ActionNotPossible: Replace is for Depl"));
        assert_true(starts(world_line_at(&w, GS_EVENT_REFUSED, 1)->reason, "RolloutUnfinished: "));
        s->rolling = false;
        world_run(&w, MINUTE);
        assert_int_equal(world_count(&w, GS_EVENT_ACTION), 1);
        assert_int_equal(p->removed, mode == GS_MODE_ENFORCE);
        world_close(&w);
    }
}

/* Two refusals that take turns: each is told at once, and then every ten minutes at most. */
static void taking_turns(void **state)
{
    (void)state;
    world w;
    world_open(&w);
    fake_scale *s = world_scale(&w, "shop");
    s->rolling = true;
    (void)world_leaking(&w);
    (void)world_until(&w, GS_EVENT_REFUSED, 2 * MINUTE);
    for (int turn = 0; turn < 20; turn++) { /* a minute each */
        s->rolling = turn % 2;
        s->replicas = turn % 2 ? 3 : 0;
        world_run(&w, MINUTE);
        if (!turn)
            assert_int_equal(world_count(&w, GS_EVENT_REFUSED), 2);
    }
    assert_true(starts(world_line_at(&w, GS_EVENT_REFUSED, 0)->reason, "RolloutUnfinished: "));
    assert_true(starts(world_line_at(&w, GS_EVENT_REFUSED, 1)->reason, "ScaledToZero: "));
    assert_int_equal(w.begun, 0);
    assert_int_equal(world_count(&w, GS_EVENT_REFUSED), 4);
    assert_in_range(world_line_at(&w, GS_EVENT_REFUSED, 2)->ms - world_line_at(&w, GS_EVENT_REFUSED, 0)->ms,
                    10 * MINUTE, 12 * MINUTE);
    world_close(&w);
}

/* Twins under DryRun and Enforce: the first decision is the same, word for word. */
static void twins(void **state)
{
    (void)state;
    world w;
    world_decision first[2];
    for (int k = 0; k < 2; k++) {
        world_open(&w);
        fake_pod *p = world_usual(&w);
        ladder(&w)->mode = k ? GS_MODE_ENFORCE : GS_MODE_DRY_RUN;
        (void)world_site(p, WORLD_LEAK, 0, 2, w.now);
        (void)world_until(&w, GS_EVENT_ACTION, 2 * MINUTE);
        first[k] = w.decisions[0];
        world_close(&w);
    }
    assert_int_equal(first[0].kind, GS_DECISION_DRY_RUN);
    assert_int_equal(first[1].kind, GS_DECISION_ACT);
    assert_string_equal(first[0].message, first[1].message);
    assert_int_equal(first[0].type, first[1].type);
    assert_int_equal(first[0].from, first[1].from);
    assert_int_equal(first[0].to, first[1].to);
    assert_string_equal(first[0].id, first[1].id);
    assert_string_equal(first[0].pods, first[1].pods);
}

/* Refusals that come before any facts: told once each, and the action is done when its time has come. */
static void windows_are_kept(void **state)
{
    (void)state;
    world w;
    world_open(&w);
    fake_pod *p = world_usual(&w);
    gs_policy *policy = world_policy("p");
    policy->n_windows = 1; /* each hour from its 13th minute on; the world begins at 22:30:00 and a thousand seconds */
    policy->windows[0] = (gs_window){.name = "ops", .duration_min = 10};
    assert_int_equal(gs_cron_parse(GS_STR("13 * * * *"), &policy->windows[0].cron, NULL), 0);
    (void)world_set(&w, policy);
    (void)world_site(p, WORLD_LEAK, 0, 2, w.now);
    (void)world_until(&w, GS_EVENT_REFUSED, 2 * MINUTE);
    assert_true(starts(world_line_at(&w, GS_EVENT_REFUSED, 0)->reason, "OutsideWindow: "));
    assert_int_equal(decision_at(&w, GS_DECISION_REFUSE, 0)->refusal, GS_REFUSAL_WINDOW);
    for (int k = 0; k < 7200 && !w.begun; k++)
        world_run(&w, SECOND);
    int64_t minute = (w.now + WORLD_WALL0) / 60000 % 60;
    assert_int_equal(minute, 13);
    assert_int_equal(world_count(&w, GS_EVENT_REFUSED), 1);
    assert_int_equal(w.facts_calls, 1); /* nobody was asked meanwhile */
    world_close(&w);
}

static void late_evidence_is_told(void **state)
{
    (void)state;
    world w;
    world_open(&w);
    w.store = STORE_FAILS;
    (void)world_leaking(&w);
    world_run(&w, 50 * SECOND);
    assert_int_equal(world_count(&w, GS_EVENT_REFUSED), 0);
    world_run(&w, 5 * MINUTE);
    assert_int_equal(world_count(&w, GS_EVENT_REFUSED), 1);
    assert_true(starts(world_line_at(&w, GS_EVENT_REFUSED, 0)->reason, "EvidenceMissing: "));
    assert_int_equal(w.begun, 0);
    w.store = STORE_OK;
    world_run(&w, MINUTE);
    assert_int_equal(w.begun, 1);
    world_close(&w);
}

/* What the policy says of itself is in its condition; nobody is bothered. */
static void quiet_refusals(void **state)
{
    (void)state;
    for (int k = 0; k < 2; k++) {
        world w;
        world_open(&w);
        fake_pod *p = world_usual(&w);
        gs_policy *policy = world_policy("p");
        policy->min_grade = k ? GS_GRADE_PROBABLE : GS_GRADE_PROVEN;
        policy->n_actions = k ? 0 : 1;
        (void)world_set(&w, policy);
        world_site(p, WORLD_LEAK, 0, 2, w.now)->reachable = true;
        world_run(&w, 20 * MINUTE);
        assert_string_equal(world_facts(&w, "p").heal_state, k ? "NoActions" : "GradeTooLow");
        assert_int_equal(world_count(&w, GS_EVENT_REFUSED), 0);
        assert_int_equal(w.n_decisions, 0);
        assert_int_equal(world_incident(&w, 0)->n_actions, 0);
        world_close(&w);
    }
}

/* An intent that could not be recorded, as often as it is tried. */
static void withdrawn_is_told(void **state)
{
    (void)state;
    world w;
    world_open(&w);
    w.act = ACT_REFUSED;
    const gs_incident *i = world_leaking(&w);
    world_run(&w, MINUTE);
    assert_int_equal(w.n_decisions, 2 * w.begun);
    for (size_t k = 0; k < w.n_decisions; k++)
        assert_int_equal(w.decisions[k].kind, k % 2 ? GS_DECISION_WITHDRAWN : GS_DECISION_ACT);
    assert_int_equal(i->n_actions, 0);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kept_and_the_next_one), cmocka_unit_test(every_decision_is_told),
        cmocka_unit_test(taking_turns),          cmocka_unit_test(in_vain),
        cmocka_unit_test(judged_later),          cmocka_unit_test(never_longer),
        cmocka_unit_test(replace_waits),         cmocka_unit_test(replace_is_called_off),
        cmocka_unit_test(passed_over),           cmocka_unit_test(twins),
        cmocka_unit_test(windows_are_kept),      cmocka_unit_test(late_evidence_is_told),
        cmocka_unit_test(quiet_refusals),        cmocka_unit_test(withdrawn_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
