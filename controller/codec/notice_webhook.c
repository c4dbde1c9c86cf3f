/* The body for a program: everything that a message says, by name. Fields may be added, none change their meaning under
 * this schema's name. */
#include "codec/notice_internal.h"

#include "codec/condition_json.h"
#include "codec/incident_json.h"

static void count(gs_json_writer *w, const char *key, uint64_t n)
{
    gs_jw_int(w, key, n > INT64_MAX ? INT64_MAX : (int64_t)n);
}

static void workload(const gs_workload_ref *ref, gs_json_writer *w)
{
    gs_jw_object(w, "workload");
    gs_jw_str(w, "apiVersion", ref->api_version);
    gs_jw_str(w, "kind", ref->kind);
    gs_jw_str(w, "namespace", ref->ns);
    gs_jw_str(w, "name", ref->name);
    gs_jw_str(w, "uid", ref->uid);
    gs_jw_end(w);
}

static void reasons(const gs_incident *i, gs_json_writer *w)
{
    gs_jw_array(w, "gradeReasons");
    for (unsigned k = 0; k < GS_REASONS; k++) {
        if (!(i->reasons & 1u << k))
            continue;
        gs_jw_object(w, NULL);
        gs_jw_str(w, "reason", gs_reason_name(1u << k));
        gs_jw_str(w, "meaning", gs_reason_words(1u << k));
        gs_jw_end(w);
    }
    gs_jw_end(w);
}

static void pods(const gs_incident *i, gs_json_writer *w)
{
    gs_jw_int(w, "podCount", (int64_t)i->n_pods);
    gs_jw_array(w, "pods");
    for (size_t k = 0; k < i->n_pods && k < GS_MAX_INCIDENT_PODS; k++) {
        gs_jw_object(w, NULL);
        gs_jw_str(w, "name", i->pods[k].name);
        count(w, "goroutines", i->pods[k].goroutines);
        count(w, "leaking", i->pods[k].leaking);
        gs_jw_end(w);
    }
    gs_jw_end(w);
}

static void last_action(const gs_incident *i, gs_json_writer *w)
{
    const gs_action *a = gs_notice_last_action(i);
    if (!a) {
        gs_jw_null(w, "lastAction");
        return;
    }
    gs_jw_object(w, "lastAction");
    gs_jw_str(w, "type", gs_action_name(a->type));
    gs_jw_bool(w, "dryRun", a->dry_run);
    gs_jw_int(w, "from", a->from);
    gs_jw_int(w, "to", a->to);
    gs_time_write(w, "time", a->time_ms);
    gs_jw_str(w, "outcome", gs_outcome_name(a->outcome));
    gs_jw_str(w, "reason", a->reason);
    gs_jw_end(w);
}

void gs_notice_webhook(const gs_notice *n, gs_json_writer *w)
{
    const gs_incident *i = n->incident;
    gs_jw_object(w, NULL);
    gs_jw_str(w, "schema", "gostat.dev/notice/v1");
    gs_jw_str(w, "event", gs_notice_kind_name(n->kind));
    gs_time_write(w, "time", n->now_ms);
    gs_jw_str(w, "cluster", n->cluster ? n->cluster : "");
    gs_jw_str(w, "text", n->text ? n->text : "");
    gs_jw_str(w, "evidenceUrl", n->evidence_url && n->evidence_url[0] ? n->evidence_url : NULL);
    workload(&i->workload, w);
    gs_jw_object(w, "incident");
    gs_jw_str(w, "name", i->name);
    gs_jw_str(w, "type", gs_incident_type_name(i->type));
    gs_jw_str(w, "policy", i->policy_name);
    gs_jw_str(w, "phase", gs_phase_name(gs_incident_phase(i)));
    gs_jw_str(w, "severity", gs_severity_name(i->severity));
    gs_jw_str(w, "grade", i->grade ? gs_grade_name(i->grade) : NULL);
    reasons(i, w);
    gs_time_write(w, "startTime", i->start_ms);
    gs_time_write(w, "detectionTime", i->detection_ms);
    gs_time_write(w, "resolutionTime", i->resolution_ms);
    gs_jw_int(w, "occurrences", i->occurrences);
    count(w, "leaking", gs_incident_leaking(i));
    pods(i, w);
    gs_jw_strn(w, "openFirst", gs_notice_place(i));
    last_action(i, w);
    gs_jw_array(w, "patterns");
    for (size_t k = 0; k < i->n_patterns; k++)
        gs_pattern_json(w, &i->patterns[k]);
    gs_jw_end(w);
    gs_jw_end(w);
    gs_jw_end(w);
}
