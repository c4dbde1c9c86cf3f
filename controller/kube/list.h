/* A LIST in pages of GS_LIST_PAGE, each object handed on as it arrives: memory is that of one object, not of a page.
 *
 * The pages are one consistent snapshot. Faults are retried until deadline_ms; where the snapshot expired meanwhile
 * (410) or the first page broke off, the listing starts over and on_restart says that what was handed on no longer
 * counts.
 * Loop thread only. */
#ifndef GS_KUBE_LIST_H
#define GS_KUBE_LIST_H

#include "kube/client.h"

typedef struct gs_kube_list gs_kube_list;

typedef struct gs_kube_list_options {
    const gs_kube_resource *resource;
    const char *ns;                /* NULL: all namespaces */
    const char *label_selector;    /* "app=payments,tier!=web"; or NULL */
    const char *field_selector;    /* "spec.nodeName=n1"; or NULL */
    unsigned page;                 /* 0: GS_LIST_PAGE */
    int64_t deadline_ms;           /* without progress; 0: 60 s; below 0: no retries */
    void (*on_restart)(void *ctx); /* may be NULL */
    /* One object; the bytes live until it returns. Non-zero ends the listing with *err. */
    int (*on_item)(void *ctx, gs_str object, gs_error *err);
    /* Once, at the end; on success err->kind is GS_OK and resource_version that of the snapshot. */
    void (*on_done)(void *ctx, const gs_error *err, const char *resource_version);
    void *ctx;
} gs_kube_list_options;

/* Strings are copied. The list frees itself after on_done. Never fails here: errors come through on_done. */
gs_kube_list *gs_kube_list_start(gs_kube *k, const gs_kube_list_options *o);
/* on_done will not be called. From any callback, until on_done was entered. NULL is fine. */
void gs_kube_list_cancel(gs_kube_list *l);

#endif
