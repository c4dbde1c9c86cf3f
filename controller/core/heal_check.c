/* What stands in the way before anything is known of the workload: the ladder, limits, windows. */
#include "core/heal.h"

#include "base/clock.h"
#include "core/heal_internal.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define HOUR_MS 3600000
#define PENDING_RETRY_MS 5000

bool gs_incident_has_evidence(const gs_incident *i)
{
    for (size_t k = 0; k < i->n_evidence; k++)
        if (i->evidence[k].time_ms >= i->detection_ms)
            return true;
    return false;
}

const gs_scale_out *gs_heal_scale_out(const gs_policy *p)
{
    static const gs_scale_out usual = {.step = 1, .max_replicas = 1, .hold_s = 600, .max_hold_s = 7200};
    for (size_t k = 0; k < p->n_actions; k++)
        if (p->actions[k].type == GS_ACTION_SCALE_OUT)
            return &p->actions[k].scale_out;
    return &usual;
}

void heal_refusal(gs_plan *ret, enum gs_refusal r, int64_t retry_ms, const char *fmt, ...)
{
    va_list args;
    ret->refusal = r;
    ret->retry_ms = retry_ms;
    va_start(args, fmt);
    (void)vsnprintf(ret->message, sizeof ret->message, fmt, args);
    va_end(args);
}

/* The ladder. */

/* Each action is tried once in an occurrence, and never again where it did not help. */
static bool tried(const gs_policy *p, const gs_incident *i, enum gs_action_type type)
{
    for (size_t k = 0; k < i->n_actions; k++) {
        const gs_action *a = &i->actions[k];
        if (a->type != type || a->outcome == GS_OUTCOME_REFUSED)
            continue;
        if (a->outcome == GS_OUTCOME_INEFFECTIVE ||
            (a->time_ms >= i->detection_ms && a->dry_run == (p->mode == GS_MODE_DRY_RUN)))
            return true;
    }
    return false;
}

const gs_action_spec *heal_next_action(const gs_policy *p, const gs_incident *i, size_t from)
{
    for (size_t k = from; k < p->n_actions; k++)
        if (!tried(p, i, p->actions[k].type))
            return &p->actions[k];
    return NULL;
}

/* Before any facts. */

static void check_times(const gs_policy *p, const gs_heal_history *h, int64_t wall_ms, gs_plan *ret)
{
    const gs_limits *l = &p->limits;
    size_t max = (size_t)l->max_actions_per_hour;
    if (!h || !h->n_times)
        return;
    int64_t ready = h->action_times[h->n_times - 1] + l->cooldown_s * 1000;
    if (wall_ms < ready) {
        heal_refusal(ret, GS_REFUSAL_COOLDOWN, ready - wall_ms,
                     "limits.cooldownSeconds is %" PRId64 ": another %" PRId64 " s", l->cooldown_s,
                     (ready - wall_ms + 999) / 1000);
        return;
    }
    if (h->n_times < max)
        return;
    int64_t again = h->action_times[h->n_times - max] + HOUR_MS;
    if (wall_ms < again)
        heal_refusal(ret, GS_REFUSAL_BUDGET, again - wall_ms,
                     "limits.maxActionsPerHour is %d, and %d were done: another %" PRId64 " s", l->max_actions_per_hour,
                     l->max_actions_per_hour, (again - wall_ms + 999) / 1000);
}

static void check_windows(const gs_policy *p, int64_t wall_ms, gs_plan *ret)
{
    const gs_window *w = NULL;
    int64_t until;
    char at[GS_TIME_LEN] = "further notice";
    if (!p->n_windows || gs_windows_allow(p->windows, p->n_windows, wall_ms, &w, &until))
        return;
    int64_t retry = until == INT64_MAX ? -1 : until - wall_ms;
    if (retry >= 0)
        gs_time_format(until, at);
    if (w->deny)
        heal_refusal(ret, GS_REFUSAL_DENIED, retry, "spec.healing.windows: \"%s\" denies it until %s", w->name, at);
    else
        heal_refusal(ret, GS_REFUSAL_WINDOW, retry, "spec.healing.windows: none allows it until %s, when \"%s\" opens",
                     at, w->name);
}

static void check_hold(const gs_policy *p, const gs_incident *i, const gs_heal_history *h, int64_t wall_ms,
                       gs_plan *ret)
{
    if (!h || h->added_replicas <= 0 || h->judged || !gs_streq(h->incident, i->name))
        return;
    int64_t over = h->scaled_ms + gs_heal_scale_out(p)->hold_s * 1000;
    int64_t left = over > wall_ms ? over - wall_ms : PENDING_RETRY_MS;
    heal_refusal(ret, GS_REFUSAL_HOLDING, left,
                 "the ScaleOut to %d is judged after scaleOut.holdSeconds: %" PRId64 " s", h->scaled_to,
                 gs_heal_scale_out(p)->hold_s);
}

/* A dry run leaves no record at the workload: what it would have left is in the incident. */
static void pretend(const gs_policy *p, const gs_incident *i, int64_t wall_ms, gs_heal_history *ret)
{
    for (size_t k = 0; k < i->n_actions; k++) {
        const gs_action *a = &i->actions[k];
        if (!a->dry_run || a->outcome != GS_OUTCOME_SUCCEEDED)
            continue;
        gs_history_add_time(ret, a->time_ms, p->limits.cooldown_s);
        if (a->type != GS_ACTION_SCALE_OUT || a->time_ms < i->detection_ms ||
            wall_ms - a->time_ms >= gs_heal_scale_out(p)->hold_s * 1000)
            continue;
        ret->added_replicas = a->to - a->from;
        ret->scaled_to = a->to;
        ret->scaled_ms = a->time_ms;
        memcpy(ret->incident, i->name, sizeof ret->incident);
    }
}

void gs_heal_precheck(const gs_policy *p, const gs_incident *i, const gs_heal_history *h, bool evidence,
                      int64_t wall_ms, gs_plan *ret)
{
    gs_heal_history as_if;
    if (p->mode == GS_MODE_DRY_RUN) {
        as_if = h ? *h : (gs_heal_history){0};
        pretend(p, i, wall_ms, &as_if);
        h = &as_if;
    }
    *ret = (gs_plan){.retry_ms = -1};
    const gs_action_spec *next = heal_next_action(p, i, 0);
    if (next)
        ret->type = next->type;
    if (p->mode == GS_MODE_OBSERVE)
        heal_refusal(ret, GS_REFUSAL_MODE, -1, "spec.mode is Observe: nothing is acted on");
    else if (p->suspend)
        heal_refusal(ret, GS_REFUSAL_SUSPENDED, -1, "spec.suspend is set");
    else if (!next)
        heal_refusal(ret, GS_REFUSAL_NO_ACTIONS, -1, "%s",
                     p->n_actions ? "all actions of the policy were tried" : "spec.healing.actions is empty");
    else if (i->grade < p->min_grade)
        heal_refusal(ret, GS_REFUSAL_GRADE, -1, "graded %s, spec.healing.minGrade is %s", gs_grade_name(i->grade),
                     gs_grade_name(p->min_grade));
    else if (!evidence)
        heal_refusal(ret, GS_REFUSAL_EVIDENCE, -1, "the snapshot is not stored yet: see its condition EvidenceStored");
    else if (h && h->pending.set)
        heal_refusal(ret, GS_REFUSAL_PENDING, PENDING_RETRY_MS, "an earlier action has no outcome yet");
    else
        check_hold(p, i, h, wall_ms, ret);
    if (!ret->refusal)
        check_times(p, h, wall_ms, ret);
    if (!ret->refusal)
        check_windows(p, wall_ms, ret);
}

static int by_time(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

void gs_heal_namespace(int max, int64_t *times, size_t n, int64_t wall_ms, gs_plan *ret)
{
    size_t old = 0;
    if (ret->refusal || max <= 0 || !n)
        return;
    qsort(times, n, sizeof *times, by_time);
    while (old < n && times[old] <= wall_ms - HOUR_MS)
        old++;
    if (n - old < (size_t)max)
        return;
    int64_t again = times[n - (size_t)max] + HOUR_MS;
    ret->intent = (gs_pending){0};
    heal_refusal(ret, GS_REFUSAL_NAMESPACE, again - wall_ms,
                 "the operator allows %d actions an hour in this namespace (--max-namespace-actions): another %" PRId64
                 " s",
                 max, (again - wall_ms + 999) / 1000);
}
