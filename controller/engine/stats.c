/* What policies' status, metrics and tables show of the engine's state. */
#include "engine/state.h"

#include <stdio.h>
#include <stdlib.h>

void gs_engine_get_stats(const gs_engine *e, gs_engine_stats *ret)
{
    *ret = e->stats;
    ret->policies = gs_map_len(e->policies);
    ret->workloads = gs_map_len(e->workloads);
    ret->targets = gs_map_len(e->targets);
    ret->open_incidents = 0;
    for (gs_map_it it = {0}; gs_map_next(e->workloads, &it);) {
        const workload *w = it.value;
        for (size_t k = 0; k < w->n_incidents; k++)
            ret->open_incidents += !w->incidents[k]->resolved;
    }
}

static bool unreachable(const target *t)
{
    return t->failures >= 2 || (t->failures > 0 && gs_series_len(&t->series) == 0);
}

static void count_targets(const workload *w, gs_policy_facts *f)
{
    for (size_t k = 0; k < w->n_targets; k++) {
        const target *t = w->targets[k];
        f->targets++;
        f->sampled += gs_series_len(&t->series) > 0 && !unreachable(t);
        f->leaking += gs_listed(w, t->name);
        if (unreachable(t)) {
            f->unreachable++;
            (void)snprintf(f->unreachable_example, sizeof f->unreachable_example, "%.60s: %.230s", t->name,
                           t->error ? t->error : "");
        }
    }
}

void gs_engine_policy_facts(gs_engine *e, const gs_policy *p, gs_policy_facts *ret)
{
    *ret = (gs_policy_facts){0};
    gs_autofree char *key = NULL;
    if (asprintf(&key, "%s/%s", p->ns, p->name) < 0)
        return;
    const policy_entry *pe = gs_map_get(e->policies, key);
    if (!pe)
        return;
    const gs_incident *worst = NULL;
    for (gs_map_it it = {0}; gs_map_next(e->workloads, &it);) {
        const workload *w = it.value;
        if ((w->history_pe == pe || w->history_was == pe) && w->history &&
            (w->history->added_replicas > 0 || w->history->pending.set))
            ret->to_undo = true;
        if (w->pe != pe)
            continue;
        count_targets(w, ret);
        for (size_t k = 0; k < w->n_incidents; k++) {
            const gs_incident *i = w->incidents[k];
            if (i->resolved)
                continue;
            ret->open_incidents++;
            if (i->type != GS_INCIDENT_LEAK)
                continue;
            if (!worst || i->grade > worst->grade ||
                (i->grade == worst->grade && gs_incident_leaking(i) > gs_incident_leaking(worst)))
                worst = i;
        }
    }
    if (worst)
        (void)snprintf(ret->worst, sizeof ret->worst, "%d of %d pods: %.240s", ret->leaking, ret->targets,
                       worst->patterns[0].leaf);
    ret->evidence_failing = pe->evidence_failing;
    memcpy(ret->evidence_error, pe->evidence_error, sizeof ret->evidence_error);
    memcpy(ret->heal_state, pe->heal_state, sizeof ret->heal_state);
    memcpy(ret->heal_message, pe->heal_message, sizeof ret->heal_message);
}

size_t gs_engine_histories(gs_engine *e, const gs_policy *p, const gs_heal_history **ret, size_t max)
{
    size_t n = 0;
    for (gs_map_it it = {0}; n < max && gs_map_next(e->workloads, &it);) {
        const workload *w = it.value;
        bool moves = w->history && w->history_was && !w->history->pending.recorded;
        const policy_entry *holder = moves ? w->history_was : w->history_pe;
        if (w->history && holder && gs_streq(holder->p->ns, p->ns) && gs_streq(holder->p->name, p->name))
            ret[n++] = w->history;
    }
    return n;
}

void gs_engine_each_target(const gs_engine *e, void (*fn)(void *ctx, const gs_target_view *v), void *ctx)
{
    static const char *const looks[] = {"idle", "profiling", "watching", "tracking", "hold"};
    for (gs_map_it it = {0}; gs_map_next(e->targets, &it);) {
        const target *t = it.value;
        gs_target_view v = {
            .ns = t->w->ref.ns,
            .name = t->name,
            .workload = &t->w->ref,
            .goroutines = (double)gs_series_last(&t->series),
            .growth_ratio = gs_series_growth_ratio(&t->series),
            .unreachable = unreachable(t),
            .error = t->error ? t->error : "",
            .look = looks[t->esc.look],
            .leaf = "",
        };
        for (size_t k = 0; k < t->w->n_incidents; k++) {
            gs_incident *i = t->w->incidents[k];
            if (!i->resolved && i->type == GS_INCIDENT_LEAK && gs_incident_find_pod(i, t->name) && i->grade > v.grade) {
                v.grade = i->grade;
                v.leaf = i->patterns[0].leaf;
            }
        }
        fn(ctx, &v);
    }
}

void gs_engine_each_site(const gs_engine *e, void (*fn)(void *ctx, const gs_site_view *v), void *ctx)
{
    for (gs_map_it it = {0}; gs_map_next(e->workloads, &it);) {
        const workload *w = it.value;
        for (size_t k = 0; k < w->n_sites; k++) {
            gs_site_view v = {.workload = &w->ref,
                              .state = gs_state_name(w->sites[k].state),
                              .leaf = w->sites[k].leaf,
                              .entry = w->sites[k].entry,
                              .goroutines = w->sites[k].count,
                              .blocked_seconds = w->sites[k].blocked_s};
            fn(ctx, &v);
        }
    }
}

void gs_engine_each_incident(const gs_engine *e, void (*fn)(void *ctx, const gs_incident *i), void *ctx)
{
    for (gs_map_it it = {0}; gs_map_next(e->workloads, &it);) {
        const workload *w = it.value;
        for (size_t k = 0; k < w->n_incidents; k++)
            fn(ctx, w->incidents[k]);
    }
}
