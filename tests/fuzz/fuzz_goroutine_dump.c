/* Whatever someone takes for a goroutine profile: a profile that holds together, or an error that says why not; and the
 * same in chunks of any size as in one piece. The first byte says how large they are. */
#include "base/limits.h"
#include "codec/goroutine_dump.h"
#include "fuzz.h"

#include <string.h>

static void check_labels(const gs_site *s)
{
    FUZZ_CHECK(s->n_labels <= GS_LABEL_SETS);
    for (size_t i = 0; i < s->n_labels; i++) {
        const gs_label_set *l = &s->labels[i];
        FUZZ_CHECK(l->n > 0 && l->n <= GS_MAX_LABELS && l->count > 0 && l->count <= s->count);
        FUZZ_CHECK(i == 0 || l->count <= s->labels[i - 1].count);
        for (size_t k = 0; k < l->n; k++)
            FUZZ_CHECK(l->v[k].key[0] && l->v[k].value && (k == 0 || strcmp(l->v[k - 1].key, l->v[k].key) < 0));
    }
}

static void check_site(const gs_profile *p, size_t k)
{
    const gs_site *s = &p->sites[k];
    FUZZ_CHECK(s->count > 0 && s->leaf && s->entry && s->leaf_file && s->created_by);
    FUZZ_CHECK(strlen(s->id) == GS_SITE_ID_LEN - 1 && s->id[0] == 'p');
    FUZZ_CHECK(s->state < GS_STATE_COUNT_ && s->boundary <= GS_BOUNDARY_LOCK);
    FUZZ_CHECK(s->n_key_frames > 0 && s->n_key_frames <= GS_MAX_KEY_FRAMES);
    FUZZ_CHECK(s->depth >= 0 && s->depth <= 1 && s->blocked >= 0 && s->blocked <= 1);
    FUZZ_CHECK(s->has_wait == (p->kind == GS_PROFILE_DUMP) && s->waited >= 0 && s->waited <= 1);
    FUZZ_CHECK(s->wait_min <= s->wait_p50 && s->wait_p50 <= s->wait_max);
    FUZZ_CHECK(s->pattern < p->n && p->sites[s->pattern].count >= s->count);
    FUZZ_CHECK(p->sites[s->pattern].pattern == s->pattern);
    if (k > 0)
        FUZZ_CHECK(p->sites[k - 1].count > s->count ||
                   (p->sites[k - 1].count == s->count && strcmp(p->sites[k - 1].id, s->id) < 0));
    check_labels(s);
}

static void check(const gs_profile *p)
{
    uint64_t sum = 0;
    bool over = false;
    FUZZ_CHECK(p->n <= GS_MAX_PROFILE_SITES && p->kind < GS_PROFILE_KINDS);
    for (size_t k = 0; k < p->n; k++) {
        check_site(p, k);
        over |= __builtin_add_overflow(sum, p->sites[k].count, &sum);
    }
    FUZZ_CHECK(over || p->truncated || sum == p->total || p->total == UINT64_MAX);
    FUZZ_CHECK(p->n_goroutines == (p->kind == GS_PROFILE_DUMP ? p->total : 0));
    for (size_t i = 0; i < p->n_goroutines; i++)
        FUZZ_CHECK(p->goroutines[i].site < p->n || (p->truncated && p->goroutines[i].site == UINT32_MAX));
}

static void check_same(const gs_profile *a, const gs_profile *b)
{
    FUZZ_CHECK(a->total == b->total && a->n == b->n && a->truncated == b->truncated && a->kind == b->kind);
    for (size_t i = 0; i < a->n; i++) {
        const gs_site *x = &a->sites[i], *y = &b->sites[i];
        FUZZ_CHECK(strcmp(x->id, y->id) == 0 && x->count == y->count && x->state == y->state);
        FUZZ_CHECK(strcmp(x->leaf, y->leaf) == 0 && x->leaf_line == y->leaf_line && x->n_labels == y->n_labels);
    }
}

static int decode_chunks(const char *p, size_t n, size_t chunk, gs_profile **ret, gs_error *err)
{
    gs_cleanup(gs_dump_free) gs_dump *d = gs_dump_new(true);
    for (size_t at = 0; at < n; at += chunk) {
        size_t part = n - at < chunk ? n - at : chunk;
        char *copy = malloc(part); /* a block of its own, so that ASan sees a read beyond it, or a later one */
        FUZZ_CHECK(copy);
        memcpy(copy, p + at, part);
        int e = gs_dump_feed(d, copy, part, err);
        free(copy);
        if (e < 0)
            return e;
    }
    return gs_dump_finish(d, ret, err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    const char *body = (const char *)data + 1;
    gs_profile *a = NULL, *b = NULL;
    gs_error err = {0}, err_chunks = {0};
    int r = gs_dump_decode((gs_str){body, size - 1}, true, &a, &err);
    int r_chunks = decode_chunks(body, size - 1, data[0] + 1u, &b, &err_chunks);
    FUZZ_CHECK((r == 0) == (a != NULL) && (r_chunks == 0) == (b != NULL));
    FUZZ_CHECK(r == 0 || (err.msg[0] && r == -(int)err.kind));
    FUZZ_CHECK(r == r_chunks && strcmp(err.msg, err_chunks.msg) == 0);
    if (r < 0)
        return 0;
    check(a);
    check_same(a, b);
    gs_profile_free(a);
    gs_profile_free(b);
    return 0;
}
