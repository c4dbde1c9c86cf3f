/* Sends one notice to one destination. Loop thread only. */
#ifndef GS_EDGE_NOTIFY_H
#define GS_EDGE_NOTIFY_H

#include "core/policy.h"
#include "edge/destinations.h"
#include "io/http.h"

typedef struct gs_notify gs_notify;

/* Connects only where d (which outlives it) allows it, by name and by address. */
int gs_notify_new(gs_loop *l, const gs_destinations *d, gs_notify **ret, gs_error *err);
void gs_notify_free(gs_notify *n); /* what is under way is cancelled, without calling back */
GS_DEFINE_CLEANUP(gs_notify *, gs_notify_free)

/* POST body to url (white space around it is not of it; an Alertmanager's gets /api/v2/alerts where it does not end so),
 * application/json. hmac_key ("" or NULL: none): header X-Gostat-Signature: sha256=<hex of HMAC-SHA256 over
 * "<timestamp>.<body>">, X-Gostat-Timestamp: <Unix seconds>. Everything is copied. One try; retry_after_ms as the service
 * asked, -1: it did not. An error names the destination's host and the HTTP status, or the service's own error number (WeCom
 * answers 200 with errcode), never the URL (it holds a key) and never a text of the answer.
 * Kinds: GS_TRANSIENT network, 408, 429, 5xx, WeCom's 45009 (too many) and -1 (busy); GS_REFUSED the operator
 * does not allow the destination; GS_TERMINAL the rest. Never called back from within. */
typedef void (*gs_notify_done)(void *ctx, const gs_error *err, int64_t retry_after_ms);
typedef struct gs_notify_call gs_notify_call;
gs_notify_call *gs_notify_send(gs_notify *n, enum gs_notify_type t, const char *url, const char *hmac_key, gs_str body,
                               int64_t wall_ms, gs_notify_done fn, void *ctx);
/* fn will not be called; what has been sent is not taken back. NULL is fine. Not once fn was entered. */
void gs_notify_cancel(gs_notify_call *c);

#endif
