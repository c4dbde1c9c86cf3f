/* The life of calls and pools: reuse, batches, cancelling and freeing in every phase, streaming, a hanging
 * resolver. */
#include "http_fixture.h"

#include <dlfcn.h>
#include <netdb.h>

static raw_server server;
static gs_loop *loop;

static bool slow_stream(int fd, const char *request)
{
    (void)request;
    bool ok = raw_sends(fd, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; ok && i < 5; i++)
        ok = raw_sends(fd, "5\r\nevent\r\n") && raw_pause(fd, 60);
    return ok && raw_sends(fd, "0\r\n\r\n");
}

static bool endless_stream(int fd, const char *request)
{
    (void)request;
    bool ok = raw_sends(fd, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    while (ok)
        ok = raw_sends(fd, "5\r\nevent\r\n") && raw_pause(fd, 10);
    return false;
}

static const struct raw_answer answers[] = {
    {.path = "/ok", .bytes = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"},
    {.path = "/failed", .bytes = "HTTP/1.1 410 Gone\r\nContent-Length: 4\r\n\r\ngone"},
    {.path = "/silent", .fn = raw_silent},
    {.path = "/slow-stream", .fn = slow_stream},
    {.path = "/endless-stream", .fn = endless_stream},
    {.path = NULL},
};

static int setup(void **state)
{
    gs_error err;
    (void)state;
    raw_start(&server, answers);
    return gs_loop_new(&loop, &err);
}

static int teardown(void **state)
{
    (void)state;
    gs_loop_free(loop);
    raw_stop(&server);
    return 0;
}

static gs_http *new_pool(void)
{
    gs_http *h = NULL;
    gs_error err;
    assert_int_equal(gs_http_new(loop, &(gs_http_options){.max_connections = 64}, &h, &err), 0);
    return h;
}

static const char *url(const char *path)
{
    static char s[512];
    (void)snprintf(s, sizeof s, "http://127.0.0.1:%d%s", server.port, path);
    return s;
}

static gs_http_call *start(gs_http *h, gs_http_request r)
{
    gs_http_call *c = NULL;
    gs_error err = {0};
    r.method = r.method ? r.method : "GET";
    r.max_bytes = r.max_bytes || r.on_data ? r.max_bytes : 1000;
    if (gs_http_start(h, &r, &c, &err))
        fail_msg("%s", err.msg);
    return c;
}

static void test_keep_alive(void **state)
{
    gs_cleanup(gs_http_free) gs_http *h = new_pool();
    int before = server.accepted;
    (void)state;
    for (int i = 0; i < 20; i++) {
        struct got g;
        fetch(loop, h, (gs_http_request){.url = url("/ok")}, &g);
        assert_int_equal(g.status, 200);
        assert_string_equal(g.body, "hello");
        got_done(&g);
    }
    assert_int_equal(server.accepted - before, 1);
}

struct batch {
    gs_http *pool;
    gs_http_call *calls[60];
    int done, ok, cancel_others;
    bool free_pool, chain;
};

static void batch_done(void *ctx, const gs_http_reply *reply)
{
    struct batch *b = ctx;
    b->done++;
    b->ok += reply->status == 200;
    if (b->cancel_others)
        for (int i = 0; i < 60; i++)
            if (b->calls[i])
                gs_http_cancel(b->calls[i]); /* its own, too: then without effect */
    if (b->chain && b->done < 10)
        (void)start(b->pool, (gs_http_request){.url = url("/ok"), .on_done = batch_done, .ctx = b});
    if (b->free_pool)
        gs_http_free(b->pool);
    if (b->free_pool || b->cancel_others || b->done == (b->chain ? 10 : 60))
        gs_loop_stop(loop);
}

static void start_batch(struct batch *b, int n)
{
    for (int i = 0; i < n; i++)
        b->calls[i] = start(b->pool, (gs_http_request){.url = url("/ok"), .on_done = batch_done, .ctx = b});
    assert_int_equal(b->done, 0);
}

static void test_batches_share_connections(void **state)
{
    gs_cleanup(gs_http_free) gs_http *h = new_pool();
    int before = server.accepted;
    (void)state;
    for (int round = 0; round < 3; round++) {
        struct batch b = {.pool = h};
        start_batch(&b, 60);
        run_loop(loop);
        assert_int_equal(b.done, 60);
        assert_int_equal(b.ok, 60);
        assert_int_equal(server.accepted - before, 60);
    }
}

static void test_chain_from_on_done(void **state)
{
    gs_cleanup(gs_http_free) gs_http *h = new_pool();
    struct batch b = {.pool = h, .chain = true};
    int before = server.accepted;
    (void)state;
    start_batch(&b, 1);
    run_loop(loop);
    assert_int_equal(b.ok, 10);
    assert_int_equal(server.accepted - before, 1);
}

static void test_cancel_others_in_on_done(void **state)
{
    gs_cleanup(gs_http_free) gs_http *h = new_pool();
    struct batch b = {.pool = h, .cancel_others = true};
    (void)state;
    start_batch(&b, 60);
    run_loop(loop);
    run_for(loop, 100);
    assert_int_equal(b.done, 1);
    struct got g; /* the pool is as good as new */
    fetch(loop, h, (gs_http_request){.url = url("/ok")}, &g);
    assert_int_equal(g.status, 200);
    got_done(&g);
}

static void test_free_pool_in_on_done(void **state)
{
    struct batch b = {.pool = new_pool(), .free_pool = true};
    (void)state;
    start_batch(&b, 60);
    run_loop(loop);
    run_for(loop, 50);
    assert_int_equal(b.done, 1);
}

static void test_free_pool_under_way(void **state)
{
    static const char *const paths[] = {"/ok", "/silent", "/endless-stream"};
    (void)state;
    for (int wait_ms = 0; wait_ms <= 60; wait_ms += 30) {
        struct got g[GS_LEN(paths)] = {{0}};
        gs_http *h = new_pool();
        for (size_t i = 0; i < GS_LEN(paths); i++)
            (void)start(
                h, (gs_http_request){.url = url(paths[i]), .max_bytes = 100000, .on_done = keep_reply, .ctx = &g[i]});
        if (wait_ms)
            run_for(loop, wait_ms);
        gs_http_free(h);
        int before = g[0].calls;
        run_for(loop, 20);
        assert_int_equal(g[0].calls, before);
        assert_int_equal(g[1].calls, 0);
        assert_int_equal(g[2].calls, 0);
        for (size_t i = 0; i < GS_LEN(paths); i++)
            got_done(&g[i]);
    }
}

static void test_cancel_in_each_phase(void **state)
{
    static const struct {
        const char *name, *host, *path;
        int wait_ms;
    } table[] = {
        {"before curl saw it", "127.0.0.1", "/ok", 0},
        {"while it waits for the reply", "127.0.0.1", "/silent", 50},
        {"within the body", "127.0.0.1", "/endless-stream", 50},
        {"while it connects", "192.0.2.1", "/", 20}, /* TEST-NET: nobody answers, or the network refuses */
    };
    (void)state;
    for (size_t i = 0; i < GS_LEN(table); i++) {
        gs_cleanup(gs_http_free) gs_http *h = new_pool();
        struct got g = {0};
        char target[128];
        (void)snprintf(target, sizeof target, "http://%s:%d%s", table[i].host, server.port, table[i].path);
        gs_http_call *c =
            start(h, (gs_http_request){.url = target, .max_bytes = 100000, .on_done = keep_reply, .ctx = &g});
        if (table[i].wait_ms)
            run_for(loop, table[i].wait_ms);
        if (!g.calls)
            gs_http_cancel(c);
        int before = g.calls;
        run_for(loop, 50);
        if (g.calls != before || (before && !strstr(target, "192.0.2.1")))
            fail_msg("%s: called back %d times", table[i].name, g.calls);
        got_done(&g);
    }
}

struct stream {
    gs_http *pool;
    gs_http_call *call;
    int pieces, kind;
    bool cancel, free_pool, start_other;
    struct got g, other;
    gs_buf bytes;
};

static int on_piece(void *ctx, const char *p, size_t n, gs_error *err)
{
    struct stream *s = ctx;
    s->pieces++;
    (void)gs_buf_add(&s->bytes, p, n);
    if (s->pieces != 2)
        return 0;
    if (s->start_other)
        (void)start(s->pool, (gs_http_request){.url = url("/ok"), .on_done = keep_reply, .ctx = &s->other});
    if (s->cancel)
        gs_http_cancel(s->call);
    if (s->free_pool)
        gs_http_free(gs_take(s->pool));
    return s->kind ? gs_error_set(err, (enum gs_kind)s->kind, "too old: 17") : 0;
}

static void stream_done(void *ctx, const gs_http_reply *reply)
{
    struct stream *s = ctx;
    s->g.loop = loop;
    keep_reply(&s->g, reply);
}

static void run_stream(struct stream *s, const char *path, int64_t ms)
{
    s->pool = new_pool();
    s->bytes = GS_BUF(10000);
    s->call = start(
        s->pool, (gs_http_request){
                     .url = url(path), .idle_timeout_ms = 400, .on_data = on_piece, .on_done = stream_done, .ctx = s});
    if (ms)
        run_for(loop, ms);
    else
        run_loop(loop);
}

static void end_stream(struct stream *s)
{
    gs_http_free(s->pool);
    gs_buf_done(&s->bytes);
    got_done(&s->g);
    got_done(&s->other);
}

static void test_stream(void **state)
{
    struct stream s = {0};
    (void)state;
    run_stream(&s, "/slow-stream", 0);
    assert_int_equal(s.g.err.kind, GS_OK);
    assert_int_equal(s.g.n, 0);
    assert_string_equal(s.bytes.p, "eventeventeventeventevent");
    end_stream(&s);
}

static void test_stream_of_an_error(void **state)
{
    struct stream s = {0};
    (void)state;
    run_stream(&s, "/failed", 0);
    assert_int_equal(s.pieces, 0);
    assert_string_equal(s.g.body, "gone");
    assert_int_equal(s.g.check.kind, GS_GONE);
    end_stream(&s);
}

static void test_stream_refused_by_callee(void **state)
{
    struct stream s = {.kind = GS_GONE};
    (void)state;
    run_stream(&s, "/endless-stream", 0);
    assert_int_equal(s.g.err.kind, GS_GONE);
    assert_contains(s.g.err.msg, "/endless-stream: too old: 17");
    end_stream(&s);
}

static void test_stream_falls_silent(void **state)
{
    struct stream s = {0};
    (void)state;
    run_stream(&s, "/silent", 0);
    assert_int_equal(s.g.err.kind, GS_TRANSIENT);
    assert_contains(s.g.err.msg, "no byte arrived for 400 ms");
    assert_true(s.g.elapsed_ms >= 400);
    end_stream(&s);
}

/* A stream that keeps talking outlives its idle timeout. */
static void test_stream_goes_on(void **state)
{
    struct stream s = {0};
    (void)state;
    run_stream(&s, "/endless-stream", 1000);
    assert_int_equal(s.g.calls, 0);
    assert_true(s.pieces > 10);
    end_stream(&s);
}

static void test_cancel_in_on_data(void **state)
{
    struct stream s = {.cancel = true};
    (void)state;
    run_stream(&s, "/endless-stream", 150);
    assert_int_equal(s.g.calls, 0);
    assert_int_equal(s.pieces, 2);
    struct got g; /* and the pool is as good as new */
    fetch(loop, s.pool, (gs_http_request){.url = url("/ok")}, &g);
    assert_int_equal(g.status, 200);
    got_done(&g);
    end_stream(&s);
}

static void test_free_pool_in_on_data(void **state)
{
    struct stream s = {.free_pool = true};
    (void)state;
    run_stream(&s, "/endless-stream", 150);
    assert_int_equal(s.g.calls, 0);
    assert_int_equal(s.pieces, 2);
    end_stream(&s);
}

static void test_start_in_on_data(void **state)
{
    struct stream s = {.start_other = true};
    (void)state;
    run_stream(&s, "/slow-stream", 0);
    assert_int_equal(s.g.err.kind, GS_OK);
    assert_int_equal(s.other.calls, 1);
    assert_string_equal(s.other.body, "hello");
    end_stream(&s);
}

/* A resolver that hangs until it is let go. */

static pthread_mutex_t hang_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t hang_cond = PTHREAD_COND_INITIALIZER;
static int hanging;
static bool let_go;

__attribute__((visibility("default"))) int getaddrinfo(const char *node, const char *service,
                                                       const struct addrinfo *hints, struct addrinfo **res)
{
    int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
    if (node && strcmp(node, "hangs.test") == 0) {
        (void)pthread_mutex_lock(&hang_lock);
        hanging++;
        while (!let_go)
            (void)pthread_cond_wait(&hang_cond, &hang_lock);
        hanging--;
        (void)pthread_mutex_unlock(&hang_lock);
        return EAI_FAIL;
    }
    *(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
    return real(node, service, hints, res);
}

static int count_hanging(void)
{
    (void)pthread_mutex_lock(&hang_lock);
    int n = hanging;
    (void)pthread_mutex_unlock(&hang_lock);
    return n;
}

static void test_hanging_resolver(void **state)
{
    gs_http *h = new_pool();
    struct got cancelled = {0}, freed = {0}, g;
    (void)state;
    gs_http_call *c =
        start(h, (gs_http_request){.url = "http://hangs.test/", .on_done = keep_reply, .ctx = &cancelled});
    (void)start(h, (gs_http_request){.url = "http://hangs.test/", .on_done = keep_reply, .ctx = &freed});
    fetch(loop, h, (gs_http_request){.url = "http://hangs.test/", .timeout_ms = 200}, &g);
    assert_int_equal(g.err.kind, GS_TRANSIENT);
    assert_contains(g.err.msg, "timed out");
    assert_true(g.elapsed_ms < 1000);
    got_done(&g);
    assert_true(count_hanging() > 0);
    gs_http_cancel(c); /* neither waits for the resolver: this test would never end */
    gs_http_free(h);
    assert_int_equal(cancelled.calls + freed.calls, 0);
    (void)pthread_mutex_lock(&hang_lock);
    let_go = true;
    (void)pthread_cond_broadcast(&hang_cond);
    (void)pthread_mutex_unlock(&hang_lock);
    while (count_hanging())
        (void)usleep(1000);
    (void)usleep(50000); /* the resolver's threads free what they hold */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keep_alive),           cmocka_unit_test(test_batches_share_connections),
        cmocka_unit_test(test_chain_from_on_done),   cmocka_unit_test(test_cancel_others_in_on_done),
        cmocka_unit_test(test_free_pool_in_on_done), cmocka_unit_test(test_free_pool_under_way),
        cmocka_unit_test(test_cancel_in_each_phase), cmocka_unit_test(test_stream),
        cmocka_unit_test(test_stream_of_an_error),   cmocka_unit_test(test_stream_refused_by_callee),
        cmocka_unit_test(test_stream_falls_silent),  cmocka_unit_test(test_stream_goes_on),
        cmocka_unit_test(test_cancel_in_on_data),    cmocka_unit_test(test_free_pool_in_on_data),
        cmocka_unit_test(test_start_in_on_data),     cmocka_unit_test(test_hanging_resolver),
    };
    return cmocka_run_group_tests_name("io/http life", tests, setup, teardown);
}
