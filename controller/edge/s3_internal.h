/* What the files of the S3 client share; nobody outside s3*.c and its tests includes this.
 *
 *   s3.c       one put: PUT, HEAD, compare
 *   s3_where.c an object's URL, and which addresses may be connected to
 *   s3_error.c what an error reply means */
#ifndef GS_EDGE_S3_INTERNAL_H
#define GS_EDGE_S3_INTERNAL_H

#include "edge/s3.h"

#define GS_S3_KEY_MAX 1024 /* S3's own limit, in bytes before escaping */
#define GS_S3_URL_MAX 4096 /* an endpoint, a bucket and an escaped key fit */

/* Appends the URL of the object, its key percent-encoded. Every field of where that goes into it is checked. */
int gs_s3_url(const gs_s3_spec *where, const char *key, gs_buf *out, gs_error *err);
bool gs_s3_addr_allowed(const struct sockaddr *addr);

typedef struct gs_s3_code {
    const char *name;
    enum gs_kind kind; /* where the HTTP status does not say */
    const char *hint;  /* what to do, "" where the name says it */
} gs_s3_code;

/* The <Code> of an S3 error document where it is one that we know, else NULL: remote text never gets out. */
const gs_s3_code *gs_s3_error_code(gs_str xml);
/* A reply to `method` that is no 2xx, as an error that names bucket and endpoint. */
int gs_s3_refused(const gs_s3_spec *where, const char *method, const gs_http_reply *reply, gs_error *err);

#endif
