/* `gostat backtest`: what the engine would have said and done about samples of the past. */
#include "cli/backtest.h"

#include "base/log.h"
#include "base/mem.h"
#include "cli/cli.h"
#include "cli/command.h"
#include "cli/term.h"

#include <stdio.h>
#include <unistd.h>

#define TEXT_MAX (1u << 20)
#define NOTES_MAX (64u << 10)
#define TALLIES 16 /* different outcomes that are counted one by one */

/* How often something was done, or refused for a reason. */
typedef struct tally {
    char what[64];
    unsigned n;
} tally;

typedef struct backtest {
    const gs_backtest_options *opt;
    gs_output out;
    tally actions[TALLIES], refusals[TALLIES];
    enum gs_grade worst;
    unsigned leaks, others; /* incidents: of leaks, of resources */
} backtest;

static void add_tally(tally v[TALLIES], gs_str what)
{
    char name[sizeof v->what];
    (void)gs_str_copy(name, sizeof name, what);
    for (size_t k = 0; k < TALLIES; k++)
        if (!v[k].n || gs_streq(v[k].what, name)) {
            memcpy(v[k].what, name, sizeof name);
            v[k].n++;
            return;
        }
}

/* Of the reason of an event what comes before the first colon: "MaxReplicas: it has 10" */
static gs_str head_of(const char *reason)
{
    return (gs_str){reason, strcspn(reason, ":")};
}

/* "ScaleOut 3 -> 4: Succeeded": what without the numbers, and how it ended. */
static void count_action(backtest *b, const char *reason)
{
    char what[sizeof b->actions->what];
    const char *colon = strchr(reason, ':');
    const char *ended = colon ? colon + 1 + strspn(colon + 1, " ") : "";
    (void)snprintf(what, sizeof what, "%.*s %.*s", (int)strcspn(reason, " :"), reason, (int)strcspn(ended, ":"), ended);
    add_tally(b->actions, gs_str_of(what));
}

static void on_event(void *ctx, const gs_watch_event *e)
{
    backtest *b = ctx;
    gs_cleanup(gs_buf_done) gs_buf text = GS_BUF(TEXT_MAX);
    if (e->event == GS_EVENT_ACTION)
        count_action(b, e->reason);
    if (e->event == GS_EVENT_REFUSED)
        add_tally(b->refusals, head_of(e->reason));
    bool leak = e->incident && e->incident->type == GS_INCIDENT_LEAK;
    b->leaks += leak && e->event == GS_EVENT_INCIDENT;
    b->others += !leak && e->event == GS_EVENT_INCIDENT;
    if (leak && e->incident->grade > b->worst)
        b->worst = e->incident->grade;
    if (b->opt->json)
        gs_watch_event_json(e, &text);
    else
        gs_watch_event_text(e, &text);
    (void)gs_output_write(&b->out, gs_buf_str(&text));
}

/* The summary. */

static void sum_up_incident(void *ctx, const gs_incident *i)
{
    gs_buf *out = ctx;
    gs_watch_incident_text(i, NULL, out);
    (void)gs_buf_adds(out, "\n");
}

static void add_tallies(gs_buf *out, const char *what, const tally v[TALLIES])
{
    (void)gs_buf_addf(out, "%-11s ", what);
    if (!v[0].n)
        (void)gs_buf_adds(out, "none");
    for (size_t k = 0; k < TALLIES && v[k].n; k++) {
        (void)gs_buf_addf(out, "%s%u ", k ? ", " : "", v[k].n);
        (void)gs_term_text(out, gs_str_of(v[k].what), GS_TERM_ANY);
    }
    (void)gs_buf_adds(out, "\n");
}

static void add_duration(gs_buf *out, int64_t ms)
{
    if (ms >= 2 * 86400000LL)
        (void)gs_buf_addf(out, "%.1f days", (double)ms / 86400000);
    else if (ms >= 2 * 3600000)
        (void)gs_buf_addf(out, "%.1f h", (double)ms / 3600000);
    else
        (void)gs_buf_addf(out, "%lld s", (long long)(ms / 1000));
}

static void sum_up(const backtest *b, const gs_engine *engine, const gs_replay_stats *s, gs_buf *out)
{
    gs_engine_stats stats;
    unsigned shown = 0;
    gs_engine_get_stats(engine, &stats);
    (void)gs_buf_adds(out, stats.events[GS_EVENT_SUSPECTED] ? "\n" : "");
    gs_engine_each_incident(engine, sum_up_incident, out);
    (void)gs_buf_addf(out, "%-11s %llu of %zu %s, over ", "samples", (unsigned long long)s->rows, s->pods,
                      s->pods == 1 ? "pod" : "pods");
    add_duration(out, s->last_ms - s->first_ms);
    (void)gs_buf_addf(out, "\n%-11s ", "suspicions");
    for (unsigned k = 0; k < GS_RULES; k++)
        if (stats.suspicions[k])
            (void)gs_buf_addf(out, "%s%llu %s", shown++ ? ", " : "", (unsigned long long)stats.suspicions[k],
                              gs_rule_name(1u << k));
    (void)gs_buf_addf(out, "%s\n%-11s %u%s%s", shown ? "" : "none", "incidents", b->leaks,
                      b->worst ? ", at worst " : "", gs_grade_name(b->worst));
    if (b->others)
        (void)gs_buf_addf(out, "; of resources %u", b->others);
    (void)gs_buf_adds(out, "\n");
    add_tallies(out, "actions", b->actions);
    add_tallies(out, "refusals", b->refusals);
}

/* What stands between the user and a fair trial. */

static void tell(const char *text)
{
    gs_cleanup(gs_buf_done) gs_buf line = GS_BUF(NOTES_MAX);
    (void)gs_term_text(&line, gs_str_of(text), GS_TERM_ANY);
    (void)fprintf(stderr, "gostat backtest: %s\n", line.p ? line.p : "");
}

static void tell_notes(const gs_buf *notes)
{
    char note[500];
    for (const char *at = notes->p; at && *at; at += strcspn(at, "\n"), at += *at == '\n') {
        (void)gs_str_copy(note, sizeof note, (gs_str){at, strcspn(at, "\n")});
        tell(note);
    }
}

static void note_spacing(const gs_replay_stats *s, int interval_s, gs_buf *notes)
{
    int64_t seconds = (s->apart_ms + 999) / 1000;
    if ((double)s->apart_ms > GS_BACKTEST_STALE * 1000 * interval_s)
        (void)gs_buf_addf(
            notes,
            "samples are %lld s apart, spec.sampling.intervalSeconds is %d: most of the time there is none, "
            "and little can be found; for a fair trial set it to %lld\n",
            (long long)seconds, interval_s, (long long)(seconds < 300 ? seconds : 300));
}

static void note_evidence(const gs_policy *p, const gs_engine_stats *stats, gs_buf *notes)
{
    if (p->mode != GS_MODE_OBSERVE && p->n_actions && stats->incidents_opened && !stats->evidence_stored)
        (void)gs_buf_adds(notes, "nothing is healed before evidence is stored, and there was none: for actions give a "
                                 "--profile of the time of the incident, and a policy with snapshot.s3\n");
}

/* A T of another clock, or of another day, would go unnoticed. */
static void note_profiles(const gs_backtest_options *o, const gs_replay_stats *s, gs_buf *notes)
{
    size_t outside = 0;
    for (size_t k = 0; k < o->n_profiles; k++)
        outside += o->profiles[k].t_ms > s->last_ms || o->profiles[k].t_ms < s->first_ms - GS_BACKTEST_GONE_MS;
    if (outside)
        (void)gs_buf_addf(notes, "%zu of %zu --profile: T is not a time of the series, which goes from %lld to %lld\n",
                          outside, o->n_profiles, (long long)(s->first_ms / 1000), (long long)(s->last_ms / 1000));
}

static int finish(backtest *b, const gs_replay *r, gs_buf *notes, gs_error *err)
{
    gs_engine_stats stats;
    gs_replay_stats s;
    if (!gs_replay_engine(r))
        return gs_error_set(err, GS_TERMINAL, "the series has no sample with a count");
    gs_engine_get_stats(gs_replay_engine(r), &stats);
    gs_replay_get_stats(r, &s);
    note_spacing(&s, gs_replay_policy(r)->interval_s, notes);
    note_profiles(b->opt, &s, notes);
    note_evidence(gs_replay_policy(r), &stats, notes);
    tell_notes(notes);
    if (!b->opt->json) {
        gs_cleanup(gs_buf_done) gs_buf text = GS_BUF(TEXT_MAX);
        sum_up(b, gs_replay_engine(r), &s, &text);
        (void)gs_output_write(&b->out, gs_buf_str(&text));
    }
    if (b->out.err.kind) {
        *err = b->out.err;
        return -(int)err->kind;
    }
    return stats.incidents_opened ? 1 : 0;
}

static int run(gs_backtest_options *opt, gs_error *err)
{
    gs_cleanup(gs_buf_done) gs_buf notes = GS_BUF(NOTES_MAX);
    backtest b = {.opt = opt, .out = {.fd = STDOUT_FILENO}};
    int rc = opt->prometheus ? gs_backtest_range_plan(opt, &notes, err) : 0;
    if (rc)
        return rc;
    gs_cleanup(gs_replay_free) gs_replay *r =
        gs_replay_new(gs_take(opt->policy), opt->profiles, opt->n_profiles, opt->replicas, on_event, &b);
    rc = opt->prometheus ? gs_backtest_range(opt, r, &notes, err) : gs_backtest_csv(opt->series, r, &notes, err);
    if (rc)
        return rc;
    gs_replay_end(r);
    return finish(&b, r, &notes, err);
}

int gs_cmd_backtest(int argc, char **argv)
{
    gs_cleanup(gs_backtest_options_done) gs_backtest_options opt = {0};
    gs_error err = {0};
    const gs_clock clock = gs_clock_system();
    gs_log_setup(GS_LOG_ERROR, false);
    if (gs_backtest_options_parse(argc, argv, gs_wall(&clock), &opt, &err)) {
        gs_autofree char *text = gs_sprintf("%s; see gostat backtest --help", err.msg);
        tell(text);
        return 2;
    }
    if (opt.help) {
        gs_cleanup(gs_buf_done) gs_buf text = GS_BUF(TEXT_MAX);
        gs_output out = {.fd = STDOUT_FILENO};
        gs_backtest_help(&text);
        return gs_program_help(&out, gs_buf_str(&text)) || out.closed ? 0 : 2;
    }
    int rc = run(&opt, &err);
    if (rc < 0)
        tell(err.msg);
    return rc < 0 ? 2 : rc;
}
