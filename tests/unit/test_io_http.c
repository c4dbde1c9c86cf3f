/* The HTTP client against a server that misbehaves: what one call makes of one answer. */
#include "http_fixture.h"

static raw_server server;
static gs_loop *loop;
static gs_http *pool;

static bool drip(int fd, const char *request)
{
    (void)request;
    bool ok = raw_sends(fd, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n");
    while (ok && raw_pause(fd, 200))
        ok = raw_sends(fd, "x");
    return false;
}

static bool half_open(int fd, const char *request)
{
    return raw_sends(fd, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhello") && raw_silent(fd, request);
}

static bool endless_chunks(int fd, const char *request)
{
    bool ok = raw_sends(fd, strstr(request, "?error") ? "HTTP/1.1 500 Oops\r\nTransfer-Encoding: chunked\r\n\r\n"
                                                      : "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    while (ok)
        ok = raw_sends(fd, "64\r\n"
                           "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
                           "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\n");
    return false;
}

static bool slow_headers(int fd, const char *request)
{
    (void)request;
    bool ok = raw_sends(fd, "HTTP/1.1 200 OK\r\nX-Slow: ");
    while (ok && raw_pause(fd, 50))
        ok = raw_sends(fd, "x");
    return false;
}

static bool endless_headers(int fd, const char *request)
{
    (void)request;
    bool ok = raw_sends(fd, "HTTP/1.1 200 OK\r\n");
    for (int i = 0; ok && i < 100000; i++)
        ok = raw_sends(fd, "X-Filler: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\n");
    return false;
}

static bool long_header(int fd, const char *request)
{
    bool ok = raw_sends(fd, strstr(request, "status") ? "HTTP/1.1 200 " : "HTTP/1.1 200 OK\r\nX-Long: ");
    for (int i = 0; ok && i < 1000000; i++)
        ok = raw_sends(fd, "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx");
    return false;
}

static bool endless_continue(int fd, const char *request)
{
    (void)request;
    bool ok = true;
    while (ok)
        ok = raw_sends(fd, "HTTP/1.1 100 Continue\r\nX-Again: yes\r\n\r\n");
    return false;
}

static bool reset_mid_body(int fd, const char *request)
{
    struct linger now = {.l_onoff = 1};
    (void)request;
    (void)raw_sends(fd, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhello");
    (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    (void)raw_pause(fd, 100);
    struct sockaddr none = {.sa_family = AF_UNSPEC};
    (void)connect(fd, &none, sizeof none); /* resets at once, and keeps the descriptor for raw_stop */
    return false;
}

static bool gzip_small(int fd, const char *request)
{
    (void)request;
    return raw_gzip(fd, 50);
}

static bool gzip_bomb(int fd, const char *request)
{
    (void)request;
    return raw_gzip(fd, 20u << 20);
}

#define OK "HTTP/1.1 200 OK\r\n"
#define LATER "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n"

static const struct raw_answer answers[] = {
    {.path = "/ok",
     .bytes = OK "Content-Type: text/plain; version=0.0.4\r\nx-test:  a b \r\nContent-Length: 5\r\n\r\nhello"},
    {.path = "/empty", .bytes = OK "Content-Length: 0\r\n\r\n"},
    {.path = "/chunked",
     .bytes = OK "Transfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\nX-Test: trailer\r\n\r\n"},
    {.path = "/continue",
     .bytes = "HTTP/1.1 100 Continue\r\nX-Test: no\r\n\r\n" OK "X-Test: yes\r\nContent-Length: 5\r\n\r\nhello"},
    {.path = "/head", .bytes = OK "Content-Length: 5000000\r\n\r\n"},
    {.path = "/garbage", .bytes = "\x01\x02\x7f no HTTP at all\n\n", .close = true},
    {.path = "/nothing", .bytes = "", .close = true},
    {.path = "/http17", .bytes = "HTTP/1.7 200 OK\r\n\r\n", .close = true},
    {.path = "/cut-header", .bytes = "HTTP/1.1 200 OK\r\nContent-Le", .close = true},
    {.path = "/cut-body", .bytes = OK "Content-Length: 100\r\n\r\nhello", .close = true},
    {.path = "/bad-length", .bytes = OK "Content-Length: -5\r\n\r\nhello", .close = true},
    {.path = "/bad-chunk", .bytes = OK "Transfer-Encoding: chunked\r\n\r\nzz\r\nhello", .close = true},
    {.path = "/bad-gzip", .bytes = OK "Content-Encoding: gzip\r\nContent-Length: 5\r\n\r\nhello"},
    {.path = "/redirect", .bytes = "HTTP/1.1 302 Found\r\nLocation: /ok\r\nContent-Length: 0\r\n\r\n"},
    {.path = "/missing", .bytes = "HTTP/1.1 404 Not Found\r\nContent-Length: 9\r\n\r\nSECRETxyz"},
    {.path = "/later", .bytes = LATER "Retry-After: 7\r\n\r\n"},
    {.path = "/later-huge", .bytes = LATER "Retry-After: 99999999999999999\r\n\r\n"},
    {.path = "/later-date",
     .bytes = LATER "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\nRetry-After: Sun, 06 Nov 1994 08:51:37 GMT\r\n\r\n"},
    {.path = "/later-past", .bytes = LATER "Retry-After: Sun, 06 Nov 1994 08:51:37 GMT\r\n\r\n"},
    {.path = "/later-bad", .bytes = LATER "Retry-After: soon\r\n\r\n"},
    {.path = "/later-negative", .bytes = LATER "Retry-After: -5\r\n\r\n"},
    {.path = "/drip", .fn = drip},
    {.path = "/half-open", .fn = half_open},
    {.path = "/silent", .fn = raw_silent},
    {.path = "/endless-chunks", .fn = endless_chunks},
    {.path = "/slow-headers", .fn = slow_headers},
    {.path = "/endless-headers", .fn = endless_headers},
    {.path = "/long-header", .fn = long_header},
    {.path = "/long-status", .fn = long_header},
    {.path = "/endless-continue", .fn = endless_continue},
    {.path = "/reset", .fn = reset_mid_body},
    {.path = "/gzip", .fn = gzip_small},
    {.path = "/bomb", .fn = gzip_bomb},
    {.path = NULL},
};

static int setup(void **state)
{
    gs_error err;
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

static const char *url(const char *path)
{
    static char s[512];
    (void)snprintf(s, sizeof s, "http://127.0.0.1:%d%s", server.port, path);
    return s;
}

/* What each answer becomes: status, kind, the body, a part of the error. */
static void test_answers(void **state)
{
    static const struct {
        const char *name, *path;
        gs_http_request r;
        int status;
        enum gs_kind kind, check;
        const char *body, *message;
    } table[] = {
        {"plain", "/ok", {0}, 200, GS_OK, GS_OK, "hello", NULL},
        {"no body", "/empty", {0}, 200, GS_OK, GS_OK, "", NULL},
        {"chunks", "/chunked", {0}, 200, GS_OK, GS_OK, "hello", NULL},
        {"100 first", "/continue", {0}, 200, GS_OK, GS_OK, "hello", NULL},
        {"HEAD", "/head", {.method = "HEAD"}, 200, GS_OK, GS_OK, "", NULL},
        {"exactly max_bytes", "/ok", {.max_bytes = 5}, 200, GS_OK, GS_OK, "hello", NULL},
        {"one over max_bytes", "/ok", {.max_bytes = 4}, 200, GS_TERMINAL, GS_TERMINAL, NULL, "response over 4 bytes"},
        {"redirect is not followed", "/redirect", {0}, 302, GS_OK, GS_TERMINAL, "", "302 Found (redirects are not"},
        {"404", "/missing", {0}, 404, GS_OK, GS_NOT_FOUND, "SECRETxyz", "404 Not Found"},
        {"404, its body cut", "/missing", {.max_bytes = 6}, 404, GS_OK, GS_NOT_FOUND, "SECRET", "404 Not Found"},
        {"503", "/later", {0}, 503, GS_OK, GS_TRANSIENT, "", "503 Service Unavailable"},
        {"garbage", "/garbage", {0}, 0, GS_TERMINAL, GS_TERMINAL, "", "HTTP/0.9"},
        {"unknown version", "/http17", {0}, 0, GS_TERMINAL, GS_TERMINAL, "", "HTTP version"},
        {"nothing", "/nothing", {0}, 0, GS_TRANSIENT, GS_TRANSIENT, "", "Empty reply"},
        {"header cut off", "/cut-header", {0}, 200, GS_TRANSIENT, GS_TRANSIENT, "", "closed within the headers"},
        {"body cut off", "/cut-body", {0}, 200, GS_TRANSIENT, GS_TRANSIENT, "hello", "95 bytes remaining"},
        {"negative length", "/bad-length", {0}, 200, GS_TERMINAL, GS_TERMINAL, "", "Content-Length"},
        {"bad chunk", "/bad-chunk", {0}, 200, GS_TERMINAL, GS_TERMINAL, "", "chunked-encoding"},
        {"bad gzip", "/bad-gzip", {.accept_gzip = true}, 200, GS_TERMINAL, GS_TERMINAL, "", ""},
        {"gzip not asked for is not undone", "/bad-gzip", {0}, 200, GS_OK, GS_OK, "hello", NULL},
        {"reset", "/reset", {0}, 200, GS_TRANSIENT, GS_TRANSIENT, "hello", "reset"},
        {"silence", "/silent", {.timeout_ms = 300}, 0, GS_TRANSIENT, GS_TRANSIENT, "", "timed out"},
        {"a byte now and then", "/drip", {.timeout_ms = 700}, 200, GS_TRANSIENT, GS_TRANSIENT, NULL, "timed out"},
        {"slow headers", "/slow-headers", {.timeout_ms = 500}, 200, GS_TRANSIENT, GS_TRANSIENT, "", "timed out"},
        {"half open",
         "/half-open",
         {.idle_timeout_ms = 200},
         200,
         GS_TRANSIENT,
         GS_TRANSIENT,
         "hello",
         "no byte arrived for 200 ms"},
        {"silence, idle", "/silent", {.idle_timeout_ms = 200}, 0, GS_TRANSIENT, GS_TRANSIENT, "", "no byte arrived"},
        {"endless chunks",
         "/endless-chunks",
         {.max_bytes = 70000},
         200,
         GS_TERMINAL,
         GS_TERMINAL,
         NULL,
         "response over 70000 bytes"},
        {"endless error",
         "/endless-chunks?error",
         {.max_bytes = 70000},
         500,
         GS_OK,
         GS_TRANSIENT,
         NULL,
         "500 Internal"},
        {"endless headers", "/endless-headers", {0}, 200, GS_TERMINAL, GS_TERMINAL, "", "response headers over 65536"},
        {"a long header", "/long-header", {0}, 200, GS_TERMINAL, GS_TERMINAL, "", "response headers over 65536"},
        {"a long status line", "/long-status", {0}, 0, GS_TERMINAL, GS_TERMINAL, "", "response headers over 65536"},
        {"endless 100", "/endless-continue", {0}, 100, GS_TERMINAL, GS_TERMINAL, "", "response headers over 65536"},
        {"gzip bomb",
         "/bomb",
         {.accept_gzip = true},
         200,
         GS_TERMINAL,
         GS_TERMINAL,
         NULL,
         "response over 100000 bytes"},
    };
    (void)state;
    for (size_t i = 0; i < GS_LEN(table); i++) {
        struct got g;
        gs_http_request r = table[i].r;
        r.url = url(table[i].path);
        fetch(loop, pool, r, &g);
        if (g.status != table[i].status || g.err.kind != table[i].kind || g.check.kind != table[i].check ||
            (table[i].body && strcmp(g.body, table[i].body) != 0))
            fail_msg("%s: status %d kind %s check %s body \"%.80s\": %s", table[i].name, g.status,
                     gs_kind_name(g.err.kind), gs_kind_name(g.check.kind), g.body, g.err.msg);
        if (table[i].message) {
            assert_contains(g.check.msg, table[i].message);
            assert_contains(g.check.msg, "ask: ");
            assert_contains(g.check.msg, "http://127.0.0.1:");
            assert_lacks(g.check.msg, "SECRET"); /* bodies of remote answers never go into errors */
            assert_lacks(g.check.msg, "?");      /* nor do queries */
            assert_int_equal(g.check.status, g.status);
        }
        if (g.n > 100000)
            fail_msg("%s: %zu bytes", table[i].name, g.n);
        if (g.elapsed_ms < 0 || g.elapsed_ms > 5000)
            fail_msg("%s: took %lld ms", table[i].name, (long long)g.elapsed_ms);
        got_done(&g);
    }
}

static void test_reply_headers(void **state)
{
    static const struct {
        const char *path, *x_test, *type;
        int64_t retry_ms;
    } table[] = {
        {"/ok", "a b", "text/plain; version=0.0.4", -1},
        {"/empty", NULL, "", -1},
        {"/continue", "yes", "", -1},
        {"/chunked", "trailer", "", -1},
        {"/later", NULL, "", 7000},
        {"/later-date", NULL, "", 120000},
        {"/later-past", NULL, "", 0},
        {"/later-huge", NULL, "", 365ll * 86400 * 1000},
        {"/later-bad", NULL, "", -1},
        {"/later-negative", NULL, "", -1},
    };
    (void)state;
    for (size_t i = 0; i < GS_LEN(table); i++) {
        struct got g;
        fetch(loop, pool, (gs_http_request){.url = url(table[i].path)}, &g);
        if ((g.x_test != NULL) != (table[i].x_test != NULL) || !gs_streq(g.x_test, table[i].x_test) ||
            !gs_streq(g.content_type, table[i].type) || g.retry_after_ms != table[i].retry_ms)
            fail_msg("%s: X-Test %s, type %s, retry %lld", table[i].path, g.x_test ? g.x_test : "(none)",
                     g.content_type, (long long)g.retry_after_ms);
        got_done(&g);
    }
}

static void test_gzip(void **state)
{
    struct got g;
    (void)state;
    fetch(loop, pool, (gs_http_request){.url = url("/gzip"), .accept_gzip = true}, &g);
    assert_string_equal(g.body, "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx");
    got_done(&g);
    fetch(loop, pool, (gs_http_request){.url = url("/gzip")}, &g);
    assert_int_equal((unsigned char)g.body[0], 0x1f);
    got_done(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_reply_headers),
        cmocka_unit_test(test_gzip),
    };
    return cmocka_run_group_tests_name("io/http", tests, setup, teardown);
}
