/* gostat policy lint: files of one and many documents, and where in them a finding is. What is found wrong with policies
 * themselves is compared with the API server in tests/component/test_lint.py. */
#include "base/buf.h"
#include "cli/lint.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define HEAD "apiVersion: gostat.dev/v1alpha1\nkind: GostatPolicy\nmetadata: {name: a}\n"
#define SPEC "spec:\n  selector: {matchLabels: {app: a}}\n  endpoint: {pprof: {port: 6060}}\n"
#define JSON_HEAD "\"apiVersion\": \"gostat.dev/v1alpha1\", \"kind\": \"GostatPolicy\", \"metadata\": {\"name\": \"a\"}"
#define JSON_SPEC                                                                                                      \
    "\"spec\": {\"selector\": {\"matchLabels\": {\"app\": \"a\"}}, \"endpoint\": {\"pprof\": {\"port\": 6060}}}"

/* findings: "line:column field: what", '!' before a warning; what may be cut at its end. */
static const struct {
    const char *name, *text, *findings[4];
    size_t policies, skipped;
    bool strict;
} cases[] = {
    {"fine", HEAD SPEC, {0}, 1, 0, true},
    {"fine, as JSON", "{" JSON_HEAD ",\n " JSON_SPEC "}", {0}, 1, 0, true},
    {"nothing", "", {0}, 0, 0, true},
    {"only comments", "# nothing\n---\n# nothing\n---\n", {0}, 0, 0, true},
    {"several documents", HEAD SPEC "---\n" HEAD SPEC "...\n---\n", {0}, 2, 0, true},
    {"the second one",
     HEAD SPEC "---\n" HEAD SPEC "  mode: X\n",
     {"14:9 spec.mode: must be one of Observe"},
     2,
     0,
     false},
    {"another kind", "apiVersion: v1\nkind: Pod\n", {0}, 0, 1, false},
    {"another kind, strictly", "apiVersion: v1\nkind: Pod\n", {"2:1 kind: is a Pod, no GostatPolicy"}, 0, 1, true},
    {"incidents are not checked", "apiVersion: gostat.dev/v1alpha1\nkind: GostatIncident\n", {0}, 0, 1, false},
    {"a misspelled kind",
     "apiVersion: gostat.dev/v1alpha1\nkind: GostatPolcy\n",
     {"2:1 kind: must be GostatPolicy"},
     0,
     0,
     false},
    {"no kind", "spec: {}\n", {"1:1 kind: is missing, and required"}, 0, 0, false},
    {"another version",
     "apiVersion: gostat.dev/v1\nkind: GostatPolicy\nmetadata: {name: a}\n" SPEC,
     {"1:1 apiVersion: must be gostat.dev/v1alpha1, got \"gostat.dev/v1\""},
     1,
     0,
     false},
    {"a text", "hello\n", {"1:1 : is no object"}, 0, 0, false},
    {"a list",
     "apiVersion: v1\nkind: List\nitems:\n- apiVersion: gostat.dev/v1alpha1\n  kind: GostatPolicy\n"
     "  metadata: {name: B}\n- kind: Pod\n  apiVersion: v1\n",
     {"4:3 spec: is missing, and required", "6:14 metadata.name: must be at most 253"},
     1,
     1,
     false},
    {"a key", HEAD SPEC "  samplin: {}\n", {"7:3 spec.samplin: no such field; did you mean sampling?"}, 1, 0, false},
    {"a key, as JSON",
     "{" JSON_HEAD ",\n\"spek\": 1,\n  " JSON_SPEC "}",
     {"2:1 spek: no such field; did you mean spec?"},
     1,
     0,
     false},
    {"characters, not bytes",
     "{\"\xc3\xa4\": 1, " JSON_HEAD ", " JSON_SPEC ", \"x\": 2}",
     {"1:2 \xc3\xa4: no such field", "1:190 x: no such field"},
     1,
     0,
     false},
    {"a rule over two fields",
     HEAD SPEC "  sampling:\n    intervalSeconds: 1\n",
     {"7:3 spec.sampling.timeoutSeconds: (2 if left out) must be at most"},
     1,
     0,
     false},
    {"a rule of an item",
     HEAD SPEC "  healing:\n    actions:\n    - type: Evict\n    - type: ScaleOut\n",
     {"10:7 spec.healing.actions[1].scaleOut: is required with type ScaleOut"},
     1,
     0,
     false},
    {"a schedule",
     HEAD SPEC
     "  healing:\n    windows:\n    - {name: a, effect: Deny, durationMinutes: 1,\n       schedule: 0 0 30 2 *}\n",
     {"10:8 spec.healing.windows[0].schedule: \"0 0 30 2 *\" never comes"},
     1,
     0,
     false},
    {"a time zone",
     HEAD SPEC "  healing:\n    windows:\n    - {name: a, effect: Deny, durationMinutes: 1,\n"
               "       schedule: 0 0 * * *, timeZone: Mars/Olympus}\n",
     {"10:29 spec.healing.windows[0].timeZone: "},
     1,
     0,
     false},
    {"what YAML 1.1 reads otherwise",
     HEAD SPEC "  suspend: no\n",
     {"7:12 : kubectl reads this word or number", "7:12 spec.suspend: must be true or false"},
     1,
     0,
     false},
    {"what it reads otherwise, quoted",
     HEAD "spec:\n  selector: {matchLabels: {app: 'no'}}\n  endpoint: {pprof: {port: 6060}}\n",
     {0},
     1,
     0,
     false},
    {"numbers that it reads otherwise",
     HEAD SPEC "  sampling: {intervalSeconds: 010, timeoutSeconds: 1_0}\n",
     {"7:31 : kubectl reads", "7:52 : kubectl reads", "7:52 spec.sampling.timeoutSeconds: must be a whole number"},
     1,
     0,
     false},
    {"a key twice",
     HEAD "spec:\n  mode: Observe\n  mode: Observe\n",
     {"6:3 : the key \"mode\" comes twice here"},
     0,
     0,
     false},
    {"a key twice, as JSON",
     "{" JSON_HEAD ", \"kind\": \"GostatPolicy\",\n" JSON_SPEC "}",
     {"1:90 : has \"kind\" twice"},
     1,
     0,
     false},
    {"an anchor", HEAD "spec: &a {}\n", {"4:7 : anchors (&) are not supported"}, 0, 0, false},
    {"broken behind a good one", HEAD SPEC "---\na: [\n", {"9:1 : did not find expected node content"}, 1, 0, false},
    {"no UTF-8", "a: \xff\n", {"1:1 : YAML: at byte 3: invalid leading UTF-8 octet"}, 0, 0, false},
    {"a warning",
     HEAD SPEC "  detection: {leakProfile: Never}\n  healing: {minGrade: Proven, actions: [{type: Restart}]}\n",
     {"!8:13 spec.healing.minGrade: is Proven, which only"},
     1,
     0,
     false},
    {"all rules off",
     HEAD SPEC "  detection: {growth: {enabled: false}, surge: {enabled: false}, blocked: {enabled: false},\n"
               "    floor: {enabled: false}, baseline: {enabled: false}, resources: {enabled: false}}\n",
     {"!7:3 spec.detection: all rules are off"},
     1,
     0,
     false},
};

static void files(void **state)
{
    (void)state;
    gs_cleanup(gs_lint_free) gs_lint *l = NULL;
    assert_int_equal(gs_lint_new(&l, NULL), 0);
    for (size_t i = 0; i < GS_LEN(cases); i++) {
        gs_cleanup(gs_lint_report_done) gs_lint_report r = {0};
        size_t n = 0;
        print_message("%s\n", cases[i].name);
        gs_lint_file(l, "f", gs_str_of(cases[i].text), cases[i].strict, INT64_C(1767225600000), &r);
        for (; n < r.n; n++) {
            gs_autofree char *line = NULL;
            const gs_lint_line *f = &r.v[n];
            assert_true(
                asprintf(&line, "%s%u:%u %s: %s", f->warning ? "!" : "", f->line, f->column, f->field, f->what) > 0);
            print_message("  %s\n", line);
            assert_non_null(cases[i].findings[n]);
            assert_memory_equal(line, cases[i].findings[n], strlen(cases[i].findings[n]));
        }
        assert_null(cases[i].findings[n]);
        assert_int_equal(r.errors + r.warnings, n);
        assert_int_equal(r.policies, cases[i].policies);
        assert_int_equal(r.skipped, cases[i].skipped);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(files)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
