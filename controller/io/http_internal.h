/* What the files of the HTTP client share. Loop thread only; nobody outside http*.c includes this.
 *
 *   http.c        the pool: curl's sockets and timer on the loop, the life of a call
 *   http_call.c   one call: a request becomes curl options, curl's callbacks fill the reply
 *   http_tls.c    what a handshake may cost
 *   http_reply.c  what a finished call says: error kinds and texts, headers, Retry-After
 *
 * To pause, curl is given back the next piece (CURL_WRITEFUNC_PAUSE) and reads no further; to go on, curl_easy_pause
 * hands that piece to on_body again from within itself, so it is called from a timer and not from gs_http_resume.
 *
 * Two things happen in odd places and are put off to settle(): a callee of ours starts, cancels or frees
 * while curl is running (in_curl), where curl refuses to be called; and it frees the pool from within on_done
 * (settling). */
#ifndef GS_IO_HTTP_INTERNAL_H
#define GS_IO_HTTP_INTERNAL_H

#include "base/limits.h"
#include "io/http.h"

#include <curl/curl.h>
#include <sys/queue.h>

#define GS_HTTP_ERROR_BODY_BYTES (64u << 10) /* kept of a body that is no 2xx */

struct gs_http_call {
    TAILQ_ENTRY(gs_http_call) link; /* in exactly one list of the pool */
    gs_http *pool;
    CURL *easy;
    enum { GS_HTTP_SPARE, GS_HTTP_QUEUED, GS_HTTP_RUNNING, GS_HTTP_FINISHED } state;
    bool cancelled; /* while in_curl: to be removed by settle() */
    bool paused;    /* the owner wants no more on_data */
    bool held;      /* so curl was told, and keeps what it has at hand */

    /* of the request */
    struct curl_slist *headers, *connect_to;
    char *body_copy;
    bool insecure;   /* no certificate is verified */
    bool own_ca;     /* it is, with the CA of the request and not the system's */
    char asked[320]; /* "GET https://host/path": no userinfo, no query */
    size_t max_bytes;
    int64_t idle_ms;
    int (*on_data)(void *ctx, const char *p, size_t n, gs_error *err);
    void (*on_done)(void *ctx, const gs_http_reply *reply);
    void *ctx;

    /* of the reply */
    int64_t started_ms, heard_ms;
    curl_off_t uploaded; /* as the idle timer last saw it */
    size_t header_bytes, body_bytes;
    bool headers_done;   /* the empty line after them came */
    bool cut;            /* an error body was longer than we keep: curl was stopped, the exchange counts as complete */
    bool opened;         /* a socket was made */
    char refused[64];    /* the address that allow_addr refused */
    gs_error fail;       /* why one of our callbacks stopped curl */
    gs_buf header_pairs; /* name NUL value NUL ... */
    gs_buf body;
    char cause[CURL_ERROR_SIZE];
    gs_http_reply reply;
};

TAILQ_HEAD(gs_http_calls, gs_http_call);

struct gs_http {
    gs_loop *loop;
    CURLM *multi;
    gs_timer *curl_timer, *idle_timer, *resume_timer;
    int64_t idle_due_ms; /* 0: not armed */
    char *user_agent;
    bool (*allow_addr)(void *ctx, const struct sockaddr *addr);
    void *allow_ctx;
    struct gs_http_calls queued, running, finished;
    bool in_curl;  /* a curl function runs below us on the stack */
    bool settling; /* settle() runs below us on the stack */
    bool dead;     /* freed while one of them did */
    bool reap;     /* some running call is cancelled */
};

int64_t gs_http_now_ms(void);
extern bool gs_http_has_bundle; /* libcurl knows the file of the system's CAs; set once, by the first gs_http_new */

/* http_call.c */
gs_http_call *gs_http_call_new(void); /* of no pool yet */
void gs_http_call_free(gs_http_call *c);
int gs_http_call_prepare(gs_http_call *c, const gs_http_request *r, gs_error *err);
void gs_http_call_reset(gs_http_call *c); /* forgets the request and reply, keeps what is costly to make */

/* http_tls.c: a CURLOPT_SSL_CTX_FUNCTION */
CURLcode gs_http_tls_limit(CURL *easy, void *ssl_ctx, void *call);

/* http_reply.c */
void gs_http_describe(char *dst, size_t cap, const char *method, const char *url);
void gs_http_reply_fill(gs_http_call *c, CURLcode code);
void gs_http_reply_header(gs_http_call *c, gs_str line);

#endif
