/* status.auditHead, auditSequence and auditTail of a GostatPolicy. */
#include "base/mem.h"
#include "codec/policy_internal.h"
#include "codec/policy_json.h"

#include <stdlib.h>

#define DIGEST "sha256:"
#define DIGEST_LEN (sizeof DIGEST - 1 + 64)

typedef struct draft {
    char head[sizeof((gs_audit_head *)0)->head];
    int64_t seq;
    char tail[GS_MAX_AUDIT_TAIL][GS_AUDIT_LINE_LEN];
    size_t n;
} draft;

static const gs_json_field fields[] = {
    {GS_FIELD_STRING(draft, "auditHead", head)},
    {GS_FIELD_INT(draft, "auditSequence", seq, 0, INT64_MAX)},
    {GS_FIELD_LIST(draft, "auditTail", tail, n, GS_TYPE_STRING)},
    {0},
};

static bool is_digest(gs_str s)
{
    if (s.n != DIGEST_LEN || !gs_str_starts(s, DIGEST))
        return false;
    for (size_t i = sizeof DIGEST - 1; i < s.n; i++)
        if (!gs_is_digit(s.p[i]) && !(s.p[i] >= 'a' && s.p[i] <= 'f'))
            return false;
    return true;
}

int gs_audit_head_from_json(gs_str policy_object, gs_audit_head *ret, gs_error *err)
{
    gs_str status;
    gs_autofree draft *d = gs_alloc(sizeof *d);
    *ret = (gs_audit_head){.n = 0};
    if (!gs_json_find(policy_object, (const char *const[]){"status", NULL}, &status) || gs_str_is(status, "null"))
        return 0;
    int e = gs_json_map_decode_str(status, fields, d, GS_UNKNOWN_IGNORE, "status", err);
    if (e < 0)
        return e;
    if (d->head[0] && !is_digest(gs_str_of(d->head)))
        return gs_error_set(err, GS_TERMINAL, "status.auditHead: must be " DIGEST " and 64 hex digits, got \"%s\"",
                            d->head);
    memcpy(ret->head, d->head, sizeof ret->head);
    ret->seq = d->seq;
    ret->tail = d->n ? gs_alloc(d->n * sizeof *ret->tail) : NULL;
    for (; ret->n < d->n; ret->n++)
        ret->tail[ret->n] = gs_strdup(d->tail[ret->n]);
    return 0;
}

void gs_audit_head_write(gs_json_writer *w, const gs_audit_head *a)
{
    gs_jw_str(w, "auditHead", a->head[0] ? a->head : NULL);
    gs_jw_int(w, "auditSequence", a->seq);
    gs_jw_array(w, "auditTail");
    for (size_t i = 0; i < a->n; i++)
        gs_jw_str(w, NULL, a->tail[i]);
    gs_jw_end(w);
}

void gs_audit_head_done(gs_audit_head *a)
{
    for (size_t i = 0; i < a->n; i++)
        free(a->tail[i]);
    free(a->tail);
    *a = (gs_audit_head){.n = 0};
}
