#include "base/cleanup.h"
#include "kube/meta.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define IS(view, text) assert_true(gs_str_is(view, text))

static const char pod[] =
    "{\"kind\":\"Pod\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"web-1\",\"generateName\":\"web-\",\"namespace\":\"shop\","
    "\"uid\":\"u-1\",\"resourceVersion\":\"77\",\"generation\":3,\"creationTimestamp\":\"2026-01-01T00:00:00Z\","
    "\"deletionTimestamp\":\"2026-01-02T00:00:00Z\",\"labels\":{ \"app\" : \"web\", \"a.b/c\":\"\" ,\"x\":\"y\"},"
    "\"annotations\":{\"note\":\"a \\\"quote\\\" }\",\"app\":\"other\"},\"finalizers\":[\"gostat.dev/undo\",\"x\"],"
    "\"managedFields\":[{\"manager\":\"x\",\"fieldsV1\":{\"f:metadata\":{\"name\":\"no\"}}}],"
    "\"ownerReferences\":[{\"apiVersion\":\"v1\",\"kind\":\"Node\",\"name\":\"n\",\"uid\":\"u-9\"},"
    "{\"apiVersion\":\"apps/v1\",\"kind\":\"ReplicaSet\",\"name\":\"web\",\"uid\":\"u-2\",\"controller\":true,"
    "\"blockOwnerDeletion\":true}]},\"spec\":{\"metadata\":{\"name\":\"no\"}},\"status\":{}}";

static void everything(void **state)
{
    (void)state;
    gs_kube_meta m;
    gs_error err = {0};
    assert_int_equal(gs_kube_meta_read(GS_STR(pod), &m, &err), 0);
    IS(m.kind, "Pod");
    IS(m.api_version, "v1");
    IS(m.name, "web-1");
    IS(m.generate_name, "web-");
    IS(m.ns, "shop");
    IS(m.uid, "u-1");
    IS(m.resource_version, "77");
    IS(m.creation_timestamp, "2026-01-01T00:00:00Z");
    IS(m.deletion_timestamp, "2026-01-02T00:00:00Z");
    assert_int_equal(m.generation, 3);
    IS(m.controller.kind, "ReplicaSet");
    IS(m.controller.api_version, "apps/v1");
    IS(m.controller.name, "web");
    IS(m.controller.uid, "u-2");
    assert_true(m.name.p > pod && m.name.p < pod + sizeof pod); /* a view, no copy */
    IS(gs_kube_label(m.labels, "app"), "web");
    IS(gs_kube_label(m.labels, "a.b/c"), "");
    assert_non_null(gs_kube_label(m.labels, "a.b/c").p);
    assert_null(gs_kube_label(m.labels, "nope").p);
    IS(gs_kube_label(m.annotations, "note"), "a \\\"quote\\\" }");
    IS(gs_kube_label(m.annotations, "app"), "other");
    assert_true(gs_kube_has_finalizer(&m, "gostat.dev/undo"));
    assert_false(gs_kube_has_finalizer(&m, "gostat.dev"));
    int n = 0;
    for (gs_kube_labels it = gs_kube_labels_of(m.labels); gs_kube_labels_next(&it);)
        n++;
    assert_int_equal(n, 3);
}

static void others(void **state)
{
    (void)state;
    static const struct {
        const char *name, *json;
        bool ok;
    } cases[] = {
        {"no metadata", "{\"kind\":\"Pod\"}", true},
        {"nulls",
         "{\"metadata\":{\"name\":null,\"labels\":null,\"ownerReferences\":null,\"generation\":null,\"finalizers\":null}}",
         true},
        {"empty", "{}", true},
        {"metadata null", "{\"metadata\":null}", false},
        {"name is a number", "{\"metadata\":{\"name\":5}}", false},
        {"labels are a list", "{\"metadata\":{\"labels\":[]}}", false},
        {"generation is text", "{\"metadata\":{\"generation\":\"5\"}}", false},
        {"controller is text", "{\"metadata\":{\"ownerReferences\":[{\"controller\":\"yes\"}]}}", false},
        {"cut", "{\"metadata\":{\"name\":\"x\"", false},
        {"more behind it", "{} {}", false},
        {"a list", "[]", false},
        {"nothing", "", false},
    };
    for (size_t i = 0; i < GS_LEN(cases); i++) {
        gs_kube_meta m = {0};
        gs_error err = {0};
        int rc = gs_kube_meta_read(gs_str_of(cases[i].json), &m, &err);
        if (!rc != cases[i].ok)
            fail_msg("%s: %d %s", cases[i].name, rc, err.msg);
        if (rc) {
            assert_int_equal(rc, -GS_TERMINAL);
            assert_non_null(strstr(err.msg, "object metadata"));
        } else {
            assert_int_equal(m.name.n, 0);
            assert_null(gs_kube_label(m.labels, "x").p);
            assert_false(gs_kube_has_finalizer(&m, "x"));
        }
    }
}

/* Whatever the labels look like, the walk ends within them. */
static void odd_labels(void **state)
{
    (void)state;
    static const struct {
        const char *raw;
        int n;
    } cases[] = {{"", 0},
                 {"{}", 0},
                 {"{\"a\":\"b\"}", 1},
                 {"{\"a\":{\"b\":\"c\"}}", 0},
                 {"{\"a\":5,\"b\":\"c\"}", 0},
                 {"{\"a", 0},
                 {"{\"a\":\"b\\", 0},
                 {"{\"a\":\"b\",\"c\":[\"d\"]}", 1},
                 {"{\"a\\\"b\":\"c\"}", 1}};
    for (size_t i = 0; i < GS_LEN(cases); i++) {
        int n = 0;
        for (gs_kube_labels it = gs_kube_labels_of(gs_str_of(cases[i].raw)); gs_kube_labels_next(&it);)
            n++;
        if (n != cases[i].n)
            fail_msg("%s: %d", cases[i].raw, n);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything),
        cmocka_unit_test(others),
        cmocka_unit_test(odd_labels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
