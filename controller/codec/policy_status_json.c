/* The status of a GostatPolicy: conditions and counts. */
#include "base/clock.h"
#include "codec/condition_json.h"
#include "codec/policy_internal.h"
#include "codec/policy_json.h"
#include "wire/json_map.h"

static const gs_json_field targets[] = {
    {GS_FIELD_INT(gs_policy_status, "matched", matched, 0, INT32_MAX)},
    {GS_FIELD_INT(gs_policy_status, "sampled", sampled, 0, INT32_MAX)},
    {GS_FIELD_INT(gs_policy_status, "unreachable", unreachable, 0, INT32_MAX)},
    {GS_FIELD_INT(gs_policy_status, "leaking", leaking, 0, INT32_MAX)},
    {0},
};

static const gs_json_field status[] = {
    {GS_FIELD_INT(gs_policy_status, "observedGeneration", observed_generation, 0, INT64_MAX)},
    {GS_FIELD_INLINE(gs_policy_status, "targets", targets)},
    {GS_FIELD_INT(gs_policy_status, "openIncidents", open_incidents, 0, INT32_MAX)},
    {0},
};

int gs_policy_status_from_json(gs_str policy_object, gs_policy_status *ret, gs_error *err)
{
    gs_str raw, list;
    gs_json_cursor c;
    gs_policy_status s = {0};
    if (!gs_json_find(policy_object, (const char *const[]){"status", NULL}, &raw) || gs_str_is(raw, "null")) {
        *ret = s;
        return 0;
    }
    int e = gs_json_map_decode_str(raw, status, &s, GS_UNKNOWN_IGNORE, "status", err);
    if (e < 0)
        return e;
    if (gs_json_find(raw, (const char *const[]){"conditions", NULL}, &list)) {
        gs_json_cursor_init(&c, list);
        gs_conditions_read(&c, s.conditions, GS_LEN(s.conditions));
        if (gs_json_cursor_finish(&c, err) < 0)
            return gs_error_wrap(err, GS_TERMINAL, "status.conditions");
    }
    *ret = s;
    return 0;
}

void gs_policy_status_patch(gs_json_writer *w, const char *resource_version, const gs_policy_status *s,
                            const gs_heal_history *healing, size_t n_healing, bool with_healing)
{
    gs_jw_object(w, NULL);
    if (resource_version) {
        gs_jw_object(w, "metadata");
        gs_jw_str(w, "resourceVersion", resource_version);
        gs_jw_end(w);
    }
    gs_jw_object(w, "status");
    gs_jw_int(w, "observedGeneration", s->observed_generation);
    gs_conditions_write(w, "conditions", s->conditions, GS_LEN(s->conditions));
    gs_jw_object(w, "targets");
    gs_jw_int(w, "matched", s->matched);
    gs_jw_int(w, "sampled", s->sampled);
    gs_jw_int(w, "unreachable", s->unreachable);
    gs_jw_int(w, "leaking", s->leaking);
    gs_jw_end(w);
    gs_jw_int(w, "openIncidents", s->open_incidents);
    if (with_healing)
        gs_history_write_all(w, healing, n_healing);
    if (s->audit)
        gs_audit_head_write(w, s->audit);
    gs_jw_end(w);
    gs_jw_end(w);
}
