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
    double gomaxprocs;   /* go_sched_gomaxprocs_threads */
} gs_sample;

#define GS_SERIES_RECENT 31 /* baseline.samples is at most 30, and the newest */
#define GS_SERIES_BUCKETS 8 /* the surge window in eighths */
#define GS_FLOOR_WINDOWS 9  /* floor.windows is at most 8, and the one that is not complete */
#define GS_FLOOR_SCALES 4   /* floors of windows once, 4, 16 and 64 times as long find slower leaks */

/* Fewer goroutines than this are noise, whatever the percentage. */
#define GS_MIN_RISE 3

/* The lengths that a policy gives: milliseconds, below 2^32. */
typedef struct gs_windows {
    int64_t interval, surge, floor;
} gs_windows;

/* Minima of successive windows of one length. */
typedef struct gs_floor_scale {
    float min[GS_FLOOR_WINDOWS]; /* [0]: of the current window, < 0: no sample yet; then back in time */
    uint32_t window;             /* the current one, counted from floor_from_ms */
    uint8_t complete;            /* unbroken complete windows before it */
    bool spoiled;                /* the current one: a gap overlaps it */
} gs_floor_scale;

/* A plain value of constant size, whatever the windows; its fields are series.c's own. Times are 32 bits, since they
 * are near others: a sample's are the low bits of a time shortly before newest_ms. */
typedef struct gs_series {
    double start_time_s; /* of the process; 0: not known */
    int64_t since_ms;    /* first sample of this process */
    int64_t newest_ms;
    int64_t floor_from_ms;          /* where the first floor window begins */
    uint32_t surge_ms, floor_ms;    /* the windows' lengths: on others their minima are void */
    float fds, load, rss, cpu_s;    /* newest; NaN: not exposed */
    float recent[GS_SERIES_RECENT]; /* a ring of counts */
    uint32_t recent_at[GS_SERIES_RECENT];
    float bucket_min[GS_SERIES_BUCKETS]; /* < 0: no sample fell into it */
    uint32_t bucket_at[GS_SERIES_BUCKETS];
    gs_floor_scale scale[GS_FLOOR_SCALES];
    float spread[GS_FLOOR_WINDOWS - 1]; /* max - min of the last windows of the shortest scale, newest first */
    float window_max;                   /* of its current one */
    uint8_t head, n, n_spread;
} gs_series;
_Static_assert(sizeof(gs_series) <= 600, "20,000 pods have 20 MB, for all that is kept of them");

enum gs_series_event { GS_SERIES_CONTINUES, GS_SERIES_STARTED, GS_SERIES_RESTARTED, GS_SERIES_GAP };

/* Adds a sample taken at now_ms (monotonic). A new process starts the series anew: its start time moved by over 1 s, or,
 * where it exposes none, its CPU time jumped back. A gap of over 2.5 intervals empties the recent counts and the surge
 * window, since a rise must be seen, not concluded, and breaks the floor windows that it overlaps; those of 4 times the
 * length and more only if it is at least half as long as they are. s->goroutines must be finite. */
enum gs_series_event gs_series_add(gs_series *se, const gs_sample *s, int64_t now_ms, const gs_windows *w);

unsigned gs_series_len(const gs_series *se); /* recent counts */
float gs_series_last(const gs_series *se);   /* -1 while empty */
/* Of the newest sample; NaN where not exposed, and while empty. */
float gs_series_fds(const gs_series *se);
float gs_series_load(const gs_series *se);
double gs_series_rss(const gs_series *se);
/* The i-th count back from the newest, i < len. */
float gs_series_back(const gs_series *se, unsigned i, int64_t *ret_ms);
/* The smallest count in the surge window, of the length that the samples were added with, that ends now; -1: none. */
float gs_series_window_min(const gs_series *se, int64_t now_ms, int64_t window_ms);
/* Newest count over the oldest recent one; 1 while unknown. */
double gs_series_growth_ratio(const gs_series *se);
/* Nearest-rank percentile of up to `samples` counts before the newest; -1 while there are fewer than that many. */
float gs_series_percentile(const gs_series *se, unsigned samples, int percentile);

/* A third of the recent counts: 0 the newest, 2 the oldest. */
typedef struct gs_third {
    float min, median, max;
    int64_t from_ms, to_ms;
} gs_third;
bool gs_series_third(const gs_series *se, unsigned which, gs_third *ret); /* false with fewer than 9 counts */

typedef struct gs_floor {
    unsigned scale;   /* the windows were this many times windowSeconds long */
    float from, to;   /* minima of the first and the last window */
    int64_t since_ms; /* when the first window began */
} gs_floor;
/* Whether the minimum rose strictly from window to window over the last `windows` complete ones, on the shortest scale
 * where it did, and the newest count is not below the last one. In all it must have risen by GS_MIN_RISE at least, and
 * by what the count swings: the median, over the last windows of the shortest scale, of their maximum minus their
 * minimum. The minima of mere noise rise 4 times in a row once in 24 windows, but not by that much (simulated for 24
 * hours with 24 samples to a window: never; with 6, rarely), and a leak too slow for one scale passes on a longer one.
 * Windows are counted from the first sample of the process; one without a sample breaks the run. A rise of load over
 * several windows looks the same to this rule. */
bool gs_series_floor(const gs_series *se, unsigned windows, gs_floor *ret);

/* Robust slope of the recent counts, goroutines per second: the median over all pairs (Theil 1950, Sen 1968); 0 where
 * fewer than 3. */
double gs_series_slope(const gs_series *se);
/* When the growth began, monotonic: where the robust line through the counts of the rise (its slope as above, its height
 * the median) meets the lowest count that is known, recent or of a floor window. The rise are the recent counts since
 * they were last no higher than the median of their older half, single outliers left out: a leak that began some
 * samples ago is few of them. At the earliest the first sample of the process; the newest one where nothing rises. */
int64_t gs_series_onset_ms(const gs_series *se);

#endif
