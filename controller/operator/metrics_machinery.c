/* Metrics that every controller has, under the names that controller-runtime and client-go gave them. */
#include "operator/metrics_internal.h"

#include <stdio.h>

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

void op_on_reconciled(op *o, enum op_controller c, bool done, int64_t elapsed_ms)
{
    op_reconciled *r = &o->reconciled[c];
    *(done ? &r->done : &r->failed) += 1;
    gs_histogram_add(&r->seconds, (double)elapsed_ms / 1000);
}

void op_on_worked(void *ctx, int64_t queued_ms, int64_t worked_ms)
{
    op *o = ctx;
    gs_histogram_add(&o->queue_seconds, (double)queued_ms / 1000);
    gs_histogram_add(&o->work_seconds, (double)worked_ms / 1000);
}

static void reconciled(const op *o, gs_metrics *m)
{
    static const char *const names[OP_CONTROLLERS] = {"pod", "workload", "policy", "incident"};
    gs_metrics_family(
        m, "controller_runtime_reconcile_total", "counter",
        "Reconciliations: of pods and workloads in memory, of policies and incidents as they are written.");
    for (size_t k = 0; k < OP_CONTROLLERS; k++) {
        gs_metrics_value(m, "controller_runtime_reconcile_total", (double)o->reconciled[k].done, "controller", names[k],
                         "result", "success", NULL);
        gs_metrics_value(m, "controller_runtime_reconcile_total", (double)o->reconciled[k].failed, "controller",
                         names[k], "result", "error", NULL);
    }
    gs_metrics_family(m, "controller_runtime_reconcile_time_seconds", "histogram", "How long a reconciliation took.");
    for (size_t k = 0; k < OP_CONTROLLERS; k++)
        gs_metrics_histogram(m, "controller_runtime_reconcile_time_seconds", &o->reconciled[k].seconds, "controller",
                             names[k], NULL);
}

static void queue(const op *o, gs_metrics *m)
{
    gs_kube_queue_stats q = gs_kube_queue_get_stats(o->queue);
    gs_metrics_family(m, "workqueue_depth", "gauge", "Keys waiting to be worked on.");
    gs_metrics_value(m, "workqueue_depth", (double)q.depth, "name", "gostat", NULL);
    gs_metrics_family(m, "workqueue_adds_total", "counter", "Keys added.");
    gs_metrics_value(m, "workqueue_adds_total", (double)q.adds, "name", "gostat", NULL);
    gs_metrics_family(m, "workqueue_retries_total", "counter", "Keys added again after a failure.");
    gs_metrics_value(m, "workqueue_retries_total", (double)q.retries, "name", "gostat", NULL);
    gs_metrics_family(m, "workqueue_queue_duration_seconds", "histogram", "How long a key waited once it was ready.");
    gs_metrics_histogram(m, "workqueue_queue_duration_seconds", &o->queue_seconds, "name", "gostat", NULL);
    gs_metrics_family(m, "workqueue_work_duration_seconds", "histogram", "How long a key was worked on.");
    gs_metrics_histogram(m, "workqueue_work_duration_seconds", &o->work_seconds, "name", "gostat", NULL);
}

static void requests(const op *o, gs_metrics *m)
{
    gs_metrics_family(m, "rest_client_requests_total", "counter", "Requests to the API server, by verb and code.");
    for (size_t k = 0; k < o->n_requests; k++) {
        char code[16];
        (void)snprintf(code, sizeof code, "%d", o->requests[k].code);
        gs_metrics_value(m, "rest_client_requests_total", (double)o->requests[k].n, "method", o->requests[k].verb,
                         "code", o->requests[k].code ? code : "<error>", NULL);
    }
    gs_metrics_family(m, "rest_client_request_duration_seconds", "histogram", "Latency of requests to the API server.");
    gs_metrics_histogram(m, "rest_client_request_duration_seconds", &o->request_seconds, NULL);
}

void op_metrics_machinery(op *o, gs_metrics *m)
{
    gs_kube_events_stats ev = gs_kube_events_get_stats(o->events);
    reconciled(o, m);
    queue(o, m);
    requests(o, m);
    gs_metrics_family(m, "leader_election_master_status", "gauge", "1 while this process leads.");
    gs_metrics_value(m, "leader_election_master_status", o->leading ? 1 : 0, "name",
                     o->opt.lease_name ? o->opt.lease_name : "", NULL);
    op_gauge(m, "gostat_synced", "1 once this process leads and knows all pods, policies and incidents.",
             o->leading && o->synced ? 1 : 0);
    op_counter(m, "gostat_events_recorded_total", "Kubernetes Events recorded.", (double)ev.recorded);
    op_counter(m, "gostat_events_dropped_total", "Kubernetes Events that could not be written.", (double)ev.dropped);
}
