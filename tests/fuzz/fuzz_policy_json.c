/* Policies: what is accepted is within the bounds that the engine relies on, and its status reads back as written. */
#include "base/buf.h"
#include "base/cleanup.h"
#include "codec/policy_json.h"
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
}

static void check(const gs_policy *p)
{
    check_detection(p);
    FUZZ_CHECK(p->interval_s >= 1 && p->interval_s <= 300);
    FUZZ_CHECK(p->timeout_s >= 1 && p->timeout_s <= p->interval_s);
    FUZZ_CHECK(p->mode != GS_MODE_ENFORCE || p->has_s3);
    FUZZ_CHECK(p->min_grade > GS_GRADE_NONE && p->min_grade <= GS_GRADE_PROVEN);
    FUZZ_CHECK(p->snapshot_goroutine || p->snapshot_leak);
    FUZZ_CHECK(p->full_dump_max >= 0 && p->full_dump_max <= 100000);
    FUZZ_CHECK(p->endpoint.pprof_port.number || p->endpoint.pprof_port.name[0]);
    FUZZ_CHECK(p->endpoint.pprof_path[0] == '/' && !strpbrk(p->endpoint.pprof_path, "?#%\r\n \""));
    FUZZ_CHECK(p->n_actions <= GS_MAX_POLICY_ACTIONS);
    for (size_t i = 0; i < p->n_actions; i++)
        FUZZ_CHECK(p->actions[i].scale_out.step >= 1 && p->actions[i].scale_out.max_replicas >= 1);
    if (p->has_s3)
        FUZZ_CHECK(!strpbrk(p->s3.endpoint + 8, "/@?#\r\n ") && !strstr(p->s3.prefix, ".."));
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
    size_t n = 0, n2 = 0;
    if (gs_policy_status_from_json(in, &s, NULL) < 0 || gs_history_from_json(in, &h, &n, NULL) < 0)
        return 0;
    gs_cleanup(gs_buf_done) gs_buf first = GS_BUF(8u << 20), second = GS_BUF(8u << 20);
    patch(&first, &s, h, n);
    FUZZ_CHECK(gs_policy_status_from_json(gs_buf_str(&first), &s2, NULL) == 0);
    FUZZ_CHECK(gs_history_from_json(gs_buf_str(&first), &h2, &n2, NULL) == 0);
    patch(&second, &s2, h2, n2);
    FUZZ_CHECK(gs_str_eq(gs_buf_str(&first), gs_buf_str(&second)));
    return 0;
}
