#include "wire/json.h"

#include "wire/json_cursor.h"

#include <stdarg.h>

void gs_json_doc_free(json_t *doc)
{
    json_decref(doc);
}

/* Line and column, from 1, of a byte. */
static int at_byte(gs_str text, size_t at, const char *why, gs_error *err)
{
    unsigned line = 1, column = 1;
    for (size_t i = 0; i < at && i < text.n; i++) {
        column = text.p[i] == '\n' ? 1 : column + 1;
        line += text.p[i] == '\n';
    }
    return gs_error_set(err, GS_TERMINAL, "line %u, column %u: %s", line, column, why);
}

int gs_json_doc_parse(gs_str text, size_t max, json_t **ret, gs_error *err)
{
    if (text.n > max)
        return gs_error_set(err, GS_NO_MEMORY, "JSON of %zu bytes, at most %zu are read", text.n, max);
    /* The cursor knows our nesting cap, and its reasons quote nothing of the text, as jansson's do. */
    gs_json_cursor c;
    gs_json_cursor_init(&c, text);
    if (gs_json_cursor_finish(&c, NULL) < 0)
        return at_byte(text, c.error_at, c.why, err);
    json_error_t e;
    json_t *doc = json_loadb(text.p, text.n, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL, &e);
    if (doc) {
        *ret = doc;
        return 0;
    }
    const char *why = json_error_code(&e) == json_error_duplicate_key      ? "the key comes twice in this object"
                      : json_error_code(&e) == json_error_numeric_overflow ? "the number is out of range"
                      : json_error_code(&e) == json_error_out_of_memory    ? "out of memory"
                                                                           : "cannot be represented";
    return gs_error_set(err, json_error_code(&e) == json_error_out_of_memory ? GS_NO_MEMORY : GS_TERMINAL,
                        "line %d, column %d: %s", e.line, e.column, why);
}

json_t *gs_json_doc_at(const json_t *doc, ...)
{
    const json_t *v = doc;
    va_list ap;
    va_start(ap, doc);
    for (const char *key; v && (key = va_arg(ap, const char *));)
        v = json_object_get(v, key);
    va_end(ap);
    return (json_t *)(uintptr_t)v;
}

const char *gs_json_doc_str(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}
