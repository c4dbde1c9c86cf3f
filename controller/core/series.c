#include "core/series.h"

#include <math.h>

static void restart(gs_series *se, double start_time_s, int64_t now_ms)
{
    *se = (gs_series){.start_time_s = start_time_s, .since_ms = now_ms};
    for (unsigned i = 0; i < GS_SERIES_BUCKETS; i++)
        se->bucket_min[i] = -1;
}

float gs_series_back(const gs_series *se, unsigned i, int64_t *ret_ms)
{
    unsigned at = (se->head + GS_SERIES_RECENT - 1 - i) % GS_SERIES_RECENT;
    if (ret_ms)
        *ret_ms = se->recent_ms[at];
    return se->recent[at];
}

enum gs_series_event gs_series_add(gs_series *se, const gs_sample *s, int64_t now_ms, int64_t interval_ms,
                                   int64_t window_ms)
{
    enum gs_series_event event = GS_SERIES_CONTINUES;
    double start = isfinite(s->start_time_s) ? s->start_time_s : 0;
    int64_t last_ms = 0;
    if (se->n == 0 && se->since_ms == 0) {
        restart(se, start, now_ms);
        event = GS_SERIES_STARTED;
    } else if (start > 0 && se->start_time_s > 0 && fabs(start - se->start_time_s) > 1.0) {
        restart(se, start, now_ms);
        event = GS_SERIES_RESTARTED;
    } else if (se->n > 0) {
        (void)gs_series_back(se, 0, &last_ms);
        if (now_ms - last_ms > interval_ms * 5 / 2) {
            se->n = 0;
            event = GS_SERIES_GAP;
        }
    }
    if (start > 0)
        se->start_time_s = start;
    float v = (float)s->goroutines;
    se->recent[se->head] = v;
    se->recent_ms[se->head] = now_ms;
    se->head = (se->head + 1) % GS_SERIES_RECENT;
    if (se->n < GS_SERIES_RECENT)
        se->n++;
    int64_t width = window_ms / GS_SERIES_BUCKETS > 0 ? window_ms / GS_SERIES_BUCKETS : 1;
    int64_t slot = now_ms / width;
    unsigned b = (unsigned)(slot % GS_SERIES_BUCKETS);
    if (se->bucket_at[b] != slot || se->bucket_min[b] < 0 || v < se->bucket_min[b]) {
        se->bucket_at[b] = slot;
        se->bucket_min[b] = v;
    }
    return event;
}

float gs_series_last(const gs_series *se)
{
    return se->n ? gs_series_back(se, 0, NULL) : -1;
}

float gs_series_window_min(const gs_series *se, int64_t now_ms, int64_t window_ms)
{
    int64_t width = window_ms / GS_SERIES_BUCKETS > 0 ? window_ms / GS_SERIES_BUCKETS : 1;
    int64_t newest = now_ms / width, oldest = newest - GS_SERIES_BUCKETS + 1;
    float min = -1;
    if (se->n == 0 && se->since_ms == 0) /* zero-initialised */
        return -1;
    for (unsigned b = 0; b < GS_SERIES_BUCKETS; b++) {
        if (se->bucket_min[b] < 0 || se->bucket_at[b] < oldest || se->bucket_at[b] > newest)
            continue;
        if (min < 0 || se->bucket_min[b] < min)
            min = se->bucket_min[b];
    }
    return min;
}

float gs_series_max_until(const gs_series *se, int64_t until_ms)
{
    float max = -1;
    for (unsigned i = 0; i < se->n; i++) {
        int64_t at;
        float v = gs_series_back(se, i, &at);
        if (at <= until_ms && v > max)
            max = v;
    }
    return max;
}

float gs_series_min_until(const gs_series *se, int64_t until_ms)
{
    float min = -1;
    for (unsigned i = 0; i < se->n; i++) {
        int64_t at;
        float v = gs_series_back(se, i, &at);
        if (at <= until_ms && (min < 0 || v < min))
            min = v;
    }
    return min;
}

float gs_series_min_after(const gs_series *se, int64_t after_ms)
{
    float min = 0;
    for (unsigned i = 0; i < se->n; i++) {
        int64_t at;
        float v = gs_series_back(se, i, &at);
        if (at > after_ms && (min <= 0 || v < min))
            min = v;
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
