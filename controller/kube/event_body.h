/* How an Event is spelled, and what makes two of them the same. Pure. Private to kube/. */
#ifndef GS_KUBE_EVENT_BODY_H
#define GS_KUBE_EVENT_BODY_H

#include "base/buf.h"
#include "kube/events.h"

#define GS_EVENT_NOTE_MAX 1024
#define GS_EVENT_WORD_MAX 128
#define GS_EVENT_NAME_MAX 253

/* The same key: the same event again. gs_event_object_key: the same object. Allocated for the caller. */
char *gs_event_key(const gs_kube_event *ev);
char *gs_event_object_key(const gs_kube_object_ref *ref);
/* "<name of the object>.<16 hex digits>", as the API server accepts it. */
void gs_event_name(const char *object, uint64_t unique, char ret[GS_EVENT_NAME_MAX + 1]);
int gs_event_body(gs_buf *out, const gs_kube_event *ev, const char *controller, const char *instance, const char *ns,
                  const char *name, int64_t wall_ms, gs_error *err);
int gs_event_series(gs_buf *out, uint64_t count, int64_t wall_ms, gs_error *err);

#endif
