/* How requests are spelled and failures are read: the pure part of the client. Any thread. */
#ifndef GS_KUBE_API_H
#define GS_KUBE_API_H

#include "base/buf.h"
#include "kube/client.h"

#define GS_KUBE_MAX_URL 16384

/* Appends s percent-encoded (everything but RFC 3986 unreserved characters). */
int gs_kube_escape(gs_buf *out, gs_str s);
/* Appends "&key=value" (or "key=value" where out is empty), the value percent-encoded; nothing where value is NULL. */
int gs_kube_query(gs_buf *out, const char *key, const char *value);
/* Appends server, path and query. -GS_TERMINAL for a path that would mean another object than the caller thought:
 * an empty name or namespace, "." or "..", a named namespaced object without its namespace. A resource "" means the
 * group's version itself. */
int gs_kube_url(gs_buf *out, const char *server, const gs_kube_path *p, const char *query, gs_error *err);
/* "deployments/scale", and for messages "deployments/scale shop/web". */
void gs_kube_resource_label(const gs_kube_path *p, char *dst, size_t cap);
void gs_kube_path_label(const gs_kube_path *p, char *dst, size_t cap);

/* metav1.Status, by which the API server explains a failure. */
typedef struct gs_kube_status {
    int code;
    char reason[64];
    char message[360];      /* cut */
    int64_t retry_after_ms; /* -1: not given */
    bool budget;            /* one of its causes is a PodDisruptionBudget */
} gs_kube_status;

/* False where the bytes are no Status. */
bool gs_kube_status_read(gs_str body, gs_kube_status *ret);
/* Sets *err from an HTTP code and what came with it: "<what>: 409 Conflict: <message>". st may be NULL. */
int gs_kube_status_error(int code, const gs_kube_status *st, const char *what, gs_error *err);

#endif
