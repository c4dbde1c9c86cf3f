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

#endif
