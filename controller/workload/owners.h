/* Which workload a pod belongs to, by its controlling owners as the API server has them.
 *
 * A gs_owners keeps what it has learnt, one GET for each owner, however many pods it has. Loop thread only. */
#ifndef GS_WORKLOAD_OWNERS_H
#define GS_WORKLOAD_OWNERS_H

#include "base/map.h"
#include "codec/pod.h"
#include "kube/discovery.h"

typedef struct gs_owners gs_owners;

/* on_known: an owner that this pod waited for is known, ask again; never called from within a call of this header. */
gs_owners *gs_owners_new(gs_kube *k, gs_kube_discovery *d, void (*on_known)(void *ctx, const char *ns, const char *pod),
                         void *ctx);
void gs_owners_free(gs_owners *o); /* what is asked is dropped; before client and discovery */
GS_DEFINE_CLEANUP(gs_owners *, gs_owners_free)

/* The topmost of its owners that is a Deployment, StatefulSet, DaemonSet or ReplicaSet, or has a scale subresource; where none
 * is, the direct one; of a pod without owners, the pod. False: not known yet; on_known will say so, once, as *waiting
 * remembers (the caller's, false before, cleared by the caller in on_known; one that is true is not told). */
bool gs_owners_workload(gs_owners *o, const gs_pod *p, bool *waiting, gs_workload_ref *ret);
/* The resource of apps/v1 that it is; false: another one, *ret is empty. */
bool gs_workload_resource(const gs_workload_ref *w, gs_kube_kind *ret);
/* The owner is the object with this uid, or is controlled by it over some levels, as far as is known. */
bool gs_owners_lead_to(const gs_owners *o, const char *owner_uid, const char *uid);
bool gs_owners_resolving(const gs_owners *o); /* some are being asked for */

/* Those that no pod belongs to any more: a rollout leaves one behind each time. Worth a trim, of so many pods? */
bool gs_owners_many(const gs_owners *o, size_t pods);
void gs_owners_trim(gs_owners *o, const gs_map *direct); /* by uid: the direct owners of all pods */

#endif
