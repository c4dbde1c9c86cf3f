/* Before anything else: is there an API server, does it take our credentials, are the CRDs there, and may we look at what we
 * need? One cheap request for each; what people have to put right ends the process with a line and an exit code of its own,
 * an API server that is away is waited for. */
#include "base/log.h"
#include "base/mem.h"
#include "base/repeat.h"
#include "operator/op.h"

#include <stdio.h>
#include <stdlib.h>

#define TIMEOUT_MS 10000
#define AGAIN_MS 500
#define PATIENCE_MS 5000
#define PATIENCE_AWAY_MS 30000
#define MAX_REPLY_BYTES GS_MAX_OBJECT_BYTES /* a list of one */

struct op_start {
    op *o;
    size_t step;
    gs_kube_path at; /* what is asked for at this step */
    unsigned attempt;
    int64_t refused_ms; /* mono: since when it refuses that; 0: it does not */
    bool away;          /* it has not answered, once at least */
    gs_repeat told;
    gs_timer *next;
    gs_kube_call *call;
};

static const gs_kube_resource leases = {"coordination.k8s.io", "v1", "leases", true};
static const gs_kube_resource *const listed[] = {&OP_POLICIES, &OP_INCIDENTS, &OP_PODS};

/* The n-th thing that is asked for: the Lease, then each kind in each namespace. False: there are no more. */
static bool nth(const op *o, size_t n, gs_kube_path *ret)
{
    size_t spaces = o->opt.namespaces.n ? o->opt.namespaces.n : 1;
    if (o->lease && n-- == 0) {
        *ret = (gs_kube_path){.resource = &leases, .ns = o->lease_ns, .name = o->opt.lease_name};
        return true;
    }
    if (n >= spaces * GS_LEN(listed))
        return false;
    const char *ns = o->opt.namespaces.n ? o->opt.namespaces.v[n / GS_LEN(listed)] : NULL;
    *ret = (gs_kube_path){.resource = listed[n % GS_LEN(listed)], .ns = ns};
    return true;
}

static void give_up(op *o, int code)
{
    o->exit_code = code;
    gs_loop_stop(o->loop);
}

static void tell_rights(const gs_kube_path *p, const gs_error *err)
{
    char text[320];
    const gs_kube_resource *r = p->resource;
    (void)snprintf(text, sizeof text, "a right is missing: %s %s%s%s in %s%s; grant it by %s", p->name ? "get" : "list",
                   r->resource, r->group[0] ? "." : "", r->group, p->ns ? "namespace " : "all namespaces",
                   p->ns ? p->ns : "",
                   p->name ? "the Role gostat-leader-election of manifests/rights, or the chart's rbac.create"
                           : "manifests/rights, or the chart's rbac.create; where the chart's rbac.namespaces lists "
                             "namespaces, --namespace names the same");
    gs_log_error(text, "error", err->msg);
}

/* What is for people to put right. */
static void tell_final(op *o, const gs_kube_path *p, const gs_error *err)
{
    if (err->status == 403) {
        tell_rights(p, err);
        give_up(o, OP_EXIT_RIGHTS);
    } else if (err->kind == GS_REFUSED) {
        gs_log_error("the credentials are refused: renew them, or name another --kubeconfig or --context", "error",
                     err->msg);
        give_up(o, OP_EXIT_CREDENTIALS);
    } else if (op_undoing(o)) {
        gs_log_info("the CRDs of gostat are not installed: there is nothing to undo");
        give_up(o, 0);
    } else {
        gs_log_error("the CRDs of gostat are not installed: kubectl apply -k crds/, or the chart's crds.enabled",
                     "error", err->msg);
        give_up(o, OP_EXIT_NO_CRDS);
    }
}

/* An API server that has just started refuses what it will allow once it has read its roles, and serves a CRD a moment after
 * it was made: it has to say so for a while. What refuses us here, as an exec plugin does, has not just started. */
static bool may_pass(struct op_start *s, const gs_error *err)
{
    int64_t now = op_mono(s->o);
    if (!s->refused_ms)
        s->refused_ms = now;
    return err->status && now - s->refused_ms < (s->away ? PATIENCE_AWAY_MS : PATIENCE_MS);
}

static void on_failure(struct op_start *s, const gs_kube_reply *reply)
{
    op *o = s->o;
    const gs_error *err = &reply->err;
    if (err->kind != GS_REFUSED && err->kind != GS_NOT_FOUND) {
        s->refused_ms = 0;
        s->away = true;
        if (gs_repeat_tell(&s->told, err, op_mono(o)))
            gs_log_warn("the API server cannot be asked, it is tried again", "error", err->msg, "times", s->told.times);
        int64_t delay = gs_rng_backoff(&o->rng, s->attempt++, 800, 30000);
        gs_timer_set(s->next, reply->retry_after_ms > delay ? reply->retry_after_ms : delay);
    } else if (may_pass(s, err)) {
        gs_timer_set(s->next, AGAIN_MS);
    } else {
        tell_final(o, &s->at, err);
    }
}

static void on_answer(void *ctx, const gs_kube_reply *reply)
{
    struct op_start *s = ctx;
    bool no_lease = reply->err.kind == GS_NOT_FOUND && s->at.name; /* yet: it will be made */
    s->call = NULL;
    if (reply->err.kind != GS_OK && !no_lease) {
        on_failure(s, reply);
        return;
    }
    s->step++;
    s->attempt = 0;
    s->refused_ms = 0;
    if (gs_repeat_over(&s->told))
        gs_log_info("the API server answers");
    gs_timer_set(s->next, 0);
}

static int ignore(void *ctx, const char *p, size_t n, gs_error *err)
{
    (void)ctx;
    (void)p;
    (void)n;
    (void)err;
    return 0;
}

static void ask_next(void *ctx)
{
    struct op_start *s = ctx;
    op *o = s->o;
    if (!nth(o, s->step, &s->at)) {
        op_go(o);
    } else if (s->at.name) {
        gs_kube_opts once = {.timeout_ms = TIMEOUT_MS, .deadline_ms = -1};
        s->call = gs_kube_get(o->kube, &s->at, &once, on_answer, s);
    } else {
        gs_kube_stream list = {.path = s->at,
                               .query = "limit=1",
                               .verb = "LIST",
                               .timeout_ms = TIMEOUT_MS,
                               .max_bytes = MAX_REPLY_BYTES,
                               .on_data = ignore,
                               .done = on_answer,
                               .ctx = s};
        s->call = gs_kube_stream_start(o->kube, &list);
    }
}

void op_start(op *o)
{
    struct op_start *s = gs_alloc(sizeof *s);
    s->o = o;
    s->next = gs_timer_new(o->loop, ask_next, s);
    o->start = s;
    gs_timer_set(s->next, 0);
}

void op_start_stop(op *o)
{
    struct op_start *s = gs_take(o->start);
    if (!s)
        return;
    gs_kube_cancel(s->call);
    gs_timer_free(s->next);
    free(s);
}
