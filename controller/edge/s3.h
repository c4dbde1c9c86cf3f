/* Puts one object into S3 and has the store confirm it. Loop thread only. */
#ifndef GS_EDGE_S3_H
#define GS_EDGE_S3_H

#include "core/policy.h"
#include "io/http.h"

typedef struct gs_s3 gs_s3;

/* Connects to any address but link-local ones (where clouds serve credentials), unspecified and multicast ones. */
int gs_s3_new(gs_loop *l, gs_s3 **ret, gs_error *err);
void gs_s3_free(gs_s3 *s); /* puts under way are cancelled, their callbacks not called */
GS_DEFINE_CLEANUP(gs_s3 *, gs_s3_free)

typedef struct gs_s3_credentials { /* from the policy's Secret; copied by gs_s3_put, wiped after use */
    const char *access_key, *secret_key, *session_token; /* token NULL or "": none */
    const char *ca_pem;                                  /* NULL: the system's CAs */
} gs_s3_credentials;

/* PUT with x-amz-content-sha256 and x-amz-checksum-sha256, then HEAD with x-amz-checksum-mode: ENABLED; done with err
 * kind GS_OK only where the store itself returned the same checksum and length. One try: retries are the caller's.
 * Never called back from within gs_s3_put. fn may put again, and free s.
 *
 * key is the whole key, with where->prefix already in front. body must stay valid until done. sha256_hex: its SHA-256
 * where the caller has it already (for big bodies made on a worker); NULL: made here, at about 1 ms a megabyte.
 *
 * Kinds: GS_TRANSIENT network, 5xx, throttling, object not there yet; GS_NOT_FOUND no such bucket; GS_REFUSED 401, 403,
 * bad credentials, a forbidden address, and a store that does not confirm the checksum; GS_TERMINAL the rest. */
typedef void (*gs_s3_done)(void *ctx, const gs_error *err);
void gs_s3_put(gs_s3 *s, const gs_s3_spec *where, const gs_s3_credentials *cred, const char *key, gs_str body,
               const char *sha256_hex, const char *content_type, gs_s3_done fn, void *ctx);

#endif
