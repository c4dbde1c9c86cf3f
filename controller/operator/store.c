/* Pods, as little of each as the engine needs, each under its workload. */
#include "base/log.h"
#include "base/mem.h"
#include "kube/meta.h"
#include "operator/op.h"

#include <stdio.h>
#include <stdlib.h>

const gs_kube_resource OP_PODS = {"", "v1", "pods", true};

static void pod_free(op_pod *p)
{
    gs_pod_free(p->pod);
    free(p);
}

static void workload_free(op_workload *w)
{
    free(w->pods);
    free(w->key);
    free(w);
}

bool op_pod_attach(op *o, op_pod *p)
{
    if (p->w)
        return true;
    gs_workload_ref ref = {0};
    if (!gs_owners_workload(o->owners, p->pod, &p->waiting, &ref))
        return false;
    gs_autofree char *key = gs_sprintf("%s/%s/%s/%s", ref.ns, ref.kind, ref.name, ref.uid);
    op_workload *w = gs_map_get(o->workloads, key);
    if (!w) {
        w = gs_alloc(sizeof *w);
        w->ref = ref;
        w->key = gs_take(key);
        gs_map_put(o->workloads, w->key, w);
    }
    w->pods = gs_grow(w->pods, &w->cap, w->n + 1, sizeof(op_pod *));
    w->pods[w->n++] = p;
    p->w = w;
    return true;
}

void op_pod_owner_known(void *ctx, const char *ns, const char *pod)
{
    op *o = ctx;
    gs_autofree char *key = gs_sprintf("%s/%s", ns, pod);
    op_pod *p = gs_map_get(o->pods, key);
    if (p)
        p->waiting = false;
    op_reconcile_pod(o, ns, pod);
}

void op_pod_detach(op *o, op_pod *p)
{
    op_workload *w = p->w;
    if (!w)
        return;
    p->w = NULL;
    for (size_t k = 0; k < w->n; k++)
        if (w->pods[k] == p) {
            w->pods[k] = w->pods[--w->n];
            break;
        }
    if (w->n == 0) {
        (void)gs_map_remove(o->workloads, w->key);
        workload_free(w);
    }
}

static void remove_pod(op *o, op_pod *p)
{
    gs_autofree char *key = gs_sprintf("%s/%s", p->pod->ns, p->pod->name);
    op_pod_gone(o, p);
    (void)gs_map_remove(o->pods, key);
    pod_free(p);
}

static int on_pod(void *ctx, gs_str object, gs_error *err)
{
    op_watch *watch = ctx;
    op *o = watch->o;
    gs_cleanup(gs_pod_free) gs_pod *pod = NULL;
    int rc = gs_pod_from_json(object, &pod, err);
    if (rc < 0)
        return rc;
    gs_autofree char *key = gs_sprintf("%s/%s", pod->ns, pod->name);
    op_pod *p = gs_map_get(o->pods, key);
    if (p && !gs_streq(p->pod->uid, pod->uid)) { /* another pod of the same name: a StatefulSet's */
        remove_pod(o, p);
        p = NULL;
    }
    if (!p) {
        if (gs_map_len(o->pods) >= GS_MAX_TARGETS)
            return gs_error_set(err, GS_NO_MEMORY, "over %d pods: use --namespace to watch fewer", GS_MAX_TARGETS);
        p = gs_alloc(sizeof *p);
        gs_map_put(o->pods, key, p);
    }
    if (p->pod && !gs_streq(p->pod->owner_uid, pod->owner_uid)) /* adopted, or let go, by a controller */
        op_pod_detach(o, p);
    gs_pod_free(p->pod);
    p->pod = gs_take(pod);
    p->listing = watch->listing;
    op_reconcile_pod(o, p->pod->ns, p->pod->name);
    return 0;
}

static void trim_owners(const op *o)
{
    if (!gs_owners_many(o->owners, gs_map_len(o->pods)))
        return;
    gs_map *direct = gs_map_new(NULL);
    for (gs_map_it it = {0}; gs_map_next(o->pods, &it);)
        gs_map_put(direct, ((const op_pod *)it.value)->pod->owner_uid, it.value);
    gs_owners_trim(o->owners, direct);
    gs_map_free(direct);
}

static void on_pod_deleted(void *ctx, gs_str object)
{
    op *o = ((op_watch *)ctx)->o;
    gs_kube_meta meta;
    if (gs_kube_meta_read(object, &meta, NULL) < 0)
        return;
    gs_autofree char *key = gs_sprintf("%.*s/%.*s", (int)meta.ns.n, meta.ns.p, (int)meta.name.n, meta.name.p);
    op_pod *p = gs_map_get(o->pods, key);
    if (p && gs_str_is(meta.uid, p->pod->uid))
        remove_pod(o, p);
    trim_owners(o);
}

static void on_listed(void *ctx)
{
    op_watch *watch = ctx;
    for (gs_map_it it = {0}; gs_map_next(watch->o->pods, &it);) {
        op_pod *p = it.value;
        if (p->listing != watch->listing && op_watch_covers(watch, p->pod->ns))
            remove_pod(watch->o, p);
    }
    op_watch_listed(watch);
}

void op_store_watch(op *o, const char *ns)
{
    op_watch_start(
        o, ns,
        &(gs_informer_options){
            .resource = &OP_PODS, .on_object = on_pod, .on_deleted = on_pod_deleted, .on_list_end = on_listed});
}

void op_store_free(op *o)
{
    for (gs_map_it it = {0}; gs_map_next(o->pods, &it);)
        pod_free(it.value);
    for (gs_map_it it = {0}; gs_map_next(o->workloads, &it);)
        workload_free(it.value);
}
