/* ListMultipartUploads, page by page, and AbortMultipartUpload of what is old, one after the other. */
#include "base/mem.h"
#include "edge/s3_internal.h"

#define UPLOADS_IN_PAGE "200"
#define ABORTS_MAX 1000 /* of one sweep: the next one goes on */

typedef struct left_over {
    char *key, *id; /* id escaped */
} left_over;

typedef struct sweep {
    gs_s3_op op;
    char *prefix;
    int64_t before_ms; /* older ones go */
    bool (*mine)(void *ctx, const char *key);
    void (*done)(void *ctx, unsigned aborted, const gs_error *err);
    gs_buf key_marker, id_marker;
    unsigned pages, aborted;
    bool more;
    left_over *v; /* of this page */
    size_t n, cap, next;
    gs_error err; /* the first failure of an abort: the others are tried all the same */
} sweep;

static void forget_page(sweep *w)
{
    for (size_t i = 0; i < w->n; i++) {
        free(w->v[i].key);
        free(w->v[i].id);
    }
    w->n = w->next = 0;
}

static void destroy(gs_s3_op *op)
{
    sweep *w = (sweep *)op;
    gs_s3_op_free(op);
    forget_page(w);
    free(w->v);
    gs_buf_done(&w->key_marker);
    gs_buf_done(&w->id_marker);
    free(w->prefix);
    free(w);
}

static void end(sweep *w, const gs_error *err)
{
    gs_error copy = *err;
    unsigned aborted = w->aborted;
    void (*done)(void *, unsigned, const gs_error *) = w->done;
    void *ctx = w->op.ctx;
    destroy(&w->op);
    done(ctx, aborted, &copy);
}

static bool take(void *ctx, const gs_s3_item *i)
{
    sweep *w = ctx;
    gs_cleanup(gs_buf_done) gs_buf id = GS_BUF(3 * GS_S3_UPLOAD_ID_MAX);
    if (i->time_ms >= w->before_ms || !w->mine(w->op.ctx, i->key) || gs_s3_uploading(w->op.s3, &w->op.where, i->key) ||
        gs_s3_escape(&id, gs_str_of(i->upload_id), GS_S3_KEPT_QUERY))
        return true;
    w->v = gs_grow(w->v, &w->cap, w->n + 1, sizeof *w->v);
    w->v[w->n++] = (left_over){gs_strdup(i->key), gs_buf_take(&id)};
    return w->aborted + w->n < ABORTS_MAX;
}

static void ask(sweep *w);
static void abort_next(sweep *w);

static void on_aborted(gs_s3_op *op, const gs_http_reply *reply, const gs_error *err)
{
    sweep *w = (sweep *)op;
    bool gone = gs_s3_said(reply, "NoSuchUpload");
    w->aborted += err->kind == GS_OK;
    if (err->kind != GS_OK && !gone && !w->err.kind)
        w->err = *err;
    abort_next(w);
}

static void abort_next(sweep *w)
{
    if (w->next < w->n) {
        const left_over *l = &w->v[w->next++];
        gs_autofree char *query = gs_sprintf("uploadId=%s", l->id);
        gs_s3_send(&w->op, &(gs_s3_request){.method = "DELETE", .key = l->key, .query = query, .answer = on_aborted});
        return;
    }
    forget_page(w);
    if (w->more && !w->err.kind && w->aborted < ABORTS_MAX)
        ask(w);
    else
        end(w, &w->err);
}

static int next_page(sweep *w, const gs_s3_page *p, gs_error *err)
{
    bool same = gs_str_eq(gs_buf_str(&w->key_marker), gs_buf_str(&p->token)) &&
                gs_str_eq(gs_buf_str(&w->id_marker), gs_buf_str(&p->token2));
    if (same || ++w->pages >= GS_MAX_STORE_PAGES)
        return gs_error_set(err, GS_TERMINAL, "the listing does not end");
    gs_buf_reset(&w->key_marker);
    gs_buf_reset(&w->id_marker);
    int rc = gs_buf_add(&w->key_marker, p->token.p, p->token.n);
    return rc ? rc : gs_buf_add(&w->id_marker, p->token2.p, p->token2.n);
}

static void on_page(gs_s3_op *op, const gs_http_reply *reply, const gs_error *err)
{
    sweep *w = (sweep *)op;
    gs_cleanup(gs_s3_page_done) gs_s3_page page = {0};
    gs_error bad = *err;
    if (bad.kind) {
        end(w, &bad);
        return;
    }
    (void)gs_s3_page_read(gs_buf_str(reply->body), true, w->prefix, take, w, &page, &bad);
    if (bad.kind == GS_OK && page.more)
        (void)next_page(w, &page, &bad);
    if (bad.kind) {
        (void)gs_error_wrap(&bad, GS_TERMINAL, "list uploads of bucket %s at %s", op->where.bucket, op->where.endpoint);
        end(w, &bad);
        return;
    }
    w->more = page.more;
    abort_next(w);
}

static int add_value(gs_buf *query, const char *name, const char *value, size_t n)
{
    int rc = gs_buf_adds(query, name);
    return rc ? rc : gs_s3_escape(query, (gs_str){value, n}, GS_S3_KEPT_QUERY);
}

static void ask(sweep *w)
{
    gs_cleanup(gs_buf_done) gs_buf query = GS_BUF(GS_S3_URL_MAX);
    int rc = gs_buf_adds(&query, "encoding-type=url");
    if (!rc && w->key_marker.n)
        rc = add_value(&query, "&key-marker=", w->key_marker.p, w->key_marker.n);
    rc = rc ? rc : add_value(&query, "&max-uploads=" UPLOADS_IN_PAGE "&prefix=", w->prefix, strlen(w->prefix));
    if (!rc && w->id_marker.n)
        rc = add_value(&query, "&upload-id-marker=", w->id_marker.p, w->id_marker.n);
    rc = rc ? rc : gs_buf_adds(&query, "&uploads=");
    if (rc) {
        gs_error err;
        (void)gs_error_set(&err, GS_TERMINAL, "list uploads: the URL has over %d bytes", GS_S3_URL_MAX);
        gs_s3_fail_later(&w->op, on_page, &err);
        return;
    }
    gs_s3_send(&w->op, &(gs_s3_request){
                           .method = "GET", .query = query.p, .max_bytes = GS_MAX_STORE_PAGE_BYTES, .answer = on_page});
}

void gs_s3_sweep_uploads(gs_s3 *s, const gs_s3_spec *where, const gs_s3_credentials *cred, const char *prefix,
                         int64_t age_ms, bool (*mine)(void *ctx, const char *key),
                         void (*done)(void *ctx, unsigned aborted, const gs_error *err), void *ctx)
{
    gs_error err;
    sweep *w = gs_alloc(sizeof *w);
    gs_s3_op_init(&w->op, s, where, cred, destroy);
    w->prefix = gs_strdup(prefix);
    w->before_ms = gs_s3_wall_ms(s) - age_ms;
    w->mine = mine;
    w->done = done;
    w->op.ctx = ctx;
    w->key_marker = w->id_marker = GS_BUF(GS_S3_URL_MAX);
    if (gs_s3_check_prefix(prefix, &err))
        gs_s3_fail_later(&w->op, on_page, &err);
    else
        ask(w);
}
