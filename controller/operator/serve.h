/* /metrics, /healthz, /readyz, and who may read the first: between the files serve*.c and metrics*.c. */
#ifndef GS_OPERATOR_SERVE_H
#define GS_OPERATOR_SERVE_H

#include "io/http_server.h"
#include "kube/client.h"

/* serve_auth.c: may who shows this bearer token GET the path? The API server is asked, and its answer kept for a while
 * under the token's digest, never the token. Loop thread only. */
typedef struct op_auth op_auth;
/* status: 200 may; 401 nobody that the API server knows; 403 may not; 503 it does not say. From the loop. */
typedef void (*op_auth_answer)(void *ctx, uint64_t id, int status);
op_auth *op_auth_new(gs_kube *k, const char *path, op_auth_answer answer, void *ctx);
void op_auth_free(op_auth *a); /* NULL is fine; nobody is answered any more */
/* One of the statuses at once, or GS_HTTP_LATER: then answer is called with asked->id. */
int op_auth_ask(op_auth *a, const gs_http_asked *asked);

/* serve_cert.c: the certificate of the server, from dir/tls.crt and dir/tls.key, read again where they change; or made
 * here where dir is "". */
typedef struct op_cert op_cert;
int op_cert_new(gs_loop *l, gs_http_server *s, const char *dir, const char *address, op_cert **ret, gs_error *err);
void op_cert_free(op_cert *c); /* NULL is fine */
GS_DEFINE_CLEANUP(op_cert *, op_cert_free)

#endif
