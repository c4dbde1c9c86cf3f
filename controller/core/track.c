#include "core/track.h"

#include "base/mem.h"

#include <math.h>
#include <stdlib.h>

struct gs_tracked_id {
    uint64_t id;
    uint32_t site; /* index of the tracked site */
};

/* A descriptor or a reader for each goroutine, and a quarter of slack. */
#define PER_LOAD 1.25
#define EXPLAINED_SHARE 0.75  /* of the growth */
#define UNDIMINISHED 0.5      /* of its mean growth per window that the newest one must show, and the time since */
#define STEEPER 3.0           /* times the mean growth per window before, and its deviation: the run begins here */
#define PAUSING 3.0           /* goroutines per window: one window in 20 has none of them, by chance ... */
#define PAUSES 2              /* ... and so many may follow each other */
#define MOVED_SHARE 0.5       /* of a site's growth that the process as a whole must show too */
#define KEPT_SHARE 0.5        /* of the first dump's goroutines that must be in the second one; so of those that grew */
#define FIRST_DUMP_SHARE 0.3  /* of fullDumpMaxGoroutines: from here on the dumps do not wait for the windows, ... */
#define SECOND_DUMP_SHARE 0.6 /* ... or there would be too many goroutines for the second one */

void gs_track_begin(gs_track *t, int64_t window_ms, int64_t now_ms)
{
    gs_track_done(t);
    t->began_ms = now_ms;
    t->window_ms = window_ms;
    t->window_end_ms = now_ms + window_ms;
}

void gs_track_done(gs_track *t)
{
    for (size_t k = 0; k < t->n; k++)
        free(t->v[k].created_by);
    free(t->v);
    free(t->ids);
    *t = (gs_track){0};
}

/* "p" and hex digits. Of a process with many sites this is called some 100,000 times on the loop thread: no strtoull. */
static uint64_t key_of(const char *id)
{
    uint64_t key = 0;
    for (const char *p = id + 1; *p; p++)
        key = key << 4 | (uint64_t)(*p <= '9' ? *p - '0' : *p - 'a' + 10);
    return key;
}

static size_t index_of(const gs_track *t, const char *id)
{
    uint64_t key = key_of(id);
    size_t k = 0;
    while (k < t->n && t->v[k].key != key)
        k++;
    return k;
}

const gs_track_site *gs_track_find(const gs_track *t, const char *id)
{
    size_t k = index_of(t, id);
    return k < t->n ? &t->v[k] : NULL;
}

static gs_track_site *find(gs_track *t, const char *id)
{
    size_t k = index_of(t, id);
    return k < t->n ? &t->v[k] : NULL;
}

static void run_begin(gs_track_site *s, uint32_t count, uint64_t total, int64_t now_ms)
{
    s->from = s->high = s->low = s->high_now = s->high_before = count;
    s->risen = 0;
    s->grown = s->explained = s->grown_last = 0;
    s->pauses = 0;
    s->total_from = total;
    s->since_ms = s->from_ms = s->low_ms = now_ms;
}

static uint32_t cut(uint64_t n)
{
    return n < UINT32_MAX ? (uint32_t)n : UINT32_MAX;
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

/* This window is the first of a new run. */
static void run_anew(gs_track *t, gs_track_site *s)
{
    uint32_t high = s->high_now;
    run_begin(s, s->low, t->at_window.total, s->low_ms);
    s->high = s->high_now = high;
    s->leak_samples = 0;
}

/* The window before this one is, and had ended a window ago at the latest. */
static void run_from_before(gs_track *t, gs_track_site *s)
{
    gs_track_site was = *s;
    run_begin(s, was.low_before, t->at_window.total, t->window_end_ms - t->window_ms);
    s->high = was.high_before;
    s->high_now = was.high_now;
    s->low = was.low;
    s->low_ms = was.low_ms;
    s->risen = 1;
}

static double mean_growth(const gs_track_site *s)
{
    return s->risen > 1 ? (double)s->grown / (s->risen - 1.0) : 0;
}

/* A slow leak has windows without a goroutine more, by chance (Poisson): a few between two that rose do not end its run.
 * A faster one has no such windows. */
static bool may_pause(const gs_track_site *s)
{
    return s->low == s->low_before && s->risen > 1 && s->pauses < PAUSES && mean_growth(s) < PAUSING;
}

static void add_window(const gs_track *t, gs_track_site *s)
{
    uint32_t by = s->low - s->low_before;
    double load = PER_LOAD * load_between(s, &t->at_window, &t->now);
    s->grown_last = by;
    s->grown += by;
    s->explained += load < by ? (uint64_t)load : by;
}

/* The window is over: does the run go on? */
static void close_window(gs_track *t, gs_track_site *s)
{
    bool pause = may_pause(s);
    if (s->risen > 0 && s->low <= s->low_before && !pause) {
        run_anew(t, s);
    } else if (s->risen > 0 && !pause) {
        double mean = mean_growth(s), by = s->low - s->low_before;
        if (s->risen > 1 && by > STEEPER * (mean + sqrt(mean)))
            run_from_before(t, s);
        add_window(t, s);
    }
    s->risen += !pause;
    s->pauses = pause ? s->pauses + 1 : 0;
    s->low_before = s->low;
    s->high_before = s->high_now;
    s->low = UINT32_MAX; /* nothing seen in the next window yet */
    s->high_now = 0;
}

static void close_windows(gs_track *t, int64_t now_ms)
{
    if (now_ms < t->window_end_ms)
        return;
    if (t->window_used) {
        for (size_t k = 0; k < t->n; k++)
            close_window(t, &t->v[k]);
        t->at_window = t->now;
        t->window_used = false;
        t->windows++;
    }
    t->window_end_ms += (now_ms - t->window_end_ms) / t->window_ms * t->window_ms + t->window_ms;
}

/* A client of net/http that nobody reads from: its connection's own goroutines wait for the reader of a body. */
static bool is_unread(const gs_site *s, uint64_t new_consumers, uint64_t grown)
{
    if (s->state != GS_STATE_SELECT || !(gs_streq(s->entry, "net/http.(*persistConn).readLoop") ||
                                         gs_streq(s->entry, "net/http.(*persistConn).writeLoop")))
        return false;
    return new_consumers * 2 < grown;
}

static void count_site(gs_track *t, const gs_site *p, int64_t now_ms)
{
    uint32_t count = cut(p->count);
    gs_track_site *s = find(t, p->id);
    if (!s) {
        if (t->n == GS_TRACK_SITES)
            return;
        t->v = gs_grow(t->v, &t->cap, t->n + 1, sizeof *t->v);
        s = &t->v[t->n++];
        s->key = key_of(p->id);
        /* It was not there in the profile before, if there was one. */
        bool fresh = t->profiles > 0;
        run_begin(s, fresh ? 0 : count, t->at_window.total, fresh ? t->last_ms : now_ms);
        s->last = s->from;
    }
    s->seen = t->profiles;
    if (count <= s->from) {
        s->from = count;
        s->from_ms = now_ms;
    }
    s->steps = count > s->last ? s->steps + 1 : count < s->last ? 0 : s->steps;
    s->last = count;
    if (count <= s->low) {
        s->low = count;
        s->low_ms = now_ms;
    }
    s->high_now = count > s->high_now ? count : s->high_now;
    if (s->risen == 0)
        s->high = s->high_now;
    s->parked = p->state == GS_STATE_SELECT_NONE;
    s->io = p->state == GS_STATE_IO_WAIT;
    s->unread = is_unread(p, t->now.consumers - t->fewest_consumers, count > s->from ? count - s->from : 0);
}

void gs_track_profile(gs_track *t, const gs_profile *p, double fds, double load, int64_t now_ms)
{
    close_windows(t, now_ms);
    t->now =
        (gs_context){.total = p->total, .io_wait = p->io_wait, .consumers = p->consumers, .fds = fds, .load = load};
    if (!t->profiles)
        t->at_window = t->now;
    if (!t->profiles || p->consumers < t->fewest_consumers)
        t->fewest_consumers = p->consumers;
    for (size_t k = 0; k < p->n; k++)
        count_site(t, &p->sites[k], now_ms);
    for (size_t k = 0; k < t->n; k++)
        if (t->v[k].seen != t->profiles && !p->truncated)
            t->v[k].last = t->v[k].low = t->v[k].steps = 0;
    t->window_used = true;
    t->profiles++;
    t->last_ms = now_ms;
}

bool gs_track_rises(const gs_track_site *s)
{
    return !s->refuted && s->steps > 0 && s->last > s->from && s->last - s->from >= GS_MIN_RISE &&
           (s->risen == 0 || s->last > s->low_before);
}

bool gs_track_promising(const gs_track *t)
{
    for (size_t k = 0; k < t->n; k++)
        if (gs_track_rises(&t->v[k]) || (t->windows < 2 && t->v[k].steps > 0 && t->v[k].last > t->v[k].from))
            return true;
    return false;
}

bool gs_track_wants_leaks(const gs_track *t)
{
    for (size_t k = 0; k < t->n; k++)
        if (gs_track_rises(&t->v[k]) && !t->v[k].parked && t->v[k].leak_samples < 2)
            return true;
    return false;
}

void gs_track_leaks(gs_track *t, const gs_profile *p)
{
    for (size_t k = 0; k < p->n; k++) {
        gs_track_site *s = find(t, p->sites[k].id);
        uint32_t count = cut(p->sites[k].count);
        if (!s || s->parked || p->sites[k].state == GS_STATE_SELECT_NONE || count < GS_MIN_RISE || !gs_track_rises(s))
            continue;
        if (s->leak_samples == 0 || count > s->leak_count)
            s->leak_samples++;
        s->leak_count = count;
    }
}

static int by_id(const void *a, const void *b)
{
    const struct gs_tracked_id *x = a, *y = b;
    return (x->id > y->id) - (x->id < y->id);
}

static void remember(gs_track *t, const gs_profile *p)
{
    t->ids = gs_allocn(p->n_goroutines, sizeof *t->ids);
    for (size_t k = 0; k < p->n_goroutines; k++) {
        if (p->goroutines[k].site >= p->n)
            continue;
        gs_track_site *s = find(t, p->sites[p->goroutines[k].site].id);
        if (!s)
            continue;
        s->fresh += ++s->dumped > s->from;
        t->ids[t->n_ids++] = (struct gs_tracked_id){p->goroutines[k].id, (uint32_t)(s - t->v)};
    }
    if (t->n_ids)
        qsort(t->ids, t->n_ids, sizeof *t->ids, by_id);
}

static void compare(gs_track *t, const gs_profile *p)
{
    for (size_t k = 0; k < p->n_goroutines && t->n_ids; k++) {
        struct gs_tracked_id key = {.id = p->goroutines[k].id};
        const struct gs_tracked_id *was = bsearch(&key, t->ids, t->n_ids, sizeof key, by_id);
        if (was && p->goroutines[k].site < p->n && t->v[was->site].key == key_of(p->sites[p->goroutines[k].site].id))
            t->v[was->site].kept++;
    }
    for (size_t k = 0; k < t->n; k++)
        if (t->v[k].dumped && t->v[k].kept < KEPT_SHARE * t->v[k].dumped)
            t->v[k].refuted = true;
    free(t->ids);
    t->ids = NULL;
    t->n_ids = 0;
}

static void keep_creators(gs_track *t, const gs_profile *p)
{
    for (size_t k = 0; k < p->n; k++) {
        gs_track_site *s = find(t, p->sites[k].id);
        if (!s || !p->sites[k].created_by || !p->sites[k].created_by[0])
            continue;
        free(s->created_by);
        s->created_by = gs_strdup(p->sites[k].created_by);
    }
}

void gs_track_dump(gs_track *t, const gs_profile *p, int64_t now_ms)
{
    keep_creators(t, p);
    if (t->dumps == 0)
        remember(t, p);
    else if (t->dumps == 1)
        compare(t, p);
    t->dumps++;
    t->dumped_ms = now_ms;
}

static bool explained(const gs_track_site *s)
{
    return s->grown && (double)s->explained >= EXPLAINED_SHARE * (double)s->grown;
}

/* Goroutines that came from another site of the same process are no growth. */
static bool moved(const gs_track *t, const gs_track_site *s)
{
    double total = (double)t->now.total - (double)s->total_from;
    return total < MOVED_SHARE * ((double)s->last - (double)s->from);
}

/* A ramp that flattens is no leak: the last window grew, and so did what has passed of this one. */
static bool undiminished(const gs_track_site *s)
{
    double mean = mean_growth(s), chance = mean < 2 * PAUSING ? sqrt(mean) : 0, least = UNDIMINISHED * (mean - chance);
    return s->grown_last >= least && (double)s->last - s->low_before >= least;
}

/* It rose over so many windows, and goes on. */
static bool by_windows(const gs_track *t, const gs_track_site *s, unsigned windows)
{
    double ms = (double)(t->last_ms - s->from_ms);
    return s->risen >= windows && ms >= (double)t->window_ms * windows && s->last > s->high_before &&
           s->low_before > s->high && s->last - s->from >= GS_MIN_RISE && undiminished(s) && !moved(t, s);
}

/* What it grew by until the first dump was mostly still there in the second one. That of all of them most are is not
 * enough: a pool of workers stays, and the load that comes and goes does so on top of it. */
static bool ids_survive(const gs_track *t, const gs_track_site *s)
{
    return t->dumps >= 2 && s->dumped && s->dumped - s->kept <= (1 - KEPT_SHARE) * s->fresh;
}

/* Windows after which a site is Suspected. */
static unsigned few(int windows)
{
    return (unsigned)(windows > 2 ? windows - 1 : windows);
}

bool gs_track_wants_dump(const gs_track *t, int windows, uint64_t dump_max, int64_t now_ms)
{
    double share = dump_max ? (double)t->now.total / (double)dump_max : 1;
    if (t->now.total > dump_max || t->dumps >= 2)
        return false;
    for (size_t k = 0; k < t->n; k++) {
        const gs_track_site *s = &t->v[k];
        if (!gs_track_rises(s) || explained(s))
            continue;
        if (t->dumps == 0 && (s->risen > 0 || (share > FIRST_DUMP_SHARE && s->steps >= 2)))
            return true;
        bool last_chance = share > SECOND_DUMP_SHARE && now_ms - t->dumped_ms >= t->window_ms / 4;
        if (t->dumps == 1 && s->dumped && (last_chance || by_windows(t, s, few(windows))))
            return true;
    }
    return false;
}

enum gs_grade gs_track_grade(const gs_track *t, const gs_track_site *s, int windows, unsigned *ret_reasons)
{
    unsigned n = (unsigned)windows, suspected = few(windows);
    *ret_reasons = 0;
    if (s->leak_samples && gs_track_rises(s)) {
        *ret_reasons = GS_REASON_SITE | GS_REASON_LEAK | (s->leak_samples > 1 ? GS_REASON_LEAK_AGAIN : 0U);
        return s->leak_samples > 1 ? GS_GRADE_PROVEN : GS_GRADE_PROBABLE;
    }
    if (s->refuted)
        return GS_GRADE_NONE;
    if (explained(s)) {
        suspected = n * GS_EXPLAINED_RUNS;
        n *= GS_EXPLAINED_LONG;
    }
    if (!by_windows(t, s, suspected))
        return GS_GRADE_NONE;
    *ret_reasons = GS_REASON_SITE;
    bool ids = ids_survive(t, s);
    if ((!ids && t->awaits_dump) || !by_windows(t, s, ids ? n : n * GS_UNSURE_HALVES / 2))
        return GS_GRADE_SUSPECTED;
    *ret_reasons |= GS_REASON_FLOOR | (ids ? GS_REASON_IDS : GS_REASON_COUNTS);
    return GS_GRADE_PROBABLE;
}

static int surest_first(const void *a, const void *b)
{
    const gs_grown *x = a, *y = b;
    if (x->grade != y->grade)
        return x->grade < y->grade ? 1 : -1;
    if (x->site->count != y->site->count)
        return x->site->count < y->site->count ? 1 : -1;
    return strcmp(x->site->id, y->site->id);
}

void gs_track_grown(const gs_track *t, const gs_profile *p, const gs_counts *base, int windows, gs_growth *ret)
{
    gs_grown all[GS_TRACK_SITES];
    size_t n = 0;
    *ret = (gs_growth){0};
    for (size_t k = 0; k < p->n && n < GS_LEN(all); k++) {
        const gs_track_site *s = gs_track_find(t, p->sites[k].id);
        if (!s)
            continue;
        unsigned reasons;
        enum gs_grade grade = gs_track_grade(t, s, windows, &reasons);
        if (grade == GS_GRADE_NONE && !gs_track_rises(s))
            continue;
        uint32_t in_base = base->at_ms ? gs_counts_get(base, p->sites[k].id) : 0;
        all[n++] = (gs_grown){
            .site = &p->sites[k],
            .base = in_base,
            .grade = grade,
            .reasons = reasons,
            .named = s->leak_samples > 0,
            .survived_ms = (double)(t->last_ms - s->since_ms),
            .created_by = s->created_by,
        };
    }
    if (n)
        qsort(all, n, sizeof *all, surest_first);
    ret->n = n < GS_LEN(ret->v) ? n : GS_LEN(ret->v);
    memcpy(ret->v, all, ret->n * sizeof *all);
}
