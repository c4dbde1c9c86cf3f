/* spec.healing and spec.notify of a GostatPolicy. */
#include "codec/policy_internal.h"

#include <stdio.h>

typedef gs_policy_doc doc;
typedef struct gs_policy_action action;
typedef struct gs_policy_window window;
typedef struct gs_policy_notify notify;

static const char *const grades[] = {"Suspected", "Probable", "Proven", NULL};
static const char *const action_types[] = {"ScaleOut", "Replace", "Evict", "Restart", NULL};
static const char *const effects[] = {"Allow", "Deny", NULL};
static const char *const notify_types[] = {"WeCom", "Slack", "Webhook", "Alertmanager", NULL};
static const char *const severities[] = {"Low", "Medium", "High", "P0", NULL};

/* ---- actions ---- */

static const gs_json_field scale_out[] = {
    {GS_FIELD_INT(gs_scale_out, "step", step, 1, 100)},
    {GS_FIELD_INT(gs_scale_out, "maxReplicas", max_replicas, 1, 10000), .required = true},
    {GS_FIELD_INT(gs_scale_out, "holdSeconds", hold_s, 30, 86400)},
    {GS_FIELD_INT(gs_scale_out, "maxHoldSeconds", max_hold_s, 30, 86400)},
    {0},
};

static const gs_json_field replace[] = {
    {GS_FIELD_INT(gs_replace, "maxPods", max_pods, 1, GS_MAX_POD_VICTIMS)},
    {GS_FIELD_INT(gs_replace, "readySeconds", ready_s, 0, 3600)},
    {0},
};

static const gs_json_field evict[] = {
    {GS_FIELD_INT(gs_evict, "maxPods", max_pods, 1, GS_MAX_POD_VICTIMS)},
    {0},
};

static const gs_json_field action_fields[] = {
    {GS_FIELD_ENUM(action, "type", spec.type, action_types), .required = true},
    {GS_FIELD_OBJECT(action, "scaleOut", spec.scale_out, scale_out), .has = GS_AT(action, has_scale_out)},
    {GS_FIELD_OBJECT(action, "replace", spec.replace, replace), .has = GS_AT(action, has_replace)},
    {GS_FIELD_OBJECT(action, "evict", spec.evict, evict), .has = GS_AT(action, has_evict)},
    {0},
};
static const action default_action = {
    .spec = {.scale_out = {.step = 1, .hold_s = 600, .max_hold_s = 7200},
             .replace = {.max_pods = 1, .ready_s = 30},
             .evict = {.max_pods = 1}},
};

/* ---- limits and windows ---- */

static const gs_json_field limits[] = {
    {GS_FIELD_INT(doc, "cooldownSeconds", policy.limits.cooldown_s, 1, 86400)},
    {GS_FIELD_INT(doc, "maxActionsPerHour", policy.limits.max_actions_per_hour, 1, 60)},
    {GS_FIELD_INT(doc, "minAvailablePercent", policy.limits.min_available_percent, 0, 100)},
    {GS_FIELD_INT(doc, "maxAddedReplicas", policy.limits.max_added_replicas, 1, 1000)},
    {0},
};

static const gs_json_field window_fields[] = {
    {GS_FIELD_STRING(window, "name", spec.name), .required = true},
    {GS_FIELD_ENUM(window, "effect", effect, effects), .required = true},
    {GS_FIELD_STRING(window, "schedule", spec.schedule), .required = true},
    {GS_FIELD_INT(window, "durationMinutes", spec.duration_min, 1, 10080), .required = true},
    {GS_FIELD_STRING(window, "timeZone", spec.time_zone)},
    {0},
};
static const window default_window = {.spec.time_zone = "UTC"};

const gs_json_field gs_policy_healing_fields[] = {
    {GS_FIELD_ENUM(doc, "minGrade", min_grade, grades)},
    {GS_FIELD_LIST(doc, "actions", actions, policy.n_actions, GS_TYPE_OBJECT), .table = action_fields,
     .item = &default_action},
    {GS_FIELD_INLINE(doc, "limits", limits)},
    {GS_FIELD_LIST(doc, "windows", windows, n_windows, GS_TYPE_OBJECT), .table = window_fields,
     .item = &default_window},
    {0},
};

/* ---- notify ---- */

static const gs_json_field url_secret[] = {
    {GS_FIELD_STRING(notify, "name", spec.url_secret), .required = true},
    {GS_FIELD_STRING(notify, "key", spec.url_key), .required = true},
    {0},
};

static const gs_json_field hmac_secret[] = {
    {GS_FIELD_STRING(notify, "name", spec.hmac_secret), .required = true},
    {GS_FIELD_STRING(notify, "key", spec.hmac_key), .required = true},
    {0},
};

const gs_json_field gs_policy_notify_fields[] = {
    {GS_FIELD_STRING(notify, "name", spec.name), .required = true},
    {GS_FIELD_ENUM(notify, "type", spec.type, notify_types), .required = true},
    {GS_FIELD_INLINE(notify, "urlSecretRef", url_secret), .required = true},
    {GS_FIELD_ENUM(notify, "minSeverity", spec.min_severity, severities)},
    {GS_FIELD_INLINE(notify, "hmacSecretRef", hmac_secret), .has = GS_AT(notify, has_hmac)},
    {0},
};
const notify gs_policy_notify_default = {.spec.min_severity = GS_SEVERITY_LOW};

int gs_policy_build_healing(const gs_policy_doc *d, gs_policy *p, gs_error *err)
{
    for (size_t i = 0; i < p->n_actions; i++)
        p->actions[i] = d->actions[i].spec;
    for (; p->n_windows < d->n_windows; p->n_windows++) {
        gs_window *w = &p->windows[p->n_windows];
        char path[64];
        *w = d->windows[p->n_windows].spec;
        w->deny = d->windows[p->n_windows].effect;
        (void)snprintf(path, sizeof path, "spec.healing.windows[%zu].schedule", p->n_windows);
        if (gs_cron_parse(gs_str_of(w->schedule), &w->cron, err) < 0)
            return gs_error_wrap(err, GS_TERMINAL, "%s", path);
    }
    for (; p->n_notify < d->n_notify; p->n_notify++)
        p->notify[p->n_notify] = d->notify[p->n_notify].spec;
    return 0;
}
