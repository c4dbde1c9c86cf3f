/* Whatever a pod sends as its profile: a profile that holds together, or an error that says why not. */
#include "base/limits.h"
#include "codec/pprof.h"
#include "fuzz.h"

static void check_site(const gs_profile *p, size_t k)
{
    const gs_site *s = &p->sites[k];
    FUZZ_CHECK(s->count > 0 && s->leaf && s->entry && s->leaf_file);
    FUZZ_CHECK(strlen(s->id) == GS_SITE_ID_LEN - 1 && s->id[0] == 'p');
    FUZZ_CHECK(s->state < GS_STATE_COUNT_);
    FUZZ_CHECK(s->n_key_frames > 0 && s->n_key_frames <= GS_MAX_KEY_FRAMES && s->n_labels <= GS_LABEL_SETS);
    for (size_t i = 0; i < s->n_key_frames; i++)
        FUZZ_CHECK(strlen(s->key_frames[i]) < 2 * GS_MAX_NAME + 32);
    for (size_t i = 0; i < s->n_labels; i++) {
        const gs_label_set *l = &s->labels[i];
        FUZZ_CHECK(l->n > 0 && l->n <= GS_MAX_LABELS && l->count > 0 && l->count <= s->count);
        for (size_t j = 0; j < l->n; j++)
            FUZZ_CHECK(l->v[j].key[0] && l->v[j].value && (j == 0 || strcmp(l->v[j - 1].key, l->v[j].key) < 0));
    }
    FUZZ_CHECK(!s->has_wait && s->depth >= 0 && s->depth <= 1 && s->blocked >= 0 && s->blocked <= 1);
    FUZZ_CHECK(s->pattern < p->n && s->boundary <= GS_BOUNDARY_LOCK);
    if (k > 0)
        FUZZ_CHECK(p->sites[k - 1].count > s->count ||
                   (p->sites[k - 1].count == s->count && strcmp(p->sites[k - 1].id, s->id) < 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    gs_profile *p = NULL;
    gs_error err = {0};
    int r = gs_pprof_decode((gs_str){(const char *)data, size}, &p, &err);
    FUZZ_CHECK((r == 0) == (p != NULL));
    FUZZ_CHECK(r == 0 || (err.msg[0] && r == -(int)err.kind));
    if (r < 0)
        return 0;
    uint64_t sum = 0;
    bool over = false;
    FUZZ_CHECK(p->n <= GS_MAX_PROFILE_SITES);
    for (size_t k = 0; k < p->n; k++) {
        check_site(p, k);
        over |= __builtin_add_overflow(sum, p->sites[k].count, &sum);
    }
    FUZZ_CHECK(over || p->truncated || sum == p->total || p->total == UINT64_MAX);
    gs_profile_free(p);
    return 0;
}
