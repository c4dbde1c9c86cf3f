/* A small HTTP/1.1 server for our own /healthz, /readyz, /metrics, on libevent's bufferevents: evhttp of libevent 2.1
 * bounds neither connections nor pipelined replies. Requests with a body are refused; at 100 connections the one that
 * is longest without a complete request makes room, in the middle of a TLS handshake as well. Loop thread only. */
#ifndef GS_IO_HTTP_SERVER_H
#define GS_IO_HTTP_SERVER_H

#include "base/buf.h"
#include "io/loop.h"

typedef struct gs_http_server gs_http_server;

/* A request: GET and HEAD only, without a body. Its strings live until the handler returns. */
typedef struct gs_http_asked {
    uint64_t id;               /* for gs_http_server_answer */
    const char *path;          /* without its query */
    const char *authorization; /* value of that header; "" without one. A secret: never to be logged */
} gs_http_asked;

#define GS_HTTP_LATER 0 /* instead of a status: gs_http_server_answer will be called with the id */

/* Fills body and content type ("text/plain; charset=utf-8" when left NULL); returns the status, or GS_HTTP_LATER. */
typedef int (*gs_http_handler)(void *ctx, const gs_http_asked *asked, gs_buf *body, const char **ret_content_type);

/* address: "127.0.0.1:8080", ":8080" (all), "[::1]:0" (a free port, see gs_http_server_port). */
int gs_http_server_new(gs_loop *l, const char *address, gs_http_handler fn, void *ctx, gs_http_server **ret,
                       gs_error *err);
int gs_http_server_port(const gs_http_server *s);
void gs_http_server_free(gs_http_server *s);
GS_DEFINE_CLEANUP(gs_http_server *, gs_http_server_free)

/* From now on new connections speak TLS (1.2 or later) with this certificate (PEM, its own first, then those that lead to
 * the CA) and its key (PEM, without a password); those that are open stay as they are. At an error too, which is terminal
 * and says which of the two is wrong. To be called before the loop runs, where nobody may be served without TLS. */
int gs_http_server_set_certificate(gs_http_server *s, gs_str cert_pem, gs_str key_pem, gs_error *err);

/* The answer to a request that was put off, from the loop and not from within the handler. Nothing happens where its
 * client has gone meanwhile. The body's bytes are taken. */
void gs_http_server_answer(gs_http_server *s, uint64_t id, int status, gs_buf *body, const char *content_type);

#endif
