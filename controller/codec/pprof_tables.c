/* Pass 1 over a profile: strings, functions, locations and sample types, which may stand anywhere in it. */
#include "codec/pprof_internal.h"

#include "base/mem.h"
#include "wire/pb.h"
#include "wire/pb_cursor.h"

#include <profile.pb.h>

#define FIELD_MAPPING 3 /* not of interest, whatever is in it */

static int full(size_t n, const char *table, gs_error *err)
{
    if (n < GS_MAX_PROFILE_ENTRIES)
        return 0;
    return gs_error_set(err, GS_NO_MEMORY, "profile: more than %u %s", GS_MAX_PROFILE_ENTRIES, table);
}

static int add_type(gs_pprof_tables *t, gs_str message, gs_error *err)
{
    gs_pprof_ValueType v;
    int e = gs_pb_decode(message, gs_pprof_ValueType_fields, &v, "profile: sample type", err);
    if (e == 0 && t->n_types == GS_PPROF_TYPES)
        e = gs_error_set(err, GS_TERMINAL, "profile: more than %d sample types", GS_PPROF_TYPES);
    if (e == 0)
        t->types[t->n_types++] = v.type;
    return e;
}

static int add_string(gs_pprof_tables *t, gs_str s, gs_error *err)
{
    int e = full(t->n_strings, "strings", err);
    if (e < 0)
        return e;
    t->strings = gs_grow(t->strings, &t->cap_strings, t->n_strings + 1, sizeof *t->strings);
    t->strings[t->n_strings++] = s;
    return 0;
}

static int add_function(gs_pprof_tables *t, gs_str message, gs_error *err)
{
    gs_pprof_Function f;
    int e = gs_pb_decode(message, gs_pprof_Function_fields, &f, "profile: function", err);
    if (e == 0)
        e = full(t->n_functions, "functions", err);
    if (e < 0)
        return e;
    t->functions = gs_grow(t->functions, &t->cap_functions, t->n_functions + 1, sizeof *t->functions);
    t->functions[t->n_functions++] = (gs_pprof_function){.id = f.id, .name = f.name, .file = f.filename};
    return 0;
}

static bool on_line(pb_istream_t *stream, const pb_field_t *field, void **arg)
{
    (void)field;
    gs_pprof_tables *t = *arg;
    gs_pprof_Line l;
    if (!pb_decode(stream, gs_pprof_Line_fields, &l))
        return false;
    if (t->n_lines == GS_MAX_PROFILE_ENTRIES) {
        t->lines_over = true;
        return false;
    }
    t->lines = gs_grow(t->lines, &t->cap_lines, t->n_lines + 1, sizeof *t->lines);
    t->lines[t->n_lines++] = (gs_pprof_line){.sent = {l.function_id, l.line}};
    return true;
}

static int add_location(gs_pprof_tables *t, gs_str message, gs_error *err)
{
    size_t first = t->n_lines;
    gs_pprof_Location l = {.line = {.funcs = {.decode = on_line}, .arg = t}};
    int e = gs_pb_decode(message, gs_pprof_Location_fields, &l, "profile: location", err);
    if (t->lines_over)
        e = full(t->n_lines, "lines", err);
    if (e == 0)
        e = full(t->n_locations, "locations", err);
    if (e < 0)
        return e;
    t->locations = gs_grow(t->locations, &t->cap_locations, t->n_locations + 1, sizeof *t->locations);
    t->locations[t->n_locations++] =
        (gs_pprof_location){.id = l.id, .first = (uint32_t)first, .n = (uint32_t)(t->n_lines - first)};
    return 0;
}

static int compare(uint64_t a, uint64_t b)
{
    return (a > b) - (a < b);
}

static int functions_by_id(const void *a, const void *b)
{
    return compare(((const gs_pprof_function *)a)->id, ((const gs_pprof_function *)b)->id);
}

static int locations_by_id(const void *a, const void *b)
{
    return compare(((const gs_pprof_location *)a)->id, ((const gs_pprof_location *)b)->id);
}

static int sort(gs_pprof_tables *t, gs_error *err)
{
    if (t->n_functions)
        qsort(t->functions, t->n_functions, sizeof *t->functions, functions_by_id);
    if (t->n_locations)
        qsort(t->locations, t->n_locations, sizeof *t->locations, locations_by_id);
    for (size_t i = 1; i < t->n_functions; i++)
        if (t->functions[i].id == t->functions[i - 1].id)
            return gs_error_set(err, GS_TERMINAL, "profile: two functions have the id %llu",
                                (unsigned long long)t->functions[i].id);
    for (size_t i = 1; i < t->n_locations; i++)
        if (t->locations[i].id == t->locations[i - 1].id)
            return gs_error_set(err, GS_TERMINAL, "profile: two locations have the id %llu",
                                (unsigned long long)t->locations[i].id);
    return 0;
}

static int add(gs_pprof_tables *t, const gs_pb_field *f, gs_error *err)
{
    switch (f->number) {
    case gs_pprof_Profile_sample_type_tag:
        return add_type(t, f->view, err);
    case gs_pprof_Profile_location_tag:
        return add_location(t, f->view, err);
    case gs_pprof_Profile_function_tag:
        return add_function(t, f->view, err);
    case gs_pprof_Profile_string_table_tag:
        return add_string(t, f->view, err);
    default:
        return 0;
    }
}

int gs_pprof_tables_read(gs_pprof_tables *t, gs_str profile, gs_error *err)
{
    gs_pb_cursor c = {profile.p, profile.p + profile.n};
    gs_pb_field f;
    for (const char *at = c.p; gs_pb_next(&c, &f); at = c.p) {
        bool known = f.number <= gs_pprof_Profile_string_table_tag && f.number != FIELD_MAPPING;
        if (known && !f.bytes) {
            c.p = at;
            break;
        }
        int e = add(t, &f, err);
        if (e < 0)
            return e;
    }
    if (c.p != c.end)
        return gs_error_set(err, GS_TERMINAL,
                            "profile: byte %zu: expected a field of pprof's Profile: malformed protobuf",
                            (size_t)(c.p - profile.p));
    return sort(t, err);
}

void gs_pprof_tables_done(gs_pprof_tables *t)
{
    free(t->strings);
    free(t->functions);
    free(t->locations);
    free(t->lines);
    *t = (gs_pprof_tables){0};
}

bool gs_pprof_string(const gs_pprof_tables *t, int64_t at, gs_str *ret)
{
    if (at < 0 || (uint64_t)at >= t->n_strings)
        return false;
    *ret = t->strings[at];
    return true;
}

gs_pprof_location *gs_pprof_search_location(const gs_pprof_tables *t, uint64_t id)
{
    gs_pprof_location key = {.id = id};
    return t->n_locations ? bsearch(&key, t->locations, t->n_locations, sizeof key, locations_by_id) : NULL;
}

const gs_pprof_function *gs_pprof_find_function(const gs_pprof_tables *t, uint64_t id)
{
    if (id - 1 < t->n_functions && t->functions[id - 1].id == id)
        return &t->functions[id - 1];
    gs_pprof_function key = {.id = id};
    return t->n_functions ? bsearch(&key, t->functions, t->n_functions, sizeof key, functions_by_id) : NULL;
}
