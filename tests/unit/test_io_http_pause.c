/* Bodies whose reader asks for a pause: nothing is lost, nothing comes meanwhile, and nothing piles up. */
#include "http_fixture.h"

#define BIG (50u << 20)
#define OK "HTTP/1.1 200 OK\r\n"

static raw_server server;
static gs_loop *loop;
static gs_http *pool;
static atomic_size_t sent; /* bytes of a big body that the server got rid of */

static char pattern(size_t at)
{
    return (char)(at * 7 + (at >> 10));
}

static bool big(int fd, const char *request)
{
    char piece[4096];
    (void)request;
    atomic_store(&sent, 0);
    bool ok = raw_sends(fd, OK "Content-Length: 52428800\r\n\r\n");
    for (size_t at = 0; ok && at < BIG; at += sizeof piece) {
        for (size_t i = 0; i < sizeof piece; i++)
            piece[i] = pattern(at + i);
        ok = raw_send(fd, piece, sizeof piece);
        atomic_fetch_add(&sent, sizeof piece);
    }
    return ok;
}

static bool chunks(int fd, const char *request)
{
    (void)request;
    return raw_sends(fd, OK "Transfer-Encoding: chunked\r\n\r\n3\r\none\r\n") && raw_pause(fd, 30) &&
           raw_sends(fd, "3\r\ntwo\r\n") && raw_pause(fd, 30) && raw_sends(fd, "5\r\nthree\r\n0\r\n\r\n");
}

static bool falls_silent(int fd, const char *request)
{
    return raw_sends(fd, OK "Content-Length: 10\r\n\r\none") && raw_silent(fd, request);
}

static bool packed(int fd, const char *request)
{
    (void)request;
    return raw_gzip(fd, 3000000);
}

static const struct raw_answer answers[] = {
    {.path = "/big", .fn = big},
    {.path = "/chunks", .fn = chunks},
    {.path = "/falls-silent", .fn = falls_silent},
    {.path = "/packed", .fn = packed},
    {.path = "/short", .bytes = OK "Content-Length: 3\r\n\r\none"},
    {.path = "/close", .bytes = OK "Connection: close\r\n\r\none", .close = true},
    {.path = "/empty", .bytes = OK "Content-Length: 0\r\n\r\n"},
    {.path = "/error", .bytes = "HTTP/1.1 500 x\r\nContent-Length: 3\r\n\r\none"},
    {.path = NULL},
};

/* A reader that pauses once it has taken `every` bytes since the last pause, for `pause_ms`. */
struct reader {
    gs_http_call *call;
    gs_timer *timer;
    size_t every, since, n, pieces, pauses, wrong, most_ahead;
    int64_t pause_ms;
    bool paused, in_resume;
    size_t fail_at;
    bool free_pool;
    char text[64];
    int calls, status;
    gs_error err;
};

static void resume(void *ctx)
{
    struct reader *r = ctx;
    size_t ahead = atomic_load(&sent) > r->n ? atomic_load(&sent) - r->n : 0;
    r->most_ahead = ahead > r->most_ahead ? ahead : r->most_ahead;
    r->paused = false;
    r->in_resume = true;
    gs_http_resume(r->call);
    gs_http_resume(r->call);
    r->in_resume = false;
}

static void pause_now(struct reader *r)
{
    r->paused = true;
    r->pauses++;
    r->since = 0;
    gs_http_pause(r->call);
    gs_timer_set(r->timer, r->pause_ms);
}

static int on_data(void *ctx, const char *p, size_t n, gs_error *err)
{
    struct reader *r = ctx;
    if (r->paused || r->in_resume)
        fail_msg("on_data during a pause, or from within gs_http_resume");
    for (size_t i = 0; i < n; i++)
        r->wrong += p[i] != pattern(r->n + i);
    if (r->n + n < sizeof r->text)
        memcpy(r->text + r->n, p, n);
    r->n += n;
    r->since += n;
    r->pieces++;
    if (r->free_pool && r->pauses) {
        gs_http_free(pool);
        pool = NULL;
        gs_loop_stop(loop);
        return 0;
    }
    if (r->fail_at && r->n >= r->fail_at && r->pauses)
        return gs_error_set(err, GS_REFUSED, "no more of this");
    if (r->every && r->since >= r->every)
        pause_now(r);
    return 0;
}

static void on_done(void *ctx, const gs_http_reply *reply)
{
    struct reader *r = ctx;
    r->calls++;
    r->status = reply->status;
    r->err = reply->err;
    gs_loop_stop(loop);
}

static void start(struct reader *r, const char *path, gs_http_request q)
{
    gs_error err = {0};
    gs_autofree char *url = gs_sprintf("http://127.0.0.1:%d%s", server.port, path);
    r->timer = gs_timer_new(loop, resume, r);
    q.method = "GET";
    q.url = url;
    q.timeout_ms = q.timeout_ms ? q.timeout_ms : 15000;
    q.on_data = on_data;
    q.on_done = on_done;
    q.ctx = r;
    if (gs_http_start(pool, &q, &r->call, &err))
        fail_msg("%s", err.msg);
}

static void run(struct reader *r, const char *path, gs_http_request q)
{
    start(r, path, q);
    run_loop(loop);
    gs_timer_free(r->timer);
    assert_int_equal(r->calls, 1);
}

static size_t anon_kb(void)
{
    char line[256];
    size_t kb = 0;
    FILE *f = fopen("/proc/self/status", "r");
    assert_non_null(f);
    while (fgets(line, sizeof line, f))
        if (strncmp(line, "RssAnon:", 8) == 0)
            kb = strtoul(line + 8, NULL, 10);
    (void)fclose(f);
    return kb;
}

/* The server has at most what the sockets hold ahead of the reader, and we no more memory than before. */
static void a_big_body_piles_up_nowhere(void **state)
{
    struct reader r = {.every = 256u << 10, .pause_ms = 2};
    (void)state;
    size_t before = anon_kb();
    run(&r, "/big", (gs_http_request){0});
    size_t grown = anon_kb() > before ? anon_kb() - before : 0;
    assert_int_equal(r.err.kind, GS_OK);
    assert_int_equal(r.n, BIG);
    assert_int_equal(r.wrong, 0);
    assert_true(r.pauses >= 150);
    print_message("%zu pauses, at most %zu KB ahead, %zu KB more memory\n", r.pauses, r.most_ahead >> 10, grown);
    assert_true(r.most_ahead < (16u << 20));
    assert_true(grown < 8192);
}

static void texts(void **state)
{
    static const struct {
        const char *path, *text;
        int status;
    } t[] = {{"/chunks", "onetwothree", 200},
             {"/short", "one", 200},
             {"/close", "one", 200},
             {"/empty", "", 200},
             {"/error", "", 500}};
    (void)state;
    for (size_t i = 0; i < GS_LEN(t); i++)
        for (int early = 0; early < 2; early++) {
            struct reader r = {.every = 1, .pause_ms = 20};
            start(&r, t[i].path, (gs_http_request){0});
            if (early)
                pause_now(&r);
            run_loop(loop);
            gs_timer_free(r.timer);
            print_message("%s %d\n", t[i].path, early);
            assert_int_equal(r.err.kind, GS_OK);
            assert_int_equal(r.status, t[i].status);
            assert_string_equal(r.text, t[i].text);
        }
}

/* What gzip had unpacked when the pause came is not unpacked twice. */
static void gzip(void **state)
{
    struct reader r = {.every = 100000, .pause_ms = 1};
    (void)state;
    run(&r, "/packed", (gs_http_request){.accept_gzip = true});
    assert_int_equal(r.err.kind, GS_OK);
    assert_int_equal(r.n, 3000000);
    assert_true(r.pauses >= 20);
    struct reader small = {.every = 100000, .pause_ms = 1};
    run(&small, "/packed", (gs_http_request){.accept_gzip = true, .max_bytes = 2000000});
    assert_int_equal(small.err.kind, GS_TERMINAL);
    assert_true(small.n <= 2000000);
}

static void timeouts(void **state)
{
    (void)state;
    struct reader patient = {.every = 1, .pause_ms = 400};
    run(&patient, "/short", (gs_http_request){.idle_timeout_ms = 100});
    assert_int_equal(patient.err.kind, GS_OK);
    struct reader silent = {.every = 1, .pause_ms = 200};
    run(&silent, "/falls-silent", (gs_http_request){.idle_timeout_ms = 100});
    assert_int_equal(silent.err.kind, GS_TRANSIENT);
    assert_contains(silent.err.msg, "no byte arrived");
    assert_int_equal(silent.pauses, 1);
    struct reader late = {.every = 1, .pause_ms = 5000};
    run(&late, "/big", (gs_http_request){.timeout_ms = 200});
    assert_int_equal(late.err.kind, GS_TRANSIENT);
}

static void failures_after_a_pause(void **state)
{
    struct reader r = {.every = 100000, .pause_ms = 1, .fail_at = 500000};
    (void)state;
    run(&r, "/big", (gs_http_request){0});
    assert_int_equal(r.err.kind, GS_REFUSED);
    assert_contains(r.err.msg, "no more of this");
    struct reader packed_one = {.every = 100000, .pause_ms = 1, .fail_at = 500000};
    run(&packed_one, "/packed", (gs_http_request){.accept_gzip = true}); /* from within curl_easy_pause */
    assert_int_equal(packed_one.err.kind, GS_REFUSED);
}

static void ends_at_any_time(void **state)
{
    (void)state;
    for (int how = 0; how < 4; how++) {
        struct reader r = {.every = 100000, .pause_ms = how < 2 ? 5000 : 1, .free_pool = how == 3};
        start(&r, how == 3 ? "/packed" : "/big", (gs_http_request){.accept_gzip = how == 3});
        if (how == 3)
            run_loop(loop);
        else
            run_for(loop, 50);
        if (how == 0) {
            gs_http_cancel(r.call);
        } else if (how == 2) {
            gs_http_resume(r.call); /* and before the timer comes */
            gs_http_cancel(r.call);
        }
        assert_int_equal(r.calls, 0);
        assert_true(r.pauses > 0);
        gs_timer_free(r.timer);
        gs_http_free(pool);
        run_for(loop, 20);
        assert_int_equal(gs_http_new(loop, NULL, &pool, NULL), 0);
    }
}

static int setup(void **state)
{
    gs_error err = {0};
    (void)state;
    raw_start(&server, answers);
    return gs_loop_new(&loop, &err) || gs_http_new(loop, NULL, &pool, &err);
}

static int teardown(void **state)
{
    (void)state;
    gs_http_free(pool);
    gs_loop_free(loop);
    raw_stop(&server);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_big_body_piles_up_nowhere),
        cmocka_unit_test(texts),
        cmocka_unit_test(gzip),
        cmocka_unit_test(timeouts),
        cmocka_unit_test(failures_after_a_pause),
        cmocka_unit_test(ends_at_any_time),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
