/* Whatever a file holds is told with a place in it; and what is found fine is a policy that the decoder takes. */
#include "base/limits.h"
#include "codec/policy_json.h"
#include "codec/policy_lint.h"
#include "fuzz.h"
#include "wire/json_cursor.h"
#include "wire/yaml.h"

typedef struct seen {
    gs_str text;
    size_t n;
} seen;

static void on_found(void *ctx, const char *path, size_t at, const char *what)
{
    seen *s = ctx;
    FUZZ_CHECK(path && what[0] && at < s->text.n);
    s->n++;
}

static void check(const gs_lint *l, gs_str json)
{
    seen s = {json, 0};
    gs_cleanup(gs_policy_free) gs_policy *p = gs_lint_policy(l, json, json, on_found, &s), *again = NULL;
    FUZZ_CHECK((p != NULL) == (s.n == 0));
    if (p) {
        FUZZ_CHECK(gs_policy_from_json(json, true, true, &again, NULL) == 0);
        s.n = 0;
        gs_lint_advise(p, INT64_C(1767225600000), on_found, &s);
    }
}

static int on_document(void *ctx, const gs_yaml_document *d, gs_error *err)
{
    (void)err;
    for (size_t i = 0; i < d->n_marks; i++) {
        FUZZ_CHECK(d->marks[i].line > 0 && d->marks[i].column > 0 && d->marks[i].json <= d->json.n);
        FUZZ_CHECK(i == 0 || d->marks[i].json > d->marks[i - 1].json);
    }
    check(ctx, d->json);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static gs_lint *l;
    gs_yaml_mark at;
    gs_error err;
    if (!l)
        FUZZ_CHECK(gs_lint_new(&l, &err) == 0);
    gs_str text = {(const char *)data, size};
    gs_json_cursor c;
    gs_json_cursor_init(&c, text);
    if (gs_json_cursor_finish(&c, NULL) == 0 && size && data[0] == '{')
        check(l, text);
    (void)gs_yaml_stream(text, on_document, l, &at, &err);
    return 0;
}
