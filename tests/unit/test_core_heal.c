/* What may be done, as tables: all in order, and one thing that is not. */
#include "core/heal.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define T0 1767225600000 /* 2026-01-01T00:00:00Z */
#define NOW (T0 + 100000)

/* What a decision looks at, all in order: ScaleOut 6 -> 7, and three of the six pods leak. Each case changes one thing. */
typedef struct world {
    gs_policy *p;
    gs_incident *i;
    gs_pod_facts pods[8];
    gs_workload_facts f;
    gs_heal_history h;
    bool evidence;
} world;

static void add_pod(world *w, const char *name, bool leaks)
{
    gs_pod_facts *f = &w->pods[w->f.n_pods++];
    *f = (gs_pod_facts){.revision = "r1", .assigned = true, .running = true, .ready = true, .ready_ms = T0};
    (void)snprintf(f->name, sizeof f->name, "%s", name);
    (void)snprintf(f->uid, sizeof f->uid, "uid-%s", name);
    if (!leaks)
        return;
    w->i->pods = gs_grow(w->i->pods, &w->i->cap_pods, w->i->n_pods + 1, sizeof *w->i->pods);
    gs_incident_pod *p = &w->i->pods[w->i->n_pods++];
    *p = (gs_incident_pod){.goroutines = 1000, .leaking = 900};
    (void)snprintf(p->name, sizeof p->name, "%s", name);
}

static gs_action_spec action(enum gs_action_type type)
{
    return (gs_action_spec){.type = type,
                            .scale_out = {1, 10, 600, 7200},
                            .replace = {.max_pods = 2, .ready_s = 30},
                            .evict = {.max_pods = 2}};
}

static void only(world *w, enum gs_action_type type)
{
    w->p->n_actions = 1;
    w->p->actions[0] = action(type);
}

static void make(world *w)
{
    static const char *const names[] = {"a", "b", "c", "d", "e", "f"};
    memset(w, 0, sizeof *w);
    w->p = gs_policy_new();
    w->p->mode = GS_MODE_ENFORCE;
    w->p->has_s3 = true;
    only(w, GS_ACTION_SCALE_OUT);
    w->i = gs_incident_new(&(gs_workload_ref){.kind = "Deployment", .ns = "shop", .name = "payments"}, NULL);
    (void)snprintf(w->i->name, sizeof w->i->name, "payments-1");
    w->i->detection_ms = T0;
    w->i->grade = GS_GRADE_PROBABLE;
    w->evidence = true;
    w->f = (gs_workload_facts){.scalable = true,
                               .can_replace = true,
                               .can_restart = true,
                               .replicas = 6,
                               .available = 6,
                               .replica_sets = 1,
                               .pods = w->pods};
    for (size_t k = 0; k < GS_LEN(names); k++)
        add_pod(w, names[k], k < 3);
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

/* The policy, the grade, the evidence. */

static void observe(world *w)
{
    w->p->mode = GS_MODE_OBSERVE;
}
static void suspended(world *w)
{
    w->p->suspend = true;
}
static void dry_run(world *w)
{
    w->p->mode = GS_MODE_DRY_RUN;
}
static void no_actions(world *w)
{
    w->p->n_actions = 0;
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
    w->evidence = false;
}
static void denied(world *w)
{
    gs_window *v = &w->p->windows[w->p->n_windows++];
    *v = (gs_window){.name = "freeze", .deny = true, .duration_min = 60};
    assert_int_equal(gs_cron_parse(GS_STR("0 0 1 1 *"), &v->cron, NULL), 0);
}
static void outside(world *w)
{
    gs_window *v = &w->p->windows[w->p->n_windows++];
    *v = (gs_window){.name = "ops", .duration_min = 60};
    assert_int_equal(gs_cron_parse(GS_STR("0 8 1 1 *"), &v->cron, NULL), 0);
}

/* What was tried. */

static void tried_with(world *w, enum gs_outcome outcome, bool dry, int64_t at)
{
    gs_action *a = gs_incident_add_action(w->i, GS_ACTION_SCALE_OUT, at);
    a->outcome = outcome;
    a->dry_run = dry;
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
static void ineffective_before(world *w)
{
    tried_with(w, GS_OUTCOME_INEFFECTIVE, false, T0 - 2000);
}
static void refused_before(world *w)
{
    tried_with(w, GS_OUTCOME_REFUSED, false, T0 + 2000);
}
static void only_planned(world *w)
{
    tried_with(w, GS_OUTCOME_SUCCEEDED, true, T0 + 2000);
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
static void two_actions(world *w)
{
    w->p->n_actions = 2;
    w->p->actions[1] = action(GS_ACTION_EVICT);
    w->p->actions[1].evict.max_pods = 1;
}
static void second_action(world *w)
{
    two_actions(w);
    tried(w);
}
static void other_order(world *w)
{
    two_actions(w);
    tried(w);
    w->p->actions[0] = w->p->actions[1];
    w->p->actions[1] = action(GS_ACTION_SCALE_OUT);
}

/* The history. */

static void pending(world *w)
{
    w->h.pending.set = true;
}
static void holding(world *w)
{
    second_action(w);
    w->h.added_replicas = 1;
    w->h.scaled_to = 7;
    w->h.scaled_ms = NOW - 60000;
    (void)snprintf(w->h.incident, sizeof w->h.incident, "payments-1");
}
static void hold_is_over(world *w)
{
    holding(w);
    w->h.scaled_ms = NOW - 600000;
}
static void judged(world *w)
{
    holding(w);
    w->h.judged = true;
}
static void another_incident(world *w)
{
    holding(w);
    w->i->n_actions = 0;
    (void)snprintf(w->h.incident, sizeof w->h.incident, "payments-2");
}
static void times(world *w, size_t n, int64_t newest)
{
    for (size_t k = 0; k < n; k++)
        w->h.action_times[k] = newest - (int64_t)(n - 1 - k) * 700000;
    w->h.n_times = n;
}
static void acted_just_now(world *w)
{
    times(w, 1, NOW - 1500);
}
static void cooled_down(world *w)
{
    times(w, 1, NOW - 600000);
}
static void almost_cooled_down(world *w)
{
    times(w, 1, NOW - 599999);
}
static void budget_spent(world *w)
{
    times(w, 4, NOW - 600000);
}
static void budget_free_again(world *w)
{
    times(w, 4, NOW - 1500000);
}
static void budget_of_one(world *w)
{
    w->p->limits.max_actions_per_hour = 1;
    times(w, 3, NOW - 700000);
}
static void added(world *w)
{
    w->h.added_replicas = 1;
}
static void all_added(world *w)
{
    w->h.added_replicas = 5;
}

/* The workload. */

static void gone(world *w)
{
    w->f.gone = true;
}
static void no_scale(world *w)
{
    w->f.scalable = false;
}
static void daemon_set(world *w)
{
    two_actions(w);
    w->f.scalable = false;
    (void)snprintf(w->i->workload.kind, sizeof w->i->workload.kind, "DaemonSet");
}
static void stateful_set(world *w)
{
    only(w, GS_ACTION_REPLACE);
    w->f.can_replace = false;
    (void)snprintf(w->i->workload.kind, sizeof w->i->workload.kind, "StatefulSet");
}
static void autoscaled(world *w)
{
    (void)gs_str_copy(w->f.autoscaler, sizeof w->f.autoscaler, GS_STR("my-hpa"));
    w->f.hpa_min = 2;
    w->f.hpa_max = 20;
}
static void autoscaler_raised(world *w)
{
    autoscaled(w);
    w->f.hpa_min = w->f.replicas + 6; /* someone did just now */
}
static void autoscaled_near_maximum(world *w)
{
    autoscaled(w);
    w->p->actions[0].scale_out = (gs_scale_out){9, 100, 600, 7200};
    w->p->limits.max_added_replicas = 100;
    w->f.hpa_max = 8;
}
static void autoscaled_at_maximum(world *w)
{
    autoscaled(w);
    w->f.hpa_max = 6;
}
static void keda(world *w)
{
    autoscaled(w);
    w->f.keda = true;
}
static void keda_and_evict(world *w)
{
    keda(w);
    only(w, GS_ACTION_EVICT);
}
static void zero(world *w)
{
    w->f.replicas = w->f.available = 0;
}
static void paused(world *w)
{
    w->f.paused = w->f.rolling = true;
}
static void rolling(world *w)
{
    w->f.rolling = true;
}
static void two_replica_sets(world *w)
{
    w->f.replica_sets = 2;
}
static void of_size(world *w, int replicas)
{
    w->f.replicas = w->f.available = replicas;
}
static void at_maximum(world *w)
{
    of_size(w, 10);
}
static void above_maximum(world *w)
{
    of_size(w, 50);
}
static void near_maximum(world *w)
{
    of_size(w, 9);
    w->p->actions[0].scale_out.step = 5;
}
static void capped(world *w)
{
    w->p->actions[0].scale_out.step = 3;
    w->p->limits.max_added_replicas = 2;
}
static void unavailable(world *w)
{
    w->f.available = 4; /* 75 % of 6 are 4.5 */
}
static void just_available(world *w)
{
    w->f.available = 5;
}

/* Pods that are to go. */

static void replace(world *w)
{
    only(w, GS_ACTION_REPLACE);
}
static void replace_one(world *w)
{
    replace(w);
    w->i->n_pods = 1;
}
static void replace_hpa(world *w)
{
    autoscaled(w);
    replace(w);
}
static void replace_hpa_full(world *w)
{
    replace_hpa(w);
    w->f.hpa_max = 7;
}
static void replace_keda(world *w)
{
    keda(w);
    replace(w);
}
static void evict_at(world *w, int percent)
{
    only(w, GS_ACTION_EVICT);
    w->p->limits.min_available_percent = percent;
}
static void evict(world *w)
{
    evict_at(w, 50);
}
static void evict_one_at_most(world *w)
{
    evict_at(w, 75);
}
static void evict_none(world *w)
{
    evict_at(w, 100);
}
static void evict_not_ready(world *w)
{
    evict_at(w, 80);
    w->f.available = 5;
    w->pods[0].ready = false; /* it is not counted: nothing is lost with it */
}
static void victims_went(world *w)
{
    evict(w);
    w->f.pods += 3;
    w->f.n_pods -= 3;
}
static void victims_terminating(world *w)
{
    replace(w);
    for (size_t k = 0; k < 3; k++)
        w->pods[k].terminating = true;
}
static void victims_not_running(world *w)
{
    replace(w);
    for (size_t k = 0; k < 3; k++)
        w->pods[k].running = false;
}
static void nothing_leaks(world *w)
{
    replace(w);
    for (size_t k = 0; k < 3; k++)
        w->i->pods[k].leaking = 0;
}
static void resource(world *w)
{
    nothing_leaks(w);
    w->i->type = GS_INCIDENT_RESOURCE;
}
static void restart(world *w)
{
    only(w, GS_ACTION_RESTART);
}
static void restart_revision(world *w)
{
    restart(w);
    (void)snprintf(w->i->revision, sizeof w->i->revision, "r2");
    for (size_t k = 0; k < 3; k++)
        memcpy(w->pods[k].revision, "r2", 3);
}
static void restart_other_revision(world *w)
{
    restart_revision(w);
    memcpy(w->pods[3].revision, "r2", 3);
}
static void restart_others_go(world *w)
{
    restart(w);
    for (size_t k = 3; k < 6; k++)
        w->pods[k].terminating = true;
}
static void restart_none_left(world *w)
{
    restart(w);
    w->i->n_pods = 0;
}

static void replace_unmarked(world *w)
{
    replace(w);
    w->f.lacks = 1u << GS_RIGHT_PATCH_PODS;
}
static void replace_unmarked_paused(world *w)
{
    replace_unmarked(w);
    w->f.paused = true;
}
static void lacks_what_others_need(world *w)
{
    w->f.lacks = 1u << GS_RIGHT_PATCH_PODS | 1u << GS_RIGHT_PATCH_WORKLOAD | 1u << GS_RIGHT_EVICT;
}
static void second_would_do(world *w)
{
    replace_unmarked(w);
    w->p->n_actions = 2;
    w->p->actions[1] = action(GS_ACTION_EVICT);
}

enum when { LATER, BEFORE }; /* refused without asking for facts */

static const struct {
    const char *name;
    void (*change)(world *);
    enum gs_refusal refusal;
    enum when when;
    int64_t retry;
    const char *message; /* of a refusal, a part of it; else the action in words */
} cases[] = {
    {"all in order", nothing, GS_REFUSAL_NONE, LATER, -1, "ScaleOut 6 -> 7"},
    {"Observe", observe, GS_REFUSAL_MODE, BEFORE, -1, "spec.mode is Observe"},
    {"suspended", suspended, GS_REFUSAL_SUSPENDED, BEFORE, -1, "spec.suspend"},
    {"DryRun plans the same", dry_run, GS_REFUSAL_NONE, LATER, -1, "ScaleOut 6 -> 7"},
    {"no actions", no_actions, GS_REFUSAL_NO_ACTIONS, BEFORE, -1, "spec.healing.actions is empty"},
    {"Suspected", suspected, GS_REFUSAL_GRADE, BEFORE, -1, "graded Suspected, spec.healing.minGrade is Probable"},
    {"Suspected suffices", suspected_suffices, GS_REFUSAL_NONE, LATER, -1, "ScaleOut 6 -> 7"},
    {"not graded", not_graded, GS_REFUSAL_GRADE, BEFORE, -1, "minGrade is Suspected"},
    {"no evidence", no_evidence, GS_REFUSAL_EVIDENCE, BEFORE, -1, "not stored yet"},
    {"denied", denied, GS_REFUSAL_DENIED, BEFORE, 3500000, "\"freeze\" denies it until 2026-01-01T01:00:00Z"},
    {"outside", outside, GS_REFUSAL_WINDOW, BEFORE, 28700000,
     "none allows it until 2026-01-01T08:00:00Z, when \"ops\" opens"},

    {"tried", tried, GS_REFUSAL_NO_ACTIONS, BEFORE, -1, "all actions of the policy were tried"},
    {"tried and failed", tried_and_failed, GS_REFUSAL_NO_ACTIONS, BEFORE, -1, "all actions"},
    {"tried in an earlier occurrence", tried_before, GS_REFUSAL_NONE, LATER, -1, "ScaleOut 6 -> 7"},
    {"did not help in an earlier one", ineffective_before, GS_REFUSAL_NO_ACTIONS, BEFORE, -1, "all actions"},
    {"refused before", refused_before, GS_REFUSAL_NONE, LATER, -1, "ScaleOut 6 -> 7"},
    {"planned in DryRun before", only_planned, GS_REFUSAL_NONE, LATER, -1, "ScaleOut 6 -> 7"},
    {"DryRun plans once", planned_in_dry_run, GS_REFUSAL_NO_ACTIONS, BEFORE, -1, "all actions"},
    {"DryRun after Enforce", done_then_dry_run, GS_REFUSAL_NONE, LATER, -1, "ScaleOut 6 -> 7"},
    {"the second action", second_action, GS_REFUSAL_NONE, LATER, -1, "Evict of a"},
    {"in another order since", other_order, GS_REFUSAL_NONE, LATER, -1, "Evict of a"},

    {"pending", pending, GS_REFUSAL_PENDING, BEFORE, 5000, "no outcome yet"},
    {"holding", holding, GS_REFUSAL_HOLDING, BEFORE, 540000, "the ScaleOut to 7 is judged"},
    {"not judged yet", hold_is_over, GS_REFUSAL_HOLDING, BEFORE, 5000, "scaleOut.holdSeconds: 600 s"},
    {"judged", judged, GS_REFUSAL_NONE, LATER, -1, "Evict of a"},
    {"another incident's hold", another_incident, GS_REFUSAL_ADDED, LATER, 60000, "the 1 replicas of an earlier"},
    {"cooldown", acted_just_now, GS_REFUSAL_COOLDOWN, BEFORE, 598500, "limits.cooldownSeconds is 600: another 599 s"},
    {"cooldown, 1 ms to go", almost_cooled_down, GS_REFUSAL_COOLDOWN, BEFORE, 1, "another 1 s"},
    {"cooled down", cooled_down, GS_REFUSAL_NONE, LATER, -1, "ScaleOut 6 -> 7"},
    {"budget", budget_spent, GS_REFUSAL_BUDGET, BEFORE, 900000,
     "limits.maxActionsPerHour is 4, and 4 were done: another 900 s"},
    {"budget, the first is an hour ago", budget_free_again, GS_REFUSAL_NONE, LATER, -1, "ScaleOut 6 -> 7"},
    {"budget of one", budget_of_one, GS_REFUSAL_BUDGET, BEFORE, 2900000, "maxActionsPerHour is 1"},
    {"not taken back yet", added, GS_REFUSAL_ADDED, LATER, 60000, "not taken back"},
    {"nothing is left to add", all_added, GS_REFUSAL_MAX_ADDED, LATER, 60000,
     "5 replicas were added and are not taken back yet, limits.maxAddedReplicas is 5"},

    {"gone", gone, GS_REFUSAL_GONE, LATER, -1, "does not exist"},
    {"no scale", no_scale, GS_REFUSAL_KIND, LATER, -1, "a Deployment has no scale"},
    {"ScaleOut of a DaemonSet, then Evict", daemon_set, GS_REFUSAL_NONE, LATER, -1, "Evict of a"},
    {"Replace on a StatefulSet", stateful_set, GS_REFUSAL_KIND, LATER, -1, "which pod of a StatefulSet goes"},
    {"autoscaler", autoscaled, GS_REFUSAL_NONE, LATER, -1, "ScaleOut minReplicas 2 -> 7"},
    {"autoscaler near its maximum", autoscaled_near_maximum, GS_REFUSAL_NONE, LATER, -1, "ScaleOut minReplicas 2 -> 8"},
    {"autoscaler at its maximum", autoscaled_at_maximum, GS_REFUSAL_AUTOSCALER_MAX, LATER, 60000,
     "6 replicas, maxReplicas of HorizontalPodAutoscaler my-hpa is 6"},
    {"KEDA", keda, GS_REFUSAL_KEDA, LATER, 60000, "KEDA owns HorizontalPodAutoscaler my-hpa"},
    {"KEDA and Evict", keda_and_evict, GS_REFUSAL_NONE, LATER, -1, "Evict of a"},
    {"scaled to 0", zero, GS_REFUSAL_ZERO, LATER, 60000, "scaled to 0"},
    {"paused", paused, GS_REFUSAL_PAUSED, LATER, 15000, "paused"},
    {"an HPA on its way", autoscaler_raised, GS_REFUSAL_ROLLING, LATER, 15000, "goes to its minReplicas"},
    {"rolling", rolling, GS_REFUSAL_ROLLING, LATER, 15000, "not finished"},
    {"two ReplicaSets", two_replica_sets, GS_REFUSAL_ROLLING, LATER, 15000, "2 ReplicaSets have pods"},
    {"at the maximum", at_maximum, GS_REFUSAL_MAX_REPLICAS, LATER, 60000, "10 replicas, scaleOut.maxReplicas is 10"},
    {"above the maximum", above_maximum, GS_REFUSAL_MAX_REPLICAS, LATER, 60000, "50 replicas"},
    {"no further than the maximum", near_maximum, GS_REFUSAL_NONE, LATER, -1, "ScaleOut 9 -> 10"},
    {"no more than may be added", capped, GS_REFUSAL_NONE, LATER, -1, "ScaleOut 6 -> 8"},
    {"too few available", unavailable, GS_REFUSAL_UNAVAILABLE, LATER, 15000,
     "4 of 6 pods are available, limits.minAvailablePercent 75 asks for 5"},
    {"just enough available", just_available, GS_REFUSAL_NONE, LATER, -1, "ScaleOut 6 -> 7"},

    {"Replace", replace, GS_REFUSAL_NONE, LATER, -1, "Replace 6 -> 8 of a, b"},
    {"Replace, one leaks", replace_one, GS_REFUSAL_NONE, LATER, -1, "Replace 6 -> 7 of a"},
    {"Replace with an HPA", replace_hpa, GS_REFUSAL_NONE, LATER, -1, "Replace minReplicas 2 -> 8 of a, b"},
    {"Replace, the HPA has no room", replace_hpa_full, GS_REFUSAL_AUTOSCALER_MAX, LATER, 60000,
     "6 replicas and 2 more, maxReplicas of HorizontalPodAutoscaler my-hpa is 7"},
    {"Replace under KEDA", replace_keda, GS_REFUSAL_KEDA, LATER, 60000, "KEDA"},
    {"Evict", evict, GS_REFUSAL_NONE, LATER, -1, "Evict of a, b"},
    {"Evict what the others allow", evict_one_at_most, GS_REFUSAL_NONE, LATER, -1, "Evict of a"},
    {"Evict nothing", evict_none, GS_REFUSAL_UNAVAILABLE, LATER, 15000,
     "without one of them 5 of 6 pods would be available, limits.minAvailablePercent 100 asks for 6"},
    {"Evict one that is not Ready", evict_not_ready, GS_REFUSAL_NONE, LATER, -1, "Evict of a"},
    {"those that leak are gone", victims_went, GS_REFUSAL_NO_PODS, LATER, 15000, "none of the pods that leak"},
    {"they are on their way out", victims_terminating, GS_REFUSAL_NO_PODS, LATER, 15000, "none of the pods"},
    {"they do not run", victims_not_running, GS_REFUSAL_NO_PODS, LATER, 15000, "none of the pods"},
    {"nothing leaks", nothing_leaks, GS_REFUSAL_NO_PODS, LATER, 15000, "none of the pods"},
    {"a Resource incident's pods", resource, GS_REFUSAL_NONE, LATER, -1, "Replace 6 -> 8 of a, b"},
    {"Restart, not all leak", restart, GS_REFUSAL_NOT_ALL, LATER, 60000, "3 of 6 pods leak"},
    {"Restart, the revision leaks", restart_revision, GS_REFUSAL_NONE, LATER, -1, "Restart"},
    {"Restart, not all of the revision", restart_other_revision, GS_REFUSAL_NOT_ALL, LATER, 60000, "3 of 4 pods leak"},
    {"Restart, the others go", restart_others_go, GS_REFUSAL_NONE, LATER, -1, "Restart"},
    {"Restart, none left", restart_none_left, GS_REFUSAL_NO_PODS, LATER, 15000, "none of the pods"},

    {"may not mark", replace_unmarked, GS_REFUSAL_RIGHT, LATER, 60000, "gostat may not patch pods in namespace shop: "},
    {"before what passes", replace_unmarked_paused, GS_REFUSAL_RIGHT, LATER, 60000, "patch pods"},
    {"not what other actions need", lacks_what_others_need, GS_REFUSAL_NONE, LATER, -1, "ScaleOut 6 -> 7"},
    {"no other action instead", second_would_do, GS_REFUSAL_RIGHT, LATER, 60000, "patch pods"},
};

static void check_case(size_t i, const gs_plan *plan, const gs_plan *pre)
{
    char words[GS_HEAL_TEXT] = "";
    if (!plan->refusal)
        gs_heal_describe(&plan->intent, words);
    bool said = plan->refusal ? strstr(plan->message, cases[i].message) != NULL : gs_streq(words, cases[i].message);
    if (plan->refusal != cases[i].refusal || plan->retry_ms != cases[i].retry || !said)
        fail_msg("%s: %s, retry %lld, \"%s%s\"", cases[i].name, gs_refusal_name(plan->refusal),
                 (long long)plan->retry_ms, plan->message, words);
    if (pre->refusal != (cases[i].when == BEFORE ? cases[i].refusal : GS_REFUSAL_NONE))
        fail_msg("%s: before any facts: %s", cases[i].name, gs_refusal_name(pre->refusal));
    assert_int_equal(gs_refusal_name(plan->refusal)[0] != 0, plan->refusal != GS_REFUSAL_NONE);
    assert_int_equal(plan->intent.set, plan->refusal == GS_REFUSAL_NONE);
    assert_false(plan->intent.recorded);
    if (!plan->refusal) {
        assert_int_equal(plan->intent.from, plan->from);
        assert_int_equal(plan->intent.to, plan->to);
    }
}

static void test_plan(void **state)
{
    (void)state;
    unsigned seen = 1u << GS_REFUSAL_NO_CLUSTER /* the engine's */ | 1u << GS_REFUSAL_NAMESPACE /* test_namespace */;
    for (size_t i = 0; i < GS_LEN(cases); i++) {
        world w;
        gs_plan plan, pre;
        make(&w);
        cases[i].change(&w);
        gs_heal_precheck(w.p, w.i, &w.h, w.evidence, NOW, &pre);
        gs_heal_plan(w.p, w.i, &w.f, &w.h, w.evidence, 700, NOW, &plan);
        check_case(i, &plan, &pre);
        seen |= 1u << plan.refusal;
        done(&w);
    }
    assert_int_equal(seen, (1u << GS_REFUSAL_COUNT_) - 1); /* each reason has its case */
}

/* The operator's limit, over the actions of all policies of the namespace. */
static void test_namespace(void **state)
{
    static const struct {
        const char *name;
        int max;
        int64_t ago_s[6]; /* 0: no more */
        int64_t retry_s;  /* 0: not refused */
    } t[] = {
        {"no limit", 0, {1, 2, 3, 4, 5}, 0},
        {"none was done", 1, {0}, 0},
        {"one was done", 2, {60}, 0},
        {"one may be done, and was", 1, {60}, 3540},
        {"two, in any order", 2, {60, 600}, 3000},
        {"two, the other order", 2, {600, 60}, 3000},
        {"two at once", 2, {60, 60}, 3540},
        {"more than may be", 2, {10, 20, 30, 40, 50}, 3580},
        {"an hour ago", 1, {3600}, 0},
        {"just not an hour ago", 1, {3599}, 1},
        {"old ones do not count", 2, {3599, 3600, 4000, 7200}, 0},
        {"the clock was set back", 1, {-60}, 3660},
    };
    (void)state;
    for (size_t i = 0; i < GS_LEN(t); i++) {
        int64_t times[6];
        size_t n = 0;
        gs_plan plan = {.retry_ms = -1, .intent = {.set = true}};
        for (; n < GS_LEN(times) && t[i].ago_s[n]; n++)
            times[n] = NOW - t[i].ago_s[n] * 1000;
        gs_heal_namespace(t[i].max, times, n, NOW, &plan);
        enum gs_refusal wanted = t[i].retry_s ? GS_REFUSAL_NAMESPACE : GS_REFUSAL_NONE;
        if (plan.refusal != wanted || plan.retry_ms != (t[i].retry_s ? t[i].retry_s * 1000 : -1))
            fail_msg("%s: %s, retry %lld", t[i].name, gs_refusal_name(plan.refusal), (long long)plan.retry_ms);
        assert_int_equal(plan.intent.set, wanted == GS_REFUSAL_NONE);
        assert_true(!wanted || strstr(plan.message, "--max-namespace-actions"));
    }
    gs_plan plan = {.refusal = GS_REFUSAL_COOLDOWN};
    gs_heal_namespace(1, (int64_t[]){NOW}, 1, NOW, &plan);
    assert_int_equal(plan.refusal, GS_REFUSAL_COOLDOWN); /* what was found first stays */
}

/* A DryRun policy and an Enforce policy on twins come to the same words, whatever they are. */
static void test_twins(void **state)
{
    (void)state;
    for (size_t i = 0; i < GS_LEN(cases); i++) {
        world w;
        gs_plan plan[2];
        char words[2][GS_HEAL_TEXT];
        make(&w);
        cases[i].change(&w);
        w.i->n_actions = 0;
        for (int k = 0; k < 2; k++) {
            w.p->mode = k ? GS_MODE_ENFORCE : GS_MODE_DRY_RUN;
            gs_heal_plan(w.p, w.i, &w.f, &w.h, w.evidence, 700, NOW, &plan[k]);
            gs_heal_describe(&plan[k].intent, words[k]);
        }
        assert_int_equal(plan[0].refusal, plan[1].refusal);
        assert_string_equal(plan[0].message, plan[1].message);
        assert_string_equal(words[0], words[1]);
        assert_int_equal(plan[0].retry_ms, plan[1].retry_ms);
        done(&w);
    }
}

/* After a dry run the next one comes no sooner than the next action would. */
static void test_dry_ladder(void **state)
{
    (void)state;
    world w;
    gs_plan plan;
    make(&w);
    w.h = (gs_heal_history){0};
    w.p->mode = GS_MODE_DRY_RUN;
    w.p->n_actions = 2;
    w.p->actions[0].type = GS_ACTION_SCALE_OUT;
    w.p->actions[0].scale_out = (gs_scale_out){1, 10, 300, 7200};
    w.p->actions[1].type = GS_ACTION_EVICT;
    w.p->limits.cooldown_s = 60;
    w.i->n_actions = 0;
    gs_action *a = gs_incident_add_action(w.i, GS_ACTION_SCALE_OUT, NOW);
    a->dry_run = true;
    a->outcome = GS_OUTCOME_SUCCEEDED;
    a->from = 3;
    a->to = 4;
    static const struct {
        int64_t after_s;
        enum gs_refusal want;
    } times[] = {{10, GS_REFUSAL_HOLDING}, {200, GS_REFUSAL_HOLDING}, {301, GS_REFUSAL_NONE}};
    for (size_t k = 0; k < GS_LEN(times); k++) {
        gs_heal_precheck(w.p, w.i, &w.h, true, NOW + times[k].after_s * 1000, &plan);
        assert_int_equal(plan.refusal, times[k].want);
        assert_int_equal(plan.type, GS_ACTION_EVICT);
    }
    a->type = GS_ACTION_EVICT; /* no hold: the cooldown */
    gs_heal_precheck(w.p, w.i, &w.h, true, NOW + 59000, &plan);
    assert_int_equal(plan.refusal, GS_REFUSAL_COOLDOWN);
    gs_heal_precheck(w.p, w.i, &w.h, true, NOW + 60000, &plan);
    assert_int_equal(plan.refusal, GS_REFUSAL_NONE);
    done(&w);
}

/* Pods that the incident lists from before a restart were not seen leaking by this controller. */
static void test_adopted_pods(void **state)
{
    (void)state;
    world w;
    gs_plan plan;
    make(&w);
    only(&w, GS_ACTION_EVICT);
    gs_heal_plan(w.p, w.i, &w.f, &w.h, true, 700, NOW, &plan);
    assert_int_equal(plan.refusal, GS_REFUSAL_NONE);
    for (size_t k = 0; k < w.i->n_pods; k++)
        w.i->pods[k].adopted = true;
    gs_heal_plan(w.p, w.i, &w.f, &w.h, true, 700, NOW, &plan);
    assert_int_equal(plan.refusal, GS_REFUSAL_NO_PODS);
    done(&w);
}

/* What is recorded is all that a later controller has. */
static void test_intent(void **state)
{
    (void)state;
    world w;
    gs_plan plan;
    make(&w);
    replace_hpa(&w);
    w.pods[1].has_cost = true;
    w.pods[1].cost = 12;
    gs_heal_plan(w.p, w.i, &w.f, &w.h, true, 700, NOW, &plan);
    const gs_pending *in = &plan.intent;
    assert_int_equal(in->type, GS_ACTION_REPLACE);
    assert_int_equal(in->step, GS_STEP_INTENDED);
    assert_string_equal(in->incident, "payments-1");
    assert_string_equal(in->autoscaler, "my-hpa");
    assert_int_equal(in->min_available, 5);
    assert_int_equal(in->ready_s, 30);
    assert_int_equal(in->growth, 700);
    assert_int_equal(in->n_victims, 2);
    assert_string_equal(in->victims[0].uid, "uid-a");
    assert_false(in->victims[0].had_cost);
    assert_true(in->victims[1].had_cost && in->victims[1].cost == 12);
    only(&w, GS_ACTION_EVICT); /* which does not touch the scale */
    gs_heal_plan(w.p, w.i, &w.f, &w.h, true, 700, NOW, &plan);
    assert_string_equal(plan.intent.autoscaler, "");
    only(&w, GS_ACTION_SCALE_OUT);
    w.f.autoscaler[0] = 0;
    gs_heal_plan(w.p, w.i, &w.f, NULL, true, 700, NOW, &plan); /* nothing was ever done */
    assert_int_equal(plan.refusal, GS_REFUSAL_NONE);
    assert_int_equal(plan.intent.n_victims, 0);
    done(&w);
}

/* Actions that the kind cannot do are noted, and passed over. */
static void test_passed(void **state)
{
    (void)state;
    static const enum gs_action_type order[] = {GS_ACTION_REPLACE, GS_ACTION_SCALE_OUT, GS_ACTION_RESTART,
                                                GS_ACTION_EVICT};
    enum {
        R = 1 << GS_ACTION_REPLACE,
        S = 1 << GS_ACTION_SCALE_OUT,
        T = 1 << GS_ACTION_RESTART,
        E = 1 << GS_ACTION_EVICT
    };
    static const struct {
        const char *kind;
        bool scalable, replace, restart;
        unsigned passed;
        enum gs_refusal refusal;
        enum gs_action_type type;
    } kinds[] = {
        {"Deployment", true, true, true, 0, GS_REFUSAL_NONE, GS_ACTION_REPLACE},
        {"StatefulSet", true, false, true, R, GS_REFUSAL_NONE, GS_ACTION_SCALE_OUT},
        {"DaemonSet", false, false, true, R | S, GS_REFUSAL_NONE, GS_ACTION_RESTART},
        {"Job", false, false, false, R | S | T, GS_REFUSAL_NONE, GS_ACTION_EVICT},
        {"Pod", false, false, false, R | S | T | E, GS_REFUSAL_KIND, GS_ACTION_REPLACE},
    };
    for (size_t k = 0; k < GS_LEN(kinds); k++) {
        world w;
        gs_plan plan;
        make(&w);
        for (w.p->n_actions = 0; w.p->n_actions < GS_LEN(order); w.p->n_actions++)
            w.p->actions[w.p->n_actions] = action(order[w.p->n_actions]);
        (void)snprintf(w.i->workload.kind, sizeof w.i->workload.kind, "%s", kinds[k].kind);
        w.f.scalable = kinds[k].scalable;
        w.f.can_replace = kinds[k].replace;
        w.f.can_restart = kinds[k].restart;
        w.f.n_pods = 3; /* all leak */
        gs_heal_plan(w.p, w.i, &w.f, &w.h, true, 700, NOW, &plan);
        if (plan.passed != kinds[k].passed || plan.refusal != kinds[k].refusal || plan.type != kinds[k].type)
            fail_msg("%s: passed %u, %s, %s: %s", kinds[k].kind, plan.passed, gs_refusal_name(plan.refusal),
                     gs_action_name(plan.type), plan.message);
        done(&w);
    }
    for (enum gs_action_type t = 0; t < GS_ACTION_TYPES; t++) {
        char message[160];
        gs_heal_impossible(t, "Thing", message);
        assert_non_null(strstr(message, "Thing"));
    }
}

/* Names of any length are cut, not written beyond. */
static void test_long_names(void **state)
{
    (void)state;
    gs_pending p = {.type = GS_ACTION_REPLACE, .from = INT32_MAX, .to = INT32_MAX, .n_victims = GS_MAX_POD_VICTIMS};
    char words[GS_HEAL_TEXT];
    for (size_t k = 0; k < p.n_victims; k++)
        memset(p.victims[k].name, 'x', sizeof p.victims[k].name - 1);
    gs_heal_describe(&p, words);
    assert_in_range(strlen(words), 200, GS_HEAL_TEXT - 1);
}

static void test_judge(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int to, added, before, available, growth;
        bool hpa;
        enum gs_heal_verdict want;
    } judge[] = {
        {"spread as hoped", 6, 3, 1000, 6, 500, false, GS_VERDICT_KEEP},
        {"half of that", 6, 3, 1000, 6, 750, false, GS_VERDICT_KEEP},
        {"less", 6, 3, 1000, 6, 751, false, GS_VERDICT_NOT_LOWER},
        {"as before", 4, 1, 720, 4, 720, false, GS_VERDICT_NOT_LOWER},
        {"worse", 4, 1, 720, 4, 7200, false, GS_VERDICT_NOT_LOWER},
        {"over", 4, 1, 720, 4, 0, false, GS_VERDICT_KEEP},
        {"shrinks", 4, 1, 720, 4, -5000, false, GS_VERDICT_KEEP},
        {"not known before", 4, 1, 0, 4, 720, false, GS_VERDICT_KEEP},
        {"not Ready", 4, 1, 720, 3, 0, false, GS_VERDICT_NOT_READY},
        {"not Ready, and as before", 4, 1, 720, 3, 720, false, GS_VERDICT_NOT_READY},
        {"large numbers", 6000, 3000, INT32_MAX, 6000, INT32_MAX, false, GS_VERDICT_NOT_LOWER},
        {"an HPA's minimum from far below", 10, 8, 1000, 10, 950, true, GS_VERDICT_KEEP},
        {"the same, as before", 10, 8, 1000, 10, 951, true, GS_VERDICT_NOT_LOWER},
    };
    for (size_t i = 0; i < GS_LEN(judge); i++) {
        gs_heal_history h = {.added_replicas = judge[i].added, .scaled_to = judge[i].to, .growth = judge[i].before};
        size_t n = (size_t)judge[i].to;
        gs_autofree gs_pod_facts *pods = gs_allocn(n, sizeof *pods);
        for (size_t k = 0; k < n; k++)
            pods[k].assigned = pods[k].running = pods[k].ready = true;
        gs_workload_facts f = {.available = judge[i].available, .pods = pods, .n_pods = n};
        if (judge[i].hpa)
            memcpy(h.autoscaler, "hpa", 4);
        if (gs_heal_judge(&h, &f, judge[i].growth) != judge[i].want)
            fail_msg("%s: %d", judge[i].name, (int)gs_heal_judge(&h, &f, judge[i].growth));
        pods[0].ready = false; /* the status lags behind the pods */
        assert_int_equal(gs_heal_judge(&h, &f, 0), GS_VERDICT_NOT_READY);
    }
}

static void test_undo(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int added, scaled_to;
        const char *hpa;
        gs_workload_facts f;
        int want;
    } undo[] = {
        {"as it was left", 1, 7, "", {.scalable = true, .replicas = 7}, 6},
        {"three added", 3, 9, "", {.scalable = true, .replicas = 9}, 6},
        {"someone scaled up", 1, 7, "", {.scalable = true, .replicas = 8}, -1},
        {"someone scaled down", 1, 7, "", {.scalable = true, .replicas = 6}, -1},
        {"nothing was added", 0, 7, "", {.scalable = true, .replicas = 7}, -1},
        {"gone", 1, 7, "", {.scalable = true, .replicas = 7, .gone = true}, -1},
        {"an autoscaler has come", 1, 7, "", {.scalable = true, .replicas = 7, .autoscaler = "hpa"}, -1},
        {"never to 0", 1, 1, "", {.scalable = true, .replicas = 1}, -1},
        {"an HPA's minimum", 5, 7, "hpa", {.replicas = 9, .autoscaler = "hpa", .hpa_min = 7}, 2},
        {"someone set it", 5, 7, "hpa", {.replicas = 9, .autoscaler = "hpa", .hpa_min = 8}, -1},
        {"KEDA has it now", 5, 7, "hpa", {.replicas = 9, .autoscaler = "hpa", .hpa_min = 7, .keda = true}, -1},
        {"another HPA", 5, 7, "hpa", {.replicas = 9, .autoscaler = "other", .hpa_min = 7}, -1},
        {"the HPA is gone", 5, 7, "hpa", {.replicas = 7}, -1},
    };
    for (size_t i = 0; i < GS_LEN(undo); i++) {
        gs_heal_history h = {.added_replicas = undo[i].added, .scaled_to = undo[i].scaled_to};
        (void)snprintf(h.autoscaler, sizeof h.autoscaler, "%s", undo[i].hpa);
        if (gs_heal_undo(&h, &undo[i].f) != undo[i].want)
            fail_msg("%s: %d", undo[i].name, gs_heal_undo(&h, &undo[i].f));
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

static void test_spent(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        gs_heal_history h;
        int64_t cooldown_s;
        bool spent;
    } spent[] = {
        {"nothing", {.n_times = 0}, 600, true},
        {"an hour ago", {.action_times = {NOW - 3600000}, .n_times = 1}, 600, false},
        {"over an hour ago", {.action_times = {NOW - 3600001}, .n_times = 1}, 600, true},
        {"in a long cooldown", {.action_times = {NOW - 7200000}, .n_times = 1}, 7200, false},
        {"added", {.added_replicas = 1}, 600, false},
        {"pending", {.pending = {.set = true}}, 600, false},
    };
    for (size_t i = 0; i < GS_LEN(spent); i++)
        if (gs_history_spent(&spent[i].h, spent[i].cooldown_s, NOW) != spent[i].spent)
            fail_msg("%s", spent[i].name);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plan),         cmocka_unit_test(test_namespace),  cmocka_unit_test(test_dry_ladder),
        cmocka_unit_test(test_adopted_pods), cmocka_unit_test(test_twins),      cmocka_unit_test(test_intent),
        cmocka_unit_test(test_passed),       cmocka_unit_test(test_long_names), cmocka_unit_test(test_judge),
        cmocka_unit_test(test_undo),         cmocka_unit_test(test_history),    cmocka_unit_test(test_spent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
