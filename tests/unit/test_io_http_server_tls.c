/* Our own small server behind TLS: with our own client, with openssl's, and with what is no TLS at all. */
#include "http_fixture.h"
#include "io/http_server.h"
#include "wire/self_signed.h"

#include <errno.h>
#include <time.h>

static gs_loop *loop;
static gs_http_server *server;
static gs_http *pool;
#define PEM                                                                                                            \
    {                                                                                                                  \
        .max = 65536                                                                                                   \
    }
static gs_buf cert = PEM, key = PEM, next_cert = PEM, next_key = PEM;
static char authorization[256];
static uint64_t later; /* the request that waits; 0: none */
static const char *put_off = "/later";

static int handle(void *ctx, const gs_http_asked *asked, gs_buf *body, const char **ret_content_type)
{
    (void)ctx;
    (void)ret_content_type;
    (void)gs_str_copy(authorization, sizeof authorization, gs_str_of(asked->authorization));
    if (gs_streq(asked->path, put_off)) {
        later = asked->id;
        return GS_HTTP_LATER;
    }
    for (int i = 0; gs_streq(asked->path, "/large") && i < 200000; i++)
        if (gs_buf_adds(body, "metric 12\n"))
            return 500;
    return gs_buf_adds(body, "ok\n") ? 500 : gs_streq(asked->path, "/none") ? 404 : 200;
}

static int make(const char *name, gs_buf *c, gs_buf *k)
{
    const char *names[] = {name, "localhost", "127.0.0.1", "::1"};
    gs_error err;
    return gs_self_signed(names, GS_LEN(names), time(NULL), c, k, &err);
}

static int setup(void **state)
{
    gs_error err;
    (void)state;
    return make("first.test", &cert, &key) || make("next.test", &next_cert, &next_key) || gs_loop_new(&loop, &err) ||
           gs_http_new(loop, NULL, &pool, &err) ||
           gs_http_server_new(loop, "127.0.0.1:0", handle, NULL, &server, &err) ||
           gs_http_server_set_certificate(server, gs_buf_str(&cert), gs_buf_str(&key), &err);
}

static int teardown(void **state)
{
    (void)state;
    gs_http_free(pool);
    gs_http_server_free(server);
    gs_loop_free(loop);
    gs_buf_done(&cert);
    gs_buf_done(&key);
    gs_buf_done(&next_cert);
    gs_buf_done(&next_key);
    return 0;
}

static const char *url(const char *path)
{
    static char s[64];
    (void)snprintf(s, sizeof s, "https://127.0.0.1:%d%s", gs_http_server_port(server), path);
    return s;
}

static void test_requests(void **state)
{
    static const struct {
        const char *method, *path;
        int status;
        size_t n;
    } table[] = {
        {"GET", "/", 200, 3},     {"GET", "/large", 200, 2000003}, {"HEAD", "/large", 200, 0},
        {"GET", "/none", 404, 3}, {"POST", "/", 405, 36},          {"GET", "/?again", 200, 3},
    };
    (void)state;
    for (size_t i = 0; i < GS_LEN(table); i++) {
        struct got g;
        gs_http_tls tls = {.ca_pem = cert.p};
        const char *headers[] = {"Authorization: Bearer abc", NULL};
        fetch(loop, pool,
              (gs_http_request){.method = table[i].method,
                                .url = url(table[i].path),
                                .headers = headers,
                                .tls = &tls,
                                .max_bytes = 4000000},
              &g);
        if (g.status != table[i].status || g.n != table[i].n)
            fail_msg("%s %s: %d, %zu bytes, %s", table[i].method, table[i].path, g.status, g.n, g.err.msg);
        assert_string_equal(authorization, "Bearer abc");
        got_done(&g);
    }
}

static void test_names(void **state)
{
    static const struct {
        const char *name; /* NULL: that of the URL, an address */
        bool trusted;
    } table[] = {{NULL, true}, {"first.test", true}, {"localhost", true}, {"other.test", false}};
    (void)state;
    for (size_t i = 0; i < GS_LEN(table); i++) {
        struct got g;
        gs_http_tls tls = {.ca_pem = cert.p, .server_name = table[i].name};
        fetch(loop, pool, (gs_http_request){.url = url("/"), .tls = &tls}, &g);
        if ((g.status == 200) != table[i].trusted)
            fail_msg("%s: %d %s", table[i].name ? table[i].name : "address", g.status, g.err.msg);
        got_done(&g);
    }
}

/* Runs a command while the loop serves; its output, cut. */
struct command {
    const char *line;
    char out[8192];
};

static void *run_command(void *ctx)
{
    struct command *c = ctx;
    FILE *f = popen(c->line, "re");
    c->out[f ? fread(c->out, 1, sizeof c->out - 1, f) : 0] = 0;
    if (f)
        (void)pclose(f);
    gs_loop_stop(loop);
    return NULL;
}

static void run(struct command *c)
{
    pthread_t t;
    assert_int_equal(pthread_create(&t, NULL, run_command, c), 0);
    run_loop(loop);
    (void)pthread_join(t, NULL);
}

static void test_versions(void **state)
{
    static const struct {
        const char *flag, *says;
    } table[] = {
        {"-tls1_2", "Protocol  : TLSv1.2"},
        {"-tls1_3", "New, TLSv1.3"},
        {"-tls1_1 -cipher ALL:@SECLEVEL=0", "alert protocol version"},
        {"-tls1 -cipher ALL:@SECLEVEL=0", "alert protocol version"},
        {"-tls1_3 -groups ffdhe8192", "alert handshake failure"}, /* it would cost us much more than who asks */
        {"-tls1_2 -cipher kDHE", "alert handshake failure"},
    };
    (void)state;
    for (size_t i = 0; i < GS_LEN(table); i++) {
        struct command c = {0};
        gs_autofree char *line =
            gs_sprintf("printf 'GET / HTTP/1.0\\r\\n\\r\\n' | openssl s_client -ign_eof %s -connect 127.0.0.1:%d 2>&1",
                       table[i].flag, gs_http_server_port(server));
        c.line = line;
        run(&c);
        assert_contains(c.out, table[i].says);
        if (strstr(table[i].says, "TLSv1"))
            assert_contains(c.out, "HTTP/1.1 200 OK");
    }
}

/* A connection that is open keeps its certificate, the next one has the new one; a broken pair changes nothing. */
static void test_another_certificate(void **state)
{
    const struct {
        const char *name;
        gs_str cert, key;
        const char *message; /* NULL: taken */
    } table[] = {
        {"no certificate", GS_STR("x"), gs_buf_str(&next_key), "certificate is no PEM"},
        {"nothing", GS_STR(""), GS_STR(""), "certificate is no PEM"},
        {"no key", gs_buf_str(&next_cert), GS_STR("x"), "key is no PEM"},
        {"another's key", gs_buf_str(&next_cert), gs_buf_str(&key), "key is not that"},
        {"in the wrong order", gs_buf_str(&next_key), gs_buf_str(&next_cert), "certificate is no PEM"},
        {"right", gs_buf_str(&next_cert), gs_buf_str(&next_key), NULL},
    };
    gs_http_tls was = {.ca_pem = cert.p}, is = {.ca_pem = next_cert.p};
    struct got g;
    gs_http *kept = NULL, *fresh = NULL;
    (void)state;
    assert_int_equal(gs_http_new(loop, NULL, &kept, NULL) | gs_http_new(loop, NULL, &fresh, NULL), 0);
    for (size_t i = 0; i < GS_LEN(table); i++) {
        gs_error err = {0};
        fetch(loop, kept, (gs_http_request){.url = url("/"), .tls = &was}, &g);
        assert_int_equal(g.status, 200);
        got_done(&g);
        int rc = gs_http_server_set_certificate(server, table[i].cert, table[i].key, &err);
        if ((rc == 0) != !table[i].message || (rc && (rc != -GS_TERMINAL || !strstr(err.msg, table[i].message))))
            fail_msg("%s: %d %s", table[i].name, rc, err.msg);
    }
    fetch(loop, kept, (gs_http_request){.url = url("/"), .tls = &was}, &g);
    assert_int_equal(g.status, 200);
    got_done(&g);
    fetch(loop, fresh, (gs_http_request){.url = url("/"), .tls = &is}, &g);
    assert_int_equal(g.status, 200);
    got_done(&g);
    gs_http_free(kept);
    gs_http_free(fresh);
    assert_int_equal(gs_http_server_set_certificate(server, gs_buf_str(&cert), gs_buf_str(&key), NULL), 0);
}

static int connect_to_server(void)
{
    struct sockaddr_in in = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)gs_http_server_port(server)),
                             .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(fd, (struct sockaddr *)&in, sizeof in))
        abort();
    return fd;
}

/* Whatever arrives in place of a handshake, others are served meanwhile, and afterwards. */
static void test_no_tls(void **state)
{
    static const struct {
        const char *name, *send;
        size_t n;
        bool closed; /* by the server, soon */
    } table[] = {
        {"plain HTTP", "GET / HTTP/1.1\r\nHost: x\r\n\r\n", 0, true},
        {"garbage", "\x16\x03\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 0, true},
        {"zeroes", "\0\0\0\0\0\0\0\0\0\0\0\0", 12, true},
        {"half a ClientHello", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11, false},
        {"nothing", "", 0, false},
    };
    int fds[GS_LEN(table)];
    struct got g;
    gs_http_tls tls = {.ca_pem = cert.p};
    (void)state;
    for (size_t i = 0; i < GS_LEN(table); i++) {
        fds[i] = connect_to_server();
        size_t n = table[i].n ? table[i].n : strlen(table[i].send);
        assert_int_equal(send(fds[i], table[i].send, n, MSG_NOSIGNAL), n);
    }
    fetch(loop, pool, (gs_http_request){.url = url("/"), .tls = &tls}, &g);
    assert_int_equal(g.status, 200);
    got_done(&g);
    run_for(loop, 100);
    for (size_t i = 0; i < GS_LEN(table); i++) {
        char got[256];
        ssize_t n;
        while ((n = recv(fds[i], got, sizeof got, MSG_DONTWAIT)) > 0) /* an alert */
            assert_null(memmem(got, (size_t)n, "HTTP/", 5));
        if ((n == 0 || errno == ECONNRESET) != table[i].closed)
            fail_msg("%s: %zd", table[i].name, n);
        (void)close(fds[i]);
    }
    run_for(loop, 20);
}

/* They count as connections without a complete request: the oldest make room. */
static void test_handshakes_that_never_end(void **state)
{
    int fds[150], open = 0;
    char byte;
    struct got g;
    gs_http *fresh = NULL;
    gs_http_tls tls = {.ca_pem = cert.p};
    (void)state;
    assert_int_equal(gs_http_new(loop, NULL, &fresh, NULL), 0);
    for (int i = 0; i < 150; i++) {
        fds[i] = connect_to_server();
        (void)send(fds[i], "\x16\x03\x01\x02\x00\x01", 6, MSG_NOSIGNAL);
        run_for(loop, 1);
    }
    fetch(loop, fresh, (gs_http_request){.url = url("/"), .tls = &tls}, &g);
    assert_int_equal(g.status, 200);
    got_done(&g);
    for (int i = 0; i < 150; i++) {
        open += recv(fds[i], &byte, 1, MSG_DONTWAIT) < 0; /* 0: closed by the server */
        (void)close(fds[i]);
    }
    assert_in_range(open, 98, 99); /* 100 with the one that was answered and, in the pool, one from before */
    gs_http_free(fresh);
    run_for(loop, 20);
}

static void give_answer(void *ctx)
{
    gs_cleanup(gs_buf_done) gs_buf body = GS_BUF(64);
    (void)ctx;
    (void)gs_buf_adds(&body, "at last\n");
    gs_http_server_answer(server, later + 1, 500, &body, NULL); /* nobody's */
    gs_http_server_answer(server, later, 401, &body, "text/x");
    gs_http_server_answer(server, later, 500, &body, NULL); /* a second time */
}

static void test_answer_later(void **state)
{
    static const char *const methods[] = {"GET", "HEAD"};
    gs_http_tls tls = {.ca_pem = cert.p};
    (void)state;
    for (size_t i = 0; i < GS_LEN(methods); i++) {
        struct got g;
        gs_cleanup(gs_timer_free) gs_timer *t = gs_timer_new(loop, give_answer, NULL);
        gs_timer_set(t, 50);
        fetch(loop, pool, (gs_http_request){.method = methods[i], .url = url("/later"), .tls = &tls}, &g);
        assert_int_equal(g.status, 401);
        assert_int_equal(g.n, i ? 0 : 8);
        assert_string_equal(g.content_type, "text/x");
        assert_true(g.elapsed_ms >= 30);
        got_done(&g);
    }
}

/* Who asked is gone when the answer comes. */
static void test_answer_to_nobody(void **state)
{
    gs_http *gone = NULL;
    gs_http_tls tls = {.ca_pem = cert.p};
    struct got g = {0};
    gs_http_request r = {
        .method = "GET", .url = url("/later"), .tls = &tls, .max_bytes = 1000, .on_done = keep_reply, .ctx = &g};
    (void)state;
    assert_int_equal(gs_http_new(loop, NULL, &gone, NULL), 0);
    later = 0;
    assert_int_equal(gs_http_start(gone, &r, NULL, NULL), 0);
    for (int i = 0; i < 100 && !later; i++)
        run_for(loop, 10);
    assert_int_not_equal(later, 0);
    gs_http_free(gone);
    run_for(loop, 50);
    give_answer(NULL);
    run_for(loop, 20);
    assert_int_equal(g.calls, 0);
}

static void test_freed_while_waiting(void **state)
{
    gs_http_server *other = NULL;
    struct got g = {0};
    gs_autofree char *target = NULL;
    (void)state;
    assert_int_equal(gs_http_server_new(loop, "127.0.0.1:0", handle, NULL, &other, NULL), 0);
    target = gs_sprintf("http://127.0.0.1:%d/later", gs_http_server_port(other));
    gs_http_request r = {.method = "GET", .url = target, .max_bytes = 1000, .on_done = keep_reply, .ctx = &g};
    later = 0;
    assert_int_equal(gs_http_start(pool, &r, NULL, NULL), 0);
    for (int i = 0; i < 100 && !later; i++)
        run_for(loop, 10);
    gs_http_server_free(other);
    run_for(loop, 50);
    assert_int_equal(g.calls, 1);
    assert_int_equal(g.err.kind, GS_TRANSIENT);
    got_done(&g);
}

/* Plain, since TLS has no half that stays open: it asks, pipelines more, and closes its half before the answer comes. */
static void test_closed_half_while_waiting(void **state)
{
    gs_http_server *other = NULL;
    char got[4096];
    (void)state;
    assert_int_equal(gs_http_server_new(loop, "127.0.0.1:0", handle, NULL, &other, NULL), 0);
    gs_http_server *tls = server;
    server = other;
    int fd = connect_to_server();
    later = 0;
    assert_true(raw_sends(fd, "GET /later HTTP/1.1\r\n\r\nGET /none HTTP/1.1\r\n\r\n"));
    (void)shutdown(fd, SHUT_WR);
    run_for(loop, 50);
    assert_int_equal(recv(fd, got, sizeof got, MSG_DONTWAIT), -1);
    give_answer(NULL);
    run_for(loop, 50);
    ssize_t n = recv(fd, got, sizeof got - 1, MSG_DONTWAIT);
    assert_true(n > 0);
    got[n] = 0;
    assert_contains(got, "HTTP/1.1 401 Unauthorized\r\n");
    assert_contains(got, "WWW-Authenticate: Bearer\r\n");
    assert_contains(got, "at last\n");
    assert_int_equal(recv(fd, got, sizeof got, MSG_DONTWAIT), 0);
    (void)close(fd);
    server = tls;
    gs_http_server_free(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_requests),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_versions),
        cmocka_unit_test(test_another_certificate),
        cmocka_unit_test(test_no_tls),
        cmocka_unit_test(test_handshakes_that_never_end),
        cmocka_unit_test(test_answer_later),
        cmocka_unit_test(test_answer_to_nobody),
        cmocka_unit_test(test_freed_while_waiting),
        cmocka_unit_test(test_closed_half_while_waiting),
    };
    return cmocka_run_group_tests_name("io/http_server tls", tests, setup, teardown);
}
