/* One sample of a profile: its stack, count and labels. */
#include "codec/pprof_internal.h"

#include "wire/pb_cursor.h"

#include <profile.pb.h>

static bool add_value(gs_pprof_sample *s, uint64_t value)
{
    if (s->n_values++ != s->value_index)
        return true;
    s->value = value;
    if (value > INT64_MAX) /* it is signed */
        s->why = "it has a negative count";
    return !s->why;
}

/* Packed, or one of several fields. */
static bool add_values(gs_pprof_sample *s, const gs_pb_field *f)
{
    uint64_t v;
    if (f->varint)
        return add_value(s, f->value);
    gs_pb_cursor c = {f->view.p, f->view.p + f->view.n};
    while (c.p < c.end)
        if (!gs_pb_varint(&c, &v) || !add_value(s, v))
            return false;
    return f->bytes;
}

static bool add_label(gs_pprof_sample *s, const gs_pb_field *f)
{
    int64_t of[4] = {0}; /* key, str and num are the fields 1 to 3 */
    gs_pb_cursor c = {f->view.p, f->view.p + f->view.n};
    if (!f->bytes)
        return false;
    for (gs_pb_field part; gs_pb_next(&c, &part);) {
        if (part.number > 3)
            continue;
        if (!part.varint)
            return false;
        of[part.number] = (int64_t)part.value;
    }
    if (c.p == c.end && s->n_labels < GS_MAX_LABELS) {
        s->labels[s->n_labels].key = of[1];
        s->labels[s->n_labels].str = of[2];
        s->labels[s->n_labels++].num = of[3];
    }
    return c.p == c.end;
}

int gs_pprof_sample_read(gs_pprof_sample *s, gs_str message, gs_error *err)
{
    s->n_labels = s->n_values = 0;
    s->value = 0;
    s->key = GS_KEY;
    s->why = NULL;
    gs_pb_cursor c = {message.p, message.p + message.n};
    bool ok = true;
    for (gs_pb_field f; ok && gs_pb_next(&c, &f);) {
        if (f.number == gs_pprof_Sample_location_id_tag && f.bytes)
            gs_key_add(&s->key, f.view.p, f.view.n);
        else if (f.number == gs_pprof_Sample_location_id_tag)
            gs_key_add_number(&s->key, f.value);
        else if (f.number == gs_pprof_Sample_value_tag)
            ok = add_values(s, &f);
        else if (f.number == gs_pprof_Sample_label_tag)
            ok = add_label(s, &f);
    }
    if (!s->why && (!ok || c.p != c.end))
        s->why = "malformed protobuf";
    if (!s->why && s->n_values <= s->value_index)
        s->why = "it has fewer values than the profile has sample types";
    s->key = gs_key_end(s->key);
    return s->why ? gs_error_set(err, GS_TERMINAL, "profile: sample: %s", s->why) : 0;
}

struct walk {
    gs_pprof_tables *tables;
    gs_sites *sites;
    gs_stack *stack;
    gs_error *err;
};

/* Puts frames for the ids of its functions. */
static int resolve(struct walk *w, gs_pprof_location *l)
{
    for (uint32_t k = 0; k < l->n; k++) {
        gs_pprof_line *line = &w->tables->lines[l->first + k];
        const gs_pprof_function *f = gs_pprof_find_function(w->tables, line->sent.function);
        gs_str name, file;
        if (!f || !gs_pprof_string(w->tables, f->name, &name) || !gs_pprof_string(w->tables, f->file, &file))
            return gs_error_set(w->err, GS_TERMINAL, "profile: location %llu refers to a %s that is not in the profile",
                                (unsigned long long)l->id, f ? "string" : "function");
        uint32_t at = gs_stack_line(line->sent.line);
        line->frame = (struct gs_stack_frame){gs_sites_function(w->sites, name, file), at};
    }
    l->resolved = true;
    return 0;
}

/* No compiler inlines so deep: of a location with more the two ends are enough, as of a stack. */
static void push_lines(struct walk *w, const gs_pprof_location *l)
{
    for (uint32_t k = 0; k < l->n; k++) {
        if (k == GS_MAX_FRAMES && l->n - k > GS_MAX_FRAMES) {
            w->stack->depth += l->n - GS_MAX_FRAMES - k;
            k = l->n - GS_MAX_FRAMES;
        }
        gs_stack_push(w->stack, w->tables->lines[l->first + k].frame);
    }
}

static inline int push_location(struct walk *w, uint64_t id)
{
    gs_pprof_location *l = gs_pprof_find_location(w->tables, id);
    if (!l)
        return gs_error_set(w->err, GS_TERMINAL, "profile: sample: it refers to a location that is not in the profile");
    int e = l->resolved ? 0 : resolve(w, l);
    if (e == 0 && l->n == 1)
        gs_stack_push(w->stack, w->tables->lines[l->first].frame);
    else if (e == 0)
        push_lines(w, l);
    return e;
}

static int push_locations(struct walk *w, const gs_pb_field *f)
{
    uint64_t id;
    int e = 0;
    if (f->varint)
        return push_location(w, f->value);
    gs_pb_cursor c = {f->view.p, f->view.p + f->view.n};
    while (e == 0 && gs_pb_varint(&c, &id))
        e = push_location(w, id);
    if (e == 0 && (c.p != c.end || !f->bytes))
        return gs_error_set(w->err, GS_TERMINAL, "profile: sample: malformed protobuf");
    return e;
}

int gs_pprof_sample_stack(gs_pprof_tables *t, gs_str message, gs_sites *sites, gs_stack *ret, gs_error *err)
{
    struct walk w = {.tables = t, .sites = sites, .stack = ret, .err = err};
    gs_pb_cursor c = {message.p, message.p + message.n};
    gs_stack_reset(ret);
    int e = 0;
    for (gs_pb_field f; e == 0 && gs_pb_next(&c, &f);)
        if (f.number == gs_pprof_Sample_location_id_tag)
            e = push_locations(&w, &f);
    return e;
}
