/* /metrics, /healthz, /readyz. */
#include "base/mem.h"
#include "operator/op.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#define MAX_METRICS_BYTES (16u << 20)

void op_on_request(void *ctx, const char *verb, const char *resource, int code, int64_t elapsed_ms)
{
    op *o = ctx;
    (void)resource;
    if (!gs_streq(verb, "WATCH"))
        gs_histogram_add(&o->request_seconds, (double)elapsed_ms / 1000);
    for (size_t k = 0; k < o->n_requests; k++)
        if (o->requests[k].code == code && gs_streq(o->requests[k].verb, verb)) {
            o->requests[k].n++;
            return;
        }
    if (o->n_requests == GS_LEN(o->requests))
        return;
    op_requests *r = &o->requests[o->n_requests++];
    (void)gs_str_copy(r->verb, sizeof r->verb, gs_str_of(verb));
    r->code = code;
    r->n = 1;
}

static void gauge(gs_metrics *m, const char *name, const char *help, double value)
{
    gs_metrics_family(m, name, "gauge", help);
    gs_metrics_value(m, name, value, NULL);
}

static void counter(gs_metrics *m, const char *name, const char *help, double value)
{
    gs_metrics_family(m, name, "counter", help);
    gs_metrics_value(m, name, value, NULL);
}

static gs_str read_file(const char *path, char *dst, size_t cap)
{
    FILE *f = fopen(path, "re");
    size_t n = f ? fread(dst, 1, cap, f) : 0;
    if (f)
        (void)fclose(f);
    return (gs_str){dst, n};
}

static uint64_t open_fds(void)
{
    uint64_t n = 0;
    DIR *d = opendir("/proc/self/fd");
    if (!d)
        return 0;
    for (const struct dirent *e; (e = readdir(d));)
        n += e->d_name[0] != '.';
    (void)closedir(d);
    return n - 1; /* the one that reads them */
}

static void own_process(gs_metrics *m)
{
    char stat[4096], statm[256], system[65536];
    struct rlimit files = {0};
    (void)getrlimit(RLIMIT_NOFILE, &files);
    gs_process_text t = {.stat = read_file("/proc/self/stat", stat, sizeof stat),
                         .statm = read_file("/proc/self/statm", statm, sizeof statm),
                         .system = read_file("/proc/stat", system, sizeof system),
                         .open_fds = open_fds(),
                         .max_fds = files.rlim_cur,
                         .ticks = sysconf(_SC_CLK_TCK),
                         .page = sysconf(_SC_PAGESIZE)};
    gs_metrics_process(m, &t);
}

static void machinery(op *o, gs_metrics *m)
{
    gs_kube_queue_stats q = gs_kube_queue_get_stats(o->queue);
    gs_kube_events_stats ev = gs_kube_events_get_stats(o->events);
    gs_metrics_family(m, "workqueue_depth", "gauge", "Keys waiting to be worked on.");
    gs_metrics_value(m, "workqueue_depth", (double)q.depth, "name", "gostat", NULL);
    gs_metrics_family(m, "workqueue_adds_total", "counter", "Keys added.");
    gs_metrics_value(m, "workqueue_adds_total", (double)q.adds, "name", "gostat", NULL);
    gs_metrics_family(m, "workqueue_retries_total", "counter", "Keys added again after a failure.");
    gs_metrics_value(m, "workqueue_retries_total", (double)q.retries, "name", "gostat", NULL);
    gs_metrics_family(m, "rest_client_requests_total", "counter", "Requests to the API server, by verb and code.");
    for (size_t k = 0; k < o->n_requests; k++) {
        char code[16];
        (void)snprintf(code, sizeof code, "%d", o->requests[k].code);
        gs_metrics_value(m, "rest_client_requests_total", (double)o->requests[k].n, "method", o->requests[k].verb,
                         "code", o->requests[k].code ? code : "<error>", NULL);
    }
    gs_metrics_family(m, "rest_client_request_duration_seconds", "histogram", "Latency of requests to the API server.");
    gs_metrics_histogram(m, "rest_client_request_duration_seconds", &o->request_seconds, NULL);
    gs_metrics_family(m, "leader_election_master_status", "gauge", "1 while this process leads.");
    gs_metrics_value(m, "leader_election_master_status", o->leading ? 1 : 0, "name",
                     o->opt.lease_name ? o->opt.lease_name : "", NULL);
    counter(m, "gostat_events_recorded_total", "Kubernetes Events recorded.", (double)ev.recorded);
    counter(m, "gostat_events_dropped_total", "Kubernetes Events that could not be written.", (double)ev.dropped);
}

static void engine(op *o, gs_metrics *m)
{
    gs_engine_stats s;
    gs_engine_get_stats(o->engine, &s);
    gs_metrics_family(m, "gostat_samples_total", "counter", "L1 samples of pods, by result.");
    gs_metrics_value(m, "gostat_samples_total", (double)s.samples, "result", "ok", NULL);
    gs_metrics_value(m, "gostat_samples_total", (double)s.sample_errors, "result", "error", NULL);
    gs_metrics_value(m, "gostat_samples_total", (double)s.sample_skips, "result", "skipped", NULL);
    gs_metrics_family(m, "gostat_profiles_total", "counter", "Goroutine profiles of pods, by result.");
    gs_metrics_value(m, "gostat_profiles_total", (double)s.profiles, "result", "ok", NULL);
    gs_metrics_value(m, "gostat_profiles_total", (double)s.profile_errors, "result", "error", NULL);
    counter(m, "gostat_profile_bytes_total", "Bytes of goroutine profiles as pods sent them.", (double)s.profile_bytes);
    gs_metrics_family(m, "gostat_suspicions_total", "counter", "Times that a rule made a pod suspicious, by rule.");
    for (unsigned k = 0; k < GS_RULES; k++)
        gs_metrics_value(m, "gostat_suspicions_total", (double)s.suspicions[k], "rule", gs_rule_name(1u << k), NULL);
    counter(m, "gostat_incidents_opened_total", "Incidents opened or reopened.", (double)s.incidents_opened);
    counter(m, "gostat_incidents_resolved_total", "Incidents resolved.", (double)s.incidents_resolved);
    gauge(m, "gostat_incidents_open", "Incidents that are open.", (double)s.open_incidents);
    gs_metrics_family(m, "gostat_actions_total", "counter", "Actions taken or refused.");
    gs_metrics_value(m, "gostat_actions_total", (double)s.events[GS_EVENT_ACTION], "result", "acted", NULL);
    gs_metrics_value(m, "gostat_actions_total", (double)s.events[GS_EVENT_REFUSED], "result", "refused", NULL);
    gs_metrics_family(m, "gostat_evidence_total", "counter", "Snapshots for the object store, by result.");
    gs_metrics_value(m, "gostat_evidence_total", (double)s.evidence_stored, "result", "stored", NULL);
    gs_metrics_value(m, "gostat_evidence_total", (double)s.evidence_errors, "result", "error", NULL);
    gs_metrics_value(m, "gostat_evidence_total", (double)s.evidence_dropped, "result", "dropped", NULL);
    gauge(m, "gostat_evidence_pending_bytes", "Snapshots waiting for the object store.",
          (double)s.pending_evidence_bytes);
    counter(m, "gostat_evidence_deleted_total", "Snapshots deleted from the object store, by retention.",
            (double)o->evidence_deleted);
    gauge(m, "gostat_evidence_stored_bytes", "Snapshots in the object stores of all policies, as last listed.",
          (double)op_retention_stored(o));
    gauge(m, "gostat_policies", "Policies in force.", (double)s.policies);
    gauge(m, "gostat_targets", "Pods being sampled.", (double)s.targets);
    gauge(m, "gostat_sample_groups", "Groups in which pods are sampled.", (double)s.groups);
    gauge(m, "gostat_sample_lag_seconds", "How far behind its schedule the last group was sampled.",
          (double)s.late_ms / 1000);
    counter(m, "gostat_reconciles_total", "Keys worked on.", (double)o->reconciles);
    op_audit_stats audit;
    op_audit_get_stats(o, &audit);
    counter(m, "gostat_audit_lines_total", "Decisions added to the audit log.", (double)audit.lines);
    counter(m, "gostat_audit_errors_total", "Failed writes of the audit log, and decisions that are not in it.",
            (double)audit.errors);
    gauge(m, "gostat_audit_waiting", "Lines of the audit log that its file or S3 does not have yet.",
          (double)audit.waiting);
}

static void notifications(op *o, gs_metrics *m)
{
    static const char *const outcomes[OP_NOTIFY_OUTCOMES] = {"sent", "failed", "no_secret", "given_up", "dropped"};
    gs_metrics_family(m, "gostat_notifications_total", "counter",
                      "Notices to people and services: sent, tries that failed, and those that never went out.");
    for (size_t t = 0; t < GS_LEN(o->notifications); t++)
        for (size_t k = 0; k < OP_NOTIFY_OUTCOMES; k++)
            gs_metrics_value(m, "gostat_notifications_total", (double)o->notifications[t][k], "type",
                             gs_notify_name((enum gs_notify_type)t), "outcome", outcomes[k], NULL);
    gauge(m, "gostat_notifications_waiting", "Notices that wait to be sent.", (double)op_notify_waiting(o));
}

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

static void workloads(op *o, gs_metrics *m)
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

static int serve_metrics(void *ctx, const char *path, gs_buf *body, const char **ret_content_type)
{
    op *o = ctx;
    gs_metrics m = {.out = body};
    if (!gs_streq(path, "/metrics"))
        return 404;
    *ret_content_type = "text/plain; version=0.0.4; charset=utf-8";
    own_process(&m);
    machinery(o, &m);
    engine(o, &m);
    notifications(o, &m);
    workloads(o, &m);
    gs_metrics_family(&m, "gostat_site_goroutines", "gauge", "Goroutines at one site, in the pod profiled last.");
    gs_engine_each_site(o->engine, site_count, &m);
    gs_metrics_family(&m, "gostat_goroutines_blocked_seconds_total", "counter",
                      "Time that goroutines of profiled pods spent blocked at one site, summed over goroutines.");
    gs_engine_each_site(o->engine, site_blocked, &m);
    return 200;
}

/* Alive: this answer came from the loop. Ready: what leads has synced; what stands by hears of a leader. */
static int serve_health(void *ctx, const char *path, gs_buf *body, const char **ret_content_type)
{
    const op *o = ctx;
    (void)ret_content_type;
    bool ready = !o->stopping && (o->leading ? o->synced : o->heard);
    if (gs_streq(path, "/healthz") || gs_streq(path, "/livez")) {
        (void)gs_buf_adds(body, "ok\n");
        return 200;
    }
    if (!gs_streq(path, "/readyz"))
        return 404;
    (void)gs_buf_adds(body, ready ? "ok\n" : o->leading ? "not synced yet\n" : "waiting for the lease\n");
    return ready ? 200 : 503;
}

int op_serve(op *o, gs_error *err)
{
    int rc = 0;
    if (o->opt.metrics_address[0] &&
        (rc = gs_http_server_new(o->loop, o->opt.metrics_address, serve_metrics, o, &o->metrics_server, err)) < 0)
        return gs_error_wrap(err, GS_TERMINAL, "--metrics-address %s", o->opt.metrics_address);
    if (o->opt.health_address[0] &&
        (rc = gs_http_server_new(o->loop, o->opt.health_address, serve_health, o, &o->health_server, err)) < 0)
        return gs_error_wrap(err, GS_TERMINAL, "--health-address %s", o->opt.health_address);
    return 0;
}
