/* Secrets to what pods are asked with: what is taken, what is refused with which words, and that no word of a Secret is in an
 * error. */
#include "codec/access.h"

#include "base/mem.h"
#include "wire/digest.h"
#include "wire/self_signed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>

#include <cmocka.h>

static gs_buf cert, key, other_cert, other_key;

static int setup(void **state)
{
    const char *const names[] = {"pod"};
    (void)state;
    cert = key = other_cert = other_key = GS_BUF(65536);
    return gs_self_signed(names, 1, time(NULL), &cert, &key, NULL) ||
           gs_self_signed(names, 1, time(NULL), &other_cert, &other_key, NULL);
}

static int teardown(void **state)
{
    (void)state;
    gs_buf_done(&cert);
    gs_buf_done(&key);
    gs_buf_done(&other_cert);
    gs_buf_done(&other_key);
    return 0;
}

struct value {
    const char *key, *text; /* NULL key: no more */
};

static void add(gs_buf *out, const struct value *v)
{
    (void)gs_buf_addf(out, "\"%s\":\"", v->key);
    assert_int_equal(gs_base64_encode(gs_str_of(v->text), out, NULL), 0);
    (void)gs_buf_adds(out, "\",");
}

static gs_buf secret(const struct value v[2], bool usable)
{
    gs_buf out = GS_BUF(1u << 20);
    (void)gs_buf_addf(&out, "{\"metadata\":{\"name\":\"s\",\"labels\":{\"gostat.dev/usable\":\"%s\"}},\"data\":{",
                      usable ? "true" : "false");
    for (int k = 0; k < 2 && v[k].key; k++)
        add(&out, &v[k]);
    (void)gs_buf_adds(&out, "\"end\":\"\"}}");
    return out;
}

static const gs_endpoint_spec https = {.https = true, .ca_secret = "s", .ca_key = "ca.crt", .cert_secret = "s"},
                              bearer = {.bearer_secret = "s", .bearer_key = "token"}, basic = {.basic_secret = "s"};

/* One certificate often enough to be more than is taken. */
static char *long_chain(void)
{
    gs_buf out = GS_BUF(64u << 10);
    while (out.n <= 16384)
        assert_int_equal(gs_buf_add(&out, cert.p, cert.n), 0);
    return gs_buf_take(&out);
}

static void test_taken(void **state)
{
    gs_autofree char *many = long_chain();
    const struct {
        const char *name;
        const gs_endpoint_spec *e;
        enum gs_access_secret s;
        struct value v[2];
        const char *error;         /* NULL: taken, */
        const char *authorization; /* with this */
    } table[] = {
        {"CA", &https, GS_ACCESS_CA, {{"ca.crt", cert.p}}, NULL, NULL},
        {"CA under another key", &https, GS_ACCESS_CA, {{"ca.pem", cert.p}}, "has no key ca.crt", NULL},
        {"CA that is a key", &https, GS_ACCESS_CA, {{"ca.crt", key.p}}, "no certificate that can be read", NULL},
        {"CA that is none", &https, GS_ACCESS_CA, {{"ca.crt", "hunter2"}}, "no certificate that can be read", NULL},
        {"too many CAs", &https, GS_ACCESS_CA, {{"ca.crt", many}}, "bytes; at most 16384", NULL},
        {"too long a chain", &https, GS_ACCESS_CERT, {{"tls.crt", many}, {"tls.key", key.p}}, "at most 16384", NULL},
        {"pair", &https, GS_ACCESS_CERT, {{"tls.crt", cert.p}, {"tls.key", key.p}}, NULL, NULL},
        {"no key", &https, GS_ACCESS_CERT, {{"tls.crt", cert.p}}, "has no key tls.key", NULL},
        {"no certificate", &https, GS_ACCESS_CERT, {{"tls.key", key.p}}, "has no key tls.crt", NULL},
        {"the key of another",
         &https,
         GS_ACCESS_CERT,
         {{"tls.crt", cert.p}, {"tls.key", other_key.p}},
         "the key is not that of the certificate",
         NULL},
        {"key that is none",
         &https,
         GS_ACCESS_CERT,
         {{"tls.crt", cert.p}, {"tls.key", "hunter2"}},
         "no private key",
         NULL},
        {"token", &bearer, GS_ACCESS_AUTHORIZATION, {{"token", "abc.DEF-_~+/="}}, NULL, "Bearer abc.DEF-_~+/="},
        {"token with a line end", &bearer, GS_ACCESS_AUTHORIZATION, {{"token", "abc\r\n"}}, NULL, "Bearer abc"},
        {"token of two lines", &bearer, GS_ACCESS_AUTHORIZATION, {{"token", "hunter2\nX: y"}}, "a token has no", NULL},
        {"token with a space", &bearer, GS_ACCESS_AUTHORIZATION, {{"token", "hunter2 b"}}, "a token has no", NULL},
        {"token not ASCII", &bearer, GS_ACCESS_AUTHORIZATION, {{"token", "hunter2\xc3\xa4"}}, "a token has no", NULL},
        {"token empty", &bearer, GS_ACCESS_AUTHORIZATION, {{"token", ""}}, "or an empty one", NULL},
        {"token of line ends", &bearer, GS_ACCESS_AUTHORIZATION, {{"token", "\n\n"}}, "is an empty line", NULL},
        {"no token", &bearer, GS_ACCESS_AUTHORIZATION, {{"tocken", "hunter2"}}, "has no key token", NULL},
        {"password",
         &basic,
         GS_ACCESS_AUTHORIZATION,
         {{"username", "Aladdin\n"}, {"password", "open sesame\n"}},
         NULL,
         "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="}, /* RFC 7617, 2 */
        {"password with a colon",
         &basic,
         GS_ACCESS_AUTHORIZATION,
         {{"username", "a"}, {"password", ":"}},
         NULL,
         "Basic YTo6"},
        {"name with a colon",
         &basic,
         GS_ACCESS_AUTHORIZATION,
         {{"username", "a:hunter2"}, {"password", "b"}},
         "a name has no ':'",
         NULL},
        {"no password", &basic, GS_ACCESS_AUTHORIZATION, {{"username", "hunter2"}}, "has no key password", NULL},
    };
    (void)state;
    for (size_t i = 0; i < GS_LEN(table); i++) {
        gs_access_parts parts = {0};
        gs_error err = {0};
        gs_cleanup(gs_buf_done) gs_buf object = secret(table[i].v, true);
        int rc = gs_access_take(table[i].e, table[i].s, gs_buf_str(&object), &parts, &err);
        if (table[i].error && (rc != -GS_TERMINAL || !strstr(err.msg, table[i].error) || !strstr(err.msg, "Secret s")))
            fail_msg("%s: %d \"%s\"", table[i].name, rc, err.msg);
        if (!table[i].error && rc)
            fail_msg("%s: %s", table[i].name, err.msg);
        if (strstr(err.msg, "hunter2"))
            fail_msg("%s: it tells the secret: %s", table[i].name, err.msg);
        gs_cleanup(gs_access_unref) gs_access *a = rc ? NULL : gs_access_build(table[i].e, &parts);
        if (table[i].authorization)
            assert_string_equal(a->authorization + strlen("Authorization: "), table[i].authorization);
        gs_access_parts_done(&parts);
    }
}

static void test_not_usable(void **state)
{
    const struct value v[2] = {{"token", "hunter2"}, {NULL, NULL}};
    gs_access_parts parts = {0};
    gs_error err = {0};
    gs_cleanup(gs_buf_done) gs_buf object = secret(v, false);
    (void)state;
    assert_int_equal(gs_access_take(&bearer, GS_ACCESS_AUTHORIZATION, gs_buf_str(&object), &parts, &err), -GS_REFUSED);
    assert_non_null(strstr(err.msg, "gostat.dev/usable=true"));
    assert_null(parts.authorization.p);
}

static void test_built(void **state)
{
    const struct value ca[2] = {{"ca.crt", other_cert.p}}, pair[2] = {{"tls.crt", cert.p}, {"tls.key", key.p}};
    gs_access_parts parts = {0}, none = {0};
    gs_cleanup(gs_buf_done) gs_buf first = secret(ca, true), second = secret(pair, true);
    gs_endpoint_spec e = https;
    (void)state;
    assert_null(gs_access_build(&(gs_endpoint_spec){.https = false}, &none));
    assert_int_equal(gs_access_take(&e, GS_ACCESS_CA, gs_buf_str(&first), &parts, NULL), 0);
    assert_int_equal(gs_access_take(&e, GS_ACCESS_CERT, gs_buf_str(&second), &parts, NULL), 0);
    (void)gs_str_copy(e.server_name, sizeof e.server_name, GS_STR("pods"));
    gs_cleanup(gs_access_unref) gs_access *a = gs_access_build(&e, &parts), *same = NULL;
    assert_true(a->https && !a->insecure && !a->authorization && !a->refused);
    assert_string_equal(a->ca_pem, other_cert.p);
    assert_string_equal(a->cert_pem, cert.p);
    assert_string_equal(a->key_pem, key.p);
    assert_string_equal(a->server_name, "pods");
    assert_int_equal(gs_access_take(&e, GS_ACCESS_CA, gs_buf_str(&first), &parts, NULL), 0);
    assert_int_equal(gs_access_take(&e, GS_ACCESS_CERT, gs_buf_str(&second), &parts, NULL), 0);
    same = gs_access_build(&e, &parts);
    assert_true(gs_access_same(a, same));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_taken),
        cmocka_unit_test(test_not_usable),
        cmocka_unit_test(test_built),
    };
    return cmocka_run_group_tests_name("codec/access", tests, setup, teardown);
}
