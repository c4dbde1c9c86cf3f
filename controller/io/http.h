/* The HTTP(S) client: libcurl multi on the loop. libcurl appears behind this header only.
 *
 * A gs_http is one pool of kept-alive connections (one curl multi): libcurl walks all connections of a multi, so many
 * small pools, each fired as one batch, beat a big one. No redirects are followed, no proxy is used, no
 * cookies are kept, HTTP/1.1 only. Loop thread only. */
#ifndef GS_IO_HTTP_H
#define GS_IO_HTTP_H

#include "base/buf.h"
#include "io/loop.h"

struct sockaddr;
typedef struct gs_http gs_http;
typedef struct gs_http_call gs_http_call;
typedef struct gs_http_reply gs_http_reply;

typedef struct gs_http_options {
    const char *user_agent; /* NULL: "gostat/<version>" */
    long max_connections;   /* kept alive in this pool; 0: 16 */
    /* Asked with the address that the socket is about to connect to, whatever the URL's spelling; NULL: all allowed. */
    bool (*allow_addr)(void *ctx, const struct sockaddr *addr);
    void *allow_ctx;
} gs_http_options;

int gs_http_new(gs_loop *l, const gs_http_options *o, gs_http **ret, gs_error *err);
/* Cancels the calls under way without calling back. */
void gs_http_free(gs_http *h);
GS_DEFINE_CLEANUP(gs_http *, gs_http_free)

/* TLS and credentials; all strings are copied by gs_http_start. PEM texts, not files: callers re-read files. Servers whose
 * handshake would hold the loop are refused (http_tls.c): RSA over 8192 bits or with an exponent over 32, other curves than
 * P-256, P-384, P-521, X25519 and Ed25519, over 6 certificates, 16 KB or 256 names of them, finite-field Diffie-Hellman. */
typedef struct gs_http_tls {
    const char *ca_pem;   /* NULL: the system's CAs */
    const char *cert_pem; /* client certificate chain, with key_pem */
    const char *key_pem;
    const char
        *server_name; /* NULL: the URL's host. Verify and SNI name where it differs (connects to the URL's host) */
    bool insecure;    /* no certificate is verified */
} gs_http_tls;

typedef struct gs_http_sigv4 {    /* AWS Signature Version 4 by libcurl; x-amz-content-sha256 is the caller's header */
    const char *region, *service; /* "us-east-1", "s3" */
    const char *access_key, *secret_key;
} gs_http_sigv4;

typedef struct gs_http_request {
    const char *method; /* GET HEAD POST PUT PATCH DELETE */
    const char *url;
    const char *const *headers; /* "Name: value", NULL-terminated; may be NULL */
    gs_str body;                /* copied unless body_static; p NULL: none */
    bool body_static;           /* body outlives the call: not copied */
    int64_t timeout_ms;         /* the whole exchange; 0: none (watches) */
    int64_t idle_timeout_ms;    /* fails (transient) when no byte arrives for so long; 0: none */
    int64_t connect_timeout_ms; /* 0: min(timeout, 10 s) */
    /* Of a 2xx body as delivered, after decompression; over it the call fails as terminal. 0: no limit with on_data,
     * for HEAD nothing to limit, refused otherwise. Other bodies are cut at it, or at 64 KB, and the status stands. */
    size_t max_bytes;
    bool accept_gzip;           /* ask for and undo Content-Encoding: gzip */
    const gs_http_tls *tls;     /* NULL: system CAs, no client certificate */
    const gs_http_sigv4 *sigv4; /* NULL: none */
    /* Streaming: called with each piece of a 2xx body as it arrives (other bodies are collected in reply->body, cut at
     * 64 KB). A non-zero return ends the call as failed with that kind. NULL: the body is collected in reply->body. */
    int (*on_data)(void *ctx, const char *p, size_t n, gs_error *err);
    /* Called once on the loop thread, never from within gs_http_start. The reply lives until it returns. */
    void (*on_done)(void *ctx, const gs_http_reply *reply);
    void *ctx;
} gs_http_request;

struct gs_http_reply {
    int status;             /* 0: no HTTP reply */
    gs_error err;           /* kind GS_OK for any complete HTTP exchange, whatever its status */
    gs_buf *body;           /* the callee may take its bytes */
    int64_t retry_after_ms; /* from Retry-After (seconds or a date), -1: none */
    int64_t elapsed_ms;
    char content_type[128];
    /* A response header's value by case-insensitive name, NULL where absent; lives as long as the reply. */
    const char *(*header)(const gs_http_reply *reply, const char *name);
    void *impl;
};

/* Never blocks. On success *ret_call (may be NULL) can be cancelled until on_done was entered. */
int gs_http_start(gs_http *h, const gs_http_request *r, gs_http_call **ret_call, gs_error *err);
/* No more on_data until gs_http_resume; from within on_data too (the piece at hand counts as taken). Nothing more is read
 * meanwhile, but for one piece that waits (16 KB; with accept_gzip what these unpack to). idle_timeout_ms rests, timeout_ms
 * does not. on_data is never called from within gs_http_resume. on_done comes while paused where nothing waits. */
void gs_http_pause(gs_http_call *c);
void gs_http_resume(gs_http_call *c);
/* Ends the call; its on_done is not called. */
void gs_http_cancel(gs_http_call *c);

/* Turns a reply into 0 or an error with kind, status, and what was asked ("GET https://…: 503 Service Unavailable").
 * Bodies of remote answers never go into it. */
int gs_http_check(const gs_http_reply *reply, const char *what, gs_error *err);

#endif
