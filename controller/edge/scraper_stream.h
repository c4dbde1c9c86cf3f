/* Profiles that are kept, not looked into: streamed from a pod to a sink as they arrive, never held whole. Loop thread only.
 *
 * GET <pprof>/heap?debug=0, profile?seconds=N, trace?seconds=N, goroutine?debug=0 or 2, goroutineleak?debug=0. Over all
 * pods at most GS_STREAMS at once, and apart from them GS_TIMED_STREAMS of CPU and TRACE, which take minutes; the others of each
 * sort wait in order. Only the pod's own address is ever connected to. */
#ifndef GS_EDGE_SCRAPER_STREAM_H
#define GS_EDGE_SCRAPER_STREAM_H

#include "edge/scraper.h"

#define GS_STREAMS 4
#define GS_TIMED_STREAMS 8

/* How a profile of each kind is asked for, and told from what is none. */
typedef struct gs_stream_form {
    const char *suffix; /* of the pprof path */
    bool timed;         /* the suffix ends with the seconds */
    size_t max_bytes;   /* as sent */
    gs_str magic;       /* its first bytes */
} gs_stream_form;
const gs_stream_form *gs_stream_form_of(enum gs_profile_kind kind);

typedef struct gs_stream gs_stream;

typedef struct gs_stream_sink {
    /* false: no more until gs_stream_resume, but for what arrived with this piece. The piece counts as taken. */
    bool (*write)(void *ctx, const char *p, size_t n);
    /* Once, never from within a call of this header; the stream is gone then. It may free the scraper.
     * GS_NOT_FOUND: the pod does not offer this kind (404). GS_TERMINAL: something else is sent (write was not called
     * then), the cap on bytes is reached, or the pod refuses these seconds. GS_TRANSIENT: the pod does not answer in
     * time, does not let us in (its access may be rotated right now), or profiles its CPU already (500). */
    void (*done)(void *ctx, const gs_error *err);
    void *ctx;
} gs_stream_sink;

/* seconds: of CPU and TRACE. All of it may take seconds + 30 s and no byte seconds + 10 s, however slow the sink is: what a
 * pod has traced and cannot get rid of stays in its memory. Strings of e are read during the call only. */
gs_stream *gs_stream_start(gs_scraper *s, const gs_endpoint *e, enum gs_profile_kind kind, int seconds,
                           const gs_stream_sink *sink);
void gs_stream_resume(gs_stream *st); /* not paused: nothing happens */
void gs_stream_cancel(gs_stream *st); /* done is not called. Not from within write. NULL is fine */

#endif
