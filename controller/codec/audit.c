#include "codec/audit.h"

#include "base/clock.h"
#include "base/mem.h"
#include "wire/digest.h"

#include <stdio.h>

#define LINE_BYTES (GS_AUDIT_LINE_LEN - 1)
#define ELLIPSIS "\xe2\x80\xa6"

static void put_policy(gs_json_writer *w, const gs_policy *p)
{
    gs_jw_object(w, "policy");
    gs_jw_str(w, "namespace", p->ns);
    gs_jw_str(w, "name", p->name);
    gs_jw_str(w, "uid", p->uid);
    gs_jw_str(w, "mode", gs_mode_name(p->mode));
    gs_jw_end(w);
}

static void put_workload(gs_json_writer *w, const gs_workload_ref *r)
{
    gs_jw_object(w, "workload");
    gs_jw_str(w, "apiVersion", r->api_version);
    gs_jw_str(w, "kind", r->kind);
    gs_jw_str(w, "name", r->name);
    gs_jw_str(w, "uid", r->uid);
    gs_jw_end(w);
}

static void put_action(gs_json_writer *w, const gs_audit_entry *e, size_t pods)
{
    bool chosen = e->action_id[0] || e->from || e->to || e->n_victims;
    gs_jw_object(w, "action");
    gs_jw_str(w, "id", e->action_id);
    gs_jw_str(w, "type", chosen ? gs_action_name(e->type) : "");
    gs_jw_int(w, "from", e->from);
    gs_jw_int(w, "to", e->to);
    gs_jw_array(w, "pods");
    for (size_t k = 0; k < pods; k++)
        gs_jw_str(w, NULL, e->victims[k].name);
    gs_jw_end(w);
    if (pods < e->n_victims)
        gs_jw_uint(w, "morePods", e->n_victims - pods);
    gs_jw_end(w);
}

static int put(gs_buf *out, const gs_audit_entry *e, const gs_audit_head *head, size_t pods, gs_str message,
               const char *more, gs_error *err)
{
    gs_json_writer w;
    char time[GS_TIME_LEN];
    gs_autofree char *text = gs_sprintf("%.*s%s", (int)message.n, message.p, more);
    gs_time_format(e->wall_ms, time);
    gs_buf_reset(out);
    gs_jw_init(&w, out);
    gs_jw_object(&w, NULL);
    gs_jw_str(&w, "schema", "gostat.dev/audit/v1");
    gs_jw_int(&w, "seq", head->seq + 1);
    gs_jw_str(&w, "previous", head->head);
    gs_jw_str(&w, "time", time);
    gs_jw_str(&w, "decision", e->decision);
    put_policy(&w, e->policy);
    put_workload(&w, e->workload);
    gs_jw_str(&w, "incident", e->incident);
    gs_jw_str(&w, "grade", e->grade);
    put_action(&w, e, pods);
    gs_jw_str(&w, "outcome", e->outcome);
    gs_jw_str(&w, "refusal", e->refusal);
    gs_jw_str(&w, "message", text);
    gs_jw_str(&w, "gostatVersion", GOSTAT_VERSION);
    gs_jw_end(&w);
    return gs_jw_finish(&w, err);
}

/* As much of the message as fits, found by trying: what escapes make of it is the writer's business. 0: nothing does. */
static size_t longest(gs_buf *b, const gs_audit_entry *e, const gs_audit_head *head, size_t pods, gs_str message)
{
    size_t low = 0, high = message.n;
    while (low + 1 < high) {
        size_t mid = low + (high - low) / 2;
        if (put(b, e, head, pods, (gs_str){message.p, mid}, ELLIPSIS, NULL) == 0 && b->n <= LINE_BYTES)
            low = mid;
        else
            high = mid;
    }
    while (low && ((unsigned char)message.p[low] & 0xc0) == 0x80) /* not within a character */
        low--;
    return low;
}

/* Cut to fit: first the message, then the names of pods, of which eight may have 253 bytes each. */
static int put_cut(gs_buf *b, const gs_audit_entry *e, const gs_audit_head *head, gs_str message, gs_error *err)
{
    size_t pods = e->n_victims;
    message.n = longest(b, e, head, pods, message);
    int rc = put(b, e, head, pods, message, message.n ? ELLIPSIS : "", err);
    while (!rc && b->n > LINE_BYTES && pods > 0)
        rc = put(b, e, head, --pods, message, "", err);
    if (!rc && b->n > LINE_BYTES)
        rc = gs_error_set(err, GS_NO_MEMORY, "a line of the audit log has %zu bytes, over %d", b->n, LINE_BYTES);
    return rc;
}

int gs_audit_line(const gs_audit_entry *e, gs_audit_head *head, gs_buf *out, gs_error *err)
{
    gs_cleanup(gs_buf_done) gs_buf b = GS_BUF(16 * GS_AUDIT_LINE_LEN);
    gs_str message = gs_str_of(e->message);
    if (message.n > LINE_BYTES)
        message.n = LINE_BYTES;
    int rc = put(&b, e, head, e->n_victims, message, "", err);
    if (!rc && b.n > LINE_BYTES)
        rc = put_cut(&b, e, head, message, err);
    rc = rc ? rc : gs_buf_add(out, b.p, b.n);
    if (rc)
        return rc;
    memcpy(head->head, "sha256:", 7);
    gs_sha256_hex(gs_buf_str(&b), head->head + 7);
    head->seq++;
    return 0;
}
