#include "core/heal_step.h"

#include "base/clock.h"
#include "core/heal_internal.h"

#include <stdarg.h>
#include <stdio.h>

/* Answers. */

static void say(heal_view *v, const char *fmt, va_list args) __attribute__((format(printf, 2, 0)));

static void say(heal_view *v, const char *fmt, va_list args)
{
    (void)vsnprintf(v->ret->reason, sizeof v->ret->reason, fmt, args);
}

void heal_record(heal_view *v, enum gs_step step, const char *fmt, ...)
{
    va_list args;
    *v->ret = (gs_next){.what = GS_DO_RECORD, .step = step};
    va_start(args, fmt);
    say(v, fmt, args);
    va_end(args);
}

void heal_wait(heal_view *v, int64_t ms, const char *fmt, ...)
{
    va_list args;
    *v->ret = (gs_next){.what = GS_DO_WAIT, .n = ms < GS_STEP_POLL_MS ? (int)ms : GS_STEP_POLL_MS};
    va_start(args, fmt);
    say(v, fmt, args);
    va_end(args);
}

void heal_end(heal_view *v, enum gs_outcome outcome, const char *fmt, ...)
{
    va_list args;
    *v->ret = (gs_next){.what = GS_DO_END, .outcome = outcome};
    va_start(args, fmt);
    say(v, fmt, args);
    va_end(args);
}

int heal_now(const heal_view *v)
{
    const gs_workload_facts *f = v->f;
    if (v->p->autoscaler[0])
        return f->keda || !gs_streq(f->autoscaler, v->p->autoscaler) ? -1 : f->hpa_min;
    return f->autoscaler[0] ? -1 : f->replicas;
}

void heal_set(heal_view *v, int n)
{
    *v->ret = (gs_next){.what = v->p->autoscaler[0] ? GS_DO_SET_HPA_MIN : GS_DO_SET_SCALE, .n = n};
}

/* What stands in the way. */

bool heal_scale_disturbed(const heal_view *v, int expected, char ret_reason[160])
{
    int now = heal_now(v);
    const char *what = v->p->autoscaler[0] ? "minReplicas" : "replicas";
    if (now < 0 && v->p->autoscaler[0])
        (void)snprintf(ret_reason, 160, "Autoscaler: HorizontalPodAutoscaler %.60s does not own the scale any more",
                       v->p->autoscaler);
    else if (now < 0)
        (void)snprintf(ret_reason, 160, "Autoscaler: HorizontalPodAutoscaler %.60s owns the scale now",
                       v->f->autoscaler);
    else if ((now != v->p->to || v->p->untouched) && now != expected)
        (void)snprintf(ret_reason, 160, "ScaleChanged: found %d %s, expected %d: someone else set it", now, what,
                       expected < 0 ? v->p->to : expected);
    else
        return false;
    return true;
}

static bool rollout_disturbed(const heal_view *v, char reason[160])
{
    if (v->f->paused)
        (void)snprintf(reason, 160, "RolloutPaused: the rollout was paused");
    else if (v->f->replica_sets > 1)
        (void)snprintf(reason, 160, "RolloutUnfinished: a rollout has begun, %d ReplicaSets have pods",
                       v->f->replica_sets);
    else
        return false;
    return true;
}

bool heal_unwanted(const heal_view *v, char ret_reason[160])
{
    if (!v->wanted)
        (void)snprintf(ret_reason, 160, "PolicyChanged: the policy does not allow it any more");
    return !v->wanted;
}

bool heal_disturbed(const heal_view *v, int expected, char ret_reason[160])
{
    return heal_scale_disturbed(v, expected, ret_reason) || rollout_disturbed(v, ret_reason);
}

bool heal_wait_rollout(heal_view *v)
{
    if (!v->f->rolling)
        return false;
    if (v->wall_ms - v->p->step_ms < GS_EVICT_TIMEOUT_MS)
        heal_wait(v, GS_STEP_POLL_MS, "waits until the workload's status has caught up, or its rollout is finished");
    else
        heal_end(v, GS_OUTCOME_FAILED, "RolloutUnfinished: not finished after %d s", GS_EVICT_TIMEOUT_MS / 1000);
    return true;
}

bool heal_is_set(const heal_view *v)
{
    return heal_now(v) == v->p->to && !v->p->untouched;
}

/* ScaleOut: one call. What it set is what it finds, whoever asks. */
static void scale_out(heal_view *v)
{
    char reason[160];
    if (heal_is_set(v))
        heal_end(v, GS_OUTCOME_SUCCEEDED, "%s", "");
    else if (heal_scale_disturbed(v, v->p->from, reason) || heal_unwanted(v, reason) || rollout_disturbed(v, reason))
        heal_end(v, GS_OUTCOME_FAILED, "%s", reason);
    else if (!heal_wait_rollout(v))
        heal_set(v, v->p->to);
}

/* Evict. */

bool heal_evict_next(heal_view *v, int floor)
{
    for (size_t k = 0; k < v->p->n_victims; k++) {
        const gs_victim *victim = &v->p->victims[k];
        if (!heal_stays(v->f, victim))
            continue;
        int left = heal_available(v->f) - heal_serves(heal_victim(v->f, victim));
        if (v->blocked)
            heal_wait(v, GS_STEP_POLL_MS, "a PodDisruptionBudget does not allow the eviction of %.90s yet",
                      victim->name);
        else if (left < floor)
            heal_wait(v, GS_STEP_POLL_MS, "without %.60s only %d pods would be available, not %d: it waits for others",
                      victim->name, left, floor);
        else
            *v->ret = (gs_next){.what = GS_DO_EVICT, .victim = victim};
        return true;
    }
    return false;
}

bool heal_wait_gone(heal_view *v, int64_t timeout_ms)
{
    for (size_t k = 0; k < v->p->n_victims && v->wall_ms - v->p->step_ms < timeout_ms; k++)
        if (heal_victim(v->f, &v->p->victims[k])) {
            heal_wait(v, GS_STEP_POLL_MS, "waits until %.90s is gone", v->p->victims[k].name);
            return true;
        }
    return false;
}

static size_t staying(const heal_view *v)
{
    size_t n = 0;
    for (size_t k = 0; k < v->p->n_victims; k++)
        n += heal_stays(v->f, &v->p->victims[k]);
    return n;
}

static void evict(heal_view *v)
{
    char reason[160];
    size_t n = v->p->n_victims, stay = staying(v);
    if (stay == 0) {
        if (!heal_wait_gone(v, GS_EVICT_TIMEOUT_MS))
            heal_end(v, GS_OUTCOME_SUCCEEDED, "%s", "");
    } else if (heal_unwanted(v, reason) || rollout_disturbed(v, reason)) {
        heal_end(v, GS_OUTCOME_FAILED, "%.120s (%zu of %zu evicted)", reason, n - stay, n);
    } else if (stay < n || !heal_wait_rollout(v)) { /* once one went, its successor is what is not finished */
        (void)heal_evict_next(v, v->p->min_available);
        if (v->ret->what == GS_DO_WAIT && v->wall_ms - v->p->step_ms >= GS_EVICT_TIMEOUT_MS) {
            (void)gs_str_copy(reason, sizeof reason, gs_str_of(v->ret->reason));
            heal_end(v, GS_OUTCOME_FAILED, "Blocked: %.90s, for %d s (%zu of %zu evicted)", reason,
                     GS_EVICT_TIMEOUT_MS / 1000, n - stay, n);
        }
    }
}

/* Restart. */

/* By us, or by someone else after us: all that ran then is replaced. */
static bool restarted(const heal_view *v)
{
    int64_t at;
    return gs_time_parse(gs_str_of(v->f->restarted_at), &at) && at / 1000 >= v->p->begun_ms / 1000;
}

static void restart(heal_view *v)
{
    char reason[160];
    if (restarted(v))
        heal_end(v, GS_OUTCOME_SUCCEEDED, "%s", "");
    else if (heal_unwanted(v, reason) || rollout_disturbed(v, reason))
        heal_end(v, GS_OUTCOME_FAILED, "%s", reason);
    else if (!heal_wait_rollout(v))
        *v->ret = (gs_next){.what = GS_DO_RESTART};
}

/* An eviction that a budget refuses is given up with better words, a little sooner. */
static bool stale(const heal_view *v)
{
    enum gs_do what = v->ret->what;
    int64_t age = v->p->begun_ms ? v->wall_ms - v->p->step_ms : 0;
    if (v->p->step != GS_STEP_INTENDED)
        return false;
    if (what == GS_DO_EVICT)
        return age >= GS_EVICT_TIMEOUT_MS + GS_STALE_MS / 10;
    return age >= GS_STALE_MS && (what == GS_DO_SET_SCALE || what == GS_DO_SET_HPA_MIN || what == GS_DO_RESTART);
}

void gs_heal_step(const gs_pending *p, const gs_workload_facts *f, bool wanted, bool blocked, int64_t wall_ms,
                  gs_next *ret)
{
    static void (*const actions[GS_ACTION_TYPES])(heal_view *) = {[GS_ACTION_SCALE_OUT] = scale_out,
                                                                  [GS_ACTION_REPLACE] = heal_replace,
                                                                  [GS_ACTION_EVICT] = evict,
                                                                  [GS_ACTION_RESTART] = restart};
    heal_view v = {.p = p, .f = f, .wanted = wanted, .blocked = blocked, .wall_ms = wall_ms, .ret = ret};
    if (f->gone)
        heal_end(&v, GS_OUTCOME_FAILED, "WorkloadGone: it does not exist any more");
    else
        actions[p->type](&v);
    if (stale(&v))
        heal_end(&v, GS_OUTCOME_FAILED, "Stale: it was intended %d s ago, and could not be done", GS_STALE_MS / 1000);
}

void gs_heal_conclude(gs_heal_history *h, enum gs_outcome outcome, int64_t cooldown_s, int64_t wall_ms)
{
    const gs_pending *p = &h->pending;
    if (p->type == GS_ACTION_SCALE_OUT && outcome == GS_OUTCOME_SUCCEEDED) {
        h->added_replicas = p->to - p->from;
        h->scaled_to = p->to;
        h->scaled_ms = wall_ms;
        h->growth = p->growth;
        h->judged = false;
        memcpy(h->autoscaler, p->autoscaler, sizeof h->autoscaler);
        memcpy(h->incident, p->incident, sizeof h->incident);
    }
    gs_history_add_time(h, wall_ms, cooldown_s);
    h->last_failed = outcome == GS_OUTCOME_FAILED;
    h->pending = (gs_pending){0};
}
