/* Small JSON documents as a tree (jansson): kubeconfigs, files, replies of services. For pods and lists use
 * json_cursor.h. A tree belongs to whoever parsed it: gs_json_doc_free, which accepts NULL. Strings that are
 * handed out live as long as the tree. One thread at a time. */
#ifndef GS_WIRE_JSON_H
#define GS_WIRE_JSON_H

#include "base/cleanup.h"
#include "base/err.h"
#include "base/str.h"

#include <jansson.h>

/* Strict, no duplicate keys, at most max bytes and GS_MAX_NESTING levels. Errors: "line 3, column 7: reason",
 * and nothing of the content, which may be secret. -GS_TERMINAL, or -GS_NO_MEMORY over the cap. */
int gs_json_doc_parse(gs_str text, size_t max, json_t **ret, gs_error *err);
void gs_json_doc_free(json_t *doc);
GS_DEFINE_CLEANUP(json_t *, gs_json_doc_free)

/* The value under a path of keys, ended by NULL; NULL where there is none. Borrowed. */
json_t *gs_json_doc_at(const json_t *doc, ...) __attribute__((sentinel));
/* The string under one key of an object; NULL where it is missing, null or no string. */
const char *gs_json_doc_str(const json_t *object, const char *key);

#endif
