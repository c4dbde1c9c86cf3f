/* Incidents from the JSON of the API server. Names that are not known here (of a later release) are passed over. */
#include "codec/incident_json.h"

#include "base/mem.h"
#include "codec/condition_json.h"
#include "codec/incident_internal.h"
#include "wire/json_cursor.h"

#define READ(c, field) ((void)gs_json_read_string(c, field, sizeof(field)))

bool gs_incident_enter(gs_json_cursor *c, bool object)
{
    if (gs_json_is_null(c))
        return false;
    return object ? gs_json_enter_object(c) : gs_json_enter_array(c);
}

uint64_t gs_incident_read_count(gs_json_cursor *c)
{
    int64_t n = 0;
    if (gs_json_read_int64(c, &n) && n < 0)
        (void)gs_json_fail(c, "expected a number that is not negative");
    return n > 0 ? (uint64_t)n : 0;
}

static int read_int(gs_json_cursor *c)
{
    int64_t n = 0;
    if (gs_json_read_int64(c, &n) && (n < 0 || n > INT32_MAX))
        (void)gs_json_fail(c, "expected a number from 0 to 2147483647");
    return gs_json_failed(c) ? 0 : (int)n;
}

int gs_incident_read_word(gs_json_cursor *c, const char *(*name)(int i), int n, int otherwise)
{
    char word[64];
    if (gs_json_is_null(c) || !gs_json_read_string_cut(c, word, sizeof word))
        return otherwise;
    for (int i = 0; i < n; i++)
        if (gs_streq(word, name(i)))
            return i;
    return otherwise;
}

double gs_incident_read_score(gs_json_cursor *c)
{
    char s[64];
    if (gs_json_is_null(c) || !gs_json_read_string_cut(c, s, sizeof s) || strlen(s) != GS_SCORE_LEN - 1 || s[1] != '.')
        return 0;
    for (size_t i = 0; i < GS_SCORE_LEN - 1; i++)
        if (i != 1 && (s[i] < '0' || s[i] > '9'))
            return 0;
    int n = (s[0] - '0') * 100 + (s[2] - '0') * 10 + (s[3] - '0');
    return n <= 100 ? n / 100.0 : 0;
}

static const char *grade_name(int i)
{
    return gs_grade_name((enum gs_grade)i);
}

static const char *severity_name(int i)
{
    return gs_severity_name((enum gs_severity)i);
}

static const char *type_name(int i)
{
    return gs_incident_type_name((enum gs_incident_type)i);
}

static const char *action_name(int i)
{
    return gs_action_name((enum gs_action_type)i);
}

static const char *outcome_name(int i)
{
    return gs_outcome_name((enum gs_outcome)i);
}

static const char *phase_name(int i)
{
    return gs_phase_name((enum gs_phase)i);
}

/* ---- lists ---- */

static void read_pod(gs_json_cursor *c, gs_incident *i)
{
    gs_str key;
    gs_incident_pod p = {.adopted = true};
    if (i->n_pods == GS_MAX_INCIDENT_PODS || !gs_json_enter_object(c))
        return;
    while (gs_json_next_key(c, &key)) {
        if (gs_json_key_is(key, "name"))
            READ(c, p.name);
        else if (gs_json_key_is(key, "goroutines"))
            p.goroutines = gs_incident_read_count(c);
        else if (gs_json_key_is(key, "leaking"))
            p.leaking = p.peak = gs_incident_read_count(c);
    }
    i->pods = gs_grow(i->pods, &i->cap_pods, i->n_pods + 1, sizeof *i->pods);
    i->pods[i->n_pods++] = p;
}

static void read_one_evidence(gs_json_cursor *c, gs_incident *i)
{
    gs_str key;
    gs_evidence e = {0};
    if (!gs_json_enter_object(c))
        return;
    while (gs_json_next_key(c, &key)) {
        if (gs_json_key_is(key, "kind"))
            READ(c, e.kind);
        else if (gs_json_key_is(key, "pod"))
            READ(c, e.pod);
        else if (gs_json_key_is(key, "key"))
            READ(c, e.key);
        else if (gs_json_key_is(key, "sha256"))
            READ(c, e.sha256);
        else if (gs_json_key_is(key, "bytes"))
            e.bytes = gs_incident_read_count(c);
        else if (gs_json_key_is(key, "time"))
            (void)gs_time_read(c, &e.time_ms);
    }
    gs_incident_add_evidence(i, &e);
}

static void read_victims(gs_json_cursor *c, gs_action *a)
{
    char name[GS_OBJECT_LEN];
    if (!gs_incident_enter(c, false))
        return;
    while (gs_json_next_element(c))
        if (gs_json_read_string(c, name, sizeof name))
            gs_action_add_pod(a, gs_str_of(name));
}

static void read_action(gs_json_cursor *c, gs_incident *i)
{
    gs_str key;
    gs_action a = {.type = GS_ACTION_SCALE_OUT};
    if (!gs_json_enter_object(c))
        return;
    while (gs_json_next_key(c, &key)) {
        if (gs_json_key_is(key, "id"))
            READ(c, a.id);
        else if (gs_json_key_is(key, "type"))
            a.type = (enum gs_action_type)gs_incident_read_word(c, action_name, GS_ACTION_TYPES, GS_ACTION_SCALE_OUT);
        else if (gs_json_key_is(key, "dryRun"))
            (void)gs_json_read_bool(c, &a.dry_run);
        else if (gs_json_key_is(key, "from"))
            a.from = read_int(c);
        else if (gs_json_key_is(key, "to"))
            a.to = read_int(c);
        else if (gs_json_key_is(key, "time"))
            (void)gs_time_read(c, &a.time_ms);
        else if (gs_json_key_is(key, "outcome"))
            a.outcome =
                (enum gs_outcome)gs_incident_read_word(c, outcome_name, GS_OUTCOME_INEFFECTIVE + 1, GS_OUTCOME_FAILED);
        else if (gs_json_key_is(key, "reason"))
            (void)gs_json_read_string_cut(c, a.reason, sizeof a.reason);
        else if (gs_json_key_is(key, "pods"))
            read_victims(c, &a);
    }
    uint64_t seq;
    if (a.id[0] == 'a' && gs_str_u64(gs_str_of(a.id + 1), &seq) && seq < INT32_MAX && (int)seq > i->action_seq)
        i->action_seq = (int)seq;
    gs_action *at = gs_incident_add_action(i, a.type, a.time_ms);
    i->action_seq--; /* it has its own id */
    *at = a;
}

static void read_reasons(gs_json_cursor *c, gs_incident *i)
{
    char word[64];
    if (!gs_incident_enter(c, false))
        return;
    while (gs_json_next_element(c)) {
        if (!gs_json_read_string_cut(c, word, sizeof word))
            return;
        for (unsigned k = 0; k < GS_REASONS; k++)
            if (gs_streq(word, gs_reason_name(1u << k)))
                i->reasons |= 1u << k;
        for (unsigned k = 0; k < GS_RULES; k++)
            if (gs_streq(word, gs_rule_reason(1u << k)))
                i->rules |= 1u << k;
    }
}

static void read_policy_ref(gs_json_cursor *c, gs_incident *i)
{
    gs_str key;
    if (!gs_incident_enter(c, true))
        return;
    while (gs_json_next_key(c, &key)) {
        if (gs_json_key_is(key, "name"))
            READ(c, i->policy_name);
        else if (gs_json_key_is(key, "uid"))
            READ(c, i->policy_uid);
    }
}

/* A list of objects. */
static void each(gs_json_cursor *c, gs_incident *i, void (*read)(gs_json_cursor *c, gs_incident *i))
{
    if (gs_incident_enter(c, false))
        while (gs_json_next_element(c))
            read(c, i);
}

/* ---- status ---- */

static bool read_time_field(gs_json_cursor *c, gs_str key, gs_incident *i)
{
    int64_t *at = gs_json_key_is(key, "startTime")          ? &i->start_ms
                  : gs_json_key_is(key, "detectionTime")    ? &i->detection_ms
                  : gs_json_key_is(key, "localizationTime") ? &i->localization_ms
                  : gs_json_key_is(key, "resolutionTime")   ? &i->resolution_ms
                                                            : NULL;
    if (at)
        (void)gs_time_read(c, at);
    return at != NULL;
}

static void read_status(gs_json_cursor *c, gs_incident *i)
{
    gs_str key;
    if (!gs_incident_enter(c, true))
        return;
    while (gs_json_next_key(c, &key)) {
        if (read_time_field(c, key, i))
            continue;
        if (gs_json_key_is(key, "policyRef"))
            read_policy_ref(c, i);
        else if (gs_json_key_is(key, "conditions"))
            gs_conditions_read(c, i->conditions, GS_LEN(i->conditions));
        else if (gs_json_key_is(key, "phase"))
            i->resolved =
                gs_incident_read_word(c, phase_name, GS_PHASE_RESOLVED + 1, GS_PHASE_OPEN) == GS_PHASE_RESOLVED;
        else if (gs_json_key_is(key, "grade"))
            i->grade = (enum gs_grade)gs_incident_read_word(c, grade_name, GS_GRADE_PROVEN + 1, GS_GRADE_NONE);
        else if (gs_json_key_is(key, "gradeReasons"))
            read_reasons(c, i);
        else if (gs_json_key_is(key, "severity"))
            i->severity =
                (enum gs_severity)gs_incident_read_word(c, severity_name, GS_SEVERITY_P0 + 1, GS_SEVERITY_LOW);
        else if (gs_json_key_is(key, "score"))
            i->score = gs_incident_read_score(c);
        else if (gs_json_key_is(key, "revision") && !gs_json_is_null(c))
            READ(c, i->revision);
        else if (gs_json_key_is(key, "occurrences") && !gs_json_is_null(c))
            i->occurrences = read_int(c);
        else if (gs_json_key_is(key, "pods"))
            each(c, i, read_pod);
        else if (gs_json_key_is(key, "patterns"))
            gs_incident_read_patterns(c, i);
        else if (gs_json_key_is(key, "evidence"))
            each(c, i, read_one_evidence);
        else if (gs_json_key_is(key, "actions"))
            each(c, i, read_action);
    }
    for (size_t k = 0; k < i->n_pods; k++)
        memcpy(i->pods[k].revision, i->revision, sizeof i->revision);
}

/* The object has counts by pod and by pattern: how they go together is shared out in proportion. */
static void share_out(gs_incident *i)
{
    double sum = 0;
    for (size_t k = 0; k < i->n_patterns; k++)
        sum += (double)i->patterns[k].count;
    for (size_t p = 0; p < i->n_pods; p++)
        for (size_t k = 0; k < i->n_patterns && sum > 0; k++)
            i->pods[p].per_pattern[k] = (uint64_t)((double)i->pods[p].leaking * ((double)i->patterns[k].count / sum));
}

static void read_workload_ref(gs_json_cursor *c, gs_workload_ref *w)
{
    gs_str key;
    if (!gs_incident_enter(c, true))
        return;
    while (gs_json_next_key(c, &key)) {
        if (gs_json_key_is(key, "apiVersion"))
            READ(c, w->api_version);
        else if (gs_json_key_is(key, "kind"))
            READ(c, w->kind);
        else if (gs_json_key_is(key, "name"))
            READ(c, w->name);
        else if (gs_json_key_is(key, "uid"))
            READ(c, w->uid);
    }
}

static void read_spec(gs_json_cursor *c, gs_incident *i)
{
    gs_str key;
    if (!gs_incident_enter(c, true))
        return;
    while (gs_json_next_key(c, &key))
        if (gs_json_key_is(key, "type"))
            i->type =
                (enum gs_incident_type)gs_incident_read_word(c, type_name, GS_INCIDENT_RESOURCE + 1, GS_INCIDENT_LEAK);
        else if (gs_json_key_is(key, "workloadRef"))
            read_workload_ref(c, &i->workload);
}

static void read_metadata(gs_json_cursor *c, gs_incident *i)
{
    gs_str key;
    if (!gs_incident_enter(c, true))
        return;
    while (gs_json_next_key(c, &key)) {
        if (gs_json_key_is(key, "name"))
            READ(c, i->name);
        else if (gs_json_key_is(key, "namespace"))
            READ(c, i->workload.ns);
        else if (gs_json_key_is(key, "labels") && gs_incident_enter(c, true))
            while (gs_json_next_key(c, &key))
                if (gs_json_key_is(key, GS_PATTERN_LABEL))
                    READ(c, i->pattern_id);
    }
}

int gs_incident_from_json(gs_str object, gs_incident **ret, gs_error *err)
{
    gs_cleanup(gs_incident_free) gs_incident *i = gs_incident_new(&(gs_workload_ref){0}, NULL);
    gs_json_cursor c;
    gs_str key;
    gs_json_cursor_init(&c, object);
    if (gs_json_enter_object(&c))
        while (gs_json_next_key(&c, &key)) {
            if (gs_json_key_is(key, "metadata"))
                read_metadata(&c, i);
            else if (gs_json_key_is(key, "status"))
                read_status(&c, i);
            else if (gs_json_key_is(key, "spec"))
                read_spec(&c, i);
        }
    if (gs_json_cursor_finish(&c, err) < 0)
        return gs_error_wrap(err, GS_TERMINAL, "incident");
    if (!i->pattern_id[0] && i->n_patterns)
        (void)gs_str_copy(i->pattern_id, sizeof i->pattern_id, gs_str_of(i->patterns[0].id));
    if (!i->name[0] || !i->workload.kind[0] || !i->workload.name[0] || !i->pattern_id[0])
        return gs_error_set(err, GS_TERMINAL, "incident: %s: is required",
                            !i->name[0]            ? "metadata.name"
                            : !i->pattern_id[0]    ? "metadata.labels[" GS_PATTERN_LABEL "]"
                            : !i->workload.kind[0] ? "spec.workloadRef.kind"
                                                   : "spec.workloadRef.name");
    share_out(i);
    *ret = gs_take(i);
    return 0;
}
