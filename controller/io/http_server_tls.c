#include "io/http_server_internal.h"
#include "io/http_tls.h"

#include <limits.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

GS_DEFINE_CLEANUP(BIO *, BIO_free_all)
GS_DEFINE_CLEANUP(X509 *, X509_free)
GS_DEFINE_CLEANUP(EVP_PKEY *, EVP_PKEY_free)
GS_DEFINE_CLEANUP(SSL_CTX *, SSL_CTX_free)

/* OpenSSL would ask at the terminal. */
static int no_password(char *buf, int size, int rwflag, void *ctx)
{
    (void)buf;
    (void)size;
    (void)rwflag;
    (void)ctx;
    return -1;
}

static BIO *text(gs_str pem)
{
    return BIO_new_mem_buf(pem.n ? pem.p : "", pem.n > INT_MAX ? 0 : (int)pem.n);
}

static int use_chain(SSL_CTX *tls, gs_str pem, gs_error *err)
{
    gs_cleanup(BIO_free_all) BIO *in = text(pem);
    gs_cleanup(X509_free) X509 *own = PEM_read_bio_X509(in, NULL, no_password, NULL);
    if (!own || SSL_CTX_use_certificate(tls, own) != 1)
        return gs_error_set(err, GS_TERMINAL, "the certificate is no PEM certificate that can be used");
    for (X509 *more; (more = PEM_read_bio_X509(in, NULL, no_password, NULL));)
        if (SSL_CTX_add0_chain_cert(tls, more) != 1) {
            X509_free(more);
            return gs_error_set(err, GS_TERMINAL, "a certificate of the chain cannot be used");
        }
    return 0;
}

static int use_key(SSL_CTX *tls, gs_str pem, gs_error *err)
{
    gs_cleanup(BIO_free_all) BIO *in = text(pem);
    gs_cleanup(EVP_PKEY_free) EVP_PKEY *key = PEM_read_bio_PrivateKey(in, NULL, no_password, NULL);
    if (!key)
        return gs_error_set(err, GS_TERMINAL, "the key is no PEM private key, or has a password");
    if (SSL_CTX_use_PrivateKey(tls, key) != 1 || SSL_CTX_check_private_key(tls) != 1)
        return gs_error_set(err, GS_TERMINAL, "the key is not that of the certificate");
    return 0;
}

int gs_http_tls_new(gs_str cert_pem, gs_str key_pem, struct ssl_ctx_st **ret, gs_error *err)
{
    gs_cleanup(SSL_CTX_free) SSL_CTX *tls = SSL_CTX_new(TLS_server_method());
    if (!tls || SSL_CTX_set_min_proto_version(tls, TLS1_2_VERSION) != 1)
        return gs_error_set(err, GS_TERMINAL, "OpenSSL offers no TLS 1.2");
    /* A scraper keeps its connection: resumption would be state for nothing, and a renegotiation only costs. */
    (void)SSL_CTX_set_session_cache_mode(tls, SSL_SESS_CACHE_OFF);
    (void)SSL_CTX_set_options(tls, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET | SSL_OP_NO_COMPRESSION);
    (void)SSL_CTX_set_num_tickets(tls, 0);
    (void)SSL_CTX_set1_groups_list(tls, GS_HTTP_TLS_GROUPS);
    (void)SSL_CTX_set_mode(tls, SSL_MODE_RELEASE_BUFFERS); /* else 34 KB for each idle connection */
    int rc = use_chain(tls, cert_pem, err);
    if (!rc)
        rc = use_key(tls, key_pem, err);
    ERR_clear_error(); /* what is left in the thread's queue would be taken for an error of libevent or libcurl */
    if (!rc)
        *ret = gs_take(tls);
    return rc;
}
