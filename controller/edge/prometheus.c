#include "edge/prometheus.h"

#include "base/limits.h"
#include "base/mem.h"
#include "core/policy.h"

#include <stdio.h>

#define TIMEOUT_MS 150000 /* a server gives a query 2 minutes by default */
#define IDLE_TIMEOUT_MS 130000
#define CONNECT_TIMEOUT_MS 10000
#define URL_MAX (GS_URL_LEN + 3 * GS_MAX_QUERY + 200)

struct gs_prometheus {
    gs_http *http;
    gs_http_call *call; /* NULL: none is under way */
    char url[GS_URL_LEN];
    char *ca_pem, *authorization; /* NULL: none */
    gs_buf body;
    gs_matrix_handler handler;
    gs_prometheus_done done;
    void *ctx;
};

static int take_url(gs_prometheus *p, const char *url, bool secret, gs_error *err)
{
    bool tls = strncmp(url, "https://", 8) == 0;
    const char *host = tls ? url + 8 : strncmp(url, "http://", 7) == 0 ? url + 7 : "";
    size_t n = strlen(url);
    for (const char *c = url; *c; c++)
        if ((unsigned char)*c <= ' ' || *c == 0x7f || strchr("?#@", *c))
            return gs_error_set(err, GS_TERMINAL, "the URL \"%.100s\" has a space, a query or credentials in it", url);
    if (!*host || *host == '/' || *host == ':')
        return gs_error_set(err, GS_TERMINAL, "\"%.100s\" is no URL of a server; want http://host:9090", url);
    if (secret && !tls)
        return gs_error_set(err, GS_TERMINAL, "a bearer token needs a URL with https://, else all on the way read it");
    while (n && url[n - 1] == '/')
        n--;
    if (!gs_str_copy(p->url, sizeof p->url, (gs_str){url, n}))
        return gs_error_set(err, GS_TERMINAL, "the URL is longer than %d characters", GS_URL_LEN - 1);
    return 0;
}

static int take_token(gs_prometheus *p, const char *token, gs_error *err)
{
    for (const char *c = token; *c; c++)
        if (*c <= ' ' || *c == 0x7f)
            return gs_error_set(err, GS_TERMINAL,
                                "the bearer token has a space or a character that is not ASCII in it");
    if (!*token)
        return gs_error_set(err, GS_TERMINAL, "the bearer token is empty");
    p->authorization = gs_sprintf("Authorization: Bearer %s", token);
    return 0;
}

int gs_prometheus_new(gs_loop *l, const gs_prometheus_options *o, gs_prometheus **ret, gs_error *err)
{
    gs_cleanup(gs_prometheus_free) gs_prometheus *p = gs_alloc(sizeof *p);
    int rc = take_url(p, o->url, o->bearer_token != NULL, err);
    if (!rc && o->bearer_token)
        rc = take_token(p, o->bearer_token, err);
    if (!rc)
        rc = gs_http_new(l, &(gs_http_options){.max_connections = 1}, &p->http, err);
    if (rc)
        return rc;
    p->ca_pem = o->ca_pem ? gs_strdup(o->ca_pem) : NULL;
    p->body = GS_BUF(GS_MAX_MATRIX_BYTES);
    *ret = gs_take(p);
    return 0;
}

void gs_prometheus_free(gs_prometheus *p)
{
    if (!p)
        return;
    gs_http_free(p->http);
    gs_buf_done(&p->body);
    if (p->authorization)
        explicit_bzero(p->authorization, strlen(p->authorization));
    free(p->authorization);
    free(p->ca_pem);
    free(p);
}

static int on_data(void *ctx, const char *bytes, size_t n, gs_error *err)
{
    gs_prometheus *p = ctx;
    return gs_buf_add(&p->body, bytes, n)
               ? gs_error_set(err, GS_NO_MEMORY, "an answer of over %u MB", GS_MAX_MATRIX_BYTES >> 20)
               : 0;
}

static void on_done(void *ctx, const gs_http_reply *reply)
{
    gs_prometheus *p = ctx;
    char words[300];
    gs_error err = {0};
    p->call = NULL;
    if (gs_http_check(reply, NULL, &err)) {
        if (reply->status >= 300 && gs_prom_error_text(gs_buf_str(reply->body), words, sizeof words)) {
            gs_error what = err;
            (void)gs_error_set(&err, what.kind, "%s: %s", what.msg, words);
        }
    } else if (gs_prom_matrix_read(gs_buf_str(&p->body), &p->handler, &err) && err.kind != GS_NO_MEMORY) {
        (void)gs_error_wrap(&err, GS_TERMINAL, "%s", p->url);
    }
    gs_buf_reset(&p->body);
    p->done(p->ctx, &err);
}

static void add_escaped(gs_buf *out, const char *text)
{
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        bool plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || strchr("-._~", c);
        (void)gs_buf_addf(out, plain ? "%c" : "%%%02X", c);
    }
}

static void add_seconds(gs_buf *out, const char *name, int64_t ms)
{
    (void)gs_buf_addf(out, "&%s=%lld.%03lld", name, (long long)(ms / 1000), (long long)(ms % 1000));
}

int gs_prometheus_range(gs_prometheus *p, const gs_range_query *q, const gs_matrix_handler *h, gs_prometheus_done done,
                        void *ctx, gs_error *err)
{
    gs_cleanup(gs_buf_done) gs_buf url = GS_BUF(URL_MAX);
    if (strlen(q->query) > GS_MAX_QUERY)
        return gs_error_set(err, GS_TERMINAL, "the query is longer than %d bytes", GS_MAX_QUERY);
    (void)gs_buf_addf(&url, "%s/api/v1/query_range?query=", p->url);
    add_escaped(&url, q->query);
    add_seconds(&url, "start", q->start_ms);
    add_seconds(&url, "end", q->end_ms);
    add_seconds(&url, "step", q->step_ms);
    p->handler = *h;
    p->done = done;
    p->ctx = ctx;
    const gs_http_tls tls = {.ca_pem = p->ca_pem};
    const gs_http_request request = {
        .method = "GET",
        .url = url.p,
        .headers = (const char *const[]){"Accept: application/json", p->authorization, NULL},
        .timeout_ms = TIMEOUT_MS,
        .idle_timeout_ms = IDLE_TIMEOUT_MS,
        .connect_timeout_ms = CONNECT_TIMEOUT_MS,
        .accept_gzip = true,
        .tls = &tls,
        .on_data = on_data,
        .on_done = on_done,
        .ctx = p,
    };
    return gs_http_start(p->http, &request, &p->call, err);
}
