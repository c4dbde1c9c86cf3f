#include "edge/notify.h"

#include "base/limits.h"
#include "base/mem.h"
#include "edge/notify_internal.h"
#include "wire/digest.h"
#include "wire/json_cursor.h"

#include <inttypes.h>
#include <stdio.h>
#include <sys/queue.h>

#define TIMEOUT_MS 15000
#define CONNECT_TIMEOUT_MS 5000
#define HOST_LEN 128 /* as much of a host as an error names */
#define ALERTS_PATH "/api/v2/alerts"
#define WECOM_TOO_MANY 45009
#define WECOM_BUSY (-1)

struct gs_notify_call {
    TAILQ_ENTRY(gs_notify_call) link;
    gs_notify *n;
    enum gs_notify_type type;
    char host[HOST_LEN];
    gs_http_call *http; /* NULL: not started, err says why */
    gs_timer *late;     /* answers one that was not */
    gs_error err;
    gs_notify_done fn;
    void *ctx;
};

struct gs_notify {
    const gs_destinations *allowed;
    gs_loop *loop;
    gs_http *http;
    TAILQ_HEAD(, gs_notify_call) calls;
};

static void free_call(gs_notify_call *c)
{
    TAILQ_REMOVE(&c->n->calls, c, link);
    gs_timer_free(c->late);
    free(c);
}

/* The callback comes last: it may free the whole client. */
static void answer(gs_notify_call *c, const gs_error *err, int64_t retry_after_ms)
{
    gs_error copy = *err;
    gs_notify_done fn = c->fn;
    void *ctx = c->ctx;
    free_call(c);
    fn(ctx, &copy, retry_after_ms);
}

static void on_late(void *ctx)
{
    gs_notify_call *c = ctx;
    answer(c, &c->err, -1);
}

bool gs_notify_wecom_code(gs_str json, int64_t *ret)
{
    return gs_json_find_int64(json, (const char *[]){"errcode", NULL}, ret);
}

/* What went wrong on the way: without what was asked for, which names the URL. */
static void broken(const gs_notify_call *c, const gs_http_reply *reply, gs_error *err)
{
    const char *cause = strstr(reply->err.msg, ": ");
    bool ours = reply->err.kind == GS_REFUSED;
    enum gs_kind kind = reply->err.kind == GS_TRANSIENT || ours ? reply->err.kind : GS_TERMINAL;
    (void)gs_error_set(err, kind, "%s: %s%s", c->host, cause ? cause + 2 : gs_kind_name(reply->err.kind),
                       ours ? " by the operator (--allow-private)" : "");
}

static void refused(const gs_notify_call *c, int status, gs_error *err)
{
    bool later = status == 408 || status == 429 || status >= 500;
    const char *hint = status >= 300 && status < 400 ? " (redirects are not followed)"
                       : status == 401 || status == 403 || status == 404 || status == 410
                           ? ": is the URL in the Secret still the right one?"
                           : "";
    (void)gs_error_set(err, later ? GS_TRANSIENT : GS_TERMINAL, "%s answered %d%s", c->host, status, hint);
}

/* WeCom says 200 to everything, and what it means in the body. */
static void wecom(const gs_notify_call *c, const gs_http_reply *reply, gs_error *err)
{
    int64_t code;
    if (!gs_notify_wecom_code(gs_buf_str(reply->body), &code))
        (void)gs_error_set(err, GS_TERMINAL, "%s answered 200 without an errcode: is it a WeCom robot?", c->host);
    else if (code)
        (void)gs_error_set(err, code == WECOM_TOO_MANY || code == WECOM_BUSY ? GS_TRANSIENT : GS_TERMINAL,
                           "%s answered errcode %" PRId64, c->host, code);
}

static void on_done(void *ctx, const gs_http_reply *reply)
{
    gs_notify_call *c = ctx;
    gs_error err = {0};
    if (reply->err.kind)
        broken(c, reply, &err);
    else if (reply->status < 200 || reply->status > 299)
        refused(c, reply->status, &err);
    else if (c->type == GS_NOTIFY_WECOM)
        wecom(c, reply, &err);
    err.status = reply->status;
    answer(c, &err, reply->retry_after_ms);
}

bool gs_notify_host(gs_str url, gs_str *ret)
{
    size_t scheme = gs_str_starts(url, "https://") ? 8 : gs_str_starts(url, "http://") ? 7 : 0;
    for (size_t k = 0; k < url.n; k++)
        if (url.p[k] <= ' ' || url.p[k] > '~')
            return false;
    gs_str host = {url.p + scheme, 0};
    while (scheme + host.n < url.n && !strchr("/?#", host.p[host.n]))
        host.n++;
    const char *at = scheme ? memrchr(host.p, '@', host.n) : NULL;
    *ret = at ? (gs_str){at + 1, host.n - (size_t)(at + 1 - host.p)} : host;
    return scheme && ret->n && ret->p[0] != ':';
}

static gs_str trim(const char *s)
{
    gs_str url = gs_str_of(s);
    while (url.n && strchr(" \t\r\n", url.p[url.n - 1]))
        url.n--;
    while (url.n && strchr(" \t\r\n", url.p[0]))
        url.p++, url.n--;
    return url;
}

/* A Secret's URL, made fit to be asked. */
static int make_url(gs_notify_call *c, const char *from, gs_buf *out)
{
    gs_str url = trim(from), host;
    if (!gs_notify_host(url, &host))
        return gs_error_set(&c->err, GS_TERMINAL, "the Secret's value is no http:// or https:// URL with a host");
    (void)gs_str_copy(c->host, sizeof c->host, host);
    enum gs_destination kind = c->type == GS_NOTIFY_ALERTMANAGER ? GS_DESTINATION_ALERTMANAGER : GS_DESTINATION_WEBHOOK;
    int rc = gs_destinations_name_allowed(c->n->allowed, kind, url, &c->err);
    if (rc)
        return rc;
    bool alerts = c->type == GS_NOTIFY_ALERTMANAGER && !memchr(url.p, '?', url.n) && !gs_str_ends(url, ALERTS_PATH);
    size_t path = strlen(ALERTS_PATH);
    while (alerts && url.p[url.n - 1] == '/')
        url.n--;
    if (gs_buf_add(out, url.p, url.n) || gs_buf_add(out, ALERTS_PATH, alerts ? path : 0))
        return gs_error_set(&c->err, GS_TERMINAL, "%s: the URL has over %zu bytes", c->host, out->max);
    return 0;
}

/* Binds the time into what is signed, so that a body cannot be sent again later. */
static void sign(const char *key, gs_str body, int64_t wall_ms, char **ret_signature, char **ret_time)
{
    uint8_t mac[GS_SHA256_LEN];
    char hex[GS_SHA256_HEX_LEN];
    gs_cleanup(gs_buf_done) gs_buf text = GS_BUF(body.n + 32);
    (void)gs_buf_addf(&text, "%" PRId64 ".", wall_ms / 1000);
    (void)gs_buf_add(&text, body.p, body.n);
    gs_hmac_sha256(gs_str_of(key), gs_buf_str(&text), mac);
    gs_hex(mac, sizeof mac, hex);
    *ret_signature = gs_sprintf("X-Gostat-Signature: sha256=%s", hex);
    *ret_time = gs_sprintf("X-Gostat-Timestamp: %" PRId64, wall_ms / 1000);
}

static int start(gs_notify_call *c, const char *from, const char *key, gs_str body, int64_t wall_ms)
{
    gs_cleanup(gs_buf_wipe) gs_buf url = GS_BUF(GS_MAX_NOTICE_URL);
    gs_autofree char *signature = NULL, *timestamp = NULL;
    int rc = make_url(c, from, &url);
    if (!rc) {
        if (key && *key)
            sign(key, body, wall_ms, &signature, &timestamp);
        const char *const headers[] = {"Content-Type: application/json", signature, timestamp, NULL};
        const gs_http_request request = {.method = "POST",
                                         .url = url.p,
                                         .headers = headers,
                                         .body = body,
                                         .timeout_ms = TIMEOUT_MS,
                                         .connect_timeout_ms = CONNECT_TIMEOUT_MS,
                                         .max_bytes = GS_MAX_NOTICE_REPLY_BYTES,
                                         .on_done = on_done,
                                         .ctx = c};
        gs_error err;
        rc = gs_http_start(c->n->http, &request, &c->http, &err);
        if (rc) /* its message may name the URL */
            (void)gs_error_set(&c->err, GS_TERMINAL, "%s: the URL in the Secret cannot be used", c->host);
    }
    return rc;
}

gs_notify_call *gs_notify_send(gs_notify *n, enum gs_notify_type t, const char *url, const char *hmac_key, gs_str body,
                               int64_t wall_ms, gs_notify_done fn, void *ctx)
{
    gs_notify_call *c = gs_alloc(sizeof *c);
    c->n = n;
    c->type = t;
    c->fn = fn;
    c->ctx = ctx;
    TAILQ_INSERT_TAIL(&n->calls, c, link);
    if (start(c, url, hmac_key, body, wall_ms)) {
        c->http = NULL;
        c->late = gs_timer_new(n->loop, on_late, c);
        gs_timer_set(c->late, 0);
    }
    return c;
}

void gs_notify_cancel(gs_notify_call *c)
{
    if (!c)
        return;
    if (c->http)
        gs_http_cancel(c->http);
    free_call(c);
}

static bool allow(void *ctx, const struct sockaddr *addr)
{
    const gs_notify *n = ctx;
    return gs_destinations_addr_allowed(n->allowed, addr);
}

int gs_notify_new(gs_loop *l, const gs_destinations *d, gs_notify **ret, gs_error *err)
{
    gs_notify *n = gs_alloc(sizeof *n);
    const gs_http_options options = {.max_connections = 8, .allow_addr = allow, .allow_ctx = n};
    n->allowed = d;
    n->loop = l;
    TAILQ_INIT(&n->calls);
    int rc = gs_http_new(l, &options, &n->http, err);
    if (rc) {
        free(n);
        return rc;
    }
    *ret = n;
    return 0;
}

void gs_notify_free(gs_notify *n)
{
    if (!n)
        return;
    gs_http_free(n->http);
    while (!TAILQ_EMPTY(&n->calls))
        free_call(TAILQ_FIRST(&n->calls));
    free(n);
}
