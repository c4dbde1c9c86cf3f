#include "edge/scraper_internal.h"

#include "base/mem.h"
#include "codec/goroutine_text.h"
#include "codec/prom_text.h"

#include <math.h>

#define TOTAL_LINE_MAX 128 /* "goroutine profile: total 1234" */

struct gs_sample_call {
    TAILQ_ENTRY(gs_sample_call) link;
    gs_scrape_pool *pool;
    gs_http_call *http;
    gs_scrape_target to;
    bool total; /* the total line, not metrics */
    gs_sampled fn;
    void *ctx;
    gs_prom prom;
    char line[TOTAL_LINE_MAX]; /* the start of the total line */
    size_t line_n;
    bool counted;
    uint64_t count;
};

struct gs_scrape_pool {
    TAILQ_ENTRY(gs_scrape_pool) link;
    gs_scraper *scraper;
    gs_http *http;
    struct gs_sample_calls calls;
};

struct gs_late {
    TAILQ_ENTRY(gs_late) link;
    gs_scrape_pool *pool;
    gs_sampled sampled;
    gs_profiled profiled;
    void *ctx;
    gs_error err;
};

static const gs_sample unknown = {NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN};

static void answer_sample(gs_sampled fn, void *ctx, const gs_sample *sample, const gs_error *err)
{
    fn(ctx, sample ? sample : &unknown, err);
}

/* Calls that could not be started. */

static void drop_late(gs_scraper *s, struct gs_late *late)
{
    TAILQ_REMOVE(&s->lates, late, link);
    free(late);
}

/* One at a time, since the answer may free the scraper. */
static void on_late(void *ctx)
{
    gs_scraper *s = ctx;
    struct gs_late *first = TAILQ_FIRST(&s->lates);
    if (!first)
        return;
    struct gs_late late = *first;
    drop_late(s, first);
    if (!TAILQ_EMPTY(&s->lates))
        gs_timer_set(s->late_timer, 0);
    if (late.sampled) {
        answer_sample(late.sampled, late.ctx, NULL, &late.err);
        return;
    }
    gs_buf none = {0};
    late.profiled(late.ctx, NULL, &none, &late.err);
}

void gs_scrape_fail_later(gs_scraper *s, gs_scrape_pool *pool, gs_sampled sampled, gs_profiled profiled, void *ctx,
                          const gs_error *err)
{
    struct gs_late *late = gs_alloc(sizeof *late);
    *late = (struct gs_late){.pool = pool, .sampled = sampled, .profiled = profiled, .ctx = ctx, .err = *err};
    TAILQ_INSERT_TAIL(&s->lates, late, link);
    gs_timer_set(s->late_timer, 0);
}

/* One sample. */

static void end_call(struct gs_sample_call *c)
{
    TAILQ_REMOVE(&c->pool->calls, c, link);
    gs_scrape_target_done(&c->to);
    free(c);
}

static int feed_metrics(void *ctx, const char *p, size_t n, gs_error *err)
{
    struct gs_sample_call *c = ctx;
    (void)err;
    gs_prom_feed(&c->prom, p, n);
    return 0;
}

/* Ends the call, as a failure to the HTTP client, with the first line: the rest may be megabytes of stacks. */
static int feed_total(void *ctx, const char *p, size_t n, gs_error *err)
{
    struct gs_sample_call *c = ctx;
    size_t room = sizeof c->line - c->line_n, take = n < room ? n : room;
    memcpy(c->line + c->line_n, p, take);
    c->line_n += take;
    int rc = gs_goroutine_total((gs_str){c->line, c->line_n}, &c->count, err);
    if (rc < 0)
        return rc;
    if (rc > 0) {
        c->counted = true;
        return gs_error_set(err, GS_CANCELLED, "the total is known");
    }
    if (c->line_n == sizeof c->line)
        return gs_error_set(err, GS_TERMINAL, "not a goroutine profile: the first line has over %zu bytes", c->line_n);
    return 0;
}

/* Go's server answers 400 to plain HTTP where it speaks TLS; of a sample there is no other reason to. */
static int check(const gs_scrape_target *to, const gs_http_reply *reply, gs_error *err)
{
    int rc = gs_scrape_check(to, reply, err);
    if (rc && reply->status == 400 && !(to->access && to->access->https))
        (void)gs_error_set(err, err->kind, "GET %s: 400: where it speaks TLS, set spec.endpoint.scheme to HTTPS",
                           to->url);
    return rc;
}

static int read_total(const struct gs_sample_call *c, const gs_http_reply *reply, gs_sample *ret, gs_error *err)
{
    *ret = unknown;
    if (!c->counted) {
        int rc = check(&c->to, reply, err);
        return rc ? rc
                  : gs_error_set(err, GS_TERMINAL, "GET %s: not a goroutine profile: it ends within its first line",
                                 c->to.url);
    }
    ret->goroutines = (double)c->count;
    return 0;
}

static int read_metrics(struct gs_sample_call *c, const gs_http_reply *reply, gs_sample *ret, gs_error *err)
{
    int rc = check(&c->to, reply, err);
    if (rc)
        return rc;
    rc = gs_prom_finish(&c->prom, ret, err);
    if (rc && reply->header(reply, "Content-Encoding"))
        return gs_error_set(err, GS_TERMINAL, "GET %s: packed (Content-Encoding), which was not asked for", c->to.url);
    return rc ? gs_error_wrap(err, GS_TERMINAL, "GET %s", c->to.url) : 0;
}

static void on_sampled(void *ctx, const gs_http_reply *reply)
{
    struct gs_sample_call *c = ctx;
    gs_sample sample;
    gs_error err = {0};
    gs_sampled fn = c->fn;
    void *fn_ctx = c->ctx;
    int rc = c->total ? read_total(c, reply, &sample, &err) : read_metrics(c, reply, &sample, &err);
    end_call(c);
    answer_sample(fn, fn_ctx, rc ? NULL : &sample, &err); /* last: it may free all of us */
}

static int start_call(struct gs_sample_call *c, int timeout_ms, gs_error *err)
{
    const gs_scrape_pass pass = gs_scrape_pass_of(&c->to);
    const gs_http_request request = {
        .method = "GET",
        .url = c->to.url,
        .headers = pass.headers,
        .tls = &pass.tls,
        .timeout_ms = timeout_ms,
        .max_bytes = GS_MAX_METRICS_BYTES, /* not packed: unpacking costs us more CPU than all the rest of a sample */
        .on_data = c->total ? feed_total : feed_metrics,
        .on_done = on_sampled,
        .ctx = c,
    };
    return gs_http_start(c->pool->http, &request, &c->http, err);
}

static void sample(gs_scrape_pool *p, const gs_endpoint *e, bool total, gs_sampled fn, void *ctx)
{
    gs_error err = {0};
    struct gs_sample_call *c = gs_alloc(sizeof *c);
    c->pool = p;
    c->total = total;
    c->fn = fn;
    c->ctx = ctx;
    gs_prom_init(&c->prom);
    TAILQ_INSERT_TAIL(&p->calls, c, link); /* before the start, which may ask for the address at once */
    int rc = total ? gs_scrape_target_set(&c->to, e, "pprof", e->pprof_port, e->pprof_path, "/goroutine?debug=1", &err)
                   : gs_scrape_target_set(&c->to, e, "metrics", e->metrics_port, e->metrics_path, "", &err);
    if (rc || start_call(c, e->timeout_ms, &err)) {
        end_call(c);
        gs_scrape_fail_later(p->scraper, p, fn, NULL, ctx, &err);
    }
}

void gs_scrape_metrics(gs_scrape_pool *p, const gs_endpoint *e, gs_sampled fn, void *ctx)
{
    sample(p, e, false, fn, ctx);
}

void gs_scrape_total(gs_scrape_pool *p, const gs_endpoint *e, gs_sampled fn, void *ctx)
{
    sample(p, e, true, fn, ctx);
}

/* Pools. */

/* libcurl names the address only, not the call; it is one of those under way, or something is badly wrong. */
static bool allow(void *ctx, const struct sockaddr *addr)
{
    const gs_scrape_pool *p = ctx;
    const struct gs_sample_call *c;
    TAILQ_FOREACH (c, &p->calls, link)
        if (gs_scrape_target_is(&c->to, addr))
            return true;
    return false;
}

int gs_scrape_pool_new(gs_scraper *s, gs_scrape_pool **ret, gs_error *err)
{
    gs_scrape_pool *p = gs_alloc(sizeof *p);
    TAILQ_INIT(&p->calls);
    p->scraper = s;
    const gs_http_options options = {.max_connections = GS_MAX_GROUP, .allow_addr = allow, .allow_ctx = p};
    int rc = gs_http_new(s->loop, &options, &p->http, err);
    if (rc) {
        free(p);
        return rc;
    }
    TAILQ_INSERT_TAIL(&s->pools, p, link);
    *ret = p;
    return 0;
}

void gs_scrape_pool_free(gs_scrape_pool *p)
{
    if (!p)
        return;
    gs_http_free(p->http);
    while (!TAILQ_EMPTY(&p->calls))
        end_call(TAILQ_FIRST(&p->calls));
    for (struct gs_late *late = TAILQ_FIRST(&p->scraper->lates), *next; late; late = next) {
        next = TAILQ_NEXT(late, link);
        if (late->pool == p)
            drop_late(p->scraper, late);
    }
    TAILQ_REMOVE(&p->scraper->pools, p, link);
    free(p);
}

int gs_scraper_new(gs_loop *l, gs_workers *w, gs_scraper **ret, gs_error *err)
{
    gs_scraper *s = gs_alloc(sizeof *s);
    s->loop = l;
    s->workers = w;
    TAILQ_INIT(&s->pools);
    TAILQ_INIT(&s->lates);
    s->late_timer = gs_timer_new(l, on_late, s);
    int rc = gs_profiles_init(s, err);
    rc = rc ? rc : gs_streams_init(s, err);
    if (rc) {
        gs_scraper_free(s);
        return rc;
    }
    *ret = s;
    return 0;
}

void gs_scraper_free(gs_scraper *s)
{
    if (!s)
        return;
    while (!TAILQ_EMPTY(&s->pools))
        gs_scrape_pool_free(TAILQ_FIRST(&s->pools));
    gs_profiles_done(s);
    gs_streams_done(s);
    while (!TAILQ_EMPTY(&s->lates))
        drop_late(s, TAILQ_FIRST(&s->lates));
    gs_timer_free(s->late_timer);
    free(s);
}

void gs_scrape_forget(gs_scraper *s, void *ctx)
{
    gs_scrape_pool *p;
    TAILQ_FOREACH (p, &s->pools, link) {
        for (struct gs_sample_call *c = TAILQ_FIRST(&p->calls), *next; c; c = next) {
            next = TAILQ_NEXT(c, link);
            if (c->ctx != ctx)
                continue;
            gs_http_cancel(c->http);
            end_call(c);
        }
    }
    for (struct gs_late *late = TAILQ_FIRST(&s->lates), *next; late; late = next) {
        next = TAILQ_NEXT(late, link);
        if (late->ctx == ctx)
            drop_late(s, late);
    }
    gs_profiles_forget(s, ctx);
}
