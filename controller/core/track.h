/* A suspicious process under observation: its sites from profile to profile, and what that makes of each.
 *
 * A leak is told from load by what load does not do for long:
 *   - its count at a site never falls back: the minimum over windows of windowSeconds rises from window to window, each
 *     lies above the maximum of the window before the last, the newest also above that of the run's first one;
 *   - it goes on undiminished, at a steady pace: a window that rises by much less than those before ends the run, with
 *     one that rises by much more it begins, and the goroutines came in its second half as well as in its first. How
 *     much is a matter of chance: leaks come at random, so what a window grows by deviates from the mean by its root, and
 *     a slow leak has windows without one. Those end no run, but do not count as windows that rose;
 *   - nothing explains it: not as many connections were opened that somebody reads, not as many requests are in flight;
 *   - it adds to the process: goroutines that merely moved there from another site are none;
 *   - the goroutines are the same ones: ids of a dump are still there in the next one. A queue that grows while it is
 *     worked off has others.
 * And where the runtime's leak profile names a growing site, no window needs to be waited for: that profile has no false
 * alarms but goroutines parked for ever on purpose, select {}, which it is not believed about.
 *
 * Times are monotonic milliseconds. Loop thread only. */
#ifndef GS_CORE_TRACK_H
#define GS_CORE_TRACK_H

#include "core/counts.h"
#include "core/incident.h"
#include "core/policy.h"

#define GS_TRACK_SITES 256   /* the largest of the profiles */
#define GS_WATCHED_WINDOWS 4 /* so long a rise by one is worth another look: a slow leak needs time */
#define GS_UNSURE_HALVES 3   /* without dumps to compare, one and a half times the windows must pass: in halves */
#define GS_CHANGING_RUNS 6   /* where too many of them were others in the dumps, so many times the windows */
#define GS_EXPLAINED_RUNS 6  /* growth that load explains is Suspected after so many times the windows ... */
#define GS_EXPLAINED_LONG 12 /* ... and Probable after so many: no ramp of load lasts that long */

/* What the process had at the time of a profile. NaN where it does not expose a value. */
typedef struct gs_context {
    uint64_t total, io_wait, consumers; /* of the profile */
    double fds, load;                   /* of the newest sample */
} gs_context;

typedef struct gs_track_site {
    uint64_t key;                   /* the site's id as a number */
    bool parked;                    /* select {}: the leak profile is not believed */
    bool io;                        /* IO wait: descriptors explain it */
    bool unread;                    /* an answer over HTTP that nobody reads */
    bool compared;                  /* two dumps were, in this run: */
    bool survives;                  /* what it grew by until the first is still there in the second */
    bool refuted;                   /* its goroutines were others in the second dump */
    uint32_t last;                  /* count in the newest profile */
    uint32_t from;                  /* smallest count of the run of rising windows, and ... */
    int64_t from_ms;                /* ... when it was last seen: the rise is as long as that is ago */
    uint32_t high;                  /* largest in the run's first window ... */
    uint32_t high_now, high_before; /* ... in this one, in the one before, ... */
    uint32_t high_then;             /* ... and in the one before that */
    uint32_t low, low_before;       /* smallest in this window, and in the one before */
    int64_t low_ms;                 /* when low was last seen */
    gs_context low_at, before_at;   /* what the process had when low, and low_before, were */
    unsigned risen;                 /* windows in the run, this one not counted */
    unsigned pauses, paused;        /* windows that neither rose nor fell: in a row up to now, in all the run */
    unsigned steps;                 /* profiles in a row in which it rose, or stood still after a rise */
    uint64_t grown, explained;      /* over the run: goroutines, and how many of them load explains */
    uint64_t moment;                /* sum over its goroutines of the window in which each came */
    uint64_t total_from;            /* of the process, when the run began */
    unsigned seen;                  /* number of the newest profile that had it */
    int64_t since_ms;               /* the run's begin */
    unsigned leak_samples;          /* leak profiles that named it, each with more goroutines */
    uint32_t leak_count;            /* in the newest of those */
    bool leaked_more;               /* than in the first one of the process */
    char *created_by;               /* as the newest dump has it; NULL */
    uint32_t dumped, kept;          /* goroutines in the newest dump, and how many of the one before are among them */
    uint32_t fresh;                 /* of the newest dump: more than when the run began */
} gs_track_site;

typedef struct gs_track {
    int64_t began_ms, window_end_ms, window_ms;
    unsigned profiles, leaks, dumps;
    bool awaits_dump;          /* one is wanted and allowed, only not just now: nothing is graded Probable without it */
    bool window_used;          /* a profile fell into this window */
    uint64_t fewest_consumers; /* of all profiles */
    gs_context at_window, before, now; /* at the end of the last window, at the newest two profiles */
    unsigned windows;                  /* that are over */
    int64_t last_ms;
    gs_track_site *v;
    size_t n, cap;
    struct gs_tracked_id *ids; /* of the newest dump, by id */
    size_t n_ids;
    int64_t dumped_ms;
} gs_track;

void gs_track_begin(gs_track *t, int64_t window_ms, int64_t now_ms);
void gs_track_done(gs_track *t);

/* The next goroutine profile (kind GOROUTINE). */
void gs_track_profile(gs_track *t, const gs_profile *p, double fds, double load, int64_t now_ms);
/* A leak profile, and the first one of this process if there was one. */
void gs_track_leaks(gs_track *t, const gs_profile *p, const gs_counts *first);
/* A dump with goroutines: compared with the one before, and remembered. */
void gs_track_dump(gs_track *t, const gs_profile *p, int64_t now_ms);

const gs_track_site *gs_track_find(const gs_track *t, const char *id);

/* What is known of a site: `windows` is floor.windows. GS_GRADE_NONE: nothing to tell anyone. reasons: enum gs_reason. */
enum gs_grade gs_track_grade(const gs_track *t, const gs_track_site *s, int windows, unsigned *ret_reasons);
/* It rose by at least GS_MIN_RISE in its run and has not fallen since. */
bool gs_track_rises(const gs_track_site *s);
/* Another look is worth it: a site rises; in the first two windows any rise will do, and up to GS_WATCHED_WINDOWS one of
 * the smallest count. */
bool gs_track_promising(const gs_track *t);
/* It is worth asking the pod for its leak profile: a site rises that such a profile would be believed about. */
bool gs_track_wants_leaks(const gs_track *t);
/* ... for a dump: the smallest count of a site has risen and no load explains it (first dump), or a site is about to be
 * graded Suspected that no two dumps of its run were compared for, the last of them a window ago; or the process nears
 * the count above which no dump may be asked for. */
bool gs_track_wants_dump(const gs_track *t, int windows, uint64_t dump_max, int64_t now_ms);

/* Sites of the newest profile that have a grade, or that rise at all (grade NONE): the highest grade first, then the
 * largest count. */
void gs_track_grown(const gs_track *t, const gs_profile *p, const gs_counts *base, int windows, gs_growth *ret);

#endif
