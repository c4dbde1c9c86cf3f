/* Checks JSON by a structural schema, as the API server does it with that of a CustomResourceDefinition: types, required
 * and unknown fields, enums, ranges, lengths, patterns, lists that are sets or maps. CEL rules are left to whoever knows
 * what they mean (codec/policy_json.h). Pure functions; any thread.
 *
 * A null member of an object is as if it were not there, as the API server has it for fields that are not nullable; a
 * default only counts as a value that is there. Every finding is reported, not just the first. */
#ifndef GS_CODEC_SCHEMA_H
#define GS_CODEC_SCHEMA_H

#include "base/err.h"
#include "base/str.h"

#include "wire/json.h"

#define GS_SCHEMA_PATH_LEN 512 /* of a field, with its end: longer ones are cut */

/* path: "spec.healing.windows[1].name", "" for the whole; it lives during the call. at: where it stands in the text: an
 * unknown field's key, what a required one is missing from, else the value. */
typedef void gs_schema_found(void *ctx, const char *path, size_t at, const char *what);

typedef struct gs_schema_options {
    const char *path;  /* of the value in front of all others; "" for none */
    bool unknown_only; /* report only fields that the schema does not have: what the API server says of a status */
    gs_schema_found *found;
    void *ctx;
} gs_schema_options;

/* value: valid JSON, a part of text. */
void gs_schema_check(const json_t *schema, gs_str text, gs_str value, const gs_schema_options *o);

/* -GS_TERMINAL names the first keyword that this checker does not know: a schema that has one is not checked in full. */
int gs_schema_verify(const json_t *schema, gs_error *err);

#endif
