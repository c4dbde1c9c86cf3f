#include "cli/lint.h"

#include "base/limits.h"
#include "base/mem.h"
#include "codec/policy_json.h"
#include "edge/zoneinfo.h"
#include "wire/json_cursor.h"
#include "wire/yaml.h"

#include <stdio.h>

typedef struct run {
    const gs_lint *lint;
    gs_lint_report *ret;
    bool strict;
    int64_t now_ms;
    const gs_yaml_document *document; /* NULL: the text itself is JSON */
    gs_str text;                      /* JSON */
    gs_str object;                    /* of which is found */
    bool warning;                     /* what is found is one */
} run;

/* ---- findings ---- */

static void add(run *r, unsigned line, unsigned column, const char *field, const char *what)
{
    gs_lint_report *to = r->ret;
    *(r->warning ? &to->warnings : &to->errors) += 1;
    if (to->n == GS_MAX_LINT_FINDINGS)
        return;
    to->v = gs_grow(to->v, &to->cap, to->n + 1, sizeof *to->v);
    to->v[to->n++] = (gs_lint_line){line, column, r->warning, gs_strdup(field), gs_strdup(what)};
}

/* The mark of what begins at this byte of the JSON. */
static const gs_yaml_mark *mark_at(const gs_yaml_document *d, size_t at)
{
    size_t low = 0, high = d->n_marks;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (d->marks[middle].json <= at)
            low = middle;
        else
            high = middle;
    }
    return &d->marks[low];
}

static void place(const run *r, size_t at, unsigned *line, unsigned *column)
{
    if (r->document) {
        const gs_yaml_mark *m = mark_at(r->document, at);
        *line = m->line;
        *column = m->column;
        return;
    }
    *line = *column = 1;
    for (size_t i = 0; i < at && i < r->text.n; i++) {
        unsigned char c = (unsigned char)r->text.p[i];
        *line += c == '\n';
        *column = c == '\n' ? 1 : *column + ((c & 0xc0) != 0x80);
    }
}

static void on_found(void *ctx, const char *field, size_t at, const char *what)
{
    run *r = ctx;
    unsigned line, column;
    place(r, at, &line, &column);
    add(r, line, column, field, what);
}

static void on_path(void *ctx, const char *field, size_t unused, const char *what)
{
    run *r = ctx;
    (void)unused;
    on_found(r, field, gs_lint_at(r->text, r->object, field), what);
}

/* ---- one object ---- */

/* Where kubectl reads something else than we do, the author has to choose. */
static void check_spelling(run *r)
{
    size_t from = (size_t)(r->object.p - r->text.p);
    for (size_t i = 0; r->document && i < r->document->n_marks; i++) {
        const gs_yaml_mark *m = &r->document->marks[i];
        if (m->odd && m->json >= from && m->json < from + r->object.n)
            add(r, m->line, m->column, "",
                "kubectl reads this word or number in another way than most (YAML 1.1: yes is true, 010 is 8); write "
                "true, false or a plain number, or put it in quotes");
    }
}

static void check_policy(run *r)
{
    gs_error err = {0};
    size_t before = r->ret->errors;
    r->ret->policies++;
    check_spelling(r);
    gs_cleanup(gs_policy_free) gs_policy *p = gs_lint_policy(r->lint, r->text, r->object, on_found, r);
    if (!p || r->ret->errors > before)
        return;
    if (gs_zoneinfo_attach(p, &err) < 0) {
        const char *colon = strstr(err.msg, ": ");
        gs_autofree char *field = gs_strndup(err.msg, colon ? (size_t)(colon - err.msg) : 0);
        on_path(r, field, 0, colon ? colon + 2 : err.msg);
        return;
    }
    r->warning = true;
    gs_lint_advise(p, r->now_ms, on_path, r);
    r->warning = false;
}

static void check_object(run *r, gs_str object);

static void check_list(run *r, gs_str object)
{
    gs_str items;
    gs_json_cursor c;
    if (!gs_json_find(object, (const char *const[]){"items", NULL}, &items))
        return;
    gs_json_cursor_init(&c, items);
    if (gs_json_peek(&c) != GS_JSON_ARRAY || !gs_json_enter_array(&c))
        return;
    for (gs_str item; gs_json_next_element(&c) && gs_json_raw(&c, &item);)
        check_object(r, item);
}

static void skip(run *r, const char *kind)
{
    char what[160];
    r->ret->skipped++;
    if (!r->strict)
        return;
    (void)snprintf(what, sizeof what, "is a %.80s, no GostatPolicy: --strict takes nothing else; name other files",
                   kind);
    on_path(r, "kind", 0, what);
}

/* What was meant to be a policy is one. */
static void check_object(run *r, gs_str object)
{
    char kind[100] = "", version[100] = "";
    r->object = object;
    if (object.p[0] != '{') {
        on_path(r, "", 0, "is no object; it must have apiVersion, kind, metadata and spec");
        return;
    }
    (void)gs_json_find_string(object, (const char *const[]){"kind", NULL}, kind, sizeof kind);
    (void)gs_json_find_string(object, (const char *const[]){"apiVersion", NULL}, version, sizeof version);
    bool ours = gs_str_starts(gs_str_of(version), "gostat.dev/");
    if (gs_streq(kind, GS_POLICY_KIND))
        check_policy(r);
    else if (gs_streq(kind, "List") || (ours && gs_streq(kind, GS_POLICY_KIND "List")))
        check_list(r, object);
    else if (!kind[0] || (ours && !gs_str_starts(gs_str_of(kind), "GostatIncident")))
        on_path(r, "kind", 0, kind[0] ? "must be GostatPolicy" : "is missing, and required; add kind: GostatPolicy");
    else
        skip(r, kind);
}

/* ---- one file ---- */

static int on_document(void *ctx, const gs_yaml_document *d, gs_error *err)
{
    run *r = ctx;
    (void)err;
    r->document = d;
    r->text = d->json;
    if (!gs_str_is(d->json, "null")) /* between two "---" there is nothing */
        check_object(r, d->json);
    return 0;
}

static bool is_json(gs_str text, gs_str *ret_value)
{
    gs_json_cursor c;
    gs_json_cursor_init(&c, text);
    return gs_json_peek(&c) == GS_JSON_OBJECT && gs_json_raw(&c, ret_value) && gs_json_cursor_finish(&c, NULL) == 0;
}

static int by_place(const void *a, const void *b)
{
    const gs_lint_line *x = a, *y = b;
    if (x->line != y->line)
        return x->line < y->line ? -1 : 1;
    return x->column < y->column ? -1 : x->column > y->column;
}

void gs_lint_file(const gs_lint *l, const char *file, gs_str text, bool strict, int64_t now_ms, gs_lint_report *ret)
{
    run r = {.lint = l, .ret = ret, .strict = strict, .now_ms = now_ms, .text = text};
    gs_yaml_mark at;
    gs_error err;
    gs_str value;
    *ret = (gs_lint_report){.file = file};
    if (is_json(text, &value))
        check_object(&r, value);
    else if (gs_yaml_stream(text, on_document, &r, &at, &err) < 0)
        add(&r, at.line, at.column, "", err.msg);
    if (ret->n)
        qsort(ret->v, ret->n, sizeof *ret->v, by_place);
}

void gs_lint_report_done(gs_lint_report *r)
{
    for (size_t i = 0; i < r->n; i++) {
        free(r->v[i].field);
        free(r->v[i].what);
    }
    free(r->v);
    *r = (gs_lint_report){0};
}
