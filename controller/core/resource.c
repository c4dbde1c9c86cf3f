#include "core/resource.h"

#include <math.h>
#include <stdio.h>

static const char *const ids[] = {GS_RESOURCE_CPU, GS_RESOURCE_GOROUTINES, GS_RESOURCE_HEAP};

static double limit_of(const gs_detection *d, enum gs_resource_rule rule)
{
    if (!d->resources.enabled)
        return 0;
    return rule == GS_HIGH_CPU          ? d->resources.cpu_percent
           : rule == GS_HIGH_GOROUTINES ? (double)d->resources.goroutines
                                        : (double)d->resources.heap_inuse;
}

static uint32_t duration_ms(const gs_detection *d, enum gs_resource_rule rule)
{
    return rule == GS_HIGH_CPU ? (uint32_t)d->resources.cpu_for_s * 1000 : GS_RESOURCE_FOR_MS;
}

/* The low bits of a time; 0 stands for none. */
static uint32_t stamp(int64_t now_ms)
{
    uint32_t low = (uint32_t)now_ms;
    return low ? low : 1;
}

enum zone { NOWHERE, BELOW, NEAR, ABOVE };

static enum zone zone_of(const gs_detection *d, enum gs_resource_rule rule, double value)
{
    double limit = limit_of(d, rule);
    if (limit <= 0 || isnan(value))
        return NOWHERE;
    return value > limit ? ABOVE : value * 100 >= limit * GS_RESOURCE_EASED_PERCENT ? NEAR : BELOW;
}

static void judge(gs_resource *r, const gs_detection *d, enum gs_resource_rule rule, uint32_t from_ms, uint32_t now_ms,
                  gs_resource_verdict *ret)
{
    enum zone zone = zone_of(d, rule, (double)r->value[rule]);
    if (zone != r->zone[rule])
        r->since_ms[rule] = from_ms;
    r->zone[rule] = (uint8_t)zone;
    uint32_t for_ms = now_ms - r->since_ms[rule];
    bool long_enough = for_ms >= duration_ms(d, rule);
    switch (zone) {
    case NOWHERE:
        ret->state[rule] = GS_RESOURCE_CLEAR;
        break;
    case BELOW:
        ret->state[rule] = long_enough ? GS_RESOURCE_CLEAR : GS_RESOURCE_EASES;
        break;
    case NEAR:
        ret->state[rule] = GS_RESOURCE_EASES;
        break;
    case ABOVE:
        ret->state[rule] = long_enough ? GS_RESOURCE_HOLDS : GS_RESOURCE_ABOVE;
        ret->for_ms[rule] = for_ms;
        break;
    }
}

static void set_anchor(gs_resource *r, double cpu_s, uint32_t now_ms)
{
    r->anchor_ms = now_ms;
    r->anchor_cpu_s = cpu_s;
}

/* Cores that the pod may use; 0: not known. */
static double cores(const gs_sample *s, uint32_t cpu_limit_milli)
{
    return cpu_limit_milli ? cpu_limit_milli / 1000.0 : s->gomaxprocs > 0 ? s->gomaxprocs : 0;
}

static void judge_cpu(gs_resource *r, const gs_detection *d, const gs_sample *s, uint32_t cpu_limit_milli,
                      uint32_t now_ms, gs_resource_verdict *ret)
{
    double of = cores(s, cpu_limit_milli);
    if (of <= 0 || !isfinite(s->cpu_s) || limit_of(d, GS_HIGH_CPU) <= 0) {
        r->anchor_ms = 0;
        r->value[GS_HIGH_CPU] = NAN;
        judge(r, d, GS_HIGH_CPU, now_ms, now_ms, ret);
        return;
    }
    if (!r->anchor_ms || s->cpu_s < r->anchor_cpu_s) {
        r->zone[GS_HIGH_CPU] = NOWHERE;
        r->value[GS_HIGH_CPU] = NAN;
        set_anchor(r, s->cpu_s, now_ms);
        return;
    }
    uint32_t span = now_ms - r->anchor_ms;
    if (span >= GS_RESOURCE_SPAN_MS) {
        uint32_t from_ms = r->anchor_ms;
        r->value[GS_HIGH_CPU] = (float)((s->cpu_s - r->anchor_cpu_s) * 1e5 / (of * span));
        set_anchor(r, s->cpu_s, now_ms);
        judge(r, d, GS_HIGH_CPU, from_ms, now_ms, ret);
    } else if (r->zone[GS_HIGH_CPU]) { /* within a span, what was found at its beginning goes on */
        judge(r, d, GS_HIGH_CPU, r->anchor_ms, r->anchor_ms, ret);
    }
}

void gs_resource_add(gs_resource *r, const gs_detection *d, const gs_sample *s, enum gs_series_event event,
                     uint32_t cpu_limit_milli, int64_t now_ms, gs_resource_verdict *ret)
{
    *ret = (gs_resource_verdict){.for_ms = {0}};
    if (event != GS_SERIES_CONTINUES)
        *r = (gs_resource){.value = {NAN, NAN, NAN}};
    r->value[GS_HIGH_GOROUTINES] = (float)s->goroutines;
    r->value[GS_HIGH_HEAP] = (float)s->heap_inuse;
    uint32_t now = stamp(now_ms);
    judge_cpu(r, d, s, cpu_limit_milli, now, ret);
    judge(r, d, GS_HIGH_GOROUTINES, now, now, ret);
    judge(r, d, GS_HIGH_HEAP, now, now, ret);
}

double gs_resource_value(const gs_resource *r, enum gs_resource_rule rule)
{
    return (double)r->value[rule];
}

void gs_resource_describe(enum gs_resource_rule rule, const gs_detection *d, double value, char *dst, size_t cap)
{
    const double mib = 1 << 20;
    double limit = limit_of(d, rule);
    if (rule == GS_HIGH_CPU)
        (void)snprintf(dst, cap, "CPU %.0f %%, limit %.0f %%", value, limit);
    else if (rule == GS_HIGH_GOROUTINES)
        (void)snprintf(dst, cap, "%.0f goroutines, limit %.0f", value, limit);
    else
        (void)snprintf(dst, cap, "heap in use %.0f MiB, limit %.0f MiB", value / mib, limit / mib);
}

gs_incident *gs_resource_incident(const gs_workload_ref *w, enum gs_resource_rule rule)
{
    gs_incident *i = gs_incident_new(w, NULL);
    i->type = GS_INCIDENT_RESOURCE;
    (void)gs_str_copy(i->pattern_id, sizeof i->pattern_id, gs_str_of(ids[rule]));
    gs_resource_grade(i);
    return i;
}

int gs_resource_rule_of(const gs_incident *i)
{
    for (int k = 0; i->type == GS_INCIDENT_RESOURCE && k < GS_RESOURCE_RULES; k++)
        if (gs_streq(i->pattern_id, ids[k]))
            return k;
    return -1;
}

void gs_resource_grade(gs_incident *i)
{
    static const enum gs_severity severities[] = {GS_SEVERITY_HIGH, GS_SEVERITY_MEDIUM, GS_SEVERITY_LOW};
    int rule = gs_resource_rule_of(i);
    if (rule < 0)
        return;
    i->grade = GS_GRADE_SUSPECTED;
    i->reasons = GS_REASON_CPU << rule;
    i->severity = severities[rule];
}
