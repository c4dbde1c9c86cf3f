/* What a server may cost us. A handshake is done on the loop thread, and pods, stores and robots are chosen by tenants: one that
 * has Diffie-Hellman done over 10,000 bits, or sends keys on curves of its own, would hold up everyone's samples, and the
 * leader's lease, for seconds. What is left is under 10 ms in the worst case; honest servers take 1. */
#include "io/http_tls.h"
#include "base/der.h"
#include "io/http_internal.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#define CHAIN_BYTES (16 << 10) /* as sent; honest ones have 2 to 8 KB */
#define CHAIN_CERTS 6
#define CERT_NAMES 256          /* each is held against each name constraint of each CA */
#define RSA_BITS 8192           /* verifies in 0.2 ms; 16,384 bits with a large exponent in 10 */
#define EXPONENT_BITS 32        /* all in use are 3 or 65537 */
#define CIPHERS "DEFAULT:!kDHE" /* of TLS 1.2, where the server chooses the prime */

static bool exponent_is_small(EVP_PKEY *key)
{
    BIGNUM *e = NULL;
    bool small = EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, &e) == 1 && BN_num_bits(e) <= EXPONENT_BITS;
    BN_free(e);
    return small;
}

static bool is_quick(X509 *cert)
{
    static const char *const curves[] = {"prime256v1", "secp384r1", "secp521r1"};
    EVP_PKEY *key = X509_get0_pubkey(cert);
    char group[32];
    size_t n;
    if (!key)
        return false;
    switch (EVP_PKEY_get_base_id(key)) {
    case EVP_PKEY_RSA:
    case EVP_PKEY_RSA_PSS:
        return EVP_PKEY_get_bits(key) <= RSA_BITS && exponent_is_small(key);
    case EVP_PKEY_EC:
        for (size_t k = 0; EVP_PKEY_get_group_name(key, group, sizeof group, &n) == 1 && k < GS_LEN(curves); k++)
            if (gs_streq(group, curves[k]))
                return true;
        return false;
    default:
        return EVP_PKEY_get_base_id(key) == EVP_PKEY_ED25519;
    }
}

static bool has_few_names(X509 *cert)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
    bool few = !names || sk_GENERAL_NAME_num(names) <= CERT_NAMES;
    GENERAL_NAMES_free(names);
    return few;
}

/* Of the server's certificates, and of the CAs that the caller would have it verified with; the system's are as they are. */
static bool all_quick(const gs_http_call *c, X509_STORE_CTX *store)
{
    const STACK_OF(X509) *sent = X509_STORE_CTX_get0_untrusted(store);
    X509_STORE *trusted = c->own_ca ? X509_STORE_CTX_get0_store(store) : NULL;
    const STACK_OF(X509_OBJECT) *known = trusted ? X509_STORE_get0_objects(trusted) : NULL;
    for (int k = 0; k < sk_X509_num(sent); k++)
        if (!is_quick(sk_X509_value(sent, k)) || !has_few_names(sk_X509_value(sent, k)))
            return false;
    for (int k = 0; k < sk_X509_OBJECT_num(known); k++) {
        X509 *cert = X509_OBJECT_get0_X509(sk_X509_OBJECT_value(known, k));
        if (cert && !is_quick(cert))
            return false;
    }
    return true;
}

static int verify(X509_STORE_CTX *store, void *ctx)
{
    gs_http_call *c = ctx;
    if (all_quick(c, store))
        return c->insecure || X509_verify_cert(store) > 0;
    (void)gs_error_set(
        &c->fail, GS_TERMINAL,
        "a certificate, or one of the CA's, has a key that is none of RSA of up to %d bits, P-256, P-384, "
        "P-521 and Ed25519, or over %d names: it would keep all others waiting",
        RSA_BITS, CERT_NAMES);
    X509_STORE_CTX_set_error(store, X509_V_ERR_APPLICATION_VERIFICATION);
    return 0;
}

static size_t number(const unsigned char *p, size_t bytes)
{
    size_t n = 0;
    for (size_t k = 0; k < bytes; k++)
        n = n << 8 | p[k];
    return n;
}

/* Of the body of a Certificate message (RFC 5246, 7.4.2; RFC 8446, 4.4.2). */
static size_t certificates(const unsigned char *p, size_t n, bool tls13)
{
    size_t at = (tls13 && n ? 1u + p[0] : 0) + 3, count = 0;
    while (at <= n && n - at >= 3) {
        at += 3 + number(p + at, 3);
        if (tls13 && at <= n && n - at >= 2)
            at += 2 + number(p + at, 2);
        count++;
    }
    return count;
}

/* Sees the message before OpenSSL decodes what is in it, keys included, and has no other way to stop it than to spoil it. */
static void on_message(int sent, int version, int type, const void *bytes, size_t n, SSL *ssl, void *ctx)
{
    gs_http_call *c = ctx;
    const unsigned char *p = bytes;
    (void)ssl;
    if (sent || type != SSL3_RT_HANDSHAKE || n < SSL3_HM_HEADER_LENGTH || p[0] != SSL3_MT_CERTIFICATE)
        return;
    p += SSL3_HM_HEADER_LENGTH;
    n -= SSL3_HM_HEADER_LENGTH;
    if (certificates(p, n, version == TLS1_3_VERSION) > CHAIN_CERTS)
        (void)gs_error_set(&c->fail, GS_TERMINAL, "the server sends over %d certificates", CHAIN_CERTS);
    else if (!gs_der_is_quick((gs_str){(const char *)p, n}))
        (void)gs_error_set(&c->fail, GS_TERMINAL,
                           "the server sends a certificate with a key on another curve than P-256, P-384 and P-521");
    else
        return;
    memset((unsigned char *)(uintptr_t)p, 0xff, n);
}

CURLcode gs_http_tls_limit(CURL *easy, void *ssl_ctx, void *call)
{
    SSL_CTX *tls = ssl_ctx;
    (void)easy;
    if (SSL_CTX_set1_groups_list(tls, GS_HTTP_TLS_GROUPS) != 1 || SSL_CTX_set_cipher_list(tls, CIPHERS) != 1)
        return CURLE_SSL_CIPHER;
    (void)SSL_CTX_set_options(tls, SSL_OP_NO_RENEGOTIATION);
    SSL_CTX_set_max_cert_list(tls, CHAIN_BYTES);
    SSL_CTX_set_verify(tls, SSL_VERIFY_PEER, NULL); /* verify() knows whether anything is to be trusted */
    SSL_CTX_set_cert_verify_callback(tls, verify, call);
    SSL_CTX_set_msg_callback(tls, on_message);
    SSL_CTX_set_msg_callback_arg(tls, call);
    return CURLE_OK;
}
