#include "wire/json_write.h"

#include "base/limits.h"
#include "wire/json_cursor.h"
#include "wire/json_text.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

_Static_assert(GS_MAX_NESTING <= 64, "a level is one bit of a uint64_t");

void gs_jw_init(gs_json_writer *w, gs_buf *out)
{
    *w = (gs_json_writer){.out = out, .from = out->n};
}

static void fail(gs_json_writer *w, enum gs_kind kind, const char *why)
{
    if (w->why)
        return;
    w->why = why;
    w->kind = kind;
}

static void add(gs_json_writer *w, const char *p, size_t n)
{
    if (!w->why && gs_buf_add(w->out, p, n) < 0)
        fail(w, GS_NO_MEMORY, "too long");
}

/* The bytes from *p on that may stand in a string as they are. */
static size_t plain(const char *p, const char *end)
{
    const char *q = p;
    while (q < end && (unsigned char)*q >= 0x20 && *q != '"' && *q != '\\') {
        size_t n = gs_utf8_len(q, end);
        if (!n)
            break;
        q += n;
    }
    return (size_t)(q - p);
}

static void quoted(gs_json_writer *w, gs_str s)
{
    static const char from[] = "\"\\\b\f\n\r\t", to[] = "\"\\bfnrt";
    const char *p = s.p, *end = s.p + s.n;
    add(w, "\"", 1);
    while (p < end && !w->why) {
        size_t n = plain(p, end);
        add(w, p, n);
        p += n;
        if (p == end)
            break;
        const char *at = memchr(from, *p, sizeof from - 1);
        char esc[8];
        if (at) {
            esc[0] = '\\';
            esc[1] = to[at - from];
            n = 2;
        } else if ((unsigned char)*p < 0x20) {
            n = (size_t)snprintf(esc, sizeof esc, "\\u%04x", (unsigned)(unsigned char)*p);
        } else {
            n = gs_utf8_put(esc, 0xfffd);
        }
        add(w, esc, n);
        p++;
    }
    add(w, "\"", 1);
}

static uint64_t innermost(const gs_json_writer *w)
{
    return UINT64_C(1) << (w->depth - 1);
}

void gs_jw_key(gs_json_writer *w, gs_str key)
{
    if (!w->depth || !(w->objects & innermost(w)))
        fail(w, GS_TERMINAL, "a key outside of an object");
    else if (w->keyed)
        fail(w, GS_TERMINAL, "a key without a value");
    if (w->why)
        return;
    if (w->started & innermost(w))
        add(w, ",", 1);
    w->started |= innermost(w);
    quoted(w, key);
    add(w, ":", 1);
    w->keyed = true;
}

/* Comma and key: what stands before a value. False where the writer has failed. */
static bool before(gs_json_writer *w, const char *key)
{
    if (key)
        gs_jw_key(w, gs_str_of(key));
    if (w->why)
        return false;
    if (w->whole)
        fail(w, GS_TERMINAL, "a second value");
    else if (w->depth && (w->objects & innermost(w)) && !w->keyed)
        fail(w, GS_TERMINAL, "a value without a key in an object");
    else if (w->depth && !w->keyed) {
        if (w->started & innermost(w))
            add(w, ",", 1);
        w->started |= innermost(w);
    }
    w->keyed = false;
    return !w->why;
}

static void after(gs_json_writer *w)
{
    w->whole = !w->depth;
}

static void value(gs_json_writer *w, const char *key, gs_str text)
{
    if (!before(w, key))
        return;
    add(w, text.p, text.n);
    after(w);
}

static void open_level(gs_json_writer *w, const char *key, bool object)
{
    if (!before(w, key))
        return;
    if (w->depth >= GS_MAX_NESTING) {
        fail(w, GS_NO_MEMORY, "nested too deeply");
        return;
    }
    add(w, object ? "{" : "[", 1);
    w->depth++;
    w->objects = object ? w->objects | innermost(w) : w->objects & ~innermost(w);
    w->started &= ~innermost(w);
}

void gs_jw_object(gs_json_writer *w, const char *key)
{
    open_level(w, key, true);
}

void gs_jw_array(gs_json_writer *w, const char *key)
{
    open_level(w, key, false);
}

void gs_jw_end(gs_json_writer *w)
{
    if (!w->depth)
        fail(w, GS_TERMINAL, "an end without a beginning");
    else if (w->keyed)
        fail(w, GS_TERMINAL, "a key without a value");
    if (w->why)
        return;
    add(w, w->objects & innermost(w) ? "}" : "]", 1);
    w->depth--;
    after(w);
}

void gs_jw_strn(gs_json_writer *w, const char *key, gs_str s)
{
    if (!before(w, key))
        return;
    quoted(w, s);
    after(w);
}

void gs_jw_str(gs_json_writer *w, const char *key, const char *s)
{
    if (s)
        gs_jw_strn(w, key, gs_str_of(s));
    else
        gs_jw_null(w, key);
}

void gs_jw_strn_at(gs_json_writer *w, gs_str key, gs_str s)
{
    gs_jw_key(w, key);
    gs_jw_strn(w, NULL, s);
}

void gs_jw_int(gs_json_writer *w, const char *key, int64_t v)
{
    char tmp[32];
    (void)snprintf(tmp, sizeof tmp, "%" PRId64, v);
    value(w, key, gs_str_of(tmp));
}

void gs_jw_uint(gs_json_writer *w, const char *key, uint64_t v)
{
    char tmp[32];
    (void)snprintf(tmp, sizeof tmp, "%" PRIu64, v);
    value(w, key, gs_str_of(tmp));
}

/* printf writes the decimal point of the locale, which may have several bytes: makes it a '.'. */
static void plain_point(char *s)
{
    size_t n = 0;
    for (const char *p = s; *p; p++) {
        if (strchr("0123456789+-e", *p))
            s[n++] = *p;
        else if (!n || s[n - 1] != '.')
            s[n++] = '.';
    }
    s[n] = 0;
}

void gs_double_format(double v, char ret[GS_DOUBLE_LEN])
{
    if (isnan(v) || isinf(v)) {
        memcpy(ret, isnan(v) ? "NaN" : v > 0 ? "+Inf" : "-Inf", isnan(v) ? 4 : 5);
        return;
    }
    if (v == trunc(v) && fabs(v) < 1e15 && !(v == 0 && signbit(v))) {
        (void)snprintf(ret, GS_DOUBLE_LEN, "%" PRId64, (int64_t)v);
        return;
    }
    double back = 0;
    for (int digits = 1; digits <= 17; digits++) {
        (void)snprintf(ret, GS_DOUBLE_LEN, "%.*g", digits, v);
        plain_point(ret);
        if (gs_str_double(gs_str_of(ret), &back) && memcmp(&back, &v, sizeof v) == 0)
            return;
    }
}

void gs_jw_double(gs_json_writer *w, const char *key, double v)
{
    char tmp[GS_DOUBLE_LEN];
    gs_double_format(v, tmp);
    value(w, key, isfinite(v) ? gs_str_of(tmp) : GS_STR("null"));
}

void gs_jw_bool(gs_json_writer *w, const char *key, bool v)
{
    value(w, key, v ? GS_STR("true") : GS_STR("false"));
}

void gs_jw_null(gs_json_writer *w, const char *key)
{
    value(w, key, GS_STR("null"));
}

void gs_jw_raw(gs_json_writer *w, const char *key, gs_str json)
{
    gs_json_cursor c;
    gs_json_cursor_init(&c, json);
    if (gs_json_cursor_finish(&c, NULL) < 0)
        fail(w, GS_TERMINAL, "a raw value that is no JSON");
    value(w, key, json);
}

int gs_jw_finish(gs_json_writer *w, gs_error *err)
{
    if (!w->whole)
        fail(w, GS_TERMINAL, w->depth ? "a container was left open" : "nothing was written");
    if (!w->why)
        return 0;
    if (w->out->n > w->from) {
        w->out->n = w->from;
        w->out->p[w->from] = 0;
    }
    return gs_error_set(err, w->kind, "write JSON: %s", w->why);
}
