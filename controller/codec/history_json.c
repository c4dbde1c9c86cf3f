/* status.healing of a GostatPolicy: what was done to each workload, and what is between intent and outcome. */
#include "base/clock.h"
#include "base/mem.h"
#include "codec/condition_json.h"
#include "codec/policy_internal.h"
#include "codec/policy_json.h"

static const char *const action_types[] = {"ScaleOut", "Replace", "Evict", "Restart", NULL};
static const char *const steps[] = {"Intended", "Surged", "Marking", "Removing", "Restoring", "Aborting", NULL};

static const gs_json_field victim[] = {
    {GS_FIELD_STRING(gs_victim, "name", name), .required = true},
    {GS_FIELD_STRING(gs_victim, "uid", uid), .required = true},
    {GS_FIELD_BOOL(gs_victim, "hadCost", had_cost)},
    {GS_FIELD_INT(gs_victim, "cost", cost, INT32_MIN, INT32_MAX)},
    {0},
};

/* A record with its times as they are written; null and left out are 0. */
typedef struct record {
    gs_heal_history h;
    char times[GS_MAX_ACTION_TIMES][40], scaled[40], begun[40], stepped[40];
    size_t n_times;
} record;

static const gs_json_field pending[] = {
    {GS_FIELD_STRING(record, "id", h.pending.id), .required = true},
    {GS_FIELD_STRING(record, "incident", h.pending.incident), .required = true},
    {GS_FIELD_ENUM(record, "type", h.pending.type, action_types), .required = true},
    {GS_FIELD_ENUM(record, "step", h.pending.step, steps)},
    {GS_FIELD_INT(record, "from", h.pending.from, 0, INT32_MAX), .required = true},
    {GS_FIELD_INT(record, "to", h.pending.to, 0, INT32_MAX), .required = true},
    {GS_FIELD_STRING(record, "autoscaler", h.pending.autoscaler)},
    {GS_FIELD_INT(record, "minAvailable", h.pending.min_available, 0, INT32_MAX)},
    {GS_FIELD_INT(record, "readySeconds", h.pending.ready_s, 0, INT32_MAX)},
    {GS_FIELD_INT(record, "growth", h.pending.growth, INT32_MIN, INT32_MAX)},
    {GS_FIELD_STRING(record, "begunTime", begun)},
    {GS_FIELD_STRING(record, "stepTime", stepped)},
    {GS_FIELD_STRING(record, "reason", h.pending.reason)},
    {GS_FIELD_LIST(record, "victims", h.pending.victims, h.pending.n_victims, GS_TYPE_OBJECT), .table = victim},
    {0},
};

static const gs_json_field workload[] = {
    {GS_FIELD_STRING(record, "apiVersion", h.workload.api_version)},
    {GS_FIELD_STRING(record, "kind", h.workload.kind), .required = true},
    {GS_FIELD_STRING(record, "name", h.workload.name), .required = true},
    {GS_FIELD_STRING(record, "uid", h.workload.uid), .required = true},
    {GS_FIELD_STRING(record, "incident", h.incident)},
    {GS_FIELD_LIST(record, "actionTimes", times, n_times, GS_TYPE_STRING)},
    {GS_FIELD_BOOL(record, "lastFailed", h.last_failed)},
    {GS_FIELD_INT(record, "addedReplicas", h.added_replicas, 0, INT32_MAX)},
    {GS_FIELD_INT(record, "scaledTo", h.scaled_to, 0, INT32_MAX)},
    {GS_FIELD_STRING(record, "autoscaler", h.autoscaler)},
    {GS_FIELD_STRING(record, "scaledTime", scaled)},
    {GS_FIELD_INT(record, "growth", h.growth, INT32_MIN, INT32_MAX)},
    {GS_FIELD_BOOL(record, "judged", h.judged)},
    {GS_FIELD_INLINE(record, "pending", pending), .has = GS_AT(record, h.pending.set)},
    {0},
};

#define LIST "status.healing.workloads"
#define PATH LIST "[]"

static int read_time(const char *text, const char *field, int64_t *ret, gs_error *err)
{
    if (!text[0] || gs_time_parse(gs_str_of(text), ret))
        return 0;
    return gs_error_set(err, GS_TERMINAL, PATH ".%s: \"%s\" is no time", field, text);
}

static int read_times(record *r, gs_error *err)
{
    int e = 0;
    for (; e == 0 && r->h.n_times < r->n_times; r->h.n_times++)
        e = gs_time_parse(gs_str_of(r->times[r->h.n_times]), &r->h.action_times[r->h.n_times])
                ? 0
                : gs_error_set(err, GS_TERMINAL, PATH ".actionTimes: \"%s\" is no time", r->times[r->h.n_times]);
    if (e == 0)
        e = read_time(r->scaled, "scaledTime", &r->h.scaled_ms, err);
    if (e == 0)
        e = read_time(r->begun, "pending.begunTime", &r->h.pending.begun_ms, err);
    return e < 0 ? e : read_time(r->stepped, "pending.stepTime", &r->h.pending.step_ms, err);
}

typedef struct histories {
    char ns[GS_NAMESPACE_LEN];
    gs_heal_history *v;
    size_t n, cap;
} histories;

static int add_history(void *ctx, void *item, gs_error *err)
{
    histories *all = ctx;
    record *r = item;
    if (all->n == GS_MAX_HISTORIES)
        return gs_error_set(err, GS_TERMINAL, LIST ": more than %d items", GS_MAX_HISTORIES);
    int e = read_times(r, err);
    if (e < 0)
        return e;
    r->h.pending.recorded = r->h.pending.set;
    memcpy(r->h.workload.ns, all->ns, sizeof r->h.workload.ns);
    all->v = gs_grow(all->v, &all->cap, all->n + 1, sizeof *all->v);
    all->v[all->n++] = r->h;
    return 0;
}

int gs_history_from_json(gs_str policy_object, gs_heal_history **ret, size_t *ret_n, gs_error *err)
{
    static const record first = {.h.workload.api_version = "apps/v1"}; /* which 0.1 did not write: it knew no other */
    static const gs_json_list list = {
        .path = LIST, .table = workload, .size = sizeof(record), .first = &first, .each = add_history};
    gs_str raw;
    histories all = {.n = 0};
    gs_autofree record *r = gs_alloc(sizeof *r);
    (void)gs_json_find_string(policy_object, (const char *const[]){"metadata", "namespace", NULL}, all.ns,
                              sizeof all.ns);
    if (!gs_json_find(policy_object, (const char *const[]){"status", "healing", "workloads", NULL}, &raw))
        raw = (gs_str){0};
    int e = gs_json_map_each(raw, &list, GS_UNKNOWN_IGNORE, r, &all, err);
    if (e < 0) {
        free(all.v);
        return e;
    }
    *ret = all.v;
    *ret_n = all.n;
    return 0;
}

/* ---- writing: the list replaces the old one whole, so what is not known is left out ---- */

static void write_text(gs_json_writer *w, const char *key, const char *value)
{
    if (value[0])
        gs_jw_str(w, key, value);
}

static void write_number(gs_json_writer *w, const char *key, int value)
{
    if (value)
        gs_jw_int(w, key, value);
}

static void write_flag(gs_json_writer *w, const char *key, bool value)
{
    if (value)
        gs_jw_bool(w, key, true);
}

static void write_time(gs_json_writer *w, const char *key, int64_t ms)
{
    if (ms)
        gs_time_write(w, key, ms);
}

static void write_victims(gs_json_writer *w, const gs_pending *p)
{
    gs_jw_array(w, "victims");
    for (size_t i = 0; i < p->n_victims; i++) {
        gs_jw_object(w, NULL);
        gs_jw_str(w, "name", p->victims[i].name);
        gs_jw_str(w, "uid", p->victims[i].uid);
        gs_jw_bool(w, "hadCost", p->victims[i].had_cost);
        if (p->victims[i].had_cost)
            gs_jw_int(w, "cost", p->victims[i].cost);
        gs_jw_end(w);
    }
    gs_jw_end(w);
}

static void write_pending(gs_json_writer *w, const gs_pending *p)
{
    gs_jw_object(w, "pending");
    gs_jw_str(w, "id", p->id);
    gs_jw_str(w, "incident", p->incident);
    gs_jw_str(w, "type", gs_action_name(p->type));
    gs_jw_str(w, "step", steps[p->step]);
    gs_jw_int(w, "from", p->from);
    gs_jw_int(w, "to", p->to);
    write_text(w, "autoscaler", p->autoscaler);
    write_number(w, "minAvailable", p->min_available);
    write_number(w, "readySeconds", p->ready_s);
    write_number(w, "growth", p->growth);
    write_time(w, "begunTime", p->begun_ms);
    write_time(w, "stepTime", p->step_ms);
    write_text(w, "reason", p->reason);
    if (p->n_victims)
        write_victims(w, p);
    gs_jw_end(w);
}

static bool worth_keeping(const gs_heal_history *h)
{
    return h->n_times || h->added_replicas || h->pending.set;
}

static void write_history(gs_json_writer *w, const gs_heal_history *h)
{
    gs_jw_object(w, NULL);
    write_text(w, "apiVersion", h->workload.api_version);
    gs_jw_str(w, "kind", h->workload.kind);
    gs_jw_str(w, "name", h->workload.name);
    gs_jw_str(w, "uid", h->workload.uid);
    write_text(w, "incident", h->incident);
    gs_jw_array(w, "actionTimes");
    for (size_t i = 0; i < h->n_times; i++)
        gs_time_write(w, NULL, h->action_times[i]);
    gs_jw_end(w);
    write_flag(w, "lastFailed", h->last_failed);
    gs_jw_int(w, "addedReplicas", h->added_replicas);
    gs_jw_int(w, "scaledTo", h->scaled_to);
    write_text(w, "autoscaler", h->autoscaler);
    write_time(w, "scaledTime", h->scaled_ms);
    write_number(w, "growth", h->growth);
    write_flag(w, "judged", h->judged);
    if (h->pending.set)
        write_pending(w, &h->pending);
    gs_jw_end(w);
}

void gs_history_write_all(gs_json_writer *w, const gs_heal_history *v, size_t n)
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
