#include "wire/json_map.h"

#include "wire/json_text.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#define MAX_FIELDS 64 /* a field that was seen is one bit of a uint64_t */

/* Where we are, for messages: a list over the C stack, innermost first. */
struct where {
    const struct where *up;
    const char *key; /* NULL: an array element */
    size_t index;
};

typedef struct decoder {
    gs_json_cursor *c;
    enum gs_json_unknown unknown;
    gs_error *err;
} decoder;

static int object(decoder *d, const gs_json_field *table, char *dst, const struct where *at);
static int decode_field(decoder *d, const gs_json_field *f, char *parent, const struct where *at);

static size_t path_text(const struct where *at, char *dst, size_t cap)
{
    if (!at)
        return 0;
    size_t n = path_text(at->up, dst, cap);
    if (n >= cap - 1)
        return n;
    int add = at->key ? snprintf(dst + n, cap - n, "%s%s", n && *at->key ? "." : "", at->key)
                      : snprintf(dst + n, cap - n, "[%zu]", at->index);
    n += add > 0 ? (size_t)add : 0;
    return n < cap - 1 ? n : cap - 1;
}

__attribute__((format(printf, 3, 4))) static int fail(decoder *d, const struct where *at, const char *fmt, ...)
{
    char path[256] = "", what[240];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(what, sizeof what, fmt, ap);
    va_end(ap);
    size_t n = path_text(at, path, sizeof path);
    return gs_error_set(d->err, GS_TERMINAL, "%s%s%s", path, n ? ": " : "", what);
}

/* The cursor's own error: malformed JSON, or another type than asked for. */
static int fail_cursor(decoder *d, const struct where *at)
{
    return fail(d, at, "%s (at byte %zu)", d->c->why, d->c->error_at);
}

/* ---- scalars ---- */

static bool store_int(char *dst, size_t size, int64_t v)
{
    int8_t v8 = (int8_t)v;
    int16_t v16 = (int16_t)v;
    int32_t v32 = (int32_t)v;
    const void *from = size == 1 ? (void *)&v8 : size == 2 ? (void *)&v16 : size == 4 ? (void *)&v32 : (void *)&v;
    int64_t back = size == 1 ? v8 : size == 2 ? v16 : size == 4 ? v32 : v;
    memcpy(dst, from, size);
    return back == v;
}

static int decode_int(decoder *d, const gs_json_field *f, char *dst, const struct where *at)
{
    int64_t v;
    if (!gs_json_read_int64(d->c, &v))
        return fail_cursor(d, at);
    bool bounded = f->min || f->max;
    if (bounded && (v < f->min || v > f->max))
        return fail(d, at, "must be %" PRId64 "..%" PRId64 ", got %" PRId64, f->min, f->max, v);
    return store_int(dst, f->size, v) ? 0 : fail(d, at, "%" PRId64 " is out of range", v);
}

static int decode_double(decoder *d, const gs_json_field *f, char *dst, const struct where *at)
{
    double v;
    if (!gs_json_read_double(d->c, &v))
        return fail_cursor(d, at);
    if ((f->min || f->max) && (v < (double)f->min || v > (double)f->max))
        return fail(d, at, "must be %" PRId64 "..%" PRId64 ", got %g", f->min, f->max, v);
    memcpy(dst, &v, sizeof v);
    return 0;
}

static int decode_bool(decoder *d, char *dst, const struct where *at)
{
    bool v;
    if (!gs_json_read_bool(d->c, &v))
        return fail_cursor(d, at);
    memcpy(dst, &v, sizeof v);
    return 0;
}

/* The inside of a string of the input, which has been checked. */
static int store_string(decoder *d, const gs_json_field *f, gs_str raw, char *dst, const struct where *at)
{
    size_t max = f->max && (size_t)f->max < f->size ? (size_t)f->max : f->size - 1;
    size_t read, n = gs_json_unescape_some(raw, dst, f->size, &read);
    if (read < raw.n || n > max)
        return fail(d, at, "must have at most %zu bytes", max);
    if (memchr(dst, 0, n))
        return fail(d, at, "must not contain NUL");
    if ((int64_t)n >= f->min)
        return 0;
    return n ? fail(d, at, "must have at least %" PRId64 " bytes", f->min) : fail(d, at, "must not be empty");
}

/* Reads a string and returns its inside. */
static int read_string(decoder *d, gs_str *ret, const struct where *at)
{
    if (gs_json_peek(d->c) != GS_JSON_STRING)
        (void)gs_json_fail(d->c, "expected a string");
    if (!gs_json_raw(d->c, ret))
        return fail_cursor(d, at);
    ret->p++;
    ret->n -= 2;
    return 0;
}

static int decode_enum(decoder *d, const gs_json_field *f, char *dst, const struct where *at)
{
    gs_str raw;
    int rc = read_string(d, &raw, at);
    if (rc < 0)
        return rc;
    for (int i = 0; f->names[i]; i++)
        if (gs_json_key_is(raw, f->names[i])) {
            memcpy(dst, &i, sizeof i);
            return 0;
        }
    char allowed[160] = "";
    for (size_t i = 0, n = 0; f->names[i] && n < sizeof allowed; i++)
        n += (size_t)snprintf(allowed + n, sizeof allowed - n, "%s%s", i ? ", " : "", f->names[i]);
    return fail(d, at, "must be one of %s; got \"%.*s\"", allowed, (int)(raw.n < 48 ? raw.n : 48), raw.p);
}

static int decode_string(decoder *d, const gs_json_field *f, char *dst, const struct where *at)
{
    gs_str raw;
    int rc = read_string(d, &raw, at);
    return rc < 0 ? rc : store_string(d, f, raw, dst, at);
}

static int decode_int_or_string(decoder *d, const gs_json_field *f, char *dst, const struct where *at)
{
    enum gs_json_kind kind = gs_json_peek(d->c);
    const gs_json_field *as = f->table;
    if (kind != GS_JSON_NUMBER && kind != GS_JSON_STRING)
        return fail(d, at, "must be a whole number or a string");
    while (as->key && as->type != (kind == GS_JSON_NUMBER ? GS_TYPE_INT : GS_TYPE_STRING))
        as++;
    memset(dst, 0, f->size); /* so that nothing is left of a default of the other type */
    return as->key ? decode_field(d, as, dst, at) : fail(d, at, "the table has no such type");
}

static int decode_raw(decoder *d, char *dst, const struct where *at)
{
    gs_str raw;
    if (!gs_json_raw(d->c, &raw))
        return fail_cursor(d, at);
    memcpy(dst, &raw, sizeof raw);
    return 0;
}

static int decode_one(decoder *d, const gs_json_field *f, char *dst, const struct where *at)
{
    switch (f->type) {
    case GS_TYPE_BOOL:
        return decode_bool(d, dst, at);
    case GS_TYPE_INT:
        return decode_int(d, f, dst, at);
    case GS_TYPE_DOUBLE:
        return decode_double(d, f, dst, at);
    case GS_TYPE_STRING:
        return decode_string(d, f, dst, at);
    case GS_TYPE_ENUM:
        return decode_enum(d, f, dst, at);
    case GS_TYPE_OBJECT:
        return object(d, f->table, dst, at);
    case GS_TYPE_INT_OR_STRING:
        return decode_int_or_string(d, f, dst, at);
    case GS_TYPE_RAW:
        return decode_raw(d, dst, at);
    }
    return fail(d, at, "the table has no such type");
}

/* ---- arrays ---- */

static int decode_list(decoder *d, const gs_json_field *f, char *dst, char *parent, const struct where *at)
{
    if (!gs_json_enter_array(d->c))
        return fail_cursor(d, at);
    size_t n = 0;
    for (; gs_json_next_element(d->c); n++) {
        if (n == f->items)
            return fail(d, at, "must have at most %zu items", f->items);
        struct where here = {.up = at, .index = n};
        char *to = dst + n * f->size;
        if (f->item)
            memcpy(to, f->item, f->size);
        else
            memset(to, 0, f->size);
        int rc = decode_one(d, f, to, &here);
        if (rc < 0)
            return rc;
    }
    if (gs_json_failed(d->c))
        return fail_cursor(d, at);
    if (n < f->min_items)
        return fail(d, at, "must have at least %zu items, got %zu", f->min_items, n);
    memcpy(parent + f->count - 1, &n, sizeof n);
    return 0;
}

static int decode_pairs(decoder *d, const gs_json_field *f, char *dst, char *parent, const struct where *at)
{
    const gs_json_field *key = &f->table[0], *value = &f->table[1];
    size_t n = 0;
    gs_str raw;
    if (!gs_json_enter_object(d->c))
        return fail_cursor(d, at);
    while (gs_json_next_key(d->c, &raw)) {
        if (gs_json_is_null(d->c))
            continue;
        char *to = dst + n * f->size;
        if (n == f->items)
            return fail(d, at, "must have at most %zu entries", f->items);
        memset(to, 0, f->size);
        int rc = store_string(d, key, raw, to + key->off, &(struct where){.up = at, .key = "(key)"});
        if (rc < 0)
            return rc;
        for (size_t i = 0; i < n; i++)
            if (strcmp(dst + i * f->size + key->off, to + key->off) == 0)
                return fail(d, at, "has the key \"%.100s\" twice", to + key->off);
        rc = decode_string(d, value, to + value->off, &(struct where){.up = at, .key = to + key->off});
        if (rc < 0)
            return rc;
        n++;
    }
    if (gs_json_failed(d->c))
        return fail_cursor(d, at);
    if (n < f->min_items)
        return fail(d, at, "must have at least %zu entries, got %zu", f->min_items, n);
    memcpy(parent + f->count - 1, &n, sizeof n);
    return 0;
}

/* ---- objects ---- */

static int decode_field(decoder *d, const gs_json_field *f, char *parent, const struct where *at)
{
    char *dst = parent + f->off;
    int rc = f->shape == GS_SHAPE_LIST    ? decode_list(d, f, dst, parent, at)
             : f->shape == GS_SHAPE_PAIRS ? decode_pairs(d, f, dst, parent, at)
                                          : decode_one(d, f, dst, at);
    if (rc == 0 && f->has)
        parent[f->has - 1] = true;
    return rc;
}

static size_t find(const gs_json_field *table, gs_str key)
{
    size_t i = 0;
    while (table[i].key && !gs_json_key_is(key, table[i].key))
        i++;
    return i;
}

static int unknown_key(decoder *d, const gs_json_field *table, gs_str key, const struct where *at)
{
    if (d->unknown == GS_UNKNOWN_IGNORE)
        return gs_json_skip(d->c) ? 0 : fail_cursor(d, at);
    char name[65];
    (void)snprintf(name, sizeof name, "%.*s", (int)(key.n < 64 ? key.n : 64), key.p);
    char known[160] = "";
    for (size_t i = 0, n = 0; table[i].key && n < sizeof known; i++)
        n += (size_t)snprintf(known + n, sizeof known - n, "%s%s", i ? ", " : "", table[i].key);
    return fail(d, &(struct where){.up = at, .key = name}, "no such field; known here: %s", known);
}

static int object(decoder *d, const gs_json_field *table, char *dst, const struct where *at)
{
    uint64_t seen = 0, given = 0;
    gs_str key;
    if (!gs_json_enter_object(d->c))
        return fail_cursor(d, at);
    while (gs_json_next_key(d->c, &key)) {
        size_t i = find(table, key);
        if (!table[i].key) {
            int rc = unknown_key(d, table, key, at);
            if (rc < 0)
                return rc;
            continue;
        }
        struct where here = {.up = at, .key = table[i].key};
        uint64_t bit = UINT64_C(1) << i;
        if (i >= MAX_FIELDS)
            return fail(d, &here, "the table has more than %d fields", MAX_FIELDS);
        if (seen & bit)
            return fail(d, &here, "is given twice");
        seen |= bit;
        if (gs_json_is_null(d->c))
            continue;
        given |= bit;
        int rc = decode_field(d, &table[i], dst, &here);
        if (rc < 0)
            return rc;
    }
    if (gs_json_failed(d->c))
        return fail_cursor(d, at);
    for (size_t i = 0; table[i].key; i++)
        if (table[i].required && !(given >> i & 1))
            return fail(d, &(struct where){.up = at, .key = table[i].key}, "is required");
    return 0;
}

int gs_json_map_decode(gs_json_cursor *c, const gs_json_field *table, void *dst, enum gs_json_unknown unknown,
                       const char *path, gs_error *err)
{
    decoder d = {.c = c, .unknown = unknown, .err = err};
    struct where root = {.key = path};
    return object(&d, table, dst, &root);
}

int gs_json_map_decode_str(gs_str json, const gs_json_field *table, void *dst, enum gs_json_unknown unknown,
                           const char *path, gs_error *err)
{
    gs_json_cursor c;
    gs_json_cursor_init(&c, json);
    int rc = gs_json_map_decode(&c, table, dst, unknown, path, err);
    if (rc < 0)
        return rc;
    return gs_json_cursor_finish(&c, err);
}

static int each_element(decoder *d, const gs_json_list *l, void *item, void *ctx)
{
    struct where list = {.key = l->path}, here = {.up = &list};
    for (; gs_json_next_element(d->c); here.index++) {
        if (l->first)
            memcpy(item, l->first, l->size);
        else
            memset(item, 0, l->size);
        int rc = object(d, l->table, item, &here);
        rc = rc ? rc : l->each(ctx, item, d->err);
        if (rc)
            return rc;
    }
    return 0;
}

int gs_json_map_each(gs_str raw, const gs_json_list *list, enum gs_json_unknown unknown, void *item, void *ctx,
                     gs_error *err)
{
    gs_json_cursor c;
    decoder d = {.c = &c, .unknown = unknown, .err = err};
    if (!raw.n)
        return 0;
    gs_json_cursor_init(&c, raw);
    int rc = !gs_json_is_null(&c) && gs_json_enter_array(&c) ? each_element(&d, list, item, ctx) : 0;
    if (rc)
        return rc;
    return gs_json_cursor_finish(&c, err) < 0 ? gs_error_wrap(err, GS_TERMINAL, "%s", list->path) : 0;
}
