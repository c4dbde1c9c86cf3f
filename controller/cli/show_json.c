#include "cli/show.h"
#include "codec/condition_json.h"
#include "codec/incident_json.h"

#include <stdio.h>

static void reasons(gs_json_writer *w, const gs_incident *i)
{
    gs_jw_array(w, "gradeReasons");
    for (unsigned k = 0; k < GS_REASONS; k++) {
        if (!(i->reasons & 1u << k))
            continue;
        gs_jw_object(w, NULL);
        gs_jw_str(w, "reason", gs_reason_name(1u << k));
        gs_jw_str(w, "message", gs_reason_words(1u << k));
        gs_jw_end(w);
    }
    gs_jw_end(w);
}

static void head(gs_json_writer *w, const gs_shown *s)
{
    const gs_incident *i = s->l->i;
    gs_jw_str(w, "namespace", i->workload.ns);
    gs_jw_str(w, "name", i->name);
    gs_jw_str(w, "type", gs_incident_type_name(i->type));
    gs_jw_object(w, "workload");
    gs_jw_str(w, "apiVersion", i->workload.api_version);
    gs_jw_str(w, "kind", i->workload.kind);
    gs_jw_str(w, "name", i->workload.name);
    gs_jw_str(w, "revision", i->revision);
    gs_jw_end(w);
    gs_jw_str(w, "policy", i->policy_name);
    gs_jw_str(w, "mode", s->policy ? gs_mode_name(s->policy->mode) : NULL);
    gs_jw_str(w, "phase", s->l->has_status ? gs_phase_name(s->l->phase) : "");
    gs_jw_str(w, "severity", s->l->has_status ? gs_severity_name(i->severity) : "");
    gs_jw_str(w, "grade", gs_grade_name(i->grade));
    reasons(w, i);
    gs_jw_double(w, "score", i->score);
    gs_time_write(w, "startTime", i->start_ms);
    gs_time_write(w, "detectionTime", i->detection_ms);
    gs_time_write(w, "localizationTime", i->localization_ms);
    gs_time_write(w, "resolutionTime", i->resolution_ms);
    gs_jw_int(w, "occurrences", i->occurrences);
}

static void pods(gs_json_writer *w, const gs_shown *s)
{
    const gs_incident *i = s->l->i;
    gs_jw_int(w, "podCount", s->l->pods);
    gs_jw_uint(w, "growth", gs_incident_leaking(i));
    gs_jw_array(w, "pods");
    for (size_t k = 0; k < i->n_pods; k++) {
        gs_jw_object(w, NULL);
        gs_jw_str(w, "name", i->pods[k].name);
        gs_jw_uint(w, "goroutines", i->pods[k].goroutines);
        gs_jw_uint(w, "leaking", i->pods[k].leaking);
        gs_jw_end(w);
    }
    gs_jw_end(w);
}

static void evidence(gs_json_writer *w, const gs_shown *s)
{
    const gs_incident *i = s->l->i;
    char url[GS_S3_NAME_LEN];
    gs_jw_array(w, "evidence");
    for (size_t k = 0; k < i->n_evidence; k++) {
        const gs_evidence *e = &i->evidence[k];
        gs_show_s3(s, e, url);
        gs_jw_object(w, NULL);
        gs_jw_str(w, "kind", e->kind);
        gs_jw_str(w, "pod", e->pod);
        gs_jw_str(w, "url", url);
        gs_jw_str(w, "sha256", e->sha256);
        gs_jw_uint(w, "bytes", e->bytes);
        gs_time_write(w, "time", e->time_ms);
        gs_jw_str(w, "open", gs_show_opener(e->kind));
        if (s->links[k])
            gs_jw_str(w, "link", s->links[k]);
        gs_jw_end(w);
    }
    gs_jw_end(w);
}

enum gs_exit gs_show_json(gs_cluster *c, const gs_shown *s, gs_error *err)
{
    const gs_incident *i = s->l->i;
    gs_json_writer w;
    gs_cluster_document(c, &w, "gostat.dev/incident/v1");
    head(&w, s);
    pods(&w, s);
    gs_jw_array(&w, "patterns");
    for (size_t k = 0; k < i->n_patterns; k++)
        gs_pattern_json(&w, &i->patterns[k]);
    gs_jw_end(&w);
    evidence(&w, s);
    gs_jw_array(&w, "actions");
    for (size_t k = 0; k < i->n_actions; k++)
        gs_action_write(&w, &i->actions[k]);
    gs_jw_end(&w);
    gs_jw_array(&w, "next");
    for (size_t k = 0; k < s->n_steps; k++)
        gs_jw_str(&w, NULL, s->steps[k]);
    gs_jw_end(&w);
    return gs_cluster_document_end(&w, err);
}
