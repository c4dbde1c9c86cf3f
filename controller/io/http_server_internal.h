/* What the files of the HTTP server share; nobody outside http_server*.c includes this, but tests of the parser.
 *
 *   http_server.c         connections: one request at a time, its answer now or later
 *   http_server_head.c    a request's header, which comes from anybody
 *   http_server_listen.c  from an address to a listening socket
 *   http_server_tls.c     from a certificate and its key to a TLS context */
#ifndef GS_IO_HTTP_SERVER_INTERNAL_H
#define GS_IO_HTTP_SERVER_INTERNAL_H

#include "io/http_server.h"

struct ssl_ctx_st; /* OpenSSL's SSL_CTX */

typedef struct gs_http_head {
    const char *method, *path, *authorization; /* never NULL on success */
    bool close;                                /* no further request on this connection */
    bool has_body;
} gs_http_head;

/* Splits the header, terminated, with its empty line, in place: the result points into it. Returns 0, or the status to
 * refuse it with. */
int gs_http_head_parse(char *head, gs_http_head *ret);

/* A listening, non-blocking socket, or a negative error. */
int gs_http_listen(const char *address, int *ret_port, gs_error *err);

int gs_http_tls_new(gs_str cert_pem, gs_str key_pem, struct ssl_ctx_st **ret, gs_error *err);

#endif
