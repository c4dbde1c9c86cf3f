/* Samples from pods that misbehave: each costs one bounded request, and the others of its pool do not notice. */
#include "edge_fixture.h"

static bool drip(int fd, const char *request)
{
    (void)request;
    bool ok = raw_sends(fd, OK "Content-Length: 1000\r\n\r\n");
    while (ok && raw_pause(fd, 1000))
        ok = raw_sends(fd, "g");
    return false;
}

static bool endless_chunks(int fd, const char *request)
{
    (void)request;
    bool ok = raw_sends(fd, CHUNKED);
    while (ok)
        ok = raw_sends(fd, "40\r\ngo_goroutines 1\nxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\n\r\n");
    return false;
}

static bool endless_line(int fd, const char *request)
{
    (void)request;
    bool ok = raw_sends(fd, OK "\r\ngo_goroutines ");
    while (ok)
        ok = raw_sends(fd, "0000000000000000000000000000000000000000000000000000000000000000");
    return false;
}

static bool endless_headers(int fd, const char *request)
{
    (void)request;
    bool ok = raw_sends(fd, OK);
    while (ok)
        ok = raw_sends(fd, "X-Filler: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\n");
    return false;
}

/* What is packed although nobody asked for it is not unpacked. */
static bool bomb(int fd, const char *request)
{
    (void)request;
    return raw_gzip(fd, 50u << 20);
}

/* As client_golang does: packed for those who say that they take it. */
static bool polite(int fd, const char *request)
{
    if (strcasestr(request, "gzip"))
        return raw_sends(fd, "HTTP/1.1 400 Asked for gzip\r\nContent-Length: 0\r\n\r\n");
    return raw_sends(fd, OK "Content-Length: 16\r\n\r\ngo_goroutines 5\n");
}

/* Only what asks for debug=1 gets a total; behind it comes more than anyone wants. */
static bool total(int fd, const char *request)
{
    if (!strstr(request, "/goroutine?debug=1 "))
        return raw_sends(fd, "HTTP/1.1 400 Bad\r\nContent-Length: 0\r\n\r\n");
    bool ok = raw_sends(fd, OK "\r\ngoroutine profile: total 70123\n");
    while (ok && raw_pause(fd, 1))
        ok = raw_sends(fd, "70000 @ 0x1 0x2\n#\t0x1\tmain.leak\n");
    return false;
}

static bool total_in_bits(int fd, const char *request)
{
    static const char line[] = "goroutine profile: total 7\n";
    (void)request;
    bool ok = raw_sends(fd, OK "\r\n");
    for (const char *p = line; ok && *p; p++)
        ok = raw_send(fd, p, 1) && raw_pause(fd, 5);
    while (ok && raw_pause(fd, 1000))
        ;
    return false;
}

static char redirect[160]; /* to the good server */

static bool to_good(int fd, const char *request)
{
    (void)request;
    return raw_sends(fd, redirect);
}

static const struct raw_answer answers[] = {
    {.path = "/garbage", .bytes = "\x01\x02\x7f\xff no HTTP at all\n\n", .close = true},
    {.path = "/nothing", .bytes = "", .close = true},
    {.path = "/silent", .fn = raw_silent},
    {.path = "/503", .bytes = "HTTP/1.1 503 Sorry\r\nContent-Length: 15\r\n\r\nSECRET go_away\n"},
    {.path = "/302", .fn = to_good},
    {.path = "/drip", .fn = drip},
    {.path = "/endless-chunks", .fn = endless_chunks},
    {.path = "/endless-line", .fn = endless_line},
    {.path = "/endless-headers", .fn = endless_headers},
    {.path = "/bomb", .fn = bomb},
    {.path = "/polite", .fn = polite},
    {.path = "/html", .bytes = OK "Content-Length: 34\r\n\r\n<html><body>SECRET</body></html>\n\n\n"},
    {.path = "/empty", .bytes = OK "Content-Length: 0\r\n\r\n"},
    {.path = "/no-go", .bytes = OK "Content-Length: 9\r\n\r\nnode_x 1\n"},
    {.path = "/cut", .bytes = OK "Content-Length: 100\r\n\r\ngo_goroutines 5\n", .close = true},
    {.path = "/total/goroutine", .fn = total},
    {.path = "/bits/goroutine", .fn = total_in_bits},
    {.path = "/heap/goroutine", .bytes = OK "Content-Length: 19\r\n\r\nheap profile: 1: 2\n"},
    {.path = "/halfline/goroutine", .bytes = OK "Content-Length: 19\r\n\r\ngoroutine profile: "},
    {.path = "/500/goroutine", .bytes = "HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n"},
    {.path = "/endless/goroutine", .fn = endless_headers},
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

static const struct {
    const char *path;
    bool total;
    enum gs_kind kind;
    const char *says; /* behind "GET http://127.0.0.1:PORT" */
} cases[] = {
    {"/garbage", false, GS_TERMINAL, "/garbage: Received HTTP/0.9"},
    {"/nothing", false, GS_TRANSIENT, "/nothing: "}, /* "Empty reply", or "Connection died" after five tries */
    {"/silent", false, GS_TRANSIENT, "/silent: Operation timed out"},
    {"/503", false, GS_TRANSIENT, "/503: 503"},
    {"/404", false, GS_NOT_FOUND, "/404: 404"},
    {"/302", false, GS_TERMINAL, "/302: 302"},
    {"/drip", false, GS_TRANSIENT, "/drip: Operation timed out"},
    {"/endless-chunks", false, GS_TERMINAL, "/endless-chunks: response over 8388608 bytes"},
    {"/endless-line", false, GS_TERMINAL, "/endless-line: response over 8388608 bytes"},
    {"/endless-headers", false, GS_TERMINAL, "/endless-headers: response headers over 65536 bytes"},
    {"/bomb", false, GS_TERMINAL, "/bomb: packed (Content-Encoding), which was not asked for"},
    {"/html", false, GS_TERMINAL, "/html: not a Prometheus metrics page"},
    {"/empty", false, GS_TERMINAL, "/empty: not a Prometheus metrics page"},
    {"/no-go", false, GS_TERMINAL, "/no-go: "},
    {"/cut", false, GS_TRANSIENT, "/cut: "},
    {"/total", true, GS_OK, ""},
    {"/bits/", true, GS_OK, ""},
    {"/heap", true, GS_TERMINAL, "/heap/goroutine: expected a goroutine profile"},
    {"/halfline", true, GS_TERMINAL, "not a goroutine profile: it ends within its first line"},
    {"/500", true, GS_TRANSIENT, "/500/goroutine: 500"},
    {"/none", true, GS_NOT_FOUND, "/none/goroutine: 404"},
    {"/endless", true, GS_TERMINAL, "/endless/goroutine: response headers over"},
    {"/polite", false, GS_OK, ""},
};
#define GOODS 8

/* Only those that are to run into it have a short time-out: a busy machine must not decide what the others run into. */
static int timeout_of(const char *path)
{
    return gs_streq(path, "/silent") || gs_streq(path, "/drip") ? 1500 : 30000;
}

static void scrape_all(struct sampled *results, struct sampled *goods)
{
    for (size_t i = 0; i < GS_LEN(cases); i++) {
        gs_endpoint e = endpoint(bad.port, cases[i].path, timeout_of(cases[i].path));
        (cases[i].total ? gs_scrape_total : gs_scrape_metrics)(pool, &e, keep_sample, &results[i]);
        if (i < GOODS) {
            gs_endpoint g = endpoint(gs_http_server_port(good), "/metrics", 30000);
            gs_scrape_metrics(pool, &g, keep_sample, &goods[i]);
        }
    }
    waiting = (int)GS_LEN(cases) + GOODS;
    run_loop(loop);
}

static void bad_pods_cost_one_bounded_request_each(void **state)
{
    (void)state;
    (void)snprintf(redirect, sizeof redirect,
                   "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:%d/metrics\r\nContent-Length: 0\r\n\r\n",
                   gs_http_server_port(good));
    for (int round = 1; round <= 2; round++) { /* the second over what was kept alive */
        struct sampled results[GS_LEN(cases)] = {0}, goods[GOODS] = {0};
        int64_t began = now_ms();
        good_requests = 0;
        atomic_store(&bad.requests, 0);
        scrape_all(results, goods);
        assert_true(now_ms() - began < 30000);
        for (size_t i = 0; i < GS_LEN(cases); i++) {
            const struct sampled *r = &results[i];
            assert_int_equal(r->calls, 1);
            if (r->err.kind != cases[i].kind)
                fail_msg("%s: kind %s: %s", cases[i].path, gs_kind_name(r->err.kind), r->err.msg);
            assert_contains(r->err.msg, cases[i].says);
            assert_lacks(r->err.msg, "SECRET");
            assert_true((cases[i].kind == GS_OK) == !isnan(r->sample.goroutines));
        }
        for (size_t i = 0; i < GOODS; i++) {
            assert_int_equal(goods[i].calls, 1);
            assert_int_equal(goods[i].err.kind, GS_OK);
            assert_true(goods[i].sample.goroutines == 42 && goods[i].sample.start_time_s == 1.7e9);
            assert_true(isnan(goods[i].sample.open_fds));
        }
        assert_true(results[15].sample.goroutines == 70123 && results[16].sample.goroutines == 7);
        assert_true(isnan(results[15].sample.start_time_s));
        /* Over a kept-alive connection that ends without a byte, curl asks again: the pod may just have closed it. */
        int requests = atomic_load(&bad.requests), again = round == 1 ? 0 : 5;
        assert_true(requests >= (int)GS_LEN(cases) && requests <= (int)GS_LEN(cases) + again);
        assert_int_equal(good_requests, GOODS); /* no redirect was followed */
    }
}

static void nobody_listens(void **state)
{
    (void)state;
    struct sampled s = {0};
    raw_server gone;
    raw_start(&gone, answers);
    raw_stop(&gone);
    atomic_store(&raw_stopping, false);
    gs_endpoint e = endpoint(gone.port, "/metrics", 1500);
    gs_scrape_metrics(pool, &e, keep_sample, &s);
    waiting = 1;
    run_loop(loop);
    assert_int_equal(s.err.kind, GS_TRANSIENT);
    assert_contains(s.err.msg, "onnect");
}

static void proxies_are_not_used(void **state)
{
    (void)state;
    struct sampled s = {0};
    char proxy[64];
    (void)snprintf(proxy, sizeof proxy, "http://127.0.0.1:%d", bad.port);
    atomic_store(&bad.requests, 0);
    assert_int_equal(setenv("http_proxy", proxy, 1), 0);
    gs_endpoint e = endpoint(gs_http_server_port(good), "/metrics", 1500);
    gs_scrape_metrics(pool, &e, keep_sample, &s);
    waiting = 1;
    run_loop(loop);
    assert_int_equal(unsetenv("http_proxy"), 0);
    assert_int_equal(s.err.kind, GS_OK);
    assert_int_equal(atomic_load(&bad.requests), 0);
}

/* What cannot be asked is answered like the rest: once, from the loop. */
static void bad_endpoints(void **state)
{
    (void)state;
    struct sampled s[3] = {0};
    struct profiled p = {0};
    gs_endpoint e = endpoint(0, "/metrics", 1500), f = endpoint(80, "/metrics", 1500), g = endpoint(80, "/", 0);
    f.host = "user@127.0.0.1";
    gs_scrape_metrics(pool, &e, keep_sample, &s[0]);
    gs_scrape_total(pool, &f, keep_sample, &s[1]);
    gs_scrape_metrics(pool, &g, keep_sample, &s[2]);
    gs_scrape_profile(scraper, &e, GS_PROFILE_LEAK, keep_profile, &p);
    assert_int_equal(s[0].calls + s[1].calls + s[2].calls + p.calls, 0);
    waiting = 4;
    run_loop(loop);
    assert_contains(s[0].err.msg, "metrics port 0: must be 1 to 65535");
    assert_contains(s[1].err.msg, "neither an IP address nor a host name");
    assert_contains(s[2].err.msg, "timeout 0 ms");
    assert_contains(p.err.msg, "pprof port 0");
    assert_int_equal(s[0].err.kind, GS_TERMINAL);
    assert_int_equal(s[0].calls + s[1].calls + s[2].calls + p.calls, 4);
}

static void forgotten(void *ctx, const gs_sample *sample, const gs_error *err)
{
    (void)ctx;
    (void)sample;
    fail_msg("called back after it was forgotten: %s", err->msg);
}

static void forget_and_free(void **state)
{
    (void)state;
    int mine, theirs;
    struct sampled kept = {0};
    gs_error err = {0};
    gs_scrape_pool *other;
    assert_int_equal(gs_scrape_pool_new(scraper, &other, &err), 0);
    gs_endpoint silent = endpoint(bad.port, "/silent", 1500), none = endpoint(0, "/", 1500);
    gs_endpoint fine = endpoint(gs_http_server_port(good), "/metrics", 1500);
    gs_scrape_metrics(pool, &silent, forgotten, &mine);
    gs_scrape_metrics(pool, &none, forgotten, &mine);
    gs_scrape_metrics(other, &silent, forgotten, &theirs);
    gs_scrape_metrics(other, &none, forgotten, &theirs);
    gs_scrape_metrics(pool, &fine, keep_sample, &kept);
    gs_scrape_forget(scraper, &mine);
    gs_scrape_pool_free(other);
    waiting = 1;
    run_loop(loop);
    assert_int_equal(kept.err.kind, GS_OK);
    gs_scrape_metrics(pool, &silent, forgotten, &mine);
    run_for(loop, 100); /* its request is out */
    gs_scrape_forget(scraper, &mine);
    run_for(loop, 1600);
}

static void free_all(void *ctx, const gs_sample *sample, const gs_error *err)
{
    (void)ctx;
    (void)sample;
    (void)err;
    gs_scraper_free(scraper);
    scraper = NULL;
    one_less();
}

/* An answer ends the scraper while others are under way, from a reply and from a call that did not start. */
static void free_within_an_answer(void **state)
{
    (void)state;
    gs_endpoint from[] = {endpoint(gs_http_server_port(good), "/metrics", 1500), endpoint(0, "/", 1500)};
    for (size_t i = 0; i < GS_LEN(from); i++) {
        gs_endpoint silent = endpoint(bad.port, "/silent", 1500);
        free_scraper();
        make_scraper(1, 1);
        gs_scrape_metrics(pool, &silent, forgotten, NULL);
        gs_scrape_metrics(pool, &from[i], free_all, NULL);
        waiting = 1;
        run_loop(loop);
        assert_null(scraper);
    }
    free_scraper();
    make_scraper(2, 64);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bad_pods_cost_one_bounded_request_each),
        cmocka_unit_test(nobody_listens),
        cmocka_unit_test(proxies_are_not_used),
        cmocka_unit_test(bad_endpoints),
        cmocka_unit_test(forget_and_free),
        cmocka_unit_test(free_within_an_answer),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
