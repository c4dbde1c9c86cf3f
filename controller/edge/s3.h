/* Objects in S3: put and confirmed by the store, streamed in parts, listed, deleted, linked to. Loop thread only.
 * Every write asks for where->sse. All calls are one try: retries are the caller's. */
#ifndef GS_EDGE_S3_H
#define GS_EDGE_S3_H

#include "core/policy.h"
#include "edge/destinations.h"
#include "io/http.h"

typedef struct gs_s3 gs_s3;

/* Connects only where d (which outlives it) allows it, by name and by address. */
int gs_s3_new(gs_loop *l, const gs_destinations *d, gs_s3 **ret, gs_error *err);
/* What is under way ends, without its callback; handles of uploads and listings are no longer valid: forget them before. */
void gs_s3_free(gs_s3 *s);
GS_DEFINE_CLEANUP(gs_s3 *, gs_s3_free)

/* Puts, gets, deletes and sweeps that were started with this ctx end without their callback; a put or delete may have been done
 * all the same. */
void gs_s3_cancel(gs_s3 *s, const void *ctx);

typedef struct gs_s3_credentials { /* from the policy's Secret; copied by each call, wiped after use */
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

/* ---- an object of unknown length, in parts, never held whole ----
 *
 * Up to GS_S3_PART bytes it becomes one PUT; beyond, a multipart upload of parts of GS_S3_PART bytes, of which at most one is
 * under way while the next one is filled. The digest of the whole is made as it goes. Once confirmed: HEAD returns the length,
 * and each part's checksum was confirmed with its reply. Where anything fails the upload is aborted; done comes once the
 * store has confirmed that too, or it could not be reached (gs_s3_sweep_uploads finds what is left). */
#define GS_S3_PART (5u << 20) /* S3 takes no smaller ones but the last */
typedef struct gs_s3_upload gs_s3_upload;
typedef struct gs_s3_stored {
    char sha256[65]; /* of the whole object, hex */
    uint64_t bytes;
} gs_s3_stored;
typedef void (*gs_s3_uploaded)(void *ctx, const gs_s3_stored *s, const gs_error *err);
/* on_room: there is room again after write said no. Both are never called from within a call of this header. */
gs_s3_upload *gs_s3_upload_start(gs_s3 *s, const gs_s3_spec *where, const gs_s3_credentials *cred, const char *key,
                                 const char *content_type, void (*on_room)(void *ctx), gs_s3_uploaded done, void *ctx);
/* Takes all n bytes, at about 2 ms a megabyte; false: no more until on_room (pause the source): what comes all the same is
 * kept up to another GS_S3_PART bytes, then the upload fails. After a failure bytes are dropped. */
bool gs_s3_upload_write(gs_s3_upload *u, const char *p, size_t n);
void gs_s3_upload_finish(gs_s3_upload *u);                     /* all is written */
void gs_s3_upload_abort(gs_s3_upload *u, const gs_error *why); /* the source failed: done comes with *why */
void gs_s3_upload_forget(gs_s3_upload *u); /* done is not called any more; it is aborted in the background */

/* ---- what is there ---- */

typedef struct gs_s3_object {
    const char *key; /* whole */
    uint64_t bytes;
    int64_t modified_ms; /* wall, by the store's clock */
} gs_s3_object;
/* ListObjectsV2, page by page, of keys that begin with prefix (which must not be empty and must end with '/'). A key outside
 * of it ends the listing as GS_TERMINAL: a store that answers so is not trusted. */
typedef struct gs_s3_list gs_s3_list;
gs_s3_list *gs_s3_list_start(gs_s3 *s, const gs_s3_spec *where, const gs_s3_credentials *cred, const char *prefix,
                             void (*on_object)(void *ctx, const gs_s3_object *o), gs_s3_done done, void *ctx);
void gs_s3_list_cancel(gs_s3_list *l); /* NULL is fine; from within on_object too, which must not free s */

/* body lives as long as the call of done. GS_NOT_FOUND: no such bucket, or no such object in it. */
void gs_s3_get(gs_s3 *s, const gs_s3_spec *where, const gs_s3_credentials *cred, const char *key, size_t max_bytes,
               void (*done)(void *ctx, gs_str body, const gs_error *err), void *ctx);
/* Gone, or was not there: GS_OK. */
void gs_s3_delete(gs_s3 *s, const gs_s3_spec *where, const gs_s3_credentials *cred, const char *key, gs_s3_done fn,
                  void *ctx);
/* Aborts multipart uploads under the prefix whose key `mine` accepts (a callback: others may write there too), that were
 * begun more than age_ms ago and are not under way here: of a controller that was killed. mine and done get ctx. */
void gs_s3_sweep_uploads(gs_s3 *s, const gs_s3_spec *where, const gs_s3_credentials *cred, const char *prefix,
                         int64_t age_ms, bool (*mine)(void *ctx, const char *key),
                         void (*done)(void *ctx, unsigned aborted, const gs_error *err), void *ctx);

/* A link that anyone may GET for seconds (query-signed SigV4, UNSIGNED-PAYLOAD), appended to *out. Pure. */
int gs_s3_presign(const gs_s3_spec *where, const gs_s3_credentials *cred, const char *key, int64_t wall_ms, int seconds,
                  gs_buf *out, gs_error *err);

#endif
