/* Policies: what is accepted is within the bounds that the engine relies on, and its status reads back as written. */
#include "base/buf.h"
#include "base/cleanup.h"
#include "codec/policy_json.h"
#include "core/stack.h"
#include "fuzz.h"

static void check_detection(const gs_policy *p)
{
    const gs_detection *d = &p->detection;
    FUZZ_CHECK(d->growth.periods >= 2 && d->growth.periods <= 15);
    FUZZ_CHECK(d->floor.windows >= 2 && d->floor.windows <= 8);
    FUZZ_CHECK(d->floor.window_s >= 1 && (!d->floor.enabled || d->floor.window_s >= p->interval_s));
    FUZZ_CHECK(d->baseline.samples >= 5 && d->baseline.samples <= 30 && d->baseline.static_goroutines >= 1);
    FUZZ_CHECK(d->baseline.percentile >= 50 && d->baseline.percentile <= 99);
    FUZZ_CHECK(d->tolerance.class <= GS_CLASS_CUSTOM);
    FUZZ_CHECK(d->tolerance.class == GS_CLASS_CUSTOM ? d->tolerance.permille >= 0 && d->tolerance.permille <= 1000
                                                     : d->tolerance.permille == gs_class_permille(d->tolerance.class));
    FUZZ_CHECK(d->resources.cpu_percent >= 0 && d->resources.cpu_percent <= 1000);
    FUZZ_CHECK(d->resources.cpu_for_s >= 10 && d->resources.goroutines >= 0 && d->resources.heap_inuse >= 0);
}

static void check_snapshot(const gs_policy *p)
{
    const gs_retention *r = &p->retention;
    FUZZ_CHECK(p->snapshot_kinds && !(p->snapshot_kinds >> GS_PROFILE_KINDS));
    FUZZ_CHECK(!(p->snapshot_kinds & 1u << GS_PROFILE_DUMP));
    FUZZ_CHECK(p->cpu_s >= 1 && p->cpu_s <= 600 && p->trace_s >= 1 && p->trace_s <= 60);
    FUZZ_CHECK(p->full_dump_max >= 0 && p->full_dump_max <= 100000);
    FUZZ_CHECK(r->high_days >= r->medium_days && r->medium_days >= r->low_days && r->low_days >= 1);
    FUZZ_CHECK(r->max_bytes >= 1 << 20);
    if (!p->has_s3)
        return;
    FUZZ_CHECK(!strpbrk(p->s3.endpoint + 8, "/@?#\r\n ") && !strstr(p->s3.prefix, ".."));
    FUZZ_CHECK(!strpbrk(p->s3.kms_key_id, "\r\n ") && (p->s3.sse == GS_SSE_KMS || !p->s3.kms_key_id[0]));
    FUZZ_CHECK(p->s3.presign_s >= 60 && p->s3.presign_s <= 604800);
}

static void check_healing(const gs_policy *p)
{
    unsigned types = 0;
    for (size_t i = 0; i < p->n_actions; i++) {
        const gs_action_spec *a = &p->actions[i];
        FUZZ_CHECK(!(types & 1u << a->type));
        types |= 1u << a->type;
        FUZZ_CHECK(a->evict.max_pods >= 1 && a->evict.max_pods <= GS_MAX_POD_VICTIMS);
        FUZZ_CHECK(a->replace.max_pods >= 1 && a->replace.max_pods <= GS_MAX_POD_VICTIMS && a->replace.ready_s >= 0);
        FUZZ_CHECK(a->scale_out.step >= 1 && a->scale_out.hold_s >= 30);
        FUZZ_CHECK(a->scale_out.max_hold_s >= a->scale_out.hold_s);
        FUZZ_CHECK(a->type != GS_ACTION_SCALE_OUT || a->scale_out.max_replicas >= a->scale_out.step);
    }
    for (size_t i = 0; i < p->n_windows; i++) {
        const gs_window *w = &p->windows[i];
        FUZZ_CHECK(w->name[0] && w->duration_min >= 1 && w->cron.minutes && w->cron.hours && w->cron.months);
        FUZZ_CHECK(w->time_zone[0] && w->time_zone[0] != '/' && !strstr(w->time_zone, ".."));
        for (size_t k = 0; k < i; k++)
            FUZZ_CHECK(!gs_streq(w->name, p->windows[k].name));
    }
    for (size_t i = 0; i < p->n_notify; i++) {
        const gs_notify_spec *n = &p->notify[i];
        FUZZ_CHECK(n->name[0] && n->url_secret[0] && n->url_key[0]);
        FUZZ_CHECK(!n->hmac_secret[0] || (n->type == GS_NOTIFY_WEBHOOK && n->hmac_key[0]));
    }
}

static void check_endpoint(const gs_endpoint_spec *e)
{
    FUZZ_CHECK(e->pprof_port.number || e->pprof_port.name[0]);
    FUZZ_CHECK(e->pprof_path[0] == '/' && !strpbrk(e->pprof_path, "?#%\r\n \""));
    FUZZ_CHECK(e->https || !(e->insecure || e->ca_secret[0] || e->cert_secret[0] || e->server_name[0]));
    FUZZ_CHECK(!strpbrk(e->server_name, "/@:?#\r\n ") && !(e->insecure && e->ca_secret[0]));
    FUZZ_CHECK(!(e->bearer_secret[0] && e->basic_secret[0]) && (!e->bearer_secret[0] || e->bearer_key[0]));
    FUZZ_CHECK(!strchr(e->ca_secret, '/') && !strchr(e->cert_secret, '/') && !strchr(e->basic_secret, '/'));
}

static void check(const gs_policy *p)
{
    check_endpoint(&p->endpoint);
    check_detection(p);
    check_snapshot(p);
    check_healing(p);
    FUZZ_CHECK(p->interval_s >= 1 && p->interval_s <= 300);
    FUZZ_CHECK(p->timeout_s >= 1 && p->timeout_s <= p->interval_s);
    FUZZ_CHECK(p->mode != GS_MODE_ENFORCE || p->has_s3);
    FUZZ_CHECK(p->min_grade > GS_GRADE_NONE && p->min_grade <= GS_GRADE_PROVEN);
    FUZZ_CHECK(p->n_actions <= GS_MAX_POLICY_ACTIONS);
}

static void patch(gs_buf *b, const gs_policy_status *s, const gs_heal_history *h, size_t n)
{
    gs_json_writer w;
    gs_jw_init(&w, b);
    gs_policy_status_patch(&w, NULL, s, h, n, true);
    FUZZ_CHECK(gs_jw_finish(&w, NULL) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    gs_str in = {(const char *)data, size};
    gs_cleanup(gs_policy_free) gs_policy *strict = NULL, *loose = NULL;
    gs_error err = {0};
    int r = gs_policy_from_json(in, true, true, &strict, &err);
    FUZZ_CHECK((r == 0) == (strict != NULL) && (r == 0) == (err.msg[0] == 0));
    r = gs_policy_from_json(in, false, false, &loose, NULL);
    FUZZ_CHECK(!strict || r == 0);
    if (strict) {
        check(strict);
        FUZZ_CHECK(strict->selector.n > 0);
    }
    if (loose)
        check(loose);

    gs_policy_status s = {0}, s2 = {0};
    gs_autofree gs_heal_history *h = NULL, *h2 = NULL;
    gs_cleanup(gs_audit_head_done) gs_audit_head a = {.n = 0}, a2 = {.n = 0};
    size_t n = 0, n2 = 0;
    if (gs_policy_status_from_json(in, &s, NULL) < 0 || gs_history_from_json(in, &h, &n, NULL) < 0 ||
        gs_audit_head_from_json(in, &a, NULL) < 0)
        return 0;
    s.audit = &a;
    gs_cleanup(gs_buf_done) gs_buf first = GS_BUF(8u << 20), second = GS_BUF(8u << 20);
    patch(&first, &s, h, n);
    FUZZ_CHECK(gs_policy_status_from_json(gs_buf_str(&first), &s2, NULL) == 0);
    FUZZ_CHECK(gs_history_from_json(gs_buf_str(&first), &h2, &n2, NULL) == 0);
    FUZZ_CHECK(gs_audit_head_from_json(gs_buf_str(&first), &a2, NULL) == 0);
    s2.audit = &a2;
    patch(&second, &s2, h2, n2);
    FUZZ_CHECK(gs_str_eq(gs_buf_str(&first), gs_buf_str(&second)));
    return 0;
}
