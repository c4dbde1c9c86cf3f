/* Between the parts of the pprof decoder: the profile's tables (pass 1) and its samples (pass 2). Everything here holds
 * views of the unpacked profile and lives as long as one call of gs_pprof_decode. */
#ifndef GS_CODEC_PPROF_INTERNAL_H
#define GS_CODEC_PPROF_INTERNAL_H

#include "base/limits.h"
#include "codec/pprof.h"
#include "codec/sites.h"

typedef struct gs_pprof_function {
    uint64_t id;
    int64_t name, file; /* indexes into the strings, as sent */
} gs_pprof_function;

typedef union gs_pprof_line {
    struct {
        uint64_t function; /* id */
        int64_t line;
    } sent;
    struct gs_stack_frame frame; /* in a location that is resolved */
} gs_pprof_line;

typedef struct gs_pprof_location {
    uint64_t id;
    uint32_t first, n; /* of the lines: inlined callee first */
    bool resolved;
} gs_pprof_location;

#define GS_PPROF_TYPES 8

typedef struct gs_pprof_tables {
    gs_str *strings;
    gs_pprof_function *functions; /* sorted by id */
    gs_pprof_location *locations; /* sorted by id */
    gs_pprof_line *lines;
    size_t n_strings, cap_strings, n_functions, cap_functions, n_locations, cap_locations, n_lines, cap_lines;
    int64_t types[GS_PPROF_TYPES]; /* names of the sample types, as indexes into the strings */
    size_t n_types;
    bool lines_over; /* the cap was reached within a location */
} gs_pprof_tables;

/* Pass 1. -GS_TERMINAL for malformed input, -GS_NO_MEMORY at a cap. */
int gs_pprof_tables_read(gs_pprof_tables *t, gs_str profile, gs_error *err);
void gs_pprof_tables_done(gs_pprof_tables *t);
GS_DEFINE_CLEANUP_VALUE(gs_pprof_tables, gs_pprof_tables_done)

/* False where the profile has no such string. */
bool gs_pprof_string(const gs_pprof_tables *t, int64_t at, gs_str *ret);
/* NULL where the profile has none with this id. In what Go writes ids are 1, 2, 3 ...: the place is known without a
 * search. */
gs_pprof_location *gs_pprof_search_location(const gs_pprof_tables *t, uint64_t id);
static inline gs_pprof_location *gs_pprof_find_location(const gs_pprof_tables *t, uint64_t id)
{
    if (id - 1 < t->n_locations && t->locations[id - 1].id == id)
        return &t->locations[id - 1];
    return gs_pprof_search_location(t, id);
}
const gs_pprof_function *gs_pprof_find_function(const gs_pprof_tables *t, uint64_t id);

/* What one Sample message says, but for its stack. */
typedef struct gs_pprof_sample {
    size_t value_index; /* set by the caller */
    gs_key key;         /* of all its location ids, as they were sent */
    uint64_t value;
    struct {
        int64_t key, str, num;
    } labels[GS_MAX_LABELS];
    size_t n_labels;
    size_t n_values;
    const char *why; /* it is refused */
} gs_pprof_sample;

int gs_pprof_sample_read(gs_pprof_sample *s, gs_str message, gs_error *err);
/* Its stack. The functions of locations that were not met before are shown to sites. */
int gs_pprof_sample_stack(gs_pprof_tables *t, gs_str message, gs_sites *sites, gs_stack *ret, gs_error *err);

#endif
