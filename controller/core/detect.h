/* The rules of `detection`: each raises suspicion, none of them acts. */
#ifndef GS_CORE_DETECT_H
#define GS_CORE_DETECT_H

#include "core/counts.h"
#include "core/policy.h"
#include "core/series.h"
#include "core/stack.h"

enum gs_rule {
    GS_RULE_GROWTH = 1 << 0,
    GS_RULE_SURGE = 1 << 1,
    GS_RULE_BLOCKED = 1 << 2,
    GS_RULE_SITE = 1 << 3, /* a site of the regular profile is well above the pod's base */
    GS_RULE_FLOOR = 1 << 4,
    GS_RULE_BASELINE = 1 << 5,
};
#define GS_RULES 6

/* "growth", "surge", "blocked", "site", "floor", "baseline" for a single bit. */
const char *gs_rule_name(unsigned rule);

typedef struct gs_verdict {
    unsigned rules; /* of enum gs_rule; 0: nothing suspicious */
    char reason[160];
} gs_verdict;

/* growth: rises `periods` times in a row, by at least GS_MIN_RISE goroutines in all, and faster than percentPerMinute
 *   of the count it began with: 100 * (last - first) / max(first, 1) / minutes. Or, where noise hides that: the newest
 *   third of the recent samples lies wholly above the oldest one, by as much and as fast, the middle one between them.
 * surge: at least `goroutines`, and at least (1 + percent / 100) times the window's minimum.
 * floor: see gs_series_floor.
 * baseline: more than staticGoroutines, and more than (1 + tolerance.permille / 1000) times the percentile of the
 *   `samples` counts before the newest, all of them without a gap.
 * The reason is that of the strongest rule: floor, surge, baseline, growth. */
void gs_detect_series(const gs_detection *d, const gs_series *se, int64_t now_ms, gs_verdict *ret);

/* On one profile, against the base where there is one:
 * blocked: at least `goroutines` blocked at one site, and more than in the base.
 * site: a site has at least GS_MIN_RISE more than in the base, and at least twice the root of what it had there: what
 *   comes and goes by chance stays within (Poisson). */
void gs_detect_profile(const gs_detection *d, const gs_profile *p, const gs_counts *base, gs_verdict *ret);

#endif
