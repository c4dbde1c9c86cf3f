/* The HTTP client: what one request sends, and to whom it refuses to send. */
#include "http_fixture.h"

#include <netinet/in.h>

static raw_server server;
static gs_loop *loop;
static gs_http *pool;

static const struct raw_answer answers[] = {
    {.path = "/ok", .bytes = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"},
    {.path = "/echo", .fn = raw_echo},
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

#define BYTES(s)                                                                                                       \
    {                                                                                                                  \
        (s), sizeof(s) - 1                                                                                             \
    }

/* What is sent: the echo answers with the request. */
static void test_requests(void **state)
{
    static const char *const typed[] = {"Content-Type: application/json", "Authorization: Bearer abc", NULL};
    static const struct {
        const char *name, *path;
        gs_http_request r;
        const char *has[5], *lacks[4];
    } table[] = {
        {"GET",
         "/echo?a=b",
         {0},
         {"GET /echo?a=b HTTP/1.1\r\n", "User-Agent: gostat/", "Accept-Encoding: identity\r\n"},
         {"Content-Type", "Expect", "Connection: close", "Content-Length"}},
        {"gzip", "/echo", {.accept_gzip = true}, {"Accept-Encoding: gzip\r\n"}, {0}},
        {"POST",
         "/echo",
         {.method = "POST", .body = BYTES("{\"a\":1}"), .headers = typed},
         {"POST /echo", "Content-Type: application/json\r\n", "Authorization: Bearer abc\r\n", "Content-Length: 7\r\n",
          "\r\n\r\n{\"a\":1}"},
         {"urlencoded", "Expect"}},
        {"PUT, static body",
         "/echo",
         {.method = "PUT", .body = BYTES("xyz"), .body_static = true},
         {"PUT /echo", "Content-Length: 3\r\n", "\r\n\r\nxyz"},
         {"Content-Type", "Expect"}},
        {"POST of nothing", "/echo", {.method = "POST"}, {"POST /echo", "Content-Length: 0\r\n"}, {"Content-Type"}},
        {"PATCH",
         "/echo",
         {.method = "PATCH", .body = BYTES("{}"), .headers = typed},
         {"PATCH /echo", "\r\n\r\n{}"},
         {0}},
        {"DELETE", "/echo", {.method = "DELETE"}, {"DELETE /echo"}, {"Content-Length"}},
        {"DELETE with options",
         "/echo",
         {.method = "DELETE", .body = BYTES("{}"), .headers = typed},
         {"DELETE /echo", "Content-Length: 2\r\n", "\r\n\r\n{}"},
         {0}},
    };
    (void)state;
    for (size_t i = 0; i < GS_LEN(table); i++) {
        struct got g;
        gs_http_request r = table[i].r;
        r.url = url(table[i].path);
        fetch(loop, pool, r, &g);
        assert_int_equal(g.status, 200);
        for (size_t k = 0; k < GS_LEN(table[i].has) && table[i].has[k]; k++)
            assert_contains(g.body, table[i].has[k]);
        for (size_t k = 0; k < GS_LEN(table[i].lacks) && table[i].lacks[k]; k++)
            assert_lacks(g.body, table[i].lacks[k]);
        got_done(&g);
    }
}

/* tls.server_name changes whom TLS asks for, not the Host header nor where the connection goes. */
static void test_server_name_keeps_host(void **state)
{
    gs_http_tls tls = {.server_name = "api.test"};
    struct got g;
    char host[64];
    (void)state;
    fetch(loop, pool, (gs_http_request){.url = url("/echo?a=b"), .tls = &tls}, &g);
    (void)snprintf(host, sizeof host, "Host: 127.0.0.1:%d\r\n", server.port);
    assert_contains(g.body, host);
    assert_contains(g.body, "GET /echo?a=b HTTP/1.1\r\n");
    assert_lacks(g.body, "api.test");
    got_done(&g);
}

static void test_big_body(void **state)
{
    struct got g;
    (void)state;
    size_t n = 3u << 20;
    gs_autofree char *body = gs_alloc(n);
    memset(body, 'b', n);
    fetch(loop, pool, (gs_http_request){.method = "PUT", .url = url("/echo"), .body = {body, n}, .max_bytes = n + 4096},
          &g);
    assert_int_equal(g.err.kind, GS_OK);
    assert_true(g.n > n);
    assert_int_equal(g.body[g.n - 1], 'b');
    got_done(&g);
}

static void test_refused_at_once(void **state)
{
    static const char *const split[] = {"X-A: b\r\nX-Injected: c", NULL};
    static const struct {
        gs_http_request r;
        const char *message;
    } table[] = {
        {{.method = "BREW", .url = "http://h/", .max_bytes = 1}, "BREW http://h/: unknown method"},
        {{.method = "GET", .url = "http://u:pw@h/p?token=1"}, "GET http://h/p: max_bytes is not set"},
        {{.method = "GET", .url = "http://h/", .max_bytes = 1, .headers = split}, "header X-A: a line break"},
    };
    (void)state;
    for (size_t i = 0; i < GS_LEN(table); i++) {
        gs_error err = {0};
        struct got g = {0};
        gs_http_request r = table[i].r;
        r.on_done = keep_reply;
        r.ctx = &g;
        assert_int_equal(gs_http_start(pool, &r, NULL, &err), -GS_TERMINAL);
        assert_contains(err.msg, table[i].message);
        run_for(loop, 10);
        assert_int_equal(g.calls, 0);
    }
}

static void test_bad_urls(void **state)
{
    static const struct {
        const char *url;
        enum gs_kind kind;
        const char *message;
    } table[] = {
        {"ftp://127.0.0.1/x", GS_TERMINAL, "GET ftp://127.0.0.1/x: "},
        {"file:///etc/passwd", GS_TERMINAL, "GET file:///etc/passwd: "},
        {"http://", GS_TERMINAL, "GET http://: "},
        {"http://127.0.0.1:99999/", GS_TERMINAL, "GET http://127.0.0.1:99999/: "},
        {"http://user:secret@127.0.0.1:1/p?token=x#f", GS_TRANSIENT, "GET http://127.0.0.1:1/p: "},
        {"http://no-such-host.invalid/", GS_TRANSIENT, "GET http://no-such-host.invalid/: "},
    };
    (void)state;
    for (size_t i = 0; i < GS_LEN(table); i++) {
        struct got g;
        fetch(loop, pool, (gs_http_request){.url = table[i].url}, &g);
        if (g.status != 0 || g.err.kind != table[i].kind)
            fail_msg("%s: %d %s", table[i].url, g.status, g.err.msg);
        assert_contains(g.err.msg, table[i].message);
        got_done(&g);
    }
}

static bool not_loopback(void *ctx, const struct sockaddr *addr)
{
    int *asked = ctx;
    (*asked)++;
    if (addr->sa_family == AF_INET)
        return ntohl(((const struct sockaddr_in *)(const void *)addr)->sin_addr.s_addr) >> 24 != 127;
    const struct in6_addr *a = &((const struct sockaddr_in6 *)(const void *)addr)->sin6_addr;
    return !IN6_IS_ADDR_LOOPBACK(a) && !(IN6_IS_ADDR_V4MAPPED(a) && a->s6_addr[12] == 127);
}

/* The address that the socket goes to is asked about, whatever the URL says. */
static void test_allow_addr(void **state)
{
    static const char *const spellings[] = {"127.0.0.1",  "127.1",     "0x7f000001",         "2130706433",
                                            "0177.0.0.1", "localhost", "[::ffff:127.0.0.1]", "[::1]"};
    int asked = 0;
    gs_error err;
    gs_http *guarded = NULL;
    (void)state;
    assert_int_equal(
        gs_http_new(loop, &(gs_http_options){.allow_addr = not_loopback, .allow_ctx = &asked}, &guarded, &err), 0);
    int before = server.accepted;
    for (size_t i = 0; i < GS_LEN(spellings); i++) {
        struct got g;
        char target[128];
        (void)snprintf(target, sizeof target, "http://%s:%d/ok", spellings[i], server.port);
        asked = 0;
        fetch(loop, guarded, (gs_http_request){.url = target}, &g);
        if (g.err.kind != GS_REFUSED || g.status || !asked)
            fail_msg("%s: %s (asked %d times)", target, g.err.msg, asked);
        assert_contains(g.err.msg, "are not allowed");
        got_done(&g);
    }
    assert_int_equal(server.accepted, before);
    gs_http_free(guarded);
}

/* A proxy from the environment would see every request, and allow_addr only the proxy's address. */
static void test_proxy_of_the_environment_is_ignored(void **state)
{
    static const char *const names[] = {"http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "ALL_PROXY"};
    char proxy[64];
    struct got g;
    int before = server.accepted;
    (void)state;
    (void)snprintf(proxy, sizeof proxy, "http://127.0.0.1:%d", server.port);
    for (size_t i = 0; i < GS_LEN(names); i++)
        (void)setenv(names[i], proxy, 1);
    fetch(loop, pool, (gs_http_request){.url = "http://127.0.0.1:1/ok"}, &g);
    for (size_t i = 0; i < GS_LEN(names); i++)
        (void)unsetenv(names[i]);
    assert_int_equal(g.status, 0);
    assert_int_equal(g.err.kind, GS_TRANSIENT);
    assert_int_equal(server.accepted, before);
    got_done(&g);
}

static void test_sigv4(void **state)
{
    static const char *const with_hash[] = {
        "x-amz-content-sha256: 2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824", NULL};
    gs_http_sigv4 sign = {.region = "eu-central-1", .service = "s3", .access_key = "AK:IA", .secret_key = "S3CRET"};
    struct got g;
    (void)state;
    fetch(loop, pool,
          (gs_http_request){
              .method = "PUT", .url = url("/echo"), .headers = with_hash, .body = GS_STR("hello"), .sigv4 = &sign},
          &g);
    assert_contains(g.body, "Authorization: AWS4-HMAC-SHA256 Credential=AK:IA/");
    assert_contains(g.body, "/eu-central-1/s3/aws4_request");
    /* Nothing may be signed that is not sent: an emptied header would be. */
    assert_contains(g.body, "SignedHeaders=content-type;host;x-amz-content-sha256;x-amz-date,");
    assert_contains(g.body, "x-amz-content-sha256: 2cf24dba");
    assert_contains(g.body, "Content-Type: application/octet-stream\r\n");
    assert_lacks(g.body, "S3CRET");
    got_done(&g);
    fetch(loop, pool, (gs_http_request){.url = url("/echo"), .headers = with_hash, .sigv4 = &sign}, &g);
    assert_contains(g.body, "SignedHeaders=host;x-amz-content-sha256;x-amz-date,");
    got_done(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_requests),
        cmocka_unit_test(test_server_name_keeps_host),
        cmocka_unit_test(test_big_body),
        cmocka_unit_test(test_refused_at_once),
        cmocka_unit_test(test_bad_urls),
        cmocka_unit_test(test_allow_addr),
        cmocka_unit_test(test_proxy_of_the_environment_is_ignored),
        cmocka_unit_test(test_sigv4),
    };
    return cmocka_run_group_tests_name("io/http request", tests, setup, teardown);
}
