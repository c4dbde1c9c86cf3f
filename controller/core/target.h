/* What is sampled: where a pod answers, and which pods are sampled together, when. Plain values. */
#ifndef GS_CORE_TARGET_H
#define GS_CORE_TARGET_H

#include "base/limits.h"
#include "base/str.h"
#include "core/access.h"

/* Where a pod answers, and how it is asked; the strings and the reference are their owner's. */
typedef struct gs_endpoint {
    const char *host; /* an IP address, IPv6 without brackets, or a host name (watch) */
    int metrics_port; /* 0: no metrics endpoint */
    const char *metrics_path;
    int pprof_port;
    const char *pprof_path;
    int timeout_ms;
    gs_access *access;        /* NULL: plain HTTP, as nobody */
    size_t max_profile_bytes; /* of one, as sent; 0: that of base/limits.h */
} gs_endpoint;

/* When the k-th of the groups of one interval fires for the first time, counted from any start: van der Corput's
 * sequence in base 2 spreads any number of them evenly over the interval, without moving the earlier ones. */
int64_t gs_group_phase_ms(unsigned k, int64_t interval_ms);

/* How far the groups of the k-th policy are shifted against those of the first: multiples of the golden ratio keep any
 * number of policies apart, whatever each one's groups are. */
int64_t gs_policy_offset_ms(unsigned k, int64_t interval_ms);

/* The next time a group fires: the first one after now that keeps its phase, so that a late run is not caught up. */
int64_t gs_group_next_ms(int64_t last_due_ms, int64_t interval_ms, int64_t now_ms);

#endif
