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
    double rss;          /* process_resident_memory_bytes */
    double load;         /* sum of gauges that count connections, streams or requests in flight */
} gs_sample;

#define GS_SERIES_RECENT 31   /* baseline.samples is at most 30, and the newest */
#define GS_SERIES_BUCKETS 8   /* the surge window in eighths */
#define GS_FLOOR_WINDOWS 9    /* floor.windows is at most 8, and the one that is not complete */
#define GS_FLOOR_SCALES 4     /* floors of windows once, 4, 16 and 64 times as long find slower leaks */

/* The lengths that a policy gives: milliseconds. */
typedef struct gs_windows {
    int64_t interval, surge, floor;
} gs_windows;

/* A plain value of constant size, whatever the windows; its fields are series.c's own. */
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

/* Adds a sample taken at now_ms (monotonic). A new process, told by its start time or by a counter that jumps back,
 * starts the series anew; a gap of over 2.5 intervals empties what growth looks at, since rises must be consecutive, and
 * spoils the floor windows it falls into. s->goroutines must be finite. */
enum gs_series_event gs_series_add(gs_series *se, const gs_sample *s, int64_t now_ms, const gs_windows *w);

unsigned gs_series_len(const gs_series *se); /* recent counts */
float gs_series_last(const gs_series *se);   /* -1 while empty */
/* The newest of each; NaN where not exposed. */
float gs_series_fds(const gs_series *se);
float gs_series_load(const gs_series *se);
double gs_series_rss(const gs_series *se);
int64_t gs_series_since_ms(const gs_series *se); /* first sample of this process */
/* The i-th count back from the newest, i < len. */
float gs_series_back(const gs_series *se, unsigned i, int64_t *ret_ms);
/* The smallest count in the surge window that ends now; -1 where there is none. */
float gs_series_window_min(const gs_series *se, int64_t now_ms, int64_t window_ms);
/* The largest and the smallest of the recent counts up to this time; -1 where there is none. */
float gs_series_max_until(const gs_series *se, int64_t until_ms);
float gs_series_min_until(const gs_series *se, int64_t until_ms);
/* The smallest of the recent counts after this time; 0 where there is none. */
float gs_series_min_after(const gs_series *se, int64_t after_ms);
/* Newest count over the oldest recent one; 1 while unknown. */
double gs_series_growth_ratio(const gs_series *se);
/* Nearest-rank percentile of up to `samples` counts before the newest; -1 while there are fewer than that many. */
float gs_series_percentile(const gs_series *se, unsigned samples, int percentile);

typedef struct gs_floor {
    unsigned scale;    /* the windows were this many times windowSeconds long */
    float from, to;    /* minima of the first and the last window */
    int64_t since_ms;  /* when the first window began */
} gs_floor;
/* Whether the minimum rose strictly from window to window over the last `windows` complete ones, in all by at least
 * GS_MIN_RISE, on the shortest scale where it did. */
bool gs_series_floor(const gs_series *se, unsigned windows, gs_floor *ret);

/* Robust slope of the recent counts, goroutines per second: the median over all pairs (Theil 1950, Sen 1968); 0 where
 * fewer than 3. */
double gs_series_slope(const gs_series *se);
/* When the growth began, monotonic: where the robust line through the recent counts meets the lowest earlier count that
 * is known, at the earliest the first sample of the process and never after the newest sample. */
int64_t gs_series_onset_ms(const gs_series *se);

#endif
