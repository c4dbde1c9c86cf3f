#include "base/map.h"
#include "base/mem.h"
#include "cli/backtest.h"
#include "codec/incident_json.h"

#include <math.h>
#include <stdio.h>

#define MONO_START_MS 1000000      /* no time of the engine is 0, which means none */
#define UNIX_FROM_MS 1000000000000 /* in 2001; earlier times are counted from something else */
#define SLACK 10                   /* of the interval: a sample may be late by this part of it, as real ones are */
#define LOOK_FOR_GONE_MS 60000

typedef struct pod {
    char name[GS_OBJECT_LEN];
    char host[16]; /* its number */
    gs_sample newest;
    int64_t row_ms, answered_ms; /* of the newest row, and of the newest with a count */
    bool watched;                /* a target of the engine */
} pod;

struct gs_replay {
    gs_policy *policy;         /* the engine's once there is one */
    const gs_policy *in_force; /* the same */
    gs_engine *engine;         /* made at the first row: its clock begins there */
    gs_backtest_world world;
    gs_actuator actuator;
    gs_workload_ref workload;
    gs_map *by_name;
    pod **pods;
    size_t n_pods, cap_pods;
    int64_t first_ms, last_ms, now_ms;
    int64_t armed_ms; /* of the series; INT64_MAX: not armed */
    int64_t look_ms;  /* when pods that are gone are looked for */
    uint64_t rows, steps,
        gapless; /* steps: from one row of a pod to its next; gapless: those in which it was not gone */
    int64_t steps_ms, gapless_ms;
    void (*on_event)(void *ctx, const gs_watch_event *e);
    void *ctx;
};

/* The clock. */

static int64_t now_ms(void *ctx)
{
    return ((const gs_replay *)ctx)->now_ms;
}

static int64_t mono(void *ctx)
{
    const gs_replay *r = ctx;
    return r->now_ms - r->first_ms + MONO_START_MS;
}

static bool dated(const gs_replay *r)
{
    return r->first_ms >= UNIX_FROM_MS;
}

static int64_t wall(void *ctx)
{
    const gs_replay *r = ctx;
    return dated(r) ? r->now_ms : r->now_ms - r->first_ms + UNIX_FROM_MS;
}

static void arm(void *ctx, int64_t at_mono_ms)
{
    gs_replay *r = ctx;
    r->armed_ms = at_mono_ms - MONO_START_MS + r->first_ms;
}

static int64_t interval_ms(const gs_replay *r)
{
    return (int64_t)r->in_force->interval_s * 1000;
}

/* Samples. */

static void *pool_new(void *ctx)
{
    return ctx; /* there are no connections */
}

static void pool_free(void *ctx, void *pool)
{
    (void)ctx;
    (void)pool;
}

static pod *pod_of(const gs_replay *r, const char *host)
{
    uint64_t k;
    return gs_str_u64(gs_str_of(host), &k) && k < r->n_pods ? r->pods[k] : NULL;
}

static const char *pod_name(void *ctx, const char *host)
{
    const pod *p = pod_of(ctx, host);
    return p ? p->name : "";
}

static const char *pod_at(void *ctx, size_t k)
{
    const gs_replay *r = ctx;
    return k < r->n_pods ? r->pods[k]->watched ? r->pods[k]->name : "" : NULL;
}

static void sample(void *ctx, void *pool, const gs_endpoint *e, bool total,
                   void (*done)(void *arg, const gs_sample *s, const gs_error *err), void *arg)
{
    const gs_replay *r = ctx;
    const pod *p = pod_of(r, e->host);
    gs_error err = {0};
    (void)pool;
    (void)total;
    if (!p || (double)(r->now_ms - p->answered_ms) > GS_BACKTEST_STALE * (double)interval_ms(r))
        (void)gs_error_set(&err, GS_TRANSIENT, "the series has no sample for this time");
    done(arg, p ? &p->newest : &(gs_sample){.goroutines = NAN}, &err);
}

/* The recorder. */

static void on_event(void *ctx, enum gs_event e, const gs_workload_ref *ref, const char *target, const gs_incident *i,
                     const char *reason)
{
    const gs_replay *r = ctx;
    const gs_watch_event event = {
        .event = e,
        .t_ms = r->now_ms,
        .dated = dated(r),
        .target = target ? target : ref->name,
        .incident = i,
        .reason = reason,
    };
    r->on_event(r->ctx, &event);
}

static void on_incident(void *ctx, gs_incident *i, bool urgent)
{
    (void)ctx;
    (void)urgent;
    if (!i->name[0])
        gs_incident_make_name(&i->workload, i->pattern_id, i->name);
}

static void on_policy(void *ctx, const gs_policy *p)
{
    (void)ctx;
    (void)p;
}

/* Putting it together. */

gs_replay *gs_replay_new(gs_policy *policy, const gs_backtest_profile *profiles, size_t n_profiles, int replicas,
                         void (*fn)(void *ctx, const gs_watch_event *e), void *ctx)
{
    gs_replay *r = gs_alloc(sizeof *r);
    r->in_force = r->policy = policy;
    r->by_name = gs_map_new(NULL);
    r->armed_ms = INT64_MAX;
    r->on_event = fn;
    r->ctx = ctx;
    r->workload = (gs_workload_ref){.api_version = "apps/v1", .kind = "Deployment", .ns = GS_WATCH_NS};
    (void)gs_str_copy(policy->ns, sizeof policy->ns, gs_str_of(GS_WATCH_NS));
    if (!policy->name[0])
        (void)gs_str_copy(policy->name, sizeof policy->name, GS_STR("backtest"));
    (void)gs_str_copy(r->workload.name, sizeof r->workload.name, gs_str_of(policy->name));
    policy->endpoint.has_metrics = true;
    r->world = (gs_backtest_world){
        .profiles = profiles,
        .n_profiles = n_profiles,
        .profile_age_ms = (int64_t)policy->profile_interval_s * 1000,
        .pod_name = pod_name,
        .pod_at = pod_at,
        .now_ms = now_ms,
        .ctx = r,
        .replicas = replicas,
        .clock = {.mono_ms = mono, .wall_ms = wall, .ctx = r},
    };
    return r;
}

void gs_replay_free(gs_replay *r)
{
    if (!r)
        return;
    gs_engine_free(r->engine);
    gs_policy_free(r->policy);
    for (size_t k = 0; k < r->n_pods; k++)
        free(r->pods[k]);
    free(r->pods);
    gs_map_free(r->by_name);
    free(r);
}

static void begin(gs_replay *r, int64_t first_ms)
{
    gs_ports ports = {
        .clock = r->world.clock,
        .arm = arm,
        .arm_ctx = r,
        .seed = 1, /* the same series gives the same answer */
        .samples = {.pool_new = pool_new, .pool_free = pool_free, .sample = sample, .ctx = r},
        .recorder = {.event = on_event, .incident = on_incident, .policy = on_policy, .ctx = r},
    };
    r->first_ms = r->last_ms = r->now_ms = first_ms;
    r->look_ms = first_ms + LOOK_FOR_GONE_MS;
    gs_backtest_ports(&r->world, &ports, &r->actuator);
    r->engine = gs_engine_new(&ports);
    gs_engine_set_policy(r->engine, gs_take(r->policy));
    gs_engine_synced(r->engine);
}

static int64_t gone_ms(const gs_replay *r)
{
    int64_t long_ones = GS_BACKTEST_GONE * interval_ms(r);
    return long_ones > GS_BACKTEST_GONE_MS ? long_ones : GS_BACKTEST_GONE_MS;
}

/* A cluster would say that the pod is gone; a series just ends. */
static void drop_gone(gs_replay *r)
{
    r->look_ms = r->now_ms + LOOK_FOR_GONE_MS;
    for (size_t k = 0; k < r->n_pods; k++) {
        pod *p = r->pods[k];
        if (!p->watched || r->now_ms - p->row_ms < gone_ms(r))
            continue;
        p->watched = false;
        gs_engine_drop_target(r->engine, GS_WATCH_NS, p->name, GS_LEAVE_GONE);
    }
}

/* All that is due before this time. */
static void advance(gs_replay *r, int64_t until_ms)
{
    while (r->armed_ms < until_ms) {
        if (r->now_ms < r->armed_ms)
            r->now_ms = r->armed_ms;
        r->armed_ms = INT64_MAX;
        gs_engine_run(r->engine);
        if (r->now_ms >= r->look_ms)
            drop_gone(r);
    }
    if (r->now_ms < until_ms)
        r->now_ms = until_ms;
}

static void watch_pod(gs_replay *r, pod *p)
{
    const gs_target_spec spec = {
        .ns = GS_WATCH_NS, .name = p->name, .uid = "", .host = p->host, .metrics_port = 1, .pprof_port = 1};
    p->watched = true;
    gs_engine_set_target(r->engine, r->in_force->name, &r->workload, &spec);
}

/* NULL: there are too many. */
static pod *find_pod(gs_replay *r, gs_str name, gs_error *err)
{
    gs_str known = name.n ? name : gs_str_of(r->workload.name);
    pod *p = gs_map_getn(r->by_name, known);
    if (p)
        return p;
    if (r->n_pods == GS_MAX_SERIES_PODS) {
        (void)gs_error_set(err, GS_NO_MEMORY, "more than %d pods; leave some out", GS_MAX_SERIES_PODS);
        return NULL;
    }
    p = gs_alloc(sizeof *p);
    (void)gs_str_copy(p->name, sizeof p->name, known);
    (void)snprintf(p->host, sizeof p->host, "%zu", r->n_pods);
    p->row_ms = p->answered_ms = -1;
    r->pods = gs_grow(r->pods, &r->cap_pods, r->n_pods + 1, sizeof(pod *));
    r->pods[r->n_pods++] = p;
    gs_map_put(r->by_name, p->name, p);
    return p;
}

static void count(gs_replay *r, const pod *p, int64_t t_ms)
{
    int64_t since = t_ms - p->answered_ms;
    r->rows++;
    if (p->answered_ms < 0)
        return;
    r->steps++;
    r->steps_ms += since;
    if (since < gone_ms(r)) {
        r->gapless++;
        r->gapless_ms += since;
    }
}

int gs_replay_row(gs_replay *r, const gs_series_row *row, gs_error *err)
{
    if (!r->engine && isnan(row->sample.goroutines))
        return 0; /* there is nothing to begin with */
    if (!r->engine)
        begin(r, row->t_ms);
    if (row->t_ms - r->first_ms > GS_MAX_SERIES_DAYS * 86400000LL)
        return gs_error_set(err, GS_NO_MEMORY, "over %d days after the first sample; try one part at a time",
                            GS_MAX_SERIES_DAYS);
    pod *p = find_pod(r, row->pod, err);
    if (!p)
        return -(int)GS_NO_MEMORY;
    if (p->row_ms == row->t_ms)
        return gs_error_set(err, GS_TERMINAL, "pod \"%.100s\" has a second sample of the same time; leave one out",
                            p->name);
    int64_t due = row->t_ms - interval_ms(r) / SLACK;
    if (due > r->now_ms)
        advance(r, due);
    r->last_ms = p->row_ms = row->t_ms;
    if (isnan(row->sample.goroutines))
        return 0;
    count(r, p, row->t_ms);
    p->newest = row->sample;
    p->answered_ms = row->t_ms;
    if (!p->watched)
        watch_pod(r, p);
    return 0;
}

void gs_replay_end(gs_replay *r)
{
    if (r->engine)
        advance(r, r->last_ms + 1);
}

const gs_engine *gs_replay_engine(const gs_replay *r)
{
    return r->engine;
}

const gs_policy *gs_replay_policy(const gs_replay *r)
{
    return r->in_force;
}

void gs_replay_get_stats(const gs_replay *r, gs_replay_stats *ret)
{
    int64_t steps = (int64_t)r->steps, gapless = (int64_t)r->gapless;
    *ret = (gs_replay_stats){
        .rows = r->rows,
        .pods = r->n_pods,
        .first_ms = r->first_ms,
        .last_ms = r->last_ms,
        .apart_ms = 2 * gapless > steps ? r->gapless_ms / gapless
                    : steps             ? r->steps_ms / steps
                                        : 0,
    };
}
