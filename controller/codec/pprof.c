/* A goroutine profile in protobuf.
 *
 * Two passes over the unpacked bytes: the tables first, since Go writes the strings last; then the samples, each of
 * which is looked at in depth only if its stack is a new one. The decoder's memory is bounded by the caps of
 * base/limits.h, and its time too: crafted hashes end in `truncated`, not in long probes. */
#include "codec/pprof_internal.h"

#include "base/mem.h"
#include "wire/gzip.h"
#include "wire/pb_cursor.h"

#include <profile.pb.h>
#include <stdio.h>

#define FIELD_SAMPLE gs_pprof_Profile_sample_tag

struct run {
    gs_pprof_tables tables;
    gs_pprof_sample sample;
    gs_stack stack;
    gs_sites *sites;
    enum gs_profile_kind kind;
    gs_error *err;
};

static struct run *run_new(gs_error *err)
{
    struct run *r = gs_alloc(sizeof *r);
    r->sites = gs_sites_new(false);
    r->err = err;
    return r;
}

static void run_free(struct run *r)
{
    gs_pprof_tables_done(&r->tables);
    gs_sites_free(r->sites);
    free(r);
}
GS_DEFINE_CLEANUP(struct run *, run_free)

/* numbers: room for the labels that are numbers. */
static int labels(struct run *r, gs_raw_label v[GS_MAX_LABELS], char numbers[GS_MAX_LABELS][24])
{
    const gs_pprof_sample *s = &r->sample;
    for (size_t i = 0; i < s->n_labels; i++) {
        if (!gs_pprof_string(&r->tables, s->labels[i].key, &v[i].key) ||
            !gs_pprof_string(&r->tables, s->labels[i].str, &v[i].value))
            return gs_error_set(r->err, GS_TERMINAL, "profile: a label refers to a string that is not in the profile");
        if (s->labels[i].str == 0 && s->labels[i].num != 0) {
            (void)snprintf(numbers[i], sizeof numbers[i], "%lld", (long long)s->labels[i].num);
            v[i].value = gs_str_of(numbers[i]);
        }
    }
    return 0;
}

static int count_sample(struct run *r, gs_str message)
{
    gs_raw_label v[GS_MAX_LABELS];
    char numbers[GS_MAX_LABELS][24];
    gs_pprof_sample *s = &r->sample;
    int e = gs_pprof_sample_read(s, message, r->err);
    if (e < 0 || s->value == 0)
        return e;
    uint32_t *place = gs_sites_find(r->sites, s->key), stack = place ? *place : 0;
    bool fresh = place && !stack;
    if (fresh) {
        e = gs_pprof_sample_stack(&r->tables, message, r->sites, &r->stack, r->err);
        if (e < 0)
            return e;
        gs_sites_add(r->sites, place, &r->stack);
        stack = *place;
    }
    e = labels(r, v, numbers);
    if (e < 0)
        return e;
    const gs_sighting g = {.count = s->value, .labels = v, .n_labels = s->n_labels};
    if (!gs_sites_count(r->sites, stack, &g))
        return 0;
    if (!fresh)
        e = gs_pprof_sample_stack(&r->tables, message, r->sites, &r->stack, r->err);
    if (e == 0)
        gs_sites_describe(r->sites, stack, &r->stack);
    return e;
}

/* Which of a sample's values counts goroutines. Other profiles are refused by the names of their types. */
static int find_type(struct run *r)
{
    char names[128] = "";
    size_t n = 0;
    for (size_t i = 0; i < r->tables.n_types; i++) {
        gs_str name;
        if (!gs_pprof_string(&r->tables, r->tables.types[i], &name))
            return gs_error_set(r->err, GS_TERMINAL, "profile: sample type %zu has no name", i);
        if (gs_str_is(name, "goroutine") || gs_str_is(name, "goroutineleak")) {
            r->kind = gs_str_is(name, "goroutine") ? GS_PROFILE_GOROUTINE : GS_PROFILE_LEAK;
            r->sample.value_index = i;
            return 0;
        }
        for (size_t k = 0; k < name.n && n + 3 < sizeof names; k++) /* the peer's text: nothing but words */
            names[n++] = name.p[k] > ' ' && name.p[k] < 0x7f ? name.p[k] : '?';
        if (i + 1 < r->tables.n_types && n + 3 < sizeof names) {
            names[n++] = ',';
            names[n++] = ' ';
        }
    }
    if (!r->tables.n_types)
        return gs_error_set(r->err, GS_TERMINAL, "expected a goroutine profile, got one without a sample type");
    return gs_error_set(r->err, GS_TERMINAL, "expected a goroutine profile, got one of: %s", names);
}

int gs_pprof_decode_unpacked(gs_str body, gs_profile **ret, gs_error *err)
{
    gs_cleanup(run_free) struct run *r = run_new(err);
    if (body.n == 0)
        body = GS_STR("");
    int e = gs_pprof_tables_read(&r->tables, body, err);
    if (e == 0)
        e = find_type(r);
    if (e < 0)
        return e;
    gs_pb_cursor c = {body.p, body.p + body.n}; /* the first pass found it well-formed */
    for (gs_pb_field f; gs_pb_next(&c, &f);)
        if (f.number == FIELD_SAMPLE && (e = count_sample(r, f.view)) < 0)
            return e;
    *ret = gs_sites_finish(r->sites, r->kind, false);
    return 0;
}

int gs_pprof_unpack(gs_str *body, gs_buf *out, gs_error *err)
{
    if (!gs_is_gzip(*body))
        return 0;
    if (body->n > GS_MAX_PROFILE_WIRE_BYTES)
        return gs_error_set(err, GS_NO_MEMORY, "profile: %zu bytes of gzip, at most %u are read", body->n,
                            GS_MAX_PROFILE_WIRE_BYTES);
    if (gs_gunzip(*body, out, err) < 0)
        return gs_error_wrap(err, GS_TERMINAL, "profile");
    *body = gs_buf_str(out);
    return 0;
}

int gs_pprof_decode(gs_str body, gs_profile **ret, gs_error *err)
{
    gs_cleanup(gs_buf_done) gs_buf unpacked = GS_BUF(GS_MAX_PROFILE_BYTES);
    int e = gs_pprof_unpack(&body, &unpacked, err);
    return e < 0 ? e : gs_pprof_decode_unpacked(body, ret, err);
}
