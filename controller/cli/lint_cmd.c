/* `gostat policy`: what is done with policies in files. */
#include "base/clock.h"
#include "base/limits.h"
#include "cli/cli.h"
#include "cli/command.h"
#include "cli/lint.h"
#include "cli/output.h"
#include "cli/term.h"
#include "edge/zoneinfo.h"
#include "wire/json_write.h"

#include <stdio.h>
#include <unistd.h>

typedef struct options {
    bool json, strict;
} options;

static const gs_flag flags[] = {
    {"output", 'o', "FORM", "text, the default: FILE:LINE:COLUMN: field: what is wrong; json: gostat.dev/lint/v1"},
    {"strict", 0, NULL, "warnings, and objects that are no GostatPolicy, are errors too"},
    {0},
};

static int take(void *own, const char *name, const char *value, gs_error *err)
{
    options *o = own;
    if (gs_streq(name, "strict"))
        o->strict = true;
    else if (gs_streq(value, "json") || gs_streq(value, "text"))
        o->json = gs_streq(value, "json");
    else
        return gs_error_set(err, GS_TERMINAL, "-o \"%.40s\": want text or json", value);
    return 0;
}

static const gs_subcommand description = {
    .name = "policy lint",
    .arguments = "FILE…",
    .min_args = 1,
    .max_args = SIZE_MAX,
    .about =
        "Checks GostatPolicy objects in files, with no cluster: by the CustomResourceDefinition of this version (names,\n"
        "types, ranges, required fields, rules over several fields), and by what the controller asks beside it (schedules\n"
        "that no date matches, time zones). A FILE is YAML or JSON with any number of documents, \"-\" is stdin; other\n"
        "objects are skipped. What is allowed, but keeps the policy from doing what it says, is a warning.\n"
        "Anchors, aliases and merge keys (<<) are refused, as in all files that gostat reads.\n",
    .flags = flags,
    .examples = "policy lint deploy/*.yaml\n"
                "policy lint --strict -o json policy.yaml\n",
    .exit_ok = "no errors; warnings may be told",
    .exit_fault = "errors were found; with --strict, warnings count",
    .take = take,
};

static void print_text(const gs_lint_report *r, gs_output *out)
{
    gs_cleanup(gs_buf_done) gs_buf line = GS_BUF(64u << 10);
    for (size_t i = 0; i < r->n; i++) {
        const gs_lint_line *l = &r->v[i];
        (void)gs_term_text(&line, gs_str_of(r->file), GS_TERM_ANY);
        (void)gs_buf_addf(&line, ":%u:%u: %s", l->line, l->column, l->warning ? "warning: " : "");
        if (l->field[0]) {
            (void)gs_term_text(&line, gs_str_of(l->field), GS_TERM_ANY);
            (void)gs_buf_adds(&line, ": ");
        }
        (void)gs_term_text(&line, gs_str_of(l->what), GS_TERM_ANY);
        (void)gs_buf_adds(&line, "\n");
        (void)gs_output_flush(out, &line);
    }
}

static void write_json(const gs_lint_report *r, gs_json_writer *w)
{
    for (size_t i = 0; i < r->n; i++) {
        const gs_lint_line *l = &r->v[i];
        gs_jw_object(w, NULL);
        gs_jw_str(w, "file", r->file);
        gs_jw_uint(w, "line", l->line);
        gs_jw_uint(w, "column", l->column);
        gs_jw_str(w, "level", l->warning ? "warning" : "error");
        gs_jw_str(w, "field", l->field);
        gs_jw_str(w, "message", l->what);
        gs_jw_end(w);
    }
}

typedef struct totals {
    size_t policies, skipped, errors, warnings, told;
    bool unreadable;
} totals;

static void lint_one(const gs_lint *l, const options *o, const char *file, totals *t, gs_json_writer *w, gs_output *out)
{
    gs_cleanup(gs_buf_done) gs_buf text = GS_BUF(0);
    gs_cleanup(gs_lint_report_done) gs_lint_report r = {0};
    const gs_clock clock = gs_clock_system();
    const char *shown = gs_streq(file, "-") ? "stdin" : file;
    gs_error err;
    if (gs_read_file(file, GS_MAX_YAML_BYTES, &text, &err)) {
        gs_command_complain(description.name, err.msg);
        t->unreadable = true;
        return;
    }
    gs_lint_file(l, shown, gs_buf_str(&text), o->strict, gs_wall(&clock), &r);
    t->policies += r.policies;
    t->skipped += r.skipped;
    t->errors += r.errors;
    t->warnings += r.warnings;
    t->told += r.n;
    if (o->json)
        write_json(&r, w);
    else
        print_text(&r, out);
}

static void add_count(gs_buf *line, size_t n, const char *what)
{
    (void)gs_buf_addf(line, "%s%zu %s%s", line->n ? ", " : "", n, what, n == 1 ? "" : "s");
}

static void sum_up(const totals *t)
{
    gs_cleanup(gs_buf_done) gs_buf line = GS_BUF(512);
    if (t->policies == 1)
        (void)gs_buf_adds(&line, "1 policy");
    else
        (void)gs_buf_addf(&line, "%zu policies", t->policies);
    add_count(&line, t->errors, "error");
    add_count(&line, t->warnings, "warning");
    if (t->skipped)
        (void)gs_buf_addf(&line, "; %zu other object%s skipped", t->skipped, t->skipped == 1 ? " was" : "s were");
    if (t->told < t->errors + t->warnings)
        (void)gs_buf_addf(&line, "; the first %d of each file are told", GS_MAX_LINT_FINDINGS);
    gs_command_complain(description.name, line.p);
}

static int lint(const options *o, const gs_command_line *line, gs_output *out, gs_error *err)
{
    gs_cleanup(gs_lint_free) gs_lint *l = NULL;
    gs_cleanup(gs_buf_done) gs_buf json = GS_BUF(GS_MAX_LINT_BYTES);
    gs_json_writer w;
    totals t = {0};
    if (gs_lint_new(&l, err))
        return GS_EXIT_FAULT;
    gs_jw_init(&w, &json);
    gs_jw_object(&w, NULL);
    gs_jw_str(&w, "schema", "gostat.dev/lint/v1");
    gs_jw_array(&w, "findings");
    for (size_t i = 0; i < line->n_args; i++)
        lint_one(l, o, line->args[i], &t, &w, out);
    gs_jw_end(&w);
    gs_jw_uint(&w, "policies", t.policies);
    gs_jw_uint(&w, "skipped", t.skipped);
    gs_jw_uint(&w, "errors", t.errors);
    gs_jw_uint(&w, "warnings", t.warnings);
    gs_jw_end(&w);
    if (o->json && (gs_jw_finish(&w, err) || gs_buf_adds(&json, "\n")))
        return GS_EXIT_FAULT;
    if (o->json)
        (void)gs_output_flush(out, &json);
    else if (!t.unreadable || t.policies)
        sum_up(&t);
    gs_zoneinfo_free();
    if (t.unreadable)
        return GS_EXIT_USAGE;
    return t.errors || (o->strict && t.warnings) ? GS_EXIT_FAULT : GS_EXIT_OK;
}

static int cmd_lint(int argc, char **argv)
{
    options o = {0};
    gs_command_line line;
    gs_error err = {0};
    gs_output out = {.fd = STDOUT_FILENO};
    gs_cleanup(gs_buf_done) gs_buf help = GS_BUF(64u << 10);
    int code = GS_EXIT_USAGE;
    if (gs_command_parse(&description, argc, argv, &o, &line, &err) == 0 && !line.help) {
        code = lint(&o, &line, &out, &err);
    } else if (!err.kind) {
        gs_command_help(&description, &help);
        (void)gs_output_flush(&out, &help);
        code = GS_EXIT_OK;
    }
    if (!err.kind && out.err.kind) {
        err = out.err;
        code = GS_EXIT_FAULT;
    }
    if (err.kind)
        gs_command_complain(description.name, err.msg);
    return code;
}

int gs_cmd_policy(int argc, char **argv)
{
    bool help = argc == 2 && (gs_streq(argv[1], "--help") || gs_streq(argv[1], "-h"));
    if (argc > 1 && gs_streq(argv[1], "lint"))
        return cmd_lint(argc - 1, argv + 1);
    if (help)
        return cmd_lint(2, argv);
    gs_command_complain("policy", argc > 1 ? "there is only: policy lint; see policy lint --help"
                                           : "a subcommand is missing: policy lint; see policy lint --help");
    return GS_EXIT_USAGE;
}
