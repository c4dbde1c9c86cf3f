#include "base/mem.h"
#include "wire/digest.h"

#include <setjmp.h>
#include <stdarg.h>
/* cmocka wants the three above first */
#include <cmocka.h>

/* FIPS 180-2, appendix B. */
static const struct {
    const char *input, *hex, *base64;
} sums[] = {
    {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
     "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="},
    {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
     "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0="},
    {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
     "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
     "JI1qYdIGOLjlwCaTDD5gOaM85Flk/yFn9uzt1BnbBsE="},
};

static void test_sha256(void **state)
{
    (void)state;
    for (size_t i = 0; i < GS_LEN(sums); i++) {
        uint8_t raw[GS_SHA256_LEN];
        char hex[GS_SHA256_HEX_LEN], base64[GS_SHA256_BASE64_LEN], again[GS_SHA256_HEX_LEN];
        gs_sha256(gs_str_of(sums[i].input), raw);
        gs_hex(raw, sizeof raw, again);
        gs_sha256_hex(gs_str_of(sums[i].input), hex);
        gs_sha256_base64(gs_str_of(sums[i].input), base64);
        assert_string_equal(hex, sums[i].hex);
        assert_string_equal(again, sums[i].hex);
        assert_string_equal(base64, sums[i].base64);
    }
    char hex[GS_SHA256_HEX_LEN];
    gs_sha256_hex((gs_str){0}, hex);
    assert_string_equal(hex, sums[0].hex);
}

/* decoded NULL: refused. */
static const struct {
    const char *text, *decoded;
} base64[] = {
    {"", ""},
    {"Zg==", "f"},
    {"Zm8=", "fo"},
    {"Zm9v", "foo"},
    {"Zm9vYg==", "foob"},
    {"Zm9vYmE=", "fooba"},
    {"Zm9vYmFy", "foobar"},
    {"+/+/", "\xfb\xff\xbf"},
    {"Zg", NULL},
    {"Zg=", NULL},
    {"Z", NULL},
    {"Z===", NULL},
    {"====", NULL},
    {"Zh==", NULL},
    {"Zm9=", NULL},
    {"Zg==\n", NULL},
    {" Zg==", NULL},
    {"Zm 9v", NULL},
    {"Zg==Zg==", NULL},
    {"Z=g=", NULL},
    {"-_-_", NULL},
    {"Zm9\xc3", NULL},
    {"Zm9v\nZm9", NULL},
    {"    ", NULL},
};

static void test_base64(void **state)
{
    (void)state;
    for (size_t i = 0; i < GS_LEN(base64); i++) {
        gs_cleanup(gs_buf_done) gs_buf out = GS_BUF(100), text = GS_BUF(100);
        gs_error err = {0};
        print_message("%s\n", base64[i].text);
        (void)gs_buf_adds(&out, "> ");
        int rc = gs_base64_decode(gs_str_of(base64[i].text), &out, &err);
        assert_int_equal(rc, base64[i].decoded ? 0 : -GS_TERMINAL);
        assert_string_equal(err.msg, base64[i].decoded ? "" : "not valid base64");
        assert_string_equal(out.p + 2, base64[i].decoded ? base64[i].decoded : "");
        if (!base64[i].decoded)
            continue;
        assert_int_equal(gs_base64_encode(gs_str_of(base64[i].decoded), &text, NULL), 0);
        assert_string_equal(gs_buf_str(&text).p, base64[i].text);
    }
}

static void test_base64_long(void **state)
{
    (void)state;
    for (size_t n = 49150; n <= 49155; n++) { /* around the block that OpenSSL gets at a time */
        gs_autofree char *bytes = gs_alloc(n);
        for (size_t i = 0; i < n; i++)
            bytes[i] = (char)(i * 31);
        gs_cleanup(gs_buf_done) gs_buf text = GS_BUF(100000), out = GS_BUF(n + 2), small = GS_BUF(n / 2);
        assert_int_equal(gs_base64_encode((gs_str){bytes, n}, &text, NULL), 0);
        assert_int_equal(text.n, (n + 2) / 3 * 4);
        assert_int_equal(gs_base64_decode(gs_buf_str(&text), &out, NULL), 0);
        assert_true(gs_str_eq(gs_buf_str(&out), (gs_str){bytes, n}));
        assert_int_equal(gs_base64_decode(gs_buf_str(&text), &small, NULL), -GS_NO_MEMORY);
        assert_int_equal(gs_base64_encode((gs_str){bytes, n}, &small, NULL), -GS_NO_MEMORY);
        assert_int_equal(small.n, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sha256),
        cmocka_unit_test(test_base64),
        cmocka_unit_test(test_base64_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
