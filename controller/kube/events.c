#include "kube/events.h"

#include "base/buf.h"
#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/rng.h"
#include "kube/event_body.h"
#include "kube/retry.h"

#include <stdlib.h>

#define MAX_SERIES 4096
#define MAX_PENDING 256
#define WINDOW_MS (6 * 60 * 1000)
#define SERIES_MS 30000
#define ATTEMPTS 4
#define BUCKET_SIZE 25
#define BUCKET_REFILL_MS (5 * 60 * 1000)
#define MAX_BODY 16384
#define NEVER INT64_MAX

static const gs_kube_resource events = {"events.k8s.io", "v1", "events", true};

/* One event and its repetitions. */
typedef struct series {
    gs_kube_events *e;
    char *key, *ns;
    char name[GS_EVENT_NAME_MAX + 1];
    gs_buf body; /* the Event, until it is created */
    bool created;
    uint64_t count, written; /* seen; told to the API server */
    int64_t last_ms, last_wall_ms;
    int64_t due_ms; /* of the next write; NEVER: nothing to write */
    unsigned attempt;
    gs_kube_call *call;
    uint64_t sending; /* the count that the call carries */
} series;

typedef struct bucket {
    double tokens;
    int64_t at_ms;
} bucket;

struct gs_kube_events {
    gs_kube *k;
    gs_kube_events_options o;
    char *controller, *instance;
    gs_map *series, *buckets;
    gs_timer *timer, *flush_timer;
    int64_t timer_due;
    gs_rng rng;
    void (*flushed)(void *ctx);
    void *flushed_ctx;
    gs_kube_events_stats stats;
};

static int64_t now(const gs_kube_events *e)
{
    return gs_mono(gs_kube_clock(e->k));
}

static void series_free(void *p)
{
    series *s = p;
    gs_kube_cancel(s->call);
    gs_buf_done(&s->body);
    free(s->key);
    free(s->ns);
    free(s);
}

static bool busy(const series *s)
{
    return s->call || s->due_ms != NEVER;
}

static void write_at(series *s, int64_t due_ms)
{
    s->due_ms = due_ms;
    if (due_ms < s->e->timer_due || s->e->timer_due <= now(s->e)) {
        s->e->timer_due = due_ms;
        gs_timer_set(s->e->timer, due_ms - now(s->e));
    }
}

static void forget(series *s)
{
    gs_kube_events *e = s->e;
    e->stats.pending -= !s->created;
    (void)gs_map_del(e->series, s->key);
}

static void end_flush_if_done(gs_kube_events *e)
{
    if (!e->flushed)
        return;
    for (gs_map_it it = {0}; gs_map_next(e->series, &it);)
        if (busy(it.value))
            return;
    void (*flushed)(void *ctx) = e->flushed;
    e->flushed = NULL;
    gs_timer_stop(e->flush_timer);
    flushed(e->flushed_ctx);
}

/* ---- writing ---- */

static void on_failure(series *s, const gs_error *err)
{
    gs_kube_events *e = s->e;
    if (err->kind == GS_TRANSIENT && ++s->attempt < ATTEMPTS) {
        write_at(s, now(e) + gs_rng_backoff(&e->rng, s->attempt - 1, GS_KUBE_BACKOFF_FIRST_MS, GS_KUBE_BACKOFF_MAX_MS));
        return;
    }
    e->stats.dropped++;
    gs_log_debug("an event is dropped", "error", err->msg);
    forget(s);
}

static void on_written(void *ctx, const gs_kube_reply *reply)
{
    series *s = ctx;
    gs_kube_events *e = s->e;
    s->call = NULL;
    /* Its own name, so it is there: an earlier attempt got through, and only its answer was lost. */
    bool there = !s->created && gs_streq(reply->reason, "AlreadyExists");
    if (reply->err.kind != GS_OK && !there) {
        on_failure(s, &reply->err);
        end_flush_if_done(e);
        return;
    }
    if (s->created) {
        e->stats.patched++;
    } else {
        e->stats.created++;
        e->stats.pending--;
        s->created = true;
        gs_buf_done(&s->body);
    }
    s->written = s->sending;
    s->attempt = 0;
    if (s->count > s->written)
        write_at(s, e->flushed ? now(e) : now(e) + e->o.series_ms);
    end_flush_if_done(e);
}

static void write_series(series *s)
{
    gs_kube_events *e = s->e;
    gs_error err = {0};
    gs_kube_path p = {.resource = &events, .ns = s->ns};
    s->due_ms = NEVER;
    if (!s->created) {
        s->sending = 1;
        s->call = gs_kube_create(e->k, &p, gs_buf_str(&s->body), NULL, on_written, s);
        return;
    }
    gs_cleanup(gs_buf_done) gs_buf patch = GS_BUF(MAX_BODY);
    s->sending = s->count;
    p.name = s->name;
    if (gs_event_series(&patch, s->count, s->last_wall_ms, &err))
        on_failure(s, &err);
    else
        s->call = gs_kube_patch(e->k, &p, gs_buf_str(&patch), NULL, on_written, s);
}

static double refill(bucket *b, int64_t at_ms)
{
    b->tokens += (double)(at_ms - b->at_ms) / BUCKET_REFILL_MS;
    if (b->tokens > BUCKET_SIZE)
        b->tokens = BUCKET_SIZE;
    b->at_ms = at_ms;
    return b->tokens;
}

/* Writes what is due, forgets what is over, and sets the timer for the rest. */
static void on_timer(void *ctx)
{
    gs_kube_events *e = ctx;
    int64_t at = now(e), next = NEVER;
    for (gs_map_it it = {0}; gs_map_next(e->series, &it);) {
        series *s = it.value;
        if (!s->call && s->due_ms <= at)
            write_series(s); /* may forget s, which the walk allows */
        else if (!busy(s) && at - s->last_ms > e->o.window_ms)
            forget(s);
    }
    for (gs_map_it it = {0}; gs_map_next(e->buckets, &it);)
        if (refill(it.value, at) >= BUCKET_SIZE)
            (void)gs_map_del(e->buckets, it.key);
    for (gs_map_it it = {0}; gs_map_next(e->series, &it);) {
        const series *s = it.value;
        if (!s->call && s->due_ms < next)
            next = s->due_ms;
    }
    bool any = gs_map_len(e->series) || gs_map_len(e->buckets);
    if (next == NEVER && any)
        next = at + e->o.window_ms; /* to forget them */
    e->timer_due = next;
    if (next != NEVER)
        gs_timer_set(e->timer, next - at);
}

/* ---- recording ---- */

/* Makes room by the one that was quiet for longest; false where all are under way. */
static bool make_room(gs_kube_events *e)
{
    series *oldest = NULL;
    if (gs_map_len(e->series) < e->o.max_series)
        return true;
    for (gs_map_it it = {0}; gs_map_next(e->series, &it);) {
        series *s = it.value;
        if (!busy(s) && (!oldest || s->last_ms < oldest->last_ms))
            oldest = s;
    }
    if (oldest)
        forget(oldest);
    return oldest != NULL;
}

static bool take_token(gs_kube_events *e, const gs_kube_object_ref *object)
{
    gs_autofree char *key = gs_event_object_key(object);
    bucket *b = gs_map_get(e->buckets, key);
    if (!b) {
        if (gs_map_len(e->buckets) >= e->o.max_series)
            return false;
        b = gs_alloc(sizeof *b);
        *b = (bucket){BUCKET_SIZE, now(e)};
        gs_map_put(e->buckets, key, b);
    }
    if (refill(b, now(e)) < 1)
        return false;
    b->tokens -= 1;
    return true;
}

static void repeat(series *s)
{
    gs_kube_events *e = s->e;
    s->count++;
    s->last_ms = now(e);
    s->last_wall_ms = gs_wall(gs_kube_clock(e->k));
    if (s->created && !busy(s))
        write_at(s, s->last_ms + e->o.series_ms);
}

static void begin(gs_kube_events *e, const gs_kube_event *ev, const char *key)
{
    if (!take_token(e, &ev->regarding)) {
        e->stats.limited++;
        return;
    }
    if (e->stats.pending >= e->o.max_pending || !make_room(e)) {
        e->stats.dropped++;
        return;
    }
    gs_error err = {0};
    series *s = gs_alloc(sizeof *s);
    s->e = e;
    s->key = gs_strdup(key);
    s->ns = gs_strdup(ev->regarding.ns && *ev->regarding.ns ? ev->regarding.ns : "default");
    s->body = GS_BUF(MAX_BODY);
    s->count = 1;
    s->last_ms = now(e);
    s->last_wall_ms = gs_wall(gs_kube_clock(e->k));
    s->due_ms = NEVER;
    gs_event_name(ev->regarding.name, gs_rng_next(&e->rng), s->name);
    if (gs_event_body(&s->body, ev, e->controller, e->instance, s->ns, s->name, s->last_wall_ms, &err)) {
        gs_log_debug("an event is dropped", "error", err.msg);
        e->stats.dropped++;
        series_free(s);
        return;
    }
    gs_map_put(e->series, key, s);
    e->stats.pending++;
    write_at(s, s->last_ms);
}

void gs_kube_events_record(gs_kube_events *e, const gs_kube_event *ev)
{
    gs_autofree char *key = gs_event_key(ev);
    series *s = gs_map_get(e->series, key);
    e->stats.recorded++;
    if (s && !busy(s) && now(e) - s->last_ms > e->o.window_ms) {
        forget(s);
        s = NULL;
    }
    if (s)
        repeat(s);
    else
        begin(e, ev, key);
}

/* ---- life ---- */

static void on_flush_timeout(void *ctx)
{
    gs_kube_events *e = ctx;
    void (*flushed)(void *ctx) = e->flushed;
    e->flushed = NULL;
    if (flushed)
        flushed(e->flushed_ctx);
}

void gs_kube_events_flush(gs_kube_events *e, int64_t timeout_ms, void (*done)(void *ctx), void *ctx)
{
    bool any = false;
    for (gs_map_it it = {0}; gs_map_next(e->series, &it);) {
        series *s = it.value;
        if (!s->call && s->due_ms != NEVER)
            write_at(s, now(e));
        any = any || busy(s);
    }
    e->flushed = done;
    e->flushed_ctx = ctx;
    gs_timer_set(e->flush_timer, any ? timeout_ms : 0);
}

gs_kube_events *gs_kube_events_new(gs_kube *k, const gs_kube_events_options *o)
{
    gs_kube_events *e = gs_alloc(sizeof *e);
    e->k = k;
    e->o = *o;
    e->controller = gs_strdup(o->controller);
    e->instance = gs_strdup(o->instance);
    if (!e->o.max_series)
        e->o.max_series = MAX_SERIES;
    if (!e->o.max_pending)
        e->o.max_pending = MAX_PENDING;
    if (e->o.window_ms <= 0)
        e->o.window_ms = WINDOW_MS;
    if (e->o.series_ms <= 0)
        e->o.series_ms = SERIES_MS;
    e->rng = gs_rng_system();
    e->series = gs_map_new(series_free);
    e->buckets = gs_map_new(free);
    e->timer = gs_timer_new(gs_kube_loop(k), on_timer, e);
    e->flush_timer = gs_timer_new(gs_kube_loop(k), on_flush_timeout, e);
    e->timer_due = NEVER;
    return e;
}

void gs_kube_events_free(gs_kube_events *e)
{
    if (!e)
        return;
    gs_timer_free(e->timer);
    gs_timer_free(e->flush_timer);
    gs_map_free(e->series);
    gs_map_free(e->buckets);
    free(e->controller);
    free(e->instance);
    free(e);
}

gs_kube_events_stats gs_kube_events_get_stats(const gs_kube_events *e)
{
    gs_kube_events_stats s = e->stats;
    s.series = gs_map_len(e->series);
    return s;
}
