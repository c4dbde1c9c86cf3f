/* Which workload a pod belongs to: the topmost of its controlling owners that is a Deployment, StatefulSet, DaemonSet or
 * ReplicaSet, or has a scale subresource. One GET for each owner, however many pods it has. */
#include "workload/owners.h"

#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"
#include "codec/workload.h"
#include "kube/meta.h"

#include <stdlib.h>

#define MAX_LEVELS 4       /* owners above a pod that are looked at */
#define ASK_AGAIN_MS 30000 /* where the API server did not say */
#define TRIM_FROM 64       /* owners: fewer are not worth the walk */

/* What controls pods, or controls what does. */
typedef struct owner {
    gs_owners *all;
    gs_workload_ref ref, up; /* itself; its own controller, kind "" for none */
    gs_kube_kind kind;
    bool apps;      /* one of apps/v1 that are known without asking */
    bool known;     /* up and workload are */
    bool workload;  /* what is found of its pods may be put right here */
    char **waiting; /* names of pods that are told of once it is known */
    size_t n_waiting, cap_waiting;
    gs_kube_lookup *lookup;
    gs_kube_call *call;
    gs_timer *retry;
} owner;

struct gs_owners {
    gs_kube *kube;
    gs_kube_discovery *discovery;
    void (*on_known)(void *ctx, const char *ns, const char *pod);
    void *ctx;
    gs_map *by_uid; /* uid -> owner */
};

static void owner_free(owner *r)
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

bool gs_workload_resource(const gs_workload_ref *w, gs_kube_kind *ret)
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
static void settle(owner *r, bool workload)
{
    r->known = true;
    r->workload = workload;
    for (size_t k = 0; k < r->n_waiting; k++) {
        gs_autofree char *name = r->waiting[k];
        r->all->on_known(r->all->ctx, r->ref.ns, name);
    }
    free(gs_take(r->waiting));
    r->n_waiting = r->cap_waiting = 0;
}

/* Where the walk ends without the owner: it is gone, or not ours to read. */
static void stop_at(owner *r, const gs_error *err)
{
    gs_log_debug("an owner is not looked at", "kind", r->ref.kind, "name", r->ref.name, "namespace", r->ref.ns, "why",
                 err->msg);
    settle(r, false);
}

static void ask_later(owner *r, const gs_error *err)
{
    gs_log_warn("cannot tell which workload pods belong to", "kind", r->ref.kind, "name", r->ref.name, "namespace",
                r->ref.ns, "error", err->msg);
    gs_timer_set(r->retry, ASK_AGAIN_MS);
}

static void on_owner(void *ctx, const gs_kube_reply *reply)
{
    owner *r = ctx;
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

static void get_owner(owner *r)
{
    gs_kube_resource resource = gs_kube_kind_resource(&r->kind);
    gs_kube_path path = {.resource = &resource, .ns = r->ref.ns, .name = r->ref.name};
    r->call = gs_kube_get(r->all->kube, &path, NULL, on_owner, r);
}

static void on_kind(void *ctx, const gs_kube_kind *kind, const gs_error *err)
{
    owner *r = ctx;
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
    owner *r = ctx;
    r->apps = gs_workload_resource(&r->ref, &r->kind);
    if (r->apps)
        get_owner(r);
    else
        r->lookup = gs_kube_discovery_find(r->all->discovery, r->ref.api_version, r->ref.kind, on_kind, r);
}

static owner *owner_of(gs_owners *o, const gs_workload_ref *ref)
{
    owner *r = gs_map_get(o->by_uid, ref->uid);
    if (r)
        return r;
    r = gs_alloc(sizeof *r);
    r->all = o;
    r->ref = *ref;
    r->retry = gs_timer_new(gs_kube_loop(o->kube), ask, r);
    gs_map_put(o->by_uid, ref->uid, r);
    ask(r);
    return r;
}

static void wait_for(owner *r, const char *pod, bool *waiting)
{
    if (*waiting)
        return;
    *waiting = true;
    r->waiting = gs_grow(r->waiting, &r->cap_waiting, r->n_waiting + 1, sizeof *r->waiting);
    r->waiting[r->n_waiting++] = gs_strdup(pod);
}

bool gs_owners_workload(gs_owners *o, const gs_pod *p, bool *waiting, gs_workload_ref *ret)
{
    gs_workload_ref ref;
    if (!p->owner_kind[0]) { /* a pod by itself */
        set_ref(ret, GS_STR("v1"), GS_STR("Pod"), p->ns, gs_str_of(p->name), gs_str_of(p->uid));
        return true;
    }
    set_ref(&ref, gs_str_of(p->owner_api_version), gs_str_of(p->owner_kind), p->ns, gs_str_of(p->owner_name),
            gs_str_of(p->owner_uid));
    *ret = ref; /* where none of them can be scaled: a Job, for one */
    for (int level = 0; level < MAX_LEVELS && ref.kind[0]; level++) {
        owner *r = owner_of(o, &ref);
        if (!r->known) {
            wait_for(r, p->name, waiting);
            return false;
        }
        if (r->workload)
            *ret = r->ref;
        ref = r->up;
    }
    return true;
}

bool gs_owners_lead_to(const gs_owners *o, const char *owner_uid, const char *uid)
{
    for (int level = 0; level < MAX_LEVELS; level++) {
        const owner *r = gs_map_get(o->by_uid, owner_uid);
        if (gs_streq(owner_uid, uid))
            return true;
        if (!r || !r->up.uid[0])
            return false;
        owner_uid = r->up.uid;
    }
    return false;
}

bool gs_owners_resolving(const gs_owners *o)
{
    for (gs_map_it it = {0}; gs_map_next(o->by_uid, &it);) {
        const owner *r = it.value;
        if (r->call || r->lookup) /* one that cannot be read must not hold up all others */
            return true;
    }
    return false;
}

bool gs_owners_many(const gs_owners *o, size_t pods)
{
    return gs_map_len(o->by_uid) > TRIM_FROM && gs_map_len(o->by_uid) > 2 * pods;
}

void gs_owners_trim(gs_owners *o, const gs_map *direct)
{
    gs_map *used = gs_map_new(NULL);
    for (gs_map_it it = {0}; gs_map_next(direct, &it);) {
        const char *uid = it.key;
        for (int level = 0; level < MAX_LEVELS && uid[0]; level++) {
            const owner *r = gs_map_get(o->by_uid, uid);
            gs_map_put(used, uid, o);
            uid = r ? r->up.uid : "";
        }
    }
    for (gs_map_it it = {0}; gs_map_next(o->by_uid, &it);)
        if (!gs_map_get(used, it.key)) {
            owner *r = it.value;
            (void)gs_map_remove(o->by_uid, r->ref.uid);
            owner_free(r);
        }
    gs_map_free(used);
}

gs_owners *gs_owners_new(gs_kube *k, gs_kube_discovery *d, void (*on_known)(void *ctx, const char *ns, const char *pod),
                         void *ctx)
{
    gs_owners *o = gs_alloc(sizeof *o);
    *o = (gs_owners){.kube = k, .discovery = d, .on_known = on_known, .ctx = ctx, .by_uid = gs_map_new(NULL)};
    return o;
}

void gs_owners_free(gs_owners *o)
{
    if (!o)
        return;
    for (gs_map_it it = {0}; gs_map_next(o->by_uid, &it);)
        owner_free(it.value);
    gs_map_free(o->by_uid);
    free(o);
}
