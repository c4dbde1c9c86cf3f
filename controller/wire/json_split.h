/* Cuts a stream of JSON into values as its bytes arrive: the items of a Kubernetes list, or the frames of a
 * watch.
 *
 * What is handed out are the raw bytes of one object, valid during the call only: without a copy where it
 * lies in one chunk. Brackets and strings of an object are checked here, the rest by whoever decodes it with
 * a cursor. At most one partial value is kept, of at most GS_MAX_OBJECT_BYTES. Errors stick. The splitter is
 * a heap object of its owner; one thread at a time, and on_item must not call back into the splitter. */
#ifndef GS_WIRE_JSON_SPLIT_H
#define GS_WIRE_JSON_SPLIT_H

#include "base/cleanup.h"
#include "base/err.h"
#include "base/str.h"

typedef struct gs_json_split gs_json_split;

enum gs_json_split_mode {
    GS_JSON_LIST,   /* one object {"kind": …, "metadata": {…}, "items": [{…}, …]}, its members in any order */
    GS_JSON_FRAMES, /* objects one after the other, white space between them or none */
};

/* 0 to go on; a negative kind with *err set stops the splitter, and feed returns it. */
typedef int gs_json_item_fn(void *ctx, gs_str object, gs_error *err);

gs_json_split *gs_json_split_new(enum gs_json_split_mode mode, gs_json_item_fn *on_item, void *ctx);
void gs_json_split_free(gs_json_split *s);
GS_DEFINE_CLEANUP(gs_json_split *, gs_json_split_free)

/* -GS_TERMINAL for malformed input ("at byte N: reason"), -GS_NO_MEMORY for an object over the cap. */
int gs_json_split_feed(gs_json_split *s, gs_str chunk, gs_error *err);
/* At the end of the input: -GS_TRANSIENT where it was cut off, -GS_TERMINAL where it is no list at all. */
int gs_json_split_finish(gs_json_split *s, gs_error *err);

/* LIST: the raw "metadata" object ({resourceVersion, continue, …}), wherever it stood; empty while it has not
 * come. Valid as long as the splitter. Use gs_json_find_string on it. */
gs_str gs_json_split_metadata(const gs_json_split *s);
/* Objects handed out so far. */
size_t gs_json_split_count(const gs_json_split *s);
/* Ready for a new stream; memory is kept. */
void gs_json_split_reset(gs_json_split *s);

#endif
