/* One sample of a profile: its stack, count and labels. */
#include "codec/pprof_internal.h"

#include "wire/pb.h"

#include <profile.pb.h>

#define HEAD (GS_MAX_FRAMES - GS_PPROF_TAIL)

/* Where the next of n elements goes; in a full array the oldest of the tail makes room. */
#define PUSH(v, n, x)                                                                                                  \
    do {                                                                                                               \
        if ((n) == GS_MAX_FRAMES)                                                                                      \
            memmove((v) + HEAD, (v) + HEAD + 1, (GS_PPROF_TAIL - 1) * sizeof *(v));                                    \
        else                                                                                                           \
            (n)++;                                                                                                     \
        (v)[(n)-1] = (x);                                                                                              \
    } while (0)

static uint64_t mix(uint64_t x)
{
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

static bool each_location(void *ctx, uint64_t id)
{
    gs_pprof_sample *s = ctx;
    const gs_pprof_location *l = gs_pprof_find_location(s->tables, id);
    if (!l) {
        s->why = "it refers to a location that is not in the profile";
        return false;
    }
    PUSH(s->locations, s->n_locations, l);
    s->hash[0] = mix(s->hash[0] + id + 0x9e3779b97f4a7c15u);
    s->hash[1] = mix((s->hash[1] ^ id) + 0xd1b54a32d192ed03u);
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
    s->value = s->hash[0] = s->hash[1] = 0;
    s->why = NULL;
    gs_pprof_Sample m = {
        .location_id = {.funcs = {.decode = on_locations}, .arg = s},
        .value = {.funcs = {.decode = on_values}, .arg = s},
    };
    if (s->with_labels)
        m.label = (pb_callback_t){.funcs = {.decode = on_label}, .arg = s};
    int r = gs_pb_decode(message, gs_pprof_Sample_fields, &m, "profile: sample", err);
    if (r == 0 && s->n_values <= s->value_index)
        s->why = "it has fewer values than the profile has sample types";
    return s->why ? gs_error_set(err, GS_TERMINAL, "profile: sample: %s", s->why) : r;
}

int gs_pprof_sample_frames(const gs_pprof_sample *s, gs_frame v[GS_MAX_FRAMES], size_t *ret_n, gs_error *err)
{
    const gs_pprof_tables *t = s->tables;
    size_t n = 0;
    for (size_t i = 0; i < s->n_locations; i++) {
        const gs_pprof_location *l = s->locations[i];
        for (uint32_t k = 0; k < l->n; k++) {
            if (k == HEAD && l->n - k > GS_PPROF_TAIL) /* no compiler inlines that deep: not worth the time */
                k = l->n - GS_PPROF_TAIL;
            const gs_pprof_line *line = &t->lines[l->first + k];
            const gs_pprof_function *f = gs_pprof_find_function(t, line->function);
            gs_frame frame = {.line = line->line};
            if (!f || !gs_pprof_string(t, f->name, &frame.function) || !gs_pprof_string(t, f->file, &frame.file))
                return gs_error_set(err, GS_TERMINAL,
                                    "profile: location %llu refers to a %s that is not in the profile",
                                    (unsigned long long)l->id, f ? "string" : "function");
            PUSH(v, n, frame);
        }
    }
    if (n == 0)
        v[n++] = (gs_frame){.function = GS_STR("(unknown)")};
    *ret_n = n;
    return 0;
}
