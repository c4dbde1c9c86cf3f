/* A series of samples as CSV (RFC 4180): a header line that names the columns, in any order, then a line for each
 * sample. As a stream: memory does not grow with the input. Pure but for the rows that it hands on; one thread at a time.
 *
 *   t_seconds                     required: seconds, ascending; Unix time or counted from anything else, 0 or more
 *   go_goroutines                 required: empty or NaN where the pod did not answer
 *   pod                           several pods of one workload; rows of different pods may have the same time
 *   process_start_time_seconds, process_open_fds, process_resident_memory_bytes, process_cpu_seconds_total,
 *   go_memstats_heap_inuse_bytes, load
 *                                 empty or NaN where not exposed
 * Other columns are passed over. Empty lines are, too; a byte order mark may come first. */
#ifndef GS_CODEC_SERIES_CSV_H
#define GS_CODEC_SERIES_CSV_H

#include "base/cleanup.h"
#include "base/err.h"
#include "core/series.h"

typedef struct gs_series_row {
    int64_t t_ms;     /* 0..GS_SERIES_MAX_T_MS */
    gs_str pod;       /* 1..253 bytes without control characters; empty: there is no such column */
    gs_sample sample; /* finite and >= 0, or NaN */
} gs_series_row;

#define GS_SERIES_MAX_T_MS 253402300799000 /* the end of the year 9999 */

typedef struct gs_series_csv gs_series_csv;

/* fn gets each row as it is complete; what it points to lives until fn returns. An error of fn ends the decoding, with
 * the line's number put in front. */
typedef int (*gs_series_row_fn)(void *ctx, const gs_series_row *row, gs_error *err);
gs_series_csv *gs_series_csv_new(gs_series_row_fn fn, void *ctx);
void gs_series_csv_free(gs_series_csv *c);
GS_DEFINE_CLEANUP(gs_series_csv *, gs_series_csv_free)

/* Any chunking gives the same result. Errors (GS_TERMINAL; GS_NO_MEMORY at a cap of base/limits.h) name line and column,
 * what is wrong and the fix; they stick. */
int gs_series_csv_feed(gs_series_csv *c, const char *p, size_t n, gs_error *err);
/* After the last byte; input without a header, or without a row, is an error. */
int gs_series_csv_finish(gs_series_csv *c, gs_error *err);

/* Once the header is read: names of columns that are passed over, "a, b", cut after some; "" none. */
const char *gs_series_csv_ignored(const gs_series_csv *c);

#endif
