#include "kube/lease_record.h"

#include "base/clock.h"
#include "wire/json_cursor.h"
#include "wire/json_write.h"

static void read_spec(gs_json_cursor *c, gs_lease_record *r)
{
    gs_str key;
    int64_t seconds = 0;
    if (gs_json_is_null(c) || !gs_json_enter_object(c))
        return;
    while (gs_json_next_key(c, &key)) {
        if (gs_json_is_null(c))
            continue;
        if (gs_json_key_is(key, "holderIdentity"))
            (void)gs_json_read_string_cut(c, r->holder, sizeof r->holder);
        else if (gs_json_key_is(key, "leaseTransitions"))
            (void)gs_json_read_int64(c, &r->transitions);
        else if (gs_json_key_is(key, "leaseDurationSeconds"))
            (void)gs_json_read_int64(c, &seconds);
    }
    r->duration_ms = seconds > 0 && seconds < 86400 ? seconds * 1000 : 0;
}

static void read_metadata(gs_json_cursor *c, gs_lease_record *r)
{
    gs_str key;
    if (!gs_json_enter_object(c))
        return;
    while (gs_json_next_key(c, &key))
        if (gs_json_key_is(key, "resourceVersion"))
            (void)gs_json_read_string(c, r->version, sizeof r->version);
}

int gs_lease_record_read(gs_str lease, gs_lease_record *ret, gs_error *err)
{
    gs_lease_record r = {0};
    gs_json_cursor c;
    gs_str key, spec = {0};
    gs_json_cursor_init(&c, lease);
    if (gs_json_enter_object(&c))
        while (gs_json_next_key(&c, &key)) {
            if (gs_json_key_is(key, "metadata")) {
                read_metadata(&c, &r);
            } else if (gs_json_key_is(key, "spec")) {
                gs_json_cursor at = c;
                read_spec(&c, &r);
                (void)gs_json_raw(&at, &spec);
            }
        }
    if (gs_json_cursor_finish(&c, err))
        return gs_error_wrap(err, GS_TERMINAL, "Lease");
    if (!r.version[0])
        return gs_error_set(err, GS_TERMINAL, "Lease: metadata.resourceVersion is missing");
    r.spec_hash = gs_hash(spec.p ? spec.p : "", spec.n, 0);
    *ret = r;
    return 0;
}

int gs_lease_record_write(gs_buf *out, const gs_lease_write *w, gs_error *err)
{
    char now[GS_TIME_LEN];
    gs_json_writer j;
    gs_time_format_micro(w->now_wall_ms, now);
    gs_jw_init(&j, out);
    gs_jw_object(&j, NULL);
    if (w->name) {
        gs_jw_str(&j, "apiVersion", "coordination.k8s.io/v1");
        gs_jw_str(&j, "kind", "Lease");
    }
    gs_jw_object(&j, "metadata");
    if (w->name) {
        gs_jw_str(&j, "name", w->name);
        gs_jw_str(&j, "namespace", w->ns);
    } else {
        gs_jw_str(&j, "resourceVersion", w->version);
    }
    gs_jw_end(&j);
    gs_jw_object(&j, "spec");
    gs_jw_str(&j, "holderIdentity", w->holder);
    gs_jw_int(&j, "leaseDurationSeconds", w->duration_s);
    gs_jw_int(&j, "leaseTransitions", w->transitions);
    gs_jw_str(&j, "renewTime", now);
    if (w->acquired)
        gs_jw_str(&j, "acquireTime", now);
    gs_jw_end(&j);
    gs_jw_end(&j);
    return gs_jw_finish(&j, err);
}
