#include "codec/notice_internal.h"

#include "base/clock.h"

#include <inttypes.h>
#include <stdio.h>

#define LINE_LEAST 48 /* a line that is cut shorter than this says nothing */
#define NAME_MOST 560 /* a namespace and a name; a function: GS_MAX_NAME */
#define POD_MOST 256
#define TEXT_MOST 700
#define WORST_PODS 3
#define TOLD_LABELS 4

const char *gs_notice_kind_name(enum gs_notice_kind k)
{
    static const char *const names[] = {"opened", "graded", "action", "resolved"};
    return names[k];
}

static const char *subject(const gs_incident *i)
{
    if (i->type == GS_INCIDENT_LEAK)
        return "goroutine leak";
    return gs_streq(i->pattern_id, GS_RESOURCE_CPU)          ? "high CPU use"
           : gs_streq(i->pattern_id, GS_RESOURCE_GOROUTINES) ? "too many goroutines"
                                                             : "high heap use";
}

void gs_notice_title(const gs_notice *n, gs_buf *out)
{
    const gs_incident *i = n->incident;
    (void)gs_buf_addf(out, "%s: %s", gs_severity_name(i->severity), subject(i));
    switch (n->kind) {
    case GS_NOTICE_OPENED:
        (void)gs_buf_adds(out, i->occurrences > 1 ? " is back" : "");
        break;
    case GS_NOTICE_GRADED:
        (void)gs_buf_addf(out, " is %s now", gs_grade_name(i->grade));
        break;
    case GS_NOTICE_ACTION:
        (void)gs_buf_adds(out, ", what is done");
        break;
    case GS_NOTICE_RESOLVED:
        (void)gs_buf_adds(out, " resolved");
        break;
    }
}

gs_str gs_notice_place(const gs_incident *i)
{
    const gs_pattern *p = &i->patterns[0];
    if (!i->n_patterns || !p->n_key_frames)
        return GS_STR("");
    gs_str frame = gs_str_of(p->key_frames[0]);
    size_t leaf = p->leaf ? strlen(p->leaf) : 0;
    if (leaf && gs_str_starts(frame, p->leaf) && frame.n > leaf && frame.p[leaf] == ' ')
        return (gs_str){frame.p + leaf + 1, frame.n - leaf - 1};
    const char *space = memrchr(frame.p, ' ', frame.n);
    return space ? (gs_str){space + 1, frame.n - (size_t)(space + 1 - frame.p)} : GS_STR("");
}

static void where(const gs_notice *n, gs_notice_text *t)
{
    const gs_workload_ref *w = &n->incident->workload;
    char text[sizeof w->kind + sizeof w->ns + sizeof w->name + 4];
    (void)snprintf(text, sizeof text, "%s %s/%s", w->kind, w->ns, w->name);
    if (gs_notice_line(t, "Workload", LINE_LEAST))
        gs_notice_code(t, gs_str_of(text), NAME_MOST);
    if (n->cluster && n->cluster[0] && gs_notice_line(t, "Cluster", LINE_LEAST))
        gs_notice_code(t, gs_str_of(n->cluster), POD_MOST);
}

static void what(const gs_incident *i, gs_notice_text *t)
{
    const gs_pattern *p = i->n_patterns ? &i->patterns[0] : NULL;
    if (p && p->leaf && p->leaf[0] && gs_notice_line(t, "Function", LINE_LEAST)) {
        gs_notice_code(t, gs_str_of(p->leaf), GS_MAX_NAME);
        gs_notice_words(t, ": %s", gs_state_name(p->state));
    }
    gs_str place = gs_notice_place(i);
    if (place.n && gs_notice_line(t, "Open first", LINE_LEAST))
        gs_notice_code(t, place, GS_MAX_NAME);
}

static void grade(const gs_incident *i, gs_notice_text *t)
{
    bool first = true;
    if (!gs_notice_line(t, "Grade", LINE_LEAST))
        return;
    gs_notice_words(t, "%s", i->grade ? gs_grade_name(i->grade) : "none");
    for (unsigned k = 0; k < GS_REASONS; k++) {
        unsigned reason = 1u << k;
        if (!(i->reasons & reason))
            continue;
        gs_notice_words(t, "%s%s (%s)", first ? ": " : ", ", gs_reason_name(reason), gs_reason_words(reason));
        first = false;
    }
}

static void growth(const gs_notice *n, gs_notice_text *t)
{
    const gs_incident *i = n->incident;
    char since[GS_TIME_LEN], until[GS_TIME_LEN];
    gs_time_format(i->start_ms, since);
    if (!gs_notice_line(t, "Growth", LINE_LEAST))
        return;
    if (i->type == GS_INCIDENT_LEAK && n->kind != GS_NOTICE_RESOLVED)
        gs_notice_words(t, "%" PRIu64 " goroutines leaked ", gs_incident_leaking(i));
    gs_notice_words(t, "since %s", since);
    if (n->kind == GS_NOTICE_RESOLVED && i->resolution_ms) {
        gs_time_format(i->resolution_ms, until);
        gs_notice_words(t, " until %s", until);
    }
}

static void pods(const gs_incident *i, gs_notice_text *t)
{
    if (!i->n_pods || !gs_notice_line(t, "Pods", LINE_LEAST))
        return;
    gs_notice_words(t, "%zu", i->n_pods);
    for (size_t k = 0; k < i->n_pods && k < WORST_PODS && gs_notice_room(t) >= LINE_LEAST; k++) {
        const gs_incident_pod *p = &i->pods[k];
        gs_notice_words(t, k ? ", " : ": ");
        gs_notice_code(t, gs_str_of(p->name), POD_MOST);
        if (i->type == GS_INCIDENT_LEAK)
            gs_notice_words(t, " %" PRIu64 " of", p->leaking);
        gs_notice_words(t, " %" PRIu64 " goroutines", p->goroutines);
    }
}

/* pprof labels of the combination with the most goroutines: the route that leaks. */
static void labels(const gs_incident *i, gs_notice_text *t)
{
    if (!i->n_patterns || !i->patterns[0].n_labels || !i->patterns[0].labels[0].n ||
        !gs_notice_line(t, "Labels", LINE_LEAST))
        return;
    const gs_label_set *set = &i->patterns[0].labels[0];
    for (size_t k = 0; k < set->n && k < TOLD_LABELS && gs_notice_room(t) >= LINE_LEAST; k++) {
        char text[NAME_MOST];
        (void)snprintf(text, sizeof text, "%s=%s", set->v[k].key, set->v[k].value);
        gs_notice_words(t, "%s", k ? ", " : "");
        gs_notice_code(t, gs_str_of(text), POD_MOST);
    }
}

const gs_action *gs_notice_last_action(const gs_incident *i)
{
    const gs_action *a = i->n_actions ? &i->actions[i->n_actions - 1] : NULL;
    return a && a->time_ms >= i->detection_ms ? a : NULL;
}

/* The event's words; and where they are of something else, what was done or refused last. */
static void words(const gs_notice *n, gs_notice_text *t)
{
    bool acted = n->kind == GS_NOTICE_ACTION;
    const gs_action *a = acted ? NULL : gs_notice_last_action(n->incident);
    if (n->text && n->text[0] && gs_notice_line(t, acted ? "Action" : "Says", LINE_LEAST))
        gs_notice_code(t, gs_str_of(n->text), TEXT_MOST);
    if (!a || !gs_notice_line(t, "Action", LINE_LEAST))
        return;
    gs_notice_words(t, "%s%s", a->dry_run ? "dry run: " : "", gs_action_name(a->type));
    if (a->from != a->to)
        gs_notice_words(t, " %d to %d", a->from, a->to);
    gs_notice_words(t, ", %s", gs_outcome_name(a->outcome));
    if (a->reason[0])
        gs_notice_words(t, ": ");
    gs_notice_code(t, gs_str_of(a->reason), TEXT_MOST);
}

void gs_notice_lines(const gs_notice *n, gs_notice_text *t)
{
    const gs_incident *i = n->incident;
    where(n, t);
    what(i, t);
    grade(i, t);
    growth(n, t);
    words(n, t);
    pods(i, t);
    labels(i, t);
    if (gs_notice_line(t, "Incident", LINE_LEAST))
        gs_notice_code(t, gs_str_of(i->name), POD_MOST);
}

int gs_notice_body(enum gs_notify_type t, const gs_notice *n, gs_buf *out, gs_error *err)
{
    static void (*const writers[])(const gs_notice *, gs_json_writer *) = {
        [GS_NOTIFY_WECOM] = gs_notice_wecom,
        [GS_NOTIFY_SLACK] = gs_notice_slack,
        [GS_NOTIFY_WEBHOOK] = gs_notice_webhook,
        [GS_NOTIFY_ALERTMANAGER] = gs_notice_alertmanager,
    };
    gs_json_writer w;
    gs_jw_init(&w, out);
    writers[t](n, &w);
    int rc = gs_jw_finish(&w, err);
    return rc < 0 ? gs_error_wrap(err, GS_NO_MEMORY, "notice for %s", gs_notify_name(t)) : 0;
}
