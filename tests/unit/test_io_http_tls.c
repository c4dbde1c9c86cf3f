/* TLS of the HTTP client against openssl's own server, with certificates made on the spot. */
#include "http_fixture.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

static gs_loop *loop;
static gs_http *pool;
static char dir[] = "/tmp/gostat-test-tls-XXXXXX";
static char *ca_pem, *other_ca_pem, *cert_pem, *key_pem;

static char *read_file(const char *name)
{
    gs_autofree char *path = gs_sprintf("%s/%s", dir, name);
    char *p = gs_alloc(65536);
    FILE *f = fopen(path, "re");
    if (!f)
        abort();
    p[fread(p, 1, 65535, f)] = 0;
    (void)fclose(f);
    return p;
}

static int shell(const char *script)
{
    gs_autofree char *all = gs_sprintf("cd %s && { %s; } >log 2>&1", dir, script);
    return system(all);
}

#define KEY "openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 "
#define CA_EXT "-addext basicConstraints=critical,CA:TRUE "
#define SIGN "openssl x509 -req -days 2 -CA ca.pem -CAkey ca.key -CAcreateserial "

static int setup(void **state)
{
    gs_error err;
    (void)state;
    if (!mkdtemp(dir) ||
        shell("set -e; " KEY "-x509 " CA_EXT "-subj /CN=ca -keyout ca.key -out ca.pem; " KEY "-x509 " CA_EXT
              "-subj /CN=other -keyout other.key -out other.pem; " KEY
              "-subj /CN=server -keyout server.key -out server.csr; echo subjectAltName=DNS:api.test "
              ">ext; " SIGN "-extfile ext -in server.csr -out server.pem; " KEY
              "-subj /CN=client -keyout client.key -out client.csr; " SIGN "-in client.csr -out client.pem")) {
        (void)fprintf(stderr, "openssl (Debian: openssl) could not make certificates: see %s/log\n", dir);
        return -1;
    }
    ca_pem = read_file("ca.pem");
    other_ca_pem = read_file("other.pem");
    cert_pem = read_file("client.pem");
    key_pem = read_file("client.key");
    return gs_loop_new(&loop, &err) || gs_http_new(loop, NULL, &pool, &err);
}

static int teardown(void **state)
{
    (void)state;
    gs_http_free(pool);
    gs_loop_free(loop);
    free(ca_pem);
    free(other_ca_pem);
    free(cert_pem);
    free(key_pem);
    gs_autofree char *rm = gs_sprintf("rm -rf %s", dir);
    return system(rm);
}

struct tls_server {
    pid_t pid;
    int port;
    FILE *out;
};

/* `openssl s_server -www` answers each request with a page on the connection. */
static struct tls_server start_server(bool want_client_cert)
{
    int out[2];
    struct tls_server s = {0};
    char line[256];
    if (pipe2(out, O_CLOEXEC) || (s.pid = fork()) < 0)
        abort();
    if (s.pid == 0) {
        const char *argv[] = {"openssl", "s_server",
                              "-accept", "127.0.0.1:0",
                              "-cert",   "server.pem",
                              "-key",    "server.key",
                              "-www",    "-CAfile",
                              "ca.pem",  want_client_cert ? "-Verify" : NULL,
                              "1",       "-verify_return_error",
                              NULL};
        (void)dup2(out[1], 1);
        (void)dup2(open("/dev/null", O_WRONLY | O_CLOEXEC), 2);
        if (chdir(dir) == 0)
            (void)execvp("openssl", (char *const *)(uintptr_t)argv);
        _exit(127);
    }
    (void)close(out[1]);
    s.out = fdopen(out[0], "re");
    while (!s.port && fgets(line, sizeof line, s.out))
        (void)sscanf(line, "ACCEPT 127.0.0.1:%d", &s.port);
    if (!s.port)
        fail_msg("openssl s_server did not start");
    return s;
}

static void stop_server(struct tls_server *s)
{
    (void)kill(s->pid, SIGTERM);
    (void)waitpid(s->pid, NULL, 0);
    (void)fclose(s->out);
}

static void test_trust(void **state)
{
    const struct {
        const char *name;
        gs_http_tls tls;
        bool no_tls;
        enum gs_kind kind;
        const char *message;
    } table[] = {
        {"right CA and name", {.ca_pem = ca_pem, .server_name = "api.test"}, false, GS_OK, NULL},
        {"wrong name", {.ca_pem = ca_pem, .server_name = "other.test"}, false, GS_TERMINAL, "other.test"},
        {"the URL's name", {.ca_pem = ca_pem}, false, GS_TERMINAL, "127.0.0.1"},
        {"another CA", {.ca_pem = other_ca_pem, .server_name = "api.test"}, false, GS_TERMINAL, "certificate"},
        {"the system's CAs", {.server_name = "api.test"}, false, GS_TERMINAL, "certificate"},
        {"no TLS options", {0}, true, GS_TERMINAL, "certificate"},
        {"a CA that is none", {.ca_pem = "not PEM", .server_name = "api.test"}, false, GS_TERMINAL, "CA"},
        {"again, right", {.ca_pem = ca_pem, .server_name = "api.test"}, false, GS_OK, NULL},
    };
    struct tls_server s = start_server(false);
    char target[64];
    (void)state;
    (void)snprintf(target, sizeof target, "https://127.0.0.1:%d/path?secret=1", s.port);
    for (size_t i = 0; i < GS_LEN(table); i++) {
        struct got g;
        fetch(loop, pool, (gs_http_request){.url = target, .tls = table[i].no_tls ? NULL : &table[i].tls}, &g);
        if (g.err.kind != table[i].kind || (g.err.kind == GS_OK && g.status != 200) ||
            (table[i].message && !strstr(g.err.msg, table[i].message)))
            fail_msg("%s: %d %s: %s", table[i].name, g.status, gs_kind_name(g.err.kind), g.err.msg);
        if (g.err.kind)
            assert_contains(g.err.msg, "GET https://127.0.0.1:");
        assert_lacks(g.err.msg, "secret");
        got_done(&g);
    }
    stop_server(&s);
}

static void test_client_certificate(void **state)
{
    const struct {
        const char *name;
        gs_http_tls tls;
        enum gs_kind kind;
    } table[] = {
        {"none", {.ca_pem = ca_pem, .server_name = "api.test"}, GS_TRANSIENT},
        {"right", {.ca_pem = ca_pem, .server_name = "api.test", .cert_pem = cert_pem, .key_pem = key_pem}, GS_OK},
        {"key is none",
         {.ca_pem = ca_pem, .server_name = "api.test", .cert_pem = cert_pem, .key_pem = "x"},
         GS_TERMINAL},
        {"certificate is none",
         {.ca_pem = ca_pem, .server_name = "api.test", .cert_pem = "x", .key_pem = key_pem},
         GS_TERMINAL},
    };
    struct tls_server s = start_server(true);
    char target[64];
    (void)state;
    (void)snprintf(target, sizeof target, "https://127.0.0.1:%d/", s.port);
    for (size_t i = 0; i < GS_LEN(table); i++) {
        struct got g;
        fetch(loop, pool, (gs_http_request){.url = target, .tls = &table[i].tls}, &g);
        if (g.err.kind != table[i].kind)
            fail_msg("%s: %s: %s", table[i].name, gs_kind_name(g.err.kind), g.err.msg);
        got_done(&g);
    }
    stop_server(&s);
}

static void test_plain_server(void **state)
{
    static const struct raw_answer answers[] = {{.path = NULL}};
    raw_server plain;
    struct got g;
    char target[64];
    (void)state;
    raw_start(&plain, answers);
    (void)snprintf(target, sizeof target, "https://127.0.0.1:%d/", plain.port);
    fetch(loop, pool, (gs_http_request){.url = target, .timeout_ms = 500}, &g);
    assert_int_equal(g.err.kind, GS_TRANSIENT);
    assert_int_equal(g.status, 0);
    got_done(&g);
    raw_stop(&plain);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_trust),
        cmocka_unit_test(test_client_certificate),
        cmocka_unit_test(test_plain_server),
    };
    return cmocka_run_group_tests_name("io/http tls", tests, setup, teardown);
}
