/* Which workload a pod belongs to: the topmost of its controlling owners that is a Deployment, StatefulSet, DaemonSet or
 * ReplicaSet, or has a scale subresource. One GET for each owner, however many pods it has. */
#include "base/log.h"
#include "base/mem.h"
#include "codec/workload.h"
#include "kube/meta.h"
#include "operator/op.h"

#include <stdlib.h>

#define MAX_LEVELS 4 /* owners above a pod that are looked at */

static void owner_free(op_owner *r)
{
    gs_kube_lookup_cancel(r->lookup);
    gs_kube_cancel(r->call);
    gs_timer_free(r->retry);
    for (size_t k = 0; k < r->n_waiting; k++)
        free(r->waiting[k]);
    free(r->waiting);
    free(r);
}

static void set_ref(gs_workload_ref *ref, gs_str api_version, gs_str kind, const char *ns, gs_str name, gs_str uid)
{
    (void)gs_str_copy(ref->api_version, sizeof ref->api_version, api_version);
    (void)gs_str_copy(ref->kind, sizeof ref->kind, kind);
    (void)gs_str_copy(ref->ns, sizeof ref->ns, gs_str_of(ns));
    (void)gs_str_copy(ref->name, sizeof ref->name, name);
    (void)gs_str_copy(ref->uid, sizeof ref->uid, uid);
}

bool op_kind_of(const gs_workload_ref *w, gs_kube_kind *ret)
{
    static const gs_kube_kind kinds[] = {
        [GS_WORKLOAD_DEPLOYMENT] = {"apps", "v1", "deployments", true, true},
        [GS_WORKLOAD_STATEFULSET] = {"apps", "v1", "statefulsets", true, true},
        [GS_WORKLOAD_DAEMONSET] = {"apps", "v1", "daemonsets", true, false},
        [GS_WORKLOAD_REPLICASET] = {"apps", "v1", "replicasets", true, true},
    };
    enum gs_workload_kind kind = gs_workload_kind_of(w->api_version, w->kind);
    *ret = kinds[kind];
    return kind != GS_WORKLOAD_OTHER;
}

/* All is known of the owner that will be: the pods that waited for it are looked at again. */
static void settle(op_owner *r, bool workload)
{
    r->known = true;
    r->workload = workload;
    for (size_t k = 0; k < r->n_waiting; k++) {
        gs_autofree char *name = r->waiting[k];
        gs_autofree char *key = gs_sprintf("%s/%s", r->ref.ns, name);
        op_pod *p = gs_map_get(r->o->pods, key);
        if (p)
            p->waiting = false;
        op_reconcile_pod(r->o, r->ref.ns, name);
    }
    free(gs_take(r->waiting));
    r->n_waiting = r->cap_waiting = 0;
}

/* Where the walk ends without the owner: it is gone, or not ours to read. */
static void stop_at(op_owner *r, const gs_error *err)
{
    gs_log_debug("an owner is not looked at", "kind", r->ref.kind, "name", r->ref.name, "namespace", r->ref.ns, "why",
                 err->msg);
    settle(r, false);
}

static void ask_later(op_owner *r, const gs_error *err)
{
    gs_log_warn("cannot tell which workload pods belong to", "kind", r->ref.kind, "name", r->ref.name, "namespace",
                r->ref.ns, "error", err->msg);
    gs_timer_set(r->retry, GS_SECRET_RECHECK_MS);
}

static void on_owner(void *ctx, const gs_kube_reply *reply)
{
    op_owner *r = ctx;
    gs_kube_meta meta = {0};
    gs_error err = reply->err;
    r->call = NULL;
    if (err.kind == GS_OK)
        (void)gs_kube_meta_read(reply->body, &meta, &err);
    if (err.kind == GS_OK && !gs_str_is(meta.uid, r->ref.uid))
        (void)gs_error_set(&err, GS_NOT_FOUND, "another object has its name now");
    if (err.kind == GS_OK) {
        const gs_kube_owner *up = &meta.controller;
        if (up->kind.n)
            set_ref(&r->up, up->api_version, up->kind, r->ref.ns, up->name, up->uid);
        settle(r, r->apps || r->kind.scale);
    } else if (err.kind == GS_NOT_FOUND || (err.kind == GS_REFUSED && err.status == 403 && !r->apps)) {
        stop_at(r, &err);
    } else {
        ask_later(r, &err);
    }
}

static void get_owner(op_owner *r)
{
    gs_kube_resource resource = gs_kube_kind_resource(&r->kind);
    gs_kube_path path = {.resource = &resource, .ns = r->ref.ns, .name = r->ref.name};
    r->call = gs_kube_get(r->o->kube, &path, NULL, on_owner, r);
}

static void on_kind(void *ctx, const gs_kube_kind *kind, const gs_error *err)
{
    op_owner *r = ctx;
    gs_error why = *err;
    r->lookup = NULL;
    if (kind && !kind->namespaced) /* as the Node of a static pod */
        (void)gs_error_set(&why, GS_NOT_FOUND, "its kind is not namespaced");
    if (why.kind == GS_TRANSIENT) {
        ask_later(r, &why);
    } else if (kind && why.kind == GS_OK) {
        r->kind = *kind;
        get_owner(r);
    } else {
        stop_at(r, &why);
    }
}

static void ask(void *ctx)
{
    op_owner *r = ctx;
    r->apps = op_kind_of(&r->ref, &r->kind);
    if (r->apps)
        get_owner(r);
    else
        r->lookup = gs_kube_discovery_find(r->o->discovery, r->ref.api_version, r->ref.kind, on_kind, r);
}

static op_owner *owner_of(op *o, const gs_workload_ref *ref)
{
    op_owner *r = gs_map_get(o->owners, ref->uid);
    if (r)
        return r;
    r = gs_alloc(sizeof *r);
    r->o = o;
    r->ref = *ref;
    r->retry = gs_timer_new(o->loop, ask, r);
    gs_map_put(o->owners, ref->uid, r);
    ask(r);
    return r;
}

static void wait_for(op_owner *r, op_pod *p)
{
    if (p->waiting)
        return;
    p->waiting = true;
    r->waiting = gs_grow(r->waiting, &r->cap_waiting, r->n_waiting + 1, sizeof *r->waiting);
    r->waiting[r->n_waiting++] = gs_strdup(p->pod->name);
}

bool op_workload_of(op *o, op_pod *at, gs_workload_ref *ret)
{
    gs_workload_ref ref;
    const gs_pod *p = at->pod;
    if (!p->owner_kind[0]) { /* a pod by itself */
        set_ref(ret, GS_STR("v1"), GS_STR("Pod"), p->ns, gs_str_of(p->name), gs_str_of(p->uid));
        return true;
    }
    set_ref(&ref, gs_str_of(p->owner_api_version), gs_str_of(p->owner_kind), p->ns, gs_str_of(p->owner_name),
            gs_str_of(p->owner_uid));
    *ret = ref; /* where none of them can be scaled: a Job, for one */
    for (int level = 0; level < MAX_LEVELS && ref.kind[0]; level++) {
        op_owner *r = owner_of(o, &ref);
        if (!r->known) {
            wait_for(r, at);
            return false;
        }
        if (r->workload)
            *ret = r->ref;
        ref = r->up;
    }
    return true;
}

bool op_owner_leads_to(const op *o, const char *owner_uid, const char *uid)
{
    for (int level = 0; level < MAX_LEVELS; level++) {
        const op_owner *r = gs_map_get(o->owners, owner_uid);
        if (gs_streq(owner_uid, uid))
            return true;
        if (!r || !r->up.uid[0])
            return false;
        owner_uid = r->up.uid;
    }
    return false;
}

bool op_owners_resolving(const op *o)
{
    for (gs_map_it it = {0}; gs_map_next(o->owners, &it);) {
        const op_owner *r = it.value;
        if (r->call || r->lookup) /* one that cannot be read must not hold up all others */
            return true;
    }
    return false;
}

/* Those that no pod belongs to any more are forgotten: a rollout leaves one behind each time. */
void op_owners_trim(op *o)
{
    if (gs_map_len(o->owners) <= 64 || gs_map_len(o->owners) <= 2 * gs_map_len(o->pods))
        return;
    gs_map *used = gs_map_new(NULL);
    for (gs_map_it it = {0}; gs_map_next(o->pods, &it);) {
        const char *uid = ((const op_pod *)it.value)->pod->owner_uid;
        for (int level = 0; level < MAX_LEVELS && uid[0]; level++) {
            const op_owner *r = gs_map_get(o->owners, uid);
            gs_map_put(used, uid, o);
            uid = r ? r->up.uid : "";
        }
    }
    for (gs_map_it it = {0}; gs_map_next(o->owners, &it);)
        if (!gs_map_get(used, it.key)) {
            op_owner *r = it.value;
            (void)gs_map_remove(o->owners, r->ref.uid);
            owner_free(r);
        }
    gs_map_free(used);
}

void op_owners_free(op *o)
{
    for (gs_map_it it = {0}; gs_map_next(o->owners, &it);)
        owner_free(it.value);
    gs_map_free(o->owners);
    o->owners = NULL;
}
