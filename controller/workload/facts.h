/* What the API server says of a workload just now: the facts that core/heal decides on. For the controller, and for whoever
 * wants to know what it would decide. Loop thread only. */
#ifndef GS_WORKLOAD_FACTS_H
#define GS_WORKLOAD_FACTS_H

#include "codec/workload.h"
#include "workload/owners.h"
#include "workload/rights.h"

/* What was found, and the versions that writes are conditional on. Freed with gs_found_done. */
typedef struct gs_found {
    gs_workload_facts f;
    gs_kube_kind kind;                       /* of the workload: as f.group and f.plural */
    char version[GS_VERSION_LEN];            /* of the workload, which is that of its scale too */
    char autoscaler_version[GS_VERSION_LEN]; /* "" where there is none */
    char (*pod_versions)[GS_VERSION_LEN];    /* as f.pods */
    size_t cap_pods, cap_versions;
} gs_found;
void gs_found_done(gs_found *f);
GS_DEFINE_CLEANUP_VALUE(gs_found, gs_found_done)

typedef struct gs_look_options {
    gs_kube *kube;
    gs_kube_discovery *discovery;
    const gs_owners *owners;         /* what is known of its pods' */
    const gs_workload_ref *workload; /* copied */
    int pods;                        /* that it is known to have: of a kind that nothing can be read of */
    gs_rights *rights; /* where found->f.lacks is to say what our own user lacks ...; NULL: it is not asked */
    unsigned actions;  /* ... of what these need: 1u << enum gs_action_type */
    /* Once, never from within start; found is valid within it, and all there where err->kind is GS_OK. */
    void (*done)(void *ctx, const gs_found *found, const gs_error *err);
    void *ctx;
} gs_look_options;

typedef struct gs_look gs_look;
gs_look *gs_look_start(const gs_look_options *o);
void gs_look_cancel(gs_look *l); /* NULL is fine */

#endif
