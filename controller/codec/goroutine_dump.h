/* Goroutine profiles of any form, told apart by their content, as a stream:
 *   pprof protobuf, gzip or not (goroutine or goroutineleak);
 *   goroutine?debug=1, "goroutine profile: total N" and stacks with counts;
 *   goroutine?debug=2, one block for each goroutine (Go 1.20 to 1.27), also from a crash or SIGQUIT with lines before it.
 *
 * Memory is bounded by the number of different stacks (base/limits.h), not by the input, but for protobuf, which is kept
 * whole up to GS_MAX_PROFILE_BYTES since its strings come last. One thread at a time; owns its output. */
#ifndef GS_CODEC_GOROUTINE_DUMP_H
#define GS_CODEC_GOROUTINE_DUMP_H

#include "base/cleanup.h"
#include "base/err.h"
#include "core/stack.h"

typedef struct gs_dump gs_dump;

gs_dump *gs_dump_new(bool keep_goroutines); /* fills gs_profile.goroutines where the input has ids */
void gs_dump_free(gs_dump *d);
GS_DEFINE_CLEANUP(gs_dump *, gs_dump_free)

/* Which of the forms the content was found to be; GS_DUMP_UNKNOWN while too little of it was fed to tell. */
enum gs_dump_format { GS_DUMP_UNKNOWN, GS_DUMP_PPROF, GS_DUMP_DEBUG1, GS_DUMP_DEBUG2 };
enum gs_dump_format gs_dump_format(const gs_dump *d);

/* Any chunking gives the same result. Errors (GS_TERMINAL) say what was expected at which line or byte; GS_NO_MEMORY at
 * a cap. */
int gs_dump_feed(gs_dump *d, const char *p, size_t n, gs_error *err);
/* Input that ends in the middle of a text form is a profile with truncated set; an empty input is an error. */
int gs_dump_finish(gs_dump *d, gs_profile **ret, gs_error *err);

/* The same for bytes in memory. */
int gs_dump_decode(gs_str body, bool keep_goroutines, gs_profile **ret, gs_error *err);

#endif
