/* Plans, acts, and carries on what was begun, by this controller or an earlier one. Level-triggered: it looks at what is
 * there now and does the one next thing; every wait is a time before which it does not look again. */
#include "base/mem.h"
#include "engine/healer_internal.h"

#include <stdio.h>
#include <stdlib.h>

#define EVIDENCE_LATE_MS 60000 /* a snapshot that takes so much longer than its profiles is worth a word */

gs_incident *heal_incident(const workload *w, const char *name)
{
    for (size_t k = 0; k < w->n_incidents; k++)
        if (gs_streq(w->incidents[k]->name, name))
            return w->incidents[k];
    return NULL;
}

gs_action *heal_action(gs_incident *i, const char *id)
{
    for (size_t k = 0; i && k < i->n_actions; k++)
        if (gs_streq(i->actions[k].id, id))
            return &i->actions[k];
    return NULL;
}

heal_call *heal_begin(workload *w, const char *incident)
{
    heal_call *c = gs_alloc(sizeof *c);
    c->w = w;
    (void)gs_str_copy(c->incident, sizeof c->incident, gs_str_of(incident));
    w->call = c;
    return c;
}

void heal_finish(heal_call *c)
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

static void wait_for(workload *w, int64_t ms)
{
    w->heal_next = ms < 0 ? INT64_MAX : mono(w->e) + ms;
}

void heal_ended(heal_call *c, enum gs_outcome outcome, const char *reason)
{
    workload *w = c->w;
    gs_engine *e = w->e;
    gs_incident *i = heal_incident(w, c->incident);
    gs_action *a = heal_action(i, c->what.id);
    char words[GS_HEAL_TEXT], text[GS_HEAL_TEXT + 200];
    gs_heal_describe(&c->what, words);
    (void)snprintf(text, sizeof text, "%s: %s%s%s", words, gs_outcome_name(outcome), reason[0] ? ": " : "", reason);
    if (a) {
        a->outcome = outcome;
        (void)gs_str_copy(a->reason, sizeof a->reason, gs_str_of(reason));
        gs_tell(e, GS_EVENT_ACTION, w, NULL, i, text);
        heal_state(w, gs_outcome_name(outcome), text);
        e->ports.recorder.incident(e->ports.recorder.ctx, i, true);
    }
    wait_for(w, 0);
    w->past_next = 0;
    gs_tell_policy(e, w->history_pe);
    heal_finish(c);
}

/* Nothing was recorded and nothing done: as if never tried. */
static void withdraw(heal_call *c, const gs_act_result *r)
{
    workload *w = c->w;
    gs_incident *i = heal_incident(w, c->incident);
    gs_action *a = heal_action(i, c->what.id);
    w->history->pending = (gs_pending){0};
    if (w->history_was)
        w->history_pe = gs_take(w->history_was);
    wait_for(w, GS_HEAL_RETRY_MS);
    heal_decision(w, GS_DECISION_WITHDRAWN, i, &c->what, GS_OUTCOME_REFUSED, r->reason);
    if (a)
        heal_drop_action(i, a);
    heal_state(w, "Retrying", r->reason);
    gs_tell_policy(w->e, w->history_pe);
    heal_finish(c);
}

static void on_advanced(void *arg, const gs_act_result *r)
{
    heal_call *c = arg;
    workload *w = c->w;
    char words[GS_HEAL_TEXT], text[GS_HEAL_TEXT + 200];
    bool recorded = w->history->pending.set && w->history->pending.recorded;
    if (r->outcome == GS_OUTCOME_REFUSED && !recorded) {
        withdraw(c, r);
        return;
    }
    w->history_was = NULL;
    if (r->outcome == GS_OUTCOME_PENDING || r->outcome == GS_OUTCOME_REFUSED) {
        bool waits = r->outcome == GS_OUTCOME_PENDING && r->retry_ms > 0;
        w->past_next = mono(w->e) + (waits ? r->retry_ms : GS_HEAL_RETRY_MS);
        gs_heal_describe(&c->what, words);
        (void)snprintf(text, sizeof text, "%s: %s", words, r->reason);
        if (r->reason[0])
            heal_state(w, waits ? "Acting" : "Retrying", text);
        gs_tell_policy(w->e, w->history_pe);
        heal_finish(c);
    } else {
        heal_decision(w, GS_DECISION_OUTCOME, heal_incident(w, c->incident), &c->what, r->outcome, r->reason);
        heal_ended(c, r->outcome, r->reason);
    }
}

static void advance(heal_call *c)
{
    workload *w = c->w;
    c->what = w->history->pending;
    w->e->ports.actuator->advance(w->e->ports.actuator->ctx, w->history_pe->p, w->history, on_advanced, c);
}

/* An action of this incident as its list has it. */
static gs_action *list_action(gs_incident *i, const gs_pending *p, int64_t at_ms)
{
    gs_action *a = gs_incident_add_action(i, p->type, at_ms);
    a->from = p->from;
    a->to = p->to;
    a->outcome = GS_OUTCOME_PENDING;
    for (size_t k = 0; k < p->n_victims; k++)
        gs_action_add_pod(a, gs_str_of(p->victims[k].name));
    return a;
}

static void act(heal_call *c, gs_incident *i, const gs_plan *plan)
{
    workload *w = c->w;
    gs_engine *e = w->e;
    if (!w->history) {
        w->history = gs_alloc(sizeof *w->history);
        w->history->workload = w->ref;
    }
    w->history_was = w->history_pe == w->pe ? NULL : w->history_pe;
    w->history_pe = w->pe;
    w->heal_turn = 0;
    const gs_action *a = list_action(i, &plan->intent, wall(e));
    gs_pending *p = &w->history->pending;
    *p = plan->intent;
    memcpy(p->id, a->id, sizeof p->id);
    p->begun_ms = p->step_ms = wall(e);
    char words[GS_HEAL_TEXT];
    gs_heal_describe(p, words);
    heal_decision(w, GS_DECISION_ACT, i, p, GS_OUTCOME_PENDING, words);
    e->ports.recorder.incident(e->ports.recorder.ctx, i, true);
    advance(c);
}

static void on_facts(void *arg, const gs_workload_facts *f, const gs_error *err)
{
    heal_call *c = arg;
    workload *w = c->w;
    gs_incident *i = heal_incident(w, c->incident);
    if (err->kind != GS_OK || !i || i->resolved || !w->pe || w->pe->p->deleting || w->pe->undo_all) {
        if (err->kind != GS_OK)
            heal_state(w, "Retrying", err->msg);
        w->heal_turn = 0;
        wait_for(w, GS_HEAL_RETRY_MS);
        heal_finish(c);
        return;
    }
    gs_autofree gs_plan *plan = gs_alloc(sizeof *plan);
    int growth;
    (void)heal_growth(w, i, 0, &growth); /* not known: 0 */
    gs_heal_plan(w->pe->p, i, f, w->history, gs_snapshot_complete(w, i), growth, wall(w->e), plan);
    gs_budget_check(w, plan);
    if (plan->refusal != GS_REFUSAL_KIND)
        heal_pass_over(w, i, plan);
    if (!plan->refusal && w->pe->p->mode == GS_MODE_ENFORCE) {
        act(c, i, plan);
        return;
    }
    wait_for(w, 0); /* the next incident's turn */
    if (plan->refusal && plan->retry_ms >= 0 && mono(w->e) + plan->retry_ms < w->heal_retry)
        w->heal_retry = mono(w->e) + plan->retry_ms;
    if (plan->refusal) {
        heal_refuse(w, i, plan);
    } else {
        heal_dry_run(w, i, plan);
        w->heal_turn = 0; /* and the ladder's next action */
    }
    heal_finish(c);
}

/* How long its profiles take to be made. */
static int64_t profiles_ms(const gs_policy *p)
{
    bool cpu = p->snapshot_kinds & (1u << GS_PROFILE_CPU), trace = p->snapshot_kinds & (1u << GS_PROFILE_TRACE);
    return 1000 * ((cpu ? p->cpu_s : 0) + (trace ? p->trace_s : 0));
}

/* What the policy says of itself is in its own words already. */
static bool worth_telling(const workload *w, const gs_incident *i, enum gs_refusal r)
{
    switch (r) {
    case GS_REFUSAL_COOLDOWN:
    case GS_REFUSAL_BUDGET:
    case GS_REFUSAL_NAMESPACE:
    case GS_REFUSAL_WINDOW:
    case GS_REFUSAL_DENIED:
    case GS_REFUSAL_HOLDING:
        return true;
    case GS_REFUSAL_PENDING: /* of its own action the incident knows */
        return !gs_streq(w->history->pending.incident, i->name);
    case GS_REFUSAL_EVIDENCE:
        return wall(w->e) - i->detection_ms > EVIDENCE_LATE_MS + profiles_ms(w->pe->p);
    default:
        return false;
    }
}

/* True where a call was begun. */
static bool consider(workload *w, gs_incident *i, int64_t *soonest)
{
    gs_engine *e = w->e;
    gs_autofree gs_plan *plan = gs_alloc(sizeof *plan);
    gs_heal_precheck(w->pe->p, i, w->history, gs_snapshot_complete(w, i), wall(e), plan);
    gs_budget_check(w, plan);
    if (plan->refusal) {
        if (worth_telling(w, i, plan->refusal))
            heal_refuse(w, i, plan);
        heal_quiet_state(w, plan);
        if (plan->retry_ms >= 0 && plan->retry_ms < *soonest)
            *soonest = plan->retry_ms;
        return false;
    }
    if (!e->ports.actuator) {
        plan->refusal = GS_REFUSAL_NO_CLUSTER;
        (void)gs_str_copy(plan->message, sizeof plan->message, GS_STR("there is no cluster to act on"));
        heal_refuse(w, i, plan);
        return false;
    }
    e->ports.actuator->facts(e->ports.actuator->ctx, &w->ref, on_facts, heal_begin(w, i->name));
    return true;
}

static void carry_on(workload *w)
{
    const gs_pending *p = &w->history->pending;
    gs_incident *i = heal_incident(w, p->incident);
    if (i && !heal_action(i, p->id)) { /* its controller died before the incident's status had it */
        gs_action *a = list_action(i, p, p->begun_ms ? p->begun_ms : wall(w->e));
        memcpy(a->id, p->id, sizeof a->id);
    }
    advance(heal_begin(w, p->incident));
}

/* Each incident in turn: where one needs facts, the round goes on with the next one once it is answered. */
static void look_round(workload *w)
{
    int64_t soonest = INT64_MAX;
    bool asked = w->heal_turn > 0;
    if (!asked)
        w->heal_retry = INT64_MAX;
    while (w->heal_turn < w->n_incidents) {
        gs_incident *i = w->incidents[w->heal_turn++];
        if (!i->resolved && i->name[0] && consider(w, i, &soonest))
            return;
    }
    w->heal_turn = 0;
    if (soonest != INT64_MAX && mono(w->e) + soonest < w->heal_retry)
        w->heal_retry = mono(w->e) + soonest;
    if (asked || w->heal_retry != INT64_MAX)
        w->heal_next = w->heal_retry;
}

void gs_heal_workload(workload *w)
{
    gs_engine *e = w->e;
    if (w->call || !e->synced)
        return;
    heal_settle(w);
    if (w->history && w->history_pe && e->ports.actuator && mono(e) >= w->past_next) {
        if (w->history->pending.set) {
            carry_on(w);
            return;
        }
        if (heal_look_after(w))
            return;
    }
    if (!w->pe || w->pe->p->deleting || w->pe->undo_all || mono(e) < w->heal_next)
        return;
    look_round(w);
}
