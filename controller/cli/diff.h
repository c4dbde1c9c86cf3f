/* What `gostat diff` tells: two profiles of one process compared site by site. Pure functions; any thread. */
#ifndef GS_CLI_DIFF_H
#define GS_CLI_DIFF_H

#include "cli/report.h"

#define GS_DIFF_IDS 10 /* surviving goroutines named for a site */

enum gs_change { GS_CHANGE_GREW, GS_CHANGE_APPEARED, GS_CHANGE_SHRANK, GS_CHANGE_WENT, GS_CHANGE_NONE };
#define GS_CHANGES 5
const char *gs_change_name(enum gs_change c); /* "grew" "appeared" "shrank" "went" "unchanged" */

typedef struct gs_diff_site {
    const gs_site *site; /* as in the newer profile, in the older one where it went */
    enum gs_change change;
    uint64_t before, after; /* goroutines */
    /* Where both are dumps: by goroutine id. One that is at another site now is only in the older at the one site, and
     * only in the newer at the other. */
    uint64_t in_both, only_old, only_new;
    uint64_t ids[GS_DIFF_IDS]; /* the first of those in both, the oldest first */
    size_t n_ids;
} gs_diff_site;

typedef struct gs_diff {
    const gs_profile_file *older, *newer; /* the caller's */
    bool has_ids;                         /* both are dumps: the next three, and those of the sites, are known */
    uint64_t in_both, only_old, only_new; /* goroutine ids, at whatever site */
    uint64_t most_risen;                  /* goroutines, at one site */
    gs_diff_site *sites; /* by change, then the largest difference first (of unchanged ones: the largest count) */
    size_t n;
    size_t of[GS_CHANGES]; /* how many there are of each change */
} gs_diff;

/* Both must outlive the result, and hold goroutine ids where they are dumps. -GS_TERMINAL where one is of the runtime's
 * leak profile and the other is not: they count different things. */
int gs_diff_make(const gs_profile_file *older, const gs_profile_file *newer, gs_diff *ret, gs_error *err);
void gs_diff_done(gs_diff *d);
GS_DEFINE_CLEANUP_VALUE(gs_diff, gs_diff_done)

/* top: so many sites of each change at most; 0: all. diff_print.c */
int gs_diff_json(const gs_diff *d, size_t top, gs_buf *out, gs_error *err); /* gostat.dev/diff/v1, one line */
void gs_diff_text(const gs_diff *d, size_t top, gs_output *out);

#endif
