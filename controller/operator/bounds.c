/* What the operator allows of policies, by the controller's flags: where they may have it connect to, and how much of anything
 * they may ask for. */
#include "base/log.h"
#include "base/mem.h"
#include "operator/op.h"

#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>

#define RESOLVE_MS 60000 /* an API server's address may change */

static gs_patterns patterns(const op_values *v)
{
    return (gs_patterns){v->v, v->n};
}

int op_bounds_open(op *o, gs_error *err)
{
    const op_options *opt = &o->opt;
    const gs_destination_flags flags = {.allow = {[GS_DESTINATION_S3] = patterns(&opt->allow_s3),
                                                  [GS_DESTINATION_WEBHOOK] = patterns(&opt->allow_webhook),
                                                  [GS_DESTINATION_ALERTMANAGER] = patterns(&opt->allow_alertmanager)},
                                        .private = patterns(&opt->allow_private)};
    gs_ceiling *c = &o->ceiling;
    if (opt->min_interval_ms % 1000 || opt->max_profile_ms % 1000)
        return gs_error_set(err, GS_TERMINAL, "--%s: must be whole seconds",
                            opt->min_interval_ms % 1000 ? "min-interval" : "max-profile-seconds");
    c->max_pods = (int)opt->max_pods;
    c->min_interval_s = (int)(opt->min_interval_ms / 1000);
    c->max_profile_s = (int)(opt->max_profile_ms / 1000);
    c->max_profile_bytes = opt->max_profile_bytes;
    c->host_network = opt->allow_host_network;
    c->max_namespace_actions = (int)opt->max_namespace_actions;
    int rc = gs_ceiling_prefix(opt->s3_prefix, opt->cluster, c->prefix, err);
    return rc ? rc : gs_destinations_new(&flags, &o->destinations, err);
}

void op_bounds_close(op *o)
{
    for (size_t k = 0; k < OP_API_NAMES; k++)
        free(o->api.names[k]);
    gs_destinations_free(o->destinations);
}

/* ---- the API server's addresses: no policy leads there ---- */

typedef struct lookup {
    op *o;
    char *names[OP_API_NAMES]; /* NULL: none */
    struct addrinfo *found[OP_API_NAMES];
    int flags;
} lookup;

static lookup *lookup_new(op *o)
{
    lookup *l = gs_alloc(sizeof *l);
    l->o = o;
    for (size_t k = 0; k < OP_API_NAMES; k++)
        l->names[k] = o->api.names[k] ? gs_strdup(o->api.names[k]) : NULL;
    return l;
}

static void resolve(void *job)
{
    lookup *l = job;
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = l->flags};
    for (size_t k = 0; k < OP_API_NAMES; k++)
        if (l->names[k] && getaddrinfo(l->names[k], NULL, &hints, &l->found[k]) != 0)
            l->found[k] = NULL; /* what was found before stays refused */
}

static void on_resolved(void *job, bool cancelled)
{
    lookup *l = job;
    op *o = l->o;
    for (size_t k = 0; k < OP_API_NAMES; k++) {
        for (const struct addrinfo *a = l->found[k]; a && !cancelled; a = a->ai_next)
            gs_destinations_add_api(o->destinations, l->names[k], a->ai_addr, o->api.port);
        if (l->found[k])
            freeaddrinfo(l->found[k]);
        free(l->names[k]);
    }
    free(l);
    o->api.resolving = false;
}

/* "https://host:port"; the host without its brackets. */
static void take_server(op *o, const char *server)
{
    const char *host = strstr(server, "://") ? strstr(server, "://") + 3 : server;
    bool v6 = *host == '[';
    size_t n = v6 ? strcspn(++host, "]") : strcspn(host, ":/");
    const char *rest = host + n + (v6 && host[n]);
    uint64_t port = 443;
    if (*rest == ':')
        (void)gs_str_u64((gs_str){rest + 1, strcspn(rest + 1, "/")}, &port);
    o->api.names[0] = gs_strndup(host, n);
    o->api.port = (unsigned)port;
}

void op_bounds_api(op *o, const char *server)
{
    const char *service = getenv("KUBERNETES_SERVICE_HOST"); /* the Service `kubernetes`, where we run in a pod */
    take_server(o, server);
    o->api.names[1] = service && *service ? gs_strdup(service) : NULL;
    lookup *l = lookup_new(o);
    l->flags = AI_NUMERICHOST; /* at once, and without DNS; names follow */
    resolve(l);
    on_resolved(l, false);
}

void op_bounds_tick(op *o)
{
    gs_error err;
    if (o->api.resolving || (o->api.resolved_ms && op_mono(o) - o->api.resolved_ms < RESOLVE_MS))
        return;
    lookup *l = lookup_new(o);
    o->api.resolved_ms = op_mono(o);
    o->api.resolving = true;
    if (gs_workers_submit(o->workers, resolve, on_resolved, l, &err) < 0)
        on_resolved(l, true);
}

/* ---- a policy's ---- */

int op_bounds_hold(const op *o, gs_policy *p, char limited[GS_LIMITED_LEN], gs_error *err)
{
    return gs_ceiling_hold(&o->ceiling, p, limited, err);
}

int op_bounds_store(const op_policy *p, gs_error *err)
{
    if (p->invalid || !p->p->has_s3 ||
        gs_destinations_name_allowed(p->o->destinations, GS_DESTINATION_S3, gs_str_of(p->p->s3.endpoint), err) == 0)
        return 0;
    return gs_error_wrap(err, GS_REFUSED, "spec.snapshot.s3.endpoint");
}

/* ---- which pods are sampled ---- */

static void choose(op *o, op_policy *p)
{
    size_t n = 0, cap = 0, max = (size_t)o->ceiling.max_pods;
    gs_autofree gs_candidate *v = NULL;
    for (gs_map_it it = {0}; gs_map_next(o->pods, &it);) {
        op_pod *pod = it.value;
        if (!pod->candidate || !pod->w || pod->w->owner != p)
            continue;
        v = gs_grow(v, &cap, n + 1, sizeof *v);
        v[n++] = (gs_candidate){.workload = pod->w->key, .name = pod->pod->name, .of = pod};
    }
    gs_ceiling_choose(v, n, max);
    for (size_t k = 0; k < n; k++) {
        op_pod *pod = v[k].of;
        if (pod->within == v[k].sampled)
            continue;
        pod->within = v[k].sampled;
        gs_kube_queue_add(o->queue, pod->w->key);
    }
    p->above = n > max ? (int)(n - max) : 0;
    op_policy_dirty(p);
}

bool op_bounds_choose(op *o)
{
    bool chosen = false;
    for (gs_map_it it = {0}; o->ceiling.max_pods && gs_map_next(o->policies, &it);) {
        op_policy *p = it.value;
        if (!p->choose)
            continue;
        p->choose = false;
        chosen = true;
        choose(o, p);
    }
    return chosen;
}
