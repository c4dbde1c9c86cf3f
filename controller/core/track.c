#include "base/mem.h"
#include "core/track_run.h"

#include <stdlib.h>

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
uint64_t gs_track_key(const char *id)
{
    uint64_t key = 0;
    for (const char *p = id + 1; *p; p++)
        key = key << 4 | (uint64_t)(*p <= '9' ? *p - '0' : *p - 'a' + 10);
    return key;
}

static size_t index_of(const gs_track *t, const char *id)
{
    uint64_t key = gs_track_key(id);
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

gs_track_site *gs_track_site_of(gs_track *t, const char *id)
{
    size_t k = index_of(t, id);
    return k < t->n ? &t->v[k] : NULL;
}

static uint32_t cut(uint64_t n)
{
    return n < UINT32_MAX ? (uint32_t)n : UINT32_MAX;
}

static void close_windows(gs_track *t, int64_t now_ms)
{
    if (now_ms < t->window_end_ms)
        return;
    if (t->window_used) {
        for (size_t k = 0; k < t->n; k++)
            gs_run_close_window(t, &t->v[k]);
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
    gs_track_site *s = gs_track_site_of(t, p->id);
    if (!s) {
        if (t->n == GS_TRACK_SITES)
            return;
        t->v = gs_grow(t->v, &t->cap, t->n + 1, sizeof *t->v);
        s = &t->v[t->n++];
        s->key = gs_track_key(p->id);
        /* It was not there in the profile before, if there was one. */
        bool fresh = t->profiles > 0;
        gs_run_begin(s, fresh ? 0 : count, t->at_window.total, fresh ? t->last_ms : now_ms);
        s->last = s->from;
        s->low_at = fresh ? t->before : t->now;
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
        s->low_at = t->now;
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
    t->before = t->now;
    t->now =
        (gs_context){.total = p->total, .io_wait = p->io_wait, .consumers = p->consumers, .fds = fds, .load = load};
    if (!t->profiles)
        t->at_window = t->now;
    if (!t->profiles || p->consumers < t->fewest_consumers)
        t->fewest_consumers = p->consumers;
    for (size_t k = 0; k < p->n; k++)
        count_site(t, &p->sites[k], now_ms);
    for (size_t k = 0; k < t->n; k++)
        if (t->v[k].seen != t->profiles && !p->truncated) {
            t->v[k].last = t->v[k].low = t->v[k].steps = 0;
            t->v[k].low_at = t->now;
        }
    t->window_used = true;
    t->profiles++;
    t->last_ms = now_ms;
}

bool gs_track_rises(const gs_track_site *s)
{
    return gs_run_goes_on(s) && s->last - s->from >= GS_MIN_RISE;
}

static bool is_promising(const gs_track *t, const gs_track_site *s)
{
    bool any = t->windows < 2 || (t->windows < GS_WATCHED_WINDOWS && s->low_before > s->from);
    return any ? gs_run_goes_on(s) : gs_track_rises(s);
}

bool gs_track_promising(const gs_track *t)
{
    for (size_t k = 0; k < t->n; k++)
        if (is_promising(t, &t->v[k]))
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

/* A site that leaks is one that rises, or has risen: there are more such goroutines than in the first leak profile. */
static void name_leak(gs_track_site *s, uint32_t count, const gs_counts *first, const char *id)
{
    s->leaked_more = first->at_ms && count > gs_counts_get(first, id);
    if (!s->leaked_more && !gs_track_rises(s))
        return;
    if (s->leak_samples == 0 || count > s->leak_count)
        s->leak_samples++;
    s->leak_count = count;
}

void gs_track_leaks(gs_track *t, const gs_profile *p, const gs_counts *first)
{
    for (size_t k = 0; k < p->n; k++) {
        gs_track_site *s = gs_track_site_of(t, p->sites[k].id);
        uint32_t count = cut(p->sites[k].count);
        if (s && !s->parked && p->sites[k].state != GS_STATE_SELECT_NONE && count >= GS_MIN_RISE)
            name_leak(s, count, first, p->sites[k].id);
    }
    t->leaks++;
}

enum gs_grade gs_track_grade(const gs_track *t, const gs_track_site *s, int windows, unsigned *ret_reasons)
{
    unsigned n = (unsigned)windows, suspected = gs_run_few(windows);
    *ret_reasons = 0;
    if (s->leak_samples && (s->leaked_more || gs_track_rises(s))) {
        *ret_reasons = GS_REASON_SITE | GS_REASON_LEAK | (s->leak_samples > 1 ? GS_REASON_LEAK_AGAIN : 0U);
        return s->leak_samples > 1 ? GS_GRADE_PROVEN : GS_GRADE_PROBABLE;
    }
    if (s->refuted)
        return GS_GRADE_NONE;
    if (gs_run_explained(s)) {
        suspected = n * GS_EXPLAINED_RUNS;
        n *= GS_EXPLAINED_LONG;
    }
    if (!gs_run_lasts(t, s, suspected))
        return GS_GRADE_NONE;
    *ret_reasons = GS_REASON_SITE;
    bool ids = s->compared && s->survives;
    if (!ids)
        n = s->compared ? n * GS_CHANGING_RUNS : n * GS_UNSURE_HALVES / 2;
    if ((!ids && t->awaits_dump) || !gs_run_lasts(t, s, n))
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
