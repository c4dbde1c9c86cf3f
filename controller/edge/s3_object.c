#include "base/mem.h"
#include "edge/s3_internal.h"

typedef struct get {
    gs_s3_op op;
    void (*done)(void *ctx, gs_str body, const gs_error *err);
} get;

static void get_destroy(gs_s3_op *op)
{
    gs_s3_op_free(op);
    free(op);
}

static void on_get(gs_s3_op *op, const gs_http_reply *reply, const gs_error *err)
{
    const get *g = (const get *)op;
    void (*done)(void *, gs_str, const gs_error *) = g->done;
    void *ctx = op->ctx;
    gs_error copy = *err;
    if (gs_s3_said(reply, "NoSuchKey"))
        (void)gs_error_set(&copy, GS_NOT_FOUND, "bucket %s at %s has no such object", op->where.bucket,
                           op->where.endpoint);
    get_destroy(op);
    done(ctx, copy.kind || !reply ? (gs_str){0} : gs_buf_str(reply->body), &copy);
}

void gs_s3_get(gs_s3 *s, const gs_s3_spec *where, const gs_s3_credentials *cred, const char *key, size_t max_bytes,
               void (*done)(void *ctx, gs_str body, const gs_error *err), void *ctx)
{
    get *g = gs_alloc(sizeof *g);
    gs_s3_op_init(&g->op, s, where, cred, get_destroy);
    g->done = done;
    g->op.ctx = ctx;
    gs_s3_send(&g->op, &(gs_s3_request){.method = "GET", .key = key, .max_bytes = max_bytes, .answer = on_get});
}

typedef struct del {
    gs_s3_op op;
    gs_s3_done fn;
} del;

static void del_destroy(gs_s3_op *op)
{
    gs_s3_op_free(op);
    free(op);
}

static void on_deleted(gs_s3_op *op, const gs_http_reply *reply, const gs_error *err)
{
    const del *d = (const del *)op;
    gs_s3_done fn = d->fn;
    void *ctx = op->ctx;
    gs_error copy = gs_s3_said(reply, "NoSuchKey") ? (gs_error){0} : *err;
    del_destroy(op);
    fn(ctx, &copy);
}

void gs_s3_delete(gs_s3 *s, const gs_s3_spec *where, const gs_s3_credentials *cred, const char *key, gs_s3_done fn,
                  void *ctx)
{
    del *d = gs_alloc(sizeof *d);
    gs_s3_op_init(&d->op, s, where, cred, del_destroy);
    d->fn = fn;
    d->op.ctx = ctx;
    gs_s3_send(&d->op, &(gs_s3_request){.method = "DELETE", .key = key, .answer = on_deleted});
}
