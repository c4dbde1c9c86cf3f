#include "core/policy.h"

#include "base/mem.h"
#include "core/stack.h"

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
    static const char *const names[] = {"ScaleOut", "Replace", "Evict", "Restart"};
    return names[a];
}

const char *gs_severity_name(enum gs_severity s)
{
    static const char *const names[] = {"Low", "Medium", "High", "P0"};
    return names[s];
}

const char *gs_notify_name(enum gs_notify_type t)
{
    static const char *const names[] = {"WeCom", "Slack", "Webhook", "Alertmanager"};
    return names[t];
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

static void default_detection(gs_detection *d)
{
    d->growth.enabled = true;
    d->growth.periods = 3;
    d->growth.percent_per_minute = 15;
    d->surge.enabled = true;
    d->surge.goroutines = 5000;
    d->surge.percent = 30;
    d->surge.window_s = 300;
    d->blocked.enabled = true;
    d->blocked.goroutines = 100;
    d->floor.enabled = true;
    d->floor.window_s = 120;
    d->floor.windows = 4;
    d->baseline.enabled = true;
    d->baseline.static_goroutines = 2000;
    d->baseline.samples = 30;
    d->baseline.percentile = 90;
    d->tolerance.class = GS_CLASS_PAYMENT;
    d->tolerance.permille = gs_class_permille(GS_CLASS_PAYMENT);
    d->resources.enabled = true;
    d->resources.cpu_percent = 90;
    d->resources.cpu_for_s = 180;
    d->resources.goroutines = 5000;
    d->resources.heap_inuse = INT64_C(512) << 20;
    d->leak_profile = true;
}

static void default_snapshot(gs_policy *p)
{
    p->snapshot_kinds = 1u << GS_PROFILE_GOROUTINE | 1u << GS_PROFILE_LEAK;
    p->cpu_s = 120;
    p->trace_s = 5;
    p->full_dump_max = 5000;
    p->s3.presign_s = 86400;
    p->retention = (gs_retention){.high_days = 7, .medium_days = 3, .low_days = 1, .max_bytes = INT64_C(10) << 30};
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
    default_detection(&p->detection);
    default_snapshot(p);
    p->min_grade = GS_GRADE_PROBABLE;
    p->limits =
        (gs_limits){.cooldown_s = 600, .max_actions_per_hour = 4, .min_available_percent = 75, .max_added_replicas = 5};
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
