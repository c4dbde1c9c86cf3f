#include "wire/yaml.h"

#include "base/limits.h"
#include "base/map.h"
#include "base/mem.h"
#include "wire/json_write.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <yaml.h>

/* A YAML event stream turned into calls of the JSON writer. */
typedef struct conversion {
    yaml_parser_t parser;
    gs_json_writer w;
    gs_error *err;
    gs_yaml_each *each; /* of a stream: gets each document; NULL: there may be one only */
    void *ctx;
    gs_yaml_mark *at; /* of a stream: where it went wrong */
    gs_yaml_mark *marks;
    size_t n_marks, max_marks;
    unsigned depth;
    struct {
        gs_map *keys;    /* of a mapping; NULL for a sequence */
        bool want_value; /* a mapping whose key has been read */
    } levels[GS_MAX_NESTING];
} conversion;

__attribute__((format(printf, 3, 4))) static int fail(conversion *y, yaml_mark_t at, const char *fmt, ...)
{
    char why[200];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(why, sizeof why, fmt, ap);
    va_end(ap);
    if (!y->at)
        return gs_error_set(y->err, GS_TERMINAL, "YAML: line %zu, column %zu: %s", at.line + 1, at.column + 1, why);
    *y->at = (gs_yaml_mark){.line = (unsigned)at.line + 1, .column = (unsigned)at.column + 1};
    return gs_error_set(y->err, GS_TERMINAL, "%s", why);
}

/* What is written next stands there. */
static void mark(conversion *y, yaml_mark_t at)
{
    if (!y->each)
        return;
    y->marks = gs_grow(y->marks, &y->max_marks, y->n_marks + 1, sizeof *y->marks);
    y->marks[y->n_marks++] = (gs_yaml_mark){y->w.out->n, (unsigned)at.line + 1, (unsigned)at.column + 1, false};
}

/* ---- plain scalars, by the core schema of YAML 1.2 ---- */

static bool any_of(gs_str s, const char *const words[])
{
    for (; *words; words++)
        if (gs_str_is(s, *words))
            return true;
    return false;
}

static size_t run(gs_str s, size_t at, const char *set)
{
    size_t n = 0;
    while (at + n < s.n && s.p[at + n] && strchr(set, s.p[at + n]))
        n++;
    return n;
}

#define DIGITS "0123456789"

/* 0x and 0o numbers; they have no sign. */
static bool prefixed(gs_str s, uint64_t *ret)
{
    bool hex = gs_str_starts(s, "0x");
    if (s.n < 3 || (!hex && !gs_str_starts(s, "0o")) || run(s, 2, hex ? DIGITS "abcdefABCDEF" : "01234567") != s.n - 2)
        return false;
    uint64_t v = 0;
    for (size_t i = 2; i < s.n; i++) {
        unsigned c = (unsigned char)s.p[i];
        unsigned d = c <= '9' ? c - '0' : (c | 32) - 'a' + 10;
        if (v >> 60)
            return false; /* longer than 64 bits: left a string */
        v = v * (hex ? 16 : 8) + d;
    }
    *ret = v;
    return true;
}

enum number { NO_NUMBER, INTEGER, FLOAT };

/* [-+]?[0-9]+ or [-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)? */
static enum number number_of(gs_str s)
{
    size_t at = run(s, 0, "+-") == 1 ? 1 : 0, whole = run(s, at, DIGITS), part = 0;
    bool is_float = false;
    at += whole;
    if (at < s.n && s.p[at] == '.') {
        part = run(s, at + 1, DIGITS);
        at += 1 + part;
        is_float = true;
    }
    if (!whole && !part)
        return NO_NUMBER;
    if (at < s.n && (s.p[at] == 'e' || s.p[at] == 'E')) {
        at += 1 + (run(s, at + 1, "+-") == 1);
        size_t exponent = run(s, at, DIGITS);
        if (!exponent)
            return NO_NUMBER;
        at += exponent;
        is_float = true;
    }
    return at != s.n ? NO_NUMBER : is_float ? FLOAT : INTEGER;
}

/* JSON knows neither +1 nor 007. */
static void write_integer(gs_json_writer *w, gs_str s)
{
    size_t at = s.p[0] == '-' || s.p[0] == '+';
    while (at + 1 < s.n && s.p[at] == '0')
        at++;
    gs_autofree char *text = gs_sprintf("%s%.*s", s.p[0] == '-' ? "-" : "", (int)(s.n - at), s.p + at);
    gs_jw_raw(w, NULL, gs_str_of(text));
}

static int plain(conversion *y, gs_str s, yaml_mark_t at)
{
    static const char *const nulls[] = {"", "~", "null", "Null", "NULL", NULL};
    static const char *const trues[] = {"true", "True", "TRUE", NULL};
    static const char *const falses[] = {"false", "False", "FALSE", NULL};
    static const char *const odd[] = {".nan",  ".NaN",  ".NAN",  ".inf",  ".Inf",  ".INF", "+.inf",
                                      "+.Inf", "+.INF", "-.inf", "-.Inf", "-.INF", NULL};
    enum number number = number_of(s);
    uint64_t u;
    double v;
    if (any_of(s, nulls))
        gs_jw_null(&y->w, NULL);
    else if (any_of(s, trues))
        gs_jw_bool(&y->w, NULL, true);
    else if (any_of(s, falses))
        gs_jw_bool(&y->w, NULL, false);
    else if (any_of(s, odd))
        return fail(y, at, ".inf and .nan are not supported: JSON has no such number");
    else if (prefixed(s, &u))
        gs_jw_uint(&y->w, NULL, u);
    else if (number == INTEGER)
        write_integer(&y->w, s);
    else if (number == FLOAT && (!gs_str_double(s, &v) || !isfinite(v)))
        return fail(y, at, "the number is out of range");
    else if (number == FLOAT)
        gs_jw_double(&y->w, NULL, v);
    else
        gs_jw_strn(&y->w, NULL, s);
    return 0;
}

/* By YAML 1.1, which kubectl reads, it is something else: yes and on are true, 010 is 8, 1_000 a number. */
static bool odd(gs_str s)
{
    static const char *const words[] = {"yes", "Yes", "YES", "no",  "No",  "NO", "on",
                                        "On",  "ON",  "off", "Off", "OFF", NULL};
    size_t at = run(s, 0, "+-") == 1 ? 1 : 0, digits = run(s, at, DIGITS "_");
    bool zero = at + 1 < s.n && s.p[at] == '0';
    if (any_of(s, words))
        return true;
    if (zero && (s.p[at + 1] == 'b' || (at && strchr("xo", s.p[at + 1]))))
        return run(s, at + 2, DIGITS "abcdefABCDEF_") == s.n - at - 2;
    return digits && at + digits == s.n && s.p[at] != '_' && (memchr(s.p, '_', s.n) || zero);
}

/* ---- events ---- */

static int key(conversion *y, gs_str s, bool is_plain, yaml_mark_t at)
{
    gs_map *keys = y->levels[y->depth - 1].keys;
    if (is_plain && gs_str_is(s, "<<"))
        return fail(y, at, "merge keys (<<) are not supported: write the fields out");
    if (is_plain && !s.n)
        return fail(y, at, "a key is missing");
    if (s.n && memchr(s.p, 0, s.n))
        return fail(y, at, "NUL in a key");
    if (gs_map_getn(keys, s))
        return fail(y, at, "the key \"%.64s\" comes twice here", s.p);
    gs_map_put(keys, s.p, y);
    gs_jw_key(&y->w, s);
    y->levels[y->depth - 1].want_value = true;
    return 0;
}

/* Before any node: what no node may have, and whose turn it is. *is_key: it stands where a key is expected.
 */
static int node(conversion *y, const yaml_char_t *anchor, const yaml_char_t *tag, yaml_mark_t at, bool *is_key)
{
    if (anchor)
        return fail(y, at, "anchors (&) are not supported");
    if (tag && strcmp((const char *)tag, YAML_STR_TAG) != 0)
        return fail(y, at, "tags other than !!str are not supported");
    *is_key = y->depth && y->levels[y->depth - 1].keys && !y->levels[y->depth - 1].want_value;
    if (y->depth && !*is_key)
        y->levels[y->depth - 1].want_value = false;
    return 0;
}

static int scalar(conversion *y, const yaml_event_t *e)
{
    gs_str s = {(const char *)e->data.scalar.value, e->data.scalar.length};
    bool is_key;
    bool is_plain = e->data.scalar.plain_implicit && e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    int rc = node(y, e->data.scalar.anchor, e->data.scalar.tag, e->start_mark, &is_key);
    if (rc < 0)
        return rc;
    mark(y, e->start_mark);
    if (y->each && is_plain)
        y->marks[y->n_marks - 1].odd = odd(s);
    if (is_key)
        return key(y, s, is_plain, e->start_mark);
    if (is_plain)
        return plain(y, s, e->start_mark);
    gs_jw_strn(&y->w, NULL, s);
    return 0;
}

static int open_level(conversion *y, const yaml_event_t *e)
{
    bool is_key, mapping = e->type == YAML_MAPPING_START_EVENT;
    const yaml_char_t *tag = mapping ? e->data.mapping_start.tag : e->data.sequence_start.tag;
    const yaml_char_t *anchor = mapping ? e->data.mapping_start.anchor : e->data.sequence_start.anchor;
    int rc = node(y, anchor, tag, e->start_mark, &is_key);
    if (rc < 0)
        return rc;
    if (tag)
        return fail(y, e->start_mark, "tags other than !!str are not supported");
    if (is_key)
        return fail(y, e->start_mark, "a key must be a scalar");
    if (y->depth == GS_MAX_NESTING)
        return fail(y, e->start_mark, "nested too deeply");
    mark(y, e->start_mark);
    y->levels[y->depth].want_value = false;
    y->levels[y->depth++].keys = mapping ? gs_map_new(NULL) : NULL;
    if (mapping)
        gs_jw_object(&y->w, NULL);
    else
        gs_jw_array(&y->w, NULL);
    return 0;
}

static void close_level(conversion *y)
{
    gs_map_free(y->levels[--y->depth].keys);
    gs_jw_end(&y->w);
}

/* Hands out what was converted, and makes room for the next document. */
static int hand_out(conversion *y)
{
    gs_buf *out = y->w.out;
    int rc = gs_jw_finish(&y->w, y->err);
    if (rc == 0)
        rc = y->each(y->ctx, &(gs_yaml_document){gs_buf_str(out), y->marks, y->n_marks}, y->err);
    gs_buf_reset(out);
    gs_jw_init(&y->w, out);
    y->n_marks = 0;
    return rc;
}

static int on_event(conversion *y, const yaml_event_t *e, unsigned *documents)
{
    switch (e->type) {
    case YAML_DOCUMENT_START_EVENT:
        if ((*documents)++ && !y->each)
            return fail(y, e->start_mark, "a second document begins here; only one is read");
        return 0;
    case YAML_DOCUMENT_END_EVENT:
        return y->each ? hand_out(y) : 0;
    case YAML_ALIAS_EVENT:
        return fail(y, e->start_mark, "aliases (*) are not supported");
    case YAML_SCALAR_EVENT:
        return scalar(y, e);
    case YAML_SEQUENCE_START_EVENT:
    case YAML_MAPPING_START_EVENT:
        return open_level(y, e);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        close_level(y);
        return 0;
    default:
        return 0;
    }
}

static int parse_error(conversion *y)
{
    const yaml_parser_t *p = &y->parser;
    if (p->error == YAML_MEMORY_ERROR)
        return gs_error_set(y->err, GS_NO_MEMORY, "YAML: out of memory");
    if (p->error == YAML_READER_ERROR)
        return gs_error_set(y->err, GS_TERMINAL, "YAML: at byte %zu: %s", p->problem_offset, p->problem);
    return fail(y, p->problem_mark, "%s", p->problem ? p->problem : "malformed");
}

static int convert(conversion *y)
{
    unsigned documents = 0;
    for (;;) {
        yaml_event_t e;
        if (!yaml_parser_parse(&y->parser, &e))
            return parse_error(y);
        bool last = e.type == YAML_STREAM_END_EVENT;
        int rc = on_event(y, &e, &documents);
        yaml_event_delete(&e);
        if (rc < 0)
            return rc;
        if (gs_jw_failed(&y->w))
            break;
        if (last && y->each)
            return 0;
        if (last && !documents)
            return gs_error_set(y->err, GS_TERMINAL, "YAML: there is no document");
        if (last)
            break;
    }
    int rc = gs_jw_finish(&y->w, y->err);
    return rc < 0 ? gs_error_wrap(y->err, GS_TERMINAL, "YAML") : 0;
}

static int run_conversion(conversion *y, gs_str yaml, gs_buf *out)
{
    if (yaml.n > GS_MAX_YAML_BYTES)
        return gs_error_set(y->err, GS_NO_MEMORY, "YAML: %zu bytes, at most %u are read", yaml.n, GS_MAX_YAML_BYTES);
    if (!yaml_parser_initialize(&y->parser))
        return gs_error_set(y->err, GS_NO_MEMORY, "YAML: out of memory");
    yaml_parser_set_encoding(&y->parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&y->parser, (const unsigned char *)yaml.p, yaml.n);
    gs_jw_init(&y->w, out);
    int rc = convert(y);
    while (y->depth)
        gs_map_free(y->levels[--y->depth].keys);
    yaml_parser_delete(&y->parser);
    return rc;
}

int gs_yaml_to_json(gs_str yaml, gs_buf *out, gs_error *err)
{
    conversion y = {.err = err};
    size_t before = out->n;
    int rc = run_conversion(&y, yaml, out);
    if (rc < 0 && out->p) {
        out->n = before;
        out->p[before] = 0;
    }
    return rc;
}

int gs_yaml_stream(gs_str yaml, gs_yaml_each *each, void *ctx, gs_yaml_mark *ret_at, gs_error *err)
{
    gs_cleanup(gs_buf_done) gs_buf json = GS_BUF(8 * GS_MAX_YAML_BYTES);
    conversion y = {.err = err, .each = each, .ctx = ctx, .at = ret_at};
    *ret_at = (gs_yaml_mark){.line = 1, .column = 1};
    int rc = run_conversion(&y, yaml, &json);
    free(y.marks);
    return rc;
}
