/* A goroutine profile, grouped by site.
 *
 * Two passes over the unpacked bytes: the tables first, since Go writes the strings last; then the samples, each of
 * which is looked at in depth only if its stack is a new one. The decoder's memory is bounded by the caps of
 * base/limits.h, and its time too: crafted hashes end in `truncated`, not in long probes. */
#include "codec/pprof_internal.h"

#include "base/buf.h"
#include "base/mem.h"
#include "wire/digest.h"
#include "wire/gzip.h"
#include "wire/pb.h"

#include <profile.pb.h>
#include <stdio.h>

#define MAX_LABEL_BYTES 128
#define MAX_PROBES 512

/* From 128 bits to the number of an element, counted from 1. */
struct index {
    struct index_slot {
        uint64_t a, b;
        uint32_t at;
    } * slots;
    size_t cap, used;
};

struct stack {
    uint32_t site;
    enum gs_state state;
};

struct group { /* a site while samples come in */
    char id[GS_SITE_ID_LEN];
    uint64_t count, largest;
    gs_str sample; /* the largest one's message */
    uint64_t by_state[GS_STATE_COUNT_];
};

struct run {
    gs_pprof_tables tables;
    gs_pprof_sample sample;
    gs_frame frames[GS_MAX_FRAMES];
    struct index stack_index, site_index;
    struct stack *stacks;
    struct group *groups;
    size_t n_stacks, cap_stacks, n_groups, cap_groups;
    uint64_t total;
    bool truncated;
    gs_error *err;
    int result; /* of the sample callback */
};

static struct run *run_new(void)
{
    return gs_alloc(sizeof(struct run));
}

static void run_free(struct run *r)
{
    gs_pprof_tables_done(&r->tables);
    free(r->stack_index.slots);
    free(r->site_index.slots);
    free(r->stacks);
    free(r->groups);
    free(r);
}
GS_DEFINE_CLEANUP(struct run *, run_free)

static void index_grow(struct index *x)
{
    size_t cap = x->cap ? x->cap * 2 : 64;
    struct index_slot *slots = gs_allocn(cap, sizeof *slots);
    for (size_t i = 0; i < x->cap; i++) {
        size_t at = x->slots[i].a & (cap - 1);
        if (!x->slots[i].at)
            continue;
        while (slots[at].at)
            at = (at + 1) & (cap - 1);
        slots[at] = x->slots[i];
    }
    free(x->slots);
    x->slots = slots;
    x->cap = cap;
}

/* The element's number; 0 in a fresh slot, which the caller fills. NULL where too many keys fall together, or the cap is
 * reached. */
static uint32_t *index_at(struct index *x, uint64_t a, uint64_t b)
{
    if (x->used * 2 >= x->cap)
        index_grow(x);
    for (size_t i = 0; i < MAX_PROBES; i++) {
        struct index_slot *s = &x->slots[(a + i) & (x->cap - 1)];
        if (s->at && (s->a != a || s->b != b))
            continue;
        if (!s->at) {
            if (x->used == GS_MAX_PROFILE_STACKS)
                return NULL;
            *s = (struct index_slot){.a = a, .b = b};
            x->used++;
        }
        return &s->at;
    }
    return NULL;
}

void gs_site_id(gs_str leaf, gs_str entry, char ret[GS_SITE_ID_LEN])
{
    char text[2 * GS_MAX_NAME + 4], hex[GS_SHA256_HEX_LEN];
    size_t n = gs_normalise(leaf, text, GS_MAX_NAME + 1);
    text[n++] = '\n';
    n += gs_normalise(entry, text + n, GS_MAX_NAME + 1);
    gs_sha256_hex((gs_str){text, n}, hex);
    (void)snprintf(ret, GS_SITE_ID_LEN, "p%.10s", hex);
}

static uint64_t add(uint64_t a, uint64_t b)
{
    uint64_t sum;
    return __builtin_add_overflow(a, b, &sum) ? UINT64_MAX : sum;
}

/* A stack not seen before: its state and site. *ret is 0 where it cannot be kept. */
static int new_stack(struct run *r, uint32_t *ret)
{
    size_t n;
    gs_stack_info info;
    *ret = 0;
    int e = gs_pprof_sample_frames(&r->sample, r->frames, &n, r->err);
    if (e < 0)
        return e;
    gs_stack_inspect(r->frames, n, &info);
    char id[GS_SITE_ID_LEN] = {0};
    gs_site_id(r->frames[info.leaf].function, r->frames[info.entry].function, id);
    uint32_t *at = index_at(&r->site_index, strtoull(id + 1, NULL, 16), 0);
    if (!at)
        return 0;
    if (!*at) {
        r->groups = gs_grow(r->groups, &r->cap_groups, r->n_groups + 1, sizeof *r->groups);
        memcpy(r->groups[r->n_groups].id, id, sizeof id);
        *at = (uint32_t)++r->n_groups;
    }
    r->stacks = gs_grow(r->stacks, &r->cap_stacks, r->n_stacks + 1, sizeof *r->stacks);
    r->stacks[r->n_stacks++] = (struct stack){.site = *at - 1, .state = info.state};
    *ret = (uint32_t)r->n_stacks;
    return 0;
}

static int count_sample(struct run *r, gs_str message)
{
    gs_pprof_sample *s = &r->sample;
    int e = gs_pprof_sample_read(s, message, r->err);
    if (e < 0 || s->value == 0)
        return e;
    r->total = add(r->total, s->value);
    uint32_t *at = index_at(&r->stack_index, s->hash[0], s->hash[1]);
    if (at && !*at)
        e = new_stack(r, at);
    if (e < 0)
        return e;
    if (!at || !*at) {
        r->truncated = true;
        return 0;
    }
    const struct stack *st = &r->stacks[*at - 1];
    struct group *g = &r->groups[st->site];
    g->count = add(g->count, s->value);
    g->by_state[st->state] = add(g->by_state[st->state], s->value);
    if (s->value > g->largest) {
        g->largest = s->value;
        g->sample = message;
    }
    return 0;
}

static bool on_sample(pb_istream_t *stream, const pb_field_t *field, void **arg)
{
    (void)field;
    struct run *r = *arg;
    gs_str message;
    if (!gs_pb_view(stream, &message))
        return false;
    r->result = count_sample(r, message);
    return r->result == 0;
}

/* "function file:line", the file as its last two elements. */
static const char *key_frame(gs_arena *a, const gs_frame *f)
{
    char text[2 * GS_MAX_NAME + 32];
    int function = f->function.n < GS_MAX_NAME ? (int)f->function.n : GS_MAX_NAME;
    size_t at = f->file.n;
    for (int slashes = 0; at > 0; at--)
        if (f->file.p[at - 1] == '/' && ++slashes == 2)
            break;
    int file = f->file.n - at < GS_MAX_NAME ? (int)(f->file.n - at) : GS_MAX_NAME;
    if (file)
        (void)snprintf(text, sizeof text, "%.*s %.*s:%lld", function, f->function.p, file, f->file.p + at,
                       (long long)f->line);
    else
        (void)snprintf(text, sizeof text, "%.*s", function, f->function.p);
    return gs_arena_str(a, gs_str_of(text));
}

static gs_str cut(gs_str s, size_t max)
{
    return (gs_str){s.p, s.n < max ? s.n : max};
}

static int by_key(const void *a, const void *b)
{
    return strcmp(((const gs_label *)a)->key, ((const gs_label *)b)->key);
}

static int labels(struct run *r, gs_arena *a, gs_site *site)
{
    const gs_pprof_sample *s = &r->sample;
    gs_label *v = s->n_labels ? gs_arena_alloc(a, s->n_labels * sizeof *v) : NULL;
    size_t n = 0;
    for (size_t i = 0; i < s->n_labels; i++) {
        gs_str key, value;
        char number[32];
        if (!gs_pprof_string(&r->tables, s->labels[i].key, &key) ||
            !gs_pprof_string(&r->tables, s->labels[i].str, &value))
            return gs_error_set(r->err, GS_TERMINAL, "profile: a label refers to a string that is not in the profile");
        if (s->labels[i].str == 0 && s->labels[i].num != 0) {
            (void)snprintf(number, sizeof number, "%lld", (long long)s->labels[i].num);
            value = gs_str_of(number);
        }
        v[n].key = gs_arena_str(a, cut(key, MAX_LABEL_BYTES));
        v[n].value = gs_arena_str(a, cut(value, MAX_LABEL_BYTES));
        bool keep = v[n].key[0] != 0;
        for (size_t k = 0; k < n && keep; k++)
            keep = strcmp(v[k].key, v[n].key) != 0;
        n += keep;
    }
    if (n)
        qsort(v, n, sizeof *v, by_key);
    site->labels = v;
    site->n_labels = n;
    return 0;
}

static enum gs_state most(const uint64_t by_state[GS_STATE_COUNT_])
{
    enum gs_state best = GS_STATE_RUNNING;
    for (enum gs_state s = GS_STATE_RUNNING; s < GS_STATE_COUNT_; s++)
        if (by_state[s] > by_state[best])
            best = s;
    return best;
}

/* The site as it is handed out: what its largest sample looks like. */
static int describe(struct run *r, const struct group *g, gs_arena *a, gs_site *ret)
{
    size_t n;
    gs_stack_info info;
    int e = gs_pprof_sample_read(&r->sample, g->sample, r->err);
    if (e == 0)
        e = gs_pprof_sample_frames(&r->sample, r->frames, &n, r->err);
    if (e == 0)
        e = labels(r, a, ret);
    if (e < 0)
        return e;
    gs_stack_inspect(r->frames, n, &info);
    const gs_frame *leaf = &r->frames[info.leaf];
    memcpy(ret->id, g->id, sizeof ret->id);
    ret->count = g->count;
    ret->state = most(g->by_state);
    ret->user = info.user;
    ret->leaf = gs_arena_str(a, cut(leaf->function, GS_MAX_NAME));
    ret->entry = gs_arena_str(a, cut(r->frames[info.entry].function, GS_MAX_NAME));
    ret->leaf_file = gs_arena_str(a, cut(leaf->file, GS_MAX_NAME));
    ret->leaf_line = leaf->line;
    const char **key_frames = gs_arena_alloc(a, info.n_key_frames * sizeof *key_frames);
    for (size_t i = 0; i < info.n_key_frames; i++)
        key_frames[i] = key_frame(a, &r->frames[info.key_frames[i]]);
    ret->key_frames = key_frames;
    ret->n_key_frames = info.n_key_frames;
    return 0;
}

static int largest_first(const void *a, const void *b)
{
    const struct group *x = a, *y = b;
    if (x->count != y->count)
        return x->count < y->count ? 1 : -1;
    return strcmp(x->id, y->id);
}

static int finish(struct run *r, gs_profile **ret)
{
    gs_cleanup(gs_profile_free) gs_profile *p = gs_alloc(sizeof *p);
    if (r->n_groups)
        qsort(r->groups, r->n_groups, sizeof *r->groups, largest_first);
    p->total = r->total;
    p->n = r->n_groups < GS_MAX_PROFILE_SITES ? r->n_groups : GS_MAX_PROFILE_SITES;
    p->truncated = r->truncated || p->n < r->n_groups;
    p->sites = gs_arena_alloc(&p->arena, p->n * sizeof *p->sites);
    r->sample.with_labels = true;
    for (size_t i = 0; i < p->n; i++) {
        int e = describe(r, &r->groups[i], &p->arena, &p->sites[i]);
        if (e < 0)
            return e;
    }
    *ret = gs_take(p);
    return 0;
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

int gs_pprof_decode(gs_str body, gs_profile **ret, gs_error *err)
{
    gs_cleanup(gs_buf_done) gs_buf unpacked = GS_BUF(GS_MAX_PROFILE_BYTES);
    gs_cleanup(run_free) struct run *r = run_new();
    if (body.n > GS_MAX_PROFILE_WIRE_BYTES)
        return gs_error_set(err, GS_NO_MEMORY, "profile: %zu bytes, at most %u are read", body.n,
                            GS_MAX_PROFILE_WIRE_BYTES);
    if (gs_is_gzip(body)) {
        if (gs_gunzip(body, &unpacked, err) < 0)
            return gs_error_wrap(err, GS_TERMINAL, "profile");
        body = gs_buf_str(&unpacked);
    }
    r->err = err;
    r->sample.tables = &r->tables;
    int e = gs_pprof_tables_read(&r->tables, body, err);
    if (e == 0)
        e = find_type(r);
    if (e < 0)
        return e;
    gs_pprof_Profile p = {.sample = {.funcs = {.decode = on_sample}, .arg = r}};
    gs_error malformed;
    e = gs_pb_decode(body, gs_pprof_Profile_fields, &p, "profile", &malformed);
    if (r->result < 0)
        return r->result;
    return e < 0 ? gs_error_set(err, malformed.kind, "%s", malformed.msg) : finish(r, ret);
}
