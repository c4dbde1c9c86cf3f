/* What the API server says of a workload, its HorizontalPodAutoscaler, its ReplicaSets and its pods, as the facts that
 * core/heal decides on. Fields that nobody asks for are not looked at. Pure functions; any thread. All return 0 or
 * -GS_TERMINAL with a message that names the field. */
#ifndef GS_CODEC_WORKLOAD_H
#define GS_CODEC_WORKLOAD_H

#include "base/err.h"
#include "core/heal.h"

#define GS_DELETION_COST_KEY "controller.kubernetes.io/pod-deletion-cost"
#define GS_RESTARTED_AT_KEY "kubectl.kubernetes.io/restartedAt"
#define GS_VERSION_LEN 32          /* a resourceVersion and its end */
#define GS_LABEL_SELECTOR_LEN 4096 /* longer ones are refused: they go into a URL */

enum gs_workload_kind {
    GS_WORKLOAD_OTHER, /* not known: it can do nothing */
    GS_WORKLOAD_DEPLOYMENT,
    GS_WORKLOAD_STATEFULSET,
    GS_WORKLOAD_DAEMONSET,
    GS_WORKLOAD_REPLICASET,
    GS_WORKLOAD_SCALE, /* any kind with a scale subresource: what is read is its Scale */
};
/* One of apps/v1 by its words; else OTHER. */
enum gs_workload_kind gs_workload_kind_of(const char *api_version, const char *kind);

typedef struct gs_workload_meta {
    char uid[GS_UID_LEN], version[GS_VERSION_LEN]; /* version: what a write to it, or to its scale, is conditional on */
    bool observed; /* its controller has seen the newest spec, so that its counts can be believed */
    char selector[GS_LABEL_SELECTOR_LEN]; /* of its pods, as a LIST takes it; "": it tells none */
} gs_workload_meta;

/* Fills all of *f but autoscaler, replica_sets and pods. available stays -1 where the status does not count them.
 *
 * rolling says that pods of an older template are there: scaling is not a rollout. Deployment: status.updatedReplicas <
 * status.replicas. StatefulSet: its two revisions differ and fewer than all beyond the partition are updated; OnDelete is
 * never rolling. DaemonSet: fewer updated than scheduled. And, of each: not observed. */
int gs_workload_from_json(gs_str object, enum gs_workload_kind kind, gs_workload_facts *f, gs_workload_meta *m,
                          gs_error *err);

/* The autoscaler, where it scales w: its name, bounds, and whether KEDA owns it go into *f, and its resourceVersion to
 * version; else both stay as they are. */
int gs_autoscaler_from_json(gs_str object, const gs_workload_ref *w, gs_workload_facts *f, char version[GS_VERSION_LEN],
                            gs_error *err);

typedef struct gs_owned {
    char uid[GS_UID_LEN], owner_uid[GS_UID_LEN]; /* of the controlling owner; "" for none */
    int replicas;                                /* the larger one of what is wanted and what is there */
} gs_owned;
int gs_replicaset_from_json(gs_str object, gs_owned *ret, gs_error *err);

typedef struct gs_pod_seen {
    gs_pod_facts facts;
    char owner_uid[GS_UID_LEN], version[GS_VERSION_LEN];
    bool finished; /* Succeeded or Failed: its controller does not count it */
} gs_pod_seen;
int gs_pod_facts_from_json(gs_str object, gs_pod_seen *ret, gs_error *err);

/* metav1.LabelSelector as a LIST takes it: "app=payments,tier in (a,b),!canary". An empty or absent one is "". */
int gs_label_selector_text(gs_str selector, char *dst, size_t cap, gs_error *err);

#endif
