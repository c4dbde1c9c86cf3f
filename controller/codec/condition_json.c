#include "codec/condition_json.h"

#include "base/clock.h"

void gs_time_write(gs_json_writer *w, const char *key, int64_t wall_ms)
{
    char text[GS_TIME_LEN];
    if (wall_ms == 0) {
        gs_jw_null(w, key);
        return;
    }
    gs_time_format(wall_ms, text);
    gs_jw_str(w, key, text);
}

bool gs_time_read(gs_json_cursor *c, int64_t *ret_wall_ms)
{
    char text[64];
    int64_t t = 0;
    if (!gs_json_is_null(c)) {
        if (!gs_json_read_string(c, text, sizeof text))
            return false;
        if (!gs_time_parse(gs_str_of(text), &t))
            return gs_json_fail(c, "expected a time such as 2026-01-01T00:00:00Z");
    }
    *ret_wall_ms = t;
    return !gs_json_failed(c);
}

void gs_conditions_write(gs_json_writer *w, const char *key, const gs_condition *v, size_t n)
{
    gs_jw_array(w, key);
    for (size_t i = 0; i < n; i++) {
        const gs_condition *c = &v[i];
        char time[GS_TIME_LEN];
        if (!c->type[0] || !c->status[0])
            continue;
        gs_time_format(c->transition_ms, time);
        gs_jw_object(w, NULL);
        gs_jw_str(w, "type", c->type);
        gs_jw_str(w, "status", c->status);
        gs_jw_str(w, "reason", c->reason);
        gs_jw_str(w, "message", c->message);
        gs_jw_int(w, "observedGeneration", c->observed_generation);
        gs_jw_str(w, "lastTransitionTime", time);
        gs_jw_end(w);
    }
    gs_jw_end(w);
}

void gs_conditions_read(gs_json_cursor *c, gs_condition *v, size_t n)
{
    gs_str key;
    if (gs_json_is_null(c) || !gs_json_enter_array(c))
        return;
    while (gs_json_next_element(c)) {
        gs_condition one = {0};
        if (!gs_json_enter_object(c))
            return;
        while (gs_json_next_key(c, &key)) {
            if (gs_json_key_is(key, "type"))
                (void)gs_json_read_string_cut(c, one.type, sizeof one.type);
            else if (gs_json_key_is(key, "status"))
                (void)gs_json_read_string_cut(c, one.status, sizeof one.status);
            else if (gs_json_key_is(key, "reason"))
                (void)gs_json_read_string_cut(c, one.reason, sizeof one.reason);
            else if (gs_json_key_is(key, "message"))
                (void)gs_json_read_string_cut(c, one.message, sizeof one.message);
            else if (gs_json_key_is(key, "observedGeneration"))
                (void)gs_json_read_int64(c, &one.observed_generation);
            else if (gs_json_key_is(key, "lastTransitionTime"))
                (void)gs_time_read(c, &one.transition_ms);
        }
        gs_condition *slot = one.type[0] && one.status[0] ? gs_condition_slot(v, n, one.type) : NULL;
        if (slot)
            *slot = one;
    }
}
