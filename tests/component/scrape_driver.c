/* edge/scraper as a program, for hack/bench/scrape.sh: samples N targets in groups of GS_MAX_GROUP that fire together,
 * spread over the interval as the engine spreads them, and says what a sample costs.
 *
 *   scrape_driver --targets N --port P --interval-ms T --warmup-s S --seconds S     targets: 127.1.0.0 + 1 … N, port P
 *
 * Prints one line: samples, errors, CPU microseconds a sample (user and system, of this process only), RssAnon and RSS
 * in KB. Ends with 1 where a sample failed. */
#include "base/clock.h"
#include "base/limits.h"
#include "base/mem.h"
#include "edge/scraper.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

typedef struct group {
    struct app *app;
    gs_scrape_pool *pool;
    gs_timer *timer;
    unsigned first, n;
    int64_t due_ms;
} group;

typedef struct app {
    gs_loop *loop;
    gs_workers *workers;
    gs_scraper *scraper;
    group *groups;
    unsigned targets, port, n_groups;
    int64_t interval_ms, warmup_ms, measure_ms;
    uint64_t samples, errors, samples_before;
    int64_t cpu_before_us;
    bool said;
} app;

static int64_t now_ms(void)
{
    gs_clock clock = gs_clock_system();
    return gs_mono(&clock);
}

static int64_t cpu_us(void)
{
    struct rusage u;
    (void)getrusage(RUSAGE_SELF, &u);
    return (u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000000 + u.ru_utime.tv_usec + u.ru_stime.tv_usec;
}

static long status_kb(const char *name)
{
    char line[256];
    long kb = -1;
    size_t n = strlen(name);
    FILE *f = fopen("/proc/self/status", "r");
    while (f && fgets(line, sizeof line, f))
        if (strncmp(line, name, n) == 0 && line[n] == ':')
            kb = strtol(line + n + 1, NULL, 10);
    if (f)
        (void)fclose(f);
    return kb;
}

static void on_sample(void *ctx, const gs_sample *sample, const gs_error *err)
{
    app *a = ctx;
    (void)sample;
    a->samples++;
    if (!err->kind)
        return;
    a->errors++;
    if (!a->said)
        (void)fprintf(stderr, "%s\n", err->msg);
    a->said = true;
}

static void on_due(void *ctx)
{
    group *g = ctx;
    app *a = g->app;
    char host[32];
    for (unsigned i = g->first; i < g->first + g->n; i++) {
        (void)snprintf(host, sizeof host, "127.1.%u.%u", (i + 1) >> 8, (i + 1) & 255);
        gs_endpoint e = {.host = host, .metrics_port = (int)a->port, .metrics_path = "/metrics", .timeout_ms = 2000};
        gs_scrape_metrics(g->pool, &e, on_sample, a);
    }
    g->due_ms = gs_group_next_ms(g->due_ms, a->interval_ms, now_ms());
    gs_timer_set(g->timer, g->due_ms - now_ms());
}

static void on_warm(void *ctx)
{
    app *a = ctx;
    a->samples_before = a->samples;
    a->cpu_before_us = cpu_us();
}

static void on_end(void *ctx)
{
    app *a = ctx;
    uint64_t n = a->samples - a->samples_before;
    int64_t us = cpu_us() - a->cpu_before_us;
    (void)printf("samples=%llu errors=%llu cpu_us_per_sample=%.1f rss_anon_kb=%ld rss_kb=%ld\n", (unsigned long long)n,
                 (unsigned long long)a->errors, n ? (double)us / (double)n : 0.0, status_kb("RssAnon"),
                 status_kb("VmRSS"));
    gs_loop_stop(a->loop);
}

static void need(bool good, const char *what)
{
    if (good)
        return;
    (void)fprintf(stderr, "scrape_driver: %s\n", what);
    exit(2);
}

static uint64_t option(int argc, char **argv, const char *name)
{
    uint64_t n = 0;
    for (int i = 1; i + 1 < argc; i += 2)
        if (strcmp(argv[i], name) == 0)
            need(gs_str_u64(gs_str_of(argv[i + 1]), &n), name);
    need(n > 0 && n < 1000000, name);
    return n;
}

static void start_groups(app *a)
{
    gs_error err = {0};
    int64_t start = now_ms();
    a->n_groups = (a->targets + GS_MAX_GROUP - 1) / GS_MAX_GROUP;
    a->groups = gs_allocn(a->n_groups, sizeof *a->groups);
    for (unsigned k = 0; k < a->n_groups; k++) {
        group *g = &a->groups[k];
        unsigned left = a->targets - k * GS_MAX_GROUP;
        *g = (group){.app = a, .first = k * GS_MAX_GROUP, .n = left < GS_MAX_GROUP ? left : GS_MAX_GROUP};
        g->due_ms = start + gs_group_phase_ms(k, a->interval_ms);
        g->timer = gs_timer_new(a->loop, on_due, g);
        need(gs_scrape_pool_new(a->scraper, &g->pool, &err) == 0, err.msg);
        gs_timer_set(g->timer, g->due_ms - start);
    }
}

int main(int argc, char **argv)
{
    app a = {0};
    gs_error err = {0};
    struct rlimit files;
    a.targets = (unsigned)option(argc, argv, "--targets");
    a.port = (unsigned)option(argc, argv, "--port");
    a.interval_ms = (int64_t)option(argc, argv, "--interval-ms");
    a.warmup_ms = (int64_t)option(argc, argv, "--warmup-s") * 1000;
    a.measure_ms = (int64_t)option(argc, argv, "--seconds") * 1000;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &files);
    }
    need(gs_loop_new(&a.loop, &err) == 0 && gs_workers_new(a.loop, 1, 16, &a.workers, &err) == 0 &&
             gs_scraper_new(a.loop, a.workers, &a.scraper, &err) == 0,
         err.msg);
    start_groups(&a);
    gs_timer *warm = gs_timer_new(a.loop, on_warm, &a), *end = gs_timer_new(a.loop, on_end, &a);
    gs_timer_set(warm, a.warmup_ms);
    gs_timer_set(end, a.warmup_ms + a.measure_ms);
    gs_loop_run(a.loop);
    for (unsigned k = 0; k < a.n_groups; k++)
        gs_timer_free(a.groups[k].timer);
    gs_timer_free(warm);
    gs_timer_free(end);
    gs_scraper_free(a.scraper);
    gs_workers_free(a.workers);
    gs_loop_free(a.loop);
    free(a.groups);
    return a.errors ? 1 : 0;
}
