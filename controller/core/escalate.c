#include "core/escalate.h"

#include <math.h>

static int64_t clamp(int64_t v, int64_t min, int64_t max)
{
    v = v < max ? v : max;
    return v > min ? v : min;
}

gs_pace gs_pace_of(int64_t interval_ms, int64_t window_ms)
{
    return (gs_pace){
        .profiling = clamp(window_ms / 8, interval_ms, 5000),
        .watching = clamp(window_ms / 3, interval_ms, window_ms),
        .tracking = clamp(window_ms / 3, interval_ms, 15000),
        .hold = clamp(window_ms / 2, interval_ms, 60000),
    };
}

bool gs_escalate_suspect(gs_escalation *e, unsigned rules, double goroutines, int64_t now_ms)
{
    if (gs_escalate_due(e) >= 0) {
        e->rules |= rules;
        return false;
    }
    if (e->look == GS_LOOK_HOLD && now_ms < e->next_ms && goroutines < e->held_at * 1.25 + 10)
        return false;
    *e = (gs_escalation){.look = GS_LOOK_PROFILING, .rules = rules, .next_ms = now_ms};
    return true;
}

static void hold(gs_escalation *e, double goroutines, const gs_pace *pace, int64_t now_ms)
{
    e->look = GS_LOOK_HOLD;
    e->held_at = goroutines;
    e->next_ms = now_ms + pace->hold;
}

void gs_escalate_profiled(gs_escalation *e, enum gs_prospect prospect, double goroutines, const gs_pace *pace,
                          int64_t now_ms)
{
    e->failures = 0;
    e->taken++;
    if (e->look == GS_LOOK_PROFILING && e->taken < GS_PROFILES_ON_SUSPICION) {
        e->next_ms = now_ms + pace->profiling;
    } else if (prospect == GS_PROSPECT_LISTED) {
        e->look = GS_LOOK_TRACKING;
        e->next_ms = now_ms + pace->tracking;
    } else if (e->look == GS_LOOK_TRACKING) {
        gs_escalate_reset(e);
    } else if (prospect == GS_PROSPECT_RISES) {
        e->look = GS_LOOK_WATCHING;
        e->next_ms = now_ms + pace->watching;
    } else {
        hold(e, goroutines, pace, now_ms);
    }
}

void gs_escalate_failed(gs_escalation *e, enum gs_prospect prospect, const gs_pace *pace, int64_t now_ms)
{
    if (gs_escalate_due(e) < 0)
        return;
    e->failures++;
    if (prospect == GS_PROSPECT_LISTED) {
        e->look = GS_LOOK_TRACKING;
        e->next_ms = now_ms + pace->tracking;
    } else if (e->failures < GS_PROFILE_FAILURES) {
        e->next_ms = now_ms + pace->profiling;
    } else {
        hold(e, INFINITY, pace, now_ms); /* it cannot be had: more goroutines do not change that */
    }
}

void gs_escalate_reset(gs_escalation *e)
{
    *e = (gs_escalation){0};
}

void gs_escalate_track(gs_escalation *e, int64_t now_ms)
{
    *e = (gs_escalation){.look = GS_LOOK_TRACKING, .next_ms = now_ms};
}

int64_t gs_escalate_due(const gs_escalation *e)
{
    bool looking = e->look == GS_LOOK_PROFILING || e->look == GS_LOOK_WATCHING || e->look == GS_LOOK_TRACKING;
    return looking ? e->next_ms : -1;
}
