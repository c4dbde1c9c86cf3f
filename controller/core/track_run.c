#include "core/track_run.h"

#include <math.h>

/* A descriptor or a reader for each goroutine, and a quarter of slack. */
#define PER_LOAD 1.25
#define EXPLAINED_SHARE 0.75 /* of the growth */
#define MOVED_SHARE 0.5      /* of a site's growth that the process as a whole must show too */
#define AT_ONCE 2.0          /* goroutines that come together, as a call leaves some and calls come in bursts */
#define DIMINISHED 0.5 /* of the mean growth per window, less its deviation: with less than that the run is over */
#define STEEPER 2.0    /* times that mean, and its deviation: with more than that the run begins here */
#define UNEVEN 1.0     /* deviations that the middle of a run may lie early: one in six does by chance ... */
#define UNEVEN_AT_LEAST 0.05 /* ... and so much of a run may, whatever its size */
#define LONG_RUN 6           /* windows: one that flattened before it came to that has a new, steady pace */
#define PAUSE_CHANCE 0.02    /* so likely must it be that windows without one more follow each other by chance ... */
#define PAUSES 4             /* ... and no more of them may than these, however slow the run is */

void gs_run_begin(gs_track_site *s, uint32_t count, uint64_t total, int64_t now_ms)
{
    s->from = s->high = s->low = s->high_now = s->high_before = count;
    s->risen = 0;
    s->grown = s->explained = s->moment = 0;
    s->pauses = s->paused = 0;
    s->total_from = total;
    s->since_ms = s->from_ms = s->low_ms = now_ms;
}

/* How many goroutines of a site the change of load between two profiles accounts for. Connections count as far as
 * somebody reads them: what opens descriptors and does not read is no load. */
static double load_between(const gs_track_site *s, const gs_context *a, const gs_context *b)
{
    double io = b->io_wait > a->io_wait ? (double)(b->io_wait - a->io_wait) : 0;
    double fds = b->fds - a->fds, load = b->load - a->load;
    double connections = io;
    if (isfinite(fds) && (s->io || fds < io))
        connections = fds > 0 ? fds : 0;
    if (s->unread)
        connections = 0;
    return isfinite(load) && load > connections ? load : connections;
}

/* This window is the first of a new run: what was learnt of the goroutines of the old one is void. */
static void run_anew(const gs_track *t, gs_track_site *s)
{
    uint32_t high = s->high_now;
    gs_run_begin(s, s->low, t->at_window.total, s->low_ms);
    s->high = s->high_now = high;
    s->leak_samples = 0;
    s->compared = false;
    s->dumped = 0;
}

/* The window before this one is, and had ended a window ago at the latest. */
static void run_from_before(const gs_track *t, gs_track_site *s)
{
    gs_track_site was = *s;
    gs_run_begin(s, was.low_before, t->at_window.total, t->window_end_ms - t->window_ms);
    s->high = was.high_before;
    s->high_now = was.high_now;
    s->low = was.low;
    s->low_ms = was.low_ms;
    s->risen = 1;
}

/* By windows that rose. */
static double mean_growth(const gs_track_site *s)
{
    return s->risen > 1 ? (double)s->grown / (s->risen - 1.0) : 0;
}

/* What chance makes of this mean: events that come at random deviate by the root of their number (Poisson). */
static double deviation(double mean)
{
    return sqrt(AT_ONCE * mean);
}

/* The least that a window grows by in a run that goes on as before. */
static double least_growth(const gs_track_site *s)
{
    double mean = mean_growth(s);
    return DIMINISHED * (mean - deviation(mean));
}

/* As many windows in a row without one more as the mean over all windows makes likely do not end a run: a slow leak has
 * them, a faster one has none. */
static bool may_pause(const gs_track_site *s)
{
    if (s->risen < 2 || s->pauses >= PAUSES)
        return false;
    double mean = (double)s->grown / (s->risen - 1.0 + s->paused);
    return exp(-mean / AT_ONCE * (s->pauses + 1.0)) >= PAUSE_CHANCE;
}

static void add_window(gs_track_site *s)
{
    uint32_t by = s->low - s->low_before;
    double load = PER_LOAD * load_between(s, &s->before_at, &s->low_at);
    s->grown += by;
    s->moment += by * (uint64_t)(s->risen - 1 + s->paused);
    s->explained += load < by ? (uint64_t)load : by;
    s->risen++;
    s->pauses = 0;
}

/* A ramp that flattens is no leak: the goroutines of the run come in its second half as well as in its first. Of n events
 * that come at random over it, the mean time is its middle, with a deviation of 1/sqrt(12 n) of it (Laplace's test for a
 * trend). */
static bool flattens(const gs_track_site *s)
{
    double n = (double)s->grown, windows = s->risen - 1.0 + s->paused;
    double middle = ((double)s->moment / n + 0.5) / windows, slack = UNEVEN * deviation(n) / n / sqrt(12);
    return middle < 0.5 - fmax(slack, UNEVEN_AT_LEAST);
}

static void judge_window(const gs_track *t, gs_track_site *s)
{
    double by = (double)s->low - s->low_before, mean = mean_growth(s);
    if (by == 0 && may_pause(s)) {
        s->pauses++;
        s->paused++;
        return;
    }
    if (by <= 0 || by < least_growth(s)) {
        run_anew(t, s);
        s->risen = 1;
        return;
    }
    bool steeper = s->risen > 1 && by > STEEPER * (mean + deviation(mean));
    if (steeper || (s->risen + s->paused >= LONG_RUN && flattens(s)))
        run_from_before(t, s);
    add_window(s);
}

void gs_run_close_window(const gs_track *t, gs_track_site *s)
{
    if (s->risen)
        judge_window(t, s);
    else
        s->risen = 1;
    s->low_before = s->low;
    s->before_at = s->low_at;
    s->high_then = s->high_before;
    s->high_before = s->high_now;
    s->low = UINT32_MAX; /* nothing seen in the next window yet */
    s->high_now = 0;
}

bool gs_run_goes_on(const gs_track_site *s)
{
    if (s->refuted || !s->steps || s->last <= s->from)
        return false;
    return !s->risen || s->last > s->low_before || (s->last == s->low_before && may_pause(s));
}

bool gs_run_explained(const gs_track_site *s)
{
    return s->grown && (double)s->explained >= EXPLAINED_SHARE * (double)s->grown;
}

/* Goroutines that came from another site of the same process are no growth. */
static bool moved(const gs_track *t, const gs_track_site *s)
{
    double total = (double)t->now.total - (double)s->total_from;
    return total < MOVED_SHARE * ((double)s->last - (double)s->from);
}

/* What has passed of this window grew too. */
static bool undiminished(const gs_track_site *s)
{
    return !flattens(s) && (double)s->last - s->low_before >= least_growth(s);
}

bool gs_run_lasts(const gs_track *t, const gs_track_site *s, unsigned windows)
{
    double ms = (double)(t->last_ms - s->from_ms);
    return s->risen >= windows && ms >= (double)t->window_ms * windows && s->last > s->high_before &&
           s->low_before > s->high && s->low_before >= s->high_then && s->last - s->from >= GS_MIN_RISE &&
           undiminished(s) && !moved(t, s);
}

unsigned gs_run_few(int windows)
{
    return (unsigned)(windows > 2 ? windows - 1 : windows);
}
