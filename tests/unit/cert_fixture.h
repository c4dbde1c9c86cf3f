/* A self-signed certificate that ends at a time of the test's, and its key, as PEM texts. */
#ifndef GS_TEST_CERT_FIXTURE_H
#define GS_TEST_CERT_FIXTURE_H

#include "base/cleanup.h"
#include "base/mem.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static inline char *cert_fixture_text(BIO *bio)
{
    char *p = NULL;
    long n = BIO_get_mem_data(bio, &p);
    char *text = gs_strndup(p, (size_t)n);
    BIO_free(bio);
    return text;
}

/* Takes the key over. */
static inline void cert_fixture_of(EVP_PKEY *key, const char *not_after, char **ret_cert, char **ret_key)
{
    X509 *cert = X509_new();
    BIO *cert_out = BIO_new(BIO_s_mem()), *key_out = BIO_new(BIO_s_mem());
    X509_NAME *name = X509_get_subject_name(cert);
    assert_int_equal(ASN1_INTEGER_set(X509_get_serialNumber(cert), 1), 1);
    assert_int_equal(ASN1_TIME_set_string(X509_getm_notBefore(cert), "20190101000000Z"), 1);
    assert_int_equal(ASN1_TIME_set_string(X509_getm_notAfter(cert), not_after), 1);
    assert_int_equal(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"t", -1, -1, 0), 1);
    assert_int_equal(X509_set_issuer_name(cert, name), 1);
    assert_int_equal(X509_set_pubkey(cert, key), 1);
    assert_int_not_equal(X509_sign(cert, key, EVP_sha256()), 0);
    assert_int_equal(PEM_write_bio_X509(cert_out, cert), 1);
    assert_int_equal(PEM_write_bio_PrivateKey(key_out, key, NULL, NULL, 0, NULL, NULL), 1);
    *ret_cert = cert_fixture_text(cert_out);
    *ret_key = cert_fixture_text(key_out);
    X509_free(cert);
    EVP_PKEY_free(key);
}

static inline void cert_fixture(const char *not_after, char **ret_cert, char **ret_key)
{
    cert_fixture_of(EVP_EC_gen("P-256"), not_after, ret_cert, ret_key);
}

#endif
