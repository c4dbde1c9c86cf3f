/* A small HTTP/1.1 server for our own /healthz, /readyz, /metrics, on libevent's bufferevents: evhttp of libevent 2.1
 * bounds neither connections nor pipelined replies. Requests with a body are refused; at 100 connections the one that
 * is longest without a complete request makes room. Loop thread only. */
#ifndef GS_IO_HTTP_SERVER_H
#define GS_IO_HTTP_SERVER_H

#include "base/buf.h"
#include "io/loop.h"

typedef struct gs_http_server gs_http_server;

/* Fills body and content type ("text/plain; charset=utf-8" when left NULL); returns the status. GET and HEAD only reach it. */
typedef int (*gs_http_handler)(void *ctx, const char *path, gs_buf *body, const char **ret_content_type);

/* address: "127.0.0.1:8080", ":8080" (all), "[::1]:0" (a free port, see gs_http_server_port). */
int gs_http_server_new(gs_loop *l, const char *address, gs_http_handler fn, void *ctx, gs_http_server **ret,
                       gs_error *err);
int gs_http_server_port(const gs_http_server *s);
void gs_http_server_free(gs_http_server *s);
GS_DEFINE_CLEANUP(gs_http_server *, gs_http_server_free)

#endif
