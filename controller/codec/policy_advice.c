/* What a policy allows, and its other settings then prevent. */
#include "codec/policy_lint.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

typedef struct advice {
    const gs_policy *p;
    gs_lint_found *found;
    void *ctx;
} advice;

__attribute__((format(printf, 3, 4))) static void say(const advice *a, const char *path, const char *fmt, ...)
{
    char what[320];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(what, sizeof what, fmt, ap);
    va_end(ap);
    a->found(a->ctx, path, 0, what);
}

static void check_detection(const advice *a)
{
    const gs_detection *d = &a->p->detection;
    bool raises =
        d->growth.enabled || d->surge.enabled || d->blocked.enabled || d->floor.enabled || d->baseline.enabled;
    if (!raises && !d->resources.enabled)
        say(a, "spec.detection", "all rules are off, so that nothing is ever suspected; enable one");
    if (a->p->n_actions && a->p->min_grade == GS_GRADE_PROVEN && !d->leak_profile)
        say(a, "spec.healing.minGrade",
            "is Proven, which only the runtime's leak profile shows, and detection.leakProfile is Never: no action is "
            "ever taken; lower one, or ask for the profile");
}

static void check_actions(const advice *a)
{
    const gs_limits *l = &a->p->limits;
    for (size_t i = 0; i < a->p->n_actions; i++) {
        const gs_action_spec *s = &a->p->actions[i];
        char path[80];
        (void)snprintf(path, sizeof path, "spec.healing.actions[%zu]", i);
        if (s->type == GS_ACTION_SCALE_OUT && s->scale_out.step > l->max_added_replicas) {
            (void)snprintf(path, sizeof path, "spec.healing.actions[%zu].scaleOut.step", i);
            say(a, path, "adds %d at most: limits.maxAddedReplicas is %d; lower step, or raise that",
                l->max_added_replicas, l->max_added_replicas);
        }
        if (s->type == GS_ACTION_EVICT && l->min_available_percent == 100)
            say(a, path,
                "Evict never takes a pod that serves: limits.minAvailablePercent is 100; lower that, or use Replace");
    }
}

static void check_limits(const advice *a)
{
    const gs_limits *l = &a->p->limits;
    int64_t fit = 3600 / l->cooldown_s + 1;
    if (a->p->n_actions && l->max_actions_per_hour > fit)
        say(a, "spec.healing.limits.maxActionsPerHour",
            "is %d, and is never reached: a cooldownSeconds of %" PRId64 " leaves time for %" PRId64
            " in an hour; lower one of them",
            l->max_actions_per_hour, l->cooldown_s, fit);
}

#define WINDOW_STEPS 5000 /* openings and closings looked at: several years of most schedules */

/* Whether any time comes at which an action may be begun. */
static void check_windows(const advice *a, int64_t now_ms)
{
    const gs_window *stands = NULL;
    int64_t at = now_ms, until = 0;
    if (!a->p->n_windows)
        return;
    for (int i = 0; i < WINDOW_STEPS; i++, at = until) {
        if (gs_windows_allow(a->p->windows, a->p->n_windows, at, &stands, &until))
            return;
        if (until == INT64_MAX || until <= at)
            break;
    }
    say(a, "spec.healing.windows",
        "no time is ever allowed: \"%s\" always stands in the way; shorten it, or move its schedule",
        stands ? stands->name : "");
}

void gs_lint_advise(const gs_policy *p, int64_t now_ms, gs_lint_found *found, void *ctx)
{
    const advice a = {p, found, ctx};
    check_detection(&a);
    check_actions(&a);
    check_limits(&a);
    check_windows(&a, now_ms);
}
