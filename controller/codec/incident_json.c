/* Incidents to JSON. Reading is in incident_read.c. */
#include "codec/incident_json.h"

#include "codec/condition_json.h"
#include "codec/incident_internal.h"
#include "codec/policy_json.h"
#include "wire/digest.h"

#include <stdio.h>

#define NAME_CUT 40
#define LABEL_VALUE_MAX 63

void gs_incident_make_name(const gs_workload_ref *w, const char *pattern_id, char ret[GS_OBJECT_LEN])
{
    char text[sizeof w->kind + sizeof w->name + sizeof w->uid + GS_SITE_ID_LEN + 4], hex[GS_SHA256_HEX_LEN];
    size_t n = strlen(w->name);
    if (n > NAME_CUT)
        n = NAME_CUT;
    while (n > 0 && (w->name[n - 1] == '-' || w->name[n - 1] == '.'))
        n--;
    (void)snprintf(text, sizeof text, "%s\n%s\n%s\n%s", w->kind, w->name, w->uid, pattern_id);
    gs_sha256_hex(gs_str_of(text), hex);
    (void)snprintf(ret, GS_OBJECT_LEN, "%.*s-%.10s", (int)n, w->name, hex);
}

static bool alnum(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* A label value: object names may be longer, and end in the middle of a word. */
static void label(gs_json_writer *w, const char *key, const char *value)
{
    size_t n = strlen(value);
    if (n > LABEL_VALUE_MAX)
        n = LABEL_VALUE_MAX;
    while (n > 0 && !alnum(value[n - 1]))
        n--;
    gs_jw_strn(w, key, (gs_str){value, n});
}

/* The API has signed numbers, and a pod may claim any. */
static void write_count(gs_json_writer *w, const char *key, uint64_t n)
{
    gs_jw_int(w, key, n > INT64_MAX ? INT64_MAX : (int64_t)n);
}

void gs_incident_object(gs_json_writer *w, const gs_incident *i)
{
    const gs_workload_ref *ref = &i->workload;
    gs_jw_object(w, NULL);
    gs_jw_str(w, "apiVersion", GS_API_VERSION);
    gs_jw_str(w, "kind", GS_INCIDENT_KIND);
    gs_jw_object(w, "metadata");
    gs_jw_str(w, "name", i->name);
    gs_jw_str(w, "namespace", ref->ns);
    gs_jw_object(w, "labels");
    label(w, "gostat.dev/workload-kind", ref->kind);
    label(w, "gostat.dev/workload-name", ref->name);
    label(w, "gostat.dev/workload-uid", ref->uid);
    gs_jw_str(w, GS_PATTERN_LABEL, i->pattern_id);
    gs_jw_end(w);
    gs_jw_end(w);
    gs_jw_object(w, "spec");
    gs_jw_str(w, "type", gs_incident_type_name(i->type));
    gs_jw_object(w, "workloadRef");
    gs_jw_str(w, "apiVersion", ref->api_version);
    gs_jw_str(w, "kind", ref->kind);
    gs_jw_str(w, "name", ref->name);
    gs_jw_str(w, "uid", ref->uid);
    gs_jw_end(w);
    gs_jw_end(w);
    gs_jw_end(w);
}

/* In hundredths, as the API has it. */
static int hundredths(double score)
{
    return score >= 1 ? 100 : score > 0 ? (int)(score * 100 + 0.5) : 0;
}

static void write_score(gs_json_writer *w, double score)
{
    char text[GS_SCORE_LEN];
    int n = hundredths(score);
    (void)snprintf(text, sizeof text, "%d.%02d", n / 100, n % 100);
    gs_jw_str(w, "score", text);
}

static void write_labels(gs_json_writer *w, const gs_label_set *set)
{
    gs_jw_object(w, "labels");
    for (size_t k = 0; set && k < set->n; k++)
        gs_jw_strn_at(w, gs_str_of(set->v[k].key), gs_str_of(set->v[k].value));
    gs_jw_end(w);
}

static void write_label_sets(gs_json_writer *w, const gs_pattern *p)
{
    gs_jw_array(w, "labelSets");
    for (size_t k = 0; k < p->n_labels; k++) {
        gs_jw_object(w, NULL);
        write_count(w, "count", p->labels[k].count);
        write_labels(w, &p->labels[k]);
        gs_jw_end(w);
    }
    gs_jw_end(w);
}

/* Patterns stand in a list, which a merge patch replaces whole: what is not known is left out. */
void gs_pattern_json(gs_json_writer *w, const gs_pattern *p)
{
    int score = hundredths(p->score);
    gs_jw_object(w, NULL);
    gs_jw_str(w, "id", p->id);
    write_count(w, "count", p->count);
    gs_jw_str(w, "state", gs_state_name(p->state));
    if (p->boundary != GS_BOUNDARY_NONE)
        gs_jw_str(w, "boundary", gs_boundary_name(p->boundary));
    if (score) {
        gs_jw_str(w, "risk", gs_risk_name(gs_risk_of(score / 100.0))); /* of the score that is shown */
        write_score(w, p->score);
    }
    gs_jw_str(w, "leafFunction", p->leaf ? p->leaf : "");
    gs_jw_str(w, "entryFunction", p->entry ? p->entry : "");
    if (p->created_by && p->created_by[0])
        gs_jw_str(w, "createdBy", p->created_by);
    gs_jw_array(w, "keyFrames");
    for (size_t k = 0; k < p->n_key_frames; k++)
        gs_jw_str(w, NULL, p->key_frames[k]);
    gs_jw_end(w);
    write_labels(w, p->n_labels ? &p->labels[0] : NULL);
    write_label_sets(w, p);
    gs_jw_end(w);
}

const char *gs_rule_reason(unsigned rule)
{
    switch (rule) {
    case GS_RULE_GROWTH:
        return "GrowthRule";
    case GS_RULE_SURGE:
        return "SurgeRule";
    case GS_RULE_BLOCKED:
        return "BlockedRule";
    case GS_RULE_SITE:
        return "SiteRule";
    case GS_RULE_FLOOR:
        return "FloorRule";
    case GS_RULE_BASELINE:
        return "BaselineRule";
    default:
        return "";
    }
}

/* What the grade rests on, then the rules that raised suspicion. */
static void write_reasons(gs_json_writer *w, const gs_incident *i)
{
    gs_jw_array(w, "gradeReasons");
    for (unsigned k = 0; k < GS_REASONS; k++)
        if (i->reasons & 1u << k)
            gs_jw_str(w, NULL, gs_reason_name(1u << k));
    for (unsigned k = 0; k < GS_RULES; k++)
        if (i->rules & 1u << k)
            gs_jw_str(w, NULL, gs_rule_reason(1u << k));
    gs_jw_end(w);
}

static void write_pods(gs_json_writer *w, const gs_incident *i)
{
    gs_jw_str(w, "revision", i->revision[0] ? i->revision : NULL);
    write_count(w, "podCount", i->n_pods);
    gs_jw_array(w, "pods");
    for (size_t k = 0; k < i->n_pods && k < GS_MAX_INCIDENT_PODS; k++) {
        const gs_incident_pod *p = &i->pods[k];
        gs_jw_object(w, NULL);
        gs_jw_str(w, "name", p->name);
        write_count(w, "goroutines", p->goroutines);
        write_count(w, "leaking", p->leaking);
        gs_jw_end(w);
    }
    gs_jw_end(w);
}

static void write_evidence(gs_json_writer *w, const gs_incident *i)
{
    gs_jw_array(w, "evidence");
    for (size_t k = 0; k < i->n_evidence; k++) {
        const gs_evidence *e = &i->evidence[k];
        gs_jw_object(w, NULL);
        gs_jw_str(w, "kind", e->kind);
        gs_jw_str(w, "pod", e->pod);
        gs_jw_str(w, "key", e->key);
        gs_jw_str(w, "sha256", e->sha256);
        write_count(w, "bytes", e->bytes);
        gs_time_write(w, "time", e->time_ms);
        gs_jw_end(w);
    }
    gs_jw_end(w);
}

void gs_action_pods(gs_json_writer *w, const gs_action *a)
{
    gs_jw_array(w, "pods");
    for (const char *p = a->pods; *p;) {
        size_t n = strcspn(p, " ");
        if (n)
            gs_jw_strn(w, NULL, (gs_str){p, n});
        p += n + (p[n] == ' ');
    }
    gs_jw_end(w);
}

void gs_action_members(gs_json_writer *w, const gs_action *a)
{
    gs_jw_str(w, "id", a->id);
    gs_jw_str(w, "type", gs_action_name(a->type));
    gs_jw_bool(w, "dryRun", a->dry_run);
    gs_jw_int(w, "from", a->from);
    gs_jw_int(w, "to", a->to);
    gs_time_write(w, "time", a->time_ms);
    gs_jw_str(w, "outcome", gs_outcome_name(a->outcome));
    gs_jw_str(w, "reason", a->reason);
}

static void write_actions(gs_json_writer *w, const gs_incident *i)
{
    gs_jw_array(w, "actions");
    for (size_t k = 0; k < i->n_actions; k++) {
        const gs_action *a = &i->actions[k];
        gs_jw_object(w, NULL);
        gs_action_members(w, a);
        if (a->pods[0])
            gs_action_pods(w, a);
        gs_jw_end(w);
    }
    gs_jw_end(w);
}

void gs_incident_status_patch(gs_json_writer *w, const gs_incident *i)
{
    gs_jw_object(w, NULL);
    gs_jw_object(w, "status");
    if (i->policy_name[0]) {
        gs_jw_object(w, "policyRef");
        gs_jw_str(w, "name", i->policy_name);
        gs_jw_str(w, "uid", i->policy_uid);
        gs_jw_end(w);
    }
    gs_conditions_write(w, "conditions", i->conditions, GS_LEN(i->conditions));
    gs_jw_str(w, "phase", gs_phase_name(gs_incident_phase(i)));
    gs_jw_str(w, "grade", i->grade == GS_GRADE_NONE ? NULL : gs_grade_name(i->grade));
    write_reasons(w, i);
    gs_jw_str(w, "severity", gs_severity_name(i->severity));
    if (hundredths(i->score))
        write_score(w, i->score);
    else
        gs_jw_null(w, "score");
    gs_time_write(w, "startTime", i->start_ms);
    gs_time_write(w, "detectionTime", i->detection_ms);
    gs_time_write(w, "localizationTime", i->localization_ms);
    gs_time_write(w, "resolutionTime", i->resolution_ms);
    gs_jw_int(w, "occurrences", i->occurrences);
    write_pods(w, i);
    gs_jw_array(w, "patterns");
    for (size_t k = 0; k < i->n_patterns; k++)
        gs_pattern_json(w, &i->patterns[k]);
    gs_jw_end(w);
    write_evidence(w, i);
    write_actions(w, i);
    gs_jw_end(w);
    gs_jw_end(w);
}
