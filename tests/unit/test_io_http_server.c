/* Our own small server: with our own client, and with clients that misbehave. */
#include "http_fixture.h"
#include "io/http_server.h"

static gs_loop *loop;
static gs_http_server *server;
static int handled;
static size_t metrics_size = 300000;

static int handle(void *ctx, const gs_http_asked *asked, gs_buf *body, const char **ret_content_type)
{
    (void)ctx;
    handled++;
    if (gs_streq(asked->path, "/healthz"))
        return gs_buf_adds(body, "ok\n") ? 500 : 200;
    if (gs_streq(asked->path, "/readyz")) {
        (void)gs_buf_adds(body, "not synced\n");
        return 503;
    }
    if (gs_streq(asked->path, "/metrics")) {
        *ret_content_type = "text/plain; version=0.0.4";
        for (size_t i = 0; i < metrics_size / 10; i++)
            if (gs_buf_adds(body, "metric 12\n"))
                return 500;
        return 200;
    }
    return 404;
}

static int setup(void **state)
{
    gs_error err;
    (void)state;
    return gs_loop_new(&loop, &err) || gs_http_server_new(loop, "127.0.0.1:0", handle, NULL, &server, &err);
}

static int teardown(void **state)
{
    (void)state;
    gs_http_server_free(server);
    gs_loop_free(loop);
    return 0;
}

static void test_with_our_client(void **state)
{
    static const struct {
        const char *method, *path;
        int status;
        size_t n;
        const char *type;
    } table[] = {
        {"GET", "/healthz", 200, 3, "text/plain; charset=utf-8"},
        {"GET", "/healthz?verbose=1", 200, 3, "text/plain; charset=utf-8"},
        {"HEAD", "/healthz", 200, 0, "text/plain; charset=utf-8"},
        {"GET", "/readyz", 503, 11, "text/plain; charset=utf-8"},
        {"GET", "/metrics", 200, 300000, "text/plain; version=0.0.4"},
        {"HEAD", "/metrics", 200, 0, "text/plain; version=0.0.4"},
        {"GET", "/none", 404, 0, "text/plain; charset=utf-8"},
        {"POST", "/healthz", 405, 36, "text/plain; charset=utf-8"},
        {"DELETE", "/healthz", 405, 36, "text/plain; charset=utf-8"},
    };
    gs_http *h = NULL;
    gs_error err;
    (void)state;
    assert_int_equal(gs_http_new(loop, NULL, &h, &err), 0);
    for (size_t i = 0; i < GS_LEN(table); i++) {
        struct got g;
        char target[128];
        (void)snprintf(target, sizeof target, "http://127.0.0.1:%d%s", gs_http_server_port(server), table[i].path);
        fetch(loop, h, (gs_http_request){.method = table[i].method, .url = target, .max_bytes = 1000000}, &g);
        if (g.status != table[i].status || g.n != table[i].n || !gs_streq(g.content_type, table[i].type))
            fail_msg("%s %s: %d, %zu bytes, %s %s", table[i].method, table[i].path, g.status, g.n, g.content_type,
                     g.err.msg);
        got_done(&g);
    }
    gs_http_free(h);
}

/* A client of its own thread: sends bytes, then reads until the end or until nothing came for a while. */
struct client {
    const char *send;
    size_t send_repeat;
    bool half_close;
    char got[65536];
    size_t n;
    bool closed;
};

static int connect_to(const gs_http_server *s)
{
    struct sockaddr_in in = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)gs_http_server_port(s)),
                             .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(fd, (struct sockaddr *)&in, sizeof in))
        abort();
    return fd;
}

static void *run_client(void *ctx)
{
    struct client *c = ctx;
    int fd = connect_to(server);
    for (size_t i = 0; i <= c->send_repeat && raw_sends(fd, c->send); i++)
        ;
    if (c->half_close)
        (void)shutdown(fd, SHUT_WR);
    for (;;) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        if (poll(&p, 1, 200) == 0)
            break;
        ssize_t got = recv(fd, c->got + c->n, sizeof c->got - 1 - c->n, 0);
        if (got <= 0) {
            c->closed = true;
            break;
        }
        c->n += (size_t)got;
    }
    (void)close(fd);
    gs_loop_stop(loop);
    return NULL;
}

static void run_one(struct client *c)
{
    pthread_t t;
    assert_int_equal(pthread_create(&t, NULL, run_client, c), 0);
    run_loop(loop);
    (void)pthread_join(t, NULL);
}

static size_t occurrences(const char *s, const char *part)
{
    size_t n = 0;
    for (const char *p = s; (p = strstr(p, part)); p++)
        n++;
    return n;
}

static void test_odd_requests(void **state)
{
    static const struct {
        const char *name, *send;
        size_t repeat;
        bool half_close;
        const char *status; /* NULL: no answer */
        size_t answers;
        bool closed;
    } table[] = {
        {"kept alive", "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", 0, false, "HTTP/1.1 200 OK", 1, false},
        {"pipelined", "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", 49, false, "HTTP/1.1 200 OK", 50, false},
        {"Connection: close", "GET /healthz HTTP/1.1\r\nconnection: Close\r\n\r\n", 0, false, "HTTP/1.1 200 OK", 1,
         true},
        {"HTTP/1.0", "GET /healthz HTTP/1.0\r\n\r\n", 0, false, "HTTP/1.1 200 OK", 1, true},
        {"closed half", "GET /healthz HTTP/1.1\r\n\r\n", 0, true, "HTTP/1.1 200 OK", 1, true},
        {"HTTP/2", "GET /healthz HTTP/2\r\n\r\n", 0, false, "HTTP/1.1 505 ", 1, true},
        {"no header yet", "GET /healthz HTTP/1.1\r\n", 0, false, NULL, 0, false},
        {"nothing", "", 0, true, NULL, 0, true},
        {"garbage", "\x01\x02\x03\r\n\r\n", 0, false, "HTTP/1.1 400 ", 1, true},
        {"empty lines", "\r\n\r\n", 0, false, "HTTP/1.1 400 ", 1, true},
        {"no path", "GET  HTTP/1.1\r\n\r\n", 0, false, "HTTP/1.1 400 ", 1, true},
        {"no version", "GET /healthz\r\n\r\n", 0, false, "HTTP/1.1 400 ", 1, true},
        {"proxy request", "GET http://x/healthz HTTP/1.1\r\n\r\n", 0, false, "HTTP/1.1 400 ", 1, true},
        {"header without colon", "GET /healthz HTTP/1.1\r\nHost\r\n\r\n", 0, false, "HTTP/1.1 400 ", 1, true},
        {"folded header", "GET /healthz HTTP/1.1\r\nA: b\r\n c: d\r\n\r\n", 0, false, "HTTP/1.1 400 ", 1, true},
        {"bare CR", "GET /healthz HTTP/1.1\r\nA: b\rc: d\r\n\r\n", 0, false, "HTTP/1.1 400 ", 1, true},
        {"bare LF", "GET /healthz HTTP/1.1\r\nA: b\nc: d\r\n\r\n", 0, false, "HTTP/1.1 400 ", 1, true},
        {"two tokens", "GET /healthz HTTP/1.1\r\nAuthorization: a\r\nauthorization: b\r\n\r\n", 0, false,
         "HTTP/1.1 400 ", 1, true},
        {"unknown method", "BREW /healthz HTTP/1.1\r\n\r\n", 0, false, "HTTP/1.1 405 ", 1, true},
        {"body", "GET /healthz HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello", 0, false, "HTTP/1.1 400 ", 1, true},
        {"chunked body", "POST /healthz HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 0, false,
         "HTTP/1.1 405 ", 1, true},
        {"empty body", "GET /healthz HTTP/1.1\r\nContent-Length: 0\r\n\r\n", 0, false, "HTTP/1.1 200 OK", 1, false},
        {"endless header", "XXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXX", 400, false, "HTTP/1.1 431 ", 1, true},
    };
    (void)state;
    for (size_t i = 0; i < GS_LEN(table); i++) {
        gs_autofree struct client *c = gs_alloc(sizeof *c);
        c->send = table[i].send;
        c->send_repeat = table[i].repeat;
        c->half_close = table[i].half_close;
        run_one(c);
        if (c->closed != table[i].closed || occurrences(c->got, "HTTP/1.1 ") != table[i].answers ||
            (table[i].status && strncmp(c->got, table[i].status, strlen(table[i].status)) != 0))
            fail_msg("%s: closed %d, answer \"%s\"", table[i].name, c->closed, c->got);
        /* A client must learn that no further request is answered. */
        if (table[i].closed && table[i].answers)
            assert_contains(c->got, table[i].half_close ? "HTTP/1.1" : "Connection: close\r\n");
        if (table[i].status && strstr(table[i].status, "405"))
            assert_contains(c->got, "Allow: GET, HEAD\r\n");
    }
}

/* 150 silent connections: a probe is still answered, and the oldest made room. */
static void test_silent_connections_do_not_lock_out(void **state)
{
    int fds[150], open = 0;
    char byte;
    (void)state;
    for (int i = 0; i < 150; i++) {
        fds[i] = connect_to(server);
        run_for(loop, 1);
    }
    gs_autofree struct client *c = gs_alloc(sizeof *c);
    c->send = "GET /healthz HTTP/1.1\r\n\r\n";
    run_one(c);
    assert_contains(c->got, "HTTP/1.1 200 OK");
    for (int i = 0; i < 150; i++) {
        open += recv(fds[i], &byte, 1, MSG_DONTWAIT) < 0; /* 0: closed by the server */
        (void)close(fds[i]);
    }
    assert_int_equal(open, 99);
    run_for(loop, 20);
}

/* Somebody who asks for much and reads nothing gets one reply's worth of memory. */
static void test_client_that_does_not_read(void **state)
{
    int fd = connect_to(server), before = handled;
    (void)state;
    metrics_size = 20u << 20;
    for (int i = 0; i < 20; i++)
        assert_true(raw_sends(fd, "GET /metrics HTTP/1.1\r\n\r\n"));
    run_for(loop, 300);
    assert_int_equal(handled - before, 1);
    (void)close(fd);
    run_for(loop, 20);
    metrics_size = 300000;
}

static void test_addresses(void **state)
{
    static const struct {
        const char *address;
        int kind;
        const char *message;
    } table[] = {
        {"127.0.0.1:0", GS_OK, NULL},
        {":0", GS_OK, NULL},
        {"localhost:0", GS_OK, NULL},
        {"", GS_TERMINAL, "want HOST:PORT"},
        {"127.0.0.1", GS_TERMINAL, "want HOST:PORT"},
        {"127.0.0.1:", GS_TERMINAL, "want HOST:PORT"},
        {"127.0.0.1:http", GS_TERMINAL, "want HOST:PORT"},
        {"127.0.0.1:65536", GS_TERMINAL, "want HOST:PORT"},
        {"::1:80", GS_TERMINAL, "want HOST:PORT"},
        {"192.0.2.1:0", GS_TERMINAL, "listen on 192.0.2.1:0: Cannot assign"},
    };
    (void)state;
    for (size_t i = 0; i < GS_LEN(table); i++) {
        gs_cleanup(gs_http_server_free) gs_http_server *s = NULL;
        gs_error err = {0};
        int rc = gs_http_server_new(loop, table[i].address, handle, NULL, &s, &err);
        if (rc != -table[i].kind || (table[i].message && !strstr(err.msg, table[i].message)))
            fail_msg("\"%s\": %d %s", table[i].address, rc, err.msg);
        if (rc == 0)
            assert_in_range(gs_http_server_port(s), 1, 65535);
    }
}

static void test_port_in_use(void **state)
{
    gs_http_server *s = NULL;
    gs_error err = {0};
    char address[32];
    (void)state;
    (void)snprintf(address, sizeof address, "127.0.0.1:%d", gs_http_server_port(server));
    assert_int_equal(gs_http_server_new(loop, address, handle, NULL, &s, &err), -GS_CONFLICT);
    assert_contains(err.msg, "Address already in use");
    gs_http_server_free(NULL);
}

/* ":0" takes IPv4 (and, where there is one, IPv6) on one port. */
static void test_all_addresses(void **state)
{
    gs_cleanup(gs_http_server_free) gs_http_server *s = NULL;
    gs_error err;
    (void)state;
    assert_int_equal(gs_http_server_new(loop, ":0", handle, NULL, &s, &err), 0);
    (void)close(connect_to(s));
    run_for(loop, 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_with_our_client),
        cmocka_unit_test(test_odd_requests),
        cmocka_unit_test(test_silent_connections_do_not_lock_out),
        cmocka_unit_test(test_client_that_does_not_read),
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_port_in_use),
        cmocka_unit_test(test_all_addresses),
    };
    return cmocka_run_group_tests_name("io/http_server", tests, setup, teardown);
}
