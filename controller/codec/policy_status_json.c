/* The status of a GostatPolicy: conditions, counts, and the record of what was done to each workload. */
#include "base/clock.h"
#include "base/mem.h"
#include "codec/condition_json.h"
#include "codec/policy_json.h"
#include "wire/json_map.h"

static const char *const action_types[] = {"ScaleOut", NULL};

static const gs_json_field pending[] = {
    {GS_FIELD_STRING(gs_pending, "id", id), .required = true},
    {GS_FIELD_STRING(gs_pending, "incident", incident), .required = true},
    {GS_FIELD_ENUM(gs_pending, "type", type, action_types), .required = true},
    {GS_FIELD_INT(gs_pending, "from", from, 0, INT32_MAX), .required = true},
    {GS_FIELD_INT(gs_pending, "to", to, 0, INT32_MAX), .required = true},
    {0},
};

typedef struct record {
    gs_heal_history h;
    char times[GS_MAX_ACTION_TIMES][40];
    size_t n_times;
} record;

static const gs_json_field workload[] = {
    {GS_FIELD_STRING(record, "kind", h.workload.kind), .required = true},
    {GS_FIELD_STRING(record, "name", h.workload.name), .required = true},
    {GS_FIELD_STRING(record, "uid", h.workload.uid), .required = true},
    {GS_FIELD_STRING(record, "incident", h.incident)},
    {GS_FIELD_LIST(record, "actionTimes", times, n_times, GS_TYPE_STRING)},
    {GS_FIELD_INT(record, "addedReplicas", h.added_replicas, 0, INT32_MAX)},
    {GS_FIELD_INT(record, "scaledTo", h.scaled_to, 0, INT32_MAX)},
    {GS_FIELD_OBJECT(record, "pending", h.pending, pending), .has = GS_AT(record, h.pending.set)},
    {0},
};

static int read_record(gs_json_cursor *c, record *r, gs_error *err)
{
    *r = (record){0};
    int e = gs_json_map_decode(c, workload, r, GS_UNKNOWN_IGNORE, "status.healing.workloads[]", err);
    if (e < 0)
        return e;
    /* Deployments, StatefulSets and ReplicaSets: all that have a scale and are followed are of this group. */
    (void)gs_str_copy(r->h.workload.api_version, sizeof r->h.workload.api_version, GS_STR("apps/v1"));
    for (; r->h.n_times < r->n_times; r->h.n_times++)
        if (!gs_time_parse(gs_str_of(r->times[r->h.n_times]), &r->h.action_times[r->h.n_times]))
            return gs_error_set(err, GS_TERMINAL, "status.healing.workloads[].actionTimes: \"%s\" is no time",
                                r->times[r->h.n_times]);
    return 0;
}

int gs_history_from_json(gs_str policy_object, gs_heal_history **ret, size_t *ret_n, gs_error *err)
{
    gs_str list;
    gs_json_cursor c;
    size_t n = 0, cap = 0;
    gs_autofree gs_heal_history *v = NULL;
    gs_autofree record *r = gs_alloc(sizeof *r);
    char ns[GS_NAMESPACE_LEN] = "";
    (void)gs_json_find_string(policy_object, (const char *const[]){"metadata", "namespace", NULL}, ns, sizeof ns);
    if (!gs_json_find(policy_object, (const char *const[]){"status", "healing", "workloads", NULL}, &list))
        list = GS_STR("null");
    gs_json_cursor_init(&c, list);
    if (!gs_json_is_null(&c) && gs_json_enter_array(&c))
        while (gs_json_next_element(&c)) {
            if (n == GS_MAX_HISTORIES)
                return gs_error_set(err, GS_TERMINAL, "status.healing.workloads: more than %d items", GS_MAX_HISTORIES);
            int e = read_record(&c, r, err);
            if (e < 0)
                return e;
            (void)gs_str_copy(r->h.workload.ns, sizeof r->h.workload.ns, gs_str_of(ns));
            v = gs_grow(v, &cap, n + 1, sizeof *v);
            v[n++] = r->h;
        }
    if (gs_json_cursor_finish(&c, err) < 0)
        return gs_error_wrap(err, GS_TERMINAL, "status.healing.workloads");
    *ret = gs_take(v);
    *ret_n = n;
    return 0;
}

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

static void write_pending(gs_json_writer *w, const gs_pending *p)
{
    gs_jw_object(w, "pending");
    gs_jw_str(w, "id", p->id);
    gs_jw_str(w, "incident", p->incident);
    gs_jw_str(w, "type", gs_action_name(p->type));
    gs_jw_str(w, "step", "Intended"); /* a ScaleOut has one call: behind it comes the outcome, and no pending */
    gs_jw_int(w, "from", p->from);
    gs_jw_int(w, "to", p->to);
    gs_jw_end(w);
}

static bool worth_keeping(const gs_heal_history *h)
{
    return h->n_times || h->added_replicas || h->pending.set;
}

static void write_history(gs_json_writer *w, const gs_heal_history *h)
{
    gs_jw_object(w, NULL);
    gs_jw_str(w, "kind", h->workload.kind);
    gs_jw_str(w, "name", h->workload.name);
    gs_jw_str(w, "uid", h->workload.uid);
    if (h->incident[0])
        gs_jw_str(w, "incident", h->incident);
    gs_jw_array(w, "actionTimes");
    for (size_t i = 0; i < h->n_times; i++)
        gs_time_write(w, NULL, h->action_times[i]);
    gs_jw_end(w);
    gs_jw_int(w, "addedReplicas", h->added_replicas);
    gs_jw_int(w, "scaledTo", h->scaled_to);
    if (h->pending.set)
        write_pending(w, &h->pending);
    gs_jw_end(w);
}

static void write_healing(gs_json_writer *w, const gs_heal_history *v, size_t n)
{
    bool any = false;
    for (size_t i = 0; i < n; i++)
        any = any || worth_keeping(&v[i]);
    if (!any) {
        gs_jw_null(w, "healing");
        return;
    }
    gs_jw_object(w, "healing");
    gs_jw_array(w, "workloads");
    for (size_t i = 0; i < n; i++)
        if (worth_keeping(&v[i]))
            write_history(w, &v[i]);
    gs_jw_end(w);
    gs_jw_end(w);
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
        write_healing(w, healing, n_healing);
    gs_jw_end(w);
    gs_jw_end(w);
}
