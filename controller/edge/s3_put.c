#include "base/mem.h"
#include "edge/s3_internal.h"

#include <stdio.h>

typedef struct put {
    gs_s3_op op;
    char *key, *content_type;
    gs_str body;
    char sha256_hex[GS_SHA256_HEX_LEN], sha256_base64[GS_SHA256_BASE64_LEN];
    gs_s3_done fn;
} put;

static void destroy(gs_s3_op *op)
{
    put *p = (put *)op;
    gs_s3_op_free(op);
    free(p->key);
    free(p->content_type);
    free(p);
}

/* The callback comes last: it may free the whole client. */
static void end(put *p, const gs_error *err)
{
    gs_error copy = *err;
    gs_s3_done fn = p->fn;
    void *ctx = p->op.ctx;
    destroy(&p->op);
    fn(ctx, &copy);
}

/* The store must say by itself what it holds: what the PUT answered may be an echo of our headers. */
static int compare(const put *p, const gs_http_reply *reply, gs_error *err)
{
    const char *sum = reply->header(reply, "x-amz-checksum-sha256");
    const char *length = reply->header(reply, "Content-Length");
    const char *where = p->op.where.endpoint;
    uint64_t n = 0;
    if (!sum)
        return gs_error_set(err, GS_REFUSED,
                            "the store at %s does not confirm objects: no x-amz-checksum-sha256 from HEAD", where);
    if (!gs_streq(sum, p->sha256_base64))
        return gs_error_set(err, GS_REFUSED, "the store at %s holds other bytes than were sent: its SHA-256 differs",
                            where);
    if (!length || !gs_str_u64(gs_str_of(length), &n))
        return gs_error_set(err, GS_REFUSED, "the store at %s does not confirm objects: no Content-Length from HEAD",
                            where);
    if (n != p->body.n)
        return gs_error_set(err, GS_REFUSED, "the store at %s holds %llu bytes, %zu were sent", where,
                            (unsigned long long)n, p->body.n);
    return 0;
}

static void on_head(gs_s3_op *op, const gs_http_reply *reply, const gs_error *err)
{
    gs_error failed = *err;
    if (err->status == 404)
        (void)gs_error_set(&failed, GS_TRANSIENT, "the store at %s accepted the object, but does not have it",
                           op->where.endpoint);
    else if (err->kind == GS_OK)
        (void)compare((put *)op, reply, &failed);
    end((put *)op, &failed);
}

static void on_put(gs_s3_op *op, const gs_http_reply *reply, const gs_error *err)
{
    put *p = (put *)op;
    const char *const headers[] = {"x-amz-checksum-mode: ENABLED", NULL};
    (void)reply;
    if (err->kind != GS_OK)
        end(p, err);
    else
        gs_s3_send(op, &(gs_s3_request){.method = "HEAD", .key = p->key, .headers = headers, .answer = on_head});
}

void gs_s3_add_sse(const gs_s3_spec *where, gs_s3_sse *memory, const char **headers, size_t *n)
{
    memory->type = where->sse == GS_SSE_AES256 ? "x-amz-server-side-encryption: AES256"
                   : where->sse == GS_SSE_KMS  ? "x-amz-server-side-encryption: aws:kms"
                                               : NULL;
    if (!memory->type)
        return;
    headers[(*n)++] = memory->type;
    if (where->sse != GS_SSE_KMS || !where->kms_key_id[0])
        return;
    (void)snprintf(memory->key, sizeof memory->key, "x-amz-server-side-encryption-aws-kms-key-id: %s",
                   where->kms_key_id);
    headers[(*n)++] = memory->key;
}

static void send_put(put *p)
{
    gs_s3_sse sse;
    gs_autofree char *checksum = gs_sprintf("x-amz-checksum-sha256: %s", p->sha256_base64);
    gs_autofree char *type = gs_sprintf("Content-Type: %s", p->content_type);
    const char *headers[GS_S3_HEADERS_MAX + 1] = {checksum, type};
    size_t n = 2;
    gs_s3_add_sse(&p->op.where, &sse, headers, &n);
    gs_s3_send(&p->op, &(gs_s3_request){.method = "PUT",
                                        .key = p->key,
                                        .headers = headers,
                                        .body = p->body,
                                        .sha256_hex = p->sha256_hex,
                                        .answer = on_put});
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int take_sha256(put *p, const char *hex, gs_error *err)
{
    uint8_t raw[GS_SHA256_LEN];
    if (!hex) {
        gs_sha256(p->body, raw);
    } else {
        bool good = strlen(hex) == GS_SHA256_HEX_LEN - 1;
        for (size_t i = 0; good && i < GS_SHA256_LEN; i++) {
            int high = hex_digit(hex[2 * i]), low = hex_digit(hex[2 * i + 1]);
            good = high >= 0 && low >= 0;
            raw[i] = good ? (uint8_t)(high * 16 + low) : 0;
        }
        if (!good)
            return gs_error_set(err, GS_TERMINAL, "SHA-256 \"%.80s\": must be 64 lower case hex digits", hex);
    }
    gs_hex(raw, sizeof raw, p->sha256_hex);
    gs_base64_sha256(raw, p->sha256_base64);
    return 0;
}

static void failed_before(gs_s3_op *op, const gs_http_reply *reply, const gs_error *err)
{
    (void)reply;
    end((put *)op, err);
}

void gs_s3_put(gs_s3 *s, const gs_s3_spec *where, const gs_s3_credentials *cred, const char *key, gs_str body,
               const char *sha256_hex, const char *content_type, gs_s3_done fn, void *ctx)
{
    gs_error err;
    put *p = gs_alloc(sizeof *p);
    gs_s3_op_init(&p->op, s, where, cred, destroy);
    p->key = gs_strdup(key);
    p->body = (gs_str){body.p ? body.p : "", body.n};
    p->content_type = gs_strdup(content_type);
    p->fn = fn;
    p->op.ctx = ctx;
    if (take_sha256(p, sha256_hex, &err))
        gs_s3_fail_later(&p->op, failed_before, &err);
    else
        send_put(p);
}
