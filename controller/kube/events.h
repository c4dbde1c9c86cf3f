/* Recorder of events.k8s.io/v1 Events: what `kubectl describe` and `kubectl events` show.
 *
 * Recording never blocks and never fails: what cannot be written is retried, then dropped and counted. The same event
 * (regarding, related, type, reason, action and note alike) again within six minutes becomes a series of the first one;
 * its count is written at most each series_ms. A token bucket for each object (25, one more each 5 minutes) bounds
 * what one object can cause. Loop thread only. */
#ifndef GS_KUBE_EVENTS_H
#define GS_KUBE_EVENTS_H

#include "kube/client.h"

typedef struct gs_kube_events gs_kube_events;

typedef struct gs_kube_object_ref {
    const char *api_version, *kind, *ns, *name, *uid; /* ns NULL: not namespaced; uid may be NULL */
    const char *resource_version;                     /* may be NULL */
} gs_kube_object_ref;

enum gs_kube_event_type { GS_KUBE_NORMAL, GS_KUBE_WARNING };

typedef struct gs_kube_event {
    gs_kube_object_ref regarding;
    const gs_kube_object_ref *related; /* or NULL */
    enum gs_kube_event_type type;
    const char *reason; /* CamelCase, why: "LeakFound"; at most 128 */
    const char *action; /* CamelCase, what was done: "ScaleOut"; at most 128 */
    const char *note;   /* for people; cut to 1,024 bytes */
} gs_kube_event;

typedef struct gs_kube_events_options {
    const char *controller; /* reportingController: "gostat.dev/controller" */
    const char *instance;   /* reportingInstance: the pod's name */
    size_t max_series;      /* distinct events remembered; 0: 4,096, the oldest goes */
    size_t max_pending;     /* being written; 0: 256; beyond: dropped */
    int64_t window_ms;      /* of a series; 0: 6 minutes */
    int64_t series_ms;      /* 0: 30 s; a series' count is written after that long */
} gs_kube_events_options;

/* Strings are copied. */
gs_kube_events *gs_kube_events_new(gs_kube *k, const gs_kube_events_options *o);
/* What is still to be written is lost; see gs_kube_events_flush. */
void gs_kube_events_free(gs_kube_events *e);
GS_DEFINE_CLEANUP(gs_kube_events *, gs_kube_events_free)

void gs_kube_events_record(gs_kube_events *e, const gs_kube_event *ev);
/* Writes the series' counts now and calls done(ctx) when nothing is under way any more, at the latest after
 * timeout_ms. */
void gs_kube_events_flush(gs_kube_events *e, int64_t timeout_ms, void (*done)(void *ctx), void *ctx);

typedef struct gs_kube_events_stats {
    uint64_t recorded, created, patched, dropped, limited;
    size_t pending, series;
} gs_kube_events_stats;
gs_kube_events_stats gs_kube_events_get_stats(const gs_kube_events *e);

#endif
