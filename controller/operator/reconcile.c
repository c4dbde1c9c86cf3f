/* Which pod is watched under which policy: the oldest policy that selects any pod of a workload owns the workload. */
#include "base/log.h"
#include "base/mem.h"
#include "codec/sampled.h"
#include "operator/op.h"

#include <stdio.h>
#include <stdlib.h>

/* Policies of a namespace that select the pod: the first is the one that was there first. NULL: none. */
static op_policy *first_policy(const op *o, const gs_pod *pod)
{
    op_policy *first = NULL;
    for (gs_map_it it = {0}; gs_map_next(o->policies, &it);) {
        op_policy *p = it.value;
        if (!p->p || p->invalid || !gs_streq(p->p->ns, pod->ns) || !gs_selector_matches(&p->p->selector, pod->labels))
            continue;
        if (!first || gs_policy_before(p->p, first->p))
            first = p;
    }
    return first;
}

static op_policy *owner_of(const op *o, const op_workload *w)
{
    op_policy *owner = NULL;
    for (size_t k = 0; k < w->n; k++) {
        op_policy *p = first_policy(o, w->pods[k]->pod);
        if (p && (!owner || gs_policy_before(p->p, owner->p)))
            owner = p;
    }
    return owner;
}

static void unwatch(op *o, op_pod *p, enum gs_leave why)
{
    if (!p->watched && why != GS_LEAVE_GONE) /* incidents may list it from when it was watched */
        return;
    p->watched = false;
    gs_engine_drop_target(o->engine, p->pod->ns, p->pod->name, why);
}

static void watch(op *o, op_pod *p, const op_policy *owner)
{
    const gs_pod *pod = p->pod;
    p->candidate = false;
    const gs_policy *policy = owner && owner->in_force && op_policy_runs(owner) ? owner->p : NULL;
    gs_pod_ports ports;
    enum gs_unsampled why = gs_pod_sampled(policy, pod, &ports);
    if (why == GS_UNSAMPLED_STARTING || (why == GS_SAMPLED && !op_access_checked(owner))) /* it will be told again */
        return;
    if (why != GS_SAMPLED) {
        unwatch(o, p, why == GS_UNSAMPLED_ENDED ? GS_LEAVE_GONE : GS_LEAVE_UNWATCHED);
        return;
    }
    p->candidate = true;
    if (o->ceiling.max_pods && !p->within) {
        unwatch(o, p, GS_LEAVE_UNWATCHED);
        return;
    }
    gs_target_spec t = {.ns = pod->ns,
                        .name = pod->name,
                        .uid = pod->uid,
                        .host = pod->ip,
                        .metrics_port = ports.metrics,
                        .pprof_port = ports.pprof,
                        .revision = pod->revision,
                        .memory_limit = pod->memory_limit,
                        .cpu_limit_milli = pod->cpu_limit_milli};
    gs_engine_set_target(o->engine, owner->p->name, &p->w->ref, &t);
    p->watched = true;
}

static void reconcile_workload(op *o, const char *key)
{
    op_workload *w = gs_map_get(o->workloads, key);
    if (!w)
        return;
    if (w->owner)
        w->owner->choose = true;
    w->owner = owner_of(o, w);
    if (w->owner)
        w->owner->choose = true;
    for (size_t k = 0; k < w->n; k++)
        watch(o, w->pods[k], w->owner);
    for (gs_map_it it = {0}; gs_map_next(o->policies, &it);)
        if (gs_streq(((op_policy *)it.value)->p ? ((op_policy *)it.value)->p->ns : "", w->ref.ns))
            op_policy_dirty(it.value);
}

static void reconcile_pod(op *o, const char *key)
{
    op_pod *p = gs_map_get(o->pods, key);
    if (!p)
        return;
    const op_policy *first = first_policy(o, p->pod);
    if (!first) {
        op_workload *w = p->w;
        unwatch(o, p, p->pod->deleting || p->pod->finished ? GS_LEAVE_GONE : GS_LEAVE_UNWATCHED);
        if (w && w->n > 1) /* the others may have another owner now */
            gs_kube_queue_add(o->queue, w->key);
        op_pod_detach(o, p);
        return;
    }
    if (op_pod_attach(o, p))
        gs_kube_queue_add(o->queue, p->w->key);
}

#define POD_PREFIX "pod:"

static void process(void *ctx, const char *key)
{
    op *o = ctx;
    int64_t began_ms = op_mono(o);
    bool pod = strncmp(key, POD_PREFIX, strlen(POD_PREFIX)) == 0;
    o->reconciles++;
    if (pod)
        reconcile_pod(o, key + strlen(POD_PREFIX));
    else
        reconcile_workload(o, key);
    op_on_reconciled(o, pod ? OP_RECONCILE_POD : OP_RECONCILE_WORKLOAD, true, op_mono(o) - began_ms);
    gs_kube_queue_done(o->queue, key);
}

void op_reconcile_start(op *o)
{
    o->queue = gs_kube_queue_new(
        o->loop, &(gs_kube_queue_options){.process = process, .on_done = op_on_worked, .ctx = o, .clock = &o->clock});
    gs_kube_queue_pause(o->queue, true); /* until all is listed */
}

void op_reconcile_pod(op *o, const char *ns, const char *name)
{
    gs_autofree char *key = gs_sprintf(POD_PREFIX "%s/%s", ns, name);
    gs_kube_queue_add(o->queue, key);
}

void op_reconcile_policy(op *o, const op_policy *p)
{
    for (gs_map_it it = {0}; gs_map_next(o->pods, &it);) {
        const op_pod *pod = it.value;
        if (p->p && gs_streq(pod->pod->ns, p->p->ns))
            op_reconcile_pod(o, pod->pod->ns, pod->pod->name);
    }
}

void op_pod_gone(op *o, op_pod *p)
{
    op_workload *w = p->w;
    if (w && w->owner) /* there may be room for another one */
        w->owner->choose = true;
    p->watched = false; /* told even where it was not watched: an incident may list it since before a suspension */
    gs_engine_drop_target(o->engine, p->pod->ns, p->pod->name, GS_LEAVE_GONE);
    if (w && w->n > 1)
        gs_kube_queue_add(o->queue, w->key);
    op_pod_detach(o, p);
}

/* What a policy's status says of the pods it selects. */
void op_reconcile_count(op *o, op_policy *p)
{
    p->matched = p->overlapped = p->without_port = p->host_network = 0;
    p->overlap_with[0] = 0;
    for (gs_map_it it = {0}; gs_map_next(o->pods, &it);) {
        const op_pod *pod = it.value;
        if (!gs_streq(pod->pod->ns, p->p->ns) || pod->pod->finished || pod->pod->deleting ||
            !gs_selector_matches(&p->p->selector, pod->pod->labels))
            continue;
        p->matched++;
        const op_policy *owner = pod->w ? pod->w->owner : NULL;
        if (owner && owner != p) {
            p->overlapped++;
            (void)gs_str_copy(p->overlap_with, sizeof p->overlap_with, gs_str_of(owner->p->name));
        }
        p->host_network += pod->pod->host_network && !p->p->allow_host_network;
        p->without_port += !gs_pod_endpoint(p->p, pod->pod, &(gs_pod_ports){0});
    }
}
