/* Decodes JSON into plain C structs by tables, with messages that name the field in full:
 * "spec.sampling.intervalSeconds: must be 1..300, got 0".
 *
 *   static const gs_json_field sampling[] = {
 *       {GS_FIELD_INT(struct sampling, "intervalSeconds", interval_s, 1, 300)},
 *       {GS_FIELD_INT(struct sampling, "timeoutSeconds", timeout_s, 1, 60), .has = GS_AT(struct sampling, has_t)},
 *       {0},
 *   };
 *   static const gs_json_field spec[] = {
 *       {GS_FIELD_ENUM(struct spec, "mode", mode, mode_names), .required = true},
 *       {GS_FIELD_OBJECT(struct spec, "sampling", sampling, sampling)},
 *       {GS_FIELD_LIST(struct spec, "actions", actions, n_actions, GS_TYPE_OBJECT), .table = action},
 *       {0},
 *   };
 *
 * The caller fills the struct with defaults first: a field that is absent (or null) is left as it is.
 * Presence is told apart from zero by a `bool has_…` named with .has. A table ends with {0} and has at most
 * 64 fields; a key that comes twice is refused. Tables are constants; any thread. */
#ifndef GS_WIRE_JSON_MAP_H
#define GS_WIRE_JSON_MAP_H

#include "wire/json_cursor.h"

#include <stddef.h>

enum gs_json_type {
    GS_TYPE_BOOL = 1,      /* bool */
    GS_TYPE_INT,           /* a signed integer of 1, 2, 4 or 8 bytes; min..max */
    GS_TYPE_DOUBLE,        /* double; min..max */
    GS_TYPE_STRING,        /* char[N]; min..max are its length in bytes, N - 1 at most */
    GS_TYPE_ENUM,          /* an enum or int: the index into names */
    GS_TYPE_OBJECT,        /* a struct, by table */
    GS_TYPE_INT_OR_STRING, /* a struct, zeroed first; table: an INT and a STRING field of it, with any key */
    GS_TYPE_RAW,           /* a gs_str: the raw value, of the lifetime of the input */
};

enum gs_json_shape {
    GS_SHAPE_ONE,
    GS_SHAPE_LIST,  /* a JSON array into a C array with a count */
    GS_SHAPE_PAIRS, /* a JSON object of strings into an array of structs; table: STRING fields key, value */
};

typedef struct gs_json_field {
    const char *key;
    enum gs_json_type type;
    enum gs_json_shape shape;
    size_t off;                        /* of the field in its struct */
    size_t size;                       /* of one value */
    size_t has;                        /* GS_AT(struct, has_x): a bool set to true when the field is given; 0: none */
    bool required;                     /* absent or null is an error */
    int64_t min, max;                  /* both 0: whatever the C type holds */
    const char *const *names;          /* ENUM: ended by NULL */
    const struct gs_json_field *table; /* OBJECT, INT_OR_STRING, PAIRS */
    size_t count;                      /* LIST, PAIRS: GS_AT(struct, n_x), a size_t */
    size_t items;                      /* LIST, PAIRS: length of the array */
    size_t min_items;
    const void *item; /* LIST of OBJECT: what an element is filled with first; NULL: zeroes */
} gs_json_field;

#define GS_AT(T, m) (offsetof(T, m) + 1)
#define GS_SIZE_OF(T, m) sizeof(((T *)0)->m)
#define GS_FIELD_AT_(T, k, m, t) .key = (k), .type = (t), .off = offsetof(T, m), .size = GS_SIZE_OF(T, m)

#define GS_FIELD_BOOL(T, k, m) GS_FIELD_AT_(T, k, m, GS_TYPE_BOOL)
#define GS_FIELD_INT(T, k, m, lo, hi) GS_FIELD_AT_(T, k, m, GS_TYPE_INT), .min = (lo), .max = (hi)
#define GS_FIELD_DOUBLE(T, k, m, lo, hi) GS_FIELD_AT_(T, k, m, GS_TYPE_DOUBLE), .min = (lo), .max = (hi)
#define GS_FIELD_STRING(T, k, m) GS_FIELD_AT_(T, k, m, GS_TYPE_STRING)
#define GS_FIELD_ENUM(T, k, m, n) GS_FIELD_AT_(T, k, m, GS_TYPE_ENUM), .names = (n)
#define GS_FIELD_OBJECT(T, k, m, tab) GS_FIELD_AT_(T, k, m, GS_TYPE_OBJECT), .table = (tab)
/* The members of an object that are kept in the same C struct as its parent's. */
#define GS_FIELD_INLINE(T, k, tab) .key = (k), .type = GS_TYPE_OBJECT, .off = 0, .size = sizeof(T), .table = (tab)
#define GS_FIELD_INT_OR_STRING(T, k, m, tab) GS_FIELD_AT_(T, k, m, GS_TYPE_INT_OR_STRING), .table = (tab)
#define GS_FIELD_RAW(T, k, m) GS_FIELD_AT_(T, k, m, GS_TYPE_RAW)
#define GS_FIELD_ARRAY_(T, k, m, n, t, s)                                                                              \
    .key = (k), .type = (t), .shape = (s), .off = offsetof(T, m), .size = GS_SIZE_OF(T, m[0]), .count = GS_AT(T, n),   \
    .items = GS_SIZE_OF(T, m) / GS_SIZE_OF(T, m[0])
#define GS_FIELD_LIST(T, k, m, n, t) GS_FIELD_ARRAY_(T, k, m, n, t, GS_SHAPE_LIST)
#define GS_FIELD_PAIRS(T, k, m, n, tab) GS_FIELD_ARRAY_(T, k, m, n, GS_TYPE_STRING, GS_SHAPE_PAIRS), .table = (tab)

enum gs_json_unknown { GS_UNKNOWN_IGNORE, GS_UNKNOWN_REFUSE };

/* Reads the object that stands at the cursor into *dst. `path` stands in front of all names in messages
 * ("spec"); "" for none. -GS_TERMINAL on any error; *dst is then partly written. */
int gs_json_map_decode(gs_json_cursor *c, const gs_json_field *table, void *dst, enum gs_json_unknown unknown,
                       const char *path, gs_error *err);

/* The same for bytes that hold the object and nothing else. */
int gs_json_map_decode_str(gs_str json, const gs_json_field *table, void *dst, enum gs_json_unknown unknown,
                           const char *path, gs_error *err);

/* A list of objects that is as long as it is. */
typedef struct gs_json_list {
    const char *path; /* for messages: "spec.rules[3].name: …" */
    const gs_json_field *table;
    size_t size;                                       /* of the struct that one is read into */
    const void *first;                                 /* what that is filled with first; NULL: zeroes */
    int (*each)(void *ctx, void *item, gs_error *err); /* not 0: the walk ends with that */
} gs_json_list;

/* Reads the elements of a raw array one after the other into *item, and shows each. Nothing and null have none. 0, what each
 * has returned, or -GS_TERMINAL. */
int gs_json_map_each(gs_str raw, const gs_json_list *list, enum gs_json_unknown unknown, void *item, void *ctx,
                     gs_error *err);

#endif
