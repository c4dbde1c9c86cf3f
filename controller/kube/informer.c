#include "kube/informer.h"

#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/repeat.h"
#include "base/rng.h"
#include "kube/api.h"
#include "kube/list.h"
#include "kube/retry.h"
#include "wire/json_cursor.h"
#include "wire/json_split.h"

#include <stdio.h>
#include <stdlib.h>

#define IDLE_MS 100000
#define WATCH_MIN_MS 240000
#define WATCH_MAX_MS 480000
#define SHORT_WATCH_MS 1000   /* one that ends sooner and brought nothing is a fault, or we would spin */
#define ANSWERS_BEFORE_LIST 3 /* bad answers to WATCH in a row: perhaps it is our resourceVersion */
#define MAX_VERSION 128

struct gs_informer {
    gs_kube *k;
    gs_informer_options o; /* its strings are ours */
    gs_kube_list *list;    /* at most one of list, watch and the timer is under way */
    gs_kube_call *watch;
    gs_timer *timer;
    gs_json_split *split;
    gs_rng rng;
    char version[MAX_VERSION]; /* to resume at; "": list first */
    unsigned attempt, bad_answers;
    bool heard; /* the watch under way brought a frame */
    int64_t watch_started_ms;
    bool running, synced, dead;
    unsigned run;   /* counts starts and stops: what belongs to an earlier run is not told any more */
    unsigned depth; /* callbacks of ours on the stack */
    gs_repeat told;
    gs_informer_stats stats;
};

static char *dup_or_null(const char *s)
{
    return s ? gs_strdup(s) : NULL;
}

static int64_t now(const gs_informer *i)
{
    return gs_mono(gs_kube_clock(i->k));
}

static void destroy(gs_informer *i)
{
    gs_timer_free(i->timer);
    gs_json_split_free(i->split);
    free((char *)(uintptr_t)i->o.ns);
    free((char *)(uintptr_t)i->o.label_selector);
    free((char *)(uintptr_t)i->o.field_selector);
    free(i);
}

static void enter(gs_informer *i)
{
    i->depth++;
}

/* The last thing that an entry point does: i may be gone afterwards. */
static void leave(gs_informer *i)
{
    if (--i->depth == 0 && i->dead)
        destroy(i);
}

static void step(gs_informer *i);

static void on_timer(void *ctx)
{
    gs_informer *i = ctx;
    enter(i);
    step(i);
    leave(i);
}

/* An API server that is away, a definition that is gone and a right that was taken away fail for as long as that lasts. */
static void tell_fault(gs_informer *i, const gs_error *err)
{
    if (i->o.on_fault)
        i->o.on_fault(i->o.ctx, err);
    else if (gs_repeat_tell(&i->told, err, now(i)))
        gs_log_warn("following a collection failed, it is tried again", "resource", i->o.resource->resource,
                    "namespace", i->o.ns ? i->o.ns : "", "error", err->msg, "times", i->told.times);
}

static void tell_answer(gs_informer *i)
{
    if (gs_repeat_over(&i->told))
        gs_log_info("following a collection goes on", "resource", i->o.resource->resource, "namespace",
                    i->o.ns ? i->o.ns : "");
}

static void on_fault(gs_informer *i, const gs_error *err, int64_t retry_after_ms)
{
    unsigned run = i->run;
    i->stats.faults++;
    tell_fault(i, err);
    if (run != i->run)
        return;
    /* What the API server has forgotten is listed at once, but only once at once. */
    int64_t delay = err->kind == GS_GONE && i->attempt == 0
                        ? 0
                        : gs_rng_backoff(&i->rng, i->attempt, i->o.backoff_first_ms, i->o.backoff_max_ms);
    i->attempt++;
    gs_timer_set(i->timer, delay < retry_after_ms ? retry_after_ms : delay);
}

/* ---- LIST ---- */

static void tell_object(gs_informer *i, gs_str object)
{
    gs_error err = {0};
    if (i->o.on_object(i->o.ctx, object, &err) == 0)
        return;
    i->stats.bad_objects++;
    gs_log_warn("an object from the API server cannot be read, it is left out", "resource", i->o.resource->resource,
                "error", err.msg);
}

static int on_list_item(void *ctx, gs_str object, gs_error *err)
{
    gs_informer *i = ctx;
    (void)err;
    enter(i);
    i->stats.last_heard_ms = now(i);
    tell_object(i, object);
    leave(i);
    return 0;
}

static void on_list_restart(void *ctx)
{
    gs_informer *i = ctx;
    enter(i);
    if (i->o.on_list_begin)
        i->o.on_list_begin(i->o.ctx);
    leave(i);
}

static void on_list_done(void *ctx, const gs_error *err, const char *version)
{
    gs_informer *i = ctx;
    unsigned run = i->run;
    i->list = NULL;
    enter(i);
    if (err->kind != GS_OK) {
        on_fault(i, err, -1);
    } else if (!gs_str_copy(i->version, sizeof i->version, gs_str_of(version))) {
        gs_error too_long = {0};
        i->version[0] = 0;
        (void)gs_error_set(&too_long, GS_TERMINAL, "LIST %s: the resourceVersion has over %d bytes",
                           i->o.resource->resource, MAX_VERSION - 1);
        on_fault(i, &too_long, -1);
    } else {
        i->synced = true;
        i->bad_answers = 0;
        tell_answer(i);
        if (i->o.on_list_end)
            i->o.on_list_end(i->o.ctx);
        if (run == i->run)
            step(i);
    }
    leave(i);
}

static void start_list(gs_informer *i)
{
    unsigned run = i->run;
    i->stats.lists++;
    if (i->o.on_list_begin)
        i->o.on_list_begin(i->o.ctx);
    if (run != i->run)
        return;
    gs_kube_list_options o = {
        .resource = i->o.resource,
        .ns = i->o.ns,
        .label_selector = i->o.label_selector,
        .field_selector = i->o.field_selector,
        .on_restart = on_list_restart,
        .on_item = on_list_item,
        .on_done = on_list_done,
        .ctx = i,
    };
    i->list = gs_kube_list_start(i->k, &o);
}

/* ---- WATCH ---- */

static int on_error_event(gs_str object, gs_error *err)
{
    gs_kube_status st;
    if (!gs_kube_status_read(object, &st))
        return gs_error_set(err, GS_TRANSIENT, "the watch ended with an error that is no Status");
    if (gs_streq(st.reason, "Expired") || gs_streq(st.reason, "Gone"))
        st.code = 410;
    int rc = gs_kube_status_error(st.code ? st.code : 500, &st, "the watch ended", err);
    return rc ? rc : gs_error_set(err, GS_TRANSIENT, "the watch ended with an error of code %d", st.code);
}

static void remember_version(gs_informer *i, gs_str object)
{
    static const char *const path[] = {"metadata", "resourceVersion", NULL};
    char version[MAX_VERSION];
    if (gs_json_find_string(object, path, version, sizeof version) && version[0])
        memcpy(i->version, version, sizeof version);
    else
        i->stats.bad_objects++;
}

static int on_frame(void *ctx, gs_str frame, gs_error *err)
{
    gs_informer *i = ctx;
    unsigned run = i->run;
    char type[16] = "";
    gs_str key, object = {0};
    gs_json_cursor c;
    gs_json_cursor_init(&c, frame);
    if (gs_json_enter_object(&c))
        while (gs_json_next_key(&c, &key)) {
            if (gs_json_key_is(key, "type"))
                (void)gs_json_read_string(&c, type, sizeof type);
            else if (gs_json_key_is(key, "object"))
                (void)gs_json_raw(&c, &object);
        }
    if (gs_json_cursor_finish(&c, err))
        return gs_error_wrap(err, GS_TERMINAL, "watch event of %s", i->o.resource->resource);
    if (gs_streq(type, "ERROR"))
        return on_error_event(object, err);
    i->heard = true;
    i->attempt = i->bad_answers = 0;
    tell_answer(i);
    if (gs_streq(type, "ADDED") || gs_streq(type, "MODIFIED")) {
        i->stats.events++;
        tell_object(i, object);
    } else if (gs_streq(type, "DELETED")) {
        i->stats.events++;
        i->o.on_deleted(i->o.ctx, object);
    } else if (gs_streq(type, "BOOKMARK")) {
        i->stats.bookmarks++;
    } else {
        return gs_error_set(err, GS_TERMINAL, "watch event of %s: unknown type \"%s\"", i->o.resource->resource, type);
    }
    if (run != i->run)
        return gs_error_set(err, GS_CANCELLED, "stopped");
    remember_version(i, object);
    return 0;
}

static int on_watch_data(void *ctx, const char *p, size_t n, gs_error *err)
{
    gs_informer *i = ctx;
    enter(i);
    i->stats.last_heard_ms = now(i);
    int rc = gs_json_split_feed(i->split, (gs_str){p, n}, err);
    leave(i);
    return rc;
}

/* An answer other than "later", or garbage: after some in a row the resourceVersion is suspected. An API server that
 * was restored from a backup says 504 to a version that it has not reached yet, for ever. */
static bool blames_version(const gs_error *err)
{
    if (err->kind == GS_TERMINAL || err->kind == GS_NO_MEMORY || err->kind == GS_NOT_FOUND)
        return true;
    return err->kind == GS_TRANSIENT && err->status >= 500 && err->status != 503;
}

static void on_watch_done(void *ctx, const gs_kube_reply *reply)
{
    gs_informer *i = ctx;
    gs_error err = reply->err;
    i->watch = NULL;
    enter(i);
    int64_t lasted = now(i) - i->watch_started_ms;
    if (err.kind == GS_OK)
        (void)gs_json_split_finish(i->split, &err); /* cut off in the middle of an event: it is resent */
    if (err.kind == GS_OK && !i->heard && lasted < SHORT_WATCH_MS)
        (void)gs_error_set(&err, GS_TRANSIENT, "WATCH %s: it ended after %lld ms without an event",
                           i->o.resource->resource, (long long)lasted);
    if (err.kind == GS_OK) {
        step(i); /* its time was over */
    } else {
        if (err.kind == GS_GONE || (blames_version(&err) && ++i->bad_answers >= ANSWERS_BEFORE_LIST))
            i->version[0] = 0;
        on_fault(i, &err, reply->retry_after_ms);
    }
    leave(i);
}

static int watch_query(gs_informer *i, gs_buf *query)
{
    int64_t span = i->o.watch_max_ms - i->o.watch_min_ms;
    int64_t ms = i->o.watch_min_ms + (int64_t)gs_rng_below(&i->rng, span > 0 ? (uint64_t)span + 1 : 1);
    int rc = gs_buf_addf(query, "watch=1&allowWatchBookmarks=true&timeoutSeconds=%lld", (long long)(ms + 999) / 1000);
    if (!rc)
        rc = gs_kube_query(query, "resourceVersion", i->version);
    if (!rc)
        rc = gs_kube_query(query, "labelSelector", i->o.label_selector);
    return rc ? rc : gs_kube_query(query, "fieldSelector", i->o.field_selector);
}

static void start_watch(gs_informer *i)
{
    gs_cleanup(gs_buf_done) gs_buf query = GS_BUF(GS_KUBE_MAX_URL);
    gs_error err = {0};
    if (watch_query(i, &query)) {
        (void)gs_error_set(&err, GS_TERMINAL, "WATCH %s: selectors over %u bytes", i->o.resource->resource,
                           GS_KUBE_MAX_URL);
        on_fault(i, &err, -1);
        return;
    }
    gs_json_split_reset(i->split);
    i->heard = false;
    i->watch_started_ms = now(i);
    i->stats.watches++;
    gs_kube_stream s = {
        .path = {.resource = i->o.resource, .ns = i->o.ns},
        .query = query.p,
        .verb = "WATCH",
        .idle_timeout_ms = i->o.idle_ms,
        .max_bytes = SIZE_MAX, /* it never ends; each event has its cap */
        .on_data = on_watch_data,
        .done = on_watch_done,
        .ctx = i,
    };
    i->watch = gs_kube_stream_start(i->k, &s);
}

static void step(gs_informer *i)
{
    if (!i->running)
        return;
    if (i->version[0])
        start_watch(i);
    else
        start_list(i);
}

/* ---- life ---- */

static void default_ms(int64_t *ms, int64_t value)
{
    if (*ms <= 0)
        *ms = value;
}

gs_informer *gs_informer_new(gs_kube *k, const gs_informer_options *o)
{
    gs_informer *i = gs_alloc(sizeof *i);
    i->k = k;
    i->o = *o;
    i->o.ns = dup_or_null(o->ns);
    i->o.label_selector = dup_or_null(o->label_selector);
    i->o.field_selector = dup_or_null(o->field_selector);
    default_ms(&i->o.idle_ms, IDLE_MS);
    default_ms(&i->o.watch_min_ms, WATCH_MIN_MS);
    default_ms(&i->o.watch_max_ms, i->o.watch_min_ms > WATCH_MAX_MS ? i->o.watch_min_ms : WATCH_MAX_MS);
    default_ms(&i->o.backoff_first_ms, GS_KUBE_BACKOFF_FIRST_MS);
    default_ms(&i->o.backoff_max_ms, GS_KUBE_BACKOFF_MAX_MS);
    i->rng = gs_rng_system();
    i->split = gs_json_split_new(GS_JSON_FRAMES, on_frame, i);
    i->timer = gs_timer_new(gs_kube_loop(k), on_timer, i);
    return i;
}

void gs_informer_start(gs_informer *i)
{
    if (i->running || i->dead)
        return;
    i->running = true;
    i->run++;
    i->version[0] = 0;
    i->attempt = i->bad_answers = 0;
    gs_timer_set(i->timer, 0);
}

void gs_informer_stop(gs_informer *i)
{
    i->running = i->synced = false;
    i->run++;
    gs_timer_stop(i->timer);
    gs_kube_list_cancel(i->list);
    gs_kube_cancel(i->watch);
    i->list = NULL;
    i->watch = NULL;
}

void gs_informer_free(gs_informer *i)
{
    if (!i || i->dead)
        return;
    gs_informer_stop(i);
    i->dead = true;
    enter(i);
    leave(i);
}

bool gs_informer_synced(const gs_informer *i)
{
    return i->synced;
}

gs_informer_stats gs_informer_get_stats(const gs_informer *i)
{
    return i->stats;
}
