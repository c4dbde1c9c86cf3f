/* Replace: more pods first, then the leaking ones go. */
#include "core/heal_internal.h"

#include <stdio.h>

#define SEEN_MS 2000

static bool late(const heal_view *v, int64_t ms)
{
    return v->wall_ms - v->p->step_ms >= ms;
}

/* The pods that are to be left: as many as there were. */
static int others(const heal_view *v)
{
    return v->p->to - (int)v->p->n_victims;
}

/* They are removed one for one: where one went by itself, another would have to go in its place. */
static bool victim_lost(const heal_view *v, char reason[160])
{
    for (size_t k = 0; k < v->p->n_victims; k++)
        if (!heal_stays(v->f, &v->p->victims[k])) {
            (void)snprintf(reason, 160, "NoLeakingPods: %.90s went by itself", v->p->victims[k].name);
            return true;
        }
    return false;
}

/* Pods of ours that serve, and for how long the last of them does. */
static int ready_others(const heal_view *v, int64_t *ret_since_ms)
{
    int n = 0;
    *ret_since_ms = 0;
    for (size_t k = 0; k < v->f->n_pods; k++) {
        const gs_pod_facts *pod = &v->f->pods[k];
        if (!heal_serves(pod) || heal_is_victim(v->p, pod))
            continue;
        n++;
        *ret_since_ms = pod->ready_ms > *ret_since_ms ? pod->ready_ms : *ret_since_ms;
    }
    return n;
}

/* A ReplicaSet deletes unassigned, not Running and not Ready pods first, and only then the marked ones. NULL: none is in
 * the way. */
static const gs_pod_facts *goes_first(const heal_view *v)
{
    for (size_t k = 0; k < v->f->n_pods; k++) {
        const gs_pod_facts *pod = &v->f->pods[k];
        if (!pod->terminating && !heal_is_victim(v->p, pod) && !heal_serves(pod))
            return pod;
    }
    return NULL;
}

static bool marked(const heal_view *v, const gs_victim *victim)
{
    const gs_pod_facts *pod = heal_victim(v->f, victim);
    return pod->has_cost && pod->cost == GS_DELETION_COST;
}

/* True: someone else gave another pod the lowest cost too. */
static bool rivalled(const heal_view *v, char reason[160])
{
    for (size_t k = 0; k < v->f->n_pods; k++) {
        const gs_pod_facts *pod = &v->f->pods[k];
        if (pod->terminating || heal_is_victim(v->p, pod) || !pod->has_cost || pod->cost > GS_DELETION_COST)
            continue;
        (void)snprintf(reason, 160, "DeletionCost: %.60s has the lowest pod-deletion-cost too", pod->name);
        return true;
    }
    return false;
}

static bool all_ready(heal_view *v, int64_t ready_ms)
{
    int64_t since;
    int n = ready_others(v, &since);
    const gs_pod_facts *first = goes_first(v);
    if (n < others(v))
        heal_wait(v, GS_STEP_POLL_MS, "waits for pods to get Ready: %d of %d besides those that leak", n, others(v));
    else if (first && !v->p->autoscaler[0])
        heal_wait(v, GS_STEP_POLL_MS, "waits until %.90s is Ready", first->name);
    else if (v->wall_ms < since + ready_ms)
        heal_wait(v, since + ready_ms - v->wall_ms, "the new pods are Ready, waits for %d s of it", v->p->ready_s);
    else
        return true;
    return false;
}

/* v->ret is a WAIT; after its time the action is given up. */
static void give_up_after(heal_view *v, int64_t ms)
{
    char reason[160];
    if (!late(v, ms))
        return;
    (void)gs_str_copy(reason, sizeof reason, gs_str_of(v->ret->reason));
    heal_record(v, GS_STEP_ABORTING, "NotReady: %.100s; given up after %d s", reason, (int)(ms / 1000));
}

static void intended(heal_view *v)
{
    char reason[160];
    if (heal_is_set(v))
        heal_record(v, GS_STEP_SURGED, "%s", "");
    else if (heal_unwanted(v, reason) || heal_disturbed(v, v->p->from, reason) || victim_lost(v, reason) ||
             rivalled(v, reason)) /* nothing was set, or is not what stands any more: there is nothing to put back */
        heal_end(v, GS_OUTCOME_FAILED, "%s", reason);
    else if (!heal_wait_rollout(v))
        heal_set(v, v->p->to);
}

static void surged(heal_view *v)
{
    char reason[160];
    int64_t ready_ms = (int64_t)v->p->ready_s * 1000;
    if (heal_unwanted(v, reason) || heal_disturbed(v, -1, reason) || victim_lost(v, reason) || rivalled(v, reason)) {
        heal_record(v, GS_STEP_ABORTING, "%s", reason);
    } else if (all_ready(v, ready_ms)) {
        heal_record(v, v->p->autoscaler[0] ? GS_STEP_REMOVING : GS_STEP_MARKING, "%s", "");
    } else {
        give_up_after(v, ready_ms + GS_REPLACE_TIMEOUT_MS);
    }
}

/* All is as it must be right before the scale goes down. */
static bool prepared(heal_view *v)
{
    char reason[160];
    if (heal_disturbed(v, -1, reason) || victim_lost(v, reason) || rivalled(v, reason)) {
        heal_record(v, GS_STEP_ABORTING, "%s", reason);
        return false;
    }
    for (size_t k = 0; k < v->p->n_victims; k++)
        if (!marked(v, &v->p->victims[k])) {
            *v->ret =
                (gs_next){.what = GS_DO_MARK, .victim = &v->p->victims[k], .n = GS_DELETION_COST, .has_cost = true};
            return false;
        }
    if (!all_ready(v, 0)) {
        give_up_after(v, GS_REPLACE_TIMEOUT_MS);
        return false;
    }
    if (v->f->rolling) {
        heal_wait(v, GS_STEP_POLL_MS, "waits until the Deployment's status has caught up");
        give_up_after(v, GS_REPLACE_TIMEOUT_MS);
    }
    return !v->f->rolling;
}

static int active(const heal_view *v)
{
    int n = 0;
    for (size_t k = 0; k < v->f->n_pods; k++)
        n += !v->f->pods[k].terminating;
    return n;
}

/* The scale is down: the marked pods go, or another one did. */
static void going(heal_view *v)
{
    char reason[160];
    const gs_victim *left = NULL;
    for (size_t k = 0; k < v->p->n_victims && !left; k++)
        left = heal_stays(v->f, &v->p->victims[k]) ? &v->p->victims[k] : NULL;
    if (!left) {
        if (!heal_wait_gone(v, 2 * GS_REPLACE_TIMEOUT_MS))
            heal_record(v, GS_STEP_RESTORING, "%s", "");
    } else if (heal_scale_disturbed(v, v->p->from, reason)) {
        heal_record(v, GS_STEP_ABORTING, "%s", reason);
    } else if (active(v) <= v->p->from) {
        heal_record(v, GS_STEP_ABORTING, "WrongPod: %.90s was to go, another pod went", left->name);
    } else if (late(v, 2 * GS_REPLACE_TIMEOUT_MS)) {
        heal_record(v, GS_STEP_ABORTING, "NotRemoved: %.90s did not go", left->name);
    } else {
        heal_wait(v, GS_STEP_POLL_MS, "waits until %.90s goes", left->name);
    }
}

/* Under an HPA nobody but the HPA sets the scale: they are evicted, new ones come, and the minimum goes back. */
static void evicting(heal_view *v)
{
    char reason[160];
    int64_t since;
    if (heal_evict_next(v, others(v))) {
        if (heal_unwanted(v, reason) || heal_disturbed(v, -1, reason))
            heal_record(v, GS_STEP_ABORTING, "%s", reason);
        else if (v->ret->what == GS_DO_WAIT)
            give_up_after(v, GS_EVICT_TIMEOUT_MS);
        else if (late(v, GS_EVICT_TIMEOUT_MS))
            heal_record(v, GS_STEP_ABORTING, "NotEvicted: refused for %d s", GS_EVICT_TIMEOUT_MS / 1000);
    } else if (!heal_wait_gone(v, 2 * GS_REPLACE_TIMEOUT_MS)) {
        int n = ready_others(v, &since);
        if (n >= v->p->to || heal_now(v) != v->p->to) {
            heal_record(v, GS_STEP_RESTORING, "%s", "");
        } else {
            heal_wait(v, GS_STEP_POLL_MS, "waits for pods to get Ready: %d of %d", n, v->p->to);
            give_up_after(v, 2 * GS_REPLACE_TIMEOUT_MS);
        }
    }
}

/* The ReplicaSet's controller chooses by its own copy of the pods: it must have seen the marks. */
static void lower(heal_view *v)
{
    if (late(v, SEEN_MS))
        heal_set(v, v->p->from);
    else
        heal_wait(v, SEEN_MS, "waits until the ReplicaSet's controller has seen the marks");
}

/* Marks of ours go. False: there are none. */
static bool unmark(heal_view *v)
{
    for (size_t k = 0; k < v->p->n_victims; k++) {
        const gs_victim *victim = &v->p->victims[k];
        if (!heal_stays(v->f, victim) || !marked(v, victim) || (victim->had_cost && victim->cost == GS_DELETION_COST))
            continue;
        *v->ret = (gs_next){.what = GS_DO_MARK, .victim = victim, .has_cost = victim->had_cost, .n = victim->cost};
        return true;
    }
    return false;
}

static void restoring(heal_view *v)
{
    int now = heal_now(v);
    if (unmark(v))
        return;
    if (v->p->autoscaler[0] && now == v->p->to)
        heal_set(v, v->p->from);
    else if (v->p->autoscaler[0] && now != v->p->from)
        heal_end(v, GS_OUTCOME_SUCCEEDED, "NotRestored: someone else set minReplicas of %.80s meanwhile",
                 v->p->autoscaler);
    else
        heal_end(v, GS_OUTCOME_SUCCEEDED, "%s", "");
}

/* The marks first: while they are there, the pods that they are on would be the ones that go. */
static void aborting(heal_view *v)
{
    if (unmark(v))
        return;
    if (heal_now(v) == v->p->to)
        heal_set(v, v->p->from);
    else
        heal_end(v, GS_OUTCOME_FAILED, "%s", v->p->reason);
}

void heal_replace(heal_view *v)
{
    char reason[160];
    switch (v->p->step) {
    case GS_STEP_INTENDED:
        intended(v);
        break;
    case GS_STEP_SURGED:
        surged(v);
        break;
    case GS_STEP_MARKING:
        if (heal_unwanted(v, reason))
            heal_record(v, GS_STEP_ABORTING, "%s", reason);
        else if (prepared(v))
            heal_record(v, GS_STEP_REMOVING, "%s", "");
        break;
    case GS_STEP_REMOVING:
        if (v->p->autoscaler[0])
            evicting(v);
        else if (heal_now(v) != v->p->to)
            going(v);
        else if (prepared(v))
            lower(v);
        break;
    case GS_STEP_RESTORING:
        restoring(v);
        break;
    case GS_STEP_ABORTING:
        aborting(v);
        break;
    }
}
