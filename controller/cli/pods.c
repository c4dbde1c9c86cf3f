#include "cli/pods.h"

#include "base/mem.h"
#include "codec/policy_json.h"

#include <stdio.h>

const gs_kube_resource GS_POD_PROXY = {"", "v1", "pods/proxy", true};

/* ---- pods ---- */

static void forget_pods(void *ctx)
{
    gs_pods *l = ctx;
    for (size_t i = 0; i < l->n; i++)
        gs_pod_free(l->v[i]);
    l->n = 0;
}

void gs_pods_done(gs_pods *l)
{
    forget_pods(l);
    free(l->v);
    *l = (gs_pods){0};
}

static int on_pod(void *ctx, gs_str object, gs_error *err)
{
    gs_pods *l = ctx;
    gs_pod *p;
    int rc = gs_pod_from_json(object, &p, err);
    if (rc)
        return rc;
    l->v = gs_grow(l->v, &l->cap, l->n + 1, sizeof(gs_pod *));
    l->v[l->n++] = p;
    return 0;
}

enum gs_exit gs_pods_list(gs_cluster *c, const char *ns, gs_pods *ret, gs_error *err)
{
    gs_cluster_list_options o = {.resource = &GS_PODS, .ns = ns, .on_item = on_pod, .forget = forget_pods, .ctx = ret};
    return gs_cluster_list(c, &o, err);
}

void gs_pod_find_owner(const gs_pod *p, gs_pod_owner *ret)
{
    gs_str name = gs_str_of(p->owner_name), hash = gs_str_of(p->revision);
    bool set = gs_streq(p->owner_kind, "ReplicaSet") && hash.n && name.n > hash.n + 1 &&
               gs_str_ends(name, p->revision) && name.p[name.n - hash.n - 1] == '-';
    ret->kind = set ? "Deployment" : p->owner_kind[0] ? p->owner_kind : "Pod";
    if (set)
        name.n -= hash.n + 1;
    (void)gs_str_copy(ret->name, sizeof ret->name, name.n ? name : gs_str_of(p->name));
}

/* ---- policies ---- */

static void forget_policies(void *ctx)
{
    gs_policies *l = ctx;
    for (size_t i = 0; i < l->n; i++)
        gs_policy_free(l->v[i]);
    l->n = 0;
}

void gs_policies_done(gs_policies *l)
{
    forget_policies(l);
    free(l->v);
    *l = (gs_policies){0};
}

static int on_policy(void *ctx, gs_str object, gs_error *err)
{
    gs_policies *l = ctx;
    gs_policy *p;
    (void)err;
    if (gs_policy_from_json(object, false, true, &p, NULL))
        return 0;
    l->v = gs_grow(l->v, &l->cap, l->n + 1, sizeof(gs_policy *));
    l->v[l->n++] = p;
    return 0;
}

static int by_age(const void *a, const void *b)
{
    const gs_policy *x = *(gs_policy *const *)a, *y = *(gs_policy *const *)b;
    return gs_policy_before(x, y) ? -1 : 1;
}

enum gs_exit gs_policies_list(gs_cluster *c, const char *ns, gs_policies *ret, gs_error *err)
{
    gs_cluster_list_options o = {
        .resource = &GS_POLICIES, .ns = ns, .on_item = on_policy, .forget = forget_policies, .ctx = ret};
    enum gs_exit code = gs_cluster_list(c, &o, err);
    if (!code && ret->n)
        qsort(ret->v, ret->n, sizeof(gs_policy *), by_age);
    return code;
}

const gs_policy *gs_policies_of_pod(const gs_policies *l, const gs_pod *p)
{
    for (size_t i = 0; i < l->n; i++)
        if (gs_streq(l->v[i]->ns, p->ns) && gs_selector_matches(&l->v[i]->selector, p->labels))
            return l->v[i];
    return NULL;
}

/* ---- the proxy ---- */

bool gs_proxy_possible(const gs_policy *p, char ret_reason[GS_PROXY_REASON_LEN])
{
    const gs_endpoint_spec *e = &p->endpoint;
    ret_reason[0] = 0;
    if (e->bearer_secret[0] || e->basic_secret[0])
        (void)snprintf(
            ret_reason, GS_PROXY_REASON_LEN,
            "it wants credentials (spec.endpoint of its policy), which the API server's proxy does not pass on");
    else if (e->cert_secret[0])
        (void)snprintf(
            ret_reason, GS_PROXY_REASON_LEN,
            "it wants a client certificate (spec.endpoint of its policy), which the API server's proxy has not");
    return ret_reason[0] == 0;
}

void gs_proxy_start(gs_cluster *c, const gs_proxy_get *g)
{
    gs_autofree char *name = gs_sprintf("%s%s:%d", g->https ? "https:" : "", g->pod, g->port);
    gs_autofree char *sub = gs_sprintf("proxy%s", g->path);
    gs_kube_stream s = {
        .path = {.resource = &GS_PODS, .ns = g->ns, .name = name, .sub = sub},
        .query = g->query,
        .verb = "GET",
        .timeout_ms = g->timeout_ms,
        .idle_timeout_ms = g->idle_timeout_ms,
        .max_bytes = g->max_bytes,
        .on_data = g->on_data,
        .done = g->done,
        .ctx = g->ctx,
    };
    (void)gs_kube_stream_start(c->kube, &s);
}

/* What the API server says of a pod that it cannot reach, without what is always the same: "error trying to reach service:
 * dial tcp 10.0.0.7:6060: connect: connection refused". */
static const char *dial_error(const char *message)
{
    static const char always[] = "error trying to reach service: ";
    const char *at = strstr(message, always);
    return at ? at + sizeof always - 1 : NULL;
}

bool gs_proxy_reason(const gs_kube_reply *reply, char ret_reason[GS_PROXY_REASON_LEN])
{
    int status = reply->err.status;
    bool of_pod = !reply->reason[0]; /* the API server's own answers have one */
    const char *dial = dial_error(reply->err.msg), *last = strrchr(reply->err.msg, ':');
    ret_reason[0] = 0;
    last = last ? last + 1 + (last[1] == ' ') : reply->err.msg;
    if (dial)
        (void)snprintf(ret_reason, GS_PROXY_REASON_LEN, "the API server cannot reach it: %s", dial);
    else if (!status)
        (void)snprintf(ret_reason, GS_PROXY_REASON_LEN, "no answer: %s", last);
    else if (of_pod && status == 401)
        (void)snprintf(ret_reason, GS_PROXY_REASON_LEN, "it wants credentials (401), which the proxy does not pass on");
    else if (of_pod && status >= 300)
        (void)snprintf(ret_reason, GS_PROXY_REASON_LEN, "the pod answers %d", status);
    else if (status != 401 && status != 403)
        (void)snprintf(ret_reason, GS_PROXY_REASON_LEN, "%s", last);
    return ret_reason[0] != 0;
}
