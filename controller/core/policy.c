#include "core/policy.h"

#include "base/mem.h"

const char *gs_mode_name(enum gs_mode m)
{
    static const char *const names[] = {"Observe", "DryRun", "Enforce"};
    return names[m];
}

const char *gs_grade_name(enum gs_grade g)
{
    static const char *const names[] = {"", "Suspected", "Probable", "Proven"};
    return names[g];
}

const char *gs_action_name(enum gs_action_type a)
{
    static const char *const names[] = {"ScaleOut"};
    return names[a];
}

const char *gs_class_name(enum gs_class c)
{
    static const char *const names[] = {"Payment", "Cache", "Login", "Search", "Custom"};
    return names[c];
}

int gs_class_permille(enum gs_class c)
{
    static const int permille[] = {20, 50, 5, 5, 0};
    return permille[c];
}

gs_policy *gs_policy_new(void)
{
    gs_policy *p = gs_alloc(sizeof *p);
    p->mode = GS_MODE_OBSERVE;
    p->endpoint.pprof_port.number = 6060;
    (void)gs_str_copy(p->endpoint.pprof_path, sizeof p->endpoint.pprof_path, GS_STR("/debug/pprof"));
    (void)gs_str_copy(p->endpoint.metrics_path, sizeof p->endpoint.metrics_path, GS_STR("/metrics"));
    p->interval_s = 5;
    p->timeout_s = 2;
    p->profile_interval_s = 300;
    p->detection.growth.enabled = true;
    p->detection.growth.periods = 3;
    p->detection.growth.percent_per_minute = 15;
    p->detection.surge.enabled = true;
    p->detection.surge.goroutines = 5000;
    p->detection.surge.percent = 30;
    p->detection.surge.window_s = 300;
    p->detection.blocked.enabled = true;
    p->detection.blocked.goroutines = 100;
    p->detection.floor.enabled = true;
    p->detection.floor.window_s = 120;
    p->detection.floor.windows = 4;
    p->detection.baseline.enabled = true;
    p->detection.baseline.static_goroutines = 2000;
    p->detection.baseline.samples = 30;
    p->detection.baseline.percentile = 90;
    p->detection.tolerance.class = GS_CLASS_PAYMENT;
    p->detection.tolerance.permille = gs_class_permille(GS_CLASS_PAYMENT);
    p->detection.leak_profile = true;
    p->snapshot_goroutine = p->snapshot_leak = true;
    p->full_dump_max = 5000;
    p->min_grade = GS_GRADE_PROBABLE;
    p->cooldown_s = 600;
    return p;
}

void gs_policy_free(gs_policy *p)
{
    if (!p)
        return;
    gs_selector_done(&p->selector);
    free(p);
}

bool gs_policy_before(const gs_policy *a, const gs_policy *b)
{
    if (a->created_ms != b->created_ms)
        return a->created_ms < b->created_ms;
    return strcmp(a->name, b->name) < 0;
}
