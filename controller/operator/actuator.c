/* The engine's port to workloads: each call is an act of its own (act_run.c), of which any number are under way, one for a
 * workload. */
#include "base/mem.h"
#include "operator/act.h"

#include <stdio.h>
#include <stdlib.h>

#define UNWRITTEN_MS 10000 /* that facts wait for an incident's record */

static op_act *start(op *o, enum op_purpose purpose, const gs_workload_ref *w)
{
    op_act *a = gs_alloc(sizeof *a);
    a->o = o;
    a->purpose = purpose;
    a->workload = *w;
    (void)snprintf(a->id, sizeof a->id, "%llu", (unsigned long long)++o->seq);
    gs_map_put(o->acts, a->id, a);
    return a;
}

static op_act *change(op *o, enum op_purpose purpose, const gs_policy *p, gs_heal_history *h,
                      void (*done)(void *arg, const gs_act_result *r), void *arg)
{
    op_act *a = start(o, purpose, &h->workload);
    (void)gs_str_copy(a->policy, sizeof a->policy, gs_str_of(p->name));
    (void)gs_str_copy(a->policy_uid, sizeof a->policy_uid, gs_str_of(p->uid));
    a->cooldown_s = p->limits.cooldown_s;
    a->h = h;
    a->on_done = done;
    a->arg = arg;
    return a;
}

/* Nothing of a policy is acted on that is not in order, or that does not select the workload any more: what it would do next
 * is not even planned. */
static bool policy_rests(const op *o, const gs_workload_ref *w, gs_error *err)
{
    gs_autofree char *key = gs_sprintf("%s/%s/%s/%s", w->ns, w->kind, w->name, w->uid);
    const op_workload *at = gs_map_get(o->workloads, key);
    const char *reason, *why;
    if (!at || !at->owner || !op_policy_may_act(at->owner) || op_access_trouble(at->owner, &reason, &why))
        (void)gs_error_set(err, GS_REFUSED, "no policy in order selects the workload: see the condition Ready");
    else if (op_audit_behind(at->owner))
        (void)gs_error_set(err, GS_TRANSIENT, "the audit log is behind: %zu lines wait", op_audit_behind(at->owner));
    else
        return false;
    return true;
}

static void facts(void *ctx, const gs_workload_ref *w,
                  void (*done)(void *arg, const gs_workload_facts *f, const gs_error *err), void *arg)
{
    gs_workload_facts none = {0};
    gs_error err;
    if (policy_rests(ctx, w, &err)) {
        done(arg, &none, &err);
        return;
    }
    op_act *a = start(ctx, OP_ACT_FACTS, w);
    a->on_facts = done;
    a->arg = arg;
    if (op_incidents_written(ctx, w))
        op_act_look(a);
    else /* the evidence's digest is to be there before anything is done */
        a->waits_ms = op_mono(ctx) + UNWRITTEN_MS;
}

/* One of those that wait, and need not any more. */
static op_act *ready(op *o)
{
    for (gs_map_it it = {0}; gs_map_next(o->acts, &it);) {
        op_act *a = it.value;
        if (a->waits_ms && (op_incidents_written(o, &a->workload) || op_mono(o) >= a->waits_ms))
            return a;
    }
    return NULL;
}

void op_actuator_go_on(op *o)
{
    const gs_workload_facts none = {0};
    gs_error err;
    for (op_act *a; !o->stopping && (a = ready(o));) {
        bool late = !op_incidents_written(o, &a->workload);
        a->waits_ms = 0;
        if (!late) {
            op_act_look(a);
            continue;
        }
        (void)gs_error_set(&err, GS_TRANSIENT, "the incident's status could not be written yet");
        a->on_facts(a->arg, &none, &err);
        (void)gs_map_remove(o->acts, a->id);
        op_act_free(a);
    }
}

static void advance(void *ctx, const gs_policy *p, gs_heal_history *h, void (*done)(void *arg, const gs_act_result *r),
                    void *arg)
{
    op_act *a = change(ctx, OP_ACT_ADVANCE, p, h, done, arg);
    if (h->pending.recorded)
        op_act_look(a);
    else
        op_act_intend(a);
}

static void undo(void *ctx, const gs_policy *p, gs_heal_history *h, void (*done)(void *arg, const gs_act_result *r),
                 void *arg)
{
    op_act_look(change(ctx, OP_ACT_UNDO, p, h, done, arg));
}

static void write_down(void *ctx, const gs_policy *p, gs_heal_history *h,
                       void (*done)(void *arg, const gs_act_result *r), void *arg)
{
    op_act_write_down(change(ctx, OP_ACT_RECORD, p, h, done, arg));
}

void op_actuator_init(op *o, gs_actuator *ret)
{
    *ret = (gs_actuator){.facts = facts, .advance = advance, .undo = undo, .record = write_down, .ctx = o};
}

/* A write that is under way may still arrive; its precondition and the recorded intent see to the rest. */
void op_actuator_stop(op *o)
{
    for (gs_map_it it = {0}; gs_map_next(o->acts, &it);) {
        op_act *a = it.value;
        gs_look_cancel(gs_take(a->look));
        op_record_cancel(gs_take(a->record));
        gs_kube_cancel(gs_take(a->call));
    }
}

void op_actuator_free(op *o)
{
    for (gs_map_it it = {0}; gs_map_next(o->acts, &it);)
        op_act_free(it.value);
    gs_map_free(o->acts);
    o->acts = NULL;
}
