#include "base/mem.h"
#include "codec/secret.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define SECRET(labels, data) "{\"metadata\":{\"name\":\"s3\",\"labels\":{" labels "}},\"data\":{" data "}}"
#define USABLE "\"gostat.dev/usable\":\"true\""
#define LACKS "Secret s3 lacks the label gostat.dev/usable=true: kubectl label secret s3 gostat.dev/usable=true"

static const struct {
    const char *object, *error;
} labels[] = {
    {SECRET(USABLE, ""), NULL},
    {SECRET("\"a\":\"b\"," USABLE, ""), NULL},
    {SECRET("", ""), LACKS},
    {SECRET("\"gostat.dev/usable\":\"false\"", ""), LACKS},
    {SECRET("\"gostat.dev/usable\":\"trueish\"", ""), LACKS},
    {SECRET("\"gostat.dev/usable\":true", ""), LACKS},
    {"{\"metadata\":{\"annotations\":{" USABLE "}}}", LACKS},
    {"{}", LACKS},
    {"", LACKS},
};

static void test_usable(void **state)
{
    (void)state;
    for (size_t k = 0; k < GS_LEN(labels); k++) {
        gs_error err = {0};
        int rc = gs_secret_usable(gs_str_of(labels[k].object), "s3", &err);
        assert_int_equal(rc, labels[k].error ? -GS_REFUSED : 0);
        assert_string_equal(err.msg, labels[k].error ? labels[k].error : "");
    }
}

static void test_take(void **state)
{
    (void)state;
    gs_cleanup(gs_buf_done) gs_buf out = GS_BUF(100);
    gs_error err = {0};
    gs_str object = GS_STR(SECRET("", "\"a\":\"dG9w\",\"bad\":\"%%%%\",\"empty\":\"\""));
    assert_int_equal(gs_secret_take(object, "a", &out, &err), 0);
    assert_string_equal(out.p, "top");
    gs_buf_reset(&out);
    assert_int_equal(gs_secret_take(object, "absent", &out, &err), 0);
    assert_int_equal(gs_secret_take(object, "empty", &out, &err), 0);
    assert_int_equal(out.n, 0);
    assert_true(gs_secret_take(object, "bad", &out, &err) < 0);
}

static const struct {
    const char *data, *error, *token;
} keys[] = {
    {"\"accessKeyId\":\"QQ==\",\"secretAccessKey\":\"Qg==\"", NULL, ""},
    {"\"accessKeyId\":\"QQ==\",\"secretAccessKey\":\"Qg==\",\"sessionToken\":\"VA==\"", NULL, "T"},
    {"\"secretAccessKey\":\"Qg==\"", "spec.snapshot.s3.credentialsSecretRef: Secret s3 has no key accessKeyId", ""},
    {"\"accessKeyId\":\"QQ==\",\"secretAccessKey\":\"\"",
     "spec.snapshot.s3.credentialsSecretRef: Secret s3 has no key secretAccessKey", ""},
};

static void test_s3(void **state)
{
    (void)state;
    for (size_t k = 0; k < GS_LEN(keys); k++) {
        gs_cleanup(gs_buf_done) gs_buf object = GS_BUF(1000), access = GS_BUF(100);
        gs_cleanup(gs_buf_done) gs_buf secret = GS_BUF(100), token = GS_BUF(100);
        gs_error err = {0};
        (void)gs_buf_addf(&object, "{\"data\":{%s}}", keys[k].data);
        int rc = gs_secret_take_s3(gs_buf_str(&object), "s3", &access, &secret, &token, &err);
        assert_int_equal(rc, keys[k].error ? -GS_TERMINAL : 0);
        assert_string_equal(err.msg, keys[k].error ? keys[k].error : "");
        assert_true(gs_str_is(gs_buf_str(&token), keys[k].token));
        if (!keys[k].error)
            assert_true(gs_str_is(gs_buf_str(&access), "A") && gs_str_is(gs_buf_str(&secret), "B"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_usable),
        cmocka_unit_test(test_take),
        cmocka_unit_test(test_s3),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
