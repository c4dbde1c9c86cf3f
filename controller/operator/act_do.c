/* One write of an action. Each has its precondition: the resourceVersion of what was looked at, or the pod's uid; none is
 * tried twice without a look between. */
#include "base/log.h"
#include "operator/act.h"
#include "wire/json_write.h"

#include <stdio.h>

const gs_kube_resource OP_AUTOSCALERS = {"autoscaling", "v2", "horizontalpodautoscalers", true};

static const gs_kube_opts once = {.deadline_ms = -1};

typedef struct patch {
    gs_buf bytes;
    gs_json_writer w;
} patch;

/* {"metadata":{"resourceVersion":…, the caller goes on within metadata. */
static void begin(patch *p, const char *version)
{
    p->bytes = GS_BUF(8192);
    gs_jw_init(&p->w, &p->bytes);
    gs_jw_object(&p->w, NULL);
    gs_jw_object(&p->w, "metadata");
    gs_jw_str(&p->w, "resourceVersion", version);
}

static void end(patch *p, int open)
{
    while (open-- > 0)
        gs_jw_end(&p->w);
}

/* Where it did not fit the body is empty, and the client refuses that. */
static gs_kube_call *send(op *o, patch *p, const gs_kube_path *path, gs_kube_done done, void *ctx)
{
    (void)gs_jw_finish(&p->w, NULL);
    gs_kube_call *c = gs_kube_patch(o->kube, path, gs_buf_str(&p->bytes), &once, done, ctx);
    gs_buf_done(&p->bytes);
    return c;
}

static void log_write(const char *what, const gs_workload_ref *w, const char *name)
{
    gs_log_info(what, "namespace", w->ns, "kind", w->kind, "name", w->name, "object", name);
}

gs_kube_call *op_do_set(op *o, const gs_workload_ref *w, const gs_found *found, bool autoscaler, int n,
                        gs_kube_done done, void *ctx)
{
    gs_kube_resource resource = gs_kube_kind_resource(&found->kind);
    gs_kube_path path = {.resource = &resource, .ns = w->ns, .name = w->name, .sub = "scale"};
    char text[16];
    patch p;
    if (autoscaler)
        path = (gs_kube_path){.resource = &OP_AUTOSCALERS, .ns = w->ns, .name = found->f.autoscaler};
    (void)snprintf(text, sizeof text, "%d", n);
    log_write(autoscaler ? "setting the autoscaler's minimum" : "setting the scale", w, text);
    begin(&p, autoscaler ? found->autoscaler_version : found->version);
    end(&p, 1);
    gs_jw_object(&p.w, "spec");
    gs_jw_int(&p.w, autoscaler ? "minReplicas" : "replicas", n);
    end(&p, 2);
    return send(o, &p, &path, done, ctx);
}

/* The version of the pod as it was looked at; "" where it was not there. Its uid is a precondition of its own. */
static const char *pod_version(const gs_found *found, const gs_victim *v)
{
    for (size_t k = 0; k < found->f.n_pods; k++)
        if (gs_streq(found->f.pods[k].uid, v->uid))
            return found->pod_versions[k];
    return "";
}

static gs_kube_call *mark(op *o, const gs_workload_ref *w, const gs_found *found, const gs_next *next,
                          gs_kube_done done, void *ctx)
{
    const gs_victim *v = next->victim;
    gs_kube_path path = {.resource = &OP_PODS, .ns = w->ns, .name = v->name};
    char cost[16];
    patch p;
    (void)snprintf(cost, sizeof cost, "%d", next->n);
    log_write(next->has_cost ? "marking a pod" : "taking a pod's mark off", w, v->name);
    begin(&p, pod_version(found, v));
    gs_jw_str(&p.w, "uid", v->uid);
    gs_jw_object(&p.w, "annotations");
    gs_jw_str(&p.w, GS_DELETION_COST_KEY, next->has_cost ? cost : NULL);
    end(&p, 3);
    return send(o, &p, &path, done, ctx);
}

static gs_kube_call *evict(op *o, const gs_workload_ref *w, const gs_victim *v, gs_kube_done done, void *ctx)
{
    gs_kube_path path = {.resource = &OP_PODS, .ns = w->ns, .name = v->name};
    log_write("evicting a pod", w, v->name);
    return gs_kube_evict(o->kube, &path, v->uid, &once, done, ctx);
}

static gs_kube_call *restart(op *o, const gs_workload_ref *w, const gs_found *found, int64_t wall_ms, gs_kube_done done,
                             void *ctx)
{
    gs_kube_resource resource = gs_kube_kind_resource(&found->kind);
    gs_kube_path path = {.resource = &resource, .ns = w->ns, .name = w->name};
    char when[GS_TIME_LEN];
    patch p;
    gs_time_format(wall_ms, when);
    log_write("restarting", w, when);
    begin(&p, found->version);
    end(&p, 1);
    gs_jw_object(&p.w, "spec");
    gs_jw_object(&p.w, "template");
    gs_jw_object(&p.w, "metadata");
    gs_jw_object(&p.w, "annotations");
    gs_jw_str(&p.w, GS_RESTARTED_AT_KEY, when);
    end(&p, 5);
    return send(o, &p, &path, done, ctx);
}

gs_kube_call *op_do(op *o, const gs_workload_ref *w, const gs_found *found, const gs_pending *p, const gs_next *next,
                    gs_kube_done done, void *ctx)
{
    switch (next->what) {
    case GS_DO_SET_SCALE:
    case GS_DO_SET_HPA_MIN:
        return op_do_set(o, w, found, next->what == GS_DO_SET_HPA_MIN, next->n, done, ctx);
    case GS_DO_MARK:
        return mark(o, w, found, next, done, ctx);
    case GS_DO_EVICT:
        return evict(o, w, next->victim, done, ctx);
    case GS_DO_RESTART:
        return restart(o, w, found, p->begun_ms, done, ctx);
    default: /* RECORD, WAIT and END write nothing here */
        return NULL;
    }
}
