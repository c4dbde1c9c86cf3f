/* What was done and is still in effect: judged after its hold, and taken back. */
#include "base/mem.h"
#include "engine/healer_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static bool answered(const gs_act_result *r)
{
    return r->outcome != GS_OUTCOME_PENDING && r->outcome != GS_OUTCOME_REFUSED;
}

static void try_later(heal_call *c, const char *why)
{
    heal_state(c->w, "Retrying", why);
    c->w->past_next = mono(c->w->e) + GS_HEAL_RETRY_MS;
    heal_finish(c);
}

static void on_undone(void *arg, const gs_act_result *r)
{
    heal_call *c = arg;
    if (!answered(r)) {
        try_later(c, r->reason);
        return;
    }
    bool undone = r->outcome == GS_OUTCOME_UNDONE;
    char reason[160];
    memcpy(reason, undone && c->reason[0] ? c->reason : r->reason, sizeof reason);
    gs_incident *i = heal_incident(c->w, c->incident);
    heal_decision(c->w, GS_DECISION_UNDO, i, &c->what, undone ? c->outcome : r->outcome, reason);
    heal_ended(c, undone ? c->outcome : r->outcome, reason);
}

/* The ScaleOut in effect; NULL: the incident does not list it. */
static gs_action *in_effect(gs_incident *i)
{
    for (size_t k = i ? i->n_actions : 0; k-- > 0;) {
        gs_action *a = &i->actions[k];
        if (!a->dry_run && a->type == GS_ACTION_SCALE_OUT && a->outcome == GS_OUTCOME_SUCCEEDED)
            return a;
    }
    return NULL;
}

static void undo(heal_call *c, enum gs_outcome outcome, const char *reason)
{
    workload *w = c->w;
    const gs_heal_history *h = w->history;
    const gs_action *a = in_effect(heal_incident(w, h->incident));
    c->outcome = outcome;
    (void)gs_str_copy(c->reason, sizeof c->reason, gs_str_of(reason));
    c->what = (gs_pending){
        .set = true, .type = GS_ACTION_SCALE_OUT, .from = h->scaled_to - h->added_replicas, .to = h->scaled_to};
    memcpy(c->what.autoscaler, h->autoscaler, sizeof c->what.autoscaler);
    if (a)
        memcpy(c->what.id, a->id, sizeof c->what.id);
    w->e->ports.actuator->undo(w->e->ports.actuator->ctx, w->history_pe->p, w->history, on_undone, c);
}

static void on_recorded(void *arg, const gs_act_result *r)
{
    heal_call *c = arg;
    if (!answered(r)) {
        c->w->history->judged = false; /* it is judged anew: nobody else would know of it */
        try_later(c, r->reason);
        return;
    }
    c->w->heal_next = 0; /* the next action may be due */
    heal_finish(c);
}

static void on_hold_facts(void *arg, const gs_workload_facts *f, const gs_error *err)
{
    heal_call *c = arg;
    workload *w = c->w;
    gs_heal_history *h = w->history;
    const gs_incident *i = heal_incident(w, c->incident);
    int growth = 0;
    char reason[160];
    if (err->kind != GS_OK) {
        try_later(c, err->msg);
        return;
    }
    if (!w->history_pe || !i || !heal_growth(w, i, mono(w->e) - (wall(w->e) - h->scaled_ms), &growth)) {
        w->past_next = mono(w->e) + GS_HEAL_RETRY_MS; /* too few samples yet, as after a restart */
        heal_finish(c);
        return;
    }
    switch (gs_heal_judge(h, f, growth)) {
    case GS_VERDICT_KEEP:
        h->judged = true;
        w->e->ports.actuator->record(w->e->ports.actuator->ctx, w->history_pe->p, h, on_recorded, c);
        break;
    case GS_VERDICT_NOT_READY:
        (void)snprintf(reason, sizeof reason, "NotReady: %d pods are available, not %d, after scaleOut.holdSeconds",
                       f->available, h->scaled_to);
        undo(c, GS_OUTCOME_INEFFECTIVE, reason);
        break;
    case GS_VERDICT_NOT_LOWER:
        (void)snprintf(reason, sizeof reason, "GrowthNotLower: %d goroutines per hour and leaking pod, %d before",
                       growth, h->growth);
        undo(c, GS_OUTCOME_INEFFECTIVE, reason);
        break;
    }
}

bool heal_look_after(workload *w)
{
    const gs_heal_history *h = w->history;
    const gs_policy *p = w->history_pe->p;
    const gs_scale_out *so = gs_heal_scale_out(p);
    const gs_incident *i = heal_incident(w, h->incident);
    int64_t held_ms = wall(w->e) - h->scaled_ms;
    char reason[160];
    if (h->added_replicas <= 0)
        return false;
    if (!i || i->resolved || w->history_pe->undo_all || p->deleting) {
        undo(heal_begin(w, h->incident), GS_OUTCOME_UNDONE, "");
    } else if (held_ms >= so->max_hold_s * 1000) {
        (void)snprintf(reason, sizeof reason, "MaxHold: scaleOut.maxHoldSeconds is %" PRId64, so->max_hold_s);
        undo(heal_begin(w, h->incident), GS_OUTCOME_UNDONE, reason);
    } else if (!h->judged && !p->suspend && held_ms >= so->hold_s * 1000) {
        w->e->ports.actuator->facts(w->e->ports.actuator->ctx, &w->ref, on_hold_facts, heal_begin(w, h->incident));
    } else {
        return false;
    }
    return true;
}

void heal_drop_action(gs_incident *i, gs_action *a)
{
    i->n_actions--;
    memmove(a, a + 1, (size_t)(&i->actions[i->n_actions] - a) * sizeof *a);
}

/* An intent that stands goes on. Of the others the record says whether they were done, or never came to be recorded and
 * so were never begun. */
static void settle_pending(workload *w, gs_incident *i)
{
    const gs_heal_history *h = w->history;
    for (size_t k = i->n_actions; k-- > 0;) {
        gs_action *a = &i->actions[k];
        if (a->dry_run || a->outcome != GS_OUTCOME_PENDING ||
            (h && h->pending.set && gs_streq(h->pending.id, a->id) && gs_streq(h->pending.incident, i->name)))
            continue;
        if (h && h->n_times && h->action_times[h->n_times - 1] >= a->time_ms / 1000 * 1000) /* written in seconds */
            a->outcome = h->last_failed ? GS_OUTCOME_FAILED : GS_OUTCOME_SUCCEEDED;
        else
            heal_drop_action(i, a);
        w->e->ports.recorder.incident(w->e->ports.recorder.ctx, i, true);
    }
}

/* A ScaleOut in effect whose controller died before the incident's status had it. */
static void restore_action(workload *w, gs_incident *i)
{
    const gs_heal_history *h = w->history;
    if (!h || h->pending.set || h->added_replicas <= 0 || !gs_streq(h->incident, i->name) || in_effect(i))
        return;
    gs_action *a = gs_incident_add_action(i, GS_ACTION_SCALE_OUT, h->scaled_ms);
    a->from = h->scaled_to - h->added_replicas;
    a->to = h->scaled_to;
    a->outcome = GS_OUTCOME_SUCCEEDED;
    w->e->ports.recorder.incident(w->e->ports.recorder.ctx, i, true);
}

void heal_settle(workload *w)
{
    policy_entry *pe = w->history_pe;
    for (size_t k = 0; w->pe && k < w->n_incidents; k++) {
        settle_pending(w, w->incidents[k]);
        restore_action(w, w->incidents[k]);
    }
    if (!w->history || !pe || !gs_history_spent(w->history, pe->p->limits.cooldown_s, wall(w->e)))
        return;
    free(w->history); /* a policy's status has room for so many workloads */
    w->history = NULL;
    w->history_pe = NULL;
    gs_tell_policy(w->e, pe);
}
