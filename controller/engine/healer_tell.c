/* What people, the audit log and the incident's record are told of decisions; and the numbers that these rest on. */
#include "base/mem.h"
#include "engine/healer_internal.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define MIN_SAMPLES 4        /* for a slope */
#define TELL_AGAIN_MS 600000 /* refusals that take turns are told no more often */

void heal_state(workload *w, const char *reason, const char *message)
{
    policy_entry *pe = w->pe ? w->pe : w->history_pe;
    if (!pe || (gs_streq(pe->heal_state, reason) && gs_streq(pe->heal_message, message)))
        return;
    (void)gs_str_copy(pe->heal_state, sizeof pe->heal_state, gs_str_of(reason));
    (void)gs_str_copy(pe->heal_message, sizeof pe->heal_message, gs_str_of(message));
    gs_tell_policy(w->e, pe);
}

void heal_quiet_state(workload *w, const gs_plan *plan)
{
    const char *was = w->pe->heal_state;
    bool quiet =
        plan->refusal == GS_REFUSAL_GRADE || (plan->refusal == GS_REFUSAL_NO_ACTIONS && w->pe->p->n_actions == 0);
    if (quiet && (!was[0] || gs_streq(was, gs_refusal_name(GS_REFUSAL_GRADE)) ||
                  gs_streq(was, gs_refusal_name(GS_REFUSAL_NO_ACTIONS))))
        heal_state(w, gs_refusal_name(plan->refusal), plan->message);
}

static void decision(workload *w, const gs_decision *d)
{
    const gs_recorder *r = &w->e->ports.recorder;
    bool planned = d->kind == GS_DECISION_REFUSE || d->kind == GS_DECISION_DRY_RUN;
    const policy_entry *pe = planned ? w->pe : w->history_pe;
    gs_decision told = *d;
    if (!r->decision || !pe)
        return;
    told.policy = pe->p;
    told.workload = &w->ref;
    told.wall_ms = wall(w->e);
    r->decision(r->ctx, &told);
}

void heal_decision(workload *w, enum gs_decision_kind kind, const gs_incident *i, const gs_pending *p,
                   enum gs_outcome outcome, const char *message)
{
    decision(w, &(gs_decision){.kind = kind,
                               .incident = i,
                               .action_id = p->id,
                               .type = p->type,
                               .from = p->from,
                               .to = p->to,
                               .victims = p->victims,
                               .n_victims = p->n_victims,
                               .outcome = outcome,
                               .message = message});
}

/* As often as it would be looked at: once for its reason, until an action or, for a while, another reason takes its place.
 * What the kind cannot do it never can. */
static bool told_before(const gs_incident *i, enum gs_action_type type, enum gs_refusal refusal, int64_t now_ms)
{
    const char *name = gs_refusal_name(refusal);
    bool for_good = refusal == GS_REFUSAL_KIND;
    for (size_t k = i->n_actions; k-- > 0;) {
        const gs_action *a = &i->actions[k];
        bool refused = a->outcome == GS_OUTCOME_REFUSED && a->time_ms >= i->detection_ms;
        bool same = refused && strncmp(a->reason, name, strlen(name)) == 0 && a->reason[strlen(name)] == ':';
        if (for_good && same && a->type == type)
            return true;
        if (!for_good && !refused)
            return false;
        if (!for_good && same)
            return k + 1 == i->n_actions || now_ms - a->time_ms < TELL_AGAIN_MS;
    }
    return false;
}

void heal_refuse(workload *w, gs_incident *i, const gs_plan *plan)
{
    gs_engine *e = w->e;
    if (told_before(i, plan->type, plan->refusal, wall(e)))
        return;
    const char *name = gs_refusal_name(plan->refusal);
    gs_action *a = gs_incident_add_action(i, plan->type, wall(e));
    a->dry_run = w->pe && w->pe->p->mode == GS_MODE_DRY_RUN;
    a->from = a->to = plan->from;
    a->outcome = GS_OUTCOME_REFUSED;
    (void)snprintf(a->reason, sizeof a->reason, "%s: %.199s", name, plan->message);
    decision(w, &(gs_decision){.kind = GS_DECISION_REFUSE,
                               .incident = i,
                               .action_id = "",
                               .type = plan->type,
                               .from = plan->from,
                               .to = plan->from,
                               .outcome = GS_OUTCOME_REFUSED,
                               .refusal = plan->refusal,
                               .message = plan->message});
    gs_tell(e, GS_EVENT_REFUSED, w, NULL, i, a->reason);
    e->ports.recorder.incident(e->ports.recorder.ctx, i, true);
    if (plan->refusal != GS_REFUSAL_PENDING) /* how far that action is says more */
        heal_state(w, name, plan->message);
}

void heal_pass_over(workload *w, gs_incident *i, const gs_plan *plan)
{
    const gs_policy *p = w->pe->p;
    for (size_t k = 0; k < p->n_actions; k++) {
        gs_plan one = {.refusal = GS_REFUSAL_KIND, .type = p->actions[k].type, .from = plan->from, .to = plan->from};
        if (!(plan->passed & 1u << one.type))
            continue;
        gs_heal_impossible(one.type, w->ref.kind, one.message);
        heal_refuse(w, i, &one);
    }
}

void heal_dry_run(workload *w, gs_incident *i, const gs_plan *plan)
{
    gs_engine *e = w->e;
    char words[GS_HEAL_TEXT], text[GS_HEAL_TEXT + 40];
    gs_autofree gs_pending *p = gs_alloc(sizeof *p);
    gs_action *a = gs_incident_add_action(i, plan->type, wall(e));
    a->dry_run = true;
    a->from = plan->from;
    a->to = plan->to;
    a->outcome = GS_OUTCOME_SUCCEEDED;
    *p = plan->intent;
    memcpy(p->id, a->id, sizeof p->id);
    for (size_t k = 0; k < p->n_victims; k++)
        gs_action_add_pod(a, gs_str_of(p->victims[k].name));
    gs_heal_describe(p, words);
    (void)snprintf(text, sizeof text, "%s: would be done under Enforce", words);
    heal_decision(w, GS_DECISION_DRY_RUN, i, p, GS_OUTCOME_SUCCEEDED, words);
    gs_tell(e, GS_EVENT_ACTION, w, NULL, i, text);
    e->ports.recorder.incident(e->ports.recorder.ctx, i, true);
    heal_state(w, "DryRun", text);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The robust slope, as that of core/series.h, of the counts since then: what was before the growth, or before the action
 * that is judged, is no part of it. Per second; false: too few counts. */
static bool slope_since(const gs_series *se, int64_t since_ms, double *ret)
{
    double v[GS_SERIES_RECENT * (GS_SERIES_RECENT - 1) / 2];
    unsigned n = 0, len = gs_series_len(se);
    int64_t at, before;
    while (n < len && (gs_series_back(se, n, &at), at >= since_ms))
        n++;
    if (n < MIN_SAMPLES)
        return false;
    size_t pairs = 0;
    for (unsigned i = 0; i < n; i++)
        for (unsigned k = i + 1; k < n; k++) {
            double rise = (double)gs_series_back(se, i, &at) - (double)gs_series_back(se, k, &before);
            if (at > before)
                v[pairs++] = rise * 1000 / (double)(at - before);
        }
    if (!pairs)
        return false;
    qsort(v, pairs, sizeof v[0], by_value);
    *ret = pairs % 2 ? v[pairs / 2] : (v[pairs / 2 - 1] + v[pairs / 2]) / 2;
    return true;
}

bool heal_growth(const workload *w, const gs_incident *i, int64_t since_ms, int *ret)
{
    double sum = 0;
    unsigned n = 0;
    for (size_t k = 0; k < w->n_targets; k++) {
        const target *t = w->targets[k];
        double slope;
        bool listed = false;
        for (size_t p = 0; p < i->n_pods && !listed; p++)
            listed = gs_streq(i->pods[p].name, t->name);
        if (!listed || !slope_since(&t->series, since_ms ? since_ms : gs_series_onset_ms(&t->series), &slope))
            continue;
        sum += slope * 3600;
        n++;
    }
    *ret = n ? (int)fmax(-1e9, fmin(1e9, round(sum / n))) : 0;
    return n > 0 || !i->n_pods;
}
