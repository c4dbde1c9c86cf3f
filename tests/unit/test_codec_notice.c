#include "codec/notice_internal.h"

#include "notice_fixture.h"
#include "wire/json.h"
#include "wire/json_text.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define LINK "https://s3.example.com/gostat/a.pb.gz?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature=00"
#define MANY (64u << 10)

static gs_notice notice_of(const gs_incident *i)
{
    return (gs_notice){.kind = GS_NOTICE_OPENED,
                       .incident = i,
                       .cluster = "prod",
                       .text = "4810 goroutines at shop/payments.(*pool).acquire",
                       .evidence_url = LINK,
                       .now_ms = T0 + 60000,
                       .ends_ms = T0 + 360000};
}

static json_t *body_of(enum gs_notify_type t, const gs_notice *n)
{
    gs_cleanup(gs_buf_done) gs_buf out = GS_BUF(GS_MAX_NOTICE_BYTES);
    gs_error err = {0};
    json_t *doc = NULL;
    if (gs_notice_body(t, n, &out, &err) < 0 || gs_json_doc_parse(gs_buf_str(&out), out.n, &doc, &err) < 0)
        fail_msg("%s: %s: %.300s", gs_notify_name(t), err.msg, out.p);
    return doc;
}

static const char *content_of(const json_t *wecom)
{
    return gs_json_doc_str(gs_json_doc_at(wecom, "markdown", NULL), "content");
}

static const char *block_text(const json_t *slack, size_t k)
{
    return gs_json_doc_str(json_object_get(json_array_get(json_object_get(slack, "blocks"), k), "text"), "text");
}

static void assert_text(const char *got, const char *wanted)
{
    if (!got || strcmp(got, wanted) != 0)
        fail_msg("got:\n%s\nwanted:\n%s", got ? got : "nothing", wanted);
}

static void wecom(void **state)
{
    gs_cleanup(gs_incident_free) gs_incident *i = usual_incident();
    (void)state;
    gs_notice n = notice_of(i);
    gs_cleanup(gs_json_doc_free) json_t *doc = body_of(GS_NOTIFY_WECOM, &n);
    assert_text(gs_json_doc_str(doc, "msgtype"), "markdown");
    assert_text(
        content_of(doc),
        "### <font color=\"warning\">High: goroutine leak</font>\n"
        ">**Workload:** `Deployment shop/payments`\n"
        ">**Cluster:** `prod`\n"
        ">**Function:** `shop/payments.(*pool).acquire`: chan send\n"
        ">**Open first:** `payments/pool.go:41`\n"
        ">**Grade:** Probable: SiteGrows (a later profile has more goroutines at this site than an earlier one), "
        "IdsSurvive (two dumps show the same goroutines, by their ids)\n"
        ">**Growth:** 4810 goroutines leaked since 2026-01-01T00:00:00Z\n"
        ">**Says:** `4810 goroutines at shop/payments.(*pool).acquire`\n"
        ">**Pods:** 2: `payments-6c7d9dc87b-kxqh2` 4800 of 5321 goroutines, `payments-6c7d9dc87b-abcde` 10 of 530 "
        "goroutines\n"
        ">**Labels:** `pool=orders-db`, `route=/pay`\n"
        ">**Incident:** `payments-3fa94c07be`\n"
        ">**Evidence:** [open](" LINK ")");
}

static void slack(void **state)
{
    gs_cleanup(gs_incident_free) gs_incident *i = usual_incident();
    (void)state;
    gs_notice n = notice_of(i);
    n.cluster = "a&b<c>`d`";
    i->patterns[0].n_labels = 0;
    gs_cleanup(gs_json_doc_free) json_t *doc = body_of(GS_NOTIFY_SLACK, &n);
    assert_text(gs_json_doc_str(doc, "text"), "High: goroutine leak, shop/payments");
    assert_text(block_text(doc, 0), "High: goroutine leak, payments");
    assert_text(block_text(doc, 1),
                "*Workload:* `Deployment shop/payments`\n"
                "*Cluster:* `a&amp;b&lt;c&gt;'d'`\n"
                "*Function:* `shop/payments.(*pool).acquire`: chan send\n"
                "*Open first:* `payments/pool.go:41`\n"
                "*Grade:* Probable: SiteGrows (a later profile has more goroutines at this site than an earlier one), "
                "IdsSurvive (two dumps show the same goroutines, by their ids)\n"
                "*Growth:* 4810 goroutines leaked since 2026-01-01T00:00:00Z\n"
                "*Says:* `4810 goroutines at shop/payments.(*pool).acquire`\n"
                "*Pods:* 2: `payments-6c7d9dc87b-kxqh2` 4800 of 5321 goroutines, `payments-6c7d9dc87b-abcde` 10 of 530 "
                "goroutines\n"
                "*Incident:* `payments-3fa94c07be`");
    assert_text(
        block_text(doc, 2),
        "*Evidence:* <https://s3.example.com/gostat/a.pb.gz?X-Amz-Algorithm=AWS4-HMAC-SHA256&amp;X-Amz-Signature=00"
        "|open>");
    assert_true(
        json_is_true(gs_json_doc_at(json_array_get(json_object_get(doc, "blocks"), 1), "text", "verbatim", NULL)));
}

static void webhook(void **state)
{
    gs_cleanup(gs_incident_free) gs_incident *i = usual_incident();
    (void)state;
    gs_notice n = notice_of(i);
    gs_cleanup(gs_json_doc_free) json_t *doc = body_of(GS_NOTIFY_WEBHOOK, &n);
    const json_t *incident = json_object_get(doc, "incident");
    assert_text(gs_json_doc_str(doc, "schema"), "gostat.dev/notice/v1");
    assert_text(gs_json_doc_str(doc, "event"), "opened");
    assert_text(gs_json_doc_str(doc, "time"), "2026-01-01T00:01:00Z");
    assert_text(gs_json_doc_str(doc, "evidenceUrl"), LINK);
    assert_text(gs_json_doc_str(gs_json_doc_at(doc, "workload", NULL), "name"), "payments");
    assert_text(gs_json_doc_str(incident, "openFirst"), "payments/pool.go:41");
    assert_text(gs_json_doc_str(incident, "severity"), "High");
    assert_int_equal(json_integer_value(json_object_get(incident, "leaking")), 4810);
    assert_int_equal(json_array_size(json_object_get(incident, "pods")), 2);
    assert_text(gs_json_doc_str(json_array_get(json_object_get(incident, "patterns"), 0), "leafFunction"),
                "shop/payments.(*pool).acquire");
    assert_text(gs_json_doc_str(json_array_get(json_object_get(incident, "gradeReasons"), 1), "reason"), "IdsSurvive");
}

/* What an alert is known by stays the same while counts, grades, words and links change. */
static void alerts(void **state)
{
    gs_cleanup(gs_incident_free) gs_incident *i = usual_incident();
    (void)state;
    gs_notice n = notice_of(i);
    gs_cleanup(gs_json_doc_free) json_t *first = body_of(GS_NOTIFY_ALERTMANAGER, &n);
    const json_t *a = json_array_get(first, 0);
    gs_cleanup(gs_json_doc_free) json_t *wanted =
        json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "alertname", "GoroutineLeak", "cluster", "prod",
                  "namespace", "shop", "workload", "payments", "kind", "Deployment", "incident", "payments-3fa94c07be",
                  "policy", "my-policy", "severity", "High");
    assert_int_equal(json_array_size(first), 1);
    assert_true(json_equal(json_object_get(a, "labels"), wanted));
    assert_text(gs_json_doc_str(a, "startsAt"), "2026-01-01T00:00:00Z");
    assert_text(gs_json_doc_str(a, "endsAt"), "2026-01-01T00:06:00Z");
    assert_text(gs_json_doc_str(a, "generatorURL"), LINK);
    assert_text(gs_json_doc_str(json_object_get(a, "annotations"), "summary"),
                "High: goroutine leak in Deployment shop/payments");
    add_pod(i, "payments-3", 9, 9);
    i->grade = GS_GRADE_PROVEN;
    n.kind = GS_NOTICE_ACTION;
    n.text = "ScaleOut 2 -> 3: Succeeded";
    n.evidence_url = "";
    n.has_told = true;
    n.told = GS_SEVERITY_HIGH;
    gs_cleanup(gs_json_doc_free) json_t *second = body_of(GS_NOTIFY_ALERTMANAGER, &n);
    a = json_array_get(second, 0);
    assert_int_equal(json_array_size(second), 1);
    assert_true(json_equal(json_object_get(a, "labels"), wanted));
    assert_null(json_object_get(a, "generatorURL"));
    assert_null(json_object_get(json_object_get(a, "annotations"), "evidence"));
    i->severity = GS_SEVERITY_P0; /* another alert, so the first one ends */
    i->resolved = true;
    i->resolution_ms = T0 + 90000;
    n.kind = GS_NOTICE_RESOLVED;
    gs_cleanup(gs_json_doc_free) json_t *third = body_of(GS_NOTIFY_ALERTMANAGER, &n);
    assert_int_equal(json_array_size(third), 2);
    for (size_t k = 0; k < 2; k++) {
        a = json_array_get(third, k);
        assert_text(gs_json_doc_str(a, "endsAt"), "2026-01-01T00:01:30Z");
        assert_text(gs_json_doc_str(json_object_get(a, "labels"), "severity"), k ? "High" : "P0");
    }
    i->start_ms = T0 + 95000; /* as the pod's clock has it: no alert may end before it begins */
    gs_cleanup(gs_json_doc_free) json_t *skewed = body_of(GS_NOTIFY_ALERTMANAGER, &n);
    a = json_array_get(skewed, 0);
    assert_text(gs_json_doc_str(a, "endsAt"), gs_json_doc_str(a, "startsAt"));
    i->start_ms = T0;
    i->resolved = false;
    n.kind = GS_NOTICE_GRADED;
    gs_cleanup(gs_json_doc_free) json_t *fourth = body_of(GS_NOTIFY_ALERTMANAGER, &n);
    assert_text(gs_json_doc_str(json_array_get(fourth, 0), "endsAt"), "2026-01-01T00:06:00Z");
    assert_text(gs_json_doc_str(json_array_get(fourth, 1), "endsAt"), "2026-01-01T00:01:00Z");
}

/* What was done or refused is in every message, once. */
static void actions(void **state)
{
    gs_cleanup(gs_incident_free) gs_incident *i = usual_incident();
    (void)state;
    gs_notice n = notice_of(i);
    gs_action *a = gs_incident_add_action(i, GS_ACTION_SCALE_OUT, i->detection_ms);
    a->dry_run = true;
    a->from = 2;
    a->to = 3;
    a->outcome = GS_OUTCOME_REFUSED;
    (void)gs_str_copy(a->reason, sizeof a->reason, GS_STR("MaxReplicas: `3`"));
    gs_cleanup(gs_json_doc_free) json_t *first = body_of(GS_NOTIFY_WECOM, &n), *hook = body_of(GS_NOTIFY_WEBHOOK, &n);
    assert_non_null(strstr(content_of(first), ">**Action:** dry run: ScaleOut 2 to 3, Refused: `MaxReplicas: '3'`\n"));
    assert_text(gs_json_doc_str(gs_json_doc_at(hook, "incident", "lastAction", NULL), "reason"), "MaxReplicas: `3`");
    n.kind = GS_NOTICE_ACTION;
    n.text = "MaxReplicas: 3";
    gs_cleanup(gs_json_doc_free) json_t *second = body_of(GS_NOTIFY_WECOM, &n);
    assert_non_null(strstr(content_of(second), ">**Action:** `MaxReplicas: 3`\n"));
    assert_null(strstr(content_of(second), "ScaleOut"));
    n.kind = GS_NOTICE_OPENED;
    a->time_ms = i->detection_ms - 1; /* of an earlier occurrence */
    gs_cleanup(gs_json_doc_free) json_t *third = body_of(GS_NOTIFY_WECOM, &n);
    assert_null(strstr(content_of(third), "**Action:**"));
}

static void titles(void **state)
{
    static const struct {
        enum gs_incident_type type;
        const char *pattern;
        enum gs_notice_kind kind;
        int occurrences;
        const char *wanted;
    } t[] = {
        {GS_INCIDENT_LEAK, "p1", GS_NOTICE_OPENED, 1, "High: goroutine leak"},
        {GS_INCIDENT_LEAK, "p1", GS_NOTICE_OPENED, 2, "High: goroutine leak is back"},
        {GS_INCIDENT_LEAK, "p1", GS_NOTICE_GRADED, 2, "High: goroutine leak is Probable now"},
        {GS_INCIDENT_LEAK, "p1", GS_NOTICE_ACTION, 1, "High: goroutine leak, what is done"},
        {GS_INCIDENT_RESOURCE, GS_RESOURCE_CPU, GS_NOTICE_OPENED, 1, "High: high CPU use"},
        {GS_INCIDENT_RESOURCE, GS_RESOURCE_GOROUTINES, GS_NOTICE_OPENED, 1, "High: too many goroutines"},
        {GS_INCIDENT_RESOURCE, GS_RESOURCE_HEAP, GS_NOTICE_RESOLVED, 1, "High: high heap use resolved"},
    };
    (void)state;
    for (size_t k = 0; k < GS_LEN(t); k++) {
        gs_cleanup(gs_incident_free) gs_incident *i = usual_incident();
        gs_cleanup(gs_buf_done) gs_buf out = GS_BUF(256);
        gs_notice n = notice_of(i);
        i->type = t[k].type;
        (void)gs_str_copy(i->pattern_id, sizeof i->pattern_id, gs_str_of(t[k].pattern));
        i->occurrences = t[k].occurrences;
        n.kind = t[k].kind;
        gs_notice_title(&n, &out);
        assert_text(out.p, t[k].wanted);
    }
}

static void places(void **state)
{
    static const struct {
        const char *leaf, *frame, *wanted;
    } t[] = {
        {"a.b", "a.b x.go:1", "x.go:1"},
        {"a.b", "a.b /my code/x.go:1", "/my code/x.go:1"},
        {"a.b[struct { X int }]", "a.b[struct { X int }] x.go:1", "x.go:1"},
        {"a.b", "a.c x.go:1", "x.go:1"}, /* a library's frame */
        {"a.b", "a.b", ""},
        {"", "", ""},
    };
    (void)state;
    for (size_t k = 0; k < GS_LEN(t); k++) {
        gs_cleanup(gs_incident_free) gs_incident *i = make_incident(t[k].leaf, t[k].frame, NULL, 0);
        gs_str got = gs_notice_place(i);
        if (!gs_str_is(got, t[k].wanted))
            fail_msg("%s: %.*s", t[k].frame, (int)got.n, got.p);
    }
}

/* Cut where the limit says, at a character's border, with the mark within the limit. */
static void cuts(void **state)
{
    static const struct {
        const gs_notice_style *style;
        const char *in;
        size_t max;
        const char *wanted;
    } t[] = {
        {&gs_style_plain, "abcdef", 6, "abcdef"},
        {&gs_style_plain, "abcdef", 5, "ab…"},
        {&gs_style_plain, "abcdef", 3, "…"},
        {&gs_style_plain, "abcdef", 2, ""},
        {&gs_style_plain, "", 2, ""},
        {&gs_style_plain, "\xf0\x9f\x98\x80\xf0\x9f\x98\x80", 8, "\xf0\x9f\x98\x80\xf0\x9f\x98\x80"},
        {&gs_style_plain, "\xf0\x9f\x98\x80\xf0\x9f\x98\x80", 7, "\xf0\x9f\x98\x80…"},
        {&gs_style_plain, "\xf0\x9f\x98\x80\xf0\x9f\x98\x80", 6, "…"},
        {&gs_style_plain, "a\nb\tc\x7f", 9, "a b c "},
        {&gs_style_plain, "a\xff\xc0\x80z", 9, "a???z"},
        {&gs_style_plain, "a\xf0\x9f\x98", 9, "a???"}, /* cut before it came here */
        {&gs_style_slack, "a&<>`", 15, "a&amp;&lt;&gt;'"},
        {&gs_style_slack, "a&<>`", 14, "a&amp;&lt;…"},
        {&gs_style_slack, "&&", 9, "&amp;…"},
        {&gs_style_slack, "&&", 10, "&amp;&amp;"},
        {&gs_style_wecom, "<@all>", 10, "‹@all›"},
        {&gs_style_wecom, "<@all>", 9, "‹@al…"},
        {&gs_style_wecom, "`*[x](y)", 8, "'*[x](y)"},
    };
    (void)state;
    for (size_t k = 0; k < GS_LEN(t); k++) {
        gs_cleanup(gs_buf_done) gs_buf out = GS_BUF(64);
        (void)gs_buf_adds(&out, "#");
        gs_notice_text text = {t[k].style, &out, 64};
        gs_notice_foreign(&text, gs_str_of(t[k].in), t[k].max);
        if (strcmp(out.p + 1, t[k].wanted) != 0)
            fail_msg("case %zu: \"%s\"", k, out.p);
        text.max = 1 + t[k].max; /* the same where the whole text ends there */
        out.n = 1;
        gs_notice_foreign(&text, gs_str_of(t[k].in), 64);
        if (strcmp(out.p + 1, t[k].wanted) != 0)
            fail_msg("case %zu, at the end of the text: \"%s\"", k, out.p);
    }
}

static size_t count(const char *s, char c)
{
    size_t n = 0;
    for (; *s; s++)
        n += *s == c;
    return n;
}

static void assert_whole_utf8(const char *s)
{
    assert_null(strstr(s, "\xef\xbf\xbd")); /* U+FFFD: the writer met half a character */
}

static void check_wecom(const gs_notice *n, bool has_link)
{
    gs_cleanup(gs_json_doc_free) json_t *doc = body_of(GS_NOTIFY_WECOM, n);
    const char *content = content_of(doc);
    assert_true(strlen(content) <= GS_WECOM_MAX);
    assert_whole_utf8(content);
    assert_int_equal(count(content, '<'), 2); /* our <font> */
    assert_int_equal(count(content, '`') % 2, 0);
    assert_non_null(strstr(content, "Deployment shop/payments") ? content : strstr(content, "**Workload:** `KKK"));
    if (!n->evidence_url[0])
        return;
    gs_autofree char *link = gs_sprintf("[open](%s)", n->evidence_url);
    assert_int_equal(strstr(content, link) != NULL, has_link);
    assert_int_equal(strstr(content, "too long for WeCom") != NULL, !has_link);
}

static void check_slack(const gs_notice *n)
{
    gs_cleanup(gs_json_doc_free) json_t *doc = body_of(GS_NOTIFY_SLACK, n);
    assert_true(json_array_size(json_object_get(doc, "blocks")) <= 50);
    assert_true(strlen(block_text(doc, 0)) <= GS_SLACK_HEADER_MAX);
    assert_true(strlen(block_text(doc, 1)) <= GS_SLACK_SECTION_MAX);
    assert_true(strlen(gs_json_doc_str(doc, "text")) <= 3000);
    assert_whole_utf8(block_text(doc, 1));
    assert_int_equal(count(block_text(doc, 1), '<') + count(block_text(doc, 1), '>'), 0);
    assert_int_equal(count(block_text(doc, 1), '`') % 2, 0);
    if (n->evidence_url[0])
        assert_true(strlen(block_text(doc, 2)) <= GS_SLACK_SECTION_MAX);
}

/* Every length of text and link around which something is cut: within the limits, and used up to them. */
static void limits(void **state)
{
    static const char *const characters[] = {"x", "\xc3\xbc", "\xe2\x82\xac", "\xf0\x9f\x98\x80", "<", "&",
                                             "`", "\n",       "\xff"};
    size_t longest_wecom = 0, longest_slack = 0;
    (void)state;
    for (size_t c = 0; c < GS_LEN(characters); c++) {
        gs_cleanup(gs_incident_free) gs_incident *i = longest_incident(characters[c]);
        gs_cleanup(gs_buf_done) gs_buf text = GS_BUF(MANY), url = GS_BUF(MANY);
        (void)gs_buf_adds(&url, "https://s3/?");
        gs_notice n = notice_of(i);
        for (size_t k = 0; k < 900; k++) {
            if (k % 9 == 0)
                (void)gs_buf_adds(&text, characters[c]);
            (void)gs_buf_adds(&url, "abcd&");
            n.text = text.p;
            n.cluster = text.p;
            n.evidence_url = url.p;
            if (k % 4 == c % 4) {
                check_wecom(&n, url.n + strlen("\n>**Evidence:** [open]()") <= GS_WECOM_MAX / 4 * 3);
                check_slack(&n);
            }
        }
        n.evidence_url = "";
        gs_cleanup(gs_json_doc_free) json_t *w = body_of(GS_NOTIFY_WECOM, &n), *s = body_of(GS_NOTIFY_SLACK, &n);
        json_decref(body_of(GS_NOTIFY_ALERTMANAGER, &n));
        json_decref(body_of(GS_NOTIFY_WEBHOOK, &n));
        longest_wecom = strlen(content_of(w)) > longest_wecom ? strlen(content_of(w)) : longest_wecom;
        longest_slack = strlen(block_text(s, 1)) > longest_slack ? strlen(block_text(s, 1)) : longest_slack;
    }
    assert_in_range(longest_wecom, 3000, GS_WECOM_MAX);
    assert_in_range(longest_slack, 2500, GS_SLACK_SECTION_MAX);
}

/* A text that is exactly as long as what is left stands whole; one byte more, and it is cut. */
static void to_the_byte(void **state)
{
    static const gs_notice_style *const styles[] = {&gs_style_wecom, &gs_style_slack};
    (void)state;
    for (size_t k = 0; k < GS_LEN(styles); k++)
        for (size_t left = 8; left < 40; left++) {
            gs_cleanup(gs_buf_done) gs_buf out = GS_BUF(100), in = GS_BUF(100);
            gs_notice_text t = {styles[k], &out, 60 + left};
            while (out.n < 60)
                (void)gs_buf_adds(&out, "x");
            while (in.n < left - 2)
                (void)gs_buf_adds(&in, "y");
            gs_notice_code(&t, gs_buf_str(&in), 100);
            assert_int_equal(out.n, t.max);
            assert_null(strstr(out.p, "…"));
            out.n = 60;
            (void)gs_buf_adds(&in, "y");
            gs_notice_code(&t, gs_buf_str(&in), 100);
            assert_int_equal(out.n, t.max);
            assert_non_null(strstr(out.p, "…`"));
        }
}

static void hostile_link(void **state)
{
    gs_cleanup(gs_incident_free) gs_incident *i = usual_incident();
    (void)state;
    gs_notice n = notice_of(i);
    n.evidence_url = "https://s3/a)[b](c|d>e<f\"g h\n_~";
    gs_cleanup(gs_json_doc_free) json_t *w = body_of(GS_NOTIFY_WECOM, &n), *s = body_of(GS_NOTIFY_SLACK, &n);
    assert_non_null(strstr(content_of(w), "[open](https://s3/a%29%5Bb%5D%28c%7Cd%3Ee%3Cf%22g%20h%0A_~)"));
    assert_non_null(strstr(block_text(s, 2), "<https://s3/a%29%5Bb%5D%28c%7Cd%3Ee%3Cf%22g%20h%0A_~|open>"));
}

/* An incident of which next to nothing is known: a Resource one, or one that was just read back. */
static void bare(void **state)
{
    gs_cleanup(gs_incident_free) gs_incident *i = make_incident("", "", NULL, 0);
    (void)state;
    gs_pattern_done(&i->patterns[0]);
    i->n_patterns = 0;
    i->type = GS_INCIDENT_RESOURCE;
    i->start_ms = i->detection_ms = 0;
    gs_notice n = {.incident = i, .text = NULL, .evidence_url = NULL, .cluster = NULL, .now_ms = T0, .ends_ms = T0};
    for (int t = GS_NOTIFY_WECOM; t <= GS_NOTIFY_ALERTMANAGER; t++) {
        gs_cleanup(gs_json_doc_free) json_t *doc = body_of((enum gs_notify_type)t, &n);
        assert_non_null(doc);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wecom),       cmocka_unit_test(slack),        cmocka_unit_test(webhook),
        cmocka_unit_test(alerts),      cmocka_unit_test(titles),       cmocka_unit_test(places),
        cmocka_unit_test(cuts),        cmocka_unit_test(limits),       cmocka_unit_test(bare),
        cmocka_unit_test(to_the_byte), cmocka_unit_test(hostile_link), cmocka_unit_test(actions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
