#include "kube/review.h"

#include "base/buf.h"
#include "base/limits.h"
#include "base/mem.h"
#include "wire/json_cursor.h"
#include "wire/json_write.h"

struct gs_kube_review {
    gs_kube *k;
    char *path;
    int64_t timeout_ms;
    gs_kube_call *call;
    gs_timer *timer; /* the client's queue has none of its own */
    gs_kube_review_done done;
    void *ctx;
};

static const gs_kube_resource TOKENS = {"authentication.k8s.io", "v1", "tokenreviews", false};
static const gs_kube_resource ACCESS = {"authorization.k8s.io", "v1", "subjectaccessreviews", false};
static const gs_kube_resource OWN_ACCESS = {"authorization.k8s.io", "v1", "selfsubjectaccessreviews", false};

void gs_kube_review_cancel(gs_kube_review *r)
{
    if (!r)
        return;
    gs_kube_cancel(r->call);
    gs_timer_free(r->timer);
    free(r->path);
    free(r);
}

static void finish(gs_kube_review *r, enum gs_kube_verdict verdict, const gs_error *err)
{
    gs_kube_review_done done = r->done;
    void *ctx = r->ctx;
    gs_kube_review_cancel(r);
    done(ctx, verdict, err);
}

static void fail(gs_kube_review *r, enum gs_kind kind, const char *why)
{
    gs_error err = {0};
    (void)gs_error_set(&err, kind, "%s", why);
    finish(r, GS_KUBE_UNKNOWN, &err);
}

static void on_timeout(void *ctx)
{
    fail(ctx, GS_TRANSIENT, "the API server has not answered in time");
}

static gs_kube_call *create(gs_kube_review *r, const gs_kube_resource *of, gs_str object, gs_kube_done done)
{
    gs_kube_path path = {.resource = of};
    gs_kube_opts once = {.timeout_ms = r->timeout_ms, .deadline_ms = -1};
    return gs_kube_create(r->k, &path, object, &once, done, r);
}

static bool is_true(gs_str object, const char *const path[])
{
    gs_str v;
    return gs_json_find(object, path, &v) && gs_str_is(v, "true");
}

static void on_access(void *ctx, const gs_kube_reply *reply)
{
    static const char *const allowed[] = {"status", "allowed", NULL}, *const denied[] = {"status", "denied", NULL};
    gs_kube_review *r = ctx;
    r->call = NULL;
    if (reply->err.kind != GS_OK)
        finish(r, GS_KUBE_UNKNOWN, &reply->err);
    else if (is_true(reply->body, allowed) && !is_true(reply->body, denied))
        finish(r, GS_KUBE_ALLOWED, NULL);
    else
        finish(r, GS_KUBE_FORBIDDEN, NULL);
}

static void begin(gs_json_writer *w, gs_buf *out, const char *api, const char *kind)
{
    gs_jw_init(w, out);
    gs_jw_object(w, NULL);
    gs_jw_str(w, "apiVersion", api);
    gs_jw_str(w, "kind", kind);
    gs_jw_object(w, "spec");
}

static int end(gs_json_writer *w)
{
    gs_jw_end(w);
    gs_jw_end(w);
    return gs_jw_finish(w, NULL);
}

/* What the API server says of a token's owner goes into the second question as it stands. */
static int access_review(gs_str token_review, const char *path, gs_buf *out)
{
    static const struct {
        const char *const path[4];
        const char *field;
    } parts[] = {
        {{"status", "user", "username", NULL}, "user"},
        {{"status", "user", "uid", NULL}, "uid"},
        {{"status", "user", "groups", NULL}, "groups"},
        {{"status", "user", "extra", NULL}, "extra"},
    };
    gs_json_writer w;
    gs_str v;
    begin(&w, out, "authorization.k8s.io/v1", "SubjectAccessReview");
    for (size_t k = 0; k < GS_LEN(parts); k++)
        if (gs_json_find(token_review, parts[k].path, &v))
            gs_jw_raw(&w, parts[k].field, v);
    gs_jw_object(&w, "nonResourceAttributes");
    gs_jw_str(&w, "path", path);
    gs_jw_str(&w, "verb", "get");
    gs_jw_end(&w);
    return end(&w);
}

static void on_token(void *ctx, const gs_kube_reply *reply)
{
    static const char *const authenticated[] = {"status", "authenticated", NULL};
    static const char *const username[] = {"status", "user", "username", NULL};
    gs_kube_review *r = ctx;
    gs_str v;
    r->call = NULL;
    if (reply->err.kind != GS_OK) {
        finish(r, GS_KUBE_UNKNOWN, &reply->err);
        return;
    }
    if (!is_true(reply->body, authenticated) || !gs_json_find(reply->body, username, &v)) {
        finish(r, GS_KUBE_NOBODY, NULL);
        return;
    }
    gs_cleanup(gs_buf_done) gs_buf body = GS_BUF(GS_MAX_OBJECT_BYTES);
    if (access_review(reply->body, r->path, &body))
        fail(r, GS_TERMINAL, "the API server's TokenReview cannot be made a SubjectAccessReview");
    else
        r->call = create(r, &ACCESS, gs_buf_str(&body), on_access);
}

static gs_kube_review *new_review(gs_kube *k, int64_t timeout_ms, gs_kube_review_done done, void *ctx)
{
    gs_kube_review *r = gs_alloc(sizeof *r);
    *r = (gs_kube_review){.k = k, .timeout_ms = timeout_ms, .done = done, .ctx = ctx};
    r->timer = gs_timer_new(gs_kube_loop(k), on_timeout, r);
    gs_timer_set(r->timer, timeout_ms);
    return r;
}

gs_kube_review *gs_kube_review_start(gs_kube *k, gs_str token, const char *path, int64_t timeout_ms,
                                     gs_kube_review_done done, void *ctx)
{
    gs_kube_review *r = new_review(k, timeout_ms, done, ctx);
    gs_cleanup(gs_buf_done) gs_buf body = GS_BUF(GS_MAX_OBJECT_BYTES);
    gs_json_writer w;
    r->path = gs_strdup(path);
    begin(&w, &body, "authentication.k8s.io/v1", "TokenReview");
    gs_jw_strn(&w, "token", token);
    /* Where it does not fit the body is empty, and the client refuses that. */
    (void)end(&w);
    r->call = create(r, &TOKENS, gs_buf_str(&body), on_token);
    return r;
}

/* No authorizer has allowed it, which says little where one of them (a webhook) could not be asked. */
static void on_own_access(void *ctx, const gs_kube_reply *reply)
{
    static const char *const evaluation[] = {"status", "evaluationError", NULL};
    static const char *const allowed[] = {"status", "allowed", NULL};
    gs_str v;
    if (reply->err.kind == GS_OK && !is_true(reply->body, allowed) && gs_json_find(reply->body, evaluation, &v)) {
        gs_autofree char *why = gs_sprintf("an authorizer of the API server could not be asked: %.*s", (int)v.n, v.p);
        ((gs_kube_review *)ctx)->call = NULL;
        fail(ctx, GS_TRANSIENT, why);
    } else {
        on_access(ctx, reply);
    }
}

gs_kube_review *gs_kube_review_self(gs_kube *k, const gs_kube_access *a, int64_t timeout_ms, gs_kube_review_done done,
                                    void *ctx)
{
    gs_kube_review *r = new_review(k, timeout_ms, done, ctx);
    gs_cleanup(gs_buf_done) gs_buf body = GS_BUF(GS_MAX_OBJECT_BYTES);
    gs_json_writer w;
    begin(&w, &body, "authorization.k8s.io/v1", "SelfSubjectAccessReview");
    gs_jw_object(&w, "resourceAttributes");
    gs_jw_str(&w, "namespace", a->ns);
    gs_jw_str(&w, "verb", a->verb);
    gs_jw_str(&w, "group", a->group);
    gs_jw_str(&w, "resource", a->resource);
    if (a->sub[0])
        gs_jw_str(&w, "subresource", a->sub);
    gs_jw_end(&w);
    (void)end(&w); /* as above */
    r->call = create(r, &OWN_ACCESS, gs_buf_str(&body), on_own_access);
    return r;
}
