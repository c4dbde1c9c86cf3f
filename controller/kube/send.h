/* Between verbs.c, which says what to send, and client.c, which sends it. Private to kube/. */
#ifndef GS_KUBE_SEND_H
#define GS_KUBE_SEND_H

#include "kube/client.h"

typedef struct gs_kube_send {
    const char *method, *verb; /* constants; they differ for LIST and WATCH */
    const char *content_type;  /* a constant; NULL: no body */
    const gs_kube_path *path;
    const char *query; /* or NULL */
    gs_str body;       /* copied */
    bool watch;
    int64_t timeout_ms, idle_timeout_ms;
    int64_t deadline_ms; /* of all attempts; below 0: one attempt */
    size_t max_bytes;
    int (*on_data)(void *ctx, const char *p, size_t n, gs_error *err);
    gs_kube_done done;
    void *ctx;
    gs_error failed; /* set: nothing is sent, done gets it */
} gs_kube_send;

gs_kube_call *gs_kube_send_start(gs_kube *k, const gs_kube_send *s);
const char *gs_kube_field_manager(const gs_kube *k); /* or NULL */

#endif
