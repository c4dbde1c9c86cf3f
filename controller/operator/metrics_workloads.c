#include "base/mem.h"
#include "operator/metrics_internal.h"

#include <stdlib.h>

/* Sums over the pods of a workload; growth is that of its worst pod. */
typedef struct per_workload {
    const gs_workload_ref *ref;
    double goroutines, growth;
} per_workload;

static void add_target(void *ctx, const gs_target_view *v)
{
    gs_map *sums = ctx;
    if (v->goroutines < 0)
        return;
    per_workload *w = gs_map_get(sums, v->workload->uid);
    if (!w) {
        if (gs_map_len(sums) >= GS_MAX_WORKLOAD_SERIES)
            return;
        w = gs_alloc(sizeof *w);
        w->ref = v->workload;
        gs_map_put(sums, v->workload->uid, w);
    }
    w->goroutines += v->goroutines;
    if (v->growth_ratio > w->growth)
        w->growth = v->growth_ratio;
}

static void workload_value(gs_metrics *m, const char *name, const gs_workload_ref *w, double value)
{
    gs_metrics_value(m, name, value, "namespace", w->ns, "kind", w->kind, "workload", w->name, NULL);
}

static void goroutines(op *o, gs_metrics *m)
{
    gs_cleanup(gs_map_free) gs_map *sums = gs_map_new(free);
    gs_engine_each_target(o->engine, add_target, sums);
    gs_metrics_family(m, "gostat_goroutines", "gauge", "Goroutines of a workload, over its sampled pods.");
    for (gs_map_it it = {0}; gs_map_next(sums, &it);)
        workload_value(m, "gostat_goroutines", ((per_workload *)it.value)->ref, ((per_workload *)it.value)->goroutines);
    gs_metrics_family(m, "gostat_goroutines_growth_ratio", "gauge",
                      "Newest over oldest recent sample of the workload's worst pod.");
    for (gs_map_it it = {0}; gs_map_next(sums, &it);)
        workload_value(m, "gostat_goroutines_growth_ratio", ((per_workload *)it.value)->ref,
                       ((per_workload *)it.value)->growth);
}

static void site_count(void *ctx, const gs_site_view *v)
{
    gs_metrics_value(ctx, "gostat_site_goroutines", (double)v->goroutines, "namespace", v->workload->ns, "kind",
                     v->workload->kind, "workload", v->workload->name, "state", v->state, "leaf", v->leaf, "entry",
                     v->entry, NULL);
}

static void site_blocked(void *ctx, const gs_site_view *v)
{
    gs_metrics_value(ctx, "gostat_goroutines_blocked_seconds_total", v->blocked_seconds, "namespace", v->workload->ns,
                     "kind", v->workload->kind, "workload", v->workload->name, "state", v->state, "leaf", v->leaf,
                     "entry", v->entry, NULL);
}

void op_metrics_workloads(op *o, gs_metrics *m)
{
    goroutines(o, m);
    gs_metrics_family(m, "gostat_site_goroutines", "gauge", "Goroutines at one site, in the pod profiled last.");
    gs_engine_each_site(o->engine, site_count, m);
    gs_metrics_family(m, "gostat_goroutines_blocked_seconds_total", "counter",
                      "Time that goroutines of profiled pods spent blocked at one site, summed over goroutines.");
    gs_engine_each_site(o->engine, site_blocked, m);
}
