#include "cli/term.h"
#include "cli/watch.h"
#include "codec/incident_json.h"

#include <stdio.h>

#define PATTERNS 3 /* of an incident, in a line of JSON */

/* The first one, and the first few. */
static void patterns_json(gs_json_writer *w, const gs_incident *i)
{
    if (!i || !i->n_patterns) {
        gs_jw_null(w, "pattern");
        gs_jw_null(w, "patterns");
        return;
    }
    gs_jw_key(w, GS_STR("pattern"));
    gs_pattern_json(w, &i->patterns[0]);
    gs_jw_array(w, "patterns");
    for (size_t k = 0; k < i->n_patterns && k < PATTERNS; k++)
        gs_pattern_json(w, &i->patterns[k]);
    gs_jw_end(w);
}

void gs_watch_event_json(const gs_watch_event *e, gs_buf *out)
{
    gs_json_writer w;
    char t[40];
    const gs_incident *i = e->incident;
    int n = snprintf(t, sizeof t, "%lld.%03lld", (long long)(e->t_ms / 1000), (long long)(e->t_ms % 1000));
    gs_jw_init(&w, out);
    gs_jw_object(&w, NULL);
    gs_jw_raw(&w, "t", (gs_str){t, (size_t)n});
    gs_jw_str(&w, "event", gs_engine_event_name(e->event));
    gs_jw_str(&w, "target", e->target);
    gs_jw_str(&w, "incident", i ? i->name : NULL);
    /* how sure it is that this is a leak; of a Resource incident nobody says so */
    gs_jw_str(&w, "grade", i && i->type == GS_INCIDENT_LEAK ? gs_grade_name(i->grade) : NULL);
    if (i)
        gs_jw_int(&w, "podCount", (int64_t)i->n_pods);
    else
        gs_jw_null(&w, "podCount");
    patterns_json(&w, i);
    gs_jw_str(&w, "type", i ? gs_incident_type_name(i->type) : NULL);
    gs_jw_str(&w, "reason", e->reason);
    gs_jw_end(&w);
    if (gs_jw_finish(&w, NULL) == 0)
        (void)gs_buf_adds(out, "\n");
}

void gs_watch_event_text(const gs_watch_event *e, gs_buf *out)
{
    char when[GS_TIME_LEN];
    if (e->dated)
        gs_time_format(e->t_ms, when);
    else
        (void)snprintf(when, sizeof when, "%8.1f s", (double)e->t_ms / 1000);
    (void)gs_buf_adds(out, when);
    (void)gs_buf_addf(out, "  %-9s  ", gs_engine_event_name(e->event));
    (void)gs_term_text(out, gs_str_of(e->target), GS_TERM_ANY);
    if (e->incident && e->incident->type == GS_INCIDENT_LEAK && e->incident->grade)
        (void)gs_buf_addf(out, "  %s", gs_grade_name(e->incident->grade));
    (void)gs_buf_adds(out, "  ");
    (void)gs_term_text(out, gs_str_of(e->reason), GS_TERM_ANY);
    (void)gs_buf_adds(out, "\n");
}

static void line(gs_buf *out, const char *what, const char *text)
{
    (void)gs_buf_addf(out, "  %-9s ", what);
    (void)gs_term_text(out, gs_str_of(text), GS_TERM_ANY);
    (void)gs_buf_adds(out, "\n");
}

static void labels_text(const gs_label_set *set, const char *what, gs_buf *out)
{
    (void)gs_buf_addf(out, "  %-9s", what);
    for (size_t k = 0; k < set->n; k++) {
        (void)gs_buf_adds(out, " ");
        (void)gs_term_text(out, gs_str_of(set->v[k].key), GS_TERM_ANY);
        (void)gs_buf_adds(out, "=");
        (void)gs_term_text(out, gs_str_of(set->v[k].value), GS_TERM_ANY);
    }
    (void)gs_buf_addf(out, ", %llu goroutines\n", (unsigned long long)set->count);
}

static void pattern_text(const gs_pattern *p, gs_buf *out)
{
    line(out, "leaf", p->leaf);
    line(out, "entry", p->entry);
    (void)gs_buf_addf(out, "  %-9s %llu goroutines in %s\n", "count", (unsigned long long)p->count,
                      gs_state_name(p->state));
    for (size_t k = 0; k < p->n_key_frames; k++)
        line(out, k ? "" : "frames", p->key_frames[k]);
    for (size_t k = 0; k < p->n_labels; k++)
        labels_text(&p->labels[k], k ? "" : "labels", out);
}

/* Which replicas show it; a process without a name of its own is named by the title. */
static void replicas_text(const gs_incident *i, gs_buf *out)
{
    for (size_t k = 0; k < i->n_pods && k < GS_MAX_INCIDENT_PODS; k++) {
        if (gs_streq(i->pods[k].name, i->workload.name))
            continue;
        (void)gs_buf_addf(out, "  %-9s ", k ? "" : "in");
        (void)gs_term_text(out, gs_str_of(i->pods[k].name), GS_TERM_ANY);
        (void)gs_buf_addf(
            out, ", %llu goroutines\n",
            (unsigned long long)(i->type == GS_INCIDENT_LEAK ? i->pods[k].leaking : i->pods[k].goroutines));
    }
    if (i->n_pods > GS_MAX_INCIDENT_PODS)
        (void)gs_buf_addf(out, "  %-9s and %zu more\n", "", i->n_pods - GS_MAX_INCIDENT_PODS);
}

void gs_watch_incident_text(const gs_incident *i, const char *dir, gs_buf *out)
{
    if (i->type == GS_INCIDENT_RESOURCE)
        (void)gs_buf_addf(out, "Too much %s in ", i->pattern_id);
    else
        (void)gs_buf_addf(out, "%s leak in ", gs_grade_name(i->grade));
    (void)gs_term_text(out, gs_str_of(i->workload.name), GS_TERM_ANY);
    (void)gs_buf_addf(out, " (%s, %s)\n", gs_severity_name(i->severity), gs_phase_name(gs_incident_phase(i)));
    if (i->n_patterns)
        pattern_text(&i->patterns[0], out);
    replicas_text(i, out);
    for (size_t k = 1; k < i->n_patterns; k++)
        line(out, k == 1 ? "also" : "", i->patterns[k].leaf);
    for (size_t k = 0; k < i->n_evidence && dir; k++) {
        (void)gs_buf_addf(out, "  %-9s %s/", k ? "" : "evidence", dir);
        (void)gs_term_text(out, gs_str_of(i->evidence[k].key), GS_TERM_ANY);
        (void)gs_buf_adds(out, "\n");
    }
}
