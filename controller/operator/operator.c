/* Puts the operator together: what is made when, and what ends in which order. */
#include "base/log.h"
#include "base/mem.h"
#include "edge/scraper_ports.h"
#include "edge/zoneinfo.h"
#include "operator/op.h"

#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define TICK_MS 1000
#define WORKERS 2
#define STOP_MS 5000 /* for giving back the lease and the last Events */

static void *watch_free(op_watch *w)
{
    gs_informer_free(w->informer);
    free(w->ns);
    free(w);
    return NULL;
}

static void on_list_begin(void *ctx)
{
    op_watch *w = ctx;
    w->listing++;
}

void op_watch_start(op *o, const char *ns, const gs_informer_options *options)
{
    op_watch *w = gs_alloc(sizeof *w);
    gs_informer_options full = *options;
    w->o = o;
    w->ns = ns ? gs_strdup(ns) : NULL;
    full.ns = w->ns;
    full.on_list_begin = on_list_begin;
    full.ctx = w;
    w->informer = gs_informer_new(o->kube, &full);
    o->watches = gs_grow(o->watches, &o->cap_watches, o->n_watches + 1, sizeof(op_watch *));
    o->watches[o->n_watches++] = w;
    gs_informer_start(w->informer);
}

bool op_watch_covers(const op_watch *w, const char *ns)
{
    return !w->ns || gs_streq(w->ns, ns);
}

/* Once everything was listed, pods are given to their policies; once that is through, the engine may judge. */
void op_watch_listed(op_watch *w)
{
    op *o = w->o;
    w->listed = true;
    for (size_t k = 0; k < o->n_watches; k++)
        if (!o->watches[k]->listed)
            return;
    gs_kube_queue_pause(o->queue, false);
}

static void check_synced(op *o)
{
    if (o->synced || !o->leading || !o->n_watches)
        return;
    for (size_t k = 0; k < o->n_watches; k++)
        if (!o->watches[k]->listed)
            return;
    gs_kube_queue_stats q = gs_kube_queue_get_stats(o->queue);
    if (q.depth || q.processing || gs_owners_resolving(o->owners) || !op_policies_settled(o))
        return;
    o->synced = true;
    gs_engine_synced(o->engine);
    gs_log_info("synced", "policies", gs_map_len(o->policies) ? "some" : "none");
}

/* Profiles and first lists are big and rare: what was freed goes back to the system. One arena, so that all of it can. */
static void keep_memory_small(void)
{
    (void)mallopt(M_ARENA_MAX, 1);
    (void)mallopt(M_MMAP_THRESHOLD, 128 << 10); /* set, it no longer grows with what is freed */
    (void)mallopt(M_TRIM_THRESHOLD, 128 << 10);
}

static void tick(void *ctx)
{
    op *o = ctx;
    gs_timer_set(o->tick_timer, TICK_MS);
    op_bounds_tick(o);
    if (!o->leading)
        return;
    if (!op_bounds_choose(o))
        check_synced(o);
    op_policies_tick(o);
    op_incidents_tick(o);
    op_actuator_go_on(o);
    op_audit_tick(o);
    if (op_undoing(o)) {
        op_undo_tick(o);
        return;
    }
    op_notify_tick(o);
    op_retention_tick(o);
}

/* The engine's ports */

static void run_engine(void *ctx)
{
    gs_engine_run(((op *)ctx)->engine);
}

static void arm(void *ctx, int64_t at_mono_ms)
{
    op *o = ctx;
    gs_timer_set(o->engine_timer, at_mono_ms - op_mono(o));
}

static void tell_event(void *ctx, enum gs_event e, const gs_workload_ref *w, const char *target, const gs_incident *i,
                       const char *reason)
{
    op_incident_event(ctx, e, w, target, i, reason);
}

static void tell_incident(void *ctx, gs_incident *i, bool urgent)
{
    op_incident_changed(ctx, i, urgent);
}

static void tell_policy(void *ctx, const gs_policy *p)
{
    op_policy *at = op_policy_get(ctx, p->ns, p->name);
    if (at)
        op_policy_dirty(at);
}

static void tell_decision(void *ctx, const gs_decision *d)
{
    op_audit_decision(ctx, d);
}

static void start_engine(op *o)
{
    op_actuator_init(o, &o->actuator);
    gs_ports ports = {
        .clock = o->clock,
        .arm = arm,
        .arm_ctx = o,
        .seed = gs_rng_next(&o->rng),
        .samples = {gs_port_pool_new, gs_port_pool_free, gs_port_sample, o->scraper},
        .profiles = {gs_port_fetch, gs_port_forget, o->scraper},
        .evidence = op_evidence_store(o),
        .actuator = &o->actuator,
        .recorder = {.event = tell_event,
                     .incident = tell_incident,
                     .policy = tell_policy,
                     .decision = tell_decision,
                     .ctx = o},
    };
    o->engine = gs_engine_new(&ports);
}

/* Leading */

static void lead(op *o)
{
    o->leading = true;
    size_t n = o->opt.namespaces.n ? o->opt.namespaces.n : 1;
    for (size_t k = 0; k < n; k++) {
        const char *ns = o->opt.namespaces.n ? o->opt.namespaces.v[k] : NULL;
        op_policies_watch(o, ns);
        op_incidents_watch(o, ns);
        if (!op_undoing(o))
            op_store_watch(o, ns);
    }
}

static void on_started(void *ctx)
{
    op *o = ctx;
    gs_log_info("leading", "identity", o->identity);
    lead(o);
}

static void on_lost(void *ctx, const char *reason)
{
    op *o = ctx;
    gs_log_error("lost the lease: stopping at once", "reason", reason);
    o->leading = false;
    o->exit_code = 1;
    gs_loop_stop(o->loop);
}

static void on_leader(void *ctx, const char *identity)
{
    op *o = ctx;
    o->heard = true;
    (void)gs_str_copy(o->leader, sizeof o->leader, gs_str_of(identity));
    gs_log_info("leader", "identity", identity);
}

/* Stopping: no action any more, then the last Events, then the lease. */

static void on_released(void *ctx)
{
    gs_loop_stop(((op *)ctx)->loop);
}

static void on_flushed(void *ctx)
{
    op *o = ctx;
    if (o->lease && op_undoing(o) && o->exit_code == 0)
        gs_kube_lease_leave(o->lease, OP_UNDO_HOLDER, OP_UNDO_HOLD_MS, on_released, o);
    else if (o->lease)
        gs_kube_lease_release(o->lease, on_released, o);
    else
        gs_loop_stop(o->loop);
}

static void stop_acting(op *o)
{
    o->stopping = true;
    op_start_stop(o);
    if (o->acts)
        op_actuator_stop(o);
    for (size_t k = 0; k < o->n_watches; k++)
        gs_informer_stop(o->watches[k]->informer);
    if (o->queue)
        gs_kube_queue_pause(o->queue, true);
    gs_timer_stop(o->tick_timer);
    gs_timer_stop(o->engine_timer);
}

void op_stop(op *o)
{
    stop_acting(o);
    gs_kube_events_flush(o->events, STOP_MS, on_flushed, o);
}

static void on_signal(void *ctx, int signo)
{
    op *o = ctx;
    if (o->stopping) { /* asked twice */
        gs_loop_stop(o->loop);
        return;
    }
    gs_log_info("stopping", "signal", signo == SIGTERM ? "SIGTERM" : "SIGINT");
    op_stop(o);
}

static void op_done(op *o)
{
    stop_acting(o);
    op_serve_stop(o);
    gs_kube_lease_free(o->lease);
    gs_s3_free(gs_take(o->s3));
    op_actuator_free(o);
    gs_workers_free(o->workers);
    op_evidence_free(o);
    gs_engine_free(o->engine);
    gs_scraper_free(o->scraper);
    for (size_t k = 0; k < o->n_watches; k++)
        watch_free(o->watches[k]);
    free(o->watches);
    op_incidents_free(o);
    op_policies_free(o);
    gs_notify_free(o->notify);
    op_audit_close(o);
    op_bounds_close(o);
    op_store_free(o);
    gs_owners_free(o->owners);
    gs_rights_free(o->rights);
    gs_map_free(o->pods);
    gs_map_free(o->workloads);
    gs_map_free(o->policies);
    gs_kube_queue_free(o->queue);
    gs_kube_events_free(o->events);
    gs_kube_discovery_free(o->discovery);
    gs_kube_free(o->kube);
    gs_timer_free(o->engine_timer);
    gs_timer_free(o->tick_timer);
    gs_timer_free(o->undo_timer);
    gs_loop_free(o->loop);
    gs_zoneinfo_free();
}

static int connect_kube(op *o, gs_error *err)
{
    gs_cleanup(gs_kube_config_done) gs_kube_config config = {0};
    int rc = gs_kube_config_load(o->opt.kubeconfig, o->opt.context, &config, err);
    if (rc < 0)
        return rc;
    op_bounds_api(o, config.server);
    const char *ns = gs_streq(config.ns, "default") ? "gostat-system" : config.ns;
    (void)gs_str_copy(o->lease_ns, sizeof o->lease_ns, gs_str_of(o->opt.lease_ns ? o->opt.lease_ns : ns));
    char host[64] = "gostat";
    (void)gethostname(host, sizeof host - 1);
    (void)snprintf(o->identity, sizeof o->identity, "%s%s_%08llx", op_undoing(o) ? OP_UNDO_HOLDER "_" : "", host,
                   (unsigned long long)(gs_rng_next(&o->rng) & 0xffffffffu));
    rc = gs_kube_new(
        o->loop, &config,
        &(gs_kube_options){.field_manager = "gostat", .clock = &o->clock, .on_request = op_on_request, .ctx = o},
        &o->kube, err);
    if (rc < 0)
        return rc;
    o->discovery = gs_kube_discovery_new(o->kube);
    o->owners = gs_owners_new(o->kube, o->discovery, op_pod_owner_known, o);
    o->rights = gs_rights_new(o->kube);
    o->events = gs_kube_events_new(
        o->kube, &(gs_kube_events_options){.controller = "gostat.dev/controller", .instance = o->identity});
    if (!o->opt.leader_elect)
        return 0;
    gs_kube_lease_options lease = {.ns = o->lease_ns,
                                   .name = o->opt.lease_name,
                                   .identity = o->identity,
                                   .duration_ms = o->opt.lease_ms,
                                   .renew_deadline_ms = o->opt.renew_ms,
                                   .retry_ms = o->opt.retry_ms,
                                   .take_over = op_undoing(o),
                                   .idle_holder = OP_UNDO_HOLDER,
                                   .on_started = on_started,
                                   .on_lost = on_lost,
                                   .on_leader = on_leader,
                                   .ctx = o};
    return gs_kube_lease_new(o->kube, &lease, &o->lease, err);
}

static int build(op *o, gs_error *err)
{
    keep_memory_small();
    o->clock = gs_clock_system();
    o->rng = gs_rng_system();
    o->pods = gs_map_new(NULL);
    o->workloads = gs_map_new(NULL);
    o->policies = gs_map_new(NULL);
    o->incidents = gs_map_new(NULL);
    o->acts = gs_map_new(NULL);
    o->puts = gs_map_new(NULL);
    int rc = gs_loop_new(&o->loop, err);
    if (rc < 0)
        return rc;
    o->engine_timer = gs_timer_new(o->loop, run_engine, o);
    o->tick_timer = gs_timer_new(o->loop, tick, o);
    if ((rc = gs_workers_new(o->loop, WORKERS, 1024, &o->workers, err)) < 0 ||
        (rc = gs_scraper_new(o->loop, o->workers, &o->scraper, err)) < 0 || (rc = op_bounds_open(o, err)) < 0 ||
        (rc = gs_s3_new(o->loop, o->destinations, &o->s3, err)) < 0 ||
        (rc = gs_notify_new(o->loop, o->destinations, &o->notify, err)) < 0 || (rc = op_audit_open(o, err)) < 0 ||
        (rc = connect_kube(o, err)) < 0 || (rc = gs_loop_on_signal(o->loop, SIGTERM, on_signal, o, err)) < 0 ||
        (rc = gs_loop_on_signal(o->loop, SIGINT, on_signal, o, err)) < 0)
        return rc;
    op_reconcile_start(o);
    start_engine(o);
    return op_serve(o, err);
}

void op_go(op *o)
{
    op_start_stop(o);
    if (o->lease)
        gs_kube_lease_start(o->lease);
    else
        lead(o);
}

int op_run(const op_options *opt, gs_error *err)
{
    op o = {.opt = *opt};
    int rc = build(&o, err);
    if (rc == 0) {
        gs_timer_set(o.tick_timer, TICK_MS);
        if (op_undoing(&o))
            op_undo_start(&o);
        op_start(&o);
        gs_loop_run(o.loop);
        rc = o.exit_code;
    }
    op_done(&o);
    return rc;
}
