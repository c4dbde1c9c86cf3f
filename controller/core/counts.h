/* A profile reduced to counts by site: what is kept of the base, the profile that later ones are compared with. */
#ifndef GS_CORE_COUNTS_H
#define GS_CORE_COUNTS_H

#include "base/limits.h"
#include "core/stack.h"

#define GS_COUNTS_MAX 64 /* sites, the largest */
typedef struct gs_site_count {
    char id[GS_SITE_ID_LEN];
    uint32_t count;
} gs_site_count;

typedef struct gs_counts {
    gs_site_count *v; /* by id */
    size_t n;
    uint32_t floor; /* what a site that is not listed had at most: 0 where all are listed */
    uint64_t total; /* goroutines of the profile */
    int64_t at_ms;  /* monotonic; 0: no profile was taken */
} gs_counts;

void gs_counts_take(gs_counts *c, const gs_profile *p, int64_t now_ms);
uint32_t gs_counts_get(const gs_counts *c, const char *id); /* at most, see floor */
void gs_counts_done(gs_counts *c);

#endif
