/* A scraper, a misbehaving server with every answer that a pod could think of, and a good one on the loop itself. */
#ifndef GS_TEST_EDGE_FIXTURE_H
#define GS_TEST_EDGE_FIXTURE_H

#include "base/limits.h"
#include "edge/scraper.h"
#include "http_fixture.h"
#include "io/http_server.h"

#include <math.h>
#include <time.h>

#define OK "HTTP/1.1 200 OK\r\n"
#define CHUNKED OK "Transfer-Encoding: chunked\r\n\r\n"

static raw_server bad;
static gs_loop *loop;
static gs_workers *workers;
static gs_scraper *scraper;
static gs_scrape_pool *pool;
static gs_http_server *good;
static int waiting, good_requests;

/* What came of one call. */
struct sampled {
    int calls;
    gs_sample sample;
    gs_error err;
};

struct profiled {
    int calls, order;
    uint64_t total;
    enum gs_profile_kind kind;
    size_t raw_n, goroutines;
    bool profile;
    gs_error err;
};

static inline void one_less(void)
{
    if (--waiting == 0)
        gs_loop_stop(loop);
}

static inline void keep_sample(void *ctx, const gs_sample *sample, const gs_error *err)
{
    struct sampled *s = ctx;
    s->calls++;
    s->sample = *sample;
    s->err = *err;
    one_less();
}

static int order;

static inline void keep_profile(void *ctx, gs_profile *profile, gs_buf *raw, const gs_error *err)
{
    struct profiled *p = ctx;
    p->calls++;
    p->order = ++order;
    p->err = *err;
    p->profile = profile != NULL;
    p->total = profile ? profile->total : 0;
    p->kind = profile ? profile->kind : GS_PROFILE_GOROUTINE;
    p->goroutines = profile ? profile->n_goroutines : 0;
    p->raw_n = raw->n;
    gs_profile_free(profile);
    gs_buf_done(raw);
    one_less();
}

static inline gs_endpoint endpoint(int port, const char *path, int timeout_ms)
{
    return (gs_endpoint){.host = "127.0.0.1",
                         .metrics_port = port,
                         .metrics_path = path,
                         .pprof_port = port,
                         .pprof_path = path,
                         .timeout_ms = timeout_ms};
}

static inline int64_t now_ms(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static inline int serve_good(void *ctx, const gs_http_asked *asked, gs_buf *body, const char **ret_type)
{
    (void)ctx;
    (void)ret_type;
    good_requests++;
    if (strcmp(asked->path, "/metrics") != 0)
        return 404;
    (void)gs_buf_adds(body, "# TYPE go_goroutines gauge\ngo_goroutines 42\nprocess_start_time_seconds 1.7e9\n");
    for (int i = 0; i < 500; i++)
        (void)gs_buf_addf(body, "http_requests_total{code=\"200\",handler=\"/%d\"} 12345\n", i);
    return 200;
}

static inline void make_scraper(unsigned threads, size_t queue_max)
{
    gs_error err = {0};
    if (gs_workers_new(loop, threads, queue_max, &workers, &err) || gs_scraper_new(loop, workers, &scraper, &err) ||
        gs_scrape_pool_new(scraper, &pool, &err))
        fail_msg("%s", err.msg);
}

static inline void free_scraper(void)
{
    gs_scraper_free(scraper);
    gs_workers_free(workers);
    scraper = NULL;
    workers = NULL;
    pool = NULL;
}

static inline int setup_with(const struct raw_answer *answers)
{
    gs_error err = {0};
    raw_start(&bad, answers);
    if (gs_loop_new(&loop, &err) || gs_http_server_new(loop, "127.0.0.1:0", serve_good, NULL, &good, &err))
        fail_msg("%s", err.msg);
    make_scraper(2, 64);
    return 0;
}

static inline int teardown_all(void)
{
    free_scraper();
    gs_http_server_free(good);
    gs_loop_free(loop);
    raw_stop(&bad);
    return 0;
}

#endif
