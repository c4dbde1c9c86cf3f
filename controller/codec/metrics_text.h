/* A writer of the Prometheus text format for our own /metrics: HELP and TYPE once for a family, labels escaped.
 * Names that promtool would complain about (a counter without _total, a gauge with it) fail an assertion. A line that
 * does not fit under the cap of the buffer is left out as a whole. Borrows the buffer; one thread at a time. */
#ifndef GS_CODEC_METRICS_TEXT_H
#define GS_CODEC_METRICS_TEXT_H

#include "base/buf.h"

typedef struct gs_metrics {
    gs_buf *out;
} gs_metrics;

/* type: "counter" "gauge" "histogram". */
void gs_metrics_family(gs_metrics *m, const char *name, const char *type, const char *help);
/* Labels as pairs of strings, ended by NULL. */
void gs_metrics_value(gs_metrics *m, const char *name, double value, ...) __attribute__((sentinel));

/* A fixed-bucket histogram of seconds; zero-initialise. */
#define GS_HISTOGRAM_BUCKETS 12
typedef struct gs_histogram {
    uint64_t buckets[GS_HISTOGRAM_BUCKETS]; /* 1 ms … 60 s: see .c; not cumulative */
    uint64_t count;
    double sum;
} gs_histogram;
void gs_histogram_add(gs_histogram *h, double seconds);
void gs_metrics_histogram(gs_metrics *m, const char *name, const gs_histogram *h, ...) __attribute__((sentinel));

/* What the kernel says of this process, read by the caller. */
typedef struct gs_process_text {
    gs_str stat;   /* /proc/self/stat */
    gs_str statm;  /* /proc/self/statm */
    gs_str system; /* the whole of /proc/stat: it has the boot time */
    uint64_t open_fds, max_fds;
    long ticks; /* sysconf(_SC_CLK_TCK) */
    long page;  /* sysconf(_SC_PAGESIZE) */
} gs_process_text;
/* process_cpu_seconds_total, process_resident_memory_bytes, process_virtual_memory_bytes, process_start_time_seconds,
 * process_threads, process_open_fds, process_max_fds; what cannot be read is left out. */
void gs_metrics_process(gs_metrics *m, const gs_process_text *t);

#endif
