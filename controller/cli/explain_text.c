#include "base/mem.h"
#include "cli/explain.h"
#include "cli/term.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

static void line(gs_cluster *c, const char *begin, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
static void line(gs_cluster *c, const char *begin, const char *fmt, ...)
{
    char text[GS_LABEL_SELECTOR_LEN + 256];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    (void)gs_buf_adds(&c->text, begin);
    (void)gs_term_text(&c->text, gs_str_of(text), GS_TERM_ANY);
    (void)gs_buf_adds(&c->text, "\n");
}

static void heading(gs_cluster *c, const char *title)
{
    (void)gs_buf_addf(&c->text, "\n%s\n", title);
}

static int count(const gs_explained *x, bool sampled)
{
    int n = 0;
    for (size_t k = 0; k < x->n_workloads; k++)
        n += sampled ? x->workloads[k].of[GS_SAMPLED] : x->workloads[k].selected;
    return n;
}

static void head(gs_cluster *c, const gs_explained *x)
{
    line(c, "policy     ", "%s in namespace %s", x->p->name, x->p->ns);
    line(c, "mode       ", "%s%s", gs_mode_name(x->p->mode), x->p->suspend ? ", suspended" : "");
    line(c, "selects    ", "%s", x->selector);
    line(c, "           ", "%d pod%s of %zu workload%s, of which %d can be sampled", count(x, false),
         count(x, false) == 1 ? "" : "s", x->n_workloads, x->n_workloads == 1 ? "" : "s", count(x, true));
    if (x->seen)
        line(c, "controller ", "matched %d, sampled %d, unreachable %d, as of its last status", x->status.matched,
             x->status.sampled, x->status.unreachable);
    else
        line(c, "controller ",
             "none has looked at this policy yet: is gostat running, and does it watch this namespace?");
    if (x->seen && x->status.observed_generation < x->p->generation)
        line(c, "           ", "it has not seen the newest version of the policy yet");
}

static void pods(gs_cluster *c, const gs_explained *x)
{
    static const gs_column columns[] = {
        {.title = "  WORKLOAD"}, {"PODS", true, 0}, {.title = "WHAT BECOMES OF THEM"}, {.title = "ONE OF THEM"}};
    if (!x->n_workloads)
        return;
    gs_cleanup(gs_table_free) gs_table *t = gs_table_new(columns, GS_LEN(columns));
    for (size_t k = 0; k < x->n_workloads; k++) {
        const gs_explained_workload *w = &x->workloads[k];
        for (unsigned why = 0; why < GS_EXPLAIN_WHY; why++) {
            if (!w->of[why])
                continue;
            gs_table_cellf(t, GS_PLAIN, "  %s%s%s", w->ref.kind[0] ? w->ref.kind : "?", w->ref.kind[0] ? "/" : "",
                           w->ref.name);
            gs_table_cellf(t, GS_PLAIN, "%d", w->of[why]);
            gs_table_cellf(t, why == GS_SAMPLED ? GS_GREEN : GS_YELLOW, "%s%s%s", gs_explain_why(why),
                           why == GS_WHY_OTHER_POLICY ? ": " : "", why == GS_WHY_OTHER_POLICY ? w->owner->name : "");
            gs_table_cell(t, gs_str_of(w->example[why]), GS_PLAIN);
        }
    }
    heading(c, "PODS");
    gs_table_print(t, c->colours, &c->text);
}

static void conditions(gs_cluster *c, const gs_explained *x)
{
    if (!x->seen)
        return;
    heading(c, "CONDITIONS");
    for (size_t k = 0; k < GS_LEN(x->status.conditions); k++) {
        const gs_condition *v = &x->status.conditions[k];
        if (!v->type[0])
            continue;
        line(c, "  ", "%-11s%s %s%s%s", v->type, v->status, v->reason, v->message[0] ? ": " : "", v->message);
        if (gs_explain_fix(v)[0])
            line(c, "             ", "to do: %s", gs_explain_fix(v));
    }
}

static void secrets(gs_cluster *c, const gs_explained *x)
{
    static const char *const words[] = {
        [GS_SECRET_OK] = "in order", [GS_SECRET_WRONG] = "wrong", [GS_SECRET_NOT_CHECKED] = "not checked"};
    if (x->n_secrets)
        heading(c, "SECRETS");
    for (size_t k = 0; k < x->n_secrets; k++) {
        const gs_explained_secret *s = &x->secrets[k];
        line(c, "  ", "%s (%s): %s%s%s", s->name, s->field, words[s->state], s->message[0] ? ": " : "", s->message);
    }
}

static void ladder(gs_cluster *c, const gs_policy *p)
{
    char names[128] = "";
    size_t n = 0;
    for (size_t k = 0; k < p->n_actions && n < sizeof names; k++)
        n += (size_t)snprintf(names + n, sizeof names - n, "%s%s", k ? ", then " : "",
                              gs_action_name(p->actions[k].type));
    line(c, "  actions   ", "%s", names[0] ? names : "none: spec.healing.actions is empty");
    line(c, "  from      ", "grade %s on", gs_grade_name(p->min_grade));
    line(c, "  limits    ", "%" PRId64 " s between two, %d in an hour, %d %% of the pods stay available",
         p->limits.cooldown_s, p->limits.max_actions_per_hour, p->limits.min_available_percent);
}

static void windows(gs_cluster *c, const gs_policy *p)
{
    const gs_window *w = NULL;
    char at[GS_TIME_LEN] = "further notice";
    int64_t until;
    if (!p->n_windows)
        return;
    bool allowed = gs_windows_allow(p->windows, p->n_windows, c->wall_ms, &w, &until);
    if (until != INT64_MAX)
        gs_time_format(until, at);
    line(c, "  windows   ", "%s until %s%s%s", allowed ? "open" : "closed", at, w ? ", by " : "", w ? w->name : "");
}

static void history(gs_cluster *c, const gs_explained *x)
{
    char at[GS_TIME_LEN];
    for (size_t k = 0; k < x->n_history; k++) {
        const gs_heal_history *h = &x->history[k];
        if (h->pending.set)
            line(c, "  under way ", "%s of %s/%s for %s, step %s", gs_action_name(h->pending.type), h->workload.kind,
                 h->workload.name, h->pending.incident, gs_step_name(h->pending.step));
        if (h->added_replicas)
            line(c, "  added     ", "%d replicas to %s/%s, which are taken back", h->added_replicas, h->workload.kind,
                 h->workload.name);
        if (h->n_times) {
            gs_time_format(h->action_times[h->n_times - 1], at);
            line(c, "  last      ", "%s/%s: %s", h->workload.kind, h->workload.name, at);
        }
    }
}

static void one_incident(gs_cluster *c, const gs_explained *x, const gs_explained_incident *e)
{
    const gs_incident *i = e->l->i;
    char at[GS_TIME_LEN];
    (void)gs_buf_adds(&c->text, "\n");
    line(c, "  ", "%s: %s, severity %s, %s/%s", i->name, i->grade ? gs_grade_name(i->grade) : "not graded",
         gs_severity_name(i->severity), i->workload.kind, i->workload.name);
    if (i->n_actions) {
        const gs_action *a = &i->actions[i->n_actions - 1];
        gs_time_format(a->time_ms, at);
        line(c, "    last    ", "%s %s%s, %s%s%s", gs_action_name(a->type), gs_outcome_name(a->outcome),
             a->dry_run ? " (DryRun)" : "", at, a->reason[0] ? ": " : "", a->reason);
    }
    if (e->next[0])
        line(c, "    next    ", "%s%s", e->next, x->p->mode == GS_MODE_DRY_RUN ? " (DryRun: written down only)" : "");
    else if (e->action[0])
        line(c, "    next    ", "%s%s%s", e->action, e->unknown[0] ? ": " : "", e->unknown);
    else
        line(c, "    next    ", "%s", e->unknown[0] ? e->unknown : "none");
    for (size_t k = 0; k < e->n_in_the_way; k++) {
        const gs_obstacle *o = &e->in_the_way[k];
        if (o->until_ms)
            gs_time_format(o->until_ms, at);
        line(c, k ? "            " : "    but     ", "%s: %s%s%s%s", o->reason, o->message,
             o->until_ms ? " (until " : "", o->until_ms ? at : "", o->until_ms ? ")" : "");
    }
    if (e->budget[0])
        line(c, e->n_in_the_way ? "            " : "    but     ", "%s", e->budget);
    if (!e->n_in_the_way && !e->budget[0] && e->next[0])
        line(c, "            ", "nothing stands in the way: it comes with the next look");
}

void gs_explain_text(gs_cluster *c, const gs_explained *x)
{
    head(c, x);
    conditions(c, x);
    pods(c, x);
    secrets(c, x);
    heading(c, "HEALING");
    ladder(c, x->p);
    windows(c, x->p);
    history(c, x);
    heading(c, "OPEN INCIDENTS");
    if (!x->n_open)
        line(c, "  ", "none");
    for (size_t k = 0; k < x->n_open; k++)
        one_incident(c, x, &x->open[k]);
}
