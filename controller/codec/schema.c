#include "codec/schema.h"

#include "base/buf.h"
#include "base/limits.h"
#include "base/map.h"
#include "codec/schema_internal.h"

#include <stdarg.h>
#include <stdio.h>

static void check(gs_schema_walk *w, const gs_schema_node *v);

/* ---- where we are ---- */

/* Adds a part to the path, and returns how long it was before. */
__attribute__((format(printf, 2, 3))) static size_t push(gs_schema_walk *w, const char *fmt, ...)
{
    size_t before = w->n;
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(w->path + before, sizeof w->path - before, fmt, ap);
    va_end(ap);
    w->n = n < 0 ? before : before + (size_t)n < sizeof w->path ? before + (size_t)n : sizeof w->path - 1;
    return before;
}

static void pop(gs_schema_walk *w, size_t before)
{
    w->n = before;
    w->path[before] = 0;
}

void gs_schema_say(gs_schema_walk *w, size_t at, const char *fmt, ...)
{
    char what[400];
    va_list ap;
    if (w->o->unknown_only)
        return;
    va_start(ap, fmt);
    (void)vsnprintf(what, sizeof what, fmt, ap);
    va_end(ap);
    w->o->found(w->o->ctx, w->path, at, what);
}

/* ---- objects ---- */

static void say_unknown(gs_schema_walk *w, const json_t *properties, const char *name, size_t at)
{
    char words[GS_SCHEMA_WORDS];
    size_t before = push(w, "%s%.120s", w->n ? "." : "", name);
    gs_schema_unknown_words(properties, name, words);
    w->o->found(w->o->ctx, w->path, at, words);
    pop(w, before);
}

/* A member by the schema of its name, or by that of all others. */
static void check_member(gs_schema_walk *w, const gs_schema_node *object, const char *name, gs_str key, gs_str raw)
{
    const json_t *properties = json_object_get(object->schema, "properties");
    const json_t *schema = json_object_get(properties, name);
    const json_t *others = json_object_get(object->schema, "additionalProperties");
    size_t at = gs_schema_at(w, key) - 1; /* of the quote before it */
    if (!schema && !others) {
        if (!json_is_true(json_object_get(object->schema, "x-kubernetes-preserve-unknown-fields")))
            say_unknown(w, properties, name, at);
        return;
    }
    if (gs_str_is(raw, "null"))
        return;
    size_t before = schema ? push(w, "%s%.120s", w->n ? "." : "", name) : push(w, "[%.120s]", name);
    check(w, &(gs_schema_node){schema ? schema : others, raw, at});
    pop(w, before);
}

static void check_required(gs_schema_walk *w, const gs_schema_node *v, const gs_map *given)
{
    const json_t *required = json_object_get(v->schema, "required");
    const json_t *properties = json_object_get(v->schema, "properties");
    for (size_t i = 0; i < json_array_size(required); i++) {
        const char *name = json_string_value(json_array_get(required, i));
        if (gs_map_get(given, name) || json_object_get(json_object_get(properties, name), "default"))
            continue;
        size_t before = push(w, "%s%s", w->n ? "." : "", name);
        gs_schema_say(w, v->key_at, "is missing, and required; add it");
        pop(w, before);
    }
}

static void check_object(gs_schema_walk *w, const gs_schema_node *v)
{
    gs_cleanup(gs_map_free) gs_map *seen = gs_map_new(NULL), *given = gs_map_new(NULL);
    const json_t *most = json_object_get(v->schema, "maxProperties");
    gs_json_cursor c;
    gs_str key, raw;
    gs_json_cursor_init(&c, v->raw);
    (void)gs_json_enter_object(&c);
    while (gs_json_next_key(&c, &key) && gs_json_raw(&c, &raw)) {
        gs_cleanup(gs_buf_done) gs_buf name = GS_BUF(key.n + 1);
        char *to = gs_buf_reserve(&name, key.n + 1);
        if (!gs_json_unescape(key, to, key.n + 1)) {
            gs_schema_say(w, gs_schema_at(w, key) - 1, "has a key that cannot be read");
            continue;
        }
        if (gs_map_get(seen, to))
            gs_schema_say(w, gs_schema_at(w, key) - 1, "has \"%.100s\" twice; remove one", to);
        gs_map_put(seen, to, w);
        if (!gs_str_is(raw, "null"))
            gs_map_put(given, to, w);
        check_member(w, v, to, key, raw);
    }
    check_required(w, v, given);
    if (most && gs_map_len(given) > (size_t)json_integer_value(most))
        gs_schema_say(w, v->key_at, "must have at most %" JSON_INTEGER_FORMAT " entries, has %zu; remove some",
                      json_integer_value(most), gs_map_len(given));
}

/* ---- arrays ---- */

/* Strings may be spelled with other escapes. */
static bool same(gs_str a, gs_str b)
{
    char left[512], right[512];
    bool strings = a.n > 1 && b.n > 1 && a.p[0] == '"' && b.p[0] == '"';
    if (!strings || !gs_json_unescape((gs_str){a.p + 1, a.n - 2}, left, sizeof left) ||
        !gs_json_unescape((gs_str){b.p + 1, b.n - 2}, right, sizeof right))
        return gs_str_eq(a, b);
    return gs_streq(left, right);
}

/* By all keys of the list; items that lack one are refused for that. */
static bool same_item(const json_t *keys, gs_str a, gs_str b, gs_str *ret_shown)
{
    gs_str left, right;
    if (!json_array_size(keys)) {
        *ret_shown = b;
        return same(a, b);
    }
    for (size_t i = 0; i < json_array_size(keys); i++) {
        const char *const path[] = {json_string_value(json_array_get(keys, i)), NULL};
        if (!gs_json_find(a, path, &left) || !gs_json_find(b, path, &right) || !same(left, right))
            return false;
        *ret_shown = right;
    }
    return true;
}

/* n is at most maxItems. */
static void check_unique(gs_schema_walk *w, const gs_schema_node *v, const gs_str *items, size_t n)
{
    const char *type = json_string_value(json_object_get(v->schema, "x-kubernetes-list-type"));
    const json_t *keys = json_object_get(v->schema, "x-kubernetes-list-map-keys");
    gs_str shown = {NULL, 0};
    if (!gs_streq(type, "map") && !gs_streq(type, "set"))
        return;
    for (size_t i = 1; i < n; i++)
        for (size_t k = 0; k < i; k++) {
            if (!same_item(keys, items[k], items[i], &shown))
                continue;
            size_t before = push(w, "[%zu]", i);
            gs_schema_say(w, gs_schema_at(w, shown), "%.*s is given twice, at [%zu] too; remove one%s",
                          (int)(shown.n < 60 ? shown.n : 60), shown.p, k, keys ? ", or give it another name" : "");
            pop(w, before);
            break;
        }
}

static void check_array(gs_schema_walk *w, const gs_schema_node *v)
{
    const json_t *items = json_object_get(v->schema, "items"), *most = json_object_get(v->schema, "maxItems");
    size_t least = (size_t)json_integer_value(json_object_get(v->schema, "minItems")), n = 0;
    gs_str item[GS_SCHEMA_MAX_ITEMS], raw;
    gs_json_cursor c;
    gs_json_cursor_init(&c, v->raw);
    (void)gs_json_enter_array(&c);
    for (; gs_json_next_element(&c) && gs_json_raw(&c, &raw); n++) {
        if (n >= GS_SCHEMA_MAX_ITEMS || (most && n >= (size_t)json_integer_value(most)))
            continue;
        item[n] = raw;
        size_t before = push(w, "[%zu]", n);
        check(w, &(gs_schema_node){items, raw, gs_schema_at(w, raw)});
        pop(w, before);
    }
    if (most && n > (size_t)json_integer_value(most))
        gs_schema_say(w, v->key_at, "must have at most %" JSON_INTEGER_FORMAT " items, has %zu; remove some",
                      json_integer_value(most), n);
    else if (n < least)
        gs_schema_say(w, v->key_at, "must have at least %zu item%s, has %zu; add one, or leave the list out", least,
                      least == 1 ? "" : "s", n);
    else if (n <= GS_SCHEMA_MAX_ITEMS)
        check_unique(w, v, item, n);
}

/* ---- any value ---- */

static const struct type {
    const char *name, *words; /* of JSON Schema, and for people */
    enum gs_json_kind kind;
} types[] = {
    {"string", "text", GS_JSON_STRING},      {"integer", "a whole number", GS_JSON_NUMBER},
    {"number", "a number", GS_JSON_NUMBER},  {"boolean", "true or false", GS_JSON_BOOL},
    {"object", "a mapping", GS_JSON_OBJECT}, {"array", "a list", GS_JSON_ARRAY},
};

static const struct type *type_of(const json_t *schema)
{
    const char *name = json_string_value(json_object_get(schema, "type"));
    for (size_t i = 0; name && i < GS_LEN(types); i++)
        if (gs_streq(types[i].name, name))
            return &types[i];
    return NULL;
}

static void say_type(gs_schema_walk *w, const gs_schema_node *v, const char *wanted, enum gs_json_kind kind)
{
    static const char *const got[] = {[GS_JSON_NULL] = "nothing (null)", [GS_JSON_BOOL] = "",
                                      [GS_JSON_NUMBER] = "the number ",  [GS_JSON_STRING] = "the text ",
                                      [GS_JSON_OBJECT] = "a mapping",    [GS_JSON_ARRAY] = "a list"};
    bool scalar = kind == GS_JSON_BOOL || kind == GS_JSON_NUMBER || kind == GS_JSON_STRING;
    const char *fix = gs_streq(wanted, "text") && (kind == GS_JSON_BOOL || kind == GS_JSON_NUMBER)
                          ? "; put it in quotes"
                      : kind == GS_JSON_STRING ? "; write it without quotes"
                                               : "";
    gs_schema_say(w, gs_schema_at(w, v->raw), "must be %s, got %s%.*s%s", wanted, got[kind],
                  scalar ? (int)(v->raw.n < 40 ? v->raw.n : 40) : 0, v->raw.p, fix);
}

static void check(gs_schema_walk *w, const gs_schema_node *v)
{
    gs_json_cursor c;
    gs_json_cursor_init(&c, v->raw);
    enum gs_json_kind kind = gs_json_peek(&c);
    const struct type *type = type_of(v->schema);
    bool either = json_is_true(json_object_get(v->schema, "x-kubernetes-int-or-string"));
    if (either && kind != GS_JSON_NUMBER && kind != GS_JSON_STRING)
        say_type(w, v, "a whole number or text", kind);
    else if (type && type->kind != kind)
        say_type(w, v, type->words, kind);
    else if (kind == GS_JSON_OBJECT && type)
        check_object(w, v);
    else if (kind == GS_JSON_ARRAY && type)
        check_array(w, v);
    else if (type || either)
        gs_schema_scalar(w, v, kind);
}

void gs_schema_check(const json_t *schema, gs_str text, gs_str value, const gs_schema_options *o)
{
    gs_schema_walk w = {.o = o, .text = text.p};
    (void)push(&w, "%s", o->path);
    check(&w, &(gs_schema_node){schema, value, gs_schema_at(&w, value)});
}
