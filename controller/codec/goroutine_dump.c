/* What a goroutine profile is, and whole blocks out of chunks.
 *
 * Text is read where it lies in the caller's chunk; only what has not ended there is kept, and shown again with the next
 * chunk behind it. */
#include "codec/goroutine_dump.h"

#include "base/buf.h"
#include "base/limits.h"
#include "base/mem.h"
#include "codec/goroutine_internal.h"
#include "codec/pprof.h"
#include "wire/gzip.h"

#define SNIFF 512             /* bytes that tell text from protobuf */
#define CARRY_STEP (4u << 10) /* a block's end is first looked for within so much of the next chunk */
#define CUT_BY_GO (64u << 20) /* runtime/pprof writes no more of goroutine?debug=2 */
#define EXPECTED                                                                                                       \
    "expected \"goroutine 1 [running]:\" (debug=2), \"goroutine profile: total 1\" (debug=1) or pprof's protobuf "     \
    "(debug=0)"

struct gs_dump {
    enum gs_dump_format format;
    enum gs_profile_kind kind;
    bool sniffed, text;
    gs_buf kept; /* until sniffed, and of protobuf: all; of text: what has not ended */
    gs_dump_text t;
    uint64_t bytes;   /* that were fed */
    uint64_t skipped; /* in lines before the first goroutine */
    bool truncated;
};

gs_dump *gs_dump_new(bool keep_goroutines)
{
    gs_dump *d = gs_alloc(sizeof *d);
    d->t.sites = gs_sites_new(keep_goroutines);
    d->kept = GS_BUF(GS_MAX_DUMP_BLOCK);
    return d;
}

void gs_dump_free(gs_dump *d)
{
    if (!d)
        return;
    gs_buf_done(&d->kept);
    gs_sites_free(d->t.sites);
    free(d);
}

enum gs_dump_format gs_dump_format(const gs_dump *d)
{
    return d->format;
}

/* Protobuf has field numbers and lengths among its first bytes, which are control characters; text has none of them but
 * white space, and escape where a log is coloured. */
static bool is_text(gs_str s)
{
    for (size_t i = 0; i < s.n && i < SNIFF; i++)
        if ((unsigned char)s.p[i] < ' ' && !(s.p[i] && strchr("\t\n\v\f\r\033", s.p[i])))
            return false;
    return true;
}

/* "goroutine profile: total 12", the first line of debug=1. 1: it is; 0: it is some other line. */
static int read_total(gs_dump *d, gs_str line, gs_error *err)
{
    static const char total[] = " profile: total ";
    const char *at = line.n ? memmem(line.p, line.n, total, sizeof total - 1) : NULL;
    if (!at)
        return 0;
    gs_str name = {line.p, (size_t)(at - line.p)}, number = {at + sizeof total - 1, 0};
    number.n = (size_t)(line.p + line.n - number.p);
    for (size_t i = 0; i < name.n; i++)
        if (name.p[i] < 'a' || name.p[i] > 'z')
            return 0;
    if (!gs_str_is(name, "goroutine") && !gs_str_is(name, "goroutineleak"))
        return gs_error_set(err, GS_TERMINAL, "line %llu: expected a goroutine profile, got a %.*s profile",
                            (unsigned long long)d->t.lines + 1, name.n < 64 ? (int)name.n : 64, name.p);
    if (!gs_str_u64(number, &d->t.total))
        return gs_error_set(err, GS_TERMINAL, "line %llu: expected a number after \"%.*s profile: total \"",
                            (unsigned long long)d->t.lines + 1, (int)name.n, name.p);
    d->kind = gs_str_is(name, "goroutine") ? GS_PROFILE_GOROUTINE : GS_PROFILE_LEAK;
    d->format = GS_DUMP_DEBUG1;
    return 1;
}

static int skip_line(gs_dump *d, size_t n, gs_error *err)
{
    d->t.lines++;
    d->skipped += d->format == GS_DUMP_UNKNOWN ? n : 0;
    if (d->skipped <= GS_MAX_DUMP_PREFACE)
        return 0;
    return gs_error_set(err, GS_TERMINAL, "line 1: " EXPECTED "; there is none in the first %u MiB",
                        GS_MAX_DUMP_PREFACE >> 20);
}

/* The line or block at p; *ret_used is 0 where its end is not in sight. */
static int read_one(gs_dump *d, const char *p, size_t n, size_t *ret_used, gs_error *err)
{
    const char *nl = memchr(p, '\n', n);
    gs_dump_header h;
    *ret_used = 0;
    if (!nl)
        return 0;
    const size_t line_n = (size_t)(nl - p) + 1;
    gs_str line = gs_dump_line(p, nl);
    if (d->format == GS_DUMP_DEBUG1 && line.n)
        return gs_dump_record(&d->t, p, n, ret_used, err);
    if (d->format != GS_DUMP_DEBUG1 && gs_dump_header_read(line, &h)) {
        d->format = GS_DUMP_DEBUG2;
        size_t used;
        if (gs_dump_block(&d->t, &h, p + line_n, n - line_n, &used)) {
            d->t.lines++;
            *ret_used = line_n + used;
        }
        return 0;
    }
    int e = d->format == GS_DUMP_UNKNOWN ? read_total(d, line, err) : 0;
    if (e == 0 || e == 1)
        e = skip_line(d, line_n, err);
    *ret_used = line_n;
    return e;
}

static int read_all(gs_dump *d, const char *p, size_t n, size_t *ret_used, gs_error *err)
{
    *ret_used = 0;
    while (*ret_used < n) {
        size_t used;
        int e = read_one(d, p + *ret_used, n - *ret_used, &used, err);
        if (e < 0 || used == 0)
            return e;
        *ret_used += used;
    }
    return 0;
}

static int keep(gs_dump *d, const char *p, size_t n, gs_error *err)
{
    if (gs_buf_add(&d->kept, p, n) == 0)
        return 0;
    if (d->sniffed && d->text)
        return gs_error_set(err, GS_NO_MEMORY, "line %llu: a line or goroutine of more than %zu bytes",
                            (unsigned long long)d->t.lines + 1, d->kept.max);
    return gs_error_set(err, GS_NO_MEMORY, "profile: more than %zu bytes", d->kept.max);
}

static int feed_text(gs_dump *d, const char *p, size_t n, gs_error *err)
{
    while (n > 0) {
        size_t used, before = d->kept.n, step = before > CARRY_STEP ? before : CARRY_STEP;
        if (before == 0) {
            int e = read_all(d, p, n, &used, err);
            return e < 0 || used == n ? e : keep(d, p + used, n - used, err);
        }
        step = step < n ? step : n;
        int e = keep(d, p, step, err);
        used = 0;
        if (e == 0 && memchr(p, '\n', step)) /* nothing ends within a line */
            e = read_all(d, d->kept.p, d->kept.n, &used, err);
        if (e < 0)
            return e;
        if (used >= before) { /* what had been kept is done: on within the chunk */
            step = used - before;
            gs_buf_reset(&d->kept);
        } else {
            gs_buf_consume(&d->kept, used);
        }
        p += step;
        n -= step;
    }
    return 0;
}

/* What it is, by what was kept. */
static void sniff(gs_dump *d)
{
    d->sniffed = true;
    d->text = !gs_is_gzip(gs_buf_str(&d->kept)) && is_text(gs_buf_str(&d->kept));
    if (d->text)
        return;
    d->format = GS_DUMP_PPROF;
    d->kept.max = GS_MAX_PROFILE_BYTES;
}

/* What was kept until then is text like the rest. */
static int feed_kept(gs_dump *d, gs_error *err)
{
    gs_cleanup(gs_buf_done) gs_buf first = d->kept;
    d->kept = GS_BUF(GS_MAX_DUMP_BLOCK);
    return feed_text(d, first.p, first.n, err);
}

int gs_dump_feed(gs_dump *d, const char *p, size_t n, gs_error *err)
{
    if (n == 0)
        return 0;
    d->bytes += n;
    if (!d->sniffed) {
        size_t more = SNIFF - d->kept.n < n ? SNIFF - d->kept.n : n;
        int e = keep(d, p, more, err);
        if (e < 0 || d->kept.n < SNIFF)
            return e;
        sniff(d);
        p += more;
        n -= more;
        if (d->text && (e = feed_kept(d, err)) < 0)
            return e;
    }
    return d->text ? feed_text(d, p, n, err) : keep(d, p, n, err);
}

/* A dump that ends without a blank line: as it always does, or cut off. */
static int finish_debug2(gs_dump *d, gs_error *err)
{
    static const char prefix[] = "goroutine ";
    gs_str rest = gs_buf_str(&d->kept);
    const char *nl = rest.n ? memchr(rest.p, '\n', rest.n) : NULL;
    gs_dump_header h;
    d->truncated |= d->bytes == CUT_BY_GO;
    if (!nl || !gs_dump_header_read(gs_dump_line(rest.p, nl), &h)) {
        size_t n = rest.n < sizeof prefix - 1 ? rest.n : sizeof prefix - 1;
        d->truncated |= n > 0 && memcmp(rest.p, prefix, n) == 0;
        return 0;
    }
    size_t skip = (size_t)(nl - rest.p) + 1, used;
    if (!gs_dump_block_is_whole(&d->t, &h, rest.p + skip, rest.n - skip)) {
        d->truncated = true;
        if (h.id != 0)
            (void)gs_sites_count(d->t.sites, 0, &(gs_sighting){.count = 1, .dump = true, .id = h.id});
        return 0;
    }
    int e = keep(d, "\n\n", 2, err);
    return e < 0 ? e : read_all(d, d->kept.p, d->kept.n, &used, err);
}

static int finish_debug1(gs_dump *d, gs_error *err)
{
    gs_str rest = gs_buf_str(&d->kept);
    uint64_t count = gs_dump_record_count(rest.p, rest.n), sum = gs_sites_total(d->t.sites);
    if (count && rest.p[rest.n - 1] == '\n' && sum + count >= d->t.total) {
        size_t used;
        int e = keep(d, "\n", 1, err);
        if (e == 0)
            e = gs_dump_record(&d->t, d->kept.p, d->kept.n, &used, err);
        if (e < 0)
            return e;
        sum = gs_sites_total(d->t.sites);
    } else if (rest.n) {
        d->truncated = true;
    }
    if (sum < d->t.total)
        gs_sites_lost(d->t.sites, d->t.total - sum);
    return 0;
}

static int finish_text(gs_dump *d, gs_error *err)
{
    int e = 0;
    if (d->format == GS_DUMP_UNKNOWN && d->kept.n) { /* a first line that does not end */
        gs_str line = gs_buf_str(&d->kept);
        gs_dump_header h;
        if (gs_dump_header_read(gs_dump_line(line.p, line.p + line.n), &h))
            d->format = GS_DUMP_DEBUG2;
        else
            e = read_total(d, gs_dump_line(line.p, line.p + line.n), err);
        d->truncated = true;
        if (e >= 0 && d->format != GS_DUMP_UNKNOWN)
            e = keep(d, "\n", 1, err);
        if (e < 0)
            return e;
    }
    if (d->format == GS_DUMP_UNKNOWN)
        return gs_error_set(err, GS_TERMINAL, "line 1: " EXPECTED "; there is none in %llu lines",
                            (unsigned long long)d->t.lines + (d->kept.n > 0));
    return d->format == GS_DUMP_DEBUG2 ? finish_debug2(d, err) : finish_debug1(d, err);
}

static int finish_packed(gs_dump *d, gs_profile **ret, gs_error *err)
{
    gs_cleanup(gs_buf_done) gs_buf unpacked = GS_BUF(GS_MAX_PROFILE_BYTES);
    gs_str body = gs_buf_str(&d->kept);
    int e = gs_pprof_unpack(&body, &unpacked, err);
    if (e < 0)
        return e;
    d->text = body.n > 0 && is_text(body);
    if (!d->text)
        return gs_pprof_decode_unpacked(body, ret, err);
    d->format = GS_DUMP_UNKNOWN; /* a dump that someone packed */
    gs_buf_done(&d->kept);
    d->kept = GS_BUF(GS_MAX_DUMP_BLOCK);
    d->bytes = body.n;
    return feed_text(d, body.p, body.n, err);
}

int gs_dump_finish(gs_dump *d, gs_profile **ret, gs_error *err)
{
    if (d->bytes == 0)
        return gs_error_set(err, GS_TERMINAL, "line 1: " EXPECTED "; the input is empty");
    int e = 0;
    if (!d->sniffed) {
        sniff(d);
        if (d->text)
            e = feed_kept(d, err);
    }
    if (e == 0 && !d->text)
        e = finish_packed(d, ret, err);
    if (e < 0 || !d->text)
        return e;
    e = finish_text(d, err);
    if (e < 0)
        return e;
    enum gs_profile_kind kind = d->format == GS_DUMP_DEBUG2 ? GS_PROFILE_DUMP : d->kind;
    *ret = gs_sites_finish(d->t.sites, kind, d->truncated);
    return 0;
}

int gs_dump_decode(gs_str body, bool keep_goroutines, gs_profile **ret, gs_error *err)
{
    gs_cleanup(gs_dump_free) gs_dump *d = gs_dump_new(keep_goroutines);
    int e = gs_dump_feed(d, body.p, body.n, err);
    return e < 0 ? e : gs_dump_finish(d, ret, err);
}
