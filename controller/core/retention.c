#include "core/retention.h"

#include "base/clock.h"

#include <stdlib.h>

#define DAY_MS 86400000LL
#define TIME_CHARS 16 /* 20260101T000026Z */

static bool is_part(gs_str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        bool ok = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
                  (c == '.' && i);
        if (!ok)
            return false;
    }
    return s.n > 0;
}

/* Up to the next '/', which goes too. */
static bool take_part(gs_str *rest, gs_str *ret)
{
    const char *slash = memchr(rest->p, '/', rest->n);
    if (!slash)
        return false;
    *ret = (gs_str){rest->p, (size_t)(slash - rest->p)};
    *rest = (gs_str){slash + 1, rest->n - ret->n - 1};
    return is_part(*ret);
}

static bool take_suffix(gs_str *file, gs_str *ret)
{
    static const char *const suffixes[] = {".pb.gz", ".txt", ".txt.gz", ".trace", ".json"};
    for (size_t i = 0; i < GS_LEN(suffixes); i++) {
        if (!gs_str_ends(*file, suffixes[i]))
            continue;
        file->n -= strlen(suffixes[i]);
        *ret = (gs_str){file->p + file->n, strlen(suffixes[i])};
        return true;
    }
    return false;
}

static bool read_time(gs_str s, int64_t *ret)
{
    static const char form[] = "0000-00-00T00:00:00Z";
    char text[sizeof form];
    size_t from = 0;
    if (s.n <= TIME_CHARS)
        return false;
    for (size_t i = 0; i < sizeof form - 1; i++)
        text[i] = form[i] == '-' || form[i] == ':' ? form[i] : s.p[from++];
    text[sizeof form - 1] = 0;
    return gs_time_parse(gs_str_of(text), ret);
}

/* "-<pod>-<kind>" */
static bool is_rest(gs_str s)
{
    static const char *const kinds[] = {"-goroutine", "-goroutineleak", "-fulldump", "-heap", "-cpu", "-trace"};
    if (!s.n || s.p[0] != '-')
        return false;
    s = (gs_str){s.p + 1, s.n - 1};
    for (size_t i = 0; i < GS_LEN(kinds); i++)
        if (gs_str_ends(s, kinds[i]))
            return is_part((gs_str){s.p, s.n - strlen(kinds[i])});
    return false;
}

bool gs_retention_key(const char *holder, const char *key, gs_stored_key *ret)
{
    gs_stored_key k = {0};
    gs_str rest = gs_str_of(key), workload;
    if (!gs_str_starts(rest, holder))
        return false;
    rest = (gs_str){rest.p + strlen(holder), rest.n - strlen(holder)};
    if (!take_part(&rest, &workload) || gs_str_is(workload, "audit") || !take_part(&rest, &k.incident) ||
        !take_suffix(&rest, &k.suffix) || !read_time(rest, &k.time_ms) ||
        !is_rest((gs_str){rest.p + TIME_CHARS, rest.n - TIME_CHARS}))
        return false;
    k.stem = (gs_str){key, (size_t)(rest.p + rest.n - key)};
    *ret = k;
    return true;
}

static int by_time(const void *a, const void *b)
{
    const gs_stored *x = a, *y = b;
    return (x->time_ms > y->time_ms) - (x->time_ms < y->time_ms);
}

static bool too_old(const gs_retention *r, const gs_stored *s, int64_t now_ms)
{
    int days = s->severity == GS_SEVERITY_LOW      ? r->low_days
               : s->severity == GS_SEVERITY_MEDIUM ? r->medium_days
                                                   : r->high_days;
    return now_ms - s->time_ms > days * DAY_MS;
}

size_t gs_retention_choose(const gs_retention *r, gs_stored *v, size_t n, size_t max, int64_t now_ms,
                           uint64_t *ret_kept)
{
    size_t gone = 0;
    uint64_t kept = 0;
    if (n)
        qsort(v, n, sizeof *v, by_time);
    for (size_t i = 0; i < n; i++)
        v[i].goes = false, kept += v[i].bytes;
    for (int by_bytes = 0; by_bytes < 2; by_bytes++)
        for (size_t i = 0; i < n && gone < max; i++) {
            bool due = by_bytes ? kept > (uint64_t)r->max_bytes && !v[i].unknown : too_old(r, &v[i], now_ms);
            if (v[i].open || v[i].goes || !due)
                continue;
            v[i].goes = true;
            kept -= v[i].bytes;
            gone++;
        }
    *ret_kept = kept;
    return gone;
}

static int larger(int a, int b)
{
    return a > b ? a : b;
}

gs_retention gs_retention_longer(const gs_retention *a, const gs_retention *b)
{
    return (gs_retention){.high_days = larger(a->high_days, b->high_days),
                          .medium_days = larger(a->medium_days, b->medium_days),
                          .low_days = larger(a->low_days, b->low_days),
                          .max_bytes = a->max_bytes > b->max_bytes ? a->max_bytes : b->max_bytes};
}
