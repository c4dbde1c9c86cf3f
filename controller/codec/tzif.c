#include "codec/tzif.h"

#include "base/mem.h"

#define HEADER_LEN 44
/* Offsets beyond these are no zone of this planet (RFC 9636, 3.2). */
#define MIN_OFFSET (-89999)
#define MAX_OFFSET 93599

typedef struct in {
    gs_str b;
    size_t at;
    gs_error *err;
} in;

static int bad(const in *i, size_t at, const char *what)
{
    return gs_error_set(i->err, GS_TERMINAL, "byte %zu: %s", at, what);
}

static int64_t number(gs_str b, size_t at, size_t n)
{
    uint64_t v = (unsigned char)b.p[at] & 0x80 ? UINT64_MAX : 0;
    for (size_t k = 0; k < n; k++)
        v = v << 8 | (unsigned char)b.p[at + k];
    return (int64_t)v;
}

/* ---- the footer: a TZ string of POSIX, with hours up to 167 ---- */

static bool take(in *i, char c)
{
    if (i->at >= i->b.n || i->b.p[i->at] != c)
        return false;
    i->at++;
    return true;
}

static bool digit(const in *i)
{
    return i->at < i->b.n && i->b.p[i->at] >= '0' && i->b.p[i->at] <= '9';
}

static int decimal(in *i, int min, int max, const char *what, int *ret)
{
    size_t from = i->at;
    int v = 0;
    for (; digit(i); i->at++)
        v = v > max ? v : 10 * v + (i->b.p[i->at] - '0');
    if (i->at == from || v < min || v > max)
        return gs_error_set(i->err, GS_TERMINAL, "byte %zu: the footer's %s must be %d..%d", from, what, min, max);
    *ret = v;
    return 0;
}

/* "CET" or "<+0330>" */
static int abbreviation(in *i)
{
    size_t from = i->at;
    bool quoted = take(i, '<');
    size_t first = i->at;
    for (; i->at < i->b.n; i->at++) {
        char c = i->b.p[i->at];
        bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
        if (!letter && !(quoted && (c == '+' || c == '-' || digit(i))))
            break;
    }
    if (i->at - first < 3 || (quoted && !take(i, '>')))
        return bad(i, from, "the footer must have a zone's name of three letters or more here");
    return 0;
}

/* [+|-]hh[:mm[:ss]] */
static int time_of_day(in *i, int max_hours, const char *what, int32_t *ret)
{
    int h = 0, m = 0, s = 0;
    bool minus = take(i, '-');
    if (!minus)
        (void)take(i, '+');
    if (decimal(i, 0, max_hours, what, &h) < 0)
        return -GS_TERMINAL;
    if (take(i, ':')) {
        if (decimal(i, 0, 59, "minutes", &m) < 0 || (take(i, ':') && decimal(i, 0, 59, "seconds", &s) < 0))
            return -GS_TERMINAL;
    }
    int32_t v = h * 3600 + m * 60 + s;
    *ret = minus ? -v : v;
    return 0;
}

/* ,Mm.w.d[/time] or ,Jn[/time] or ,n[/time] */
static int change(in *i, gs_zone_change *ret)
{
    gs_zone_change c = {.kind = GS_ZONE_DAY, .at_s = 2 * 3600};
    int rc;
    if (!take(i, ','))
        return bad(i, i->at, "the footer must say here when the offset changes: \",\"");
    if (take(i, 'M')) {
        c.kind = GS_ZONE_WEEKDAY;
        rc = decimal(i, 1, 12, "month", &c.month);
        if (!rc && !take(i, '.'))
            rc = bad(i, i->at, "the footer must have \".\" and a week here");
        rc = rc ? rc : decimal(i, 1, 5, "week", &c.week);
        if (!rc && !take(i, '.'))
            rc = bad(i, i->at, "the footer must have \".\" and a weekday here");
        rc = rc ? rc : decimal(i, 0, 6, "weekday", &c.day);
    } else if (take(i, 'J')) {
        c.kind = GS_ZONE_JULIAN;
        rc = decimal(i, 1, 365, "day", &c.day);
    } else {
        rc = decimal(i, 0, 365, "day", &c.day);
    }
    if (!rc && take(i, '/'))
        rc = time_of_day(i, 167, "hour of a change", &c.at_s);
    *ret = c;
    return rc;
}

static int rule(in *i, gs_zone *z)
{
    int32_t west;
    if (abbreviation(i) < 0 || time_of_day(i, 24, "hours west of UTC", &west) < 0)
        return -GS_TERMINAL;
    z->std_s = -west;
    z->has_rule = true;
    if (i->at == i->b.n || i->b.p[i->at] == '\n')
        return 0;
    if (abbreviation(i) < 0)
        return -GS_TERMINAL;
    z->has_dst = true;
    z->dst_s = z->std_s + 3600;
    if (i->at < i->b.n && i->b.p[i->at] != ',') {
        if (time_of_day(i, 24, "hours west of UTC", &west) < 0)
            return -GS_TERMINAL;
        z->dst_s = -west;
    }
    return change(i, &z->to_dst) < 0 || change(i, &z->to_std) < 0 ? -GS_TERMINAL : 0;
}

static int footer(in *i, gs_zone *z)
{
    if (!take(i, '\n'))
        return bad(i, i->at, "must be the footer's newline");
    if (take(i, '\n')) /* no rule is known */
        return 0;
    if (rule(i, z) < 0)
        return -GS_TERMINAL;
    return take(i, '\n') ? 0 : bad(i, i->at, "must be the newline that ends the footer");
}

/* ---- the blocks ---- */

typedef struct counts {
    size_t isut, isstd, leaps, times, types, chars;
} counts;

static int header(in *i, char *ret_version, counts *ret)
{
    size_t at = i->at;
    if (i->b.n - at < HEADER_LEN)
        return bad(i, i->b.n, "the file ends within a header of 44 bytes");
    if (memcmp(i->b.p + at, "TZif", 4) != 0)
        return bad(i, at, "must be \"TZif\": this is no time zone file");
    char version = i->b.p[at + 4];
    if (version != 0 && (version < '2' || version > '4'))
        return bad(i, at + 4, "must be a version of 1 to 4: NUL, \"2\", \"3\" or \"4\"");
    size_t v[6];
    for (size_t k = 0; k < 6; k++)
        v[k] = (uint32_t)number(i->b, at + 20 + 4 * k, 4);
    counts c = {v[0], v[1], v[2], v[3], v[4], v[5]};
    if (c.isut != 0 && c.isut != c.types)
        return bad(i, at + 20, "isutcnt must be 0 or typecnt");
    if (c.isstd != 0 && c.isstd != c.types)
        return bad(i, at + 24, "isstdcnt must be 0 or typecnt");
    if (c.times > GS_MAX_ZONE_CHANGES)
        return bad(i, at + 32, "timecnt must be at most 4096");
    if (c.types == 0 || c.types > 256)
        return bad(i, at + 36, "typecnt must be 1..256");
    if (c.chars == 0 || c.chars > GS_MAX_TZIF_BYTES)
        return bad(i, at + 40, "charcnt must be 1 at least, and within the file");
    if (c.leaps > GS_MAX_TZIF_BYTES)
        return bad(i, at + 28, "leapcnt must be within the file");
    i->at += HEADER_LEN;
    *ret_version = version;
    *ret = c;
    return 0;
}

/* width: bytes of a time. */
static int skip_block(in *i, const counts *c, size_t width)
{
    size_t n = c->times * (width + 1) + c->types * 6 + c->chars + c->leaps * (width + 4) + c->isstd + c->isut;
    if (i->b.n - i->at < n)
        return bad(i, i->b.n, "the file ends within a data block");
    i->at += n;
    return 0;
}

static int read_block(in *i, const counts *c, size_t width, gs_zone *z)
{
    size_t times = i->at, indices = times + c->times * width, types = indices + c->times;
    int32_t offsets[256];
    if (c->leaps)
        return bad(i, times - HEADER_LEN + 28, "leapcnt must be 0: zones that count leap seconds are not supported");
    if (skip_block(i, c, width) < 0)
        return -GS_TERMINAL;
    for (size_t k = 0; k < c->types; k++) {
        int64_t v = number(i->b, types + 6 * k, 4);
        if (v < MIN_OFFSET || v > MAX_OFFSET)
            return bad(i, types + 6 * k, "an offset must be within -89999..93599 s of UTC");
        offsets[k] = (int32_t)v;
    }
    z->at_s = gs_allocn(c->times, sizeof *z->at_s);
    z->offset_s = gs_allocn(c->times + 1, sizeof *z->offset_s);
    z->offset_s[0] = offsets[0];
    for (; z->n < c->times; z->n++) {
        size_t k = z->n, type = (unsigned char)i->b.p[indices + k];
        z->at_s[k] = number(i->b, times + k * width, width);
        if (k > 0 && z->at_s[k] <= z->at_s[k - 1])
            return bad(i, times + k * width, "changes must be in ascending order");
        if (type >= c->types)
            return bad(i, indices + k, "a change's type must be under typecnt");
        z->offset_s[k + 1] = offsets[type];
    }
    return 0;
}

int gs_zone_from_tzif(gs_str bytes, const char *name, gs_zone **ret, gs_error *err)
{
    in i = {.b = bytes, .err = err};
    char version = 0;
    counts c = {0};
    if (bytes.n > GS_MAX_TZIF_BYTES)
        return gs_error_set(err, GS_TERMINAL, "byte %u: the file must end here at the latest", GS_MAX_TZIF_BYTES);
    gs_cleanup(gs_zone_free) gs_zone *z = gs_alloc(sizeof *z);
    (void)gs_str_copy(z->name, sizeof z->name, gs_str_of(name));
    int rc = header(&i, &version, &c);
    if (!rc && version != 0) { /* the first block is for readers of 32 bits */
        rc = skip_block(&i, &c, 4);
        rc = rc ? rc : header(&i, &version, &c);
        rc = rc ? rc : read_block(&i, &c, 8, z);
        rc = rc ? rc : footer(&i, z);
    } else if (!rc) {
        rc = read_block(&i, &c, 4, z);
    }
    if (rc)
        return rc;
    *ret = gs_take(z);
    return 0;
}
