#include "wire/self_signed.h"

#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#define DAYS 3650
#define HOUR_S 3600
#define COMMON_NAME_MAX 64 /* ub-common-name of RFC 5280 */

GS_DEFINE_CLEANUP(BIO *, BIO_free_all)
GS_DEFINE_CLEANUP(X509 *, X509_free)
GS_DEFINE_CLEANUP(EVP_PKEY *, EVP_PKEY_free)
GS_DEFINE_CLEANUP(GENERAL_NAMES *, GENERAL_NAMES_free)

static bool add_name(GENERAL_NAMES *all, const char *name)
{
    GENERAL_NAME *g = GENERAL_NAME_new();
    ASN1_OCTET_STRING *ip = a2i_IPADDRESS(name);
    ASN1_IA5STRING *dns = ip ? NULL : ASN1_IA5STRING_new();
    if (!g || (!ip && (!dns || !ASN1_STRING_set(dns, name, -1))) || !sk_GENERAL_NAME_push(all, g)) {
        GENERAL_NAME_free(g);
        ASN1_STRING_free(ip);
        ASN1_STRING_free(dns);
        return false;
    }
    GENERAL_NAME_set0_value(g, ip ? GEN_IPADD : GEN_DNS, ip ? (void *)ip : (void *)dns);
    return true;
}

static bool set_names(X509 *x, const char *const names[], size_t n)
{
    gs_cleanup(GENERAL_NAMES_free) GENERAL_NAMES *all = GENERAL_NAMES_new();
    for (size_t k = 0; all && k < n; k++)
        if (!add_name(all, names[k]))
            return false;
    return all && X509_add1_ext_i2d(x, NID_subject_alt_name, all, 0, 0) == 1;
}

static bool set_subject(X509 *x, const char *name)
{
    X509_NAME *subject = X509_get_subject_name(x);
    int len = (int)strnlen(name, COMMON_NAME_MAX);
    return X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const unsigned char *)name, len, -1, 0) == 1 &&
           X509_set_issuer_name(x, subject) == 1;
}

/* 159 random bits: never negative, at most 20 bytes, as RFC 5280 wants them. */
static bool set_serial(X509 *x)
{
    gs_cleanup(gs_buf_done) gs_buf bytes = GS_BUF(20);
    unsigned char *p = (unsigned char *)gs_buf_reserve(&bytes, 20);
    if (!p || RAND_bytes(p, 20) != 1)
        return false;
    p[0] = (unsigned char)((p[0] & 0x3f) | 0x40);
    return ASN1_STRING_set(X509_get_serialNumber(x), p, 20) == 1;
}

static X509 *certificate(EVP_PKEY *key, const char *const names[], size_t n, int64_t now_s)
{
    gs_cleanup(X509_free) X509 *x = X509_new();
    time_t from = (time_t)now_s - HOUR_S; /* a client's clock may be behind */
    bool done = x && X509_set_version(x, X509_VERSION_3) == 1 && set_serial(x) &&
                X509_time_adj_ex(X509_getm_notBefore(x), 0, 0, &from) &&
                X509_time_adj_ex(X509_getm_notAfter(x), DAYS, 0, &from) && set_subject(x, names[0]) &&
                set_names(x, names, n) && X509_set_pubkey(x, key) == 1 && X509_sign(x, key, EVP_sha256()) > 0;
    return done ? gs_take(x) : NULL;
}

static bool append(BIO *from, gs_buf *to)
{
    char *p = NULL;
    long n = BIO_get_mem_data(from, &p);
    return n > 0 && gs_buf_add(to, p, (size_t)n) == 0;
}

int gs_self_signed(const char *const names[], size_t n, int64_t now_s, gs_buf *cert_pem, gs_buf *key_pem, gs_error *err)
{
    gs_cleanup(EVP_PKEY_free) EVP_PKEY *key = EVP_EC_gen("P-256");
    gs_cleanup(X509_free) X509 *x = key && n ? certificate(key, names, n, now_s) : NULL;
    gs_cleanup(BIO_free_all) BIO *c = BIO_new(BIO_s_mem());
    gs_cleanup(BIO_free_all) BIO *k = BIO_new(BIO_s_secmem());
    if (!x || !c || !k || PEM_write_bio_X509(c, x) != 1 ||
        PEM_write_bio_PKCS8PrivateKey(k, key, NULL, NULL, 0, NULL, NULL) != 1 || !append(c, cert_pem) ||
        !append(k, key_pem))
        return gs_error_set(err, GS_TERMINAL, "OpenSSL cannot make a certificate for %s", n ? names[0] : "no name");
    return 0;
}
