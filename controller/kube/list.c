#include "kube/list.h"

#include "base/limits.h"
#include "base/mem.h"
#include "base/rng.h"
#include "kube/api.h"
#include "kube/retry.h"
#include "wire/json_cursor.h"
#include "wire/json_split.h"

#include <stdio.h>
#include <stdlib.h>

#define DEADLINE_MS 60000
#define PAGE_TIMEOUT_MS 120000
#define PAGE_IDLE_MS 30000
#define MAX_RESTARTS 5
#define MAX_CONTINUE 8192

struct gs_kube_list {
    gs_kube *k;
    gs_kube_list_options o; /* its strings are ours */
    gs_kube_call *call;
    gs_json_split *split;
    gs_timer *timer; /* before the next attempt */
    gs_rng rng;
    char *next;        /* the continue token; NULL: the first page */
    size_t seen, skip; /* objects of this page: in this attempt; handed on by attempts before */
    unsigned attempt, restarts;
    int64_t deadline_at;
    bool item_failed, feeding, dead; /* dead: cancelled while feeding */
};

static char *dup_or_null(const char *s)
{
    return s ? gs_strdup(s) : NULL;
}

static void destroy(gs_kube_list *l)
{
    gs_kube_cancel(l->call);
    gs_timer_free(l->timer);
    gs_json_split_free(l->split);
    free(l->next);
    free((char *)(uintptr_t)l->o.ns);
    free((char *)(uintptr_t)l->o.label_selector);
    free((char *)(uintptr_t)l->o.field_selector);
    free(l);
}

void gs_kube_list_cancel(gs_kube_list *l)
{
    if (!l)
        return;
    if (l->feeding)
        l->dead = true;
    else
        destroy(l);
}

static void finish(gs_kube_list *l, const gs_error *err, const char *resource_version)
{
    l->o.on_done(l->o.ctx, err, resource_version);
    destroy(l);
}

static int on_item(void *ctx, gs_str object, gs_error *err)
{
    gs_kube_list *l = ctx;
    if (l->seen++ < l->skip)
        return 0;
    int rc = l->o.on_item(l->o.ctx, object, err);
    l->item_failed = rc != 0;
    return l->dead ? gs_error_set(err, GS_CANCELLED, "cancelled") : rc;
}

static int on_data(void *ctx, const char *p, size_t n, gs_error *err)
{
    gs_kube_list *l = ctx;
    l->feeding = true;
    int rc = gs_json_split_feed(l->split, (gs_str){p, n}, err);
    l->feeding = false;
    if (l->dead)
        destroy(l);
    return rc;
}

static void on_page(void *ctx, const gs_kube_reply *reply);

static int page_query(const gs_kube_list *l, gs_buf *query)
{
    char limit[16];
    (void)snprintf(limit, sizeof limit, "%u", l->o.page);
    int rc = gs_kube_query(query, "limit", limit);
    if (!rc)
        rc = gs_kube_query(query, "continue", l->next);
    if (!rc)
        rc = gs_kube_query(query, "labelSelector", l->o.label_selector);
    return rc ? rc : gs_kube_query(query, "fieldSelector", l->o.field_selector);
}

static void start_page(void *ctx)
{
    gs_kube_list *l = ctx;
    gs_cleanup(gs_buf_done) gs_buf query = GS_BUF(GS_KUBE_MAX_URL);
    /* A query that does not fit leaves the URL too long as well, which the client reports. */
    bool fits = page_query(l, &query) == 0;
    gs_json_split_reset(l->split);
    l->seen = 0;
    gs_kube_stream s = {
        .path = {.resource = l->o.resource, .ns = l->o.ns},
        .query = query.p,
        .verb = "LIST",
        .timeout_ms = PAGE_TIMEOUT_MS,
        .idle_timeout_ms = PAGE_IDLE_MS,
        .max_bytes = (size_t)l->o.page * GS_MAX_OBJECT_BYTES,
        .on_data = on_data,
        .done = on_page,
        .ctx = l,
    };
    if (fits) {
        l->call = gs_kube_stream_start(l->k, &s);
        return;
    }
    gs_error err = {0};
    (void)gs_error_set(&err, GS_TERMINAL, "LIST %s: selectors over %u bytes", l->o.resource->resource, GS_KUBE_MAX_URL);
    finish(l, &err, "");
}

static void progress(gs_kube_list *l)
{
    l->attempt = 0;
    l->deadline_at = gs_mono(gs_kube_clock(l->k)) + l->o.deadline_ms;
}

/* What was handed on counts no longer. */
static void start_over(gs_kube_list *l)
{
    free(l->next);
    l->next = NULL;
    l->skip = 0;
    if (l->o.on_restart)
        l->o.on_restart(l->o.ctx);
}

static void on_fault(gs_kube_list *l, const gs_error *err, int64_t retry_after_ms)
{
    gs_error cause = *err;
    bool expired = cause.kind == GS_GONE && l->next;
    gs_kube_attempt a = {
        .read = true,
        .attempt = l->attempt,
        .retry_after_ms = retry_after_ms,
        .left_ms = l->deadline_at - gs_mono(gs_kube_clock(l->k)),
    };
    if (expired)
        cause.kind = GS_TRANSIENT; /* to list again is a retry as well */
    int64_t delay = l->item_failed ? -1 : gs_kube_retry_delay(&a, &cause, &l->rng);
    bool broken_first = !l->next && l->seen > 0; /* what the next attempt gets is another snapshot */
    if (delay >= 0 && (expired || broken_first) && ++l->restarts > MAX_RESTARTS)
        delay = -1;
    if (delay < 0) {
        finish(l, err, "");
        return;
    }
    l->attempt++;
    gs_timer_set(l->timer, delay);
    if (l->seen > l->skip)
        l->skip = l->seen;
    if (expired || broken_first) {
        l->feeding = true; /* so that on_restart may cancel */
        start_over(l);
        l->feeding = false;
        if (l->dead)
            destroy(l);
    }
}

/* The string under one key of the list's metadata; NULL where it is absent or empty. */
static int metadata_string(const gs_kube_list *l, const char *key, char **ret, gs_error *err)
{
    gs_str metadata = gs_json_split_metadata(l->split), raw;
    const char *const path[] = {key, NULL};
    char value[MAX_CONTINUE];
    *ret = NULL;
    if (!metadata.n || !gs_json_find(metadata, path, &raw))
        return 0;
    if (!gs_json_find_string(metadata, path, value, sizeof value))
        return gs_error_set(err, GS_TERMINAL, "LIST %s: metadata.%s is no string of at most %d bytes",
                            l->o.resource->resource, key, MAX_CONTINUE - 1);
    if (value[0])
        *ret = gs_strdup(value);
    return 0;
}

static void on_page(void *ctx, const gs_kube_reply *reply)
{
    gs_kube_list *l = ctx;
    gs_error err = reply->err;
    gs_autofree char *version = NULL;
    gs_autofree char *next = NULL;
    l->call = NULL;
    int rc = err.kind == GS_OK ? gs_json_split_finish(l->split, &err) : -(int)err.kind;
    if (!rc)
        rc = metadata_string(l, "resourceVersion", &version, &err);
    if (!rc)
        rc = metadata_string(l, "continue", &next, &err);
    if (!rc && !version)
        rc = gs_error_set(&err, GS_TERMINAL, "LIST %s: the list has no resourceVersion", l->o.resource->resource);
    if (rc) {
        on_fault(l, &err, reply->retry_after_ms);
    } else if (next) {
        free(l->next);
        l->next = gs_take(next);
        l->skip = 0;
        progress(l);
        start_page(l);
    } else {
        finish(l, &err, version);
    }
}

gs_kube_list *gs_kube_list_start(gs_kube *k, const gs_kube_list_options *o)
{
    gs_kube_list *l = gs_alloc(sizeof *l);
    l->k = k;
    l->o = *o;
    l->o.ns = dup_or_null(o->ns);
    l->o.label_selector = dup_or_null(o->label_selector);
    l->o.field_selector = dup_or_null(o->field_selector);
    if (!l->o.page)
        l->o.page = GS_LIST_PAGE;
    if (!l->o.deadline_ms)
        l->o.deadline_ms = DEADLINE_MS;
    l->rng = gs_rng_system();
    l->split = gs_json_split_new(GS_JSON_LIST, on_item, l);
    l->timer = gs_timer_new(gs_kube_loop(k), start_page, l);
    progress(l);
    gs_timer_set(l->timer, 0);
    return l;
}
