/* Pods behind TLS and passwords: that the scraper gets in, that each refusal says which field of the policy to look at, and
 * that it is tried again. */
#include "edge/scraper_stream.h"
#include "edge_fixture.h"
#include "tls_fixture.h"

#define TOKEN "Authorization: Bearer tok-en"

/* Lets in who has the token, or nobody. */
static bool guard(int fd, const char *request)
{
    bool known = strcasestr(request, "\r\n" TOKEN "\r\n") != NULL;
    return raw_sends(fd, known ? OK "Content-Length: 17\r\n\r\ngo_goroutines 42\n"
                               : "HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n");
}

static const struct raw_answer answers[] = {
    {.path = "/guard", .fn = guard},
    {.path = "/guard/goroutine", .fn = guard},
    {.path = "/guard/heap", .fn = guard},
    {.path = "/403", .bytes = "HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n"},
    {.path = "/400", .bytes = "HTTP/1.1 400 No\r\nContent-Length: 0\r\n\r\n"},
    {.path = NULL},
};

static char *ca, *other_ca, *cert, *key;

static int setup(void **state)
{
    (void)state;
    if (tls_make())
        return -1;
    ca = tls_file("ca.pem");
    other_ca = tls_file("other.pem");
    cert = tls_file("client.pem");
    key = tls_file("client.key");
    return setup_with(answers);
}

static int teardown(void **state)
{
    (void)state;
    free(ca);
    free(other_ca);
    free(cert);
    free(key);
    return teardown_all() || tls_remove();
}

static char *copy(const char *s)
{
    return s ? gs_strdup(s) : NULL;
}

static gs_access *access_of(const gs_access *like)
{
    return gs_access_new(&(gs_access){.https = like->https,
                                      .insecure = like->insecure,
                                      .ca_pem = copy(like->ca_pem),
                                      .cert_pem = copy(like->cert_pem),
                                      .key_pem = copy(like->key_pem),
                                      .server_name = copy(like->server_name),
                                      .authorization = copy(like->authorization),
                                      .refused = copy(like->refused)});
}

static void ask(int port, const char *path, const gs_access *like, struct sampled *ret)
{
    gs_endpoint e = endpoint(port, path, 3000);
    e.access = access_of(like);
    *ret = (struct sampled){0};
    waiting = 1;
    gs_scrape_metrics(pool, &e, keep_sample, ret);
    gs_access_unref(e.access); /* the call keeps its own */
    gs_loop_run(loop);
    assert_int_equal(ret->calls, 1);
}

static void test_passwords(void **state)
{
    static const struct {
        const char *path;
        gs_access access;
        enum gs_kind kind;
        const char *says;
    } table[] = {
        {"/guard", {.authorization = (char *)TOKEN}, GS_OK, ""},
        {"/guard",
         {.authorization = (char *)TOKEN "x"},
         GS_TRANSIENT,
         "/guard: 401: check spec.endpoint.authorization"},
        {"/guard", {.refs = 1}, GS_TRANSIENT, "/guard: 401: check spec.endpoint.authorization"},
        {"/403", {.authorization = (char *)TOKEN}, GS_TRANSIENT, "/403: 403: check spec.endpoint.authorization"},
        {"/400", {.refs = 1}, GS_TERMINAL, "/400: 400: where it speaks TLS, set spec.endpoint.scheme to HTTPS"},
        {"/guard", {.refused = (char *)"there is no Secret"}, GS_TRANSIENT, "there is no Secret"},
        {"/guard", {.https = true, .insecure = true}, GS_TRANSIENT, "/guard: "},
    };
    (void)state;
    for (size_t i = 0; i < GS_LEN(table); i++) {
        struct sampled s;
        ask(bad.port, table[i].path, &table[i].access, &s);
        if (s.err.kind != table[i].kind || !strstr(s.err.msg, table[i].says) || strstr(s.err.msg, "tok-en"))
            fail_msg("%zu: %s: %s", i, gs_kind_name(s.err.kind), s.err.msg);
        if (!s.err.kind)
            assert_true(s.sample.goroutines == 42);
    }
}

/* The page that openssl answers is no metrics page: whoever reads it was let in. */
#define IN "metrics page"

static void test_tls(void **state)
{
    const struct {
        const char *server; /* its certificate */
        bool client_cert;   /* it asks for one */
        gs_access access;
        const char *says;
    } table[] = {
        {"server", false, {.ca_pem = ca, .server_name = (char *)"api.test"}, IN},
        {"server", false, {.insecure = true}, IN},
        {"ip", false, {.ca_pem = ca}, IN},
        {"server", false, {.ca_pem = ca}, "not valid for its address: set spec.endpoint.tls.serverName"},
        {"server",
         false,
         {.ca_pem = ca, .server_name = (char *)"b.test"},
         "its certificate is not valid for b.test: check spec.endpoint.tls.serverName"},
        {"server",
         false,
         {.ca_pem = other_ca, .server_name = (char *)"api.test"},
         "its certificate is not trusted: check spec.endpoint.tls.caSecretRef"},
        {"server", false, {.server_name = (char *)"api.test"}, "not trusted: check spec.endpoint.tls.caSecretRef"},
        {"expired", false, {.ca_pem = ca, .server_name = (char *)"api.test"}, "its certificate has expired"},
        {"ip", true, {.ca_pem = ca, .cert_pem = cert, .key_pem = key}, IN},
        {"ip", true, {.ca_pem = ca}, "check spec.endpoint.tls.clientCertSecretRef"},
        {"ip",
         true,
         {.ca_pem = ca, .cert_pem = other_ca, .key_pem = key},
         "check spec.endpoint.tls.clientCertSecretRef"},
    };
    (void)state;
    for (size_t i = 0; i < GS_LEN(table); i++) {
        struct tls_server server = tls_start(table[i].server, table[i].client_cert);
        gs_access access = table[i].access;
        struct sampled s;
        access.https = true;
        ask(server.port, "/certificate problem", &access, &s);
        ask(server.port, "/alerts", &access, &s);
        bool in = strcmp(table[i].says, IN) == 0;
        if (s.err.kind != (in ? GS_TERMINAL : GS_TRANSIENT) || !strstr(s.err.msg, table[i].says))
            fail_msg("%zu: %s: %s", i, gs_kind_name(s.err.kind), s.err.msg);
        tls_stop(&server);
    }
}

/* Profiles wait in a queue: each keeps what it was started with, whatever comes after. */
static void test_profiles(void **state)
{
    struct profiled got[40] = {{0}};
    gs_access *a = access_of(&(gs_access){.authorization = (char *)TOKEN});
    gs_endpoint e = endpoint(bad.port, "/guard", 3000);
    (void)state;
    e.access = a;
    waiting = GS_LEN(got);
    for (size_t i = 0; i < GS_LEN(got); i++)
        gs_scrape_profile(scraper, &e, GS_PROFILE_GOROUTINE, keep_profile, &got[i]);
    gs_access_unref(a);
    gs_loop_run(loop);
    for (size_t i = 0; i < GS_LEN(got); i++) {
        assert_int_equal(got[i].calls, 1);
        assert_int_equal(got[i].err.kind, GS_TERMINAL); /* let in, but what it is sent is no profile */
    }
    e.access = NULL;
    waiting = 1;
    gs_scrape_profile(scraper, &e, GS_PROFILE_GOROUTINE, keep_profile, &got[0]);
    gs_loop_run(loop);
    assert_contains(got[0].err.msg, "401: check spec.endpoint.authorization");
}

static bool take_none(void *ctx, const char *p, size_t n)
{
    (void)ctx;
    (void)p;
    (void)n;
    return true;
}

static void keep_end(void *ctx, const gs_error *err)
{
    *(gs_error *)ctx = *err;
    gs_loop_stop(loop);
}

static void test_streams(void **state)
{
    static const struct {
        gs_access access;
        enum gs_kind kind; /* TERMINAL: let in, but what it is sent is no profile */
    } table[] = {
        {{.authorization = (char *)TOKEN}, GS_TERMINAL},
        {{.authorization = (char *)TOKEN "x"}, GS_TRANSIENT},
        {{.refused = (char *)"no"}, GS_TRANSIENT},
    };
    (void)state;
    for (size_t i = 0; i < GS_LEN(table); i++) {
        gs_error err = {0};
        const gs_stream_sink sink = {.write = take_none, .done = keep_end, .ctx = &err};
        gs_endpoint e = endpoint(bad.port, "/guard", 3000);
        e.access = access_of(&table[i].access);
        (void)gs_stream_start(scraper, &e, GS_PROFILE_HEAP, 0, &sink);
        gs_access_unref(e.access);
        gs_loop_run(loop);
        if (err.kind != table[i].kind)
            fail_msg("%zu: %s: %s", i, gs_kind_name(err.kind), err.msg);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_passwords),
        cmocka_unit_test(test_tls),
        cmocka_unit_test(test_profiles),
        cmocka_unit_test(test_streams),
    };
    return cmocka_run_group_tests_name("edge/scraper access", tests, setup, teardown);
}
