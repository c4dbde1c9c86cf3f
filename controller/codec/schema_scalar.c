/* Strings and numbers by a schema. */
#include "base/mem.h"
#include "codec/schema_internal.h"

#include <inttypes.h>
#include <math.h>
#include <regex.h>

/* ---- strings ---- */

static size_t characters(gs_str s)
{
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++)
        n += ((unsigned char)s.p[i] & 0xc0) != 0x80;
    return n;
}

static bool one_of(const json_t *names, gs_str s)
{
    for (size_t i = 0; i < json_array_size(names); i++)
        if (gs_str_is(s, json_string_value(json_array_get(names, i))))
            return true;
    return false;
}

/* The schemas' patterns mean the same as POSIX extended ones: gs_schema_verify refuses others. */
static bool matches(const char *pattern, gs_str s)
{
    regex_t re;
    if (memchr(s.p, 0, s.n) || regcomp(&re, pattern, REG_EXTENDED | REG_NOSUB) != 0)
        return false;
    bool ok = regexec(&re, s.p, 0, NULL, 0) == 0;
    regfree(&re);
    return ok;
}

static void check_string(gs_schema_walk *w, const gs_schema_node *v)
{
    const json_t *names = json_object_get(v->schema, "enum"), *most = json_object_get(v->schema, "maxLength");
    const char *pattern = json_string_value(json_object_get(v->schema, "pattern"));
    json_int_t least = json_integer_value(json_object_get(v->schema, "minLength"));
    size_t at = gs_schema_at(w, v->raw);
    gs_cleanup(gs_buf_done) gs_buf text = GS_BUF(v->raw.n + 1);
    gs_json_cursor c;
    gs_json_cursor_init(&c, v->raw);
    if (gs_buf_adds(&text, "") < 0 || !gs_json_read_string_buf(&c, &text))
        return; /* not JSON: who gave it has said so */
    size_t n = characters(gs_buf_str(&text));
    if (names && !one_of(names, gs_buf_str(&text))) {
        char words[GS_SCHEMA_WORDS];
        gs_schema_enum_words(names, text.p, words);
        gs_schema_say(w, at, "%s", words);
    } else if (n < (size_t)least && n == 0) {
        gs_schema_say(w, at, "must not be empty");
    } else if (n < (size_t)least) {
        gs_schema_say(w, at, "must have at least %" JSON_INTEGER_FORMAT " characters, has %zu", least, n);
    } else if (most && n > (size_t)json_integer_value(most)) {
        gs_schema_say(w, at, "must have at most %" JSON_INTEGER_FORMAT " characters, has %zu; shorten it",
                      json_integer_value(most), n);
    } else if (pattern && !matches(pattern, gs_buf_str(&text))) {
        gs_schema_say(w, at, "must match %.150s, got \"%.40s\"", pattern, text.p);
    }
}

/* ---- numbers ---- */

static void check_bounds(gs_schema_walk *w, const gs_schema_node *v, double number)
{
    const json_t *least = json_object_get(v->schema, "minimum"), *most = json_object_get(v->schema, "maximum");
    size_t at = gs_schema_at(w, v->raw);
    int shown = v->raw.n < 40 ? (int)v->raw.n : 40;
    if (!(least && number < json_number_value(least)) && !(most && number > json_number_value(most)))
        return;
    if (least && most)
        gs_schema_say(w, at, "must be %.17g to %.17g, got %.*s", json_number_value(least), json_number_value(most),
                      shown, v->raw.p);
    else if (least)
        gs_schema_say(w, at, "must be at least %.17g, got %.*s", json_number_value(least), shown, v->raw.p);
    else
        gs_schema_say(w, at, "must be at most %.17g, got %.*s", json_number_value(most), shown, v->raw.p);
}

static void check_number(gs_schema_walk *w, const gs_schema_node *v)
{
    const char *type = json_string_value(json_object_get(v->schema, "type"));
    double number;
    gs_json_cursor c;
    gs_json_cursor_init(&c, v->raw);
    if (!gs_json_read_double(&c, &number))
        gs_schema_say(w, gs_schema_at(w, v->raw), "the number is too long");
    else if (!gs_streq(type, "number") && trunc(number) != number)
        gs_schema_say(w, gs_schema_at(w, v->raw), "must be a whole number, got %.*s",
                      (int)(v->raw.n < 40 ? v->raw.n : 40), v->raw.p);
    else
        check_bounds(w, v, number);
}

void gs_schema_scalar(gs_schema_walk *w, const gs_schema_node *v, enum gs_json_kind kind)
{
    if (kind == GS_JSON_STRING)
        check_string(w, v);
    else if (kind == GS_JSON_NUMBER)
        check_number(w, v);
}
