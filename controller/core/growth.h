/* Profiles of one process compared with each other: which sites grew, and how often in a row. */
#ifndef GS_CORE_GROWTH_H
#define GS_CORE_GROWTH_H

#include "base/limits.h"
#include "core/stack.h"

/* A profile reduced to counts: what is kept of the base and of earlier profiles. */
#define GS_COUNTS_MAX 64 /* sites, the largest */
typedef struct gs_site_count {
    char id[GS_SITE_ID_LEN];
    uint32_t count;
} gs_site_count;

typedef struct gs_counts {
    gs_site_count *v; /* by id */
    size_t n;
    uint32_t floor; /* what a site that is not listed had at most: 0 where all are listed */
    int64_t at_ms;  /* monotonic; 0: no profile was taken */
    double low;     /* the fewest goroutines that the process was seen to have since; 0: not sampled since */
} gs_counts;

void gs_counts_take(gs_counts *c, const gs_profile *p, int64_t now_ms);
uint32_t gs_counts_get(const gs_counts *c, const char *id); /* at most, see floor */
void gs_counts_done(gs_counts *c);

typedef struct gs_grown {
    const gs_site *site; /* of the newest profile */
    uint64_t base;       /* its count in the base */
    unsigned rises;      /* in a row, up to the newest profile: 1 is two profiles, 2 is three */
} gs_grown;

typedef struct gs_growth {
    gs_grown v[GS_MAX_INCIDENT_PATTERNS];
    size_t n; /* the largest count first */
} gs_growth;

/* A leaked goroutine stays: where the process has had clearly fewer goroutines (under this share) since a profile than
 * the site had in it, the site's goroutines are others by now, and the rise is no growth. */
#define GS_SURVIVING 0.9

/* earlier[0] is the profile before `now`, earlier[1] the one before that. A site grew if its count rose in the last
 * step, by at least GS_MIN_RISE over the steps in a row or since the base, and is above the base. In any wait state. */
void gs_growth_find(const gs_profile *now, const gs_counts *earlier, size_t n_earlier, const gs_counts *base,
                    gs_growth *ret);

#endif
