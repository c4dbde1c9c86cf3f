/* Follows a collection: LIST, then WATCH with bookmarks, for ever; resumes at the last resourceVersion after any fault
 * and lists again only where the API server has forgotten it (410). Keeps no copy of any object.
 *
 * The owner keeps its own store: on_list_begin, on_object for each, on_list_end; what it had before and did not see
 * between the two is gone (there will be no on_deleted for it). on_list_begin may come again before on_list_end: start counting
 * anew. Afterwards on_object for what was added or changed (an object may be told more than once), on_deleted
 * with its last state. Loop thread only; every function here may be called from within the callbacks. */
#ifndef GS_KUBE_INFORMER_H
#define GS_KUBE_INFORMER_H

#include "kube/client.h"

typedef struct gs_informer gs_informer;

typedef struct gs_informer_options {
    const gs_kube_resource *resource;
    const char *ns;             /* NULL: all namespaces */
    const char *label_selector; /* or NULL */
    const char *field_selector; /* or NULL */
    int64_t idle_ms;            /* a watch without a byte for so long is dead (bookmarks come each minute); 0: 100 s */
    int64_t watch_min_ms;       /* the server ends a watch after min..max, drawn by lot; 0: 240 s and 480 s */
    int64_t watch_max_ms;
    int64_t backoff_first_ms; /* 0: 800 */
    int64_t backoff_max_ms;   /* 0: 30 s */

    void (*on_list_begin)(void *ctx);
    /* Non-zero: this object could not be decoded. It is counted and logged with *err; the informer goes on. */
    int (*on_object)(void *ctx, gs_str object, gs_error *err);
    void (*on_deleted)(void *ctx, gs_str object);
    void (*on_list_end)(void *ctx);
    /* A LIST or WATCH failed and is tried again. NULL: it is logged here, as base/repeat.h has it. */
    void (*on_fault)(void *ctx, const gs_error *err);
    void *ctx;
} gs_informer_options;

/* Strings are copied. */
gs_informer *gs_informer_new(gs_kube *k, const gs_informer_options *o);
void gs_informer_start(gs_informer *i);
void gs_informer_stop(gs_informer *i); /* no callback after it; may be started again (it lists again) */
void gs_informer_free(gs_informer *i);
GS_DEFINE_CLEANUP(gs_informer *, gs_informer_free)

/* True from the first complete LIST on. */
bool gs_informer_synced(const gs_informer *i);

typedef struct gs_informer_stats {
    uint64_t lists, watches, events, bookmarks, bad_objects, faults;
    int64_t last_heard_ms; /* monotonic time of the last byte from the API server; 0: none yet */
} gs_informer_stats;
gs_informer_stats gs_informer_get_stats(const gs_informer *i);

#endif
