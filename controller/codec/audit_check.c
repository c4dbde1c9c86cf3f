/* Verification of audit logs. Of each chain the digest of every line is kept, in the order of their numbers: a line that
 * comes again is then told from another one with its number. */
#include "base/limits.h"
#include "base/map.h"
#include "base/mem.h"
#include "codec/audit.h"
#include "wire/digest.h"
#include "wire/json_map.h"

#include <stdarg.h>
#include <stdio.h>

#define SCHEMA "gostat.dev/audit/v1"
#define DIGEST "sha256:"

typedef struct link {
    int64_t seq;
    uint8_t digest[GS_SHA256_LEN];
} link;

typedef struct chain {
    char policy[GS_NAMESPACE_LEN + GS_OBJECT_LEN]; /* "ns/name", of its first line */
    link *links;                                   /* ascending, perhaps with gaps */
    size_t n, cap;
} chain;

struct gs_audit_check {
    void (*found)(void *ctx, const gs_audit_finding *f);
    void *ctx;
    gs_map *chains; /* the policy's uid -> chain */
    const char *file;
    uint64_t line;
    gs_audit_totals totals;
    size_t links;
};

/* What verification looks at; all else of a line is vouched for by its digest. */
typedef struct line {
    char schema[32];
    int64_t seq;
    char previous[72];
    char ns[GS_NAMESPACE_LEN], name[GS_OBJECT_LEN], uid[GS_UID_LEN];
} line;

static const gs_json_field policy_fields[] = {
    {GS_FIELD_STRING(line, "namespace", ns), .required = true},
    {GS_FIELD_STRING(line, "name", name), .required = true},
    {GS_FIELD_STRING(line, "uid", uid), .required = true},
    {0},
};

static const gs_json_field line_fields[] = {
    {GS_FIELD_STRING(line, "schema", schema), .required = true},
    {GS_FIELD_INT(line, "seq", seq, 1, INT64_MAX), .required = true},
    {GS_FIELD_STRING(line, "previous", previous), .required = true},
    {GS_FIELD_INLINE(line, "policy", policy_fields), .required = true},
    {0},
};

static void free_chain(void *p)
{
    chain *c = p;
    free(c->links);
    free(c);
}

gs_audit_check *gs_audit_check_new(void (*found)(void *ctx, const gs_audit_finding *f), void *ctx)
{
    gs_audit_check *c = gs_alloc(sizeof *c);
    c->found = found;
    c->ctx = ctx;
    c->chains = gs_map_new(free_chain);
    c->file = "";
    return c;
}

void gs_audit_check_file(gs_audit_check *c, const char *name)
{
    c->file = name;
    c->line = 0;
}

__attribute__((format(printf, 2, 3))) static void tell(gs_audit_check *c, const char *fmt, ...)
{
    gs_audit_finding f = {.file = c->file, .line = c->line};
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(f.what, sizeof f.what, fmt, ap);
    va_end(ap);
    c->totals.findings++;
    c->found(c->ctx, &f);
}

static bool read_line(gs_audit_check *c, gs_str text, line *ret)
{
    gs_error err;
    if (text.n >= GS_AUDIT_LINE_LEN) {
        tell(c, "no line of an audit log: over %d bytes", GS_AUDIT_LINE_LEN - 1);
        return false;
    }
    /* white space around would be a change that JSON does not see */
    if (text.n < 2 || text.p[0] != '{' || text.p[text.n - 1] != '}') {
        tell(c, "no line of an audit log: must begin with { and end with }");
        return false;
    }
    if (gs_json_map_decode_str(text, line_fields, ret, GS_UNKNOWN_IGNORE, "", &err) < 0) {
        tell(c, "no line of an audit log: %.180s", err.msg);
        return false;
    }
    if (!gs_streq(ret->schema, SCHEMA)) {
        tell(c, "no line of an audit log: schema must be \"" SCHEMA "\", is \"%s\"", ret->schema);
        return false;
    }
    return true;
}

static void append(gs_audit_check *c, chain *at, int64_t seq, const uint8_t digest[GS_SHA256_LEN])
{
    if (++c->links == GS_MAX_AUDIT_LINES)
        tell(c, "over %u lines: from here on nothing is verified any more; verify fewer files at once",
             GS_MAX_AUDIT_LINES);
    at->links = gs_grow(at->links, &at->cap, at->n + 1, sizeof *at->links);
    link *l = &at->links[at->n++];
    l->seq = seq;
    memcpy(l->digest, digest, sizeof l->digest);
}

static const link *find(const chain *at, int64_t seq)
{
    size_t low = 0, high = at->n;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (at->links[mid].seq < seq)
            low = mid + 1;
        else
            high = mid;
    }
    return low < at->n && at->links[low].seq == seq ? &at->links[low] : NULL;
}

static bool names(const char *previous, const uint8_t digest[GS_SHA256_LEN])
{
    char hex[GS_SHA256_HEX_LEN];
    gs_hex(digest, GS_SHA256_LEN, hex);
    return gs_str_starts(gs_str_of(previous), DIGEST) && gs_streq(previous + sizeof DIGEST - 1, hex);
}

static void begin(gs_audit_check *c, const line *l, const uint8_t digest[GS_SHA256_LEN])
{
    if (gs_map_len(c->chains) >= GS_MAX_AUDIT_CHAINS) {
        tell(c, "over %d policies: this one is not verified; verify fewer files at once", GS_MAX_AUDIT_CHAINS);
        return;
    }
    chain *at = gs_alloc(sizeof *at);
    (void)snprintf(at->policy, sizeof at->policy, "%s/%s", l->ns, l->name);
    gs_map_put(c->chains, l->uid, at);
    c->totals.chains++;
    c->totals.open += l->seq > 1;
    if ((l->seq == 1) != (l->previous[0] == 0))
        tell(c, "line %lld of policy %.120s: \"previous\" must be empty in line 1, and nowhere else", (long long)l->seq,
             at->policy);
    append(c, at, l->seq, digest);
}

static void carry_on(gs_audit_check *c, chain *at, const line *l, const uint8_t digest[GS_SHA256_LEN])
{
    const link *newest = &at->links[at->n - 1], *same = find(at, l->seq);
    long long seq = (long long)l->seq, last = (long long)newest->seq;
    if (same && memcmp(same->digest, digest, sizeof same->digest) == 0) {
        c->totals.repeated++;
        return;
    }
    if (same) {
        tell(c, "line %lld of policy %.120s is there already, and differs: one of them is changed, or added", seq,
             at->policy);
        return;
    }
    if (seq < last) {
        tell(c, "line %lld of policy %.120s is out of order: it comes after line %lld", seq, at->policy, last);
        return;
    }
    if (seq > last + 1)
        tell(c, "line %lld of policy %.120s follows line %lld: those between are missing", seq, at->policy, last);
    else if (!names(l->previous, newest->digest))
        tell(c, "line %lld of policy %.120s does not follow from line %lld as it stands here: that one is changed", seq,
             at->policy, last);
    append(c, at, l->seq, digest);
}

void gs_audit_check_line(gs_audit_check *c, gs_str text)
{
    line l = {0};
    uint8_t digest[GS_SHA256_LEN];
    c->line++;
    c->totals.lines++;
    if (c->links >= GS_MAX_AUDIT_LINES || !read_line(c, text, &l))
        return;
    gs_sha256(text, digest);
    chain *at = gs_map_get(c->chains, l.uid);
    if (!at)
        begin(c, &l, digest);
    else
        carry_on(c, at, &l, digest);
}

void gs_audit_check_head(gs_audit_check *c, const char *head)
{
    for (gs_map_it it = {0}; gs_map_next(c->chains, &it);) {
        const chain *at = it.value;
        for (size_t k = at->n; k > 0; k--)
            if (names(head, at->links[k - 1].digest))
                return;
    }
    gs_audit_check_file(c, "--head");
    tell(c, "no line is %.80s: lines are missing at the end of a chain, or changed", head);
}

void gs_audit_check_end(gs_audit_check *c, gs_audit_totals *ret)
{
    *ret = c->totals;
    gs_map_free(c->chains);
    free(c);
}
