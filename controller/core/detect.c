#include "core/detect.h"

#include <stdio.h>

const char *gs_rule_name(unsigned rule)
{
    switch (rule) {
    case GS_RULE_GROWTH:
        return "growth";
    case GS_RULE_SURGE:
        return "surge";
    case GS_RULE_BLOCKED:
        return "blocked";
    case GS_RULE_SITE:
        return "site";
    case GS_RULE_FLOOR:
        return "floor";
    case GS_RULE_BASELINE:
        return "baseline";
    default:
        return "";
    }
}

static bool too_fast(const gs_detection *d, double first, double last, int64_t ms, double *ret_rate)
{
    if (last - first < GS_MIN_RISE || ms <= 0)
        return false;
    *ret_rate = 100 * (last - first) / (first > 1 ? first : 1) / ((double)ms / 60000);
    return *ret_rate > d->growth.percent_per_minute;
}

static bool rises_in_a_row(const gs_detection *d, const gs_series *se, gs_verdict *ret)
{
    unsigned periods = (unsigned)d->growth.periods;
    if (gs_series_len(se) <= periods)
        return false;
    for (unsigned i = 0; i < periods; i++)
        if (gs_series_back(se, i, NULL) <= gs_series_back(se, i + 1, NULL))
            return false;
    int64_t t0, t1;
    double first = (double)gs_series_back(se, periods, &t0), last = (double)gs_series_back(se, 0, &t1), rate;
    if (!too_fast(d, first, last, t1 - t0, &rate))
        return false;
    (void)snprintf(ret->reason, sizeof ret->reason, "growth: %.0f to %.0f goroutines in %u periods, %.0f %%/min", first,
                   last, periods, rate);
    return true;
}

/* Rises that noise hides from one sample to the next: of the recent samples the newest third lies wholly above the
 * oldest one, and the middle one between them, so that it is no mere step. */
static bool rises_on_the_whole(const gs_detection *d, const gs_series *se, gs_verdict *ret)
{
    gs_third old, mid, new;
    double rate;
    if (!gs_series_third(se, 2, &old) || !gs_series_third(se, 1, &mid) || !gs_series_third(se, 0, &new) ||
        mid.median <= old.median || new.median <= mid.median ||
        !too_fast(d, (double)old.max, (double)new.min, new.to_ms - old.from_ms, &rate))
        return false;
    (void)snprintf(ret->reason, sizeof ret->reason, "growth: %.0f to %.0f goroutines over %u samples, %.0f %%/min",
                   (double)old.max, (double)new.min, gs_series_len(se), rate);
    return true;
}

static bool growth(const gs_detection *d, const gs_series *se, gs_verdict *ret)
{
    return d->growth.enabled && (rises_in_a_row(d, se, ret) || rises_on_the_whole(d, se, ret));
}

static bool surge(const gs_detection *d, const gs_series *se, int64_t now_ms, gs_verdict *ret)
{
    double last = gs_series_last(se);
    if (!d->surge.enabled || last < (double)d->surge.goroutines)
        return false;
    double min = gs_series_window_min(se, now_ms, (int64_t)d->surge.window_s * 1000);
    if (min < 0 || last < min * (1 + d->surge.percent / 100.0))
        return false;
    (void)snprintf(ret->reason, sizeof ret->reason, "surge: %.0f goroutines, from %.0f within %d s", last, min,
                   d->surge.window_s);
    return true;
}

static bool floor_rises(const gs_detection *d, const gs_series *se, gs_verdict *ret)
{
    gs_floor f;
    if (!d->floor.enabled || !gs_series_floor(se, (unsigned)d->floor.windows, &f))
        return false;
    (void)snprintf(ret->reason, sizeof ret->reason,
                   "floor: the minimum rose from %.0f to %.0f goroutines in %d windows of %u s", (double)f.from,
                   (double)f.to, d->floor.windows, f.scale * (unsigned)d->floor.window_s);
    return true;
}

static bool baseline(const gs_detection *d, const gs_series *se, gs_verdict *ret)
{
    double last = (double)gs_series_last(se);
    if (!d->baseline.enabled || last <= (double)d->baseline.static_goroutines)
        return false;
    double usual = (double)gs_series_percentile(se, (unsigned)d->baseline.samples, d->baseline.percentile);
    if (usual < 0 || last * 1000 <= usual * (1000 + d->tolerance.permille))
        return false;
    (void)snprintf(ret->reason, sizeof ret->reason,
                   "baseline: %.0f goroutines, P%d of %d samples %.0f, tolerance %d per mille", last,
                   d->baseline.percentile, d->baseline.samples, usual, d->tolerance.permille);
    return true;
}

void gs_detect_series(const gs_detection *d, const gs_series *se, int64_t now_ms, gs_verdict *ret)
{
    *ret = (gs_verdict){0};
    /* from the weakest to the strongest, whose reason stays */
    if (growth(d, se, ret))
        ret->rules |= GS_RULE_GROWTH;
    if (baseline(d, se, ret))
        ret->rules |= GS_RULE_BASELINE;
    if (surge(d, se, now_ms, ret))
        ret->rules |= GS_RULE_SURGE;
    if (floor_rises(d, se, ret))
        ret->rules |= GS_RULE_FLOOR;
}

/* Beyond twice the deviation that the count of a Poisson process has, its root. */
static bool stands_out(uint64_t count, uint64_t before)
{
    uint64_t more = count > before ? count - before : 0;
    return more >= GS_MIN_RISE && (more > UINT32_MAX || more * more >= 4 * before);
}

void gs_detect_profile(const gs_detection *d, const gs_profile *p, const gs_counts *base, gs_verdict *ret)
{
    *ret = (gs_verdict){0};
    bool compare = base->at_ms != 0;
    for (size_t i = 0; i < p->n; i++) {
        const gs_site *s = &p->sites[i];
        uint64_t before = compare ? gs_counts_get(base, s->id) : 0;
        if (d->blocked.enabled && gs_state_blocked(s->state) && s->count >= (uint64_t)d->blocked.goroutines &&
            s->count > before) {
            if (!ret->rules)
                (void)snprintf(ret->reason, sizeof ret->reason, "blocked: %llu goroutines in %s at %s",
                               (unsigned long long)s->count, gs_state_name(s->state), s->leaf);
            ret->rules |= GS_RULE_BLOCKED;
        }
        if (compare && stands_out(s->count, before)) {
            if (!ret->rules)
                (void)snprintf(ret->reason, sizeof ret->reason, "site: %llu to %llu goroutines at %s",
                               (unsigned long long)before, (unsigned long long)s->count, s->leaf);
            ret->rules |= GS_RULE_SITE;
        }
    }
}
