#include "kube/client.h"

#include "base/buf.h"
#include "base/log.h"
#include "base/mem.h"
#include "io/http.h"
#include "kube/api.h"
#include "kube/identity.h"
#include "kube/retry.h"
#include "kube/send.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/queue.h>

#define DEFAULT_IN_FLIGHT 16
#define DEFAULT_QUEUED 10000
#define MAX_WATCH_CONNECTIONS 256

enum state {
    QUEUED,  /* waits for its turn */
    RUNNING, /* an HTTP exchange is under way */
    WAITING, /* for its next attempt, or to report an error of its start */
};

struct gs_kube_call {
    gs_kube *k;
    TAILQ_ENTRY(gs_kube_call) link;
    enum state state;
    const char *method, *verb, *content_type;
    char *url, *body;
    size_t body_n;
    char what[320], resource[160]; /* for messages; for metrics */
    bool watch, auth_retried;
    uint64_t credential; /* the number of what was sent */
    unsigned attempt;
    int64_t timeout_ms, idle_timeout_ms, deadline_at;
    size_t max_bytes;
    gs_error failed; /* of the start: told by the timer */
    gs_http_call *http;
    gs_timer *timer;
    int (*on_data)(void *ctx, const char *p, size_t n, gs_error *err);
    gs_kube_done done;
    void *ctx;
};
TAILQ_HEAD(calls, gs_kube_call);

struct gs_kube {
    gs_loop *loop;
    gs_clock clock;
    gs_kube_options o;
    char *field_manager;
    gs_kube_config config;
    gs_http *http, *watch_http;
    gs_kube_identity identity;
    gs_rng rng;
    struct calls calls; /* in the order in which they came */
    gs_kube_stats stats;
};

static void pump(gs_kube *k);

static int64_t now(const gs_kube *k)
{
    return gs_mono(&k->clock);
}

static char *dup_or_null(const char *s)
{
    return s ? gs_strdup(s) : NULL;
}

static void on_identity(void *ctx)
{
    pump(ctx);
}

int gs_kube_new(gs_loop *l, const gs_kube_config *c, const gs_kube_options *o, gs_kube **ret, gs_error *err)
{
    gs_cleanup(gs_kube_free) gs_kube *k = gs_alloc(sizeof *k);
    TAILQ_INIT(&k->calls);
    k->loop = l;
    if (o)
        k->o = *o;
    k->clock = k->o.clock ? *k->o.clock : gs_clock_system();
    k->field_manager = dup_or_null(k->o.field_manager);
    if (!k->o.max_in_flight)
        k->o.max_in_flight = DEFAULT_IN_FLIGHT;
    if (!k->o.max_queued)
        k->o.max_queued = DEFAULT_QUEUED;
    k->config = (gs_kube_config){
        .server = gs_strdup(c->server),
        .ca_pem = dup_or_null(c->ca_pem),
        .cert_pem = dup_or_null(c->cert_pem),
        .key_pem = dup_or_null(c->key_pem),
        .token = dup_or_null(c->token),
        .token_file = dup_or_null(c->token_file),
        .tls_server_name = dup_or_null(c->tls_server_name),
        .exec = gs_kube_exec_copy(c->exec),
        .ns = gs_strdup(c->ns ? c->ns : "default"),
    };
    gs_kube_identity_init(&k->identity, l, &k->clock, &k->config, on_identity, k);
    k->rng = gs_rng_system();
    gs_http_options ho = {.user_agent = k->o.user_agent, .max_connections = (long)k->o.max_in_flight};
    gs_http_options wo = {.user_agent = k->o.user_agent, .max_connections = MAX_WATCH_CONNECTIONS};
    if (gs_http_new(l, &ho, &k->http, err) || gs_http_new(l, &wo, &k->watch_http, err))
        return gs_error_wrap(err, GS_TRANSIENT, "Kubernetes client");
    *ret = gs_take(k);
    return 0;
}

static void call_free(gs_kube_call *c)
{
    TAILQ_REMOVE(&c->k->calls, c, link);
    gs_timer_free(c->timer);
    free(c->url);
    free(c->body);
    free(c);
}

void gs_kube_free(gs_kube *k)
{
    if (!k)
        return;
    gs_http_free(k->http);
    gs_http_free(k->watch_http);
    while (!TAILQ_EMPTY(&k->calls))
        call_free(TAILQ_FIRST(&k->calls));
    gs_kube_identity_done(&k->identity);
    gs_kube_config_done(&k->config);
    free(k->field_manager);
    free(k);
}

/* ---- the life of a call ---- */

static void leave_state(gs_kube_call *c)
{
    gs_kube *k = c->k;
    if (c->state == QUEUED)
        k->stats.queued--;
    else if (c->state == RUNNING && c->watch)
        k->stats.watches--;
    else if (c->state == RUNNING)
        k->stats.in_flight--;
}

static void set_state(gs_kube_call *c, enum state s)
{
    leave_state(c);
    c->state = s;
    if (s == QUEUED)
        c->k->stats.queued++;
    else if (s == RUNNING && c->watch)
        c->k->stats.watches++;
    else if (s == RUNNING)
        c->k->stats.in_flight++;
}

/* Ends the call. The callback may start and cancel other calls. */
static void finish(gs_kube_call *c, const gs_kube_reply *reply)
{
    gs_kube *k = c->k;
    gs_kube_done done = c->done;
    void *ctx = c->ctx;
    leave_state(c);
    call_free(c);
    pump(k);
    done(ctx, reply);
}

static void wait_for(gs_kube_call *c, int64_t delay_ms)
{
    set_state(c, WAITING);
    gs_timer_set(c->timer, delay_ms);
    pump(c->k);
}

static void on_call_timer(void *ctx)
{
    gs_kube_call *c = ctx;
    if (c->failed.kind != GS_OK) {
        gs_kube_reply reply = {.err = c->failed, .retry_after_ms = -1};
        finish(c, &reply);
        return;
    }
    c->attempt++;
    c->k->stats.retries++;
    set_state(c, QUEUED);
    pump(c->k);
}

static int on_http_data(void *ctx, const char *p, size_t n, gs_error *err)
{
    gs_kube_call *c = ctx;
    return c->on_data(c->ctx, p, n, err); /* which may cancel the call: c may be gone now */
}

/* io/http.h does not tell apart how a connection failed but in curl's words; those come after an URL, which has no
 * spaces, so no object's name can imitate them. */
static bool never_sent(const gs_http_reply *http)
{
    return http->status == 0 && strstr(http->err.msg, ": Failed to connect to ") != NULL;
}

static void fill_reply(const gs_kube_call *c, const gs_http_reply *http, gs_kube_reply *reply)
{
    *reply = (gs_kube_reply){.retry_after_ms = http->retry_after_ms};
    reply->err.status = http->status;
    if (http->err.kind != GS_OK) {
        reply->err = http->err;
        (void)gs_error_wrap(&reply->err, GS_TRANSIENT, "%s", c->what);
    } else if (gs_kind_of_status(http->status) == GS_OK) {
        reply->body = c->on_data ? (gs_str){"", 0} : gs_buf_str(http->body);
    } else {
        gs_kube_status st;
        bool told = gs_kube_status_read(gs_buf_str(http->body), &st);
        (void)gs_kube_status_error(http->status, told ? &st : NULL, c->what, &reply->err);
        if (told) {
            (void)snprintf(reply->reason, sizeof reply->reason, "%s", st.reason);
            reply->budget = st.budget;
            if (reply->retry_after_ms < 0)
                reply->retry_after_ms = st.retry_after_ms;
        }
    }
}

static void send_call(gs_kube_call *c);

static void on_http_done(void *ctx, const gs_http_reply *http)
{
    gs_kube_call *c = ctx;
    gs_kube *k = c->k;
    c->http = NULL;
    k->stats.requests++;
    if (k->o.on_request)
        k->o.on_request(k->o.ctx, c->verb, c->resource, http->status, http->elapsed_ms);
    gs_kube_reply reply;
    fill_reply(c, http, &reply);
    if (reply.err.kind == GS_OK) {
        finish(c, &reply);
        return;
    }
    if (http->status == 401 && !c->auth_retried && gs_kube_identity_refused(&k->identity, c->credential)) {
        c->auth_retried = true;
        send_call(c);
        return;
    }
    gs_kube_attempt a = {
        .read = gs_streq(c->method, "GET"),
        .never_sent = never_sent(http),
        .attempt = c->attempt,
        .retry_after_ms = reply.retry_after_ms,
        .left_ms = c->deadline_at - now(k),
    };
    int64_t delay = gs_kube_retry_delay(&a, &reply.err, &k->rng);
    if (delay < 0) {
        finish(c, &reply);
        return;
    }
    gs_log_debug("request is tried again", "request", c->what, "error", reply.err.msg);
    wait_for(c, delay);
}

static int start_http(gs_kube_call *c, const gs_kube_proof *as, gs_error *err)
{
    gs_kube *k = c->k;
    gs_autofree char *auth = NULL;
    gs_autofree char *content = NULL;
    const char *headers[4] = {"Accept: application/json"};
    size_t n = 1;
    if (as->token)
        headers[n++] = auth = gs_sprintf("Authorization: Bearer %s", as->token);
    if (c->content_type)
        headers[n++] = content = gs_sprintf("Content-Type: %s", c->content_type);
    gs_http_tls tls = {.ca_pem = k->config.ca_pem,
                       .cert_pem = as->cert_pem,
                       .key_pem = as->key_pem,
                       .server_name = k->config.tls_server_name};
    gs_http_request r = {
        .method = c->method,
        .url = c->url,
        .headers = headers,
        .body = {c->body, c->body_n},
        .body_static = true,
        .timeout_ms = c->timeout_ms,
        .idle_timeout_ms = c->idle_timeout_ms,
        .max_bytes = c->max_bytes,
        .tls = &tls,
        .on_data = c->on_data ? on_http_data : NULL,
        .on_done = on_http_done,
        .ctx = c,
    };
    return gs_http_start(c->watch ? k->watch_http : k->http, &r, &c->http, err);
}

static void send_call(gs_kube_call *c)
{
    gs_kube_proof as;
    int rc = gs_kube_identity_get(&c->k->identity, &as, &c->failed);
    c->k->stats.token_reads = c->k->identity.token.reads;
    if (as.wait) {
        set_state(c, QUEUED);
        return;
    }
    c->credential = as.number;
    if (c->state != RUNNING)
        set_state(c, RUNNING);
    if (rc || start_http(c, &as, &c->failed)) {
        (void)gs_error_wrap(&c->failed, GS_TERMINAL, "%s", c->what);
        set_state(c, WAITING);
        gs_timer_set(c->timer, 0);
    }
}

/* Starts what may start, the oldest first. Watches wait for nothing but a credential. */
static void pump(gs_kube *k)
{
    for (gs_kube_call *c = TAILQ_FIRST(&k->calls), *next; c && k->stats.queued; c = next) {
        bool full = k->stats.in_flight >= k->o.max_in_flight;
        next = TAILQ_NEXT(c, link);
        if (full && !k->config.exec)
            break; /* no watch waits */
        if (c->state == QUEUED && (c->watch || !full))
            send_call(c);
    }
}

void gs_kube_cancel(gs_kube_call *c)
{
    if (!c)
        return;
    gs_kube *k = c->k;
    if (c->http)
        gs_http_cancel(c->http);
    leave_state(c);
    call_free(c);
    pump(k);
}

gs_kube_call *gs_kube_send_start(gs_kube *k, const gs_kube_send *s)
{
    gs_kube_call *c = gs_alloc(sizeof *c);
    char label[256];
    c->k = k;
    c->state = WAITING;
    c->method = s->method;
    c->verb = s->verb;
    c->content_type = s->content_type;
    c->body = gs_strndup(s->body.p ? s->body.p : "", s->body.n);
    c->body_n = s->body.n;
    c->watch = s->watch;
    c->timeout_ms = s->timeout_ms;
    c->idle_timeout_ms = s->idle_timeout_ms;
    c->deadline_at = now(k) + s->deadline_ms;
    c->max_bytes = s->max_bytes;
    c->on_data = s->on_data;
    c->done = s->done;
    c->ctx = s->ctx;
    c->failed = s->failed;
    c->timer = gs_timer_new(k->loop, on_call_timer, c);
    TAILQ_INSERT_TAIL(&k->calls, c, link);
    gs_kube_resource_label(s->path, c->resource, sizeof c->resource);
    gs_kube_path_label(s->path, label, sizeof label);
    (void)snprintf(c->what, sizeof c->what, "%s %s", s->verb, label);
    gs_cleanup(gs_buf_done) gs_buf url = GS_BUF(GS_KUBE_MAX_URL);
    if (c->failed.kind == GS_OK)
        (void)gs_kube_url(&url, k->config.server, s->path, s->query, &c->failed);
    if (c->failed.kind == GS_OK && k->stats.queued >= k->o.max_queued)
        (void)gs_error_set(&c->failed, GS_NO_MEMORY, "%zu requests are waiting already", k->stats.queued);
    if (c->failed.kind != GS_OK) {
        (void)gs_error_wrap(&c->failed, GS_TERMINAL, "%s", c->what);
        gs_timer_set(c->timer, 0);
        return c;
    }
    c->url = gs_buf_take(&url);
    if (c->watch) {
        send_call(c);
        return c;
    }
    set_state(c, QUEUED);
    pump(k);
    return c;
}

const char *gs_kube_field_manager(const gs_kube *k)
{
    return k->field_manager;
}

gs_kube_stats gs_kube_get_stats(const gs_kube *k)
{
    return k->stats;
}

const gs_clock *gs_kube_clock(const gs_kube *k)
{
    return &k->clock;
}

gs_loop *gs_kube_loop(const gs_kube *k)
{
    return k->loop;
}
