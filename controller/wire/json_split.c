#include "wire/json_split.h"

#include "base/buf.h"
#include "base/limits.h"
#include "base/mem.h"
#include "wire/json_cursor.h"
#include "wire/json_text.h"

_Static_assert(GS_MAX_NESTING <= 64, "a level is one bit of a uint64_t");

/* What is expected next. Values (keys, members, items, frames) may be under way: then `inside` is set. */
enum place {
    AT_ROOT,      /* the list's { or a frame */
    AT_FIRST_KEY, /* a key or } */
    AT_KEY,       /* a key */
    AT_COLON,
    AT_VALUE,      /* the value of a member of the list */
    AT_COMMA,      /* , or } */
    AT_FIRST_ITEM, /* an item or ] */
    AT_ITEM,       /* an item */
    AT_ITEM_COMMA, /* , or ] */
    AT_END,        /* nothing but white space */
};

enum member { OTHER, METADATA, ITEMS, KIND };

struct gs_json_split {
    enum gs_json_split_mode mode;
    gs_json_item_fn *on_item;
    void *ctx;

    enum place at;
    enum member member; /* the key that came last */
    bool has_metadata, has_items;
    char kind[64];
    gs_buf metadata;
    size_t count;

    /* the value under way */
    bool inside, in_string, escaped, scalar;
    unsigned depth;
    uint64_t objects;  /* bit i: level i + 1 is an object */
    uint64_t value_at; /* offset of its first byte in the stream */
    gs_buf partial;    /* what earlier chunks had of it */

    uint64_t offset;  /* of the present chunk in the stream */
    const char *from; /* the present chunk */
    int rc;           /* sticks, with error */
    gs_error error;
};

gs_json_split *gs_json_split_new(enum gs_json_split_mode mode, gs_json_item_fn *on_item, void *ctx)
{
    gs_json_split *s = gs_alloc(sizeof *s);
    *s = (gs_json_split){.mode = mode, .on_item = on_item, .ctx = ctx};
    s->partial = s->metadata = GS_BUF(GS_MAX_OBJECT_BYTES);
    return s;
}

void gs_json_split_free(gs_json_split *s)
{
    if (!s)
        return;
    gs_buf_done(&s->partial);
    gs_buf_done(&s->metadata);
    free(s);
}

void gs_json_split_reset(gs_json_split *s)
{
    gs_buf_reset(&s->partial);
    gs_buf_reset(&s->metadata);
    *s = (gs_json_split){
        .mode = s->mode, .on_item = s->on_item, .ctx = s->ctx, .partial = s->partial, .metadata = s->metadata};
}

gs_str gs_json_split_metadata(const gs_json_split *s)
{
    return gs_buf_str(&s->metadata);
}

size_t gs_json_split_count(const gs_json_split *s)
{
    return s->count;
}

static int fail(gs_json_split *s, const char *p, const char *why)
{
    s->rc = gs_error_set(&s->error, GS_TERMINAL, "JSON: at byte %llu: %s",
                         (unsigned long long)(s->offset + (uint64_t)(p - s->from)), why);
    return s->rc;
}

/* ---- one value ---- */

static void begin(gs_json_split *s, const char *p)
{
    s->inside = true;
    s->in_string = s->escaped = s->scalar = false;
    s->depth = 0;
    s->value_at = s->offset + (uint64_t)(p - s->from);
}

/* A bracket outside of strings. Returns whether it ended the value; look at s->rc. */
static inline bool bracket(gs_json_split *s, const char *p)
{
    if (*p == '{' || *p == '[') {
        if (s->depth >= GS_MAX_NESTING) {
            (void)fail(s, p, "nested too deeply");
            return false;
        }
        uint64_t bit = UINT64_C(1) << s->depth++;
        s->objects = *p == '{' ? s->objects | bit : s->objects & ~bit;
        return false;
    }
    /* depth is at least 1 here: a value that begins with a closing bracket is a scalar */
    bool object = s->objects >> (s->depth - 1) & 1;
    if (object != (*p == '}')) {
        (void)fail(s, p, object ? "] closes an object" : "} closes an array");
        return false;
    }
    return --s->depth == 0;
}

/* From p on, inside of a value: behind its end, or NULL where the chunk ends first or s->rc is set. */
static const char *scan(gs_json_split *s, const char *p, const char *end)
{
    while (p < end) {
        if (s->escaped) {
            s->escaped = false;
            p++;
        } else if (s->in_string) {
            p = gs_json_string_break(p, end);
            if (p == end)
                return NULL;
            s->escaped = *p == '\\';
            s->in_string = s->escaped;
            p++;
            if (!s->in_string && !s->depth)
                return p;
        } else if (s->scalar) {
            if (*p == ',' || *p == '}' || *p == ']' || *p == ' ' || *p == '\n' || *p == '\r' || *p == '\t')
                return p;
            p++;
        } else {
            switch (*p) {
            case '"':
                s->in_string = true;
                break;
            case '{':
            case '[':
            case '}':
            case ']':
                if (bracket(s, p))
                    return p + 1;
                if (s->rc)
                    return NULL;
                break;
            default:
                break;
            }
            p++;
        }
    }
    return NULL;
}

static int too_big(gs_json_split *s)
{
    s->rc = gs_error_set(&s->error, GS_NO_MEMORY, "JSON: the value at byte %llu has more than %u bytes",
                         (unsigned long long)s->value_at, (unsigned)GS_MAX_OBJECT_BYTES);
    return s->rc;
}

/* Takes the value at *p, begun in this chunk or earlier. 1 with the whole value, 0 where the chunk ended, or
 * s->rc. */
static int take(gs_json_split *s, const char **p, const char *end, gs_str *ret)
{
    const char *from = *p;
    if (!s->inside) {
        begin(s, from);
        s->scalar = *from != '"' && *from != '{' && *from != '[';
    }
    const char *q = scan(s, from, end);
    if (s->rc)
        return s->rc;
    size_t n = (size_t)((q ? q : end) - from);
    if (n > GS_MAX_OBJECT_BYTES - s->partial.n)
        return too_big(s);
    *p = q ? q : end;
    *ret = (gs_str){from, n};
    if (s->partial.n || !q) {
        if (gs_buf_add(&s->partial, from, n) < 0)
            return s->rc = gs_error_set(&s->error, GS_NO_MEMORY, "JSON: out of memory");
        *ret = gs_buf_str(&s->partial);
    }
    s->inside = !q;
    return q != NULL;
}

/* ---- what values mean ---- */

static int checked(gs_json_split *s, gs_str value)
{
    gs_json_cursor c;
    gs_json_cursor_init(&c, value);
    if (gs_json_cursor_finish(&c, NULL) < 0)
        s->rc = gs_error_set(&s->error, GS_TERMINAL, "JSON: at byte %llu: %s",
                             (unsigned long long)(s->value_at + c.error_at), c.why);
    return s->rc;
}

static int on_key(gs_json_split *s, gs_str quoted)
{
    if (checked(s, quoted))
        return s->rc;
    gs_str key = {quoted.p + 1, quoted.n - 2};
    s->member = gs_json_key_is(key, "items")      ? ITEMS
                : gs_json_key_is(key, "metadata") ? METADATA
                : gs_json_key_is(key, "kind")     ? KIND
                                                  : OTHER;
    if ((s->member == ITEMS && s->has_items) || (s->member == METADATA && s->has_metadata))
        return s->rc = gs_error_set(&s->error, GS_TERMINAL, "JSON: at byte %llu: the key comes twice",
                                    (unsigned long long)s->value_at);
    s->has_items |= s->member == ITEMS;
    s->has_metadata |= s->member == METADATA;
    s->at = AT_COLON;
    return 0;
}

static int on_member(gs_json_split *s, gs_str value)
{
    if (checked(s, value))
        return s->rc;
    bool null = gs_str_is(value, "null");
    s->at = AT_COMMA;
    if (s->member == KIND) {
        if (!gs_json_find_string(value, (const char *[]){NULL}, s->kind, sizeof s->kind))
            s->kind[0] = 0;
        return 0;
    }
    if (s->member == OTHER || null)
        return 0;
    if (s->member == ITEMS || !gs_str_starts(value, "{"))
        return s->rc = gs_error_set(&s->error, GS_TERMINAL, "JSON: at byte %llu: %s", (unsigned long long)s->value_at,
                                    s->member == ITEMS ? "items is no array" : "metadata is no object");
    if (gs_buf_add(&s->metadata, value.p, value.n) < 0)
        s->rc = gs_error_set(&s->error, GS_NO_MEMORY, "JSON: out of memory");
    return s->rc;
}

static int on_object(gs_json_split *s, gs_str object)
{
    s->count++;
    s->at = s->mode == GS_JSON_LIST ? AT_ITEM_COMMA : AT_ROOT;
    s->error = (gs_error){0};
    int rc = s->on_item(s->ctx, object, &s->error);
    if (rc < 0 && !s->error.kind)
        (void)gs_error_set(&s->error, (enum gs_kind) - rc, "JSON: the object at byte %llu was refused",
                           (unsigned long long)s->value_at);
    s->rc = rc < 0 ? rc : 0;
    return s->rc;
}

static int on_value(gs_json_split *s, gs_str value)
{
    int rc = s->at == AT_KEY || s->at == AT_FIRST_KEY ? on_key(s, value)
             : s->at == AT_VALUE                      ? on_member(s, value)
                                                      : on_object(s, value);
    gs_buf_reset(&s->partial);
    return rc;
}

/* ---- between values ---- */

/* A byte that is no white space. 1 where a value begins here, 0 where it was read as punctuation, or s->rc.
 */
static int between(gs_json_split *s, const char *p)
{
    switch (s->at) {
    case AT_ROOT:
        if (*p != '{')
            return fail(s, p, "expected an object");
        if (s->mode == GS_JSON_FRAMES)
            return 1;
        s->at = AT_FIRST_KEY;
        return 0;
    case AT_FIRST_KEY:
    case AT_KEY:
        if (*p == '"')
            return 1;
        if (*p != '}' || s->at == AT_KEY)
            return fail(s, p, "expected a key in quotes");
        s->at = AT_END;
        return 0;
    case AT_COLON:
        if (*p != ':')
            return fail(s, p, "expected : behind a key");
        s->at = AT_VALUE;
        return 0;
    case AT_VALUE:
        if (s->member != ITEMS || *p != '[')
            return 1;
        s->at = AT_FIRST_ITEM;
        return 0;
    case AT_FIRST_ITEM:
    case AT_ITEM:
        if (*p == '{')
            return 1;
        if (*p != ']' || s->at == AT_ITEM)
            return fail(s, p, "expected an object in items");
        s->at = AT_COMMA;
        return 0;
    case AT_ITEM_COMMA:
    case AT_COMMA:
        if (*p == ',')
            s->at = s->at == AT_COMMA ? AT_KEY : AT_ITEM;
        else if (*p != (s->at == AT_COMMA ? '}' : ']'))
            return fail(s, p, s->at == AT_COMMA ? "expected , or }" : "expected , or ]");
        else
            s->at = s->at == AT_COMMA ? AT_END : AT_COMMA;
        return 0;
    case AT_END:
        break;
    }
    return fail(s, p, "more behind the list");
}

static int feed(gs_json_split *s, gs_str chunk)
{
    const char *p = chunk.p, *end = chunk.p + chunk.n;
    while (p < end) {
        if (!s->inside) {
            if (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t') {
                p++;
                continue;
            }
            int begins = between(s, p);
            if (begins < 0)
                return begins;
            if (!begins) {
                p++;
                continue;
            }
        }
        gs_str value = {0};
        int whole = take(s, &p, end, &value);
        if (whole < 0 || (whole && on_value(s, value) < 0))
            return s->rc;
    }
    return 0;
}

int gs_json_split_feed(gs_json_split *s, gs_str chunk, gs_error *err)
{
    if (!s->rc && chunk.n) {
        s->from = chunk.p;
        (void)feed(s, chunk);
        s->offset += chunk.n;
    }
    if (s->rc && err)
        *err = s->error;
    return s->rc;
}

int gs_json_split_finish(gs_json_split *s, gs_error *err)
{
    bool list = s->mode == GS_JSON_LIST;
    if (s->rc)
        ;
    else if (s->inside || s->at != (list ? AT_END : AT_ROOT))
        s->rc = gs_error_set(&s->error, GS_TRANSIENT, "JSON: cut off after %llu bytes", (unsigned long long)s->offset);
    else if (list && !s->has_items)
        s->rc =
            gs_error_set(&s->error, GS_TERMINAL, "JSON: no list but an object of kind \"%s\" without items", s->kind);
    if (s->rc && err)
        *err = s->error;
    return s->rc;
}
