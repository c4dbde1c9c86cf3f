/* What the API server says of a workload just now: the object itself, or its scale where it is none of apps/v1; the
 * autoscalers of its namespace; the ReplicaSets of a Deployment; its pods; at last what may be done to it. One after the
 * other, the object first: what is written later is conditional on its version, which moves with each change of its scale, its template and its counts. */
#include "workload/facts.h"

#include "base/mem.h"
#include "kube/list.h"

#include <stdlib.h>

static const gs_kube_resource AUTOSCALERS = {"autoscaling", "v2", "horizontalpodautoscalers", true};
static const gs_kube_resource PODS = {"", "v1", "pods", true};
static const gs_kube_resource REPLICASETS = {"apps", "v1", "replicasets", true};

#define DEADLINE_MS 10000
#define OBSERVE_MS 200   /* between looks at an object whose controller has not seen its newest spec ... */
#define OBSERVE_TRIES 15 /* ... which takes some milliseconds; then it is rolling */

struct gs_look {
    gs_look_options o;
    gs_workload_ref w;
    enum gs_workload_kind kind;
    gs_found found;
    gs_workload_meta meta;
    gs_map *replicasets; /* uids of a Deployment's */
    unsigned tries;
    gs_kube_lookup *lookup;
    gs_kube_call *call;
    gs_kube_list *list;
    gs_rights_ask *ask;
    gs_error hidden; /* the scale may not be read: without that right it is not what is there that matters */
    gs_timer *timer;
};

void gs_found_done(gs_found *f)
{
    gs_workload_facts_done(&f->f);
    free(f->pod_versions);
    *f = (gs_found){0};
}

void gs_look_cancel(gs_look *l)
{
    if (!l)
        return;
    gs_kube_lookup_cancel(l->lookup);
    gs_kube_cancel(l->call);
    gs_kube_list_cancel(l->list);
    gs_rights_cancel(l->ask);
    gs_timer_free(l->timer);
    gs_map_free(l->replicasets);
    gs_found_done(&l->found);
    free(l);
}

static void end(gs_look *l, const gs_error *err)
{
    l->o.done(l->o.ctx, &l->found, err);
    gs_look_cancel(l);
}

static void on_rights(void *ctx, const gs_error *err)
{
    gs_look *l = ctx;
    l->ask = NULL;
    if (err->kind == GS_OK && l->hidden.kind != GS_OK && !(l->found.f.lacks & 1u << GS_RIGHT_GET_SCALE))
        end(l, &l->hidden);
    else
        end(l, err);
}

static void end_well(gs_look *l)
{
    gs_workload_facts *f = &l->found.f;
    gs_error ok = {0};
    (void)gs_str_copy(f->group, sizeof f->group, gs_str_of(l->found.kind.group));
    (void)gs_str_copy(f->plural, sizeof f->plural, gs_str_of(l->found.kind.plural));
    if (l->o.rights && !f->gone)
        l->ask = gs_rights_ask_start(l->o.rights, l->w.ns, l->o.actions, f, on_rights, l);
    if (!l->ask)
        on_rights(l, &ok);
}

static void list(gs_look *l, const gs_kube_resource *r, const char *selector, gs_kube_list_options how)
{
    how.resource = r;
    how.ns = l->w.ns;
    how.label_selector = selector;
    how.deadline_ms = DEADLINE_MS;
    how.ctx = l;
    l->list = gs_kube_list_start(l->o.kube, &how);
}

/* ---- pods ---- */

static void forget_pods(void *ctx)
{
    gs_look *l = ctx;
    l->found.f.n_pods = 0;
}

static bool is_ours(const gs_look *l, const gs_pod_seen *p)
{
    if (p->finished || !p->owner_uid[0])
        return false;
    if (l->kind == GS_WORKLOAD_DEPLOYMENT)
        return gs_map_get(l->replicasets, p->owner_uid) != NULL;
    if (l->kind == GS_WORKLOAD_SCALE)
        return gs_owners_lead_to(l->o.owners, p->owner_uid, l->w.uid);
    return gs_streq(p->owner_uid, l->w.uid);
}

static int on_pod(void *ctx, gs_str object, gs_error *err)
{
    gs_look *l = ctx;
    gs_found *found = &l->found;
    gs_workload_facts *f = &found->f;
    gs_pod_seen p;
    int rc = gs_pod_facts_from_json(object, &p, err);
    if (rc < 0 || !is_ours(l, &p))
        return rc;
    f->pods = gs_grow(f->pods, &found->cap_pods, f->n_pods + 1, sizeof *f->pods);
    found->pod_versions =
        gs_grow(found->pod_versions, &found->cap_versions, f->n_pods + 1, sizeof *found->pod_versions);
    f->pods[f->n_pods] = p.facts;
    memcpy(found->pod_versions[f->n_pods++], p.version, sizeof p.version);
    return 0;
}

static void on_pods(void *ctx, const gs_error *err, const char *resource_version)
{
    gs_look *l = ctx;
    gs_workload_facts *f = &l->found.f;
    (void)resource_version;
    l->list = NULL;
    if (f->available < 0) { /* nobody counts them */
        f->available = 0;
        for (size_t k = 0; k < f->n_pods; k++)
            f->available += f->pods[k].ready && !f->pods[k].terminating;
    }
    if (err->kind == GS_OK)
        end_well(l);
    else
        end(l, err);
}

static void look_at_pods(gs_look *l)
{
    gs_error none = {0};
    if (l->meta.selector[0])
        list(l, &PODS, l->meta.selector,
             (gs_kube_list_options){.on_restart = forget_pods, .on_item = on_pod, .on_done = on_pods});
    else /* a scale that does not tell its pods; without a selector all of the namespace would come */
        on_pods(l, &none, "");
}

/* ---- ReplicaSets ---- */

static void forget_replicasets(void *ctx)
{
    gs_look *l = ctx;
    gs_map_free(l->replicasets);
    l->replicasets = gs_map_new(NULL);
    l->found.f.replica_sets = 0;
}

static int on_replicaset(void *ctx, gs_str object, gs_error *err)
{
    gs_look *l = ctx;
    gs_owned r;
    int rc = gs_replicaset_from_json(object, &r, err);
    if (rc < 0 || !gs_streq(r.owner_uid, l->w.uid))
        return rc;
    gs_map_put(l->replicasets, r.uid, l);
    l->found.f.replica_sets += r.replicas > 0;
    return 0;
}

static void on_replicasets(void *ctx, const gs_error *err, const char *resource_version)
{
    gs_look *l = ctx;
    (void)resource_version;
    l->list = NULL;
    l->found.f.rolling |= l->found.f.replica_sets > 1;
    if (err->kind != GS_OK)
        end(l, err);
    else
        look_at_pods(l);
}

/* ---- autoscalers ---- */

static void forget_autoscaler(void *ctx)
{
    gs_look *l = ctx;
    l->found.autoscaler_version[0] = l->found.f.autoscaler[0] = 0;
    l->found.f.keda = false;
}

static int on_autoscaler(void *ctx, gs_str object, gs_error *err)
{
    gs_look *l = ctx;
    return gs_autoscaler_from_json(object, &l->w, &l->found.f, l->found.autoscaler_version, err);
}

static void on_autoscalers(void *ctx, const gs_error *err, const char *resource_version)
{
    gs_look *l = ctx;
    (void)resource_version;
    l->list = NULL;
    if (err->kind != GS_OK) {
        end(l, err);
    } else if (l->kind == GS_WORKLOAD_DEPLOYMENT) {
        l->replicasets = gs_map_new(NULL);
        list(l, &REPLICASETS, l->meta.selector,
             (gs_kube_list_options){
                 .on_restart = forget_replicasets, .on_item = on_replicaset, .on_done = on_replicasets});
    } else {
        look_at_pods(l);
    }
}

/* ---- the object ---- */

static void get_object(void *ctx);
static void look_at_nothing(gs_look *l);

static void on_object(void *ctx, const gs_kube_reply *reply)
{
    gs_look *l = ctx;
    gs_found *found = &l->found;
    gs_error err = reply->err;
    l->call = NULL;
    if (err.kind == GS_OK && gs_workload_from_json(reply->body, l->kind, &found->f, &l->meta, &err) < 0)
        (void)gs_error_wrap(&err, GS_TERMINAL, "%s %s", l->w.kind, l->w.name);
    if (err.kind == GS_NOT_FOUND || (err.kind == GS_OK && !gs_streq(l->meta.uid, l->w.uid))) {
        found->f = (gs_workload_facts){.gone = true}; /* or another one of the same name */
        end_well(l);
    } else if (err.status == 403 && l->kind == GS_WORKLOAD_SCALE && l->o.rights) {
        l->hidden = err;
        found->f.scalable = true;
        look_at_nothing(l);
    } else if (err.kind != GS_OK) {
        end(l, &err);
    } else if (!l->meta.observed && ++l->tries < OBSERVE_TRIES) {
        gs_timer_set(l->timer, OBSERVE_MS);
    } else {
        memcpy(found->version, l->meta.version, sizeof found->version);
        list(l, &AUTOSCALERS, NULL,
             (gs_kube_list_options){
                 .on_restart = forget_autoscaler, .on_item = on_autoscaler, .on_done = on_autoscalers});
    }
}

static void get_object(void *ctx)
{
    gs_look *l = ctx;
    gs_kube_resource resource = gs_kube_kind_resource(&l->found.kind);
    gs_kube_path path = {
        .resource = &resource, .ns = l->w.ns, .name = l->w.name, .sub = l->kind == GS_WORKLOAD_SCALE ? "scale" : NULL};
    l->call = gs_kube_get(l->o.kube, &path, &(gs_kube_opts){.deadline_ms = DEADLINE_MS}, on_object, l);
}

/* A Job, a single pod, what we may not read: nothing can be done to it, and nobody would bring its pods back. */
static void look_at_nothing(gs_look *l)
{
    l->found.f.replicas = l->found.f.available = l->o.pods;
    end_well(l);
}

static void on_kind(void *ctx, const gs_kube_kind *kind, const gs_error *err)
{
    gs_look *l = ctx;
    l->lookup = NULL;
    if (err->kind == GS_TRANSIENT) {
        end(l, err);
    } else if (!kind || !kind->scale || !kind->namespaced) {
        look_at_nothing(l);
    } else {
        l->kind = GS_WORKLOAD_SCALE;
        l->found.kind = *kind;
        get_object(l);
    }
}

gs_look *gs_look_start(const gs_look_options *o)
{
    gs_look *l = gs_alloc(sizeof *l);
    l->o = *o;
    l->w = *o->workload;
    l->timer = gs_timer_new(gs_kube_loop(o->kube), get_object, l);
    l->kind = gs_workload_kind_of(l->w.api_version, l->w.kind);
    if (gs_workload_resource(&l->w, &l->found.kind))
        get_object(l);
    else
        l->lookup = gs_kube_discovery_find(o->discovery, l->w.api_version, l->w.kind, on_kind, l);
    return l;
}
