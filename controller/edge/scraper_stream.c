#include "edge/scraper_stream.h"

#include "base/mem.h"
#include "edge/scraper_internal.h"

#include <stdio.h>

#define EXTRA_MS 30000 /* over the seconds that are asked for: to connect, and to send it all */
#define IDLE_MS 10000
#define MAGIC_MAX 10 /* bytes at the start that tell what it is */

/* How each kind is asked for, and what it begins with. */
static const gs_stream_form kinds[GS_PROFILE_KINDS] = {
    [GS_PROFILE_GOROUTINE] = {"/goroutine?debug=0", false, GS_MAX_PROFILE_WIRE_BYTES, {"\x1f\x8b\x08", 3}},
    [GS_PROFILE_LEAK] = {"/goroutineleak?debug=0", false, GS_MAX_PROFILE_WIRE_BYTES, {"\x1f\x8b\x08", 3}},
    [GS_PROFILE_DUMP] = {"/goroutine?debug=2", false, GS_MAX_DUMP_BYTES, {"goroutine ", 10}},
    [GS_PROFILE_HEAP] = {"/heap?debug=0", false, GS_MAX_HEAP_BYTES, {"\x1f\x8b\x08", 3}},
    [GS_PROFILE_CPU] = {"/profile?seconds=", true, GS_MAX_CPU_BYTES, {"\x1f\x8b\x08", 3}},
    [GS_PROFILE_TRACE] = {"/trace?seconds=", true, GS_MAX_TRACE_BYTES, {"go 1.", 5}},
};

const gs_stream_form *gs_stream_form_of(enum gs_profile_kind kind)
{
    return &kinds[kind];
}

struct gs_stream {
    TAILQ_ENTRY(gs_stream) link;
    gs_scraper *scraper;
    gs_stream_sink sink;
    gs_scrape_target to;
    enum gs_profile_kind kind;
    int64_t timeout_ms, idle_ms;
    size_t left; /* bytes that it may still have */
    gs_http_call *http;
    char head[MAGIC_MAX];
    size_t head_n;
    bool active;  /* in the active list; else it waits */
    bool known;   /* it is what was asked for, and what was held back is written */
    gs_error err; /* why it cannot be started */
};

static void leave(gs_stream *st)
{
    struct gs_streams *all = &st->scraper->streams;
    TAILQ_REMOVE(st->active ? &all->active : &all->queued, st, link);
    if (st->active)
        all->n_active[kinds[st->kind].timed]--;
    if (!TAILQ_EMPTY(&all->queued))
        gs_timer_set(all->timer, 0);
}

static void release(gs_stream *st)
{
    leave(st);
    gs_scrape_target_done(&st->to);
    free(st);
}

/* The callback comes last: it may free the scraper. */
static void answer(gs_stream *st, const gs_error *err)
{
    gs_error copy = *err;
    gs_stream_sink sink = st->sink;
    release(st);
    sink.done(sink.ctx, &copy);
}

static void pass(const gs_stream *st, const char *p, size_t n)
{
    if (n && !st->sink.write(st->sink.ctx, p, n))
        gs_http_pause(st->http);
}

static int on_data(void *ctx, const char *p, size_t n, gs_error *err)
{
    gs_stream *st = ctx;
    gs_str magic = kinds[st->kind].magic;
    if (n > st->left) /* only where the endpoint's is the smaller one */
        return gs_error_set(err, GS_TERMINAL, "it is larger than the operator allows (--max-profile-bytes)");
    st->left -= n;
    if (!st->known) {
        size_t missing = magic.n - st->head_n, held = n < missing ? n : missing;
        memcpy(st->head + st->head_n, p, held);
        st->head_n += held;
        p += held;
        n -= held;
        if (st->head_n < magic.n)
            return 0;
        if (memcmp(st->head, magic.p, magic.n) != 0)
            return gs_error_set(err, GS_TERMINAL, "this is no %s profile", gs_profile_kind_name(st->kind));
        st->known = true;
        pass(st, st->head, st->head_n);
    }
    pass(st, p, n);
    return 0;
}

static void on_done(void *ctx, const gs_http_reply *reply)
{
    gs_stream *st = ctx;
    gs_error err = {0};
    if (!gs_scrape_check(&st->to, reply, &err) && !st->known)
        (void)gs_error_set(&err, GS_TERMINAL, "GET %s: this is no %s profile: it has %zu bytes", st->to.url,
                           gs_profile_kind_name(st->kind), st->head_n);
    if (err.kind != GS_OK && err.kind != GS_NOT_FOUND && err.kind != GS_TRANSIENT)
        err.kind = GS_TERMINAL; /* whatever it is, this pod says no */
    answer(st, &err);
}

static int start(gs_stream *st)
{
    const gs_scrape_pass pass = gs_scrape_pass_of(&st->to);
    const gs_http_request request = {
        .method = "GET",
        .url = st->to.url,
        .headers = pass.headers,
        .tls = &pass.tls,
        .timeout_ms = st->timeout_ms,
        .idle_timeout_ms = st->idle_ms,
        .max_bytes = kinds[st->kind].max_bytes,
        .on_data = on_data,
        .on_done = on_done,
        .ctx = st,
    };
    return gs_http_start(st->scraper->streams.http, &request, &st->http, &st->err);
}

static gs_stream *next_with_room(const struct gs_streams *all)
{
    static const size_t most[] = {GS_STREAMS, GS_TIMED_STREAMS};
    gs_stream *st;
    TAILQ_FOREACH (st, &all->queued, link)
        if (all->n_active[kinds[st->kind].timed] < most[kinds[st->kind].timed])
            break;
    return st;
}

/* Starts all that may be started, but answers one only, since the answer may free the scraper: leave() comes back for
 * the others. */
static void on_timer(void *ctx)
{
    gs_scraper *s = ctx;
    struct gs_streams *all = &s->streams;
    gs_stream *st;
    while ((st = next_with_room(all))) {
        TAILQ_REMOVE(&all->queued, st, link);
        TAILQ_INSERT_TAIL(&all->active, st, link); /* before the start, which may ask for the address at once */
        st->active = true;
        all->n_active[kinds[st->kind].timed]++;
        if (st->err.kind || start(st)) {
            if (st->err.kind != GS_TRANSIENT)
                st->err.kind = GS_TERMINAL;
            answer(st, &st->err);
            return;
        }
    }
}

gs_stream *gs_stream_start(gs_scraper *s, const gs_endpoint *e, enum gs_profile_kind kind, int seconds,
                           const gs_stream_sink *sink)
{
    gs_stream *st = gs_alloc(sizeof *st);
    char suffix[48];
    int wait_s = kinds[kind].timed ? seconds : 0;
    st->scraper = s;
    st->sink = *sink;
    st->kind = kind;
    st->timeout_ms = (int64_t)wait_s * 1000 + EXTRA_MS;
    st->idle_ms = (int64_t)wait_s * 1000 + IDLE_MS;
    st->left = gs_profile_max_bytes(e, kinds[kind].max_bytes);
    if (kinds[kind].timed)
        (void)snprintf(suffix, sizeof suffix, "%s%d", kinds[kind].suffix, seconds);
    else
        (void)snprintf(suffix, sizeof suffix, "%s", kinds[kind].suffix);
    (void)gs_scrape_target_set(&st->to, e, "pprof", e->pprof_port, e->pprof_path, suffix, &st->err);
    TAILQ_INSERT_TAIL(&s->streams.queued, st, link);
    gs_timer_set(s->streams.timer, 0);
    return st;
}

void gs_stream_resume(gs_stream *st)
{
    if (st->http)
        gs_http_resume(st->http);
}

void gs_stream_cancel(gs_stream *st)
{
    if (!st)
        return;
    if (st->http)
        gs_http_cancel(st->http);
    release(st);
}

static bool allow(void *ctx, const struct sockaddr *addr)
{
    const gs_scraper *s = ctx;
    const gs_stream *st;
    TAILQ_FOREACH (st, &s->streams.active, link)
        if (gs_scrape_target_is(&st->to, addr))
            return true;
    return false;
}

int gs_streams_init(gs_scraper *s, gs_error *err)
{
    struct gs_streams *all = &s->streams;
    TAILQ_INIT(&all->queued);
    TAILQ_INIT(&all->active);
    all->timer = gs_timer_new(s->loop, on_timer, s);
    const gs_http_options options = {
        .max_connections = GS_STREAMS + GS_TIMED_STREAMS, .allow_addr = allow, .allow_ctx = s};
    return gs_http_new(s->loop, &options, &all->http, err);
}

void gs_streams_done(gs_scraper *s)
{
    struct gs_streams *all = &s->streams;
    struct gs_stream_list *lists[] = {&all->queued, &all->active};
    gs_http_free(all->http);
    gs_timer_free(all->timer);
    for (size_t k = 0; k < GS_LEN(lists); k++)
        for (gs_stream *st; (st = TAILQ_FIRST(lists[k]));) {
            TAILQ_REMOVE(lists[k], st, link);
            gs_scrape_target_done(&st->to);
            free(st);
        }
}
