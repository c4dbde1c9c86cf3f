#include "core/series.h"

#include <math.h>

static uint32_t length(int64_t ms)
{
    return ms > 0 ? (uint32_t)ms : 1;
}

static void empty_surge(gs_series *se)
{
    for (unsigned i = 0; i < GS_SERIES_BUCKETS; i++)
        se->bucket_min[i] = -1;
}

static void empty_floor(gs_series *se, int64_t from_ms)
{
    se->floor_from_ms = from_ms;
    se->n_spread = 0;
    for (unsigned k = 0; k < GS_FLOOR_SCALES; k++)
        se->scale[k] = (gs_floor_scale){.min = {-1}};
}

static void restart(gs_series *se, int64_t now_ms)
{
    *se = (gs_series){.since_ms = now_ms, .surge_ms = se->surge_ms, .floor_ms = se->floor_ms, .cpu_s = NAN};
    empty_surge(se);
    empty_floor(se, now_ms);
}

float gs_series_back(const gs_series *se, unsigned i, int64_t *ret_ms)
{
    unsigned at = (se->head + GS_SERIES_RECENT - 1 - i) % GS_SERIES_RECENT;
    if (ret_ms)
        *ret_ms = se->newest_ms - (uint32_t)((uint32_t)se->newest_ms - se->recent_at[at]);
    return se->recent[at];
}

static uint32_t slot_of(int64_t at_ms, uint32_t surge_ms)
{
    uint32_t width = surge_ms / GS_SERIES_BUCKETS;
    return (uint32_t)(at_ms / (width ? width : 1));
}

static void add_surge(gs_series *se, float v, int64_t now_ms)
{
    uint32_t slot = slot_of(now_ms, se->surge_ms);
    unsigned b = slot % GS_SERIES_BUCKETS;
    if (se->bucket_at[b] != slot || se->bucket_min[b] < 0 || v < se->bucket_min[b]) {
        se->bucket_at[b] = slot;
        se->bucket_min[b] = v;
    }
}

/* ---- floor ---- */

static int64_t scale_ms(const gs_series *se, unsigned k)
{
    return (int64_t)se->floor_ms << (2 * k);
}

static void break_run(gs_floor_scale *sc)
{
    sc->complete = 0;
    sc->spoiled = true;
}

static void keep_spread(gs_series *se)
{
    float low = se->scale[0].min[0];
    if (low < 0)
        return;
    memmove(se->spread + 1, se->spread, sizeof se->spread - sizeof *se->spread);
    se->spread[0] = se->window_max - low;
    if (se->n_spread < GS_FLOOR_WINDOWS - 1)
        se->n_spread++;
}

/* Completes the windows whose end has passed. */
static void advance(gs_floor_scale *sc, uint32_t window)
{
    bool broken = sc->spoiled || sc->min[0] < 0 || window != sc->window + 1;
    if (broken)
        sc->complete = 0;
    else if (sc->complete < GS_FLOOR_WINDOWS - 1)
        sc->complete++;
    memmove(sc->min + 1, sc->min, sizeof sc->min - sizeof *sc->min);
    sc->min[0] = -1;
    sc->window = window;
    sc->spoiled = false;
}

/* gap_ms: since the sample before, where that is a gap; else 0. */
static void add_floor(gs_series *se, float v, int64_t now_ms, int64_t gap_ms)
{
    for (unsigned k = 0; k < GS_FLOOR_SCALES; k++) {
        gs_floor_scale *sc = &se->scale[k];
        uint32_t window = (uint32_t)((now_ms - se->floor_from_ms) / scale_ms(se, k));
        if (window != sc->window) {
            if (k == 0)
                keep_spread(se);
            advance(sc, window);
        }
        if (gap_ms > 0 && (k == 0 || gap_ms >= scale_ms(se, k) / 2))
            break_run(sc);
        if (k == 0 && (sc->min[0] < 0 || v > se->window_max))
            se->window_max = v;
        if (sc->min[0] < 0 || v < sc->min[0])
            sc->min[0] = v;
    }
}

/* ---- samples ---- */

static bool is_restart(const gs_series *se, const gs_sample *s)
{
    if (isfinite(s->start_time_s) && s->start_time_s > 0)
        return se->start_time_s > 0 && fabs(s->start_time_s - se->start_time_s) > 1.0;
    return (float)s->cpu_s < se->cpu_s; /* false for NaN */
}

static void use_lengths(gs_series *se, const gs_windows *w, int64_t now_ms)
{
    if (se->surge_ms != length(w->surge)) {
        se->surge_ms = length(w->surge);
        empty_surge(se);
    }
    if (se->floor_ms != length(w->floor)) {
        se->floor_ms = length(w->floor);
        empty_floor(se, now_ms);
    }
}

enum gs_series_event gs_series_add(gs_series *se, const gs_sample *s, int64_t now_ms, const gs_windows *w)
{
    enum gs_series_event event = GS_SERIES_CONTINUES;
    int64_t gap_ms = 0;
    if (se->n == 0) {
        restart(se, now_ms);
        event = GS_SERIES_STARTED;
    } else if (is_restart(se, s)) {
        restart(se, now_ms);
        event = GS_SERIES_RESTARTED;
    } else if (now_ms - se->newest_ms > w->interval * 5 / 2) {
        gap_ms = now_ms - se->newest_ms;
        se->n = 0;
        empty_surge(se);
        event = GS_SERIES_GAP;
    }
    use_lengths(se, w, now_ms);
    if (isfinite(s->start_time_s) && s->start_time_s > 0)
        se->start_time_s = s->start_time_s;
    if (isfinite(s->cpu_s))
        se->cpu_s = (float)s->cpu_s;
    se->fds = (float)s->open_fds;
    se->load = (float)s->load;
    se->rss = (float)s->rss;
    se->newest_ms = now_ms;
    float v = (float)s->goroutines;
    se->recent[se->head] = v;
    se->recent_at[se->head] = (uint32_t)now_ms;
    se->head = (uint8_t)((se->head + 1) % GS_SERIES_RECENT);
    if (se->n < GS_SERIES_RECENT)
        se->n++;
    add_surge(se, v, now_ms);
    add_floor(se, v, now_ms, gap_ms);
    return event;
}

unsigned gs_series_len(const gs_series *se)
{
    return se->n;
}

float gs_series_last(const gs_series *se)
{
    return se->n ? gs_series_back(se, 0, NULL) : -1;
}

float gs_series_fds(const gs_series *se)
{
    return se->n ? se->fds : NAN;
}

float gs_series_load(const gs_series *se)
{
    return se->n ? se->load : NAN;
}

double gs_series_rss(const gs_series *se)
{
    return se->n ? (double)se->rss : NAN;
}

float gs_series_window_min(const gs_series *se, int64_t now_ms, int64_t window_ms)
{
    uint32_t newest = slot_of(now_ms, length(window_ms));
    float min = -1;
    if (se->n == 0 || se->surge_ms != length(window_ms))
        return -1;
    for (unsigned b = 0; b < GS_SERIES_BUCKETS; b++) {
        if (se->bucket_min[b] < 0 || newest - se->bucket_at[b] >= GS_SERIES_BUCKETS)
            continue;
        if (min < 0 || se->bucket_min[b] < min)
            min = se->bucket_min[b];
    }
    return min;
}

double gs_series_growth_ratio(const gs_series *se)
{
    if (se->n < 2)
        return 1;
    double first = gs_series_back(se, se->n - 1, NULL), last = gs_series_back(se, 0, NULL);
    return first > 0 ? last / first : 1;
}

/* ---- order statistics ---- */

/* The k-th smallest, k from 0 (Hoare 1961). Reorders v: smaller ones stand before k afterwards. */
static float nth(float *v, unsigned n, unsigned k)
{
    int low = 0, high = (int)n - 1, want = (int)k;
    while (low < high) {
        float pivot = v[want];
        int i = low, j = high;
        while (i <= j) {
            while (i < high && v[i] < pivot)
                i++;
            while (j > low && v[j] > pivot)
                j--;
            if (i <= j) {
                float t = v[i];
                v[i++] = v[j];
                v[j--] = t;
            }
        }
        if (j < want)
            low = i;
        if (i > want)
            high = j;
    }
    return v[want];
}

static float median(float *v, unsigned n)
{
    float upper = nth(v, n, n / 2), lower = upper;
    if (n % 2)
        return upper;
    for (unsigned i = 0; i < n / 2; i++)
        if (i == 0 || v[i] > lower)
            lower = v[i];
    return lower + (upper - lower) / 2;
}

float gs_series_percentile(const gs_series *se, unsigned samples, int percentile)
{
    float v[GS_SERIES_RECENT];
    if (samples == 0 || samples >= se->n)
        return -1;
    for (unsigned i = 0; i < samples; i++)
        v[i] = gs_series_back(se, i + 1, NULL);
    unsigned p = percentile < 1 ? 1 : percentile > 100 ? 100 : (unsigned)percentile;
    return nth(v, samples, (samples * p + 99) / 100 - 1);
}

bool gs_series_third(const gs_series *se, unsigned which, gs_third *ret)
{
    float v[GS_SERIES_RECENT / 3];
    unsigned n = se->n / 3;
    if (n < 3)
        return false;
    *ret = (gs_third){.min = INFINITY, .max = -INFINITY};
    for (unsigned i = 0; i < n; i++) {
        v[i] = gs_series_back(se, which * n + i, i ? &ret->from_ms : &ret->to_ms);
        ret->min = fminf(ret->min, v[i]);
        ret->max = fmaxf(ret->max, v[i]);
    }
    ret->median = median(v, n);
    return true;
}

bool gs_series_floor(const gs_series *se, unsigned windows, gs_floor *ret)
{
    float spread[GS_FLOOR_WINDOWS - 1];
    if (windows < 2 || se->n == 0 || se->n_spread == 0)
        return false;
    memcpy(spread, se->spread, sizeof spread);
    float noise = median(spread, se->n_spread), last = gs_series_last(se);
    for (unsigned k = 0; k < GS_FLOOR_SCALES; k++) {
        const gs_floor_scale *sc = &se->scale[k];
        if (sc->complete < windows)
            continue;
        float from = sc->min[windows], to = sc->min[1];
        bool rises = last >= to && to - from >= GS_MIN_RISE && to - from >= noise;
        for (unsigned i = 1; rises && i < windows; i++)
            rises = sc->min[i] > sc->min[i + 1];
        if (!rises)
            continue;
        *ret = (gs_floor){.scale = 1u << (2 * k),
                          .from = from,
                          .to = to,
                          .since_ms = se->floor_from_ms + (int64_t)(sc->window - windows) * scale_ms(se, k)};
        return true;
    }
    return false;
}

/* Seconds before the newest sample, and never positive. */
static double age_s(const gs_series *se, unsigned i, double *ret_count)
{
    int64_t at;
    *ret_count = (double)gs_series_back(se, i, &at);
    return (double)(at - se->newest_ms) / 1000;
}

/* Of the newest counts, this many. */
static double slope_of(const gs_series *se, unsigned counts)
{
    float slopes[GS_SERIES_RECENT * (GS_SERIES_RECENT - 1) / 2];
    unsigned n = 0;
    for (unsigned i = 0; i < counts; i++)
        for (unsigned k = i + 1; k < counts; k++) {
            double newer, older, t1 = age_s(se, i, &newer), t0 = age_s(se, k, &older);
            if (t1 > t0)
                slopes[n++] = (float)((newer - older) / (t1 - t0));
        }
    return counts < 3 || n == 0 ? 0 : (double)median(slopes, n);
}

double gs_series_slope(const gs_series *se)
{
    return slope_of(se, se->n);
}

/* The i-th count back, without an outlier: the median of it and its neighbours. */
static float smooth(const gs_series *se, unsigned i)
{
    float v[3];
    unsigned n = 0;
    for (unsigned k = i > 0 ? i - 1 : 0; k <= i + 1 && k < se->n; k++)
        v[n++] = gs_series_back(se, k, NULL);
    return median(v, n);
}

/* How many of the newest counts are of the rise: those since it was last no higher than usual, which is the median of
 * the older half. */
static unsigned rising(const gs_series *se)
{
    float older[GS_SERIES_RECENT];
    unsigned n = 0, back = 0;
    for (unsigned i = se->n / 2; i < se->n; i++)
        older[n++] = gs_series_back(se, i, NULL);
    float usual = median(older, n);
    while (back + 1 < se->n && smooth(se, back) > usual)
        back++;
    return back + 1;
}

static float lowest(const gs_series *se)
{
    float low = gs_series_last(se);
    for (unsigned i = 1; i < se->n; i++)
        low = fminf(low, gs_series_back(se, i, NULL));
    for (unsigned k = 0; k < GS_FLOOR_SCALES; k++)
        for (unsigned i = 0; i <= se->scale[k].complete; i++)
            low = fminf(low, se->scale[k].min[i]);
    return low;
}

int64_t gs_series_onset_ms(const gs_series *se)
{
    float above[GS_SERIES_RECENT];
    unsigned counts = se->n ? rising(se) : 0;
    double count, slope = slope_of(se, counts);
    if (slope <= 0)
        return se->newest_ms;
    for (unsigned i = 0; i < counts; i++) {
        double t = age_s(se, i, &count);
        above[i] = (float)(count - slope * t);
    }
    double now = (double)median(above, counts);
    double age_ms = (now - (double)lowest(se)) / slope * 1000;
    double oldest_ms = (double)(se->newest_ms - se->since_ms);
    return se->newest_ms - (int64_t)fmax(0, fmin(age_ms, oldest_ms));
}
