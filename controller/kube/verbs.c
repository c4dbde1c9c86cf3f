#include "base/buf.h"
#include "base/limits.h"
#include "kube/api.h"
#include "kube/send.h"
#include "wire/json_write.h"

#define DEFAULT_TIMEOUT_MS 30000
#define DEFAULT_DEADLINE_MS 60000

static void apply_opts(gs_kube_send *s, const gs_kube_opts *o)
{
    s->timeout_ms = o && o->timeout_ms > 0 ? o->timeout_ms : DEFAULT_TIMEOUT_MS;
    s->deadline_ms = o && o->deadline_ms ? o->deadline_ms : DEFAULT_DEADLINE_MS;
    s->max_bytes = GS_MAX_REPLY_BYTES;
}

gs_kube_call *gs_kube_get(gs_kube *k, const gs_kube_path *p, const gs_kube_opts *o, gs_kube_done done, void *ctx)
{
    gs_kube_send s = {.method = "GET", .verb = "GET", .path = p, .done = done, .ctx = ctx};
    if (!p->name)
        (void)gs_error_set(&s.failed, GS_TERMINAL, "the name is missing; use gs_kube_list_start for collections");
    apply_opts(&s, o);
    return gs_kube_send_start(k, &s);
}

struct write {
    const char *method, *content_type;
    bool needs_name, fields; /* fields: the server checks and records the fields of the body */
};

static gs_kube_call *start_write(gs_kube *k, const struct write *w, const gs_kube_path *p, gs_str body,
                                 const gs_kube_opts *o, gs_kube_done done, void *ctx)
{
    gs_cleanup(gs_buf_done) gs_buf query = GS_BUF(GS_KUBE_MAX_URL);
    gs_kube_send s = {.method = w->method,
                      .verb = w->method,
                      .content_type = w->content_type,
                      .path = p,
                      .body = body,
                      .done = done,
                      .ctx = ctx};
    int rc = w->fields ? gs_kube_query(&query, "fieldManager", gs_kube_field_manager(k)) : 0;
    if (!rc && w->fields)
        rc = gs_kube_query(&query, "fieldValidation", "Strict");
    if (!rc && o && o->dry_run)
        rc = gs_kube_query(&query, "dryRun", "All");
    if (rc)
        (void)gs_error_set(&s.failed, GS_NO_MEMORY, "the query is too long");
    else if (w->needs_name && !p->name)
        (void)gs_error_set(&s.failed, GS_TERMINAL, "the name is missing");
    else if (!w->needs_name && p->name && !p->sub)
        (void)gs_error_set(&s.failed, GS_TERMINAL, "a new object's name belongs into its metadata only");
    else if (!body.n)
        (void)gs_error_set(&s.failed, GS_TERMINAL, "the body is empty");
    s.query = query.p;
    apply_opts(&s, o);
    return gs_kube_send_start(k, &s);
}

gs_kube_call *gs_kube_create(gs_kube *k, const gs_kube_path *p, gs_str object, const gs_kube_opts *o, gs_kube_done done,
                             void *ctx)
{
    static const struct write w = {"POST", "application/json", false, true};
    return start_write(k, &w, p, object, o, done, ctx);
}

gs_kube_call *gs_kube_patch(gs_kube *k, const gs_kube_path *p, gs_str patch, const gs_kube_opts *o, gs_kube_done done,
                            void *ctx)
{
    static const struct write w = {"PATCH", "application/merge-patch+json", true, true};
    return start_write(k, &w, p, patch, o, done, ctx);
}

gs_kube_call *gs_kube_replace(gs_kube *k, const gs_kube_path *p, gs_str object, const gs_kube_opts *o,
                              gs_kube_done done, void *ctx)
{
    static const struct write w = {"PUT", "application/json", true, true};
    return start_write(k, &w, p, object, o, done, ctx);
}

gs_kube_call *gs_kube_delete(gs_kube *k, const gs_kube_path *p, const char *uid, const char *resource_version,
                             const gs_kube_opts *o, gs_kube_done done, void *ctx)
{
    static const struct write w = {"DELETE", "application/json", true, false};
    gs_cleanup(gs_buf_done) gs_buf body = GS_BUF(4096);
    gs_json_writer j;
    gs_jw_init(&j, &body);
    gs_jw_object(&j, NULL);
    gs_jw_str(&j, "apiVersion", "v1");
    gs_jw_str(&j, "kind", "DeleteOptions");
    gs_jw_str(&j, "propagationPolicy", "Background");
    if (uid || resource_version) {
        gs_jw_object(&j, "preconditions");
        if (uid)
            gs_jw_str(&j, "uid", uid);
        if (resource_version)
            gs_jw_str(&j, "resourceVersion", resource_version);
        gs_jw_end(&j);
    }
    gs_jw_end(&j);
    /* Where it does not fit the body is empty, and an empty body is refused: a precondition is never left out. */
    (void)gs_jw_finish(&j, NULL);
    return start_write(k, &w, p, gs_buf_str(&body), o, done, ctx);
}

gs_kube_call *gs_kube_evict(gs_kube *k, const gs_kube_path *p, const char *uid, const gs_kube_opts *o,
                            gs_kube_done done, void *ctx)
{
    static const struct write w = {"POST", "application/json", true, true};
    gs_cleanup(gs_buf_done) gs_buf body = GS_BUF(4096);
    gs_kube_path path = *p;
    gs_kube_opts once = o ? *o : (gs_kube_opts){0};
    gs_json_writer j;
    path.sub = "eviction";
    once.deadline_ms = -1;
    gs_jw_init(&j, &body);
    gs_jw_object(&j, NULL);
    gs_jw_str(&j, "apiVersion", "policy/v1");
    gs_jw_str(&j, "kind", "Eviction");
    gs_jw_object(&j, "metadata");
    gs_jw_str(&j, "name", p->name);
    gs_jw_str(&j, "namespace", p->ns);
    gs_jw_end(&j);
    if (uid) {
        gs_jw_object(&j, "deleteOptions");
        gs_jw_object(&j, "preconditions");
        gs_jw_str(&j, "uid", uid);
        gs_jw_end(&j);
        gs_jw_end(&j);
    }
    gs_jw_end(&j);
    /* Where it does not fit the body is empty, and an empty body is refused: a precondition is never left out. */
    (void)gs_jw_finish(&j, NULL);
    return start_write(k, &w, &path, gs_buf_str(&body), &once, done, ctx);
}

gs_kube_call *gs_kube_get_group(gs_kube *k, const gs_kube_resource *r, const gs_kube_opts *o, gs_kube_done done,
                                void *ctx)
{
    gs_kube_resource group = {r->group, r->version, "", false};
    gs_kube_path path = {.resource = &group};
    gs_kube_send s = {.method = "GET", .verb = "GET", .path = &path, .done = done, .ctx = ctx};
    apply_opts(&s, o);
    return gs_kube_send_start(k, &s);
}

gs_kube_call *gs_kube_stream_start(gs_kube *k, const gs_kube_stream *st)
{
    gs_kube_send s = {
        .method = "GET",
        .verb = st->verb,
        .path = &st->path,
        .query = st->query,
        .watch = gs_streq(st->verb, "WATCH"),
        .timeout_ms = st->timeout_ms,
        .idle_timeout_ms = st->idle_timeout_ms,
        .deadline_ms = -1,
        .max_bytes = st->max_bytes,
        .on_data = st->on_data,
        .done = st->done,
        .ctx = st->ctx,
    };
    return gs_kube_send_start(k, &s);
}
