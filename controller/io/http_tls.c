/* What a server may cost us. A handshake is done on the loop thread, and pods, stores and robots are chosen by tenants: one server
 * with a key of 16,384 bits or Diffie-Hellman over 10,000 would hold up everyone's samples, and the leader's lease, for
 * seconds. What is left takes about as long as a handshake with an honest server. */
#include "io/http_tls.h"
#include "io/http_internal.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ssl.h>

#define CHAIN_BYTES (32 << 10) /* as sent; honest ones have 2 to 8 KB */
#define CHAIN_CERTS 8
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

/* Of the server's certificates, and of those that it is verified with. */
static bool all_quick(X509_STORE_CTX *store)
{
    const STACK_OF(X509) *sent = X509_STORE_CTX_get0_untrusted(store);
    X509_STORE *trusted = X509_STORE_CTX_get0_store(store);
    const STACK_OF(X509_OBJECT) *known = trusted ? X509_STORE_get0_objects(trusted) : NULL;
    if (sk_X509_num(sent) > CHAIN_CERTS)
        return false;
    for (int k = 0; k < sk_X509_num(sent); k++)
        if (!is_quick(sk_X509_value(sent, k)))
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
    if (all_quick(store))
        return c->insecure ? 1 : X509_verify_cert(store);
    (void)gs_error_set(&c->fail, GS_TERMINAL,
                       "a certificate's key is none of RSA of up to %d bits, P-256, P-384, P-521 and Ed25519, or there "
                       "are over %d certificates: these would keep all others waiting",
                       RSA_BITS, CHAIN_CERTS);
    X509_STORE_CTX_set_error(store, X509_V_ERR_APPLICATION_VERIFICATION);
    return 0;
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
    return CURLE_OK;
}
