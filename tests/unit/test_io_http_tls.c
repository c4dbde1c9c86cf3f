/* TLS of the HTTP client against openssl's own server, with certificates made on the spot. */
#include "http_fixture.h"
#include "tls_fixture.h"

static gs_loop *loop;
static gs_http *pool;
static char *ca_pem, *other_ca_pem, *cert_pem, *key_pem;

static int setup(void **state)
{
    gs_error err;
    (void)state;
    if (tls_make())
        return -1;
    ca_pem = tls_file("ca.pem");
    other_ca_pem = tls_file("other.pem");
    cert_pem = tls_file("client.pem");
    key_pem = tls_file("client.key");
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
    return tls_remove();
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
        {"whoever answers", {.server_name = "api.test", .insecure = true}, false, GS_OK, NULL},
        {"but only then", {.server_name = "api.test"}, false, GS_TERMINAL, "certificate"},
        {"again, right", {.ca_pem = ca_pem, .server_name = "api.test"}, false, GS_OK, NULL},
    };
    struct tls_server s = tls_start("server", false);
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
    tls_stop(&s);
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
    struct tls_server s = tls_start("server", true);
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
    tls_stop(&s);
}

/* What would hold the loop for long is not begun, whether the server is to be trusted or not. */
static void test_costly_servers(void **state)
{
#define SELF(name, key)                                                                                                \
    "openssl req -newkey " key " -x509 -nodes -days 2 -subj /CN=" name " -keyout " name ".key -out " name ".pem "
    static const char make[] =
        "cd %s && { set -e; openssl genpkey -genparam -algorithm DH -pkeyopt group:ffdhe8192 -out dh.pem; " SELF("rsa", "rsa:2048") "; " SELF("exponent", "rsa:2048 -pkeyopt rsa_keygen_pubexp:4294967311") "; " SELF(
            "curve",
            "ec -pkeyopt ec_paramgen_curve:brainpoolP512r1") "; " SELF("short",
                                                                       "ec -pkeyopt ec_paramgen_curve:P-224") "; " SELF("explicit",
                                                                                                                        "ec -pkeyopt ec_paramgen_curve:P-256 -pkeyopt ec_param_enc:explicit") "; " SELF("names",
                                                                                                                                                                                                        "ec -pkeyopt ec_paramgen_curve:P-256 -addext subjectAltName=$(seq -s, -f DNS:%%g 300)") "; "
                                                                                                                                                                                                                                                                                                "cat ca.pem other.pem ca.pem other.pem ca.pem other.pem >chain.pem; } >log 2>&1";
    static const struct {
        const char *name, *cert, *args[TLS_ARGS_MAX];
        const char *message;
    } table[] = {
        {"DHE of TLS 1.2", "rsa", {"-tls1_2", "-cipher", "kDHE", "-dhparam", "dh.pem"}, "handshake failure"},
        {"ffdhe8192 of TLS 1.3", "server", {"-tls1_3", "-groups", "ffdhe8192"}, "handshake failure"},
        {"an exponent of 33 bits", "exponent", {NULL}, "keep all others waiting"},
        {"300 names", "names", {NULL}, "keep all others waiting"},
        {"a curve that is slow", "curve", {NULL}, "handshake failure"},
        {"one such in the chain", "server", {"-cert_chain", "curve.pem"}, "another curve"},
        {"a curve that is slow to decode", "server", {"-cert_chain", "short.pem"}, "another curve"},
        {"a curve of its own", "server", {"-cert_chain", "explicit.pem"}, "another curve"},
        {"the same in TLS 1.2", "server", {"-tls1_2", "-cert_chain", "explicit.pem"}, "another curve"},
        {"seven certificates", "server", {"-cert_chain", "chain.pem"}, "over 6 certificates"},
        {"seven in TLS 1.2", "server", {"-tls1_2", "-cert_chain", "chain.pem"}, "over 6 certificates"},
    };
    gs_autofree char *command = gs_sprintf(make, tls_dir);
    (void)state;
    assert_int_equal(system(command), 0);
    for (size_t i = 0; i < 2 * GS_LEN(table); i++) {
        struct tls_server s = tls_start_with(table[i / 2].cert, table[i / 2].args);
        gs_http_tls tls = {.ca_pem = i % 2 ? NULL : ca_pem, .server_name = "api.test", .insecure = i % 2};
        struct got g;
        char target[64];
        (void)snprintf(target, sizeof target, "https://127.0.0.1:%d/", s.port);
        fetch(loop, pool, (gs_http_request){.url = target, .tls = &tls}, &g);
        if (g.err.kind == GS_OK || !strstr(g.err.msg, table[i / 2].message))
            fail_msg("%s%s: %s: %s", table[i / 2].name, i % 2 ? ", insecure" : "", gs_kind_name(g.err.kind), g.err.msg);
        got_done(&g);
        tls_stop(&s);
    }
}

/* A CA of the caller's that is slow to verify with. */
static void test_costly_ca(void **state)
{
    struct tls_server s = tls_start("server", false);
    gs_autofree char *slow = tls_file("curve.pem"), *both = gs_sprintf("%s%s", ca_pem, slow);
    struct got g;
    char target[64];
    (void)state;
    (void)snprintf(target, sizeof target, "https://127.0.0.1:%d/", s.port);
    fetch(loop, pool,
          (gs_http_request){.url = target, .tls = &(gs_http_tls){.ca_pem = both, .server_name = "api.test"}}, &g);
    assert_int_equal(g.err.kind, GS_TERMINAL);
    assert_contains(g.err.msg, "keep all others waiting");
    got_done(&g);
    tls_stop(&s);
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
        cmocka_unit_test(test_trust),          cmocka_unit_test(test_client_certificate),
        cmocka_unit_test(test_costly_servers), cmocka_unit_test(test_costly_ca),
        cmocka_unit_test(test_plain_server),
    };
    return cmocka_run_group_tests_name("io/http tls", tests, setup, teardown);
}
