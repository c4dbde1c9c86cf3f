#include "core/heal.h"

#include "base/cleanup.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define T0 1767225600000
#define NOW (T0 + 100000)

/* What a decision looks at, all in order: ScaleOut 6 -> 7. Each case changes one thing. */
typedef struct world {
    gs_policy *p;
    gs_incident *i;
    gs_workload_facts f;
    gs_heal_history h;
} world;

static void evidence_at(world *w, int64_t at)
{
    gs_incident_add_evidence(w->i, &(gs_evidence){.kind = "Goroutine", .time_ms = at});
}

static void make(world *w)
{
    memset(w, 0, sizeof *w);
    w->p = gs_policy_new();
    w->p->mode = GS_MODE_ENFORCE;
    w->p->has_s3 = true;
    w->p->n_actions = 1;
    w->p->actions[0].scale_out = (gs_scale_out){.step = 1, .max_replicas = 10};
    w->i = gs_incident_new(&(gs_workload_ref){.kind = "Deployment", .name = "payments"}, NULL);
    w->i->detection_ms = T0;
    w->i->grade = GS_GRADE_PROBABLE;
    evidence_at(w, T0 + 1000);
    w->f = (gs_workload_facts){.scalable = true, .replicas = 6};
}

static void done(world *w)
{
    gs_policy_free(w->p);
    gs_incident_free(w->i);
}

static void nothing(world *w)
{
    (void)w;
}
static void observe(world *w)
{
    w->p->mode = GS_MODE_OBSERVE;
}
static void suspended(world *w)
{
    w->p->suspend = true;
}
static void no_actions(world *w)
{
    w->p->n_actions = 0;
}
static void tried_with(world *w, enum gs_outcome outcome, bool dry_run, int64_t at)
{
    gs_action *a = gs_incident_add_action(w->i, GS_ACTION_SCALE_OUT, at);
    a->outcome = outcome;
    a->dry_run = dry_run;
}
static void tried(world *w)
{
    tried_with(w, GS_OUTCOME_SUCCEEDED, false, T0 + 2000);
}
static void tried_and_failed(world *w)
{
    tried_with(w, GS_OUTCOME_FAILED, false, T0 + 2000);
}
static void tried_before(world *w)
{
    tried_with(w, GS_OUTCOME_UNDONE, false, T0 - 2000);
}
static void refused_before(world *w)
{
    tried_with(w, GS_OUTCOME_REFUSED, false, T0 + 2000);
}
static void only_planned(world *w)
{
    tried_with(w, GS_OUTCOME_SUCCEEDED, true, T0 + 2000);
}
static void dry_run(world *w)
{
    w->p->mode = GS_MODE_DRY_RUN;
}
static void planned_in_dry_run(world *w)
{
    dry_run(w);
    only_planned(w);
}
static void done_then_dry_run(world *w)
{
    dry_run(w);
    tried(w);
}
static void second_action(world *w)
{
    tried(w);
    w->p->n_actions = 2;
    w->p->actions[1].scale_out = (gs_scale_out){.step = 3, .max_replicas = 8};
}
static void suspected(world *w)
{
    w->i->grade = GS_GRADE_SUSPECTED;
}
static void suspected_suffices(world *w)
{
    suspected(w);
    w->p->min_grade = GS_GRADE_SUSPECTED;
}
static void not_graded(world *w)
{
    w->i->grade = GS_GRADE_NONE;
    w->p->min_grade = GS_GRADE_SUSPECTED;
}
static void no_evidence(world *w)
{
    w->i->n_evidence = 0;
}
static void old_evidence(world *w)
{
    no_evidence(w);
    evidence_at(w, T0 - 1);
}
static void no_store(world *w)
{
    no_evidence(w);
    w->p->has_s3 = false;
}
static void pending(world *w)
{
    w->h.pending.set = true;
}
static void acted_at(world *w, int64_t at)
{
    w->h.action_times[0] = at;
    w->h.n_times = 1;
}
static void acted_just_now(world *w)
{
    acted_at(w, NOW - 1500);
}
static void cooled_down(world *w)
{
    acted_at(w, NOW - 600000);
}
static void almost_cooled_down(world *w)
{
    acted_at(w, NOW - 599999);
}
static void gone(world *w)
{
    w->f.gone = true;
}
static void no_scale(world *w)
{
    w->f.scalable = false;
}
static void autoscaled(world *w)
{
    (void)gs_str_copy(w->f.autoscaler, sizeof w->f.autoscaler, GS_STR("my-hpa"));
}
static void zero(world *w)
{
    w->f.replicas = 0;
}
static void at_maximum(world *w)
{
    w->f.replicas = 10;
}
static void above_maximum(world *w)
{
    w->f.replicas = 50;
}
static void near_maximum(world *w)
{
    w->f.replicas = 9;
    w->p->actions[0].scale_out.step = 5;
}
static void added(world *w)
{
    w->h.added_replicas = 1;
}

static const struct {
    const char *name;
    void (*change)(world *);
    enum gs_refusal refusal;
    bool before; /* refused without asking for facts */
    int to;      /* where it is done */
    int64_t retry;
    const char *message;
} cases[] = {
    {"all in order", nothing, GS_REFUSAL_NONE, false, 7, -1, ""},
    {"Observe", observe, GS_REFUSAL_MODE, true, 0, -1, "Observe"},
    {"suspended", suspended, GS_REFUSAL_SUSPENDED, true, 0, -1, "suspend"},
    {"no actions", no_actions, GS_REFUSAL_NO_ACTIONS, true, 0, -1, "spec.healing.actions is empty"},
    {"tried", tried, GS_REFUSAL_NO_ACTIONS, true, 0, -1, "all actions of the policy were tried"},
    {"tried and failed", tried_and_failed, GS_REFUSAL_NO_ACTIONS, true, 0, -1, "all actions"},
    {"tried in an earlier occurrence", tried_before, GS_REFUSAL_NONE, false, 7, -1, ""},
    {"refused before", refused_before, GS_REFUSAL_NONE, false, 7, -1, ""},
    {"planned in DryRun before", only_planned, GS_REFUSAL_NONE, false, 7, -1, ""},
    {"DryRun plans the same", dry_run, GS_REFUSAL_NONE, false, 7, -1, ""},
    {"DryRun plans once", planned_in_dry_run, GS_REFUSAL_NO_ACTIONS, true, 0, -1, "all actions"},
    {"DryRun after Enforce", done_then_dry_run, GS_REFUSAL_NONE, false, 7, -1, ""},
    {"the second action", second_action, GS_REFUSAL_NONE, false, 8, -1, ""},
    {"Suspected", suspected, GS_REFUSAL_GRADE, true, 0, -1, "graded Suspected, spec.healing.minGrade is Probable"},
    {"Suspected suffices", suspected_suffices, GS_REFUSAL_NONE, false, 7, -1, ""},
    {"not graded", not_graded, GS_REFUSAL_GRADE, true, 0, -1, "minGrade is Suspected"},
    {"no evidence", no_evidence, GS_REFUSAL_EVIDENCE, true, 0, -1, "not stored yet"},
    {"evidence of an earlier occurrence", old_evidence, GS_REFUSAL_EVIDENCE, true, 0, -1, "not stored yet"},
    {"no store", no_store, GS_REFUSAL_NONE, false, 7, -1, ""},
    {"pending", pending, GS_REFUSAL_PENDING, true, 0, 5000, "no outcome yet"},
    {"cooldown", acted_just_now, GS_REFUSAL_COOLDOWN, true, 0, 598500, "another 599 s"},
    {"cooldown, 1 ms to go", almost_cooled_down, GS_REFUSAL_COOLDOWN, true, 0, 1, "another 1 s"},
    {"cooled down", cooled_down, GS_REFUSAL_NONE, false, 7, -1, ""},
    {"gone", gone, GS_REFUSAL_GONE, false, 0, -1, "does not exist"},
    {"no scale", no_scale, GS_REFUSAL_KIND, false, 0, -1, "a Deployment has no scale"},
    {"autoscaler", autoscaled, GS_REFUSAL_AUTOSCALER, false, 0, 60000, "HorizontalPodAutoscaler my-hpa"},
    {"scaled to 0", zero, GS_REFUSAL_ZERO, false, 0, 60000, "scaled to 0"},
    {"at the maximum", at_maximum, GS_REFUSAL_MAX_REPLICAS, false, 0, 60000, "10 replicas, scaleOut.maxReplicas is 10"},
    {"above the maximum", above_maximum, GS_REFUSAL_MAX_REPLICAS, false, 0, 60000, "50 replicas"},
    {"no further than the maximum", near_maximum, GS_REFUSAL_NONE, false, 10, -1, ""},
    {"not taken back yet", added, GS_REFUSAL_ADDED, false, 0, 60000, "not taken back"},
};

static void test_plan(void **state)
{
    (void)state;
    for (size_t i = 0; i < GS_LEN(cases); i++) {
        world w;
        gs_plan plan, pre;
        make(&w);
        cases[i].change(&w);
        gs_heal_precheck(w.p, w.i, &w.h, NOW, &pre);
        gs_heal_plan(w.p, w.i, &w.f, &w.h, NOW, &plan);
        if (plan.refusal != cases[i].refusal || plan.retry_ms != cases[i].retry ||
            !strstr(plan.message, cases[i].message))
            fail_msg("%s: %s, retry %lld, \"%s\"", cases[i].name, gs_refusal_name(plan.refusal),
                     (long long)plan.retry_ms, plan.message);
        assert_int_equal(pre.refusal, cases[i].before ? cases[i].refusal : GS_REFUSAL_NONE);
        assert_int_equal(gs_refusal_name(plan.refusal)[0] != 0, plan.refusal != GS_REFUSAL_NONE);
        if (plan.refusal == GS_REFUSAL_NONE) {
            assert_int_equal(plan.type, GS_ACTION_SCALE_OUT);
            assert_int_equal(plan.from, w.f.replicas);
            assert_int_equal(plan.to, cases[i].to);
        }
        done(&w);
    }
}

static void test_no_history(void **state)
{
    (void)state;
    world w;
    gs_plan plan;
    make(&w);
    gs_heal_plan(w.p, w.i, &w.f, NULL, NOW, &plan);
    assert_int_equal(plan.refusal, GS_REFUSAL_NONE);
    done(&w);
}

static void test_undo(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int added, scaled_to;
        gs_workload_facts f;
        int want;
    } undo[] = {
        {"as it was left", 1, 7, {.scalable = true, .replicas = 7}, 6},
        {"three added", 3, 9, {.scalable = true, .replicas = 9}, 6},
        {"someone scaled up", 1, 7, {.scalable = true, .replicas = 8}, -1},
        {"someone scaled down", 1, 7, {.scalable = true, .replicas = 6}, -1},
        {"nothing was added", 0, 7, {.scalable = true, .replicas = 7}, -1},
        {"gone", 1, 7, {.scalable = true, .replicas = 7, .gone = true}, -1},
        {"an autoscaler has come", 1, 7, {.scalable = true, .replicas = 7, .autoscaler = "hpa"}, -1},
        {"never to 0", 1, 1, {.scalable = true, .replicas = 1}, -1},
    };
    for (size_t i = 0; i < GS_LEN(undo); i++) {
        gs_heal_history h = {.added_replicas = undo[i].added, .scaled_to = undo[i].scaled_to};
        if (gs_heal_undo(&h, &undo[i].f) != undo[i].want)
            fail_msg("%s: %d", undo[i].name, gs_heal_undo(&h, &undo[i].f));
    }
}

static void test_resume(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        gs_workload_facts f;
        enum gs_resume want;
    } resume[] = {
        {"not done yet", {.scalable = true, .replicas = 6}, GS_RESUME_DO},
        {"done", {.scalable = true, .replicas = 7}, GS_RESUME_DONE},
        {"someone else", {.scalable = true, .replicas = 9}, GS_RESUME_GIVE_UP},
        {"gone", {.gone = true, .scalable = true, .replicas = 6}, GS_RESUME_GIVE_UP},
        {"gone, with the number", {.gone = true, .replicas = 7}, GS_RESUME_GIVE_UP},
        {"an autoscaler has come", {.scalable = true, .replicas = 6, .autoscaler = "hpa"}, GS_RESUME_GIVE_UP},
    };
    for (size_t i = 0; i < GS_LEN(resume); i++) {
        gs_heal_history h = {.pending = {.set = true, .from = 6, .to = 7}};
        if (gs_heal_resume(&h, &resume[i].f) != resume[i].want)
            fail_msg("%s", resume[i].name);
    }
}

/* Times are kept for an hour or the cooldown, whichever is longer, and never more than there is place for. */
static void test_history(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int64_t cooldown_s, age_ms;
        size_t kept;
    } ages[] = {
        {"an hour", 600, 3600000, 2},
        {"over an hour", 600, 3600001, 1},
        {"a longer cooldown", 7200, 7200000, 2},
        {"over it", 7200, 7200001, 1},
    };
    for (size_t i = 0; i < GS_LEN(ages); i++) {
        gs_heal_history h = {.action_times = {NOW - ages[i].age_ms}, .n_times = 1};
        gs_history_add_time(&h, NOW, ages[i].cooldown_s);
        if (h.n_times != ages[i].kept || h.action_times[h.n_times - 1] != NOW)
            fail_msg("%s: %zu", ages[i].name, h.n_times);
    }
    gs_heal_history h = {0};
    for (int k = 0; k < 3 * GS_MAX_ACTION_TIMES; k++)
        gs_history_add_time(&h, NOW + k, 600);
    assert_int_equal(h.n_times, GS_MAX_ACTION_TIMES);
    for (size_t k = 0; k < h.n_times; k++)
        assert_int_equal(h.action_times[k], NOW + 2 * GS_MAX_ACTION_TIMES + (int64_t)k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_plan), cmocka_unit_test(test_no_history),
                                       cmocka_unit_test(test_undo), cmocka_unit_test(test_resume),
                                       cmocka_unit_test(test_history)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
