/* One sample of a profile: its stack, count and labels. */
#include "codec/pprof_internal.h"

#include "wire/pb.h"

#include <profile.pb.h>

#define HEAD (GS_MAX_FRAMES - GS_STACK_TAIL)

static void push(gs_pprof_sample *s, const gs_pprof_location *l)
{
    if (s->n_locations == GS_MAX_FRAMES) /* the oldest of the tail makes room */
        memmove(s->locations + HEAD, s->locations + HEAD + 1, (GS_STACK_TAIL - 1) * sizeof *s->locations);
    else
        s->n_locations++;
    s->locations[s->n_locations - 1] = l;
    s->depth += l->n;
}

static bool each_location(void *ctx, uint64_t id)
{
    gs_pprof_sample *s = ctx;
    const gs_pprof_location *l = gs_pprof_find_location(s->tables, id);
    if (!l) {
        s->why = "it refers to a location that is not in the profile";
        return false;
    }
    push(s, l);
    gs_key_add_number(&s->key, id);
    return true;
}

static bool on_locations(pb_istream_t *stream, const pb_field_t *field, void **arg)
{
    (void)field;
    return gs_pb_each_varint(stream, each_location, *arg);
}

static bool each_value(void *ctx, uint64_t value)
{
    gs_pprof_sample *s = ctx;
    if (s->n_values++ != s->value_index)
        return true;
    s->value = value;
    if (value > INT64_MAX) /* it is signed */
        s->why = "it has a negative count";
    return !s->why;
}

static bool on_values(pb_istream_t *stream, const pb_field_t *field, void **arg)
{
    (void)field;
    return gs_pb_each_varint(stream, each_value, *arg);
}

static bool on_label(pb_istream_t *stream, const pb_field_t *field, void **arg)
{
    (void)field;
    gs_pprof_sample *s = *arg;
    gs_pprof_Label l;
    if (!pb_decode(stream, gs_pprof_Label_fields, &l))
        return false;
    if (s->n_labels == GS_MAX_LABELS)
        return true;
    s->labels[s->n_labels].key = l.key;
    s->labels[s->n_labels].str = l.str;
    s->labels[s->n_labels++].num = l.num;
    return true;
}

int gs_pprof_sample_read(gs_pprof_sample *s, gs_str message, gs_error *err)
{
    s->n_locations = s->n_labels = s->n_values = 0;
    s->value = s->depth = 0;
    s->key = GS_KEY;
    s->why = NULL;
    gs_pprof_Sample m = {
        .location_id = {.funcs = {.decode = on_locations}, .arg = s},
        .value = {.funcs = {.decode = on_values}, .arg = s},
        .label = {.funcs = {.decode = on_label}, .arg = s},
    };
    int r = gs_pb_decode(message, gs_pprof_Sample_fields, &m, "profile: sample", err);
    if (r == 0 && s->n_values <= s->value_index)
        s->why = "it has fewer values than the profile has sample types";
    s->key = gs_key_end(s->key);
    return s->why ? gs_error_set(err, GS_TERMINAL, "profile: sample: %s", s->why) : r;
}

/* The function's number in sites; it is shown there when it is first met. */
static int number_of(const gs_pprof_location *l, uint64_t id, gs_pprof_tables *t, gs_sites *sites, uint32_t *ret,
                     gs_error *err)
{
    gs_str name, file;
    gs_pprof_function *f = gs_pprof_find_function(t, id);
    if (!f || (!f->number && (!gs_pprof_string(t, f->name, &name) || !gs_pprof_string(t, f->file, &file))))
        return gs_error_set(err, GS_TERMINAL, "profile: location %llu refers to a %s that is not in the profile",
                            (unsigned long long)l->id, f ? "string" : "function");
    if (!f->number)
        f->number = gs_sites_function(sites, name, file) + 1; /* 0 again at the cap */
    *ret = f->number - 1;
    return 0;
}

int gs_pprof_sample_stack(const gs_pprof_sample *s, gs_pprof_tables *t, gs_sites *sites, gs_stack *ret, gs_error *err)
{
    gs_stack_reset(ret);
    for (size_t i = 0; i < s->n_locations; i++) {
        const gs_pprof_location *l = s->locations[i];
        for (uint32_t k = 0; k < l->n; k++) {
            uint32_t function = GS_SITES_NONE;
            if (k == HEAD && l->n - k > GS_STACK_TAIL) /* no compiler inlines that deep: not worth the time */
                k = l->n - GS_STACK_TAIL;
            const gs_pprof_line *line = &t->lines[l->first + k];
            int e = number_of(l, line->function, t, sites, &function, err);
            if (e < 0)
                return e;
            gs_stack_push(ret, function, line->line);
        }
    }
    ret->depth = s->depth;
    return 0;
}
