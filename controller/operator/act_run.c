/* One call of the actuator, from its first look at the workload to its answer. What is to be done is core/heal_step's to
 * say; here it is asked, carried out, and asked again:
 *   record the intent -> look -> ask -> record the step, or do the one thing -> look -> … -> record the outcome
 * until it says that pods have to be waited for. A conflict looks again. Where the outcome of a write is not known the
 * answer is PENDING: the next advance looks, and so finds out, in this controller or in the next one. */
#include "base/log.h"
#include "base/mem.h"
#include "operator/act.h"

#include <stdio.h>
#include <stdlib.h>

#define MAX_ROUNDS 8   /* conflicts until we give up for now */
#define MAX_THINGS 64  /* done in one advance: more than any action has */
#define RETRY_MS 5000  /* after a fault */
#define STUCK_MS 30000 /* after what only people can put right */

void op_act_free(op_act *a)
{
    gs_look_cancel(a->look);
    op_record_cancel(a->record);
    gs_kube_cancel(a->call);
    free(a);
}

static void end(op_act *a, enum gs_outcome outcome, int64_t retry_ms, const char *reason)
{
    void (*done)(void *, const gs_act_result *) = a->on_done;
    void *arg = a->arg;
    gs_act_result r = {.outcome = outcome, .retry_ms = retry_ms};
    (void)gs_str_copy(r.reason, sizeof r.reason, gs_str_of(reason));
    (void)gs_map_remove(a->o->acts, a->id);
    op_act_free(a);
    done(arg, &r);
}

static void pending(op_act *a, int64_t retry_ms, const char *reason)
{
    end(a, GS_OUTCOME_PENDING, retry_ms, reason);
}

/* A policy that is not there any more, or has another mind, wants nothing. */
static bool wanted(const op_act *a)
{
    const gs_policy *p = gs_engine_policy(a->o->engine, a->workload.ns, a->policy);
    const op_policy *at = op_policy_get(a->o, a->workload.ns, a->policy); /* the engine keeps the last valid one */
    return p && at && !at->invalid && !at->p->deleting && gs_streq(p->uid, a->policy_uid) &&
           p->mode == GS_MODE_ENFORCE && !p->suspend && !p->deleting;
}

/* ---- writing down ---- */

static void record(op_act *a, const gs_heal_history *next, bool intent, void (*done)(void *ctx, const gs_error *err))
{
    a->record = op_record_start(a->o, &(op_record_options){.policy = a->policy,
                                                           .policy_uid = a->policy_uid,
                                                           .h = a->h,
                                                           .next = next,
                                                           .intent = intent,
                                                           .allowed = wanted(a),
                                                           .done = done,
                                                           .ctx = a});
}

static void on_outcome(void *ctx, const gs_error *err)
{
    op_act *a = ctx;
    a->record = NULL;
    if (err->kind == GS_OK)
        end(a, a->result.outcome, 0, a->result.reason);
    else
        pending(a, RETRY_MS, err->msg);
}

static void conclude(op_act *a, const gs_heal_history *next, enum gs_outcome outcome, const char *reason)
{
    a->result.outcome = outcome;
    (void)gs_str_copy(a->result.reason, sizeof a->result.reason, gs_str_of(reason));
    record(a, next, false, on_outcome);
}

static void finish(op_act *a, enum gs_outcome outcome, const char *reason)
{
    gs_heal_history next = *a->h;
    gs_heal_conclude(&next, outcome, a->cooldown_s, op_wall(a->o));
    conclude(a, &next, outcome, reason);
}

static void on_step(void *ctx, const gs_error *err)
{
    op_act *a = ctx;
    a->record = NULL;
    if (err->kind == GS_OK)
        op_act_look(a);
    else
        pending(a, RETRY_MS, err->msg);
}

static void take_step(op_act *a, enum gs_step step, const char *reason)
{
    gs_heal_history next = *a->h;
    next.pending.step = step;
    next.pending.step_ms = op_wall(a->o);
    (void)gs_str_copy(next.pending.reason, sizeof next.pending.reason, gs_str_of(reason));
    gs_log_info("step", "namespace", a->workload.ns, "kind", a->workload.kind, "name", a->workload.name, "action",
                next.pending.id, "step", gs_step_name(step), "reason", reason);
    record(a, &next, false, on_step);
}

static void on_intent(void *ctx, const gs_error *err)
{
    op_act *a = ctx;
    a->record = NULL;
    if (err->kind == GS_OK)
        op_act_look(a);
    else
        end(a, GS_OUTCOME_REFUSED, RETRY_MS, err->msg);
}

/* ---- advance ---- */

/* What the API server refuses it will refuse again. Before anything was done that is the outcome; else what was done is
 * put back; and where that is refused people have to help, and it is tried until they did. */
static void refused(op_act *a, const gs_error *err)
{
    switch (a->h->pending.step) {
    case GS_STEP_INTENDED:
        finish(a, GS_OUTCOME_FAILED, err->msg);
        break;
    case GS_STEP_SURGED:
    case GS_STEP_MARKING:
    case GS_STEP_REMOVING:
        take_step(a, GS_STEP_ABORTING, err->msg);
        break;
    case GS_STEP_RESTORING:
    case GS_STEP_ABORTING:
        pending(a, STUCK_MS, err->msg);
        break;
    }
}

/* A token that ran out is renewed. */
static bool for_good(const gs_error *err)
{
    return err->status != 401 && (err->kind == GS_REFUSED || err->kind == GS_TERMINAL);
}

static bool may_look_again(op_act *a, const gs_error *err)
{
    return (err->kind == GS_CONFLICT || err->kind == GS_NOT_FOUND) && ++a->rounds <= MAX_ROUNDS;
}

static void on_thing(void *ctx, const gs_kube_reply *reply)
{
    op_act *a = ctx;
    a->call = NULL;
    if (reply->err.kind != GS_CONFLICT && reply->err.kind != GS_NOT_FOUND) /* these say that nothing was written */
        a->h->pending.untouched = false;
    a->blocked = reply->budget;
    if (reply->err.kind == GS_OK)
        a->rounds = 0;
    if (reply->err.kind == GS_OK || reply->budget || may_look_again(a, &reply->err))
        op_act_look(a);
    else if (for_good(&reply->err))
        refused(a, &reply->err);
    else
        pending(a, RETRY_MS, reply->err.msg);
}

/* After a pause of the whole process another one may lead by now. */
static bool leads_no_more(const op *o)
{
    return o->lease && !gs_kube_lease_held(o->lease);
}

static void go_on(op_act *a, const gs_found *found)
{
    const gs_pending *p = &a->h->pending;
    gs_next next;
    if (leads_no_more(a->o)) {
        pending(a, RETRY_MS, "the Lease is not held");
        return;
    }
    gs_heal_step(p, &found->f, wanted(a), a->blocked, op_wall(a->o), &next);
    if (next.what != GS_DO_WAIT && next.what != GS_DO_END && ++a->things > MAX_THINGS) {
        pending(a, GS_STEP_POLL_MS, "");
        return;
    }
    switch (next.what) {
    case GS_DO_WAIT:
        pending(a, next.n, next.reason);
        break;
    case GS_DO_END:
        finish(a, next.outcome, next.reason);
        break;
    case GS_DO_RECORD:
        take_step(a, next.step, next.reason);
        break;
    default:
        a->call = op_do(a->o, &a->workload, found, p, &next, on_thing, a);
        break;
    }
}

/* ---- undo ---- */

static void undone(op_act *a, enum gs_outcome outcome, const char *reason)
{
    gs_heal_history next = *a->h;
    next.added_replicas = next.scaled_to = 0;
    next.autoscaler[0] = next.incident[0] = 0;
    next.judged = false;
    conclude(a, &next, outcome, reason);
}

static void on_set_back(void *ctx, const gs_kube_reply *reply)
{
    op_act *a = ctx;
    a->call = NULL;
    if (reply->err.kind == GS_OK)
        undone(a, GS_OUTCOME_UNDONE, "");
    else if (may_look_again(a, &reply->err))
        op_act_look(a);
    else
        pending(a, for_good(&reply->err) ? STUCK_MS : RETRY_MS, reply->err.msg);
}

static void take_back(op_act *a, const gs_found *found)
{
    const gs_heal_history *h = a->h;
    const gs_workload_facts *f = &found->f;
    bool autoscaler = h->autoscaler[0] != 0;
    int to = gs_heal_undo(h, f), now = autoscaler ? f->hpa_min : f->replicas;
    char reason[160];
    if (leads_no_more(a->o)) {
        pending(a, RETRY_MS, "the Lease is not held");
        return;
    }
    if (to >= 0) {
        a->call = op_do_set(a->o, &a->workload, found, autoscaler, to, on_set_back, a);
        return;
    }
    if (!f->gone && gs_streq(f->autoscaler, h->autoscaler) && now == h->scaled_to - h->added_replicas) {
        undone(a, GS_OUTCOME_UNDONE, ""); /* by us: the answer was lost */
        return;
    }
    if (f->gone)
        (void)snprintf(reason, sizeof reason, "NotUndone: the workload is gone");
    else if (!gs_streq(f->autoscaler, h->autoscaler) && f->autoscaler[0])
        (void)snprintf(reason, sizeof reason, "NotUndone: HorizontalPodAutoscaler %.80s owns the scale now",
                       f->autoscaler);
    else if (!gs_streq(f->autoscaler, h->autoscaler))
        (void)snprintf(reason, sizeof reason, "NotUndone: HorizontalPodAutoscaler %.80s is gone", h->autoscaler);
    else
        (void)snprintf(reason, sizeof reason, "NotUndone: someone else set %s to %d",
                       autoscaler ? "the autoscaler's minimum" : "the scale", now);
    undone(a, GS_OUTCOME_SUCCEEDED, reason);
}

/* ---- looking ---- */

static void on_look(void *ctx, const gs_found *found, const gs_error *err)
{
    op_act *a = ctx;
    a->look = NULL;
    if (a->purpose == OP_ACT_FACTS) {
        a->on_facts(a->arg, &found->f, err);
        (void)gs_map_remove(a->o->acts, a->id);
        op_act_free(a);
    } else if (err->kind != GS_OK) {
        pending(a, RETRY_MS, err->msg);
    } else if (a->purpose == OP_ACT_UNDO) {
        take_back(a, found);
    } else {
        go_on(a, found);
    }
}

/* What the policy may plan next, before it is planned; what is begun asks no more. */
static unsigned actions(const op_workload *w)
{
    unsigned set = 0;
    for (size_t k = 0; w && w->owner && k < w->owner->p->n_actions; k++)
        set |= 1u << w->owner->p->actions[k].type;
    return set;
}

void op_act_look(op_act *a)
{
    op *o = a->o;
    const gs_workload_ref *w = &a->workload;
    gs_autofree char *key = gs_sprintf("%s/%s/%s/%s", w->ns, w->kind, w->name, w->uid);
    const op_workload *at = gs_map_get(o->workloads, key);
    a->look = gs_look_start(&(gs_look_options){.kube = o->kube,
                                               .discovery = o->discovery,
                                               .owners = o->owners,
                                               .workload = w,
                                               .pods = at ? (int)at->n : 0,
                                               .rights = a->purpose == OP_ACT_FACTS ? o->rights : NULL,
                                               .actions = actions(at),
                                               .done = on_look,
                                               .ctx = a});
}

void op_act_intend(op_act *a)
{
    gs_heal_history next = *a->h;
    next.pending.recorded = next.pending.untouched = true;
    record(a, &next, true, on_intent);
}

void op_act_write_down(op_act *a)
{
    gs_heal_history next = *a->h;
    conclude(a, &next, GS_OUTCOME_SUCCEEDED, "");
}
