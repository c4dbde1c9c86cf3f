#include "cert_fixture.h"
#include "wire/pem.h"

#include <openssl/rsa.h>

static void not_after(void **state)
{
    (void)state;
    static const struct {
        const char *at;
        int64_t ms;
    } cases[] = {{"20200102030405Z", 1577934245000}, {"19700101000000Z", 0}, {"20991231235959Z", 4102444799000}};
    for (size_t i = 0; i < GS_LEN(cases); i++) {
        gs_autofree char *cert = NULL;
        gs_autofree char *key = NULL;
        gs_error err;
        int64_t at = -1;
        cert_fixture(cases[i].at, &cert, &key);
        gs_autofree char *chain = gs_sprintf("a comment\n%s%s", cert, key);
        assert_int_equal(gs_pem_not_after(gs_str_of(chain), &at, &err), 0);
        assert_int_equal(at, cases[i].ms);
        assert_int_equal(gs_pem_not_after(gs_str_of(key), &at, &err), -GS_TERMINAL);
    }
}

static void no_certificate(void **state)
{
    (void)state;
    static const char *const texts[] = {"", "hello", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
                                        "-----BEGIN CERTIFICATE-----\n"};
    for (size_t i = 0; i < GS_LEN(texts); i++) {
        gs_error err;
        int64_t at = 7;
        assert_int_equal(gs_pem_not_after(gs_str_of(texts[i]), &at, &err), -GS_TERMINAL);
        assert_int_equal(at, 7);
    }
    gs_error err;
    int64_t at;
    assert_int_equal(gs_pem_not_after((gs_str){NULL, 0}, &at, &err), -GS_TERMINAL);
}

/* A key as PKCS #8, encrypted with the empty password. */
static char *encrypted(const char *pem)
{
    BIO *in = BIO_new_mem_buf(pem, -1), *out = BIO_new(BIO_s_mem());
    EVP_PKEY *key = PEM_read_bio_PrivateKey(in, NULL, NULL, NULL);
    assert_int_equal(PEM_write_bio_PKCS8PrivateKey(out, key, EVP_aes_256_cbc(), "", 0, NULL, NULL), 1);
    EVP_PKEY_free(key);
    BIO_free(in);
    return cert_fixture_text(out);
}

/* Of four primes, which are found soon. */
static EVP_PKEY *rsa(int bits)
{
    EVP_PKEY *key = NULL;
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
    assert_int_equal(EVP_PKEY_keygen_init(ctx), 1);
    assert_int_equal(EVP_PKEY_CTX_set_rsa_keygen_bits(ctx, bits), 1);
    assert_int_equal(EVP_PKEY_CTX_set_rsa_keygen_primes(ctx, 4), 1);
    assert_int_equal(EVP_PKEY_generate(ctx, &key), 1);
    EVP_PKEY_CTX_free(ctx);
    return key;
}

static EVP_PKEY *ec(const char *group, const char *encoding)
{
    EVP_PKEY *key = NULL;
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    const OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string("group", (char *)(uintptr_t)group, 0),
                                 OSSL_PARAM_construct_utf8_string("encoding", (char *)(uintptr_t)encoding, 0),
                                 OSSL_PARAM_construct_end()};
    assert_int_equal(EVP_PKEY_keygen_init(ctx), 1);
    assert_int_equal(EVP_PKEY_CTX_set_params(ctx, params), 1);
    assert_int_equal(EVP_PKEY_generate(ctx, &key), 1);
    EVP_PKEY_CTX_free(ctx);
    return key;
}

/* What is on a slow curve, or one of its own, is refused before it is decoded, wherever in the text it is. */
static void slow_curves(void **state)
{
    static const struct {
        const char *group, *encoding;
        bool quick;
    } cases[] = {
        {"P-256", "named_curve", true},  {"P-384", "named_curve", true},      {"P-521", "named_curve", true},
        {"P-224", "named_curve", false}, {"secp256k1", "named_curve", false}, {"sect571r1", "named_curve", false},
        {"P-256", "explicit", false},    {"sect571r1", "explicit", false},    {"brainpoolP512r1", "named_curve", false},
    };
    gs_autofree char *good = NULL;
    gs_autofree char *good_key = NULL;
    int64_t until;
    (void)state;
    cert_fixture("20991231235959Z", &good, &good_key);
    for (size_t i = 0; i < GS_LEN(cases); i++) {
        gs_autofree char *cert = NULL;
        gs_autofree char *key = NULL;
        cert_fixture_of(ec(cases[i].group, cases[i].encoding), "20991231235959Z", &cert, &key);
        gs_autofree char *after = gs_sprintf("%s%s", good, cert);
        gs_error err = {0};
        assert_int_equal(gs_pem_not_after(gs_str_of(cert), &until, &err) == 0, cases[i].quick);
        assert_int_equal(gs_pem_not_after(gs_str_of(after), &until, &err) == 0, cases[i].quick);
        assert_int_equal(gs_pem_check_pair(gs_str_of(cert), gs_str_of(key), &err) == 0, cases[i].quick);
        if (!cases[i].quick)
            assert_non_null(strstr(err.msg, "another curve"));
    }
}

static void pairs(void **state)
{
    (void)state;
    gs_autofree char *cert = NULL;
    gs_autofree char *key = NULL;
    gs_autofree char *other = NULL;
    gs_autofree char *other_key = NULL;
    cert_fixture("20991231235959Z", &cert, &key);
    cert_fixture("20991231235959Z", &other, &other_key);
    gs_autofree char *large = NULL;
    gs_autofree char *large_key = NULL;
    gs_autofree char *larger = NULL;
    gs_autofree char *larger_key = NULL;
    cert_fixture_of(rsa(4096), "20991231235959Z", &large, &large_key);
    cert_fixture_of(rsa(4160), "20991231235959Z", &larger, &larger_key);
    gs_autofree char *locked_key = encrypted(key);
    gs_autofree char *locked_first = gs_sprintf("%s%s", locked_key, key);
    gs_autofree char *both = gs_sprintf("%s%s", key, cert);
    gs_autofree char *chain = gs_sprintf("%s%s", cert, other);
    const struct {
        const char *cert, *key, *says; /* NULL: they fit */
    } cases[] = {
        {cert, key, NULL},
        {both, both, NULL},
        {chain, key, NULL},
        {large, large_key, NULL},
        {larger, larger_key, "over 4096 bits"},
        {cert, locked_key, "without a password"},
        {cert, locked_first, "without a password"},
        {cert, other_key, "the key is not that of the certificate"},
        {key, key, "no certificate"},
        {cert, cert, "no private key"},
        {"", key, "no certificate"},
        {cert, "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "no private key"},
    };
    for (size_t i = 0; i < GS_LEN(cases); i++) {
        gs_error err = {0};
        int rc = gs_pem_check_pair(gs_str_of(cases[i].cert), gs_str_of(cases[i].key), &err);
        assert_int_equal(rc, cases[i].says ? -GS_TERMINAL : 0);
        if (cases[i].says)
            assert_non_null(strstr(err.msg, cases[i].says));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(not_after), cmocka_unit_test(no_certificate),
                                       cmocka_unit_test(pairs), cmocka_unit_test(slow_curves)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
