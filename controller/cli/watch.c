/* `gostat watch`: the engine over plain processes. The composition root: everything real is made and put together
 * here, and taken apart in the opposite order. */
#include "cli/watch.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/rng.h"
#include "cli/cli.h"
#include "cli/command.h"
#include "cli/evidence_dir.h"
#include "codec/access.h"
#include "codec/incident_json.h"
#include "edge/scraper_ports.h"

#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#define WORKERS 2
#define WORKER_QUEUE 256
#define FRAME_MS 1000
#define FLUSH_MS 5000 /* at the end: how long evidence that is being written is waited for */
#define FLUSH_LOOK_MS 20
#define TEXT_MAX (1u << 20)
#define CONNECTIONS_SPARE 64 /* descriptors beside one connection for each target */

typedef struct watch {
    const gs_watch_options *opt;
    const gs_policy *policy; /* the engine's */
    gs_clock clock;
    int64_t start_ms, flush_until_ms; /* monotonic; flush_until_ms 0: not ending yet */
    gs_loop *loop;
    gs_workers *workers;
    gs_scraper *scraper;
    gs_evidence_dir *evidence;
    gs_engine *engine;
    gs_timer *engine_timer, *end_timer, *frame_timer;
    gs_output out;
    gs_watch_table table;
    size_t opened; /* incidents of leaks */
} watch;

static int64_t elapsed_ms(const watch *w)
{
    return gs_mono(&w->clock) - w->start_ms;
}

/* The end. */

/* Evidence of what was found last may still be on its way to the disk: wait for it, but not for ever. */
static void end(void *ctx)
{
    watch *w = ctx;
    gs_engine_stats stats;
    int64_t now = gs_mono(&w->clock);
    gs_engine_get_stats(w->engine, &stats);
    if (!w->flush_until_ms)
        w->flush_until_ms = now + FLUSH_MS;
    if (stats.pending_evidence_bytes && now < w->flush_until_ms)
        gs_timer_set(w->end_timer, FLUSH_LOOK_MS);
    else
        gs_loop_stop(w->loop);
}

static void on_signal(void *ctx, int signo)
{
    watch *w = ctx;
    (void)signo;
    if (w->flush_until_ms)
        w->flush_until_ms = 1; /* the second one: do not wait */
    end(w);
}

/* ^Z: the shell gets its screen back, and we ours when we go on. */
static void on_stop(void *ctx, int signo)
{
    watch *w = ctx;
    (void)signo;
    gs_watch_table_leave(&w->table);
    (void)raise(SIGSTOP);
    gs_watch_table_draw(&w->table, w->engine, elapsed_ms(w));
}

static void print(watch *w, gs_str bytes)
{
    if (!gs_output_write(&w->out, bytes))
        end(w);
}

static void redraw(void *ctx)
{
    watch *w = ctx;
    gs_watch_table_draw(&w->table, w->engine, elapsed_ms(w));
    if (w->out.closed || w->out.err.kind)
        end(w);
    else
        gs_timer_set(w->frame_timer, FRAME_MS - elapsed_ms(w) % FRAME_MS);
}

static void on_resize(void *ctx, int signo)
{
    (void)signo;
    redraw(ctx);
}

/* The recorder. */

static void on_event(void *ctx, enum gs_event e, const gs_workload_ref *ref, const char *target, const gs_incident *i,
                     const char *reason)
{
    watch *w = ctx;
    gs_cleanup(gs_buf_done) gs_buf text = GS_BUF(TEXT_MAX);
    const gs_watch_event event = {
        .event = e,
        .t_ms = elapsed_ms(w),
        .target = target ? target : ref->name,
        .incident = i,
        .reason = reason,
    };
    w->opened += e == GS_EVENT_INCIDENT && i->type == GS_INCIDENT_LEAK;
    if (w->opt->form == GS_WATCH_TABLE) {
        gs_watch_table_event(&w->table, &event);
        return;
    }
    if (w->opt->form == GS_WATCH_JSON)
        gs_watch_event_json(&event, &text);
    else
        gs_watch_event_text(&event, &text);
    print(w, gs_buf_str(&text));
}

static void on_incident(void *ctx, gs_incident *i, bool urgent)
{
    (void)ctx;
    (void)urgent;
    if (!i->name[0])
        gs_incident_make_name(&i->workload, i->pattern_id, i->name);
}

static void on_policy(void *ctx, const gs_policy *p)
{
    (void)ctx; /* what changed is asked for when the table is drawn, and at the end */
    (void)p;
}

/* Putting it together. */

static void run_engine(void *ctx)
{
    watch *w = ctx;
    gs_engine_run(w->engine);
}

static void arm(void *ctx, int64_t at_mono_ms)
{
    watch *w = ctx;
    gs_timer_set(w->engine_timer, at_mono_ms - gs_mono(&w->clock));
}

static void watch_done(watch *w)
{
    gs_evidence_dir_free(w->evidence);
    gs_engine_free(w->engine);
    gs_scraper_free(w->scraper);
    gs_timer_free(w->frame_timer);
    gs_timer_free(w->end_timer);
    gs_timer_free(w->engine_timer);
    gs_workers_free(w->workers);
    gs_loop_free(w->loop);
}
GS_DEFINE_CLEANUP_VALUE(watch, watch_done)

static int on_signals(watch *w, gs_error *err)
{
    int rc = gs_loop_on_signal(w->loop, SIGINT, on_signal, w, err);
    if (!rc)
        rc = gs_loop_on_signal(w->loop, SIGTERM, on_signal, w, err);
    if (!rc)
        rc = gs_loop_on_signal(w->loop, SIGHUP, on_signal, w, err);
    if (rc || w->opt->form != GS_WATCH_TABLE)
        return rc;
    rc = gs_loop_on_signal(w->loop, SIGTSTP, on_stop, w, err);
    return rc ? rc : gs_loop_on_signal(w->loop, SIGWINCH, on_resize, w, err);
}

static int make_parts(watch *w, gs_error *err)
{
    int rc = gs_loop_new(&w->loop, err);
    if (!rc)
        rc = gs_workers_new(w->loop, WORKERS, WORKER_QUEUE, &w->workers, err);
    if (!rc && w->opt->evidence_dir)
        rc = gs_evidence_dir_new(w->opt->evidence_dir, w->workers, &w->evidence, err);
    if (!rc)
        rc = gs_scraper_new(w->loop, w->workers, &w->scraper, err);
    if (rc)
        return rc;
    w->engine_timer = gs_timer_new(w->loop, run_engine, w);
    w->end_timer = gs_timer_new(w->loop, end, w);
    w->frame_timer = gs_timer_new(w->loop, redraw, w);
    const gs_ports ports = {
        .clock = w->clock,
        .arm = arm,
        .arm_ctx = w,
        .seed = gs_rng_system().state,
        .samples = {gs_port_pool_new, gs_port_pool_free, gs_port_sample, w->scraper},
        .profiles = {gs_port_fetch, gs_port_forget, w->scraper},
        .evidence = gs_evidence_dir_port(w->evidence, w->scraper),
        .actuator = NULL,
        .recorder = {.event = on_event, .incident = on_incident, .policy = on_policy, .ctx = w},
    };
    w->engine = gs_engine_new(&ports);
    return on_signals(w, err);
}

static void add_targets(watch *w, gs_policy *p)
{
    gs_cleanup(gs_access_unref) gs_access *access = gs_access_build(&p->endpoint, &(gs_access_parts){0});
    gs_engine_set_policy(w->engine, p);
    gs_engine_set_access(w->engine, p->ns, p->name, access);
    w->policy = p;
    for (size_t k = 0; k < w->opt->n_targets; k++) {
        const gs_watch_target *t = &w->opt->targets[k];
        gs_workload_ref ref = {.kind = "Process", .ns = GS_WATCH_NS};
        (void)gs_str_copy(ref.name, sizeof ref.name, gs_str_of(t->workload));
        const gs_target_spec spec = {
            .ns = GS_WATCH_NS,
            .name = t->name,
            .uid = "",
            .host = t->host,
            .metrics_port = t->port,
            .pprof_port = t->port,
        };
        gs_engine_set_target(w->engine, p->name, &ref, &spec);
    }
    gs_engine_synced(w->engine);
}

/* Each target has a connection that is kept. */
static void raise_open_files(size_t targets)
{
    struct rlimit limit;
    rlim_t need = 2 * (rlim_t)targets + CONNECTIONS_SPARE;
    if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur >= need)
        return;
    limit.rlim_cur = need < limit.rlim_max ? need : limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit); /* where that is too few, the targets say so */
}

/* How it went. */

static void tell_unreached(void *ctx, const gs_target_view *v)
{
    size_t *reached = ctx;
    if (v->goroutines >= 0) {
        ++*reached;
        return;
    }
    (void)fprintf(stderr, "gostat watch: %s: never reached: %s\n", v->name, v->error[0] ? v->error : "no answer yet");
}

/* What could not be done, on stderr: true where something could not. */
static bool tell_failures(watch *w)
{
    size_t reached = 0;
    gs_engine_stats stats;
    gs_policy_facts facts;
    gs_engine_get_stats(w->engine, &stats);
    gs_engine_policy_facts(w->engine, w->policy, &facts);
    gs_engine_each_target(w->engine, tell_unreached, &reached);
    bool failed = reached == 0;
    if (reached && stats.profiles == 0 && stats.profile_errors) {
        (void)fprintf(stderr, "gostat watch: no target gave a goroutine profile: is net/http/pprof served there?\n");
        failed = true;
    }
    if (facts.evidence_failing || stats.pending_evidence_bytes) {
        (void)fprintf(stderr, "gostat watch: evidence was not kept: %s\n",
                      facts.evidence_error[0] ? facts.evidence_error : "there was no time left");
        failed = true;
    }
    if (w->out.err.kind) {
        (void)fprintf(stderr, "gostat watch: %s\n", w->out.err.msg);
        failed = true;
    }
    return failed;
}

struct summary {
    const char *dir;
    gs_buf *out;
};

static void sum_up(void *ctx, const gs_incident *i)
{
    const struct summary *s = ctx;
    (void)gs_buf_adds(s->out, s->out->n > 1 ? "\n" : "");
    gs_watch_incident_text(i, s->dir, s->out);
}

static int finish(watch *w)
{
    gs_watch_table_leave(&w->table);
    if (w->opt->form != GS_WATCH_JSON) {
        gs_cleanup(gs_buf_done) gs_buf text = GS_BUF(TEXT_MAX);
        (void)gs_buf_adds(&text, w->opened ? "\n" : "");
        gs_engine_each_incident(w->engine, sum_up, &(struct summary){w->opt->evidence_dir, &text});
        (void)gs_output_write(&w->out, gs_buf_str(&text));
    }
    if (tell_failures(w))
        return 2;
    return w->opened ? 1 : 0;
}

static int run(gs_watch_options *opt, gs_error *err)
{
    gs_cleanup(watch_done) watch w = {.opt = opt, .clock = gs_clock_system(), .out = {.fd = STDOUT_FILENO}};
    w.start_ms = gs_mono(&w.clock);
    w.table = (gs_watch_table){.out = &w.out, .colour = !getenv("NO_COLOR")};
    raise_open_files(opt->n_targets);
    int rc = make_parts(&w, err);
    if (rc)
        return rc;
    add_targets(&w, gs_take(opt->policy));
    if (opt->for_ms)
        gs_timer_set(w.end_timer, opt->for_ms);
    if (opt->form == GS_WATCH_TABLE)
        redraw(&w);
    gs_loop_run(w.loop);
    return finish(&w);
}

int gs_cmd_watch(int argc, char **argv)
{
    gs_cleanup(gs_watch_options_done) gs_watch_options opt = {0};
    gs_error err = {0};
    gs_log_setup(GS_LOG_ERROR, false);
    int rc = gs_watch_options_parse(argc, argv, &opt, &err);
    if (rc) {
        (void)fprintf(stderr, "gostat watch: %s; see gostat watch --help\n", err.msg);
        return 2;
    }
    if (opt.help) {
        gs_cleanup(gs_buf_done) gs_buf text = GS_BUF(TEXT_MAX);
        gs_output out = {.fd = STDOUT_FILENO};
        gs_watch_help(&text);
        return gs_program_help(&out, gs_buf_str(&text)) || out.closed ? 0 : 2;
    }
    rc = run(&opt, &err);
    if (rc < 0)
        (void)fprintf(stderr, "gostat watch: %s\n", err.msg);
    return rc < 0 ? 2 : rc;
}
