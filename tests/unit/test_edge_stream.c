/* Profiles passed on as they arrive: some at once, paused, cut off, cancelled in every phase. */
#include "edge/scraper_stream.h"
#include "edge_fixture.h"

#define GZIP "\x1f\x8b\x08"
#define BIG (3u << 20)

static atomic_int busy, most_busy;

/* What came of one stream. */
struct streamed {
    gs_stream *st;
    int calls, order;
    size_t writes, n;
    unsigned sum;
    bool says_no, paused; /* after each piece: until resumed by a timer */
    gs_timer *timer;
    gs_error err;
};

static bool take_piece(void *ctx, const char *p, size_t n)
{
    struct streamed *s = ctx;
    assert_false(s->paused);
    assert_int_equal(s->calls, 0);
    s->writes++;
    s->n += n;
    for (size_t k = 0; k < n; k++)
        s->sum = s->sum * 31 + (unsigned char)p[k];
    if (!s->says_no || s->n < 100) /* what is held back to look at it and what follows it are one piece */
        return true;
    s->paused = true;
    if (s->timer)
        gs_timer_set(s->timer, 1);
    return false;
}

static void go_on(void *ctx)
{
    struct streamed *s = ctx;
    s->paused = false;
    gs_stream_resume(s->st);
}

static void keep_end(void *ctx, const gs_error *err)
{
    struct streamed *s = ctx;
    s->calls++;
    s->order = ++order;
    s->err = *err;
    s->st = NULL;
    one_less();
}

static void ask(const char *path, enum gs_profile_kind kind, struct streamed *s)
{
    gs_endpoint e = endpoint(bad.port, path, 1000);
    const gs_stream_sink sink = {.write = take_piece, .done = keep_end, .ctx = s};
    s->st = gs_stream_start(scraper, &e, kind, 7, &sink);
    assert_int_equal(s->calls, 0);
}

/* Pods. */

static bool send_body(int fd, const char *body, size_t n)
{
    char head[64];
    (void)snprintf(head, sizeof head, OK "Content-Length: %zu\r\n\r\n", n);
    return raw_sends(fd, head) && raw_send(fd, body, n);
}

static bool asks(const char *request, const char *what)
{
    return strstr(request, what) && !strcasestr(request, "gzip");
}

static bool serve_usual(int fd, const char *request)
{
    static const char trace[] = "go 1.26 trace\0\0\0and more";
    if (asks(request, "/trace?seconds=7 "))
        return send_body(fd, trace, sizeof trace - 1);
    if (asks(request, "/goroutine?debug=2 "))
        return send_body(fd, "goroutine 1 [running]:\n", 23);
    bool known = asks(request, "/heap?debug=0 ") || asks(request, "/profile?seconds=7 ") ||
                 asks(request, "/goroutine?debug=0 ") || asks(request, "/goroutineleak?debug=0 ");
    return known ? send_body(fd, GZIP "and more", 11) : raw_sends(fd, "HTTP/1.1 400 Bad\r\nContent-Length: 0\r\n\r\n");
}

/* A byte at a time. */
static bool serve_dripping(int fd, const char *request)
{
    static const char body[] = GZIP "and more";
    bool ok = raw_sends(fd, OK "Content-Length: 11\r\n\r\n");
    (void)request;
    for (size_t k = 0; ok && k < 11; k++)
        ok = raw_pause(fd, 3) && raw_send(fd, &body[k], 1);
    return ok;
}

static bool serve_big(int fd, const char *request)
{
    char *body = gs_alloc(BIG);
    (void)request;
    for (size_t k = 0; k < BIG; k++)
        body[k] = (char)(k * 7 + k / 4096);
    memcpy(body, GZIP, 3);
    bool ok = send_body(fd, body, BIG);
    free(body);
    return ok;
}

static unsigned big_sum(void)
{
    unsigned sum = 0;
    for (size_t k = 0; k < BIG; k++)
        sum = sum * 31 + (unsigned char)(k < 3 ? GZIP[k] : (char)(k * 7 + k / 4096));
    return sum;
}

static bool serve_slowly(int fd, const char *request)
{
    int now = atomic_fetch_add(&busy, 1) + 1, most = atomic_load(&most_busy);
    while (now > most && !atomic_compare_exchange_weak(&most_busy, &most, now))
        ;
    bool ok = raw_pause(fd, 40);
    atomic_fetch_sub(&busy, 1);
    return ok && serve_usual(fd, request);
}

static bool serve_endless(int fd, const char *request)
{
    static char chunk[65536];
    (void)request;
    bool ok = raw_sends(fd, OK "\r\n" GZIP);
    while (ok)
        ok = raw_send(fd, chunk, sizeof chunk);
    return false;
}

#define NO(status) "HTTP/1.1 " status "\r\nContent-Length: 6\r\n\r\nSECRET"
#define PROFILING_ALREADY                                                                                              \
    "HTTP/1.1 500 Internal Server Error\r\nX-Go-Pprof: 1\r\nContent-Length: 64\r\n\r\n"                                \
    "Could not enable CPU profiling: cpu profiling already in use...\n"

static const struct raw_answer answers[] = {
    {.path = "/usual/goroutine", .fn = serve_usual},
    {.path = "/usual/goroutineleak", .fn = serve_usual},
    {.path = "/usual/heap", .fn = serve_usual},
    {.path = "/usual/profile", .fn = serve_usual},
    {.path = "/usual/trace", .fn = serve_usual},
    {.path = "/drips/heap", .fn = serve_dripping},
    {.path = "/big/heap", .fn = serve_big},
    {.path = "/slow/heap", .fn = serve_slowly},
    {.path = "/slow/profile", .fn = serve_slowly},
    {.path = "/silent/heap", .fn = raw_silent},
    {.path = "/silent/profile", .fn = raw_silent},
    {.path = "/silent/trace", .fn = raw_silent},
    {.path = "/endless/profile", .fn = serve_endless},
    {.path = "/packed/trace", .bytes = OK "Content-Length: 8\r\n\r\n" GZIP "SECRE"},
    {.path = "/text/heap", .bytes = OK "Content-Length: 7\r\n\r\nSECRET\n"},
    {.path = "/text/profile", .bytes = OK "Content-Length: 7\r\n\r\nSECRET\n"},
    {.path = "/empty/heap", .bytes = OK "Content-Length: 0\r\n\r\n"},
    {.path = "/short/heap", .bytes = OK "Content-Length: 2\r\n\r\n\x1f\x8b"},
    {.path = "/cut/heap", .bytes = OK "Content-Length: 100\r\n\r\n" GZIP "and mor", .close = true},
    {.path = "/busy/profile", .bytes = PROFILING_ALREADY},
    {.path = "/long/profile", .bytes = NO("400 Bad Request")},
    {.path = "/secret/heap", .bytes = NO("403 Forbidden")},
    {.path = "/moved/heap", .bytes = "HTTP/1.1 302 Found\r\nLocation: /usual/heap\r\nContent-Length: 0\r\n\r\n"},
    {.path = NULL},
};

static int setup(void **state)
{
    (void)state;
    return setup_with(answers);
}

static int teardown(void **state)
{
    (void)state;
    return teardown_all();
}

static void answers_of_pods(void **state)
{
    static const struct {
        const char *path;
        enum gs_profile_kind asked;
        enum gs_kind kind;
        size_t n;
        const char *says;
    } t[] = {
        {"/usual", GS_PROFILE_HEAP, GS_OK, 11, ""},
        {"/usual", GS_PROFILE_CPU, GS_OK, 11, ""},
        {"/usual", GS_PROFILE_TRACE, GS_OK, 24, ""},
        {"/usual", GS_PROFILE_GOROUTINE, GS_OK, 11, ""},
        {"/usual", GS_PROFILE_LEAK, GS_OK, 11, ""},
        {"/usual", GS_PROFILE_DUMP, GS_OK, 23, ""},
        {"/drips", GS_PROFILE_HEAP, GS_OK, 11, ""},
        {"/big", GS_PROFILE_HEAP, GS_OK, BIG, ""},
        {"/none", GS_PROFILE_TRACE, GS_NOT_FOUND, 0, "/none/trace: 404"},
        {"/packed", GS_PROFILE_TRACE, GS_TERMINAL, 0, "/packed/trace: this is no Trace profile"},
        {"/text", GS_PROFILE_HEAP, GS_TERMINAL, 0, "/text/heap: this is no Heap profile"},
        {"/text", GS_PROFILE_CPU, GS_TERMINAL, 0, "/text/profile: this is no CPU profile"},
        {"/empty", GS_PROFILE_HEAP, GS_TERMINAL, 0, "/empty/heap?debug=0: this is no Heap profile: it has 0 bytes"},
        {"/short", GS_PROFILE_HEAP, GS_TERMINAL, 0, "/short/heap?debug=0: this is no Heap profile: it has 2 bytes"},
        {"/cut", GS_PROFILE_HEAP, GS_TRANSIENT, 10, "/cut/heap: "},
        {"/busy", GS_PROFILE_CPU, GS_TRANSIENT, 0, "/busy/profile: 500 Internal Server Error"},
        {"/long", GS_PROFILE_CPU, GS_TERMINAL, 0, "/long/profile: 400"},
        {"/secret", GS_PROFILE_HEAP, GS_TERMINAL, 0, "/secret/heap: 403"},
        {"/moved", GS_PROFILE_HEAP, GS_TERMINAL, 0, "/moved/heap: 302"},
        {"bad path", GS_PROFILE_HEAP, GS_TERMINAL, 0, "pprof path \"bad path\""},
    };
    struct streamed s[GS_LEN(t)] = {0};
    (void)state;
    for (size_t i = 0; i < GS_LEN(t); i++)
        ask(t[i].path, t[i].asked, &s[i]);
    waiting = GS_LEN(t);
    run_loop(loop);
    for (size_t i = 0; i < GS_LEN(t); i++) {
        assert_int_equal(s[i].calls, 1);
        if (s[i].err.kind != t[i].kind)
            fail_msg("%s %d: kind %s: %s", t[i].path, t[i].asked, gs_kind_name(s[i].err.kind), s[i].err.msg);
        assert_contains(s[i].err.msg, t[i].says);
        assert_lacks(s[i].err.msg, "SECRET");
        assert_lacks(s[i].err.msg, "already in use");
        assert_int_equal(s[i].n, t[i].n);
    }
    assert_int_equal(s[7].sum, big_sum());
}

static void caps_end_a_stream(void **state)
{
    struct streamed s = {0};
    (void)state;
    ask("/endless", GS_PROFILE_CPU, &s);
    waiting = 1;
    run_loop(loop);
    assert_int_equal(s.err.kind, GS_TERMINAL);
    assert_contains(s.err.msg, "/endless/profile: response over 33554432 bytes");
    assert_true(s.n <= GS_MAX_CPU_BYTES);
}

/* The sink says no after each piece. */
static void a_slow_sink_loses_nothing(void **state)
{
    struct streamed s = {.says_no = true};
    (void)state;
    s.timer = gs_timer_new(loop, go_on, &s);
    ask("/big", GS_PROFILE_HEAP, &s);
    waiting = 1;
    run_loop(loop);
    assert_int_equal(s.err.kind, GS_OK);
    assert_int_equal(s.n, BIG);
    assert_int_equal(s.sum, big_sum());
    assert_true(s.writes > 20);
    gs_timer_free(s.timer);
}

/* Of each sort so many at once, whatever of the other waits. */
static void some_at_once_in_order(void **state)
{
    static const struct {
        enum gs_profile_kind kind;
        int most;
    } t[] = {{GS_PROFILE_HEAP, GS_STREAMS}, {GS_PROFILE_CPU, GS_TIMED_STREAMS}};
    (void)state;
    for (size_t k = 0; k < GS_LEN(t); k++) {
        struct streamed s[20] = {0};
        atomic_store(&most_busy, 0);
        order = 0;
        for (size_t i = 0; i < GS_LEN(s); i++)
            ask(i == 4 ? "bad path" : "/slow", t[k].kind, &s[i]);
        waiting = GS_LEN(s);
        run_loop(loop);
        assert_int_equal(atomic_load(&most_busy), t[k].most);
        for (size_t i = 0; i < GS_LEN(s); i++) {
            assert_int_equal(s[i].calls, 1);
            assert_int_equal(s[i].err.kind, i == 4 ? GS_TERMINAL : GS_OK);
            assert_true(s[i].order >= (int)i - (t[k].most - 1));
        }
    }
}

static void timed_ones_do_not_block_others(void **state)
{
    struct streamed timed[GS_TIMED_STREAMS + 3] = {0}, quick = {0}, late = {0};
    (void)state;
    for (size_t i = 0; i < GS_LEN(timed); i++)
        ask("/silent", i % 2 ? GS_PROFILE_CPU : GS_PROFILE_TRACE, &timed[i]);
    ask("/usual", GS_PROFILE_HEAP, &quick);
    ask("/usual", GS_PROFILE_CPU, &late);
    waiting = 1;
    run_loop(loop);
    assert_int_equal(quick.err.kind, GS_OK);
    assert_int_equal(late.calls, 0);
    for (size_t i = 0; i < GS_LEN(timed); i++) {
        assert_int_equal(timed[i].calls, 0);
        gs_stream_cancel(timed[i].st);
    }
    waiting = 1;
    run_loop(loop);
    assert_int_equal(late.err.kind, GS_OK);
}

/* Some that are silent, or paused, or not even started, and one that waits for them. */
static void cancel_in_every_phase(void **state)
{
    static const struct {
        const char *path;
        int after_ms;
    } t[] = {{"/silent", 0}, {"/silent", 50}, {"/big", 50}};
    (void)state;
    for (size_t i = 0; i < GS_LEN(t); i++) {
        struct streamed gone[GS_STREAMS + 1] = {0}, kept = {0};
        for (size_t k = 0; k < GS_LEN(gone); k++)
            gone[k].says_no = true;
        for (size_t k = 0; k < GS_LEN(gone); k++)
            ask(t[i].path, GS_PROFILE_HEAP, &gone[k]);
        ask("/usual", GS_PROFILE_HEAP, &kept);
        waiting = 1;
        run_for(loop, t[i].after_ms);
        for (int k = 0; i == 2 && !gone[0].paused && k < 100; k++) /* the first bytes have come */
            run_for(loop, 20);
        assert_int_equal(gone[0].paused, i == 2);
        assert_int_equal(kept.calls, 0);
        for (size_t k = 0; k < GS_LEN(gone); k++)
            gs_stream_cancel(gone[k].st);
        run_loop(loop);
        assert_int_equal(kept.err.kind, GS_OK);
        for (size_t k = 0; k < GS_LEN(gone); k++)
            assert_int_equal(gone[k].calls, 0);
    }
    gs_stream_cancel(NULL);
}

static void free_in_every_phase(void **state)
{
    static const int after_ms[] = {0, 50};
    (void)state;
    for (size_t i = 0; i < GS_LEN(after_ms); i++) {
        struct streamed s[GS_STREAMS + 2] = {{.says_no = true}};
        for (size_t k = 0; k < GS_LEN(s); k++)
            ask(k ? "/silent" : "/big", GS_PROFILE_HEAP, &s[k]);
        run_for(loop, after_ms[i]);
        free_scraper();
        run_for(loop, 20);
        make_scraper(2, 64);
        for (size_t k = 0; k < GS_LEN(s); k++)
            assert_int_equal(s[k].calls, 0);
    }
}

static void free_all(void *ctx, const gs_error *err)
{
    (void)ctx;
    (void)err;
    free_scraper();
    one_less();
}

static void free_within_the_end(void **state)
{
    static const char *const paths[] = {"/usual", "/none", "bad path"};
    (void)state;
    for (size_t i = 0; i < GS_LEN(paths); i++) {
        struct streamed s = {0}, other[GS_STREAMS + 1] = {0};
        gs_endpoint e = endpoint(bad.port, paths[i], 1000);
        const gs_stream_sink sink = {.write = take_piece, .done = free_all, .ctx = &s};
        for (size_t k = 0; k < GS_STREAMS - 1; k++)
            ask("/silent", GS_PROFILE_HEAP, &other[k]);
        (void)gs_stream_start(scraper, &e, GS_PROFILE_HEAP, 0, &sink);
        ask("bad path", GS_PROFILE_HEAP, &other[GS_STREAMS - 1]);
        ask("/usual", GS_PROFILE_HEAP, &other[GS_STREAMS]);
        waiting = 1;
        run_loop(loop);
        run_for(loop, 20);
        make_scraper(2, 64);
        for (size_t k = 0; k < GS_LEN(other); k++)
            assert_int_equal(other[k].calls, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_of_pods),
        cmocka_unit_test(caps_end_a_stream),
        cmocka_unit_test(a_slow_sink_loses_nothing),
        cmocka_unit_test(some_at_once_in_order),
        cmocka_unit_test(timed_ones_do_not_block_others),
        cmocka_unit_test(cancel_in_every_phase),
        cmocka_unit_test(free_in_every_phase),
        cmocka_unit_test(free_within_the_end),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
