/* A queue of keys to work on, as client-go's workqueue: a key waits in it once, is never worked on twice at a time, and
 * a key added while it is worked on is worked on again afterwards. The queue owns backoff. Loop thread only. */
#ifndef GS_KUBE_QUEUE_H
#define GS_KUBE_QUEUE_H

#include "base/clock.h"
#include "io/loop.h"

typedef struct gs_kube_queue gs_kube_queue;

typedef struct gs_kube_queue_options {
    unsigned concurrent; /* keys worked on at the same time; 0: 1 */
    int64_t first_ms;    /* backoff of add_rate_limited: first and longest; 0: 800 ms and 30 s */
    int64_t max_ms;
    const gs_clock *clock; /* copied; NULL: the system's */
    /* Work on the key. It may end now or later: either way call gs_kube_queue_done once. `key` lives until then. Never
     * called from within one of the functions below. */
    void (*process)(void *ctx, const char *key);
    /* For metrics, at each gs_kube_queue_done: how long the key waited once it was ready, and how long it was worked on. May
     * be NULL. */
    void (*on_done)(void *ctx, int64_t queued_ms, int64_t worked_ms);
    void *ctx;
} gs_kube_queue_options;

gs_kube_queue *gs_kube_queue_new(gs_loop *l, const gs_kube_queue_options *o);
void gs_kube_queue_free(gs_kube_queue *q); /* not from within process */
GS_DEFINE_CLEANUP(gs_kube_queue *, gs_kube_queue_free)

/* Now; a delay that was asked for before stays. */
void gs_kube_queue_add(gs_kube_queue *q, const char *key);
void gs_kube_queue_add_after(gs_kube_queue *q, const char *key,
                             int64_t delay_ms); /* the earlier of two delays counts */
void gs_kube_queue_add_rate_limited(gs_kube_queue *q,
                                    const char *key);         /* after this key's backoff, which then doubles */
void gs_kube_queue_forget(gs_kube_queue *q, const char *key); /* resets its backoff: it went well */
void gs_kube_queue_done(gs_kube_queue *q, const char *key);   /* process is through with it */
void gs_kube_queue_pause(gs_kube_queue *q, bool paused);      /* paused: keys are taken in, none is worked on */

typedef struct gs_kube_queue_stats {
    size_t depth;      /* ready and waiting for a worker */
    size_t delayed;    /* waiting for their time */
    size_t processing; /* worked on */
    uint64_t adds, retries, processed;
    int64_t longest_running_ms;
} gs_kube_queue_stats;
gs_kube_queue_stats gs_kube_queue_get_stats(const gs_kube_queue *q);

#endif
