#include "base/mem.h"
#include "edge/s3_internal.h"

#include <stdio.h>

#define UPLOAD_ID_TEXT_MAX 4096

int gs_s3_read_upload_id(gs_str xml, gs_buf *out, gs_error *err)
{
    gs_xml x = {.rest = xml};
    gs_cleanup(gs_buf_done) gs_buf text = GS_BUF(UPLOAD_ID_TEXT_MAX);
    gs_str name = {0};
    size_t depth;
    int more;
    gs_buf_reset(out);
    while ((more = gs_xml_next(&x, &name, &text, &depth)) > 0)
        if (depth == 2 && gs_str_is(name, "UploadId") &&
            (!text.n || text.n > GS_S3_UPLOAD_ID_MAX || out->n || gs_buf_add(out, text.p, text.n)))
            break;
    if (more == 0 && out->n && gs_str_is(name, "InitiateMultipartUploadResult"))
        return 0;
    return gs_error_set(err, GS_TERMINAL, "its answer names no upload: is s3.endpoint an S3 server?");
}

int gs_s3_read_part(const gs_http_reply *reply, const uint8_t sha256[GS_SHA256_LEN], char **ret_etag, gs_error *err)
{
    char expected[GS_SHA256_BASE64_LEN];
    const char *etag = reply->header(reply, "ETag");
    const char *sum = reply->header(reply, "x-amz-checksum-sha256");
    gs_base64_sha256(sha256, expected);
    if (!sum)
        return gs_error_set(err, GS_REFUSED,
                            "the store does not confirm parts: no x-amz-checksum-sha256 in its answer");
    if (!gs_streq(sum, expected))
        return gs_error_set(err, GS_REFUSED, "the store took other bytes than were sent: a part's SHA-256 differs");
    size_t n = etag ? strlen(etag) : 0;
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)etag[i] < ' ')
            n = 0;
    if (!n || n > GS_S3_ETAG_MAX)
        return gs_error_set(err, GS_TERMINAL, "the store's answer to a part has no usable ETag");
    *ret_etag = gs_strdup(etag);
    return 0;
}

static int add_text(gs_buf *out, const char *s)
{
    int rc = 0;
    for (; *s && !rc; s++)
        rc = *s == '&'   ? gs_buf_adds(out, "&amp;")
             : *s == '<' ? gs_buf_adds(out, "&lt;")
             : *s == '>' ? gs_buf_adds(out, "&gt;")
             : *s == '"' ? gs_buf_adds(out, "&quot;")
                         : gs_buf_add(out, s, 1);
    return rc;
}

int gs_s3_complete_body(const gs_s3_part *parts, size_t n, gs_buf *out)
{
    int rc = gs_buf_adds(out, "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">");
    for (size_t i = 0; i < n && !rc; i++) {
        char sum[GS_SHA256_BASE64_LEN];
        gs_base64_sha256(parts[i].sha256, sum);
        rc =
            gs_buf_addf(out, "<Part><PartNumber>%zu</PartNumber><ChecksumSHA256>%s</ChecksumSHA256><ETag>", i + 1, sum);
        rc = rc ? rc : add_text(out, parts[i].etag);
        rc = rc ? rc : gs_buf_adds(out, "</ETag></Part>");
    }
    return rc ? rc : gs_buf_adds(out, "</CompleteMultipartUpload>");
}

int gs_s3_read_completed(const gs_s3_spec *where, const gs_http_reply *reply, gs_error *err)
{
    gs_xml x = {.rest = gs_buf_str(reply->body)};
    gs_cleanup(gs_buf_done) gs_buf text = GS_BUF(GS_MAX_STORE_REPLY_BYTES);
    gs_str name = {0};
    size_t depth;
    int more;
    while ((more = gs_xml_next(&x, &name, &text, &depth)) > 0)
        ;
    if (more == 0 && gs_str_is(name, "CompleteMultipartUploadResult"))
        return 0;
    const gs_s3_code *code = gs_s3_error_code(gs_buf_str(reply->body));
    return gs_error_set(err, code ? code->kind : GS_TRANSIENT,
                        "the store at %s began to put the parts of an object together, and failed%s%s", where->endpoint,
                        code ? ": " : "", code ? code->name : "");
}

int gs_s3_check_parts(const gs_s3_spec *where, const gs_http_reply *reply, const gs_s3_part *parts, size_t n,
                      uint64_t bytes, gs_error *err)
{
    const char *length = reply->header(reply, "Content-Length");
    const char *sum = reply->header(reply, "x-amz-checksum-sha256");
    uint64_t held = 0;
    if (!length || !gs_str_u64(gs_str_of(length), &held))
        return gs_error_set(err, GS_REFUSED, "the store at %s does not confirm objects: no Content-Length from HEAD",
                            where->endpoint);
    if (held != bytes)
        return gs_error_set(err, GS_REFUSED, "the store at %s holds %llu bytes, %llu were sent", where->endpoint,
                            (unsigned long long)held, (unsigned long long)bytes);
    if (!sum) /* of objects in parts not every store tells it; each part's was confirmed */
        return 0;
    gs_cleanup(gs_sha256_free) gs_sha256_sum *all = gs_sha256_new();
    uint8_t raw[GS_SHA256_LEN];
    char base64[GS_SHA256_BASE64_LEN], expected[GS_SHA256_BASE64_LEN + 24];
    for (size_t i = 0; i < n; i++)
        gs_sha256_add(all, (gs_str){(const char *)parts[i].sha256, GS_SHA256_LEN});
    gs_sha256_take(all, raw);
    gs_base64_sha256(raw, base64);
    (void)snprintf(expected, sizeof expected, "%s-%zu", base64, n);
    if (!gs_streq(sum, expected))
        return gs_error_set(err, GS_REFUSED, "the store at %s holds other bytes than were sent: its SHA-256 differs",
                            where->endpoint);
    return 0;
}
