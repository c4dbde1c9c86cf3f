#include "edge/s3_internal.h"

#include "base/limits.h"
#include "base/mem.h"
#include "wire/digest.h"

#include <sys/queue.h>

#define CONNECT_TIMEOUT_MS 10000
#define IDLE_TIMEOUT_MS 15000
#define TIMEOUT_MS 60000        /* of a put without its body, */
#define SLOWEST_BYTES_PER_MS 64 /* and for the body a link of 64 KB/s is slow enough */
#define EMPTY_SHA256 "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

struct put {
    TAILQ_ENTRY(put) link;
    gs_s3 *s3;
    gs_http_call *http; /* NULL: could not be started; err says why */
    gs_error err;
    gs_s3_spec where;
    gs_buf url;
    gs_str body;
    char sha256_hex[GS_SHA256_HEX_LEN], sha256_base64[GS_SHA256_BASE64_LEN];
    char *access_key, *secret_key, *token_header, *ca_pem, *content_type;
    gs_s3_done fn;
    void *ctx;
};
TAILQ_HEAD(puts, put);

struct gs_s3 {
    gs_http *http;
    struct puts puts;
    gs_timer *late_timer; /* answers the puts that could not be started */
};

static void free_secret(char *s)
{
    if (s)
        explicit_bzero(s, strlen(s));
    free(s);
}

static void free_put(struct put *p)
{
    TAILQ_REMOVE(&p->s3->puts, p, link);
    free_secret(p->access_key);
    free_secret(p->secret_key);
    free_secret(p->token_header);
    free(p->ca_pem);
    free(p->content_type);
    gs_buf_done(&p->url);
    free(p);
}

/* The callback comes last: it may free the whole client. */
static void answer(struct put *p, const gs_error *err)
{
    gs_error copy = *err;
    gs_s3_done fn = p->fn;
    void *ctx = p->ctx;
    free_put(p);
    fn(ctx, &copy);
}

static void fail_later(struct put *p)
{
    p->http = NULL;
    gs_timer_set(p->s3->late_timer, 0);
}

/* One at a time, since the answer may free the client. */
static void on_late(void *ctx)
{
    gs_s3 *s = ctx;
    struct put *p, *first = NULL;
    TAILQ_FOREACH (p, &s->puts, link) {
        if (p->http)
            continue;
        if (first) {
            gs_timer_set(s->late_timer, 0);
            break;
        }
        first = p;
    }
    if (first)
        answer(first, &first->err);
}

/* Requests. */

static int start(struct put *p, const char *method, const char *const *headers, gs_str body,
                 void (*on_done)(void *ctx, const gs_http_reply *reply))
{
    const gs_http_tls tls = {.ca_pem = p->ca_pem};
    const gs_http_sigv4 sigv4 = {
        .region = p->where.region, .service = "s3", .access_key = p->access_key, .secret_key = p->secret_key};
    const gs_http_request request = {
        .method = method,
        .url = p->url.p,
        .headers = headers,
        .body = body,
        .body_static = true,
        .timeout_ms = TIMEOUT_MS + (int64_t)(body.n / SLOWEST_BYTES_PER_MS),
        .idle_timeout_ms = IDLE_TIMEOUT_MS,
        .connect_timeout_ms = CONNECT_TIMEOUT_MS,
        .max_bytes = GS_MAX_STORE_REPLY_BYTES,
        .tls = &tls,
        .sigv4 = &sigv4,
        .on_done = on_done,
        .ctx = p,
    };
    return gs_http_start(p->s3->http, &request, &p->http, &p->err);
}

/* The store must say by itself what it holds: what the PUT answered may be an echo of our headers. */
static int compare(const struct put *p, const gs_http_reply *reply, gs_error *err)
{
    const char *sum = reply->header(reply, "x-amz-checksum-sha256");
    const char *length = reply->header(reply, "Content-Length");
    const char *where = p->where.endpoint;
    uint64_t n = 0;
    if (!sum)
        return gs_error_set(err, GS_REFUSED,
                            "the store at %s does not confirm objects: no x-amz-checksum-sha256 from HEAD", where);
    if (!gs_streq(sum, p->sha256_base64))
        return gs_error_set(err, GS_REFUSED, "the store at %s holds other bytes than were sent: its SHA-256 differs",
                            where);
    if (!length || !gs_str_u64(gs_str_of(length), &n))
        return gs_error_set(err, GS_REFUSED, "the store at %s does not confirm objects: no Content-Length from HEAD",
                            where);
    if (n != p->body.n)
        return gs_error_set(err, GS_REFUSED, "the store at %s holds %llu bytes, %zu were sent", where,
                            (unsigned long long)n, p->body.n);
    return 0;
}

static void on_head(void *ctx, const gs_http_reply *reply)
{
    struct put *p = ctx;
    gs_error err = {0};
    if (reply->err.kind)
        (void)gs_http_check(reply, NULL, &err);
    else if (reply->status == 404)
        (void)gs_error_set(&err, GS_TRANSIENT, "the store at %s accepted the object, but does not have it",
                           p->where.endpoint);
    else if (gs_kind_of_status(reply->status))
        (void)gs_s3_refused(&p->where, "HEAD", reply, &err);
    else
        (void)compare(p, reply, &err);
    answer(p, &err);
}

static int start_head(struct put *p)
{
    const char *const headers[] = {"x-amz-content-sha256: " EMPTY_SHA256, "x-amz-checksum-mode: ENABLED",
                                   p->token_header, NULL};
    return start(p, "HEAD", headers, (gs_str){0}, on_head);
}

static void on_put(void *ctx, const gs_http_reply *reply)
{
    struct put *p = ctx;
    gs_error err = {0};
    if (reply->err.kind)
        (void)gs_http_check(reply, NULL, &err);
    else if (gs_kind_of_status(reply->status))
        (void)gs_s3_refused(&p->where, "PUT", reply, &err);
    else if (start_head(p) == 0)
        return;
    else
        err = p->err;
    answer(p, &err);
}

static int start_put(struct put *p)
{
    gs_autofree char *content = gs_sprintf("x-amz-content-sha256: %s", p->sha256_hex);
    gs_autofree char *checksum = gs_sprintf("x-amz-checksum-sha256: %s", p->sha256_base64);
    gs_autofree char *type = gs_sprintf("Content-Type: %s", p->content_type);
    const char *const headers[] = {content, checksum, type, p->token_header, NULL};
    return start(p, "PUT", headers, p->body, on_put);
}

/* What a put is made of. */

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

static int take_credentials(struct put *p, const gs_s3_credentials *cred, gs_error *err)
{
    int rc = take_credential("accessKeyId", cred->access_key, &p->access_key, err);
    rc = rc ? rc : take_credential("secretAccessKey", cred->secret_key, &p->secret_key, err);
    if (!rc && cred->session_token && *cred->session_token) {
        char *token = NULL;
        rc = take_credential("sessionToken", cred->session_token, &token, err);
        if (!rc)
            p->token_header = gs_sprintf("x-amz-security-token: %s", token);
        free_secret(token);
    }
    if (cred->ca_pem)
        p->ca_pem = gs_strdup(cred->ca_pem);
    return rc;
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int take_sha256(struct put *p, const char *hex, gs_error *err)
{
    uint8_t raw[GS_SHA256_LEN];
    gs_cleanup(gs_buf_done) gs_buf base64 = GS_BUF(GS_SHA256_BASE64_LEN - 1);
    if (!hex) {
        gs_sha256(p->body, raw);
    } else {
        bool good = strlen(hex) == GS_SHA256_HEX_LEN - 1;
        for (size_t i = 0; good && i < GS_SHA256_LEN; i++) {
            int high = hex_digit(hex[2 * i]), low = hex_digit(hex[2 * i + 1]);
            good = high >= 0 && low >= 0;
            raw[i] = good ? (uint8_t)(high * 16 + low) : 0;
        }
        if (!good)
            return gs_error_set(err, GS_TERMINAL, "SHA-256 \"%.80s\": must be 64 lower case hex digits", hex);
    }
    gs_hex(raw, sizeof raw, p->sha256_hex);
    if (gs_base64_encode((gs_str){(const char *)raw, sizeof raw}, &base64, err))
        return -GS_NO_MEMORY;
    (void)gs_str_copy(p->sha256_base64, sizeof p->sha256_base64, gs_buf_str(&base64));
    return 0;
}

void gs_s3_put(gs_s3 *s, const gs_s3_spec *where, const gs_s3_credentials *cred, const char *key, gs_str body,
               const char *sha256_hex, const char *content_type, gs_s3_done fn, void *ctx)
{
    struct put *p = gs_alloc(sizeof *p);
    p->s3 = s;
    p->where = *where;
    p->url = GS_BUF(GS_S3_URL_MAX);
    p->body = (gs_str){body.p ? body.p : "", body.n};
    p->content_type = gs_strdup(content_type);
    p->fn = fn;
    p->ctx = ctx;
    TAILQ_INSERT_TAIL(&s->puts, p, link);
    if (take_credentials(p, cred, &p->err) || gs_s3_url(where, key, &p->url, &p->err) ||
        take_sha256(p, sha256_hex, &p->err) || start_put(p))
        fail_later(p);
}

static bool allow(void *ctx, const struct sockaddr *addr)
{
    (void)ctx;
    return gs_s3_addr_allowed(addr);
}

int gs_s3_new(gs_loop *l, gs_s3 **ret, gs_error *err)
{
    const gs_http_options options = {.max_connections = 8, .allow_addr = allow};
    gs_s3 *s = gs_alloc(sizeof *s);
    TAILQ_INIT(&s->puts);
    int rc = gs_http_new(l, &options, &s->http, err);
    if (rc) {
        free(s);
        return rc;
    }
    s->late_timer = gs_timer_new(l, on_late, s);
    *ret = s;
    return 0;
}

void gs_s3_free(gs_s3 *s)
{
    if (!s)
        return;
    gs_http_free(s->http);
    while (!TAILQ_EMPTY(&s->puts))
        free_put(TAILQ_FIRST(&s->puts));
    gs_timer_free(s->late_timer);
    free(s);
}
