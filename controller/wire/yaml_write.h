/* JSON text to YAML in block style, as people read it. What comes out means the same to readers of YAML 1.1 and 1.2: strings
 * that one of them would take for something else (no, 1e3, 2026-01-01, ~) are quoted. Any thread. */
#ifndef GS_WIRE_YAML_WRITE_H
#define GS_WIRE_YAML_WRITE_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

/* Appends the YAML of one JSON value, with a newline at its end; on error *out is as it was. -GS_TERMINAL: it is no JSON;
 * -GS_NO_MEMORY: the buffer's cap. */
int gs_json_to_yaml(gs_str json, gs_buf *out, gs_error *err);

#endif
