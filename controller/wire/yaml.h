/* YAML to JSON text, for policy files and kubeconfigs: one document, the core schema of YAML 1.2 (null, bool,
 * int and float by their plain spelling, everything quoted is a string; `yes` and `on` are strings).
 *
 * Refused, with line and column: more than GS_MAX_YAML_BYTES or GS_MAX_NESTING levels, a second document,
 * duplicate keys, anchors, aliases, merge keys (<<), keys that are no scalars, tags other than !!str, .inf
 * and .nan. Errors carry nothing of the content, which may be secret, but for the name of a duplicate key.
 * Any thread. */
#ifndef GS_WIRE_YAML_H
#define GS_WIRE_YAML_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

/* Appends the JSON to *out; on error *out is as it was. -GS_TERMINAL, or -GS_NO_MEMORY at a cap. */
int gs_yaml_to_json(gs_str yaml, gs_buf *out, gs_error *err);

/* A place in a YAML text; line and column (characters) from 1. */
typedef struct gs_yaml_mark {
    size_t json; /* the key or value that stands there begins in the JSON at this byte, or behind the comma there */
    unsigned line, column;
    bool odd; /* a plain scalar that YAML 1.1, which kubectl reads, takes for something else: yes, 010, 1_000 */
} gs_yaml_mark;

typedef struct gs_yaml_document {
    gs_str json;
    const gs_yaml_mark *marks; /* of all keys and values, by json ascending */
    size_t n_marks;
} gs_yaml_document;

/* Lives until it returns; non-zero ends the stream with *err. */
typedef int gs_yaml_each(void *ctx, const gs_yaml_document *d, gs_error *err);

/* The documents of a stream, one by one; an empty one is null. Refused is what gs_yaml_to_json refuses, but for further
 * documents; *ret_at says where, and err why. */
int gs_yaml_stream(gs_str yaml, gs_yaml_each *each, void *ctx, gs_yaml_mark *ret_at, gs_error *err);

#endif
