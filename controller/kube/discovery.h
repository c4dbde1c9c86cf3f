/* From a kind, as an ownerReference has it, to the resource that it is read by, and whether that has a scale.
 *
 * One GET for each group and version, shared by all who ask meanwhile. Its answer is kept for GS_KUBE_DISCOVERY_MS, that
 * there is none too; a transient failure is not. Loop thread only. */
#ifndef GS_KUBE_DISCOVERY_H
#define GS_KUBE_DISCOVERY_H

#include "kube/client.h"

#define GS_KUBE_DISCOVERY_MS 600000

typedef struct gs_kube_discovery gs_kube_discovery;
typedef struct gs_kube_lookup gs_kube_lookup;

typedef struct gs_kube_kind {
    char group[254], version[64], plural[254];
    bool namespaced, scale;
} gs_kube_kind;

gs_kube_discovery *gs_kube_discovery_new(gs_kube *k);
void gs_kube_discovery_free(gs_kube_discovery *d); /* lookups are dropped; before the client */
GS_DEFINE_CLEANUP(gs_kube_discovery *, gs_kube_discovery_free)

/* done is called once, never from within find; kind is valid within it. err->kind GS_NOT_FOUND: there is no such kind, or
 * api_version is none ("apps/v1", or "v1" of the core group). */
gs_kube_lookup *gs_kube_discovery_find(gs_kube_discovery *d, const char *api_version, const char *kind,
                                       void (*done)(void *ctx, const gs_kube_kind *kind, const gs_error *err),
                                       void *ctx);
void gs_kube_lookup_cancel(gs_kube_lookup *l); /* NULL is fine */

/* A kind as the client takes it; its strings are those of *kind. */
static inline gs_kube_resource gs_kube_kind_resource(const gs_kube_kind *kind)
{
    return (gs_kube_resource){kind->group, kind->version, kind->plural, kind->namespaced};
}

#endif
