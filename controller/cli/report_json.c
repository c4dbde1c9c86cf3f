#include "cli/report.h"

#include <stdio.h>

void gs_profile_file_json(gs_json_writer *w, const char *key, const gs_profile_file *f)
{
    gs_jw_object(w, key);
    gs_jw_strn(w, "name", gs_str_of(f->name));
    gs_jw_str(w, "format", gs_dump_format_name(f->format));
    gs_jw_uint(w, "bytes", f->bytes);
    gs_jw_uint(w, "goroutines", f->profile->total);
    gs_jw_bool(w, "truncated", f->profile->truncated);
    gs_jw_end(w);
}

static void write_labels(gs_json_writer *w, const gs_label_set *set)
{
    gs_jw_object(w, "labels");
    for (size_t i = 0; set && i < set->n; i++)
        gs_jw_strn_at(w, gs_str_of(set->v[i].key), gs_str_of(set->v[i].value));
    gs_jw_end(w);
}

static void write_label_sets(gs_json_writer *w, const gs_report_pattern *p)
{
    gs_jw_array(w, "labelSets");
    for (size_t i = 0; i < p->n_labels; i++) {
        gs_jw_object(w, NULL);
        gs_jw_uint(w, "count", p->labels[i].count);
        write_labels(w, &p->labels[i]);
        gs_jw_end(w);
    }
    gs_jw_end(w);
}

static void write_waits(gs_json_writer *w, const gs_report_pattern *p)
{
    if (!p->has_wait) {
        gs_jw_null(w, "waitMinutes");
        return;
    }
    gs_jw_object(w, "waitMinutes");
    gs_jw_uint(w, "min", p->wait_min);
    gs_jw_uint(w, "p50", p->wait_p50);
    gs_jw_uint(w, "max", p->wait_max);
    gs_jw_end(w);
}

static void write_sites(gs_json_writer *w, const gs_report_pattern *p)
{
    gs_jw_array(w, "sites");
    for (size_t i = 0; i < p->n_sites; i++) {
        gs_jw_object(w, NULL);
        gs_jw_str(w, "id", p->sites[i].site->id);
        gs_jw_uint(w, "count", p->sites[i].count);
        gs_jw_end(w);
    }
    gs_jw_end(w);
}

static void write_pattern(gs_json_writer *w, const gs_report_pattern *p)
{
    const gs_site *s = p->primary;
    char score[32];
    int n = snprintf(score, sizeof score, "%.4f", p->score);
    gs_jw_object(w, NULL);
    gs_jw_str(w, "id", s->id);
    gs_jw_uint(w, "count", p->count);
    gs_jw_str(w, "state", gs_state_name(p->state));
    gs_jw_raw(w, "score", (gs_str){score, (size_t)n});
    gs_jw_str(w, "risk", gs_risk_name(p->risk));
    gs_jw_strn(w, "leafFunction", gs_str_of(s->leaf));
    gs_jw_strn(w, "leafFile", gs_str_of(s->leaf_file));
    gs_jw_int(w, "leafLine", s->leaf_line);
    gs_jw_strn(w, "entryFunction", gs_str_of(s->entry));
    gs_jw_strn(w, "createdBy", gs_str_of(p->created_by));
    gs_jw_str(w, "boundary", gs_boundary_name(s->boundary));
    gs_jw_array(w, "keyFrames");
    for (size_t i = 0; i < s->n_key_frames; i++)
        gs_jw_strn(w, NULL, gs_str_of(s->key_frames[i]));
    gs_jw_end(w);
    write_labels(w, p->n_labels ? &p->labels[0] : NULL);
    write_label_sets(w, p);
    write_waits(w, p);
    if (p->n_sites > 1)
        write_sites(w, p);
    gs_jw_end(w);
}

int gs_report_json(const gs_report *r, size_t top, gs_buf *out, gs_error *err)
{
    gs_json_writer w;
    gs_jw_init(&w, out);
    gs_jw_object(&w, NULL);
    gs_jw_str(&w, "schema", "gostat.dev/report/v1");
    gs_jw_array(&w, "inputs");
    for (size_t i = 0; i < r->n_inputs; i++)
        gs_profile_file_json(&w, NULL, &r->inputs[i]);
    gs_jw_end(&w);
    gs_jw_uint(&w, "goroutines", r->goroutines);
    gs_jw_bool(&w, "truncated", r->truncated);
    gs_jw_array(&w, "patterns");
    for (size_t i = 0; i < gs_report_shown(r->n_patterns, top); i++)
        write_pattern(&w, &r->patterns[i]);
    gs_jw_end(&w);
    gs_jw_array(&w, "packages");
    for (size_t i = 0; i < gs_report_shown(r->n_packages, top); i++) {
        gs_jw_object(&w, NULL);
        gs_jw_strn(&w, "package", r->packages[i].package);
        gs_jw_uint(&w, "count", r->packages[i].count);
        gs_jw_end(&w);
    }
    gs_jw_end(&w);
    gs_jw_end(&w);
    int rc = gs_jw_finish(&w, err);
    return rc ? rc : gs_buf_adds(out, "\n");
}
