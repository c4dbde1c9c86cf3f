#include "base/mem.h"
#include "cli/explain.h"

#define POLL_MS 20

/* ---- what there is ---- */

static int on_policy(void *ctx, gs_str object, gs_error *err)
{
    gs_explained *x = ctx;
    gs_policy *p = NULL;
    (void)err;
    if (gs_policy_from_json(object, false, true, &p, NULL)) /* one that is not valid selects nothing */
        return 0;
    x->all = gs_grow(x->all, &x->cap_all, x->n_all + 1, sizeof *x->all);
    x->all[x->n_all++] = p;
    return 0;
}

static void forget_policies(void *ctx)
{
    gs_explained *x = ctx;
    while (x->n_all)
        gs_policy_free(x->all[--x->n_all]);
}

/* The oldest of the policies that select the pod; NULL: none does. */
static const gs_policy *first_policy(const gs_explained *x, const gs_pod *pod)
{
    const gs_policy *first = NULL;
    for (size_t k = 0; k < x->n_all; k++)
        if (gs_selector_matches(&x->all[k]->selector, pod->labels) && (!first || gs_policy_before(x->all[k], first)))
            first = x->all[k];
    return first;
}

static int on_pod(void *ctx, gs_str object, gs_error *err)
{
    gs_explained *x = ctx;
    gs_pod *pod = NULL;
    int rc = gs_pod_from_json(object, &pod, err);
    if (rc)
        return rc;
    if (!first_policy(x, pod)) {
        gs_pod_free(pod);
        return 0;
    }
    x->pods = gs_grow(x->pods, &x->cap_pods, x->n_pods + 1, sizeof *x->pods);
    x->pods[x->n_pods++] = pod;
    return 0;
}

static void forget_pods(void *ctx)
{
    gs_explained *x = ctx;
    while (x->n_pods)
        gs_pod_free(x->pods[--x->n_pods]);
}

/* ---- workloads ---- */

static void on_known(void *ctx, const char *ns, const char *pod)
{
    (void)ctx; /* they are asked for again and again */
    (void)ns;
    (void)pod;
}

static void stop_loop(void *ctx)
{
    gs_loop_stop(ctx);
}

/* What an owner has not told by now it does not tell: it is gone, or not ours to read. */
static void resolve(gs_cluster *c, gs_explained *x)
{
    gs_cleanup(gs_timer_free) gs_timer *t = gs_timer_new(c->loop, stop_loop, c->loop);
    for (bool again = true; again;) {
        again = false;
        for (size_t k = 0; k < x->n_pods; k++)
            again |= !gs_owners_workload(x->owners, x->pods[k], &(bool){true}, &(gs_workload_ref){0});
        again &= gs_owners_resolving(x->owners);
        if (again) {
            gs_timer_set(t, POLL_MS);
            gs_loop_run(c->loop);
        }
    }
}

static gs_explained_workload *workload_of(gs_explained *x, const gs_pod *pod)
{
    gs_workload_ref ref = {0};
    if (!gs_owners_workload(x->owners, pod, &(bool){true}, &ref))
        ref = (gs_workload_ref){0};
    for (size_t k = 0; k < x->n_workloads; k++)
        if (gs_streq(x->workloads[k].ref.uid, ref.uid))
            return &x->workloads[k];
    x->workloads = gs_grow(x->workloads, &x->cap_workloads, x->n_workloads + 1, sizeof *x->workloads);
    x->workloads[x->n_workloads].ref = ref;
    return &x->workloads[x->n_workloads++];
}

static unsigned why_of(const gs_explained *x, const gs_explained_workload *w, const gs_pod *pod)
{
    gs_pod_ports ports;
    unsigned why = gs_pod_sampled(x->p, pod, &ports);
    if (why == GS_UNSAMPLED_ENDED)
        return why;
    if (!w->ref.kind[0])
        return GS_WHY_UNKNOWN;
    return gs_streq(w->owner->uid, x->p->uid) ? why : GS_WHY_OTHER_POLICY;
}

/* As the controller does: the oldest policy that selects any pod of a workload owns the workload. */
static void sort_out(gs_explained *x)
{
    for (size_t k = 0; k < x->n_pods; k++) {
        gs_explained_workload *w = workload_of(x, x->pods[k]);
        const gs_policy *p = first_policy(x, x->pods[k]);
        if (!w->owner || gs_policy_before(p, w->owner))
            w->owner = p;
    }
    for (size_t k = 0; k < x->n_pods; k++) {
        const gs_pod *pod = x->pods[k];
        gs_explained_workload *w = workload_of(x, pod);
        if (!gs_selector_matches(&x->p->selector, pod->labels))
            continue;
        unsigned why = why_of(x, w, pod);
        w->selected++;
        if (w->of[why]++ == 0)
            (void)gs_str_copy(w->example[why], sizeof w->example[why], gs_str_of(pod->name));
    }
}

static int by_name(const void *a, const void *b)
{
    const gs_workload_ref *x = &((const gs_explained_workload *)a)->ref, *y = &((const gs_explained_workload *)b)->ref;
    int name = strcmp(x->name, y->name);
    return name ? name : strcmp(x->kind, y->kind);
}

enum gs_exit gs_explain_pods(gs_cluster *c, gs_explained *x, gs_error *err)
{
    gs_cluster_list_options policies = {
        .resource = &GS_POLICIES, .ns = c->ns, .on_item = on_policy, .forget = forget_policies, .ctx = x};
    gs_cluster_list_options pods = {
        .resource = &GS_PODS, .ns = c->ns, .on_item = on_pod, .forget = forget_pods, .ctx = x};
    enum gs_exit code = gs_cluster_list(c, &policies, err);
    if (!code)
        code = gs_cluster_list(c, &pods, err);
    if (code)
        return code;
    x->discovery = gs_kube_discovery_new(c->kube);
    x->owners = gs_owners_new(c->kube, x->discovery, on_known, x);
    resolve(c, x);
    sort_out(x);
    size_t kept = 0;
    for (size_t k = 0; k < x->n_workloads; k++) /* others' */
        if (x->workloads[k].selected)
            x->workloads[kept++] = x->workloads[k];
    x->n_workloads = kept;
    if (kept)
        qsort(x->workloads, kept, sizeof *x->workloads, by_name);
    return GS_EXIT_OK;
}
