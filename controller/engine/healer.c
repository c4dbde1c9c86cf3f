/* Plans, acts, undoes, and finishes what an earlier controller began. Level-triggered: it looks at what is there now
 * and does the one next thing; every wait is a time before which it does not look again. */
#include "base/mem.h"
#include "engine/state.h"

#include <stdio.h>
#include <stdlib.h>

/* What a call of the actuator is about; the workload stays while it is under way (w->call). */
typedef struct heal_call {
    workload *w;
    char incident[GS_OBJECT_LEN]; /* by name: the incident may be forgotten meanwhile */
    char action[16];
} heal_call;

static gs_incident *incident_by_name(const workload *w, const char *name)
{
    for (size_t k = 0; k < w->n_incidents; k++)
        if (gs_streq(w->incidents[k]->name, name))
            return w->incidents[k];
    return NULL;
}

static gs_action *action_by_id(gs_incident *i, const char *id)
{
    for (size_t k = 0; i && k < i->n_actions; k++)
        if (gs_streq(i->actions[k].id, id))
            return &i->actions[k];
    return NULL;
}

static heal_call *begin(workload *w, const char *incident, const char *action)
{
    heal_call *c = gs_alloc(sizeof *c);
    c->w = w;
    (void)gs_str_copy(c->incident, sizeof c->incident, gs_str_of(incident));
    (void)gs_str_copy(c->action, sizeof c->action, gs_str_of(action));
    w->call = c;
    return c;
}

static void wait_for(workload *w, int64_t ms)
{
    w->heal_next = ms < 0 ? INT64_MAX : mono(w->e) + ms;
}

static void set_heal_state(workload *w, const char *reason, const char *message)
{
    policy_entry *pe = w->pe ? w->pe : w->history_pe;
    if (!pe)
        return;
    (void)gs_str_copy(pe->heal_state, sizeof pe->heal_state, gs_str_of(reason));
    (void)gs_str_copy(pe->heal_message, sizeof pe->heal_message, gs_str_of(message));
    gs_tell_policy(w->e, pe);
}

/* Ends a call: the engine may have removed the policy meanwhile. */
static void end(heal_call *c)
{
    workload *w = c->w;
    w->call = NULL;
    if (w->history && !w->history_pe) {
        free(w->history);
        w->history = NULL;
    }
    free(c);
    gs_engine_rearm(w->e);
}

/* A refusal is told once for its reason, until another reason or an action takes its place. */
static void record_refusal(workload *w, gs_incident *i, const gs_plan *plan)
{
    gs_engine *e = w->e;
    const gs_action *last = i->n_actions ? &i->actions[i->n_actions - 1] : NULL;
    const char *name = gs_refusal_name(plan->refusal);
    if (last && last->outcome == GS_OUTCOME_REFUSED && last->time_ms >= i->detection_ms &&
        strncmp(last->reason, name, strlen(name)) == 0)
        return;
    gs_action *a = gs_incident_add_action(i, plan->type, wall(e));
    a->dry_run = w->pe && w->pe->p->mode == GS_MODE_DRY_RUN;
    a->from = a->to = plan->from;
    a->outcome = GS_OUTCOME_REFUSED;
    (void)snprintf(a->reason, sizeof a->reason, "%s: %.140s", name, plan->message);
    gs_tell(e, GS_EVENT_REFUSED, w, NULL, i, a->reason);
    e->ports.recorder.incident(e->ports.recorder.ctx, i, true);
    set_heal_state(w, name, plan->message);
}

static void drop_action(gs_incident *i, gs_action *a)
{
    i->n_actions--;
    memmove(a, a + 1, (size_t)(&i->actions[i->n_actions] - a) * sizeof *a);
}

static void on_acted(void *arg, const gs_act_result *r)
{
    heal_call *c = arg;
    workload *w = c->w;
    gs_engine *e = w->e;
    gs_incident *i = incident_by_name(w, c->incident);
    gs_action *a = action_by_id(i, c->action);
    wait_for(w, r->outcome == GS_OUTCOME_PENDING || r->outcome == GS_OUTCOME_REFUSED ? GS_HEAL_RETRY_MS : 0);
    if (a && r->outcome == GS_OUTCOME_REFUSED) { /* nothing was recorded and nothing done: as if never tried */
        drop_action(i, a);
        set_heal_state(w, "Retrying", r->reason);
    } else if (a && r->outcome != GS_OUTCOME_PENDING) {
        char text[400];
        a->outcome = r->outcome;
        (void)gs_str_copy(a->reason, sizeof a->reason, gs_str_of(r->reason));
        (void)snprintf(text, sizeof text, "%s %d -> %d: %s%s%s", gs_action_name(a->type), a->from, a->to,
                       gs_outcome_name(a->outcome), a->reason[0] ? ": " : "", a->reason);
        gs_tell(e, GS_EVENT_ACTION, w, NULL, i, text);
        set_heal_state(w, gs_outcome_name(a->outcome), text);
        e->ports.recorder.incident(e->ports.recorder.ctx, i, true);
    }
    gs_tell_policy(e, w->history_pe);
    end(c);
}

static void dry_run(workload *w, gs_incident *i, const gs_plan *plan)
{
    gs_engine *e = w->e;
    char text[300];
    gs_action *a = gs_incident_add_action(i, plan->type, wall(e));
    a->dry_run = true;
    a->from = plan->from;
    a->to = plan->to;
    a->outcome = GS_OUTCOME_SUCCEEDED;
    (void)snprintf(text, sizeof text, "%s %d -> %d: would be done under Enforce", gs_action_name(plan->type),
                   plan->from, plan->to);
    gs_tell(e, GS_EVENT_ACTION, w, NULL, i, text);
    e->ports.recorder.incident(e->ports.recorder.ctx, i, true);
    set_heal_state(w, "DryRun", text);
}

static void act(workload *w, gs_incident *i, const gs_plan *plan, heal_call *c)
{
    gs_engine *e = w->e;
    if (!w->history) {
        w->history = gs_alloc(sizeof *w->history);
        w->history->workload = w->ref;
    }
    w->history_pe = w->pe;
    gs_action *a = gs_incident_add_action(i, plan->type, wall(e));
    a->from = plan->from;
    a->to = plan->to;
    a->outcome = GS_OUTCOME_PENDING;
    (void)gs_str_copy(c->action, sizeof c->action, gs_str_of(a->id));
    gs_pending *p = &w->history->pending;
    *p = (gs_pending){.set = true, .type = plan->type, .from = plan->from, .to = plan->to};
    (void)gs_str_copy(p->id, sizeof p->id, gs_str_of(a->id));
    (void)gs_str_copy(p->incident, sizeof p->incident, gs_str_of(i->name));
    e->ports.recorder.incident(e->ports.recorder.ctx, i, true);
    e->ports.actuator->scale_out(e->ports.actuator->ctx, w->pe->p, w->history, on_acted, c);
}

static void on_facts(void *arg, const gs_workload_facts *f, const gs_error *err)
{
    heal_call *c = arg;
    workload *w = c->w;
    gs_incident *i = incident_by_name(w, c->incident);
    gs_plan plan;
    if (err->kind != GS_OK || !i || i->resolved || !w->pe || w->pe->p->deleting || w->pe->undo_all) {
        if (err->kind != GS_OK)
            set_heal_state(w, "Retrying", err->msg);
        wait_for(w, GS_HEAL_RETRY_MS);
        end(c);
        return;
    }
    gs_heal_plan(w->pe->p, i, f, w->history, wall(w->e), &plan);
    if (!plan.refusal && w->pe->p->mode == GS_MODE_ENFORCE) {
        act(w, i, &plan, c);
        return;
    }
    wait_for(w, plan.refusal ? plan.retry_ms : 0);
    if (plan.refusal)
        record_refusal(w, i, &plan);
    else
        dry_run(w, i, &plan);
    end(c);
}

/* True where a call was begun. */
static bool consider(workload *w, gs_incident *i, int64_t *soonest)
{
    gs_engine *e = w->e;
    gs_plan plan;
    gs_heal_precheck(w->pe->p, i, w->history, wall(e), &plan);
    if (plan.refusal == GS_REFUSAL_COOLDOWN)
        record_refusal(w, i, &plan);
    if (plan.refusal) {
        if (plan.retry_ms >= 0 && plan.retry_ms < *soonest)
            *soonest = plan.retry_ms;
        return false;
    }
    if (!e->ports.actuator) {
        plan.refusal = GS_REFUSAL_NO_CLUSTER;
        (void)gs_str_copy(plan.message, sizeof plan.message, GS_STR("there is no cluster to act on"));
        record_refusal(w, i, &plan);
        return false;
    }
    e->ports.actuator->facts(e->ports.actuator->ctx, &w->ref, on_facts, begin(w, i->name, ""));
    return true;
}

/* Nothing could be found out: the intent stands. */
static void on_resumed(void *arg, const gs_act_result *r)
{
    gs_act_result result = *r;
    if (result.outcome == GS_OUTCOME_REFUSED)
        result.outcome = GS_OUTCOME_PENDING;
    on_acted(arg, &result);
}

static void resume(workload *w)
{
    const gs_pending *p = &w->history->pending;
    gs_incident *i = incident_by_name(w, p->incident);
    if (i && !action_by_id(i, p->id)) { /* its controller died before the incident's status had it */
        gs_action *a = gs_incident_add_action(i, p->type, wall(w->e));
        (void)gs_str_copy(a->id, sizeof a->id, gs_str_of(p->id));
        a->from = p->from;
        a->to = p->to;
        a->outcome = GS_OUTCOME_PENDING;
    }
    w->e->ports.actuator->resume(w->e->ports.actuator->ctx, w->history_pe->p, w->history, on_resumed,
                                 begin(w, p->incident, p->id));
}

static void on_undone(void *arg, const gs_act_result *r)
{
    heal_call *c = arg;
    if (r->outcome == GS_OUTCOME_PENDING || r->outcome == GS_OUTCOME_REFUSED) {
        set_heal_state(c->w, "Retrying", r->reason);
        wait_for(c->w, GS_HEAL_RETRY_MS);
        end(c);
        return;
    }
    on_acted(c, r);
}

static void undo(workload *w)
{
    const gs_heal_history *h = w->history;
    gs_incident *i = incident_by_name(w, h->incident);
    const char *action = "";
    for (size_t k = 0; i && k < i->n_actions; k++)
        if (!i->actions[k].dry_run && i->actions[k].outcome == GS_OUTCOME_SUCCEEDED)
            action = i->actions[k].id; /* the last one in effect */
    w->e->ports.actuator->undo(w->e->ports.actuator->ctx, w->history_pe->p, w->history, on_undone,
                               begin(w, h->incident, action));
}

static bool undo_due(const workload *w)
{
    const gs_heal_history *h = w->history;
    if (h->added_replicas <= 0)
        return false;
    const gs_incident *i = incident_by_name(w, h->incident);
    return !i || i->resolved || w->history_pe->undo_all || w->history_pe->p->deleting;
}

/* Actions that an earlier controller left without an outcome. An intent that stands is resumed; of the others the
 * record says whether they were done, or never came to be recorded and so were never begun. */
static void settle_actions(workload *w, gs_incident *i)
{
    const gs_heal_history *h = w->history;
    for (size_t k = i->n_actions; k-- > 0;) {
        gs_action *a = &i->actions[k];
        if (a->dry_run || a->outcome != GS_OUTCOME_PENDING ||
            (h && h->pending.set && gs_streq(h->pending.id, a->id) && gs_streq(h->pending.incident, i->name)))
            continue;
        if (h && h->n_times && h->action_times[h->n_times - 1] >= a->time_ms / 1000 * 1000) /* written in seconds */
            a->outcome = GS_OUTCOME_SUCCEEDED;
        else
            drop_action(i, a);
        w->e->ports.recorder.incident(w->e->ports.recorder.ctx, i, true);
    }
}

/* An action in effect whose controller died before the incident's status had it. */
static void restore_action(workload *w, gs_incident *i)
{
    const gs_heal_history *h = w->history;
    if (!h || h->pending.set || h->added_replicas <= 0 || !h->n_times || !gs_streq(h->incident, i->name))
        return;
    for (size_t k = 0; k < i->n_actions; k++)
        if (!i->actions[k].dry_run && i->actions[k].outcome == GS_OUTCOME_SUCCEEDED)
            return;
    gs_action *a = gs_incident_add_action(i, GS_ACTION_SCALE_OUT, h->action_times[h->n_times - 1]);
    a->from = h->scaled_to - h->added_replicas;
    a->to = h->scaled_to;
    a->outcome = GS_OUTCOME_SUCCEEDED;
    w->e->ports.recorder.incident(w->e->ports.recorder.ctx, i, true);
}

/* What nothing depends on any more is forgotten: a policy's status has room for so many workloads. */
static void expire_history(workload *w)
{
    const gs_heal_history *h = w->history;
    policy_entry *pe = w->history_pe;
    if (!h || !pe || h->pending.set || h->added_replicas > 0)
        return;
    int64_t keep = pe->p->cooldown_s * 1000 > 3600000 ? pe->p->cooldown_s * 1000 : 3600000;
    if (h->n_times && wall(w->e) - h->action_times[h->n_times - 1] <= keep)
        return;
    free(w->history);
    w->history = NULL;
    w->history_pe = NULL;
    gs_tell_policy(w->e, pe);
}

void gs_heal_workload(workload *w)
{
    gs_engine *e = w->e;
    if (w->call || !e->synced)
        return;
    for (size_t k = 0; w->pe && k < w->n_incidents; k++) {
        settle_actions(w, w->incidents[k]);
        restore_action(w, w->incidents[k]);
    }
    expire_history(w);
    bool past = w->history && w->history_pe && e->ports.actuator;
    if (mono(e) < w->heal_next && !(past && w->heal_next == INT64_MAX))
        return;
    if (past && w->history->pending.set) {
        resume(w);
        return;
    }
    if (past && undo_due(w)) {
        undo(w);
        return;
    }
    if (!w->pe || w->pe->p->deleting || w->pe->undo_all || mono(e) < w->heal_next)
        return;
    int64_t soonest = INT64_MAX;
    for (size_t k = 0; k < w->n_incidents; k++)
        if (!w->incidents[k]->resolved && w->incidents[k]->name[0] && consider(w, w->incidents[k], &soonest))
            return;
    if (soonest != INT64_MAX)
        wait_for(w, soonest);
}
