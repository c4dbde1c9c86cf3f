#include "cli/cluster.h"

#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "cli/output.h"
#include "kube/list.h"
#include "wire/yaml_write.h"

#include <stdio.h>
#include <unistd.h>

#define TIMEOUT_MS 20000 /* of one request */

const gs_kube_resource GS_POLICIES = {"gostat.dev", "v1alpha1", "gostatpolicies", true};
const gs_kube_resource GS_INCIDENTS = {"gostat.dev", "v1alpha1", "gostatincidents", true};
const gs_kube_resource GS_PODS = {"", "v1", "pods", true};

/* ---- what went wrong, for people ---- */

static void name_of(const gs_kube_resource *r, char *dst, size_t cap)
{
    (void)snprintf(dst, cap, "%s%s%s", r->resource, r->group[0] ? "." : "", r->group);
}

static void explain_rights(const char *verb, const gs_kube_resource *r, const char *ns, gs_error *err)
{
    char what[128];
    name_of(r, what, sizeof what);
    if (ns)
        (void)gs_error_set(err, GS_REFUSED,
                           "you may not %s %s in namespace %s: ask its administrator for a role that allows it there; "
                           "kubectl auth can-i %s %s -n %s says when you may",
                           verb, what, ns, verb, what, ns);
    else
        (void)gs_error_set(err, GS_REFUSED,
                           "you may not %s %s in all namespaces: name one that you may look into with -n, or ask for a "
                           "ClusterRoleBinding that allows it",
                           verb, what);
}

/* What is left of "LIST pods: GET https://…: cause" without the request, which says nothing to a user. */
static const char *cause(const gs_cluster *c, const char *message)
{
    const char *url = strstr(message, c->config.server),
               *end = url ? strstr(url + strlen(c->config.server), ": ") : NULL;
    return end ? end + 2 : message;
}

/* There was no answer. */
static enum gs_exit explain_connection(const gs_cluster *c, gs_error *err)
{
    char why[sizeof err->msg];
    (void)gs_str_copy(why, sizeof why, gs_str_of(cause(c, err->msg)));
    if (err->kind == GS_REFUSED) /* by what gives the credentials: an exec plugin, a token file */
        return GS_EXIT_CREDENTIALS;
    if (err->kind == GS_TRANSIENT) {
        (void)gs_error_set(err, GS_TRANSIENT, "cannot reach the API server %.200s: %.280s", c->config.server, why);
        return GS_EXIT_FAULT;
    }
    if (!strstr(why, "certificate"))
        return GS_EXIT_FAULT;
    (void)gs_error_set(err, GS_TERMINAL,
                       "%.200s cannot be trusted: %.200s; does certificate-authority of the kubeconfig belong to it?",
                       c->config.server, why);
    return GS_EXIT_USAGE;
}

enum gs_exit gs_cluster_explain(const gs_cluster *c, const char *verb, const gs_kube_resource *r, const char *ns,
                                gs_error *err)
{
    char what[128];
    switch (err->status) {
    case 401:
        (void)gs_error_set(err, GS_REFUSED,
                           "%s refuses these credentials (401): log in again, or choose another --context",
                           c->config.server);
        return GS_EXIT_CREDENTIALS;
    case 403:
        if (r)
            explain_rights(verb, r, ns, err);
        return GS_EXIT_RIGHTS;
    case 404:
        if (!r)
            return GS_EXIT_FAULT;
        name_of(r, what, sizeof what);
        (void)gs_error_set(
            err, GS_NOT_FOUND, "%s has no %s: %s", c->config.server, what,
            gs_str_ends(gs_str_of(r->group), "gostat.dev")
                ? "gostat's CRDs are not installed there; the chart brings them, or kubectl apply -f crds/"
                : "its API server does not serve this resource");
        return gs_streq(r->group, "gostat.dev") ? GS_EXIT_NO_CRDS : GS_EXIT_FAULT;
    case 0:
        return explain_connection(c, err);
    default:
        return GS_EXIT_FAULT;
    }
}

/* ---- requests ---- */

void gs_cluster_wait(gs_cluster *c, const bool *done)
{
    while (!*done)
        gs_loop_run(c->loop);
}

typedef struct listing {
    gs_cluster *c;
    const gs_cluster_list_options *o;
    gs_error err;
    bool done;
} listing;

static int on_item(void *ctx, gs_str object, gs_error *err)
{
    const listing *l = ctx;
    return l->o->on_item(l->o->ctx, object, err);
}

static void on_restart(void *ctx)
{
    const listing *l = ctx;
    if (l->o->forget)
        l->o->forget(l->o->ctx);
}

static void on_listed(void *ctx, const gs_error *err, const char *resource_version)
{
    listing *l = ctx;
    (void)resource_version;
    l->err = *err;
    l->done = true;
    gs_loop_stop(l->c->loop);
}

enum gs_exit gs_cluster_list(gs_cluster *c, const gs_cluster_list_options *o, gs_error *err)
{
    listing l = {.c = c, .o = o};
    (void)gs_kube_list_start(c->kube, &(gs_kube_list_options){.resource = o->resource,
                                                              .ns = o->ns,
                                                              .label_selector = o->label_selector,
                                                              .field_selector = o->field_selector,
                                                              .deadline_ms = GS_CLUSTER_PATIENCE_MS,
                                                              .on_restart = on_restart,
                                                              .on_item = on_item,
                                                              .on_done = on_listed,
                                                              .ctx = &l});
    gs_cluster_wait(c, &l.done);
    if (l.err.kind == GS_OK)
        return GS_EXIT_OK;
    *err = l.err;
    return gs_cluster_explain(c, "list", o->resource, o->ns, err);
}

typedef struct getting {
    gs_cluster *c;
    gs_buf *ret;
    gs_error err;
    bool known; /* the API server knows the resource, if not the object */
    bool done;
} getting;

static void on_got(void *ctx, const gs_kube_reply *reply)
{
    getting *g = ctx;
    g->err = reply->err;
    g->known = reply->reason[0] != 0;
    if (!g->err.kind && gs_buf_add(g->ret, reply->body.p, reply->body.n))
        (void)gs_error_set(&g->err, GS_NO_MEMORY, "the object has over %zu bytes", g->ret->max);
    g->done = true;
    gs_loop_stop(g->c->loop);
}

enum gs_exit gs_cluster_get(gs_cluster *c, const gs_kube_path *p, gs_buf *ret, gs_error *err)
{
    getting g = {.c = c, .ret = ret};
    gs_kube_opts opts = {.timeout_ms = TIMEOUT_MS, .deadline_ms = GS_CLUSTER_PATIENCE_MS};
    (void)gs_kube_get(c->kube, p, &opts, on_got, &g);
    gs_cluster_wait(c, &g.done);
    if (g.err.kind == GS_OK)
        return GS_EXIT_OK;
    *err = g.err;
    if (err->kind == GS_NOT_FOUND && g.known) {
        (void)gs_error_set(err, GS_NOT_FOUND, "no %s \"%s\"%s%s", p->resource->resource, p->name,
                           p->ns ? " in namespace " : "", p->ns ? p->ns : "");
        return GS_EXIT_FAULT;
    }
    return gs_cluster_explain(c, "get", p->resource, p->ns, err);
}

/* ---- output ---- */

void gs_cluster_document(gs_cluster *c, gs_json_writer *w, const char *schema)
{
    gs_jw_init(w, &c->document);
    gs_jw_object(w, NULL);
    gs_jw_str(w, "schema", schema);
}

enum gs_exit gs_cluster_document_end(gs_json_writer *w, gs_error *err)
{
    gs_jw_end(w);
    return gs_jw_finish(w, err) ? GS_EXIT_FAULT : GS_EXIT_OK;
}

static int print(gs_cluster *c, gs_error *err)
{
    gs_output out = {.fd = STDOUT_FILENO};
    if (c->line.form == GS_FORM_YAML && c->document.n && gs_json_to_yaml(gs_buf_str(&c->document), &c->text, err))
        return -(int)err->kind;
    if (c->line.form == GS_FORM_JSON && c->document.n) {
        (void)gs_buf_adds(&c->document, "\n");
        (void)gs_output_flush(&out, &c->document);
    }
    (void)gs_output_flush(&out, &c->text);
    *err = out.err;
    return -(int)err->kind;
}

void gs_age(int64_t t_ms, int64_t now_ms, char ret[GS_AGE_LEN])
{
    int64_t s = now_ms > t_ms ? (now_ms - t_ms) / 1000 : 0, m = s / 60, h = m / 60;
    if (!t_ms)
        ret[0] = 0;
    else if (s < 120)
        (void)snprintf(ret, GS_AGE_LEN, "%llds", (long long)s);
    else if (m < 180)
        (void)snprintf(ret, GS_AGE_LEN, "%lldm", (long long)m);
    else if (h < 48)
        (void)snprintf(ret, GS_AGE_LEN, "%lldh", (long long)h);
    else
        (void)snprintf(ret, GS_AGE_LEN, "%lldd", (long long)(h / 24));
}

/* ---- the whole ---- */

static enum gs_exit open_(gs_cluster *c, gs_error *err)
{
    if (gs_kube_config_load(c->line.kubeconfig, c->line.context, &c->config, err))
        return err->kind == GS_REFUSED ? GS_EXIT_CREDENTIALS : GS_EXIT_USAGE;
    c->ns = c->line.all_namespaces ? NULL : c->line.ns ? c->line.ns : c->config.ns;
    if (gs_loop_new(&c->loop, err))
        return GS_EXIT_FAULT;
    if (gs_kube_new(c->loop, &c->config, &(gs_kube_options){0}, &c->kube, err))
        return GS_EXIT_USAGE;
    return GS_EXIT_OK;
}

static void close_(gs_cluster *c)
{
    gs_kube_free(c->kube);
    gs_loop_free(c->loop);
    gs_kube_config_done(&c->config);
    gs_buf_done(&c->text);
    gs_buf_done(&c->document);
}

static enum gs_exit answer(gs_cluster *c, enum gs_exit (*run)(gs_cluster *c, void *own, gs_error *err), void *own,
                           gs_error *err)
{
    enum gs_exit code = open_(c, err);
    if (!code)
        code = run(c, own, err);
    if (err->kind)
        return code ? code : GS_EXIT_FAULT;
    if (print(c, err))
        return GS_EXIT_FAULT;
    return code;
}

int gs_cluster_main(const gs_subcommand *s, int argc, char **argv,
                    enum gs_exit (*run)(gs_cluster *c, void *own, gs_error *err), void *own)
{
    gs_cluster c = {.text = GS_BUF(GS_MAX_REPORT_BYTES), .document = GS_BUF(GS_MAX_REPORT_BYTES)};
    gs_clock clock = gs_clock_system();
    gs_error err = {0};
    enum gs_exit code = GS_EXIT_USAGE;
    gs_log_setup(GS_LOG_ERROR, false); /* what is wrong is told once, at the end */
    c.wall_ms = gs_wall(&clock);
    c.colours = gs_colours_wanted(STDOUT_FILENO);
    if (!gs_command_parse(s, argc, argv, own, &c.line, &err)) {
        gs_output out = {.fd = STDOUT_FILENO};
        if (c.line.help)
            gs_command_help(s, &c.text);
        code = c.line.help ? GS_EXIT_OK : answer(&c, run, own, &err);
        if (c.line.help && !gs_output_flush(&out, &c.text) && out.err.kind) {
            err = out.err;
            code = GS_EXIT_FAULT;
        }
    }
    if (err.kind)
        gs_command_complain(s->name, err.msg);
    close_(&c);
    return (int)code;
}
