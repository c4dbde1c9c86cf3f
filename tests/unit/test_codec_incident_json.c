#include "codec/incident_json.h"

#include "base/mem.h"
#include "codec/snapshot.h"
#include "wire/json.h"
#include "wire/json_cursor.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define T0 1767225600000 /* 2026-01-01T00:00:00Z */

static const gs_workload_ref payments = {
    .api_version = "apps/v1", .kind = "Deployment", .ns = "shop", .name = "payments", .uid = "0f0f"};

/* As much of everything as there is place for. */
static gs_incident *full(void)
{
    static const char *const frames[] = {"shop/payments.(*pool).acquire payments/pool.go:41", "main.main x.go:1"};
    static const gs_label pay[] = {{"pool", "orders-db"}, {"route", "/pay\"\\\x01"}},
                          search[] = {{"handler", "main.find"}};
    static const gs_label_set labels[] = {
        {.v = pay, .n = 2, .count = 4000}, {.count = 700}, {.v = search, .n = 1, .count = 100}};
    gs_site s = {.id = "p0123456789",
                 .state = GS_STATE_CHAN_SEND,
                 .leaf = "shop/payments.(*pool).acquire",
                 .entry = "shop/payments.(*Server).Pay.func1",
                 .key_frames = frames,
                 .n_key_frames = 2,
                 .labels = labels,
                 .n_labels = 3,
                 .created_by = "shop/payments.(*Server).Pay",
                 .boundary = GS_BOUNDARY_COMMUNICATION};
    gs_incident *i = gs_incident_new(&payments, &s);
    i->patterns[0].count = 4800;
    i->patterns[0].score = 0.8249;
    for (size_t k = 1; k < GS_MAX_INCIDENT_PATTERNS; k++) {
        (void)snprintf(s.id, sizeof s.id, "p000000000%zu", k);
        s.state = (enum gs_state)(k % GS_STATE_COUNT_);
        s.n_labels = s.n_key_frames = 0;
        s.created_by = "";
        s.boundary = (enum gs_boundary)(k % (GS_BOUNDARY_LOCK + 1));
        gs_pattern_set(&i->patterns[k], &s);
        i->patterns[k].count = k;
        i->patterns[k].score = (double)(k - 1) / (GS_MAX_INCIDENT_PATTERNS - 2); /* 0 is not known */
        i->n_patterns++;
    }
    gs_incident_make_name(&payments, i->pattern_id, i->name);
    (void)gs_str_copy(i->policy_name, sizeof i->policy_name, GS_STR("my-policy"));
    (void)gs_str_copy(i->policy_uid, sizeof i->policy_uid, GS_STR("p-uid"));
    i->grade = GS_GRADE_PROVEN;
    i->score = 1;
    i->reasons = (1u << GS_REASONS) - 1;
    i->rules = (1u << GS_RULES) - 1;
    i->severity = GS_SEVERITY_P0;
    i->start_ms = T0;
    i->detection_ms = T0 + 20000;
    i->localization_ms = T0 + 28000;
    i->occurrences = 2;
    (void)gs_str_copy(i->revision, sizeof i->revision, GS_STR("6c7d9dc87b"));
    i->cap_pods = i->n_pods = GS_MAX_INCIDENT_PODS;
    i->pods = gs_allocn(i->cap_pods, sizeof *i->pods);
    for (size_t k = 0; k < i->n_pods; k++) {
        (void)snprintf(i->pods[k].name, sizeof i->pods[k].name, "payments-%zu", k);
        i->pods[k].goroutines = 5000 - k;
        i->pods[k].leaking = 4000 - k;
    }
    for (int k = 0; k < GS_MAX_INCIDENT_EVIDENCE; k++) {
        gs_evidence e = {.kind = "Goroutine", .pod = "payments-1", .bytes = 18233, .time_ms = T0 + k * 1000};
        (void)snprintf(e.key, sizeof e.key, "prod/shop/%d", k);
        memset(e.sha256, 'a', 64);
        gs_incident_add_evidence(i, &e);
    }
    for (int k = 0; k < GS_MAX_INCIDENT_ACTIONS + 3; k++) {
        gs_action *a = gs_incident_add_action(i, (enum gs_action_type)(k % GS_ACTION_TYPES), T0 + 29000 + k * 1000);
        a->dry_run = k % 5 == 2;
        a->from = 6;
        a->to = k % 3 ? 7 : 0;
        a->outcome = (enum gs_outcome)(k % (GS_OUTCOME_INEFFECTIVE + 1));
        for (int p = 0; p < k % 9; p++)
            gs_action_add_pod(a, gs_str_of(p % 2 ? "payments-1" : "payments-2"));
        (void)gs_str_copy(a->reason, sizeof a->reason, gs_str_of(k % 2 ? "" : "Cooldown: wait"));
    }
    (void)gs_condition_set(gs_condition_slot(i->conditions, 2, "Resolved"), "False", "Leaking", "m", 1, T0);
    (void)gs_condition_set(gs_condition_slot(i->conditions, 2, "EvidenceStored"), "True", "Stored", "m2", 1, T0 + 1000);
    return i;
}

static void to_object(const gs_incident *i, gs_buf *out)
{
    gs_cleanup(gs_buf_done) gs_buf head = GS_BUF(1 << 20), patch = GS_BUF(1 << 20);
    gs_json_writer w;
    gs_str raw;
    gs_jw_init(&w, &head);
    gs_incident_object(&w, i);
    assert_int_equal(gs_jw_finish(&w, NULL), 0);
    gs_jw_init(&w, &patch);
    gs_incident_status_patch(&w, i);
    assert_int_equal(gs_jw_finish(&w, NULL), 0);
    assert_true(gs_json_find(gs_buf_str(&patch), (const char *const[]){"status", NULL}, &raw));
    gs_buf_reset(out);
    (void)gs_buf_add(out, head.p, head.n - 1);
    (void)gs_buf_addf(out, ",\"status\":%.*s}", (int)raw.n, raw.p);
}

static void make_full(gs_incident *i)
{
    (void)i;
}

static void make_resolved(gs_incident *i)
{
    i->resolved = true;
    i->resolution_ms = T0 + 99000;
    i->n_pods = 0;
}

static void make_reopened(gs_incident *i)
{
    make_resolved(i);
    gs_incident_reopen(i, T0 + 200000);
}

static void make_fresh(gs_incident *i)
{
    i->policy_name[0] = 0;
    i->n_pods = i->n_actions = i->n_evidence = 0;
    i->action_seq = 0;
    memset(i->conditions, 0, sizeof i->conditions);
    i->grade = GS_GRADE_SUSPECTED;
    i->rules = i->reasons = 0;
    i->score = 0;
}

static void make_probable(gs_incident *i)
{
    i->grade = GS_GRADE_PROBABLE;
    i->reasons = GS_REASON_SITE | GS_REASON_IDS;
    i->rules = GS_RULE_FLOOR;
    i->score = 0.696; /* reads back as 0.70, and its risk with it */
    i->patterns[0].score = 0.696;
    i->revision[0] = 0;
}

static void make_resource(gs_incident *i)
{
    i->type = GS_INCIDENT_RESOURCE;
    (void)gs_str_copy(i->pattern_id, sizeof i->pattern_id, GS_STR(GS_RESOURCE_HEAP));
    while (i->n_patterns)
        gs_pattern_done(&i->patterns[--i->n_patterns]);
    for (size_t k = 0; k < i->n_pods; k++)
        i->pods[k].leaking = 0;
    i->grade = GS_GRADE_SUSPECTED;
    i->reasons = GS_REASON_HEAP;
    i->rules = 0;
    i->score = 0;
}

/* What is read back says the same again. */
static void test_round_trip(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        void (*make)(gs_incident *);
        enum gs_phase phase;
    } cases[] = {{"full", make_full, GS_PHASE_MITIGATING},         {"resolved", make_resolved, GS_PHASE_RESOLVED},
                 {"reopened", make_reopened, GS_PHASE_OPEN},       {"fresh", make_fresh, GS_PHASE_OPEN},
                 {"probable", make_probable, GS_PHASE_MITIGATING}, {"resource", make_resource, GS_PHASE_MITIGATING}};
    for (size_t k = 0; k < GS_LEN(cases); k++) {
        gs_cleanup(gs_incident_free) gs_incident *a = full();
        gs_cleanup(gs_incident_free) gs_incident *b = NULL;
        gs_cleanup(gs_buf_done) gs_buf first = GS_BUF(1 << 20), second = GS_BUF(1 << 20);
        gs_error err = {0};
        cases[k].make(a);
        to_object(a, &first);
        if (gs_incident_from_json(gs_buf_str(&first), &b, &err) < 0)
            fail_msg("%s: %s", cases[k].name, err.msg);
        to_object(b, &second);
        assert_string_equal(first.p, second.p);
        assert_int_equal(gs_incident_phase(b), cases[k].phase);
        assert_int_equal(gs_incident_phase(a), cases[k].phase);
        assert_int_equal(b->type, a->type);
        assert_int_equal(b->action_seq, a->action_seq);
        assert_int_equal(b->rules, a->rules);
        assert_int_equal(b->reasons, a->reasons);
        assert_int_equal(b->grade, a->grade);
        assert_true(b->score >= a->score - 0.005 && b->score <= a->score + 0.005);
        assert_string_equal(b->pattern_id, a->pattern_id);
        for (size_t p = 0; p < b->n_pods; p++) {
            uint64_t sum = 0;
            for (size_t q = 0; q < b->n_patterns; q++)
                sum += b->pods[p].per_pattern[q];
            assert_int_equal(b->pods[p].peak, a->pods[p].leaking);
            assert_true(sum <= a->pods[p].leaking && sum + GS_MAX_INCIDENT_PATTERNS >= a->pods[p].leaking);
        }
    }
}

/* Valid JSON to a parser of others, and the words of the API. */
static void test_fields(void **state)
{
    (void)state;
    gs_cleanup(gs_incident_free) gs_incident *i = full();
    gs_cleanup(gs_buf_done) gs_buf b = GS_BUF(1 << 20);
    gs_cleanup(gs_json_doc_free) json_t *doc = NULL;
    gs_error err = {0};
    i->pods[0].goroutines = UINT64_MAX; /* a pod may claim anything */
    to_object(i, &b);
    assert_int_equal(gs_json_doc_parse(gs_buf_str(&b), 1 << 20, &doc, &err), 0);
    json_t *status = gs_json_doc_at(doc, "status", NULL);
    static const struct {
        const char *key, *value;
    } strings[] = {{"phase", "Mitigating"},
                   {"grade", "Proven"},
                   {"severity", "P0"},
                   {"score", "1.00"},
                   {"revision", "6c7d9dc87b"},
                   {"startTime", "2026-01-01T00:00:00Z"},
                   {"detectionTime", "2026-01-01T00:00:20Z"},
                   {"localizationTime", "2026-01-01T00:00:28Z"}};
    for (size_t k = 0; k < GS_LEN(strings); k++)
        assert_string_equal(gs_json_doc_str(status, strings[k].key), strings[k].value);
    assert_true(json_is_null(json_object_get(status, "resolutionTime")));
    assert_string_equal(gs_json_doc_str(gs_json_doc_at(doc, "spec", "workloadRef", NULL), "apiVersion"), "apps/v1");
    assert_string_equal(gs_json_doc_str(gs_json_doc_at(doc, "metadata", "labels", NULL), "gostat.dev/workload-name"),
                        "payments");
    json_t *pod = json_array_get(json_object_get(status, "pods"), 0);
    assert_true(json_integer_value(json_object_get(pod, "goroutines")) == INT64_MAX);
    json_t *p = json_array_get(json_object_get(status, "patterns"), 0);
    assert_string_equal(gs_json_doc_str(p, "leafFunction"), "shop/payments.(*pool).acquire");
    assert_string_equal(gs_json_doc_str(p, "state"), "chan send");
    assert_string_equal(gs_json_doc_str(json_object_get(p, "labels"), "route"), "/pay\"\\\x01");
    assert_int_equal(json_integer_value(json_object_get(p, "count")), 4800);
    static const struct {
        const char *key, *value;
    } words[] = {{"boundary", "Communication"},
                 {"risk", "High"},
                 {"score", "0.82"},
                 {"entryFunction", "shop/payments.(*Server).Pay.func1"},
                 {"createdBy", "shop/payments.(*Server).Pay"}};
    for (size_t k = 0; k < GS_LEN(words); k++)
        assert_string_equal(gs_json_doc_str(p, words[k].key), words[k].value);
    json_t *set, *sets = json_object_get(p, "labelSets");
    assert_int_equal(json_array_size(sets), 3);
    set = json_array_get(sets, 0);
    assert_int_equal(json_integer_value(json_object_get(set, "count")), 4000);
    assert_true(json_equal(json_object_get(set, "labels"), json_object_get(p, "labels")));
    assert_int_equal(json_object_size(json_object_get(json_array_get(sets, 1), "labels")), 0);
    set = json_array_get(sets, 2);
    assert_string_equal(gs_json_doc_str(json_object_get(set, "labels"), "handler"), "main.find");
    p = json_array_get(json_object_get(status, "patterns"), 1); /* of which little is known */
    assert_null(json_object_get(p, "risk"));
    assert_null(json_object_get(p, "score"));
    assert_null(json_object_get(p, "createdBy"));
    json_t *actions = json_object_get(status, "actions"); /* 23 were added; the three oldest refusals are gone */
    assert_int_equal(json_array_size(actions), GS_MAX_INCIDENT_ACTIONS);
    assert_string_equal(gs_json_doc_str(json_array_get(actions, 3), "id"), "a4");
    assert_string_equal(gs_json_doc_str(json_array_get(actions, 4), "id"), "a6");
}

/* Everything that a grade may rest on, once, and in this order. */
static void test_reasons(void **state)
{
    (void)state;
    static const char *const words[] = {"FloorRises",  "SiteGrows",        "CountsSurvive", "IdsSurvive",
                                        "LeakProfile", "LeakProfileGrows", "CpuHigh",       "GoroutinesHigh",
                                        "HeapHigh",    "GrowthRule",       "SurgeRule",     "BlockedRule",
                                        "SiteRule",    "FloorRule",        "BaselineRule"};
    gs_cleanup(gs_incident_free) gs_incident *i = full();
    gs_cleanup(gs_buf_done) gs_buf b = GS_BUF(1 << 20);
    gs_cleanup(gs_json_doc_free) json_t *doc = NULL;
    to_object(i, &b);
    assert_int_equal(gs_json_doc_parse(gs_buf_str(&b), 1 << 20, &doc, NULL), 0);
    json_t *list = json_object_get(gs_json_doc_at(doc, "status", NULL), "gradeReasons");
    assert_int_equal(json_array_size(list), GS_LEN(words));
    for (size_t k = 0; k < GS_LEN(words); k++)
        assert_string_equal(json_string_value(json_array_get(list, k)), words[k]);
    assert_string_equal(gs_reason_name(1u << GS_REASONS), "");
}

static void test_scores(void **state)
{
    (void)state;
    static const struct {
        double score;
        const char *shown, *risk; /* NULL: not known */
    } cases[] = {{0, NULL, NULL},        {0.004, NULL, NULL},      {0.07, "0.07", "Low"},      {0.29, "0.29", "Low"},
                 {0.344, "0.34", "Low"}, {0.35, "0.35", "Medium"}, {0.6949, "0.69", "Medium"}, {0.696, "0.70", "High"},
                 {0.7, "0.70", "High"},  {1, "1.00", "High"},      {7, "1.00", "High"},        {-1, NULL, NULL}};
    gs_cleanup(gs_incident_free) gs_incident *i = full();
    for (size_t k = 0; k < GS_LEN(cases); k++) {
        gs_cleanup(gs_incident_free) gs_incident *again = NULL;
        gs_cleanup(gs_buf_done) gs_buf b = GS_BUF(1 << 20);
        gs_cleanup(gs_json_doc_free) json_t *doc = NULL;
        i->score = i->patterns[0].score = cases[k].score;
        to_object(i, &b);
        assert_int_equal(gs_json_doc_parse(gs_buf_str(&b), 1 << 20, &doc, NULL), 0);
        json_t *status = gs_json_doc_at(doc, "status", NULL);
        json_t *p = json_array_get(json_object_get(status, "patterns"), 0);
        assert_int_equal(gs_incident_from_json(gs_buf_str(&b), &again, NULL), 0);
        if (!cases[k].shown) {
            assert_true(json_is_null(json_object_get(status, "score")));
            assert_null(json_object_get(p, "score"));
            assert_null(json_object_get(p, "risk"));
            assert_true(again->score == 0 && again->patterns[0].score == 0);
            continue;
        }
        assert_string_equal(gs_json_doc_str(status, "score"), cases[k].shown);
        assert_string_equal(gs_json_doc_str(p, "score"), cases[k].shown);
        assert_string_equal(gs_json_doc_str(p, "risk"), cases[k].risk);
        assert_true(again->score == again->patterns[0].score);
        assert_int_equal((int)(again->score * 100 + 0.5), atoi(cases[k].shown) * 100 + atoi(cases[k].shown + 2));
    }
}

/* One revision leaks: all pods have it. */
static void test_revision(void **state)
{
    (void)state;
    static const struct {
        const char *revision, *text;
        size_t pods;
    } cases[] = {{"6c7d9dc87b", "\"revision\":\"6c7d9dc87b\"", GS_MAX_INCIDENT_PODS},
                 {"6c7d9dc87b", "\"revision\":\"6c7d9dc87b\"", 0}, /* resolved */
                 {"", "\"revision\":null", GS_MAX_INCIDENT_PODS}};
    for (size_t k = 0; k < GS_LEN(cases); k++) {
        gs_cleanup(gs_incident_free) gs_incident *i = full(), *again = NULL;
        gs_cleanup(gs_buf_done) gs_buf b = GS_BUF(1 << 20);
        i->n_pods = cases[k].pods;
        (void)gs_str_copy(i->revision, sizeof i->revision, gs_str_of(cases[k].revision));
        to_object(i, &b);
        assert_non_null(strstr(b.p, cases[k].text));
        assert_int_equal(gs_incident_from_json(gs_buf_str(&b), &again, NULL), 0);
        assert_string_equal(again->revision, cases[k].revision);
        assert_int_equal(again->n_pods, cases[k].pods);
        for (size_t p = 0; p < again->n_pods; p++)
            assert_string_equal(again->pods[p].revision, cases[k].revision);
    }
}

/* Sets and plain labels, in any order, and what goes beyond the caps. */
static void test_labels(void **state)
{
    (void)state;
#define PATTERN(fields)                                                                                                \
    "{\"metadata\":{\"name\":\"a-1\"},\"spec\":{\"workloadRef\":{\"kind\":\"D\",\"name\":\"a\"}},\"status\":"          \
    "{\"patterns\":[{\"id\":\"p1\"" fields "}]}}"
#define L17                                                                                                            \
    "{\"a\":\"\",\"b\":\"\",\"c\":\"\",\"d\":\"\",\"e\":\"\",\"f\":\"\",\"g\":\"\",\"h\":\"\",\"i\":\"\",\"j\":\"\","  \
    "\"k\":\"\",\"l\":\"\",\"m\":\"\",\"n\":\"\",\"o\":\"\",\"p\":\"\",\"q\":\"\",\"a\":\"again\"}"
    static const struct {
        const char *name, *object;
        size_t sets, first; /* label sets, labels of the first */
        uint64_t count;
        const char *key, *value; /* the first one's first label */
    } cases[] = {
        {"none", PATTERN(""), 0, 0, 0, NULL, NULL},
        {"null", PATTERN(",\"labels\":null,\"labelSets\":null"), 0, 0, 0, NULL, NULL},
        {"empty", PATTERN(",\"labels\":{},\"labelSets\":[]"), 0, 0, 0, NULL, NULL},
        {"of release 0.1", PATTERN(",\"labels\":{\"z\":\"1\",\"b\":\"2\"}"), 1, 2, 0, "b", "2"},
        {"sets go first", PATTERN(",\"labels\":{\"z\":\"1\"},\"labelSets\":[{\"count\":5,\"labels\":{\"b\":\"2\"}}]"),
         1, 1, 5, "b", "2"},
        {"a set without labels", PATTERN(",\"labelSets\":[{\"count\":5}]"), 1, 0, 5, NULL, NULL},
        {"four sets", PATTERN(",\"labelSets\":[{\"count\":4},{\"count\":3},{\"count\":2},{\"count\":1}]"), 3, 0, 4,
         NULL, NULL},
        {"17 labels, one twice", PATTERN(",\"labels\":" L17), 1, GS_MAX_LABELS, 0, "a", "again"},
    };
    for (size_t k = 0; k < GS_LEN(cases); k++) {
        gs_cleanup(gs_incident_free) gs_incident *i = NULL;
        gs_error err = {0};
        if (gs_incident_from_json(gs_str_of(cases[k].object), &i, &err) < 0)
            fail_msg("%s: %s", cases[k].name, err.msg);
        const gs_pattern *p = &i->patterns[0];
        if (p->n_labels != cases[k].sets || p->labels[0].n != cases[k].first || p->labels[0].count != cases[k].count)
            fail_msg("%s: %zu sets, %zu labels", cases[k].name, p->n_labels, p->labels[0].n);
        for (size_t j = 1; j < p->labels[0].n; j++)
            assert_true(strcmp(p->labels[0].v[j - 1].key, p->labels[0].v[j].key) < 0);
        if (cases[k].key) {
            assert_string_equal(p->labels[0].v[0].key, cases[k].key);
            assert_string_equal(p->labels[0].v[0].value, cases[k].value);
        }
        assert_string_equal(p->created_by, "");
    }
}

static void test_names(void **state)
{
    (void)state;
    static const struct {
        const char *name, *starts;
    } cases[] = {
        {"payments", "payments-"},
        {"a123456789012345678901234567890123456789", "a123456789012345678901234567890123456789-"},
        {"a123456789012345678901234567890123456789bcd", "a123456789012345678901234567890123456789-"},
        {"a12345678901234567890123456789012345678-x", "a12345678901234567890123456789012345678-"},
        {"a1234567890123456789012345678901234567.-x", "a1234567890123456789012345678901234567-"},
    };
    for (size_t k = 0; k < GS_LEN(cases); k++) {
        gs_workload_ref w = payments;
        char name[GS_OBJECT_LEN];
        (void)gs_str_copy(w.name, sizeof w.name, gs_str_of(cases[k].name));
        gs_incident_make_name(&w, "p0123456789", name);
        assert_true(gs_str_starts(gs_str_of(name), cases[k].starts));
        assert_int_equal(strlen(name), strlen(cases[k].starts) + 10);
    }
    char a[GS_OBJECT_LEN], b[GS_OBJECT_LEN];
    gs_workload_ref other = payments;
    gs_incident_make_name(&payments, "p0123456789", a);
    assert_string_equal(a, "payments-43ec285250"); /* fixed for ever: the same leak never opens twice */
    gs_incident_make_name(&payments, "p0123456780", b);
    assert_string_not_equal(a, b);
    other.uid[0] = '1';
    gs_incident_make_name(&other, "p0123456789", b);
    assert_string_not_equal(a, b);
}

/* Labels are at most 63 characters and end with a letter or digit. */
static void test_long_workload(void **state)
{
    (void)state;
    gs_workload_ref w = payments;
    gs_site s = {.id = "p0123456789", .leaf = "a", .entry = "b", .created_by = ""};
    memset(w.name, 'a', 253);
    w.name[62] = w.name[61] = '-';
    gs_cleanup(gs_incident_free) gs_incident *i = gs_incident_new(&w, &s);
    gs_cleanup(gs_buf_done) gs_buf b = GS_BUF(1 << 20);
    gs_cleanup(gs_json_doc_free) json_t *doc = NULL;
    gs_incident_make_name(&w, s.id, i->name);
    to_object(i, &b);
    assert_int_equal(gs_json_doc_parse(gs_buf_str(&b), 1 << 20, &doc, NULL), 0);
    assert_int_equal(
        strlen(gs_json_doc_str(gs_json_doc_at(doc, "metadata", "labels", NULL), "gostat.dev/workload-name")), 61);
    assert_int_equal(strlen(gs_json_doc_str(gs_json_doc_at(doc, "spec", "workloadRef", NULL), "name")), 253);
}

#define HEAD                                                                                                           \
    "{\"metadata\":{\"name\":\"a-1\",\"labels\":{\"gostat.dev/pattern\":\"p1\"}},\"spec\":{\"workloadRef\":{\"kind\":\"D\",\"name\":\"a\"}}"

static void test_others(void **state)
{
    (void)state;
    static const struct {
        const char *name, *object, *error;
    } cases[] = {
        {"no status yet", HEAD "}", NULL},
        {"null status", HEAD ",\"status\":null}", NULL},
        {"nulls",
         HEAD ",\"status\":{\"grade\":null,\"pods\":null,\"patterns\":null,\"startTime\":null,\"conditions\":null}}",
         NULL},
        {"words of a later release",
         HEAD ",\"status\":{\"grade\":\"Sure\",\"severity\":\"Worst\",\"phase\":\"Later\",\"score\":\"0.8\","
              "\"gradeReasons\":[\"HeapGrows\",\"\"],\"patterns\":[{\"id\":\"p1\",\"state\":\"new\",\"risk\":1,"
              "\"boundary\":\"Wall\",\"score\":\"9.99\"}]}}",
         NULL},
        {"id from the pattern",
         "{\"metadata\":{\"name\":\"a-1\"},\"spec\":{\"workloadRef\":{\"kind\":\"D\",\"name\":\"a\"}},"
         "\"status\":{\"patterns\":[{\"id\":\"p1\"}]}}",
         NULL},
        {"no pattern at all",
         "{\"metadata\":{\"name\":\"a-1\"},\"spec\":{\"workloadRef\":{\"kind\":\"D\",\"name\":\"a\"}}}",
         "incident: metadata.labels[gostat.dev/pattern]: is required"},
        {"no name", "{\"spec\":{}}", "incident: metadata.name: is required"},
        {"no workload", "{\"metadata\":{\"name\":\"a\",\"labels\":{\"gostat.dev/pattern\":\"p\"}}}",
         "spec.workloadRef.kind: is required"},
        {"bad time", HEAD ",\"status\":{\"startTime\":\"now\"}}", "expected a time"},
        {"negative count", HEAD ",\"status\":{\"patterns\":[{\"count\":-1}]}}", "not negative"},
        {"label count", HEAD ",\"status\":{\"patterns\":[{\"labelSets\":[{\"count\":-1}]}]}}", "not negative"},
        {"label of a number", HEAD ",\"status\":{\"patterns\":[{\"labels\":{\"a\":1}}]}}", "expected a string"},
        {"long revision",
         HEAD ",\"status\":{\"revision\":\"0123456789012345678901234567890123456789012345678901234567890123\"}}",
         "incident: "},
        {"replicas", HEAD ",\"status\":{\"actions\":[{\"to\":99999999999}]}}", "from 0 to"},
        {"list of no objects", HEAD ",\"status\":{\"pods\":[1]}}", "expected an object"},
        {"cut", HEAD, "incident: "},
        {"empty", "", "incident: "},
    };
    for (size_t k = 0; k < GS_LEN(cases); k++) {
        gs_cleanup(gs_incident_free) gs_incident *i = NULL;
        gs_error err = {0};
        int r = gs_incident_from_json(gs_str_of(cases[k].object), &i, &err);
        if (cases[k].error ? r != -GS_TERMINAL || !strstr(err.msg, cases[k].error) : r != 0)
            fail_msg("%s: %d %s", cases[k].name, r, err.msg);
        if (r < 0)
            continue;
        assert_string_equal(i->pattern_id, "p1");
        assert_int_equal(i->occurrences, 1);
        assert_false(i->resolved);
        assert_true(i->score == 0 && i->patterns[0].score == 0);
        assert_true(i->reasons == 0 && i->rules == 0 && i->grade == GS_GRADE_NONE);
        assert_int_equal(i->patterns[0].boundary, GS_BOUNDARY_NONE);
    }
}

/* ---- evidence ---- */

static void test_snapshot_keys(void **state)
{
    (void)state;
    static const struct {
        const char *name, *prefix, *ns, *workload, *pod, *key;
        enum gs_profile_kind kind;
    } cases[] = {
        {"usual", "prod/eu", "shop", "payments", "payments-1",
         "prod/eu/shop/payments/payments-3fa94c07be/20260101T000026Z-payments-1-goroutine", GS_PROFILE_GOROUTINE},
        {"of the leak profile", "", "shop", "payments", "payments-1",
         "shop/payments/payments-3fa94c07be/20260101T000026Z-payments-1-goroutineleak", GS_PROFILE_LEAK},
        {"of a dump", "", "shop", "payments", "payments-1",
         "shop/payments/payments-3fa94c07be/20260101T000026Z-payments-1-fulldump", GS_PROFILE_DUMP},
        {"of the heap", "", "shop", "payments", "payments-1",
         "shop/payments/payments-3fa94c07be/20260101T000026Z-payments-1-heap", GS_PROFILE_HEAP},
        {"of the CPU", "", "shop", "payments", "payments-1",
         "shop/payments/payments-3fa94c07be/20260101T000026Z-payments-1-cpu", GS_PROFILE_CPU},
        {"of the runtime", "", "shop", "payments", "payments-1",
         "shop/payments/payments-3fa94c07be/20260101T000026Z-payments-1-trace", GS_PROFILE_TRACE},
        {"no prefix, no namespace", "", "", "127.0.0.1:6060", "[::1]:6060",
         "127.0.0.1-6060/payments-3fa94c07be/20260101T000026Z----1--6060-goroutine", GS_PROFILE_GOROUTINE},
        {"hostile", "", "..", "../../etc/passwd", "a/../b\n",
         "-./-.-..-etc-passwd/payments-3fa94c07be/20260101T000026Z-a-..-b--goroutine", GS_PROFILE_GOROUTINE},
    };
    for (size_t k = 0; k < GS_LEN(cases); k++) {
        gs_incident *i = gs_incident_new(&payments, NULL);
        char key[1025], small[20];
        (void)gs_str_copy(i->workload.ns, sizeof i->workload.ns, gs_str_of(cases[k].ns));
        (void)gs_str_copy(i->workload.name, sizeof i->workload.name, gs_str_of(cases[k].workload));
        (void)gs_str_copy(i->name, sizeof i->name, GS_STR("payments-3fa94c07be"));
        gs_snapshot_key(key, sizeof key, cases[k].prefix, i, cases[k].pod, cases[k].kind, T0 + 26000);
        assert_string_equal(key, cases[k].key);
        gs_snapshot_key(small, sizeof small, cases[k].prefix, i, cases[k].pod, cases[k].kind,
                        T0); /* cut, not overrun */
        assert_int_equal(strlen(small), sizeof small - 1);
        gs_incident_free(i);
    }
}

static void test_snapshot_kinds(void **state)
{
    (void)state;
    static const char *const suffixes[GS_PROFILE_KINDS] = {".pb.gz", ".pb.gz", ".txt", ".pb.gz", ".pb.gz", ".trace"};
    gs_cleanup(gs_policy_free) gs_policy *p = gs_policy_new();
    for (enum gs_profile_kind k = 0; k < GS_PROFILE_KINDS; k++) {
        gs_evidence e;
        for (enum gs_profile_kind only = 0; only < GS_PROFILE_KINDS; only++) {
            p->snapshot_kinds = 1U << only;
            bool with = k == GS_PROFILE_DUMP ? only == GS_PROFILE_GOROUTINE : only == k;
            assert_int_equal(gs_snapshot_wanted(p, k), with);
        }
        assert_string_equal(gs_snapshot_suffix(k), suffixes[k]);
        assert_true(strlen(suffixes[k]) < GS_SNAPSHOT_SUFFIX_MAX);
        assert_non_null(strchr(gs_snapshot_content_type(k), '/'));
        gs_snapshot_evidence(&e, "payments-1", k, T0);
        assert_string_equal(e.kind, gs_profile_kind_name(k));
        assert_string_equal(e.pod, "payments-1");
        assert_int_equal(e.time_ms, T0);
    }
}

static void test_snapshot_metadata(void **state)
{
    (void)state;
    gs_cleanup(gs_incident_free) gs_incident *i = full();
    gs_cleanup(gs_buf_done) gs_buf b = GS_BUF(1 << 20);
    gs_cleanup(gs_json_doc_free) json_t *doc = NULL;
    gs_json_writer w;
    gs_jw_init(&w, &b);
    gs_snapshot_metadata(&w, i, &i->evidence[0], 5321);
    assert_int_equal(gs_jw_finish(&w, NULL), 0);
    assert_int_equal(gs_json_doc_parse(gs_buf_str(&b), 1 << 20, &doc, NULL), 0);
    static const struct {
        const char *key, *value;
    } strings[] = {{"schema", "gostat.dev/snapshot/v1"},
                   {"policy", "my-policy"},
                   {"pod", "payments-1"},
                   {"kind", "Goroutine"},
                   {"time", "2026-01-01T00:00:00Z"},
                   {"grade", "Proven"},
                   {"gostatVersion", GOSTAT_VERSION}};
    for (size_t k = 0; k < GS_LEN(strings); k++)
        assert_string_equal(gs_json_doc_str(doc, strings[k].key), strings[k].value);
    assert_string_equal(gs_json_doc_str(doc, "incident"), i->name);
    assert_string_equal(gs_json_doc_str(gs_json_doc_at(doc, "workload", NULL), "namespace"), "shop");
    assert_int_equal(json_integer_value(json_object_get(doc, "goroutines")), 5321);
    assert_int_equal(json_integer_value(json_object_get(doc, "bytes")), 18233);
    assert_int_equal(json_array_size(json_object_get(doc, "patterns")), GS_MAX_INCIDENT_PATTERNS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),     cmocka_unit_test(test_fields),
        cmocka_unit_test(test_reasons),        cmocka_unit_test(test_scores),
        cmocka_unit_test(test_revision),       cmocka_unit_test(test_labels),
        cmocka_unit_test(test_names),          cmocka_unit_test(test_long_workload),
        cmocka_unit_test(test_others),         cmocka_unit_test(test_snapshot_keys),
        cmocka_unit_test(test_snapshot_kinds), cmocka_unit_test(test_snapshot_metadata),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
