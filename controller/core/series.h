/* The L1 samples of one process in constant memory: the last few counts for growth, and minima over a window for surge.
 * Plain value; zero-initialised is empty. */
#ifndef GS_CORE_SERIES_H
#define GS_CORE_SERIES_H

#include "base/str.h"

/* One L1 sample: what one pass over /metrics keeps. NaN where the pod does not expose a value. */
typedef struct gs_sample {
    double goroutines;   /* go_goroutines, or the total of a profile */
    double start_time_s; /* process_start_time_seconds, Unix */
    double heap_inuse;   /* go_memstats_heap_inuse_bytes */
    double cpu_s;        /* process_cpu_seconds_total */
    double open_fds;     /* process_open_fds */
} gs_sample;

#define GS_SERIES_RECENT 16 /* growth.periods is at most 15 */
#define GS_SERIES_BUCKETS 8 /* the surge window in eighths */

typedef struct gs_series {
    float recent[GS_SERIES_RECENT]; /* a ring of counts */
    int64_t recent_ms[GS_SERIES_RECENT];
    unsigned head, n;
    float bucket_min[GS_SERIES_BUCKETS]; /* < 0: no sample fell into it */
    int64_t bucket_at[GS_SERIES_BUCKETS];
    double start_time_s; /* of the process; 0: not known */
    int64_t since_ms;    /* first sample of this process */
} gs_series;

enum gs_series_event { GS_SERIES_CONTINUES, GS_SERIES_STARTED, GS_SERIES_RESTARTED, GS_SERIES_GAP };

/* Adds a sample taken at now_ms (monotonic). A new process starts the series anew; a gap of over 2.5 intervals empties
 * what growth looks at, since rises must be consecutive. s->goroutines must be finite. */
enum gs_series_event gs_series_add(gs_series *se, const gs_sample *s, int64_t now_ms, int64_t interval_ms,
                                   int64_t window_ms);

float gs_series_last(const gs_series *se); /* -1 while empty */
/* The i-th count back from the newest, i < se->n. */
float gs_series_back(const gs_series *se, unsigned i, int64_t *ret_ms);
/* The smallest count in the window that ends now; -1 where there is none. */
float gs_series_window_min(const gs_series *se, int64_t now_ms, int64_t window_ms);
/* The largest and the smallest of the recent counts up to this time; -1 where there is none. */
float gs_series_max_until(const gs_series *se, int64_t until_ms);
float gs_series_min_until(const gs_series *se, int64_t until_ms);
/* The smallest of the recent counts after this time; 0 where there is none. */
float gs_series_min_after(const gs_series *se, int64_t after_ms);
/* Newest count over the oldest recent one; 1 while unknown. */
double gs_series_growth_ratio(const gs_series *se);

#endif
