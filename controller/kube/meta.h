/* What every object has, read from its JSON bytes without copying: all strings are views of these bytes and live as
 * long. Values that contain an escape (only annotations can) are as written, escapes included. Any thread. */
#ifndef GS_KUBE_META_H
#define GS_KUBE_META_H

#include "base/err.h"
#include "base/str.h"

typedef struct gs_kube_owner {
    gs_str api_version, kind, name, uid;
} gs_kube_owner;

typedef struct gs_kube_meta {
    gs_str api_version, kind; /* empty in the items of some lists */
    gs_str ns, name, generate_name, uid, resource_version;
    gs_str creation_timestamp, deletion_timestamp; /* RFC 3339; empty: absent */
    int64_t generation;                            /* 0: absent */
    gs_kube_owner controller;                      /* the owner with controller: true; kind empty: none */
    gs_str labels, annotations, finalizers;        /* the raw JSON, or empty */
} gs_kube_meta;

/* -GS_TERMINAL where the bytes are no JSON object, or a field has a type that Kubernetes never gives it. */
int gs_kube_meta_read(gs_str object, gs_kube_meta *ret, gs_error *err);

/* for (gs_kube_labels it = gs_kube_labels_of(meta.labels); gs_kube_labels_next(&it);) use(it.key, it.value); */
typedef struct gs_kube_labels {
    gs_str key, value;
    gs_str rest_; /* private */
} gs_kube_labels;
gs_kube_labels gs_kube_labels_of(gs_str raw);
bool gs_kube_labels_next(gs_kube_labels *it);
/* The value of one label or annotation; p is NULL where it is absent. */
gs_str gs_kube_label(gs_str raw, const char *key);
bool gs_kube_has_finalizer(const gs_kube_meta *m, const char *finalizer);

#endif
