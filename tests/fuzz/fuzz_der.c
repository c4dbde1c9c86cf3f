/* What gs_der_is_quick lets through is a key that OpenSSL decodes on a curve it names, and on no other curve than these. */
#include "base/cleanup.h"
#include "base/der.h"
#include "fuzz.h"

#include <openssl/err.h>
#include <openssl/x509.h>

static void check(EVP_PKEY *key)
{
    static const char *const curves[] = {"prime256v1", "secp384r1", "secp521r1"};
    char group[64];
    size_t n;
    if (!key || EVP_PKEY_get_base_id(key) != EVP_PKEY_EC)
        return;
    FUZZ_CHECK(EVP_PKEY_get_group_name(key, group, sizeof group, &n) == 1);
    bool known = false;
    for (size_t k = 0; k < GS_LEN(curves); k++)
        known = known || gs_streq(group, curves[k]);
    FUZZ_CHECK(known);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    const unsigned char *at = data;
    if (!gs_der_is_quick((gs_str){(const char *)data, n}))
        return 0;
    X509 *cert = d2i_X509(NULL, &at, (long)n);
    check(cert ? X509_get0_pubkey(cert) : NULL);
    X509_free(cert);
    at = data;
    EVP_PKEY *key = d2i_PUBKEY(NULL, &at, (long)n);
    check(key);
    EVP_PKEY_free(key);
    ERR_clear_error();
    return 0;
}
