/* Whether the checker knows all that a schema says. */
#include "base/cleanup.h"
#include "base/limits.h"
#include "codec/schema_internal.h"

#include <regex.h>
#include <stdint.h>

static int verify(const json_t *schema, unsigned depth, gs_error *err);

static bool any_of(const char *word, const char *const words[])
{
    for (; *words; words++)
        if (gs_streq(word, *words))
            return true;
    return false;
}

/* RE2's escapes, groups and flags mean something else in POSIX, or nothing. */
static bool is_posix(const char *pattern)
{
    regex_t re;
    if (!pattern || strchr(pattern, '\\') || strstr(pattern, "(?") || regcomp(&re, pattern, REG_EXTENDED | REG_NOSUB))
        return false;
    regfree(&re);
    return true;
}

static int verify_value(const char *key, const json_t *value, gs_error *err)
{
    static const char *const known_types[] = {"string", "integer", "number", "boolean", "object", "array", NULL};
    static const char *const list_types[] = {"atomic", "set", "map", NULL};
    if (gs_streq(key, "type") && !any_of(json_string_value(value), known_types))
        return gs_error_set(err, GS_TERMINAL, "type: \"%s\" is not known", json_string_value(value));
    if (gs_streq(key, "x-kubernetes-list-type") && !any_of(json_string_value(value), list_types))
        return gs_error_set(err, GS_TERMINAL, "x-kubernetes-list-type: \"%s\" is not known", json_string_value(value));
    if (gs_streq(key, "pattern") && !is_posix(json_string_value(value)))
        return gs_error_set(err, GS_TERMINAL, "pattern: \"%s\" is not plain enough", json_string_value(value));
    if (gs_streq(key, "maxItems") && json_integer_value(value) > GS_SCHEMA_MAX_ITEMS)
        return gs_error_set(err, GS_TERMINAL, "maxItems: more than %d", GS_SCHEMA_MAX_ITEMS);
    for (size_t i = 0; gs_streq(key, "enum") && i < json_array_size(value); i++)
        if (!json_is_string(json_array_get(value, i)))
            return gs_error_set(err, GS_TERMINAL, "enum: [%zu] is no string", i);
    return 0;
}

/* Schemas of parts. */
static int verify_parts(const json_t *schema, unsigned depth, gs_error *err)
{
    const char *name;
    json_t *part;
    json_object_foreach(json_object_get(schema, "properties"), name, part)
    {
        if (verify(part, depth + 1, err) < 0)
            return gs_error_wrap(err, GS_TERMINAL, "%s", name);
    }
    part = json_object_get(schema, "items");
    if (part && verify(part, depth + 1, err) < 0)
        return gs_error_wrap(err, GS_TERMINAL, "items");
    part = json_object_get(schema, "additionalProperties");
    if (part && verify(part, depth + 1, err) < 0)
        return gs_error_wrap(err, GS_TERMINAL, "additionalProperties");
    return 0;
}

static int verify(const json_t *schema, unsigned depth, gs_error *err)
{
    /* description, format and map-type say nothing to check here; validations are CEL. */
    static const char *const known[] = {"description",
                                        "format",
                                        "x-kubernetes-map-type",
                                        "x-kubernetes-validations",
                                        "default",
                                        "type",
                                        "properties",
                                        "required",
                                        "items",
                                        "additionalProperties",
                                        "enum",
                                        "minimum",
                                        "maximum",
                                        "minLength",
                                        "maxLength",
                                        "pattern",
                                        "minItems",
                                        "maxItems",
                                        "maxProperties",
                                        "x-kubernetes-list-type",
                                        "x-kubernetes-list-map-keys",
                                        "x-kubernetes-int-or-string",
                                        "x-kubernetes-preserve-unknown-fields",
                                        NULL};
    const char *key;
    json_t *value;
    if (!json_is_object(schema) || depth > GS_MAX_NESTING)
        return gs_error_set(err, GS_TERMINAL, depth > GS_MAX_NESTING ? "nested too deeply" : "is no schema");
    json_object_foreach((json_t *)(uintptr_t)schema, key, value)
    {
        if (!any_of(key, known))
            return gs_error_set(err, GS_TERMINAL, "the keyword %s is not known", key);
        int rc = verify_value(key, value, err);
        if (rc < 0)
            return rc;
    }
    return verify_parts(schema, depth, err);
}

int gs_schema_verify(const json_t *schema, gs_error *err)
{
    return verify(schema, 0, err);
}
