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

static void test_sha256_in_pieces(void **state)
{
    (void)state;
    gs_cleanup(gs_sha256_free) gs_sha256_sum *sum = gs_sha256_new();
    for (size_t i = 0; i < GS_LEN(sums); i++)
        for (size_t piece = 1; piece < 60; piece += 7) {
            uint8_t raw[GS_SHA256_LEN];
            char hex[GS_SHA256_HEX_LEN], base64[GS_SHA256_BASE64_LEN];
            gs_str rest = gs_str_of(sums[i].input);
            while (rest.n) {
                size_t n = rest.n < piece ? rest.n : piece;
                gs_sha256_add(sum, (gs_str){rest.p, n});
                rest = (gs_str){rest.p + n, rest.n - n};
            }
            gs_sha256_take(sum, raw); /* and begins anew */
            gs_hex(raw, sizeof raw, hex);
            gs_base64_sha256(raw, base64);
            assert_string_equal(hex, sums[i].hex);
            assert_string_equal(base64, sums[i].base64);
        }
}

/* RFC 4231, cases 1, 2 and 6 (a key longer than a block); and both empty. */
static void test_hmac(void **state)
{
    static const struct {
        const char *key;
        size_t key_n;
        const char *text, *hex;
    } t[] = {
        {"\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b", 20, "Hi There",
         "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
        {"Jefe", 4, "what do ya want for nothing?", "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
        {NULL, 131, "Test Using Larger Than Block-Size Key - Hash Key First",
         "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"},
        {"", 0, "", "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad"},
    };
    (void)state;
    for (size_t i = 0; i < GS_LEN(t); i++) {
        char many[131], hex[GS_SHA256_HEX_LEN];
        uint8_t raw[GS_SHA256_LEN];
        memset(many, 0xaa, sizeof many);
        gs_hmac_sha256((gs_str){t[i].key ? t[i].key : many, t[i].key_n}, gs_str_of(t[i].text), raw);
        gs_hex(raw, sizeof raw, hex);
        assert_string_equal(hex, t[i].hex);
    }
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
        cmocka_unit_test(test_sha256), cmocka_unit_test(test_sha256_in_pieces), cmocka_unit_test(test_hmac),
        cmocka_unit_test(test_base64), cmocka_unit_test(test_base64_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
