/* One request at a time: CreateMultipartUpload once a byte comes that no longer fits into one part, the parts,
 * CompleteMultipartUpload, HEAD; and whatever fails, AbortMultipartUpload. */
#include "base/mem.h"
#include "edge/s3_internal.h"

#define COMPLETE_IDLE_MS 60000 /* the store may think for long about many parts */

struct gs_s3_upload {
    gs_s3_op op;
    char *key, *content_type;
    void (*on_room)(void *ctx);
    gs_s3_uploaded done;
    void *ctx;
    enum { IDLE, CREATING, SENDING, COMPLETING, CONFIRMING, SINGLE, ENDING } state; /* the request under way */
    bool finishing;                                                                 /* all is written */
    bool full;                                                                      /* write said no */
    bool forgotten;
    gs_error why;         /* it failed */
    gs_buf id;            /* escaped; empty: there is nothing to abort */
    gs_buf filling, rest; /* rest: what came after filling was full */
    gs_buf sending;       /* the part or the list of parts under way */
    gs_sha256_sum *whole, *part;
    gs_s3_part *parts;
    size_t n_parts, cap_parts;
    gs_s3_stored stored;
};

static void destroy(gs_s3_op *op)
{
    gs_s3_upload *u = (gs_s3_upload *)op;
    gs_s3_op_free(op);
    free(u->key);
    free(u->content_type);
    gs_buf_done(&u->id);
    gs_buf_done(&u->filling);
    gs_buf_done(&u->rest);
    gs_buf_done(&u->sending);
    gs_sha256_free(u->whole);
    gs_sha256_free(u->part);
    for (size_t i = 0; i < u->n_parts; i++)
        free(u->parts[i].etag);
    free(u->parts);
    free(u);
}

/* The callback comes last: it may free the whole client. */
static void end(gs_s3_upload *u, const gs_error *err)
{
    gs_error copy = *err;
    gs_s3_stored stored = u->stored;
    gs_s3_uploaded done = u->forgotten ? NULL : u->done;
    void *ctx = u->ctx;
    destroy(&u->op);
    if (done)
        done(ctx, &stored, &copy);
}

/* What fails ends with the reason why, not with what became of the abort. */
static void on_ended(gs_s3_op *op, const gs_http_reply *reply, const gs_error *err)
{
    gs_s3_upload *u = (gs_s3_upload *)op;
    (void)reply;
    (void)err;
    end(u, &u->why);
}

static void abort_upload(gs_s3_upload *u)
{
    u->state = ENDING;
    if (!u->id.n) {
        gs_s3_fail_later(&u->op, on_ended, &u->why);
        return;
    }
    gs_autofree char *query = gs_sprintf("uploadId=%s", u->id.p);
    gs_s3_send(&u->op, &(gs_s3_request){.method = "DELETE", .key = u->key, .query = query, .answer = on_ended});
}

static void fail(gs_s3_upload *u, const gs_error *why)
{
    if (u->why.kind)
        return;
    u->why = *why;
    if (u->state == CREATING || u->state == SINGLE) /* only its answer says what there is to abort */
        return;
    gs_s3_cut(&u->op);
    abort_upload(u);
}

/* Requests, in the order in which they come; each answer leads to the next. */

static void go_on(gs_s3_upload *u);

static bool has_room(const gs_s3_upload *u)
{
    return !u->rest.n && (u->filling.n < GS_S3_PART || u->state == IDLE);
}

/* on_room may write, end the upload, and free the client: it comes last. */
static void go_on_and_tell(gs_s3_upload *u)
{
    go_on(u);
    if (!u->full || u->why.kind || u->finishing || !has_room(u))
        return;
    u->full = false;
    if (u->on_room)
        u->on_room(u->ctx);
}

static void on_single(void *ctx, const gs_error *err)
{
    gs_s3_upload *u = ctx;
    end(u, u->why.kind ? &u->why : err);
}

static void put_whole(gs_s3_upload *u)
{
    const gs_s3_op *op = &u->op;
    const gs_s3_credentials cred = {op->access_key, op->secret_key, op->token, op->ca_pem};
    u->state = SINGLE;
    gs_s3_put(op->s3, &op->where, &cred, u->key, gs_buf_str(&u->filling), u->stored.sha256, u->content_type, on_single,
              u);
}

static void on_created(gs_s3_op *op, const gs_http_reply *reply, const gs_error *err)
{
    gs_s3_upload *u = (gs_s3_upload *)op;
    gs_cleanup(gs_buf_done) gs_buf id = GS_BUF(GS_S3_UPLOAD_ID_MAX);
    gs_error bad = *err;
    u->state = IDLE;
    if (err->kind == GS_OK && gs_s3_read_upload_id(gs_buf_str(reply->body), &id, &bad) == 0)
        (void)gs_s3_escape(&u->id, gs_buf_str(&id), GS_S3_KEPT_QUERY);
    if (u->why.kind)
        abort_upload(u);
    else if (bad.kind)
        fail(u, &bad);
    else
        go_on_and_tell(u);
}

static void create(gs_s3_upload *u)
{
    gs_s3_sse sse;
    gs_autofree char *type = gs_sprintf("Content-Type: %s", u->content_type);
    const char *headers[GS_S3_HEADERS_MAX + 1] = {type, "x-amz-checksum-algorithm: SHA256"};
    size_t n = 2;
    gs_s3_add_sse(&u->op.where, &sse, headers, &n);
    u->state = CREATING;
    gs_s3_send(&u->op,
               &(gs_s3_request){
                   .method = "POST", .key = u->key, .query = "uploads=", .headers = headers, .answer = on_created});
}

static void on_part(gs_s3_op *op, const gs_http_reply *reply, const gs_error *err)
{
    gs_s3_upload *u = (gs_s3_upload *)op;
    gs_s3_part *part = &u->parts[u->n_parts - 1];
    gs_error bad = *err;
    u->state = IDLE;
    gs_buf_reset(&u->sending);
    if (bad.kind || gs_s3_read_part(reply, part->sha256, &part->etag, &bad))
        fail(u, &bad);
    else
        go_on_and_tell(u);
}

static void send_part(gs_s3_upload *u)
{
    char hex[GS_SHA256_HEX_LEN], base64[GS_SHA256_BASE64_LEN];
    if (u->n_parts == GS_S3_PARTS_MAX) {
        gs_error err;
        (void)gs_error_set(&err, GS_TERMINAL, "over %d parts of %u bytes", GS_S3_PARTS_MAX, GS_S3_PART);
        fail(u, &err);
        return;
    }
    u->parts = gs_grow(u->parts, &u->cap_parts, u->n_parts + 1, sizeof *u->parts);
    gs_s3_part *part = &u->parts[u->n_parts++];
    gs_sha256_take(u->part, part->sha256);
    gs_hex(part->sha256, GS_SHA256_LEN, hex);
    gs_base64_sha256(part->sha256, base64);
    gs_buf filled = u->filling;
    u->filling = u->sending;
    u->sending = filled;
    gs_autofree char *checksum = gs_sprintf("x-amz-checksum-sha256: %s", base64);
    gs_autofree char *query = gs_sprintf("partNumber=%zu&uploadId=%s", u->n_parts, u->id.p);
    const char *const headers[] = {checksum, NULL};
    u->state = SENDING;
    gs_s3_send(&u->op, &(gs_s3_request){.method = "PUT",
                                        .key = u->key,
                                        .query = query,
                                        .headers = headers,
                                        .body = gs_buf_str(&u->sending),
                                        .sha256_hex = hex,
                                        .answer = on_part});
}

static void on_confirmed(gs_s3_op *op, const gs_http_reply *reply, const gs_error *err)
{
    gs_s3_upload *u = (gs_s3_upload *)op;
    gs_error failed = *err;
    if (err->status == 404)
        (void)gs_error_set(&failed, GS_TRANSIENT,
                           "the store at %s put the parts together, but does not have the object", op->where.endpoint);
    else if (err->kind == GS_OK)
        (void)gs_s3_check_parts(&op->where, reply, u->parts, u->n_parts, u->stored.bytes, &failed);
    end(u, &failed);
}

static void on_completed(gs_s3_op *op, const gs_http_reply *reply, const gs_error *err)
{
    static const char *const headers[] = {"x-amz-checksum-mode: ENABLED", NULL};
    gs_s3_upload *u = (gs_s3_upload *)op;
    gs_error bad = *err;
    u->state = IDLE;
    if (bad.kind || gs_s3_read_completed(&op->where, reply, &bad)) {
        fail(u, &bad);
        return;
    }
    gs_buf_done(&u->id);
    u->state = CONFIRMING;
    gs_s3_send(op, &(gs_s3_request){.method = "HEAD", .key = u->key, .headers = headers, .answer = on_confirmed});
}

static void complete(gs_s3_upload *u)
{
    static const char *const headers[] = {"Content-Type: application/xml", NULL};
    gs_buf_done(&u->sending);
    u->sending = GS_BUF((size_t)GS_S3_PARTS_MAX * 1024);
    if (gs_s3_complete_body(u->parts, u->n_parts, &u->sending)) {
        gs_error err;
        (void)gs_error_set(&err, GS_NO_MEMORY, "the list of %zu parts is too long", u->n_parts);
        fail(u, &err);
        return;
    }
    char hex[GS_SHA256_HEX_LEN];
    gs_sha256_hex(gs_buf_str(&u->sending), hex);
    gs_autofree char *query = gs_sprintf("uploadId=%s", u->id.p);
    u->state = COMPLETING;
    gs_s3_send(&u->op, &(gs_s3_request){.method = "POST",
                                        .key = u->key,
                                        .query = query,
                                        .headers = headers,
                                        .body = gs_buf_str(&u->sending),
                                        .sha256_hex = hex,
                                        .idle_timeout_ms = COMPLETE_IDLE_MS,
                                        .answer = on_completed});
}

/* Into the part that is being filled; returns how many bytes had room. */
static size_t fill(gs_s3_upload *u, const char *p, size_t n)
{
    size_t room = GS_S3_PART - u->filling.n;
    gs_str taken = {p, n < room ? n : room};
    if (taken.n && gs_buf_add(&u->filling, taken.p, taken.n)) {
        gs_error err;
        (void)gs_error_set(&err, GS_NO_MEMORY, "no memory for a part of %u bytes", GS_S3_PART);
        fail(u, &err);
    } else {
        gs_sha256_add(u->part, taken);
    }
    return taken.n;
}

static void go_on(gs_s3_upload *u)
{
    if (u->why.kind)
        return;
    gs_buf_consume(&u->rest, fill(u, u->rest.p, u->rest.n));
    if (u->why.kind || u->state != IDLE)
        return;
    bool last = u->finishing && !u->rest.n;
    if (!u->id.n && u->rest.n) {
        create(u);
    } else if (!u->id.n && last) {
        put_whole(u);
    } else if (u->id.n && u->filling.n && (last || u->filling.n == GS_S3_PART)) {
        send_part(u);
        gs_buf_consume(&u->rest, fill(u, u->rest.p, u->rest.n));
    } else if (u->id.n && last) {
        complete(u);
    }
}

gs_s3_upload *gs_s3_upload_start(gs_s3 *s, const gs_s3_spec *where, const gs_s3_credentials *cred, const char *key,
                                 const char *content_type, void (*on_room)(void *ctx), gs_s3_uploaded done, void *ctx)
{
    gs_error err;
    gs_cleanup(gs_buf_done) gs_buf url = GS_BUF(GS_S3_URL_MAX);
    gs_s3_upload *u = gs_alloc(sizeof *u);
    gs_s3_op_init(&u->op, s, where, cred, destroy);
    u->key = gs_strdup(key);
    u->content_type = gs_strdup(content_type);
    u->on_room = on_room;
    u->done = done;
    u->ctx = ctx;
    u->id = GS_BUF(3 * GS_S3_UPLOAD_ID_MAX);
    u->filling = u->sending = u->rest = GS_BUF(GS_S3_PART);
    u->whole = gs_sha256_new();
    u->part = gs_sha256_new();
    if (u->op.unusable.kind) /* before the source is asked for anything */
        fail(u, &u->op.unusable);
    else if (gs_s3_url(where, key, NULL, &url, &err))
        fail(u, &err);
    return u;
}

bool gs_s3_upload_write(gs_s3_upload *u, const char *p, size_t n)
{
    if (u->why.kind || u->finishing)
        return true;
    gs_sha256_add(u->whole, (gs_str){p, n});
    u->stored.bytes += n;
    size_t taken = u->rest.n ? 0 : fill(u, p, n);
    if (n > taken && gs_buf_add(&u->rest, p + taken, n - taken)) {
        gs_error err;
        (void)gs_error_set(&err, GS_NO_MEMORY, "over %u bytes came while there was no room", GS_S3_PART);
        fail(u, &err);
        return true;
    }
    go_on(u);
    u->full = !u->why.kind && !has_room(u);
    return !u->full; /* after a failure nobody is to wait */
}

void gs_s3_upload_finish(gs_s3_upload *u)
{
    if (u->why.kind || u->finishing)
        return;
    uint8_t sum[GS_SHA256_LEN];
    gs_sha256_take(u->whole, sum);
    gs_hex(sum, sizeof sum, u->stored.sha256);
    u->finishing = true;
    go_on(u);
}

void gs_s3_upload_abort(gs_s3_upload *u, const gs_error *why)
{
    fail(u, why);
}

void gs_s3_upload_forget(gs_s3_upload *u)
{
    gs_error err;
    (void)gs_error_set(&err, GS_CANCELLED, "the upload was withdrawn");
    u->forgotten = true;
    fail(u, &err);
}

bool gs_s3_uploading(const gs_s3 *s, const gs_s3_spec *where, const char *key)
{
    const gs_s3_op *op;
    TAILQ_FOREACH (op, gs_s3_ops_of(s), link)
        if (op->destroy == destroy && gs_streq(op->where.endpoint, where->endpoint) &&
            gs_streq(op->where.bucket, where->bucket) && gs_streq(((const gs_s3_upload *)op)->key, key))
            return true;
    return false;
}
