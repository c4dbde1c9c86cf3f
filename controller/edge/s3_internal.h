/* What the files of the S3 client share; nobody outside s3*.c and its tests includes this.
 *
 *   s3.c        the client, and the one way in which a request is started and its reply judged
 *   s3_put.c    one put: PUT, HEAD, compare
 *   s3_upload.c an object in parts
 *   s3_parts.c  what the requests about its parts say, and what the store must answer
 *   s3_object.c get, delete
 *   s3_list.c   listings
 *   s3_sweep.c  uploads that were left over
 *   s3_page.c   a page of a listing, decoded; s3_xml.c the XML of it
 *   s3_sign.c   links
 *   s3_where.c  an object's URL
 *   s3_error.c  what an error reply means */
#ifndef GS_EDGE_S3_INTERNAL_H
#define GS_EDGE_S3_INTERNAL_H

#include "base/limits.h"
#include "edge/s3.h"
#include "wire/digest.h"

#include <sys/queue.h>

#define GS_S3_KEY_MAX 1024  /* S3's own limit, in bytes before escaping */
#define GS_S3_URL_MAX 12288 /* an endpoint, a bucket, an escaped key and a query with another one fit */
#define GS_S3_EMPTY_SHA256 "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

/* ---- s3.c: one operation, which is one request after another ---- */

typedef struct gs_s3_op gs_s3_op;
/* err kind GS_OK: a 2xx. reply NULL: it could not be sent. May free op and the whole client. */
typedef void (*gs_s3_answer)(gs_s3_op *op, const gs_http_reply *reply, const gs_error *err);

struct gs_s3_op { /* the first member of what each file keeps of its own */
    TAILQ_ENTRY(gs_s3_op) link;
    gs_s3 *s3;
    gs_s3_spec where;
    char *access_key, *secret_key, *token, *token_header, *ca_pem;
    void (*destroy)(gs_s3_op *op); /* what is its own; then gs_s3_op_free */
    void *ctx;                     /* of the caller's callback; not of uploads and listings, which have handles */
    gs_http_call *http;            /* the request under way */
    const char *method;
    gs_s3_answer answer;
    gs_error unusable; /* the credentials, and why */
    bool late;         /* answer is due with late_err, from the loop */
    gs_error late_err;
};

typedef struct gs_s3_request {
    const char *method;
    const char *key;            /* NULL: of the bucket */
    const char *query;          /* sorted, escaped, each key with a '='; NULL: none */
    const char *const *headers; /* further ones, NULL-terminated; NULL: none */
    gs_str body;                /* must live until the answer */
    const char *sha256_hex;     /* of the body */
    size_t max_bytes;           /* of the reply; 0: an error document's */
    int64_t idle_timeout_ms;    /* 0: the usual */
    gs_s3_answer answer;
} gs_s3_request;

/* Copies where and cred. Bad credentials are the first request's failure. */
void gs_s3_op_init(gs_s3_op *op, gs_s3 *s, const gs_s3_spec *where, const gs_s3_credentials *cred,
                   void (*destroy)(gs_s3_op *op));
void gs_s3_op_free(gs_s3_op *op); /* ends its request; everything but the memory of op itself */
/* The answer comes in any case, never from within. */
void gs_s3_send(gs_s3_op *op, const gs_s3_request *r);
void gs_s3_fail_later(gs_s3_op *op, gs_s3_answer answer, const gs_error *err);
void gs_s3_cut(gs_s3_op *op); /* the request under way ends without an answer */
int64_t gs_s3_wall_ms(const gs_s3 *s);
TAILQ_HEAD(gs_s3_ops, gs_s3_op);
const struct gs_s3_ops *gs_s3_ops_of(const gs_s3 *s);

/* ---- s3_put.c ---- */

#define GS_S3_HEADERS_MAX 8
typedef struct gs_s3_sse { /* headers that ask for encryption */
    const char *type;      /* NULL: none */
    char key[320];         /* "": none */
} gs_s3_sse;
/* Appends them to a list of *n headers. */
void gs_s3_add_sse(const gs_s3_spec *where, gs_s3_sse *memory, const char **headers, size_t *n);

/* ---- s3_upload.c ---- */

bool gs_s3_uploading(const gs_s3 *s, const gs_s3_spec *where, const char *key); /* one of ours is under way */

/* ---- s3_parts.c ---- */

#define GS_S3_PARTS_MAX 10000 /* S3's own limit */
#define GS_S3_ETAG_MAX 128
#define GS_S3_UPLOAD_ID_MAX 1024

typedef struct gs_s3_part {
    char *etag; /* as the store gave it */
    uint8_t sha256[GS_SHA256_LEN];
} gs_s3_part;

/* Replies; bytes of them get into no error. */
int gs_s3_read_upload_id(gs_str xml, gs_buf *out, gs_error *err);
int gs_s3_read_part(const gs_http_reply *reply, const uint8_t sha256[GS_SHA256_LEN], char **ret_etag, gs_error *err);
/* S3 may answer 200 and tell of the failure in the body. */
int gs_s3_read_completed(const gs_s3_spec *where, const gs_http_reply *reply, gs_error *err);
int gs_s3_complete_body(const gs_s3_part *parts, size_t n, gs_buf *out);
/* HEAD: the length, and where the store tells it the checksum, which is that of the parts' checksums. */
int gs_s3_check_parts(const gs_s3_spec *where, const gs_http_reply *reply, const gs_s3_part *parts, size_t n,
                      uint64_t bytes, gs_error *err);

/* ---- s3_where.c ---- */

/* Appends the URL of the object (key NULL: of the bucket), its key percent-encoded, and the query, if any, as it is. Every
 * field of where that goes into it is checked. */
int gs_s3_url(const gs_s3_spec *where, const char *key, const char *query, gs_buf *out, gs_error *err);
/* Listings and sweeps never go over a whole bucket. */
int gs_s3_check_prefix(const char *prefix, gs_error *err);
int gs_s3_escape(gs_buf *out, gs_str s, const char *kept); /* all but letters, digits and what is in kept */
#define GS_S3_KEPT_PATH "-._~/"
#define GS_S3_KEPT_QUERY "-._~"

/* ---- s3_error.c ---- */

typedef struct gs_s3_code {
    const char *name;
    enum gs_kind kind; /* where the HTTP status does not say */
    const char *hint;  /* what to do, "" where the name says it */
} gs_s3_code;

/* The <Code> of an S3 error document where it is one that we know, else NULL: remote text never gets out. */
const gs_s3_code *gs_s3_error_code(gs_str xml);
bool gs_s3_said(const gs_http_reply *reply, const char *code); /* reply may be NULL */
/* A reply to `method` that is no 2xx, as an error that names bucket and endpoint. */
int gs_s3_refused(const gs_s3_spec *where, const char *method, const gs_http_reply *reply, gs_error *err);

/* ---- s3_xml.c: the elements of an S3 reply. No DTD, no CDATA, nesting within limits ---- */

#define GS_XML_DEPTH 8
typedef struct gs_xml {
    gs_str rest;
    gs_str open[GS_XML_DEPTH]; /* names of the elements around */
    size_t depth;
    bool empty; /* <a/> was opened: its end is next */
    bool root;  /* there was one */
} gs_xml;
/* To the end of the next element that ends: its name, the text right before its end with entities decoded (*text is emptied
 * first), and how deep it stood (the root: 1). 1; 0 at the end of a well-formed document; -1 for anything else. */
int gs_xml_next(gs_xml *x, gs_str *ret_name, gs_buf *text, size_t *ret_depth);
/* The element that ended at depth 3 stood in one of this name. */
bool gs_xml_in(const gs_xml *x, const char *parent);

/* ---- s3_page.c ---- */

typedef struct gs_s3_item {
    const char *key;
    uint64_t bytes;        /* of an object */
    const char *upload_id; /* of an upload */
    int64_t time_ms;       /* modified or begun */
} gs_s3_item;

typedef struct gs_s3_page {
    bool more;
    gs_buf token,
        token2; /* where the next page begins: NextContinuationToken, or NextKeyMarker and NextUploadIdMarker */
} gs_s3_page;
void gs_s3_page_done(gs_s3_page *p);
GS_DEFINE_CLEANUP_VALUE(gs_s3_page, gs_s3_page_done)

/* ListBucketResult or ListMultipartUploadsResult. Every item has a key that begins with prefix. fn false: no more items.
 * On failure items may have been told already. */
int gs_s3_page_read(gs_str xml, bool uploads, const char *prefix, bool (*fn)(void *ctx, const gs_s3_item *i), void *ctx,
                    gs_s3_page *ret, gs_error *err);

#endif
