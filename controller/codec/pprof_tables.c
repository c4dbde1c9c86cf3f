/* Pass 1 over a profile: strings, functions, locations and sample types, which may stand anywhere in it. */
#include "codec/pprof_internal.h"

#include "base/mem.h"
#include "wire/pb.h"

#include <profile.pb.h>

static bool full(gs_pprof_tables *t, size_t n, const char *table)
{
    if (n < GS_MAX_PROFILE_ENTRIES)
        return false;
    t->over = table;
    return true;
}

static bool on_type(pb_istream_t *stream, const pb_field_t *field, void **arg)
{
    (void)field;
    gs_pprof_tables *t = *arg;
    gs_pprof_ValueType v;
    if (!pb_decode(stream, gs_pprof_ValueType_fields, &v))
        return false;
    if (t->n_types == GS_PPROF_TYPES)
        return gs_pb_fail(stream, "more than 8 sample types");
    t->types[t->n_types++] = v.type;
    return true;
}

static bool on_string(pb_istream_t *stream, const pb_field_t *field, void **arg)
{
    (void)field;
    gs_pprof_tables *t = *arg;
    gs_str s;
    if (full(t, t->n_strings, "strings") || !gs_pb_view(stream, &s))
        return false;
    t->strings = gs_grow(t->strings, &t->cap_strings, t->n_strings + 1, sizeof *t->strings);
    t->strings[t->n_strings++] = s;
    return true;
}

static bool on_function(pb_istream_t *stream, const pb_field_t *field, void **arg)
{
    (void)field;
    gs_pprof_tables *t = *arg;
    gs_pprof_Function f;
    if (!pb_decode(stream, gs_pprof_Function_fields, &f) || full(t, t->n_functions, "functions"))
        return false;
    t->functions = gs_grow(t->functions, &t->cap_functions, t->n_functions + 1, sizeof *t->functions);
    t->functions[t->n_functions++] = (gs_pprof_function){.id = f.id, .name = f.name, .file = f.filename};
    return true;
}

static bool on_line(pb_istream_t *stream, const pb_field_t *field, void **arg)
{
    (void)field;
    gs_pprof_tables *t = *arg;
    gs_pprof_Line l;
    if (!pb_decode(stream, gs_pprof_Line_fields, &l) || full(t, t->n_lines, "lines"))
        return false;
    t->lines = gs_grow(t->lines, &t->cap_lines, t->n_lines + 1, sizeof *t->lines);
    t->lines[t->n_lines++] = (gs_pprof_line){.function = l.function_id, .line = l.line};
    return true;
}

static bool on_location(pb_istream_t *stream, const pb_field_t *field, void **arg)
{
    (void)field;
    gs_pprof_tables *t = *arg;
    size_t first = t->n_lines;
    gs_pprof_Location l = {.line = {.funcs = {.decode = on_line}, .arg = t}};
    if (!pb_decode(stream, gs_pprof_Location_fields, &l) || full(t, t->n_locations, "locations"))
        return false;
    t->locations = gs_grow(t->locations, &t->cap_locations, t->n_locations + 1, sizeof *t->locations);
    t->locations[t->n_locations++] =
        (gs_pprof_location){.id = l.id, .first = (uint32_t)first, .n = (uint32_t)(t->n_lines - first)};
    return true;
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

int gs_pprof_tables_read(gs_pprof_tables *t, gs_str profile, gs_error *err)
{
    gs_pprof_Profile p = {
        .sample_type = {.funcs = {.decode = on_type}, .arg = t},
        .location = {.funcs = {.decode = on_location}, .arg = t},
        .function = {.funcs = {.decode = on_function}, .arg = t},
        .string_table = {.funcs = {.decode = on_string}, .arg = t},
    };
    int r = gs_pb_decode(profile, gs_pprof_Profile_fields, &p, "profile", err);
    if (t->over)
        return gs_error_set(err, GS_NO_MEMORY, "profile: more than %u %s", GS_MAX_PROFILE_ENTRIES, t->over);
    return r < 0 ? r : sort(t, err);
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

/* Ids are 1, 2, 3 ... in what Go writes: then the place is known without a search. */

const gs_pprof_location *gs_pprof_find_location(const gs_pprof_tables *t, uint64_t id)
{
    if (id - 1 < t->n_locations && t->locations[id - 1].id == id)
        return &t->locations[id - 1];
    gs_pprof_location key = {.id = id};
    return t->n_locations ? bsearch(&key, t->locations, t->n_locations, sizeof key, locations_by_id) : NULL;
}

gs_pprof_function *gs_pprof_find_function(const gs_pprof_tables *t, uint64_t id)
{
    if (id - 1 < t->n_functions && t->functions[id - 1].id == id)
        return &t->functions[id - 1];
    gs_pprof_function key = {.id = id};
    return t->n_functions ? bsearch(&key, t->functions, t->n_functions, sizeof key, functions_by_id) : NULL;
}
