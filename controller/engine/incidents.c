/* The incidents of a workload as its pods come and go: adopted, pruned, resolved, forgotten. */
#include "base/mem.h"
#include "engine/state.h"

#include <stdio.h>

void gs_engine_adopt_incident(gs_engine *e, gs_incident *i)
{
    workload *w = gs_workload_of(e, &i->workload);
    w->incidents = gs_grow(w->incidents, &w->cap_incidents, w->n_incidents + 1, sizeof(gs_incident *));
    w->incidents[w->n_incidents++] = i;
    if (!i->last_shown_ms)
        i->last_shown_ms = wall(e);
}

void gs_incidents_settle(workload *w)
{
    gs_engine *e = w->e;
    for (size_t k = 0; k < w->n_incidents; k++) {
        gs_incident *i = w->incidents[k];
        if (!w->pe || w->pe->p->suspend || !gs_incident_settle(i, wall(e)))
            continue; /* nobody watches: nobody may judge */
        char message[240], number[120];
        gs_resources_describe(w, i, number, sizeof number);
        (void)snprintf(message, sizeof message, "no pod has shown it for %d s%s%s", GS_RESOLVE_MS / 1000,
                       number[0] ? ": " : "", number);
        (void)gs_condition_set(gs_condition_slot(i->conditions, GS_LEN(i->conditions), "Resolved"), "True", "NotShown",
                               message, 0, wall(e));
        e->stats.incidents_resolved++;
        w->heal_next = 0; /* there may be something to take back */
        gs_tell(e, GS_EVENT_RESOLVED, w, NULL, i, message);
        e->ports.recorder.incident(e->ports.recorder.ctx, i, true);
        gs_tell_policy(e, w->pe);
    }
}

void gs_incidents_prune(workload *w)
{
    gs_engine *e = w->e;
    w->prune_at = 0;
    for (size_t k = 0; k < w->n_incidents; k++) {
        gs_incident *i = w->incidents[k];
        bool changed = false;
        for (size_t p = i->n_pods; p-- > 0;) {
            gs_autofree char *key = gs_sprintf("%s/%s", w->ref.ns, i->pods[p].name);
            if (gs_map_get(e->targets, key))
                continue;
            gs_incident_drop_pod(i, i->pods[p].name);
            changed = true;
        }
        if (changed)
            e->ports.recorder.incident(e->ports.recorder.ctx, i, false);
    }
}

void gs_incidents_leave(workload *w, const char *pod)
{
    for (size_t k = 0; k < w->n_incidents; k++) {
        if (!gs_incident_find_pod(w->incidents[k], pod))
            continue;
        gs_incident_drop_pod(w->incidents[k], pod);
        w->e->ports.recorder.incident(w->e->ports.recorder.ctx, w->incidents[k], false);
    }
}

void gs_engine_forget_incident(gs_engine *e, const char *ns, const char *name)
{
    for (gs_map_it it = {0}; gs_map_next(e->workloads, &it);) {
        workload *w = it.value;
        for (size_t k = 0; k < w->n_incidents; k++) {
            if (!gs_streq(w->ref.ns, ns) || !gs_streq(w->incidents[k]->name, name))
                continue;
            gs_evidence_orphan(e, w->incidents[k]);
            gs_snapshot_forget(w, w->incidents[k]);
            gs_incident_free(w->incidents[k]);
            memmove(w->incidents + k, w->incidents + k + 1, (--w->n_incidents - k) * sizeof(gs_incident *));
            gs_workload_release(w);
            return;
        }
    }
}
