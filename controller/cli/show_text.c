#include "base/mem.h"
#include "cli/show.h"
#include "cli/term.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#define LABEL_COLUMN 11

static void put(gs_cluster *c, const char *text)
{
    (void)gs_term_text(&c->text, gs_str_of(text), GS_TERM_ANY);
}

/* "label      text", the text made safe. */
static void line(gs_cluster *c, const char *label, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
static void line(gs_cluster *c, const char *label, const char *fmt, ...)
{
    char text[2048];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    (void)gs_buf_addf(&c->text, "%-*s", LABEL_COLUMN, label);
    put(c, text);
    (void)gs_buf_adds(&c->text, "\n");
}

/* The same with any beginning, for lists. */
static void item(gs_cluster *c, const char *begin, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
static void item(gs_cluster *c, const char *begin, const char *fmt, ...)
{
    char text[GS_MAX_NOTICE_URL];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    (void)gs_buf_adds(&c->text, begin);
    put(c, text);
    (void)gs_buf_adds(&c->text, "\n");
}

static void heading(gs_cluster *c, const char *title)
{
    (void)gs_buf_addf(&c->text, "\n%s\n", title);
}

static void times(gs_cluster *c, const gs_incident *i)
{
    char at[GS_TIME_LEN], age[GS_AGE_LEN];
    if (i->detection_ms) {
        gs_time_format(i->detection_ms, at);
        gs_age(i->detection_ms, c->wall_ms, age);
        line(c, "detected", "%s, %s ago", at, age);
    }
    if (i->start_ms) {
        gs_time_format(i->start_ms, at);
        line(c, "began", "%s, as estimated", at);
    }
    if (i->resolved && i->resolution_ms) {
        gs_time_format(i->resolution_ms, at);
        line(c, "resolved", "%s", at);
    }
    if (i->occurrences > 1)
        line(c, "came back", "this is occurrence %d of the same leak", i->occurrences);
}

static void what(gs_cluster *c, const gs_shown *s)
{
    const gs_incident *i = s->l->i;
    line(c, "incident", "%s in namespace %s", i->name, i->workload.ns);
    if (!s->l->has_status)
        return;
    line(c, "what", "%s, %" PRId64 " pod%s, +%" PRIu64 " goroutines",
         i->type == GS_INCIDENT_RESOURCE ? "a resource that pods use too much of" : "goroutine leak", s->l->pods,
         s->l->pods == 1 ? "" : "s", gs_incident_leaking(i));
    line(c, "phase", "%s", gs_phase_name(s->l->phase));
    (void)gs_buf_addf(&c->text, "%-*s", LABEL_COLUMN, "severity");
    gs_coloured(&c->text, gs_str_of(gs_severity_name(i->severity)), gs_severity_colour(i->severity), c->colours);
    (void)gs_buf_addf(&c->text, i->score > 0 ? ", score %.2f\n" : "\n", i->score);
    line(c, "workload", "%s/%s%s%s", i->workload.kind, i->workload.name, i->revision[0] ? ", revision " : "",
         i->revision);
    line(c, "policy", "%s%s%s", i->policy_name[0] ? i->policy_name : "none", s->policy ? ", mode " : "",
         s->policy ? gs_mode_name(s->policy->mode) : "");
    times(c, i);
}

static void why(gs_cluster *c, const gs_incident *i)
{
    heading(c, "WHY");
    line(c, "grade", "%s: %s", i->grade ? gs_grade_name(i->grade) : "none", gs_grade_words(i->grade));
    for (unsigned k = 0; k < GS_REASONS; k++)
        if (i->reasons & 1u << k)
            line(c, "", "%s: %s", gs_reason_name(1u << k), gs_reason_words(1u << k));
}

static void where(gs_cluster *c, const gs_incident *i)
{
    const gs_pattern *p = &i->patterns[0];
    if (!i->n_patterns)
        return;
    heading(c, "WHERE");
    line(c, "waits in", "%s", p->n_key_frames ? p->key_frames[0] : p->leaf ? p->leaf : "");
    if (p->entry && p->entry[0])
        line(c, "entered at", "%s", p->entry);
    if (p->created_by && p->created_by[0])
        line(c, "created by", "%s", p->created_by);
    line(c, "state", "%s", gs_state_name(p->state));
    if (p->boundary != GS_BOUNDARY_NONE)
        line(c, "boundary", "%s: %s", gs_boundary_name(p->boundary), gs_boundary_words(p->boundary));
}

static void pods(gs_cluster *c, const gs_shown *s)
{
    static const gs_column columns[] = {{.title = "  POD"}, {"GOROUTINES", true, 0}, {"OF THE LEAK", true, 0}};
    const gs_incident *i = s->l->i;
    if (!i->n_pods)
        return;
    gs_cleanup(gs_table_free) gs_table *t = gs_table_new(columns, GS_LEN(columns));
    for (size_t k = 0; k < i->n_pods; k++) {
        gs_table_cellf(t, GS_PLAIN, "  %s", i->pods[k].name);
        gs_table_cellf(t, GS_PLAIN, "%" PRIu64, i->pods[k].goroutines);
        gs_table_cellf(t, GS_PLAIN, "%" PRIu64, i->pods[k].leaking);
    }
    heading(c, "PODS");
    gs_table_print(t, c->colours, &c->text);
    if (s->l->pods > (int64_t)i->n_pods)
        (void)gs_buf_addf(&c->text, "  and %" PRId64 " more\n", s->l->pods - (int64_t)i->n_pods);
}

static void labels(gs_cluster *c, const gs_label_set *set)
{
    (void)gs_buf_addf(&c->text, "     %" PRIu64 " with", set->count);
    for (size_t k = 0; k < set->n; k++) {
        (void)gs_buf_adds(&c->text, " ");
        put(c, set->v[k].key);
        (void)gs_buf_adds(&c->text, "=");
        put(c, set->v[k].value);
    }
    (void)gs_buf_adds(&c->text, "\n");
}

/* keyFrames hold the frames that tell the site apart; the whole stacks are in the evidence. */
static void stacks(gs_cluster *c, const gs_incident *i)
{
    if (i->n_patterns)
        heading(c, "STACKS (the frames that matter; whole ones are in the evidence)");
    for (size_t k = 0; k < i->n_patterns; k++) {
        const gs_pattern *p = &i->patterns[k];
        (void)gs_buf_addf(&c->text, "  %zu. %" PRIu64 " goroutines, %s", k + 1, p->count, gs_state_name(p->state));
        if (p->score > 0)
            (void)gs_buf_addf(&c->text, ", risk %s", gs_risk_name(gs_risk_of(p->score)));
        (void)gs_buf_adds(&c->text, "\n");
        for (size_t n = 0; n < p->n_key_frames; n++)
            item(c, "     ", "%s", p->key_frames[n]);
        for (size_t n = 0; n < p->n_labels; n++)
            if (p->labels[n].n)
                labels(c, &p->labels[n]);
    }
}

static const char *file_name(const char *key)
{
    const char *slash = strrchr(key, '/');
    return slash ? slash + 1 : key;
}

static void evidence(gs_cluster *c, const gs_shown *s)
{
    const gs_incident *i = s->l->i;
    char at[GS_TIME_LEN], url[GS_S3_NAME_LEN];
    if (!i->n_evidence)
        return;
    heading(c, "EVIDENCE");
    for (size_t k = 0; k < i->n_evidence; k++) {
        const gs_evidence *e = &i->evidence[k];
        gs_time_format(e->time_ms, at);
        gs_show_s3(s, e, url);
        item(c, "  ", "%s of %s, %" PRIu64 " bytes, %s", e->kind, e->pod, e->bytes, at);
        item(c, "     ", "%s", url);
        item(c, "     ", "sha256 %s", e->sha256);
        item(c, "     ", "%s %s", gs_show_opener(e->kind), file_name(e->key));
        if (s->links[k])
            item(c, "     ", "%s", s->links[k]);
    }
    if (s->link_s)
        (void)gs_buf_addf(&c->text, "  links are good for %d s\n", s->link_s);
    if (s->policy && s->policy->has_s3)
        item(c, "  ", "to fetch: aws --endpoint-url %s s3 cp s3://… .%s", s->policy->s3.endpoint,
             s->link_s ? "" : "; or --links");
}

static void actions(gs_cluster *c, const gs_incident *i)
{
    static const gs_column columns[] = {{.title = "  TIME"},   {.title = "ACTION"}, {.title = "OUTCOME"},
                                        {.title = "REPLICAS"}, {.title = "PODS"},   {.title = "REASON"}};
    char at[GS_TIME_LEN];
    if (!i->n_actions)
        return;
    gs_cleanup(gs_table_free) gs_table *t = gs_table_new(columns, GS_LEN(columns));
    for (size_t k = i->n_actions; k-- > 0;) { /* the newest first */
        const gs_action *a = &i->actions[k];
        gs_time_format(a->time_ms, at);
        gs_table_cellf(t, GS_PLAIN, "  %s", at);
        gs_table_cell(t, gs_str_of(gs_action_name(a->type)), GS_PLAIN);
        gs_table_cellf(t, a->outcome == GS_OUTCOME_FAILED ? GS_RED : GS_PLAIN, "%s%s", gs_outcome_name(a->outcome),
                       a->dry_run ? " (DryRun)" : "");
        if (a->from != a->to)
            gs_table_cellf(t, GS_PLAIN, "%d -> %d", a->from, a->to);
        else
            gs_table_cell(t, GS_STR(""), GS_PLAIN);
        gs_table_cell(t, gs_str_of(a->pods), GS_PLAIN);
        gs_table_cell(t, gs_str_of(a->reason), GS_PLAIN);
    }
    heading(c, "ACTIONS");
    gs_table_print(t, c->colours, &c->text);
}

void gs_show_text(gs_cluster *c, const gs_shown *s)
{
    const gs_incident *i = s->l->i;
    what(c, s);
    if (s->l->has_status) {
        why(c, i);
        where(c, i);
        pods(c, s);
        stacks(c, i);
        evidence(c, s);
        actions(c, i);
    }
    heading(c, "NEXT");
    for (size_t k = 0; k < s->n_steps; k++)
        item(c, "  - ", "%s", s->steps[k]);
}
