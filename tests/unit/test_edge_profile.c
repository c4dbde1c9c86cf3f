/* Profiles from pods: fetched 16 at a time, decoded on workers, forgotten in every phase. */
#include "edge_fixture.h"

#include <unistd.h>

static atomic_int busy, most_busy;

/* A profile of each kind with its HTTP head. */
static struct {
    const char *asked; /* the end of its request's path */
    char *p;
    size_t n, body_n;
} real[] = {{.asked = "/goroutine?debug=0 "}, {.asked = "/goroutineleak?debug=0 "}, {.asked = "/goroutine?debug=2 "}};

static const char dump[] = "goroutine 1 [select (no cases)]:\nmain.main()\n\t/src/shop/main.go:12 +0x1d\n\n"
                           "goroutine 34 [chan send, 3 minutes]:\nmain.(*orders).publish(0xc000012345)\n"
                           "\t/src/shop/orders.go:41 +0x2b\ncreated by main.(*orders).accept in goroutine 1\n"
                           "\t/src/shop/orders.go:30 +0x5c\n";

/* The profile that is asked for, or that `swap` kinds behind it. */
static bool serve(int fd, const char *request, size_t swap)
{
    for (size_t k = 0; k < GS_LEN(real); k++) {
        size_t other = (k + swap) % GS_LEN(real);
        if (strstr(request, real[k].asked) && !strcasestr(request, "gzip"))
            return raw_send(fd, real[other].p, real[other].n);
    }
    return raw_sends(fd, "HTTP/1.1 400 Bad\r\nContent-Length: 0\r\n\r\n");
}

static bool serve_real(int fd, const char *request)
{
    return serve(fd, request, 0);
}

static bool serve_next(int fd, const char *request)
{
    return serve(fd, request, 1);
}

static bool serve_after_next(int fd, const char *request)
{
    return serve(fd, request, 2);
}

static bool serve_slowly(int fd, const char *request)
{
    int now = atomic_fetch_add(&busy, 1) + 1, most = atomic_load(&most_busy);
    while (now > most && !atomic_compare_exchange_weak(&most_busy, &most, now))
        ;
    bool ok = raw_pause(fd, 60);
    atomic_fetch_sub(&busy, 1);
    return ok && serve_real(fd, request);
}

/* Longer than a sample may take, not longer than a profile may. */
static bool serve_late(int fd, const char *request)
{
    return raw_pause(fd, 1500) && serve_real(fd, request);
}

static bool endless(int fd, const char *request)
{
    static char chunk[16384];
    (void)request;
    bool ok = raw_sends(fd, OK "\r\n\x1f\x8b");
    while (ok)
        ok = raw_send(fd, chunk, sizeof chunk);
    return false;
}

static const struct raw_answer answers[] = {
    {.path = "/real/goroutine", .fn = serve_real},
    {.path = "/real/goroutineleak", .fn = serve_real},
    {.path = "/next/goroutine", .fn = serve_next},
    {.path = "/next/goroutineleak", .fn = serve_next},
    {.path = "/after-next/goroutine", .fn = serve_after_next},
    {.path = "/after-next/goroutineleak", .fn = serve_after_next},
    {.path = "/old/goroutine", .fn = serve_real}, /* a program that has no leak profile */
    {.path = "/slow/goroutine", .fn = serve_slowly},
    {.path = "/late/goroutine", .fn = serve_late},
    {.path = "/silent/goroutine", .fn = raw_silent},
    {.path = "/endless/goroutine", .fn = endless},
    {.path = "/text/goroutine", .bytes = OK "Content-Length: 7\r\n\r\nSECRET\n"},
    {.path = "/text/goroutineleak", .bytes = OK "Content-Length: 7\r\n\r\nSECRET\n"},
    {.path = "/endless/goroutineleak", .fn = endless},
    {.path = "/empty/goroutine", .bytes = OK "Content-Length: 0\r\n\r\n"},
    {.path = "/503/goroutine", .bytes = "HTTP/1.1 503 No\r\nContent-Length: 6\r\n\r\nSECRET"},
    {.path = NULL},
};

static void make_answer(enum gs_profile_kind kind, const char *body, size_t body_n)
{
    char head[64];
    int n = snprintf(head, sizeof head, OK "Content-Length: %zu\r\n\r\n", body_n);
    real[kind].p = gs_alloc((size_t)n + body_n);
    memcpy(real[kind].p, head, (size_t)n);
    memcpy(real[kind].p + n, body, body_n);
    real[kind].n = (size_t)n + body_n;
    real[kind].body_n = body_n;
}

static void load(enum gs_profile_kind kind, const char *path)
{
    static char file[1 << 20];
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    size_t n = fread(file, 1, sizeof file, f);
    assert_true(n > 100 && n < sizeof file);
    assert_int_equal(fclose(f), 0);
    make_answer(kind, file, n);
}

static int setup(void **state)
{
    (void)state;
    load(GS_PROFILE_GOROUTINE, GS_TEST_DATA "/pprof/plain.pb.gz");
    load(GS_PROFILE_LEAK, GS_TEST_DATA "/pprof/leakprofile.pb.gz");
    make_answer(GS_PROFILE_DUMP, dump, sizeof dump - 1);
    return setup_with(answers);
}

static int teardown(void **state)
{
    (void)state;
    (void)teardown_all();
    for (size_t k = 0; k < GS_LEN(real); k++)
        free(real[k].p);
    return 0;
}

static void ask_kind(const char *path, enum gs_profile_kind kind, gs_profiled fn, void *ctx)
{
    gs_endpoint e = endpoint(bad.port, path, 1000);
    gs_scrape_profile(scraper, &e, kind, fn, ctx);
}

static void ask(const char *path, gs_profiled fn, void *ctx)
{
    ask_kind(path, GS_PROFILE_GOROUTINE, fn, ctx);
}

static void answers_of_pods(void **state)
{
    static const struct {
        const char *path;
        enum gs_profile_kind asked;
        enum gs_kind kind;
        const char *says;
    } t[] = {
        {"/real", GS_PROFILE_GOROUTINE, GS_OK, ""},
        {"/real", GS_PROFILE_LEAK, GS_OK, ""},
        {"/real", GS_PROFILE_DUMP, GS_OK, ""},
        {"/late", GS_PROFILE_GOROUTINE, GS_OK, ""},
        {"/late", GS_PROFILE_DUMP, GS_OK, ""},
        {"/next", GS_PROFILE_GOROUTINE, GS_TERMINAL,
         "/next/goroutine?debug=0: expected a Goroutine profile, but this is a GoroutineLeak profile"},
        {"/next", GS_PROFILE_LEAK, GS_TERMINAL,
         "/next/goroutineleak?debug=0: expected a GoroutineLeak profile, but this is a FullDump profile"},
        {"/next", GS_PROFILE_DUMP, GS_TERMINAL, "expected a FullDump profile, but this is a Goroutine profile"},
        {"/after-next", GS_PROFILE_GOROUTINE, GS_TERMINAL,
         "expected a Goroutine profile, but this is a FullDump profile"},
        {"/after-next", GS_PROFILE_LEAK, GS_TERMINAL,
         "expected a GoroutineLeak profile, but this is a Goroutine profile"},
        {"/after-next", GS_PROFILE_DUMP, GS_TERMINAL, "expected a FullDump profile, but this is a GoroutineLeak"},
        {"/old", GS_PROFILE_DUMP, GS_OK, ""},
        {"/old", GS_PROFILE_LEAK, GS_NOT_FOUND, "/old/goroutineleak: 404"},
        {"/text", GS_PROFILE_GOROUTINE, GS_TERMINAL, "/text/goroutine?debug=0: "},
        {"/text", GS_PROFILE_LEAK, GS_TERMINAL, "/text/goroutineleak?debug=0: "},
        {"/text", GS_PROFILE_DUMP, GS_TERMINAL, "/text/goroutine?debug=2: "},
        {"/empty", GS_PROFILE_GOROUTINE, GS_TERMINAL, "/empty/goroutine?debug=0: "},
        {"/empty", GS_PROFILE_DUMP, GS_TERMINAL, "/empty/goroutine?debug=2: "},
        {"/503", GS_PROFILE_GOROUTINE, GS_TRANSIENT, "/503/goroutine: 503"},
        {"/none", GS_PROFILE_GOROUTINE, GS_NOT_FOUND, "/none/goroutine: 404"},
        {"/endless", GS_PROFILE_GOROUTINE, GS_TERMINAL, "/endless/goroutine: response over 33554432 bytes"},
        {"/endless", GS_PROFILE_LEAK, GS_TERMINAL, "/endless/goroutineleak: response over 33554432 bytes"},
        {"/endless", GS_PROFILE_DUMP, GS_TERMINAL, "/endless/goroutine: response over 16777216 bytes"},
    };
    struct profiled p[GS_LEN(t)] = {0};
    (void)state;
    for (size_t i = 0; i < GS_LEN(t); i++)
        ask_kind(t[i].path, t[i].asked, keep_profile, &p[i]);
    waiting = GS_LEN(t);
    run_loop(loop);
    for (size_t i = 0; i < GS_LEN(t); i++) {
        assert_int_equal(p[i].calls, 1);
        if (p[i].err.kind != t[i].kind)
            fail_msg("%s %d: kind %s: %s", t[i].path, t[i].asked, gs_kind_name(p[i].err.kind), p[i].err.msg);
        assert_contains(p[i].err.msg, t[i].says);
        assert_lacks(p[i].err.msg, "SECRET");
        assert_int_equal(p[i].profile, t[i].kind == GS_OK);
        assert_int_equal(p[i].raw_n, t[i].kind == GS_OK ? real[t[i].asked].body_n : 0);
        assert_true((p[i].total > 0) == (t[i].kind == GS_OK));
        assert_int_equal(p[i].kind, t[i].kind == GS_OK ? t[i].asked : GS_PROFILE_GOROUTINE);
        assert_true((p[i].goroutines > 0) == (t[i].kind == GS_OK && t[i].asked == GS_PROFILE_DUMP));
    }
}

static void sixteen_at_once_in_order(void **state)
{
    struct profiled p[40] = {0};
    (void)state;
    atomic_store(&most_busy, 0);
    order = 0;
    for (size_t i = 0; i < GS_LEN(p); i++)
        ask("/slow", keep_profile, &p[i]);
    waiting = GS_LEN(p);
    run_loop(loop);
    assert_true(atomic_load(&most_busy) == 16);
    for (size_t i = 0; i < GS_LEN(p); i++) {
        assert_int_equal(p[i].calls, 1);
        assert_int_equal(p[i].err.kind, GS_OK);
        assert_true(p[i].order > (int)i - 15); /* started only when all but 15 before it were done */
    }
}

static void hold(void *job)
{
    (void)job;
    (void)usleep(150000);
}

static void held(void *job, bool cancelled)
{
    (void)job;
    (void)cancelled;
}

/* Its one thread and its one place in the queue are taken. */
static void fill_workers(void)
{
    free_scraper();
    make_scraper(1, 1);
    assert_int_equal(gs_workers_submit(workers, hold, held, NULL, NULL), 0);
    int rc = -1;
    for (int tries = 0; rc < 0 && tries < 100; tries++) { /* until the thread has taken the first from the queue */
        run_for(loop, 10);
        rc = gs_workers_submit(workers, hold, held, NULL, NULL);
    }
    assert_int_equal(rc, 0);
}

static void a_full_worker_queue_loses_nothing(void **state)
{
    struct profiled p[20] = {0};
    (void)state;
    fill_workers();
    for (size_t i = 0; i < GS_LEN(p); i++)
        ask("/real", keep_profile, &p[i]);
    waiting = GS_LEN(p);
    run_loop(loop);
    for (size_t i = 0; i < GS_LEN(p); i++) {
        assert_int_equal(p[i].calls, 1);
        assert_int_equal(p[i].err.kind, GS_OK);
    }
}

static void forgotten(void *ctx, gs_profile *profile, gs_buf *raw, const gs_error *err)
{
    (void)ctx;
    (void)profile;
    (void)raw;
    fail_msg("called back after it was forgotten: %s", err->msg);
}

/* Of 20: 16 are being fetched, or wait for the worker, or are on it; 4 are queued. */
static void forget_in_every_phase(void **state)
{
    static const struct {
        const char *path;
        int after_ms;
    } t[] = {{"/silent", 0}, {"/silent", 50}, {"/real", 60}, {"/real", 250}};
    (void)state;
    for (size_t i = 0; i < GS_LEN(t); i++) {
        int mine;
        struct profiled kept = {0};
        fill_workers();
        for (int k = 0; k < 20; k++)
            ask(t[i].path, forgotten, &mine);
        ask("/real", keep_profile, &kept);
        waiting = 1;
        /* With two held jobs before it, no decoding ends before 270 ms from here. */
        run_for(loop, t[i].after_ms);
        gs_scrape_forget(scraper, &mine);
        if (!kept.calls)
            run_loop(loop);
        run_for(loop, 50);
        assert_int_equal(kept.calls, 1);
        assert_int_equal(kept.err.kind, GS_OK);
    }
}

static void free_in_every_phase(void **state)
{
    static const int after_ms[] = {0, 20, 60, 250};
    (void)state;
    for (size_t i = 0; i < GS_LEN(after_ms); i++) {
        fill_workers();
        for (int k = 0; k < 20; k++)
            ask("/real", forgotten, NULL);
        run_for(loop, after_ms[i]);
        gs_scraper_free(scraper); /* jobs on the worker come back to nobody */
        scraper = NULL;
        run_for(loop, 400);
    }
    free_scraper();
    make_scraper(2, 64);
}

static void free_all(void *ctx, gs_profile *profile, gs_buf *raw, const gs_error *err)
{
    (void)ctx;
    (void)err;
    gs_profile_free(profile);
    gs_buf_done(raw);
    gs_scraper_free(scraper);
    scraper = NULL;
    one_less();
}

static void free_within_an_answer(void **state)
{
    static const char *const paths[] = {"/real", "/503", "/none", "bad path"};
    (void)state;
    for (size_t i = 0; i < GS_LEN(paths); i++) {
        for (int k = 0; k < 15; k++)
            ask("/silent", forgotten, NULL);
        ask(paths[i], free_all, NULL);
        ask("/silent", forgotten, NULL);
        waiting = 1;
        run_loop(loop);
        assert_null(scraper);
        assert_int_equal(gs_scraper_new(loop, workers, &scraper, NULL), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_of_pods),
        cmocka_unit_test(sixteen_at_once_in_order),
        cmocka_unit_test(a_full_worker_queue_loses_nothing),
        cmocka_unit_test(forget_in_every_phase),
        cmocka_unit_test(free_in_every_phase),
        cmocka_unit_test(free_within_an_answer),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
