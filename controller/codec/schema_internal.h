/* Between the parts of the schema checker. */
#ifndef GS_CODEC_SCHEMA_INTERNAL_H
#define GS_CODEC_SCHEMA_INTERNAL_H

#include "codec/schema.h"
#include "wire/json_cursor.h"

#define GS_SCHEMA_MAX_ITEMS 64 /* of any list that has a limit */

typedef struct gs_schema_walk {
    const gs_schema_options *o;
    const char *text;
    char path[GS_SCHEMA_PATH_LEN];
    size_t n; /* of path */
} gs_schema_walk;

/* One value: what it must be, what it is, and where the key before it stands (itself, in a list). */
typedef struct gs_schema_node {
    const json_t *schema;
    gs_str raw;
    size_t key_at;
} gs_schema_node;

static inline size_t gs_schema_at(const gs_schema_walk *w, gs_str part)
{
    return (size_t)(part.p - w->text);
}

__attribute__((format(printf, 3, 4))) void gs_schema_say(gs_schema_walk *w, size_t at, const char *fmt, ...);
/* Strings and numbers; in schema_scalar.c. */
void gs_schema_scalar(gs_schema_walk *w, const gs_schema_node *v, enum gs_json_kind kind);

/* ---- words, in schema_words.c ---- */

#define GS_SCHEMA_WORDS 240
/* "must be one of A, B; got "X"", with a guess where one is near. */
void gs_schema_enum_words(const json_t *names, const char *got, char ret[GS_SCHEMA_WORDS]);
/* "no such field; did you mean …" or "…; known here: a, b". */
void gs_schema_unknown_words(const json_t *properties, const char *got, char ret[GS_SCHEMA_WORDS]);

#endif
