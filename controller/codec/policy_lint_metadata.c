/* metadata by the rules of the API server (apimachinery, pkg/api/validation and pkg/util/validation). */
#include "base/mem.h"
#include "codec/policy_internal.h"
#include "codec/policy_lint_internal.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>

#define ANNOTATIONS_MAX (256u << 10) /* bytes of all keys and values */
#define OBJECT_NAME                                                                                                    \
    "must be at most 253 lower-case letters, digits, '-' and '.', beginning and ending with a letter or digit, got "   \
    "\"%.64s\""

__attribute__((format(printf, 3, 4))) static void say(gs_lint_run *r, const char *path, const char *fmt, ...)
{
    char what[320];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(what, sizeof what, fmt, ap);
    va_end(ap);
    gs_lint_say(r, path, what);
}

/* An unescaped string of metadata, the caller's; NULL where there is none, or no string. */
static char *text_of(const gs_lint_run *r, const char *field)
{
    gs_str raw;
    gs_cleanup(gs_buf_done) gs_buf text = GS_BUF(r->object.n);
    gs_json_cursor c;
    if (!gs_json_find(r->object, (const char *const[]){"metadata", field, NULL}, &raw))
        return NULL;
    gs_json_cursor_init(&c, raw);
    if (gs_json_peek(&c) != GS_JSON_STRING || !gs_json_read_string_buf(&c, &text))
        return NULL;
    return gs_buf_take(&text);
}

static void check_names(gs_lint_run *r)
{
    gs_autofree char *name = text_of(r, "name"), *generate = text_of(r, "generateName"), *ns = text_of(r, "namespace");
    gs_str s = gs_str_of(name), prefix = gs_str_of(generate);
    if (!s.n && !prefix.n)
        say(r, "metadata.name", "is missing, and required; add it");
    else if (s.n && (s.n > 253 || !gs_is_object_name(s)))
        say(r, "metadata.name", OBJECT_NAME, name);
    if (prefix.n && prefix.p[prefix.n - 1] == '-') /* what is added follows */
        prefix.n--;
    if (prefix.n && (prefix.n > 247 || !gs_is_object_name(prefix)))
        say(r, "metadata.generateName", OBJECT_NAME, generate);
    s = gs_str_of(ns);
    if (s.n && (s.n > 63 || !gs_is_name(s, true, "-")))
        say(r, "metadata.namespace",
            "must be at most 63 lower-case letters, digits and '-', beginning and ending with a letter or digit, got "
            "\"%.64s\"",
            ns);
}

/* "example.com/name" */
static bool qualified(char *key)
{
    char *slash = strchr(key, '/');
    gs_str prefix = {key, slash ? (size_t)(slash - key) : 0}, name = gs_str_of(slash ? slash + 1 : key);
    return name.n <= 63 && gs_is_name(name, false, "-_.") && (!slash || (prefix.n <= 253 && gs_is_object_name(prefix)));
}

static void check_pair(gs_lint_run *r, const char *field, char *key, const char *value)
{
    char path[400];
    bool label = gs_streq(field, "labels");
    (void)snprintf(path, sizeof path, "metadata.%s[%s]", field, key);
    for (char *p = key; !label && *p; p++) /* annotations: in upper case too */
        *p = (char)tolower((unsigned char)*p);
    if (!qualified(key))
        say(r, path,
            "the key must be an optional DNS prefix and '/', then at most 63 letters, digits, '-', '_' and '.', "
            "beginning and ending with a letter or digit");
    gs_str s = gs_str_of(value);
    if (label && s.n && (s.n > 63 || !gs_is_name(s, false, "-_.")))
        say(r, path,
            "must be at most 63 letters, digits, '-', '_' and '.', beginning and ending with a letter or digit, got "
            "\"%.64s\"",
            value);
}

static void check_pairs(gs_lint_run *r, const char *field)
{
    size_t bytes = 0;
    gs_str pairs, raw;
    gs_json_cursor c;
    if (!gs_json_find(r->object, (const char *const[]){"metadata", field, NULL}, &pairs))
        return;
    gs_json_cursor_init(&c, pairs);
    if (gs_json_peek(&c) != GS_JSON_OBJECT || !gs_json_enter_object(&c))
        return;
    while (gs_json_next_key(&c, &raw)) {
        gs_cleanup(gs_buf_done) gs_buf value = GS_BUF(pairs.n);
        gs_autofree char *key = gs_alloc(raw.n + 1);
        if (gs_json_peek(&c) != GS_JSON_STRING || !gs_json_unescape(raw, key, raw.n + 1))
            continue;
        if (!gs_json_read_string_buf(&c, &value))
            break;
        bytes += strlen(key) + value.n;
        check_pair(r, field, key, value.p ? value.p : "");
    }
    if (gs_streq(field, "annotations") && bytes > ANNOTATIONS_MAX)
        say(r, "metadata.annotations", "must have at most %u bytes in all, has %zu; shorten them", ANNOTATIONS_MAX,
            bytes);
}

void gs_lint_metadata(gs_lint_run *r)
{
    gs_str metadata;
    if (!gs_json_find(r->object, (const char *const[]){"metadata", NULL}, &metadata) || metadata.p[0] != '{')
        return;
    check_names(r);
    check_pairs(r, "labels");
    check_pairs(r, "annotations");
}
