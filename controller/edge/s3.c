#include "edge/s3_internal.h"

#include "base/clock.h"
#include "base/mem.h"

#define CONNECT_TIMEOUT_MS 10000
#define IDLE_TIMEOUT_MS 15000
#define TIMEOUT_MS 60000        /* of a request without its bodies, */
#define SLOWEST_BYTES_PER_MS 64 /* and for these a link of 64 KB/s is slow enough */

struct gs_s3 {
    const gs_destinations *allowed;
    gs_http *http;
    struct gs_s3_ops ops;
    gs_timer *late_timer; /* answers what could not be sent */
    gs_clock clock;
};

int64_t gs_s3_wall_ms(const gs_s3 *s)
{
    return gs_wall(&s->clock);
}

const struct gs_s3_ops *gs_s3_ops_of(const gs_s3 *s)
{
    return &s->ops;
}

static void free_secret(char *s)
{
    if (s)
        explicit_bzero(s, strlen(s));
    free(s);
}

/* A line break in a key, from a Secret made with `echo`, would end the header that it goes into. */
static int take_credential(const char *name, const char *value, char **ret, gs_error *err)
{
    if (!value || !*value)
        return gs_error_set(err, GS_REFUSED, "S3 credentials: %s is empty", name);
    for (const char *p = value; *p; p++)
        if (*p <= ' ' || *p > '~')
            return gs_error_set(err, GS_REFUSED, "S3 credentials: %s holds a space, a line break or other than ASCII",
                                name);
    *ret = gs_strdup(value);
    return 0;
}

void gs_s3_op_init(gs_s3_op *op, gs_s3 *s, const gs_s3_spec *where, const gs_s3_credentials *cred,
                   void (*destroy)(gs_s3_op *op))
{
    op->s3 = s;
    op->where = *where;
    op->destroy = destroy;
    TAILQ_INSERT_TAIL(&s->ops, op, link);
    if (take_credential("accessKeyId", cred->access_key, &op->access_key, &op->unusable) ||
        take_credential("secretAccessKey", cred->secret_key, &op->secret_key, &op->unusable))
        return;
    if (cred->session_token && *cred->session_token) {
        if (take_credential("sessionToken", cred->session_token, &op->token, &op->unusable))
            return;
        op->token_header = gs_sprintf("x-amz-security-token: %s", op->token);
    }
    if (cred->ca_pem)
        op->ca_pem = gs_strdup(cred->ca_pem);
}

void gs_s3_cut(gs_s3_op *op)
{
    if (op->http)
        gs_http_cancel(gs_take(op->http));
    op->late = false;
}

void gs_s3_op_free(gs_s3_op *op)
{
    gs_s3_cut(op);
    TAILQ_REMOVE(&op->s3->ops, op, link);
    free_secret(op->access_key);
    free_secret(op->secret_key);
    free_secret(op->token);
    free_secret(op->token_header);
    free(op->ca_pem);
}

void gs_s3_fail_later(gs_s3_op *op, gs_s3_answer answer, const gs_error *err)
{
    op->late_err = *err;
    op->answer = answer;
    op->late = true;
    gs_timer_set(op->s3->late_timer, 0);
}

/* One at a time, since the answer may free the client. */
static void on_late(void *ctx)
{
    gs_s3 *s = ctx;
    gs_s3_op *op, *first = NULL;
    TAILQ_FOREACH (op, &s->ops, link) {
        if (!op->late)
            continue;
        if (first) {
            gs_timer_set(s->late_timer, 0);
            break;
        }
        first = op;
    }
    if (!first)
        return;
    gs_error err = first->late_err;
    first->late = false;
    first->answer(first, NULL, &err);
}

static void on_done(void *ctx, const gs_http_reply *reply)
{
    gs_s3_op *op = ctx;
    gs_error err = {0};
    op->http = NULL;
    if (!reply->err.kind && gs_kind_of_status(reply->status))
        (void)gs_s3_refused(&op->where, op->method, reply, &err);
    else if (reply->err.kind && gs_http_check(reply, NULL, &err) == -GS_REFUSED)
        (void)gs_error_wrap(&err, GS_REFUSED, "spec.snapshot.s3.endpoint: refused by the operator (--allow-private)");
    op->answer(op, reply, &err);
}

static int start(gs_s3_op *op, const gs_s3_request *r, gs_error *err)
{
    gs_cleanup(gs_buf_done) gs_buf url = GS_BUF(GS_S3_URL_MAX);
    gs_autofree char *content =
        gs_sprintf("x-amz-content-sha256: %s", r->sha256_hex ? r->sha256_hex : GS_S3_EMPTY_SHA256);
    const char *headers[GS_S3_HEADERS_MAX + 3] = {content};
    size_t n = 1;
    for (const char *const *h = r->headers; h && *h; h++)
        headers[n++] = *h;
    headers[n] = op->token_header;
    const gs_http_tls tls = {.ca_pem = op->ca_pem};
    const gs_http_sigv4 sigv4 = {
        .region = op->where.region, .service = "s3", .access_key = op->access_key, .secret_key = op->secret_key};
    size_t max_bytes = r->max_bytes ? r->max_bytes : GS_MAX_STORE_REPLY_BYTES;
    if (op->unusable.kind) {
        *err = op->unusable;
        return -(int)err->kind;
    }
    int rc = gs_s3_url(&op->where, r->key, r->query, &url, err);
    if (rc)
        return rc;
    rc = gs_destinations_name_allowed(op->s3->allowed, GS_DESTINATION_S3, gs_str_of(op->where.endpoint), err);
    if (rc)
        return gs_error_wrap(err, GS_REFUSED, "spec.snapshot.s3.endpoint");
    const gs_http_request request = {
        .method = r->method,
        .url = url.p,
        .headers = headers,
        .body = r->body,
        .body_static = true,
        .timeout_ms = TIMEOUT_MS + (int64_t)((r->body.n + max_bytes) / SLOWEST_BYTES_PER_MS),
        .idle_timeout_ms = r->idle_timeout_ms ? r->idle_timeout_ms : IDLE_TIMEOUT_MS,
        .connect_timeout_ms = CONNECT_TIMEOUT_MS,
        .max_bytes = max_bytes,
        .tls = &tls,
        .sigv4 = &sigv4,
        .on_done = on_done,
        .ctx = op,
    };
    return gs_http_start(op->s3->http, &request, &op->http, err);
}

void gs_s3_send(gs_s3_op *op, const gs_s3_request *r)
{
    gs_error err = {0};
    op->method = r->method;
    op->answer = r->answer;
    if (start(op, r, &err))
        gs_s3_fail_later(op, r->answer, &err);
}

static bool allow(void *ctx, const struct sockaddr *addr)
{
    const gs_s3 *s = ctx;
    return gs_destinations_addr_allowed(s->allowed, addr);
}

int gs_s3_new(gs_loop *l, const gs_destinations *d, gs_s3 **ret, gs_error *err)
{
    gs_s3 *s = gs_alloc(sizeof *s);
    const gs_http_options options = {.max_connections = 8, .allow_addr = allow, .allow_ctx = s};
    s->allowed = d;
    TAILQ_INIT(&s->ops);
    s->clock = gs_clock_system();
    int rc = gs_http_new(l, &options, &s->http, err);
    if (rc) {
        free(s);
        return rc;
    }
    s->late_timer = gs_timer_new(l, on_late, s);
    *ret = s;
    return 0;
}

void gs_s3_cancel(gs_s3 *s, const void *ctx)
{
    for (gs_s3_op *op = TAILQ_FIRST(&s->ops), *next; op; op = next) {
        next = TAILQ_NEXT(op, link);
        if (op->ctx && op->ctx == ctx)
            op->destroy(op);
    }
}

void gs_s3_free(gs_s3 *s)
{
    if (!s)
        return;
    gs_s3_op *op;
    while ((op = TAILQ_FIRST(&s->ops)))
        op->destroy(op);
    gs_http_free(s->http);
    gs_timer_free(s->late_timer);
    free(s);
}
