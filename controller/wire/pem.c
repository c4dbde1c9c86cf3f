#include "wire/pem.h"

#include "base/der.h"

#include <limits.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <time.h>

#define EC_BITS_MAX 521
#define RSA_BITS_MAX 4096 /* signs in 4 ms, and 15360 bits in 200: who connects waits for nothing else meanwhile */

static BIO *reader(gs_str pem)
{
    return pem.n <= INT_MAX ? BIO_new_mem_buf(pem.p ? pem.p : "", (int)pem.n) : NULL;
}

/* OpenSSL would ask at the terminal. Nor is an empty one tried: how many rounds of a hash that takes is written in the text,
 * and hours may be. */
static int no_password(char *buf, int size, int rwflag, void *ctx)
{
    (void)buf;
    (void)size;
    (void)rwflag;
    (void)ctx;
    return -1;
}

static X509 *read_cert(gs_str pem)
{
    BIO *bio = reader(pem);
    X509 *cert = bio ? PEM_read_bio_X509(bio, NULL, no_password, NULL) : NULL;
    BIO_free(bio);
    return cert;
}

static EVP_PKEY *read_key(gs_str pem)
{
    BIO *bio = reader(pem);
    EVP_PKEY *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL) : NULL;
    BIO_free(bio);
    return key;
}

static int check_quick(gs_str pem, gs_error *err)
{
    BIO *bio = reader(pem);
    char *name, *header;
    unsigned char *der;
    long n;
    bool quick = true;
    while (bio && quick && PEM_read_bio(bio, &name, &header, &der, &n) == 1) {
        quick = gs_der_is_quick((gs_str){(const char *)der, (size_t)n});
        OPENSSL_free(name);
        OPENSSL_free(header);
        OPENSSL_clear_free(der, (size_t)n);
    }
    BIO_free(bio);
    ERR_clear_error(); /* libcurl would tell of ours */
    return quick ? 0
                 : gs_error_set(err, GS_TERMINAL,
                                "it has a key on another curve than P-256, P-384 and P-521, which is slow");
}

int gs_pem_check_pair(gs_str cert_pem, gs_str key_pem, gs_error *err)
{
    if (check_quick(cert_pem, err) || check_quick(key_pem, err))
        return -GS_TERMINAL;
    X509 *cert = read_cert(cert_pem);
    EVP_PKEY *key = read_key(key_pem);
    bool has_cert = cert != NULL, has_key = key != NULL;
    bool fits = has_cert && has_key && X509_check_private_key(cert, key) == 1;
    int most = has_key && EVP_PKEY_is_a(key, "EC") == 1 ? EC_BITS_MAX : RSA_BITS_MAX;
    bool slow = has_key && EVP_PKEY_get_bits(key) > most;
    X509_free(cert);
    EVP_PKEY_free(key);
    ERR_clear_error(); /* libcurl would tell of ours */
    if (!has_cert)
        return gs_error_set(err, GS_TERMINAL, "the first holds no certificate that can be read");
    if (!has_key)
        return gs_error_set(err, GS_TERMINAL, "the second holds no private key that can be read without a password");
    if (!fits)
        return gs_error_set(err, GS_TERMINAL, "the key is not that of the certificate");
    return !slow
               ? 0
               : gs_error_set(err, GS_TERMINAL, "the key has over %d bits: make a smaller one, or one on P-256", most);
}

int gs_pem_not_after(gs_str pem, int64_t *ret_wall_ms, gs_error *err)
{
    struct tm tm = {0};
    if (check_quick(pem, err))
        return -GS_TERMINAL;
    X509 *cert = read_cert(pem);
    int known = cert ? ASN1_TIME_to_tm(X509_get0_notAfter(cert), &tm) : 0;
    X509_free(cert);
    ERR_clear_error(); /* libcurl would tell of ours */
    if (known != 1)
        return gs_error_set(err, GS_TERMINAL, "it holds no certificate that can be read");
    *ret_wall_ms = (int64_t)timegm(&tm) * 1000;
    return 0;
}
