/* detection.resources: incidents of type Resource, one for each workload and rule, however many of its pods show it. */
#include "base/mem.h"
#include "engine/state.h"

#include <math.h>
#include <stdio.h>

#define TEXT_LEN 200

static gs_incident *find(const workload *w, enum gs_resource_rule rule)
{
    for (size_t k = 0; k < w->n_incidents; k++)
        if (gs_resource_rule_of(w->incidents[k]) == (int)rule)
            return w->incidents[k];
    return NULL;
}

static gs_incident *open_new(workload *w, enum gs_resource_rule rule)
{
    gs_incident *i = gs_resource_incident(&w->ref, rule);
    (void)gs_str_copy(i->policy_name, sizeof i->policy_name, gs_str_of(w->pe->p->name));
    (void)gs_str_copy(i->policy_uid, sizeof i->policy_uid, gs_str_of(w->pe->p->uid));
    w->incidents = gs_grow(w->incidents, &w->cap_incidents, w->n_incidents + 1, sizeof(gs_incident *));
    w->incidents[w->n_incidents++] = i;
    return i;
}

static bool show(target *t, gs_incident *i)
{
    return gs_incident_show(i, t->name, t->revision, (uint64_t)gs_series_last(&t->series), wall(t->e));
}

/* "CpuHigh: CPU 97 %, limit 90 % for 180 s" */
static void open_incident(target *t, gs_incident *i, enum gs_resource_rule rule, uint32_t for_ms)
{
    gs_engine *e = t->e;
    workload *w = t->w;
    char number[TEXT_LEN], reason[TEXT_LEN + 100];
    if (i) {
        gs_incident_reopen(i, wall(e));
        gs_resource_grade(i);
    } else {
        i = open_new(w, rule);
    }
    i->detection_ms = wall(e);
    i->start_ms = wall(e) - for_ms;
    (void)show(t, i);
    gs_resource_describe(rule, &w->pe->p->detection, gs_resource_value(&t->resource, rule), number, sizeof number);
    (void)snprintf(reason, sizeof reason, "%s: %s, for %u s", gs_reason_name(i->reasons), number, for_ms / 1000);
    e->stats.incidents_opened++;
    (void)gs_condition_set(gs_condition_slot(i->conditions, GS_LEN(i->conditions), "Resolved"), "False",
                           gs_reason_name(i->reasons), reason, 0, wall(e));
    e->ports.recorder.incident(e->ports.recorder.ctx, i, true); /* gives it its name */
    gs_tell(e, GS_EVENT_INCIDENT, w, t->name, i, reason);
    gs_tell_policy(e, w->pe);
    gs_snapshot_run(w);
    w->heal_next = 0;
    gs_heal_workload(w);
}

static void apply(target *t, enum gs_resource_rule rule, enum gs_resource_state state, uint32_t for_ms)
{
    gs_engine *e = t->e;
    gs_incident *i = find(t->w, rule);
    bool listed = i && !i->resolved && gs_incident_find_pod(i, t->name);
    if (state == GS_RESOURCE_HOLDS && (!i || i->resolved)) {
        open_incident(t, i, rule, for_ms);
    } else if (state == GS_RESOURCE_HOLDS || (state == GS_RESOURCE_ABOVE && listed)) {
        if (show(t, i))
            e->ports.recorder.incident(e->ports.recorder.ctx, i, false);
    } else if (state == GS_RESOURCE_CLEAR && listed) {
        gs_incident_drop_pod(i, t->name);
        e->ports.recorder.incident(e->ports.recorder.ctx, i, false);
    }
}

void gs_resources_sample(target *t, const gs_sample *s, enum gs_series_event event)
{
    gs_resource_verdict v;
    if (!t->w->pe)
        return;
    gs_resource_add(&t->resource, &t->w->pe->p->detection, s, event, t->cpu_limit_milli, mono(t->e), &v);
    for (int rule = 0; rule < GS_RESOURCE_RULES; rule++)
        apply(t, (enum gs_resource_rule)rule, v.state[rule], v.for_ms[rule]);
}

void gs_resources_describe(const workload *w, const gs_incident *i, char *dst, size_t cap)
{
    int rule = gs_resource_rule_of(i);
    double most = NAN;
    for (size_t k = 0; rule >= 0 && k < w->n_targets; k++)
        most = fmax(most, gs_resource_value(&w->targets[k]->resource, (enum gs_resource_rule)rule));
    dst[0] = 0;
    if (isfinite(most) && w->pe)
        gs_resource_describe((enum gs_resource_rule)rule, &w->pe->p->detection, most, dst, cap);
}
