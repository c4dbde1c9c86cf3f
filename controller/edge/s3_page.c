#include "base/clock.h"
#include "edge/s3_internal.h"

#define TEXT_MAX (4 * GS_S3_KEY_MAX) /* a key of escaped bytes, and then some */
#define TOKEN_MAX 2048               /* what the URL has room for, escaped */

typedef struct reader {
    gs_xml xml;
    bool uploads, escaped; /* escaped: keys are */
    const char *prefix;
    gs_buf text, key, id;
    bool has_number, has_time;
    gs_s3_item item;
} reader;

void gs_s3_page_done(gs_s3_page *p)
{
    gs_buf_done(&p->token);
    gs_buf_done(&p->token2);
}

static int hex(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* encoding-type=url: as in a form, so that a space may be a '+'. */
static bool unescape(gs_str s, gs_buf *out)
{
    gs_buf_reset(out);
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i] == '+' ? ' ' : s.p[i];
        if (c == '%') {
            int high = i + 2 < s.n ? hex(s.p[i + 1]) : -1, low = i + 2 < s.n ? hex(s.p[i + 2]) : -1;
            if (high < 0 || low < 0)
                return false;
            c = (char)(high * 16 + low);
            i += 2;
        }
        if (!c || gs_buf_add(out, &c, 1))
            return false;
    }
    return true;
}

static bool take_key(const reader *r, gs_buf *out)
{
    gs_buf_reset(out);
    return r->escaped ? unescape(gs_buf_str(&r->text), out) : gs_buf_add(out, r->text.p, r->text.n) == 0;
}

/* What says how the rest is to be read may stand behind it. */
static int read_top(reader *r, gs_str xml, gs_s3_page *ret)
{
    gs_str name = {0};
    size_t depth;
    int more;
    r->xml = (gs_xml){.rest = xml};
    while ((more = gs_xml_next(&r->xml, &name, &r->text, &depth)) > 0) {
        gs_buf *token = gs_str_is(name, r->uploads ? "NextKeyMarker" : "NextContinuationToken") ? &ret->token
                        : r->uploads && gs_str_is(name, "NextUploadIdMarker")                   ? &ret->token2
                                                                                                : NULL;
        if (depth != 2)
            continue;
        if (token) {
            gs_buf_reset(token);
            if (gs_buf_add(token, r->text.p, r->text.n))
                return -1;
        } else if (gs_str_is(name, "IsTruncated")) {
            ret->more = gs_str_is(gs_buf_str(&r->text), "true");
        } else if (gs_str_is(name, "EncodingType")) {
            r->escaped = gs_str_is(gs_buf_str(&r->text), "url");
        }
    }
    if (more < 0 || !gs_str_is(name, r->uploads ? "ListMultipartUploadsResult" : "ListBucketResult"))
        return -1;
    if (!r->uploads || !r->escaped)
        return 0;
    gs_buf_reset(&r->text);
    return gs_buf_add(&r->text, ret->token.p, ret->token.n) == 0 && take_key(r, &ret->token) ? 0 : -1;
}

static bool take_field(reader *r, gs_str name)
{
    gs_str text = gs_buf_str(&r->text);
    if (gs_str_is(name, "Key"))
        return take_key(r, &r->key);
    if (gs_str_is(name, r->uploads ? "Initiated" : "LastModified"))
        return (r->has_time = gs_time_parse(text, &r->item.time_ms));
    if (!r->uploads && gs_str_is(name, "Size"))
        return (r->has_number = gs_str_u64(text, &r->item.bytes));
    if (!r->uploads || !gs_str_is(name, "UploadId"))
        return true;
    gs_buf_reset(&r->id);
    return gs_buf_add(&r->id, text.p, text.n) == 0;
}

static bool complete(reader *r)
{
    r->item.key = r->key.p;
    r->item.upload_id = r->uploads ? r->id.p : NULL;
    return r->key.n && r->has_time && (r->uploads ? r->id.n > 0 : r->has_number) &&
           gs_str_starts(gs_buf_str(&r->key), r->prefix);
}

static int read_items(reader *r, gs_str xml, bool (*fn)(void *ctx, const gs_s3_item *i), void *ctx)
{
    const char *holder = r->uploads ? "Upload" : "Contents";
    gs_str name;
    size_t depth;
    r->xml = (gs_xml){.rest = xml};
    while (gs_xml_next(&r->xml, &name, &r->text, &depth) > 0) {
        if (depth == 3 && gs_xml_in(&r->xml, holder) && !take_field(r, name))
            return -1;
        if (depth != 2 || !gs_str_is(name, holder))
            continue;
        if (!complete(r))
            return -1;
        if (!fn(ctx, &r->item))
            return 0;
        gs_buf_reset(&r->key);
        gs_buf_reset(&r->id);
        r->has_number = r->has_time = false;
    }
    return 0;
}

int gs_s3_page_read(gs_str xml, bool uploads, const char *prefix, bool (*fn)(void *ctx, const gs_s3_item *i), void *ctx,
                    gs_s3_page *ret, gs_error *err)
{
    reader r = {.uploads = uploads, .prefix = prefix};
    r.text = GS_BUF(TEXT_MAX);
    r.key = GS_BUF(GS_S3_KEY_MAX);
    r.id = GS_BUF(GS_S3_UPLOAD_ID_MAX);
    gs_cleanup(gs_s3_page_done) gs_s3_page page = {.token = GS_BUF(TOKEN_MAX), .token2 = GS_BUF(TOKEN_MAX)};
    int rc = read_top(&r, xml, &page);
    if (rc)
        (void)gs_error_set(err, GS_TERMINAL, "not a listing as S3 has them");
    else if (page.more && !page.token.n)
        rc = gs_error_set(err, GS_TERMINAL, "the listing goes on, but does not say where");
    else if ((rc = read_items(&r, xml, fn, ctx)))
        (void)gs_error_set(err, GS_TERMINAL, "it has an entry without key, size or time, or one outside of %.300s",
                           prefix);
    gs_buf_done(&r.text);
    gs_buf_done(&r.key);
    gs_buf_done(&r.id);
    if (rc)
        return -GS_TERMINAL;
    gs_s3_page_done(ret);
    *ret = page;
    page = (gs_s3_page){0};
    return 0;
}
