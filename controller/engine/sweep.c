/* L1: groups of at most GS_MAX_GROUP targets that fire together, spread over the interval. */
#include "base/mem.h"
#include "core/detect.h"
#include "engine/state.h"

#include <math.h>
#include <stdlib.h>

static int64_t interval_ms(const policy_entry *pe)
{
    return (int64_t)pe->p->interval_s * 1000;
}

void gs_endpoint_of(const target *t, gs_endpoint *ret)
{
    const gs_policy *p = t->g->pe->p;
    *ret = (gs_endpoint){
        .host = t->host,
        .metrics_port = t->metrics_port,
        .metrics_path = p->endpoint.metrics_path,
        .pprof_port = t->pprof_port,
        .pprof_path = p->endpoint.pprof_path,
        .timeout_ms = p->timeout_s * 1000,
        .access = t->g->pe->access,
        .max_profile_bytes = (size_t)p->max_profile_bytes,
    };
}

static void set_error(target *t, const char *msg)
{
    if (gs_streq(t->error, msg))
        return;
    free(t->error);
    t->error = msg[0] ? gs_strdup(msg) : NULL;
}

static void on_sample_failed(target *t, const gs_error *err)
{
    gs_engine *e = t->e;
    if (err->kind == GS_NOT_FOUND && !t->no_metrics && t->pprof_port) {
        t->no_metrics = true; /* from now on the total line of its profile */
        t->next_total = 0;
        return;
    }
    e->stats.sample_errors++;
    t->failures++;
    set_error(t, err->msg);
    if (t->failures <= 2)
        gs_tell_policy(e, t->w->pe);
}

/* What series_add looks at as one interval: the pod's own pace. */
static int64_t pace_ms(const target *t)
{
    int64_t every = interval_ms(t->g->pe);
    return t->no_metrics && every < GS_TOTAL_INTERVAL_MS ? GS_TOTAL_INTERVAL_MS : every;
}

static void on_sample(void *arg, const gs_sample *s, const gs_error *err)
{
    target *t = arg;
    gs_engine *e = t->e;
    t->sampling = false;
    if (t->gone) {
        gs_sweep_leave(t);
        return;
    }
    if (err->kind != GS_OK || !isfinite(s->goroutines) || s->goroutines < 0) {
        gs_error bad = {.kind = GS_TERMINAL, .msg = "go_goroutines is not a count"};
        on_sample_failed(t, err->kind != GS_OK ? err : &bad);
        gs_engine_rearm(e);
        return;
    }
    const gs_detection *d = &t->g->pe->p->detection;
    int64_t now = mono(e);
    bool first = gs_series_len(&t->series) == 0 || t->failures > 0;
    e->stats.samples++;
    t->failures = 0;
    set_error(t, "");
    const gs_windows windows = {
        .interval = pace_ms(t), .surge = (int64_t)d->surge.window_s * 1000, .floor = (int64_t)d->floor.window_s * 1000};
    enum gs_series_event event = gs_series_add(&t->series, s, now, &windows);
    if (event == GS_SERIES_RESTARTED)
        gs_process_restarted(t);
    gs_verdict v;
    gs_detect_series(d, &t->series, now, &v);
    if (v.rules)
        gs_suspect(t, v.rules, v.reason);
    gs_resources_sample(t, s, event);
    if (first)
        gs_tell_policy(e, t->w->pe);
    gs_engine_rearm(e);
}

static void fire(gs_tick *tick)
{
    group *g = GS_OWNER(tick, group, tick);
    policy_entry *pe = g->pe;
    gs_engine *e = pe->e;
    int64_t now = mono(e), due = g->due;
    e->stats.late_ms = now - due;
    g->due = gs_group_next_ms(g->due, interval_ms(pe), now);
    gs_tick_set(&e->ticks, tick, g->due);
    for (size_t k = 0; k < g->n; k++) {
        target *t = g->members[k];
        if (t->gone)
            continue;
        if (t->sampling) {
            e->stats.sample_skips++;
            continue;
        }
        if (t->no_metrics) {
            if (!t->pprof_port || due < t->next_total)
                continue;
            t->next_total = due + GS_TOTAL_INTERVAL_MS; /* by the schedule: a late run does not skip a turn */
        }
        gs_endpoint ep;
        gs_endpoint_of(t, &ep);
        t->sampling = true;
        e->ports.samples.sample(e->ports.samples.ctx, g->pool, &ep, t->no_metrics, on_sample, t);
    }
}

static void set_phase(group *g, unsigned k)
{
    gs_engine *e = g->pe->e;
    int64_t every = interval_ms(g->pe);
    int64_t first = g->pe->epoch + (gs_policy_offset_ms(g->pe->seq, every) + gs_group_phase_ms(k, every)) % every;
    g->due = gs_group_next_ms(first - every, every, mono(e) - 1); /* not before now */
    gs_tick_set(&e->ticks, &g->tick, g->due);
}

void gs_sweep_join(policy_entry *pe, target *t)
{
    gs_engine *e = pe->e;
    pe->n_targets++;
    for (size_t k = pe->n_groups; k-- > 0;)
        if (pe->groups[k]->n < GS_MAX_GROUP) {
            t->g = pe->groups[k];
            t->g->members[t->g->n++] = t;
            return;
        }
    group *g = gs_alloc(sizeof *g);
    g->pe = pe;
    g->pool = e->ports.samples.pool_new(e->ports.samples.ctx);
    g->tick.fn = fire;
    g->members[g->n++] = t;
    t->g = g;
    pe->groups = gs_grow(pe->groups, &pe->cap_groups, pe->n_groups + 1, sizeof(group *));
    pe->groups[pe->n_groups++] = g;
    e->stats.groups++;
    if (pe->group_seq == 0)
        pe->epoch = mono(e);
    set_phase(g, pe->group_seq++);
}

void gs_sweep_leave(target *t)
{
    group *g = t->g;
    if (!t->gone)
        g->pe->n_targets--;
    t->gone = true;
    if (t->sampling)
        return;
    for (size_t k = 0; k < g->n; k++)
        if (g->members[k] == t) {
            g->members[k] = g->members[--g->n];
            break;
        }
    gs_target_free(t);
    /* An empty group stays until its policy goes or a target joins: it may be firing, or answering, right now. */
}

void gs_sweep_free_group(group *g)
{
    policy_entry *pe = g->pe;
    gs_engine *e = pe->e;
    gs_tick_stop(&e->ticks, &g->tick);
    e->ports.samples.pool_free(e->ports.samples.ctx, g->pool);
    for (size_t k = 0; k < g->n; k++)
        gs_target_free(g->members[k]);
    for (size_t k = 0; k < pe->n_groups; k++)
        if (pe->groups[k] == g) {
            pe->groups[k] = pe->groups[--pe->n_groups];
            break;
        }
    e->stats.groups--;
    free(g);
}

void gs_sweep_respread(policy_entry *pe)
{
    pe->group_seq = 0;
    pe->epoch = mono(pe->e);
    for (size_t k = 0; k < pe->n_groups; k++) {
        group *g = pe->groups[k];
        set_phase(g, pe->group_seq++);
        for (size_t m = 0; m < g->n; m++)
            g->members[m]->series = (gs_series){0};
    }
}
