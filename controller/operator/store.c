/* Pods, as little of each as the engine needs, and which workload each belongs to. */
#include "base/log.h"
#include "base/mem.h"
#include "kube/meta.h"
#include "operator/op.h"

#include <stdio.h>
#include <stdlib.h>

const gs_kube_resource OP_PODS = {"", "v1", "pods", true};
const gs_kube_resource OP_REPLICASETS = {"apps", "v1", "replicasets", true};

static void pod_free(op_pod *p)
{
    gs_pod_free(p->pod);
    free(p);
}

static void replicaset_free(op_replicaset *r)
{
    gs_kube_cancel(r->call);
    gs_timer_free(r->retry);
    free(r->ns);
    free(r->name);
    free(r->uid);
    free(r);
}

static void set_ref(gs_workload_ref *ref, gs_str api_version, gs_str kind, gs_str ns, gs_str name, gs_str uid)
{
    (void)gs_str_copy(ref->api_version, sizeof ref->api_version, api_version);
    (void)gs_str_copy(ref->kind, sizeof ref->kind, kind);
    (void)gs_str_copy(ref->ns, sizeof ref->ns, ns);
    (void)gs_str_copy(ref->name, sizeof ref->name, name);
    (void)gs_str_copy(ref->uid, sizeof ref->uid, uid);
}

/* All pods of a ReplicaSet that waited for its owner. */
static void reconcile_pods_of(op *o, const char *replicaset_uid)
{
    for (gs_map_it it = {0}; gs_map_next(o->pods, &it);) {
        const op_pod *p = it.value;
        if (gs_streq(p->pod->owner_uid, replicaset_uid))
            op_reconcile_pod(o, p->pod->ns, p->pod->name);
    }
}

static void ask_replicaset(void *ctx);

static void on_replicaset(void *ctx, const gs_kube_reply *reply)
{
    op_replicaset *r = ctx;
    op *o = r->o;
    gs_kube_meta meta;
    gs_error err = reply->err;
    r->call = NULL;
    if (err.kind == GS_OK)
        (void)gs_kube_meta_read(reply->body, &meta, &err);
    if (err.kind == GS_NOT_FOUND) { /* its pods are about to go too; a new one is asked for anew */
        (void)gs_map_remove(o->replicasets, r->uid);
        replicaset_free(r);
        return;
    }
    if (err.kind != GS_OK) {
        gs_log_warn("cannot tell which workload a ReplicaSet belongs to", "replicaset", r->name, "namespace", r->ns,
                    "error", err.msg);
        gs_timer_set(r->retry, GS_SECRET_RECHECK_MS);
        return;
    }
    const gs_kube_owner *up = &meta.controller;
    if (up->kind.n)
        set_ref(&r->ref, up->api_version, up->kind, gs_str_of(r->ns), up->name, up->uid);
    else
        set_ref(&r->ref, GS_STR("apps/v1"), GS_STR("ReplicaSet"), gs_str_of(r->ns), gs_str_of(r->name),
                gs_str_of(r->uid));
    r->known = true;
    reconcile_pods_of(o, r->uid);
}

static void ask_replicaset(void *ctx)
{
    op_replicaset *r = ctx;
    gs_kube_path path = {.resource = &OP_REPLICASETS, .ns = r->ns, .name = r->name};
    r->call = gs_kube_get(r->o->kube, &path, NULL, on_replicaset, r);
}

static op_replicaset *replicaset_of(op *o, const gs_pod *p)
{
    op_replicaset *r = gs_map_get(o->replicasets, p->owner_uid);
    if (r)
        return r;
    r = gs_alloc(sizeof *r);
    r->o = o;
    r->ns = gs_strdup(p->ns);
    r->name = gs_strdup(p->owner_name);
    r->uid = gs_strdup(p->owner_uid);
    r->retry = gs_timer_new(o->loop, ask_replicaset, r);
    gs_map_put(o->replicasets, r->uid, r);
    ask_replicaset(r);
    return r;
}

bool op_store_resolving(const op *o)
{
    for (gs_map_it it = {0}; gs_map_next(o->replicasets, &it);)
        if (((const op_replicaset *)it.value)->call) /* one that cannot be read must not hold up all others */
            return true;
    return false;
}

/* The ReplicaSets that no pod belongs to any more are forgotten: rollouts leave one behind each. */
static void forget_replicasets(op *o)
{
    gs_map *used = gs_map_new(NULL);
    for (gs_map_it it = {0}; gs_map_next(o->pods, &it);)
        gs_map_put(used, ((const op_pod *)it.value)->pod->owner_uid, o);
    for (gs_map_it it = {0}; gs_map_next(o->replicasets, &it);)
        if (!gs_map_get(used, it.key)) {
            op_replicaset *r = it.value;
            (void)gs_map_remove(o->replicasets, r->uid);
            replicaset_free(r);
        }
    gs_map_free(used);
}

static bool workload_ref(op *o, const gs_pod *p, gs_workload_ref *ret)
{
    if (!p->owner_kind[0]) { /* a pod by itself */
        set_ref(ret, GS_STR("v1"), GS_STR("Pod"), gs_str_of(p->ns), gs_str_of(p->name), gs_str_of(p->uid));
        return true;
    }
    if (!gs_streq(p->owner_kind, "ReplicaSet") || !gs_streq(p->owner_api_version, "apps/v1")) {
        set_ref(ret, gs_str_of(p->owner_api_version), gs_str_of(p->owner_kind), gs_str_of(p->ns),
                gs_str_of(p->owner_name), gs_str_of(p->owner_uid));
        return true;
    }
    const op_replicaset *r = replicaset_of(o, p);
    if (r->known)
        *ret = r->ref;
    return r->known;
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
    if (!workload_ref(o, p->pod, &ref))
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
    if (gs_map_len(o->replicasets) > 64 && gs_map_len(o->replicasets) > gs_map_len(o->pods))
        forget_replicasets(o);
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
    for (gs_map_it it = {0}; gs_map_next(o->replicasets, &it);)
        replicaset_free(it.value);
}
