#include "wire/gzip.h"

#include <limits.h>
#include <zlib.h>

#define GZIP_WINDOW (15 + 16) /* the largest window; gzip header and trailer, nothing else */
#define STEP (64u << 10)      /* room offered to zlib at a time */

static void inflate_done(z_stream *z)
{
    (void)inflateEnd(z);
}
GS_DEFINE_CLEANUP_VALUE(z_stream, inflate_done)

static void deflate_done(z_stream *z)
{
    (void)deflateEnd(z);
}
GS_DEFINE_CLEANUP_VALUE(z_stream, deflate_done)

bool gs_is_gzip(gs_str bytes)
{
    return bytes.n >= 2 && (unsigned char)bytes.p[0] == 0x1f && (unsigned char)bytes.p[1] == 0x8b;
}

/* Offers zlib room at the end of out; false at the cap. */
static bool offer(z_stream *z, gs_buf *out)
{
    size_t left = out->max - out->n, n = left < STEP ? left : STEP;
    char *at = n ? gs_buf_reserve(out, n) : NULL;
    if (!at)
        return false;
    z->next_out = (Bytef *)at;
    z->avail_out = (uInt)n;
    return true;
}

static void accept_output(const z_stream *z, gs_buf *out)
{
    out->n = (size_t)((char *)z->next_out - out->p);
    out->p[out->n] = 0;
}

/* At the cap: whether the member ends right here all the same, without another byte of output. */
static bool ends_here(z_stream *z)
{
    Bytef spare;
    z->next_out = &spare;
    z->avail_out = 1;
    return inflate(z, Z_NO_FLUSH) == Z_STREAM_END && z->avail_out == 1;
}

/* One member, from z->next_in on. */
static int member(z_stream *z, gs_buf *out, gs_error *err)
{
    int rc = Z_OK;
    while (rc != Z_STREAM_END) {
        if (!offer(z, out)) {
            if (out->n == out->max && ends_here(z))
                return 0;
            return gs_error_set(err, GS_NO_MEMORY, "gzip: more than %zu bytes unpacked", out->max);
        }
        rc = inflate(z, Z_NO_FLUSH);
        accept_output(z, out);
        if (rc == Z_BUF_ERROR || (rc == Z_OK && !z->avail_in && z->avail_out))
            return gs_error_set(err, GS_TERMINAL, "gzip: cut off: expected more packed data at byte %lu", z->total_in);
        if (rc == Z_MEM_ERROR)
            return gs_error_set(err, GS_NO_MEMORY, "gzip: out of memory");
        if (rc != Z_OK && rc != Z_STREAM_END)
            return gs_error_set(err, GS_TERMINAL, "gzip: damaged before byte %lu: %s", z->total_in,
                                z->msg ? z->msg : "unexpected dictionary");
    }
    return 0;
}

static int gunzip(gs_str bytes, gs_buf *out, gs_error *err)
{
    if (bytes.n > UINT_MAX)
        return gs_error_set(err, GS_NO_MEMORY, "gzip: %zu bytes are too many", bytes.n);
    gs_cleanup(inflate_done) z_stream z = {.next_in = (Bytef *)(uintptr_t)bytes.p, .avail_in = (uInt)bytes.n};
    if (inflateInit2(&z, GZIP_WINDOW) != Z_OK)
        return gs_error_set(err, GS_NO_MEMORY, "gzip: out of memory");
    do {
        if (!gs_is_gzip((gs_str){(const char *)z.next_in, z.avail_in}))
            return gs_error_set(err, GS_TERMINAL, z.total_in ? "gzip: garbage behind the data" : "not gzip");
        int rc = member(&z, out, err);
        if (rc < 0)
            return rc;
        uLong read = z.total_in;
        (void)inflateReset(&z);
        z.total_in = read; /* so that a second member is known as such */
    } while (z.avail_in);
    return 0;
}

int gs_gunzip(gs_str bytes, gs_buf *out, gs_error *err)
{
    size_t before = out->n;
    int rc = gunzip(bytes, out, err);
    if (rc < 0 && out->p) {
        out->n = before;
        out->p[before] = 0;
    }
    return rc;
}

static int gzip(gs_str bytes, gs_buf *out, gs_error *err)
{
    if (bytes.n > UINT_MAX)
        return gs_error_set(err, GS_NO_MEMORY, "gzip: %zu bytes are too many", bytes.n);
    gs_cleanup(deflate_done) z_stream z = {.next_in = (Bytef *)(uintptr_t)bytes.p, .avail_in = (uInt)bytes.n};
    if (deflateInit2(&z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, GZIP_WINDOW, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        return gs_error_set(err, GS_NO_MEMORY, "gzip: out of memory");
    for (int rc = Z_OK; rc != Z_STREAM_END;) {
        if (!offer(&z, out))
            return gs_error_set(err, GS_NO_MEMORY, "gzip: more than %zu bytes packed", out->max);
        rc = deflate(&z, Z_FINISH);
        accept_output(&z, out);
    }
    return 0;
}

int gs_gzip(gs_str bytes, gs_buf *out, gs_error *err)
{
    size_t before = out->n;
    int rc = gzip(bytes, out, err);
    if (rc < 0 && out->p) {
        out->n = before;
        out->p[before] = 0;
    }
    return rc;
}
