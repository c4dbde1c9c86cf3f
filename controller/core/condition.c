#include "core/condition.h"

gs_condition *gs_condition_slot(gs_condition *v, size_t n, const char *type)
{
    for (size_t i = 0; i < n; i++) {
        if (gs_streq(v[i].type, type))
            return &v[i];
        if (!v[i].type[0]) {
            (void)gs_str_copy(v[i].type, sizeof v[i].type, gs_str_of(type));
            return &v[i];
        }
    }
    return NULL;
}

bool gs_condition_set(gs_condition *c, const char *status, const char *reason, const char *message, int64_t generation,
                      int64_t wall_ms)
{
    gs_condition next = *c;
    (void)gs_str_copy(next.status, sizeof next.status, gs_str_of(status));
    (void)gs_str_copy(next.reason, sizeof next.reason, gs_str_of(reason));
    (void)gs_str_copy(next.message, sizeof next.message, gs_str_of(message));
    next.observed_generation = generation;
    if (!gs_streq(c->status, next.status))
        next.transition_ms = wall_ms;
    bool changed = !gs_streq(c->status, next.status) || !gs_streq(c->reason, next.reason) ||
                   !gs_streq(c->message, next.message) || c->observed_generation != generation;
    *c = next;
    return changed;
}
