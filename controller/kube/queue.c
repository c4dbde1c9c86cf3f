#include "kube/queue.h"

#include "base/map.h"
#include "base/mem.h"
#include "base/rng.h"
#include "kube/retry.h"

#include <stdlib.h>

#define BATCH 64 /* keys started in one go before the loop gets its turn */
#define NOT_DELAYED SIZE_MAX

typedef struct item {
    char *key;
    bool ready, processing, dirty; /* dirty: added while it was worked on */
    struct item *next;             /* of the ready list */
    size_t heap_at;                /* of the delayed heap, or NOT_DELAYED */
    int64_t due_ms, ready_ms, started_ms;
    unsigned failures;
} item;

struct gs_kube_queue {
    gs_kube_queue_options o;
    gs_clock clock;
    gs_rng rng;
    gs_timer *timer;
    gs_map *items;
    item *first, *last; /* ready, the oldest first */
    item **heap;        /* delayed, the next one first */
    size_t heap_n, heap_cap;
    bool paused;
    gs_kube_queue_stats stats;
};

static int64_t now(const gs_kube_queue *q)
{
    return gs_mono(&q->clock);
}

static void item_free(void *p)
{
    item *it = p;
    free(it->key);
    free(it);
}

static item *item_of(gs_kube_queue *q, const char *key)
{
    item *it = gs_map_get(q->items, key);
    if (!it) {
        it = gs_alloc(sizeof *it);
        it->key = gs_strdup(key);
        it->heap_at = NOT_DELAYED;
        gs_map_put(q->items, key, it);
    }
    return it;
}

static void drop_if_idle(gs_kube_queue *q, item *it)
{
    if (!it->ready && !it->processing && it->heap_at == NOT_DELAYED && it->failures == 0)
        (void)gs_map_del(q->items, it->key);
}

static void heap_put(gs_kube_queue *q, size_t at, item *it)
{
    q->heap[at] = it;
    it->heap_at = at;
}

/* Moves the entry at `at` to where its time belongs. */
static void heap_settle(gs_kube_queue *q, size_t at)
{
    item *it = q->heap[at];
    while (at > 0 && q->heap[(at - 1) / 2]->due_ms > it->due_ms) {
        heap_put(q, at, q->heap[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    for (;;) {
        size_t child = 2 * at + 1;
        if (child + 1 < q->heap_n && q->heap[child + 1]->due_ms < q->heap[child]->due_ms)
            child++;
        if (child >= q->heap_n || q->heap[child]->due_ms >= it->due_ms)
            break;
        heap_put(q, at, q->heap[child]);
        at = child;
    }
    heap_put(q, at, it);
}

static void heap_remove(gs_kube_queue *q, item *it)
{
    size_t at = it->heap_at;
    if (at == NOT_DELAYED)
        return;
    it->heap_at = NOT_DELAYED;
    item *moved = q->heap[--q->heap_n];
    if (moved != it) {
        heap_put(q, at, moved);
        heap_settle(q, at);
    }
}

static void wake(gs_kube_queue *q)
{
    bool can_work = !q->paused && q->first && q->stats.processing < q->o.concurrent;
    if (can_work)
        gs_timer_set(q->timer, 0);
    else if (q->heap_n)
        gs_timer_set(q->timer, q->heap[0]->due_ms - now(q));
    else
        gs_timer_stop(q->timer);
}

static void make_ready(gs_kube_queue *q, item *it)
{
    if (it->processing) {
        it->dirty = true;
        return;
    }
    if (it->ready)
        return;
    it->ready = true;
    it->ready_ms = now(q);
    it->next = NULL;
    if (q->last)
        q->last->next = it;
    else
        q->first = it;
    q->last = it;
    q->stats.depth++;
}

static void work_on_first(gs_kube_queue *q)
{
    item *it = q->first;
    q->first = it->next;
    if (!q->first)
        q->last = NULL;
    it->ready = false;
    it->processing = true;
    it->started_ms = now(q);
    q->stats.depth--;
    q->stats.processing++;
    q->o.process(q->o.ctx, it->key);
}

static void on_timer(void *ctx)
{
    gs_kube_queue *q = ctx;
    while (q->heap_n && q->heap[0]->due_ms <= now(q)) {
        item *it = q->heap[0];
        heap_remove(q, it);
        make_ready(q, it);
    }
    for (int i = 0; i < BATCH && !q->paused && q->first && q->stats.processing < q->o.concurrent; i++)
        work_on_first(q);
    wake(q);
}

gs_kube_queue *gs_kube_queue_new(gs_loop *l, const gs_kube_queue_options *o)
{
    gs_kube_queue *q = gs_alloc(sizeof *q);
    q->o = *o;
    if (q->o.concurrent == 0)
        q->o.concurrent = 1;
    if (q->o.first_ms <= 0)
        q->o.first_ms = GS_KUBE_BACKOFF_FIRST_MS;
    if (q->o.max_ms <= 0)
        q->o.max_ms = GS_KUBE_BACKOFF_MAX_MS;
    q->clock = o->clock ? *o->clock : gs_clock_system();
    q->rng = gs_rng_system();
    q->items = gs_map_new(item_free);
    q->timer = gs_timer_new(l, on_timer, q);
    return q;
}

void gs_kube_queue_free(gs_kube_queue *q)
{
    if (!q)
        return;
    gs_timer_free(q->timer);
    gs_map_free(q->items);
    free(q->heap);
    free(q);
}

void gs_kube_queue_add(gs_kube_queue *q, const char *key)
{
    q->stats.adds++;
    make_ready(q, item_of(q, key));
    wake(q);
}

void gs_kube_queue_add_after(gs_kube_queue *q, const char *key, int64_t delay_ms)
{
    if (delay_ms <= 0) {
        gs_kube_queue_add(q, key);
        return;
    }
    q->stats.adds++;
    item *it = item_of(q, key);
    int64_t due = now(q) + delay_ms;
    if (it->heap_at != NOT_DELAYED && it->due_ms <= due)
        return;
    it->due_ms = due;
    if (it->heap_at == NOT_DELAYED) {
        q->heap = gs_grow(q->heap, &q->heap_cap, q->heap_n + 1, sizeof(item *));
        heap_put(q, q->heap_n++, it);
    }
    heap_settle(q, it->heap_at);
    wake(q);
}

void gs_kube_queue_add_rate_limited(gs_kube_queue *q, const char *key)
{
    item *it = item_of(q, key);
    int64_t delay = gs_rng_backoff(&q->rng, it->failures, q->o.first_ms, q->o.max_ms);
    if (it->failures < 64) /* far beyond the longest delay already */
        it->failures++;
    q->stats.retries++;
    gs_kube_queue_add_after(q, key, delay);
}

void gs_kube_queue_forget(gs_kube_queue *q, const char *key)
{
    item *it = gs_map_get(q->items, key);
    if (!it)
        return;
    it->failures = 0;
    drop_if_idle(q, it);
}

void gs_kube_queue_done(gs_kube_queue *q, const char *key)
{
    item *it = gs_map_get(q->items, key);
    if (!it || !it->processing)
        return;
    it->processing = false;
    q->stats.processing--;
    q->stats.processed++;
    if (q->o.on_done)
        q->o.on_done(q->o.ctx, it->started_ms - it->ready_ms, now(q) - it->started_ms);
    if (it->dirty) {
        it->dirty = false;
        make_ready(q, it);
    } else {
        drop_if_idle(q, it);
    }
    wake(q);
}

void gs_kube_queue_pause(gs_kube_queue *q, bool paused)
{
    q->paused = paused;
    wake(q);
}

gs_kube_queue_stats gs_kube_queue_get_stats(const gs_kube_queue *q)
{
    gs_kube_queue_stats s = q->stats;
    s.delayed = q->heap_n;
    for (gs_map_it it = {0}; gs_map_next(q->items, &it);) {
        const item *i = it.value;
        if (i->processing && now(q) - i->started_ms > s.longest_running_ms)
            s.longest_running_ms = now(q) - i->started_ms;
    }
    return s;
}
