#include "cli/report_options.h"

#include "base/limits.h"
#include "base/mem.h"
#include "cli/term.h"

#include <getopt.h>
#include <unistd.h>

#define TOP_DEFAULT 20
#define TOP_MAX 1000000

enum { OPT_HELP = 'h', OPT_FORM = 'o', OPT_TOP = 256 };

static int parse_form(const char *text, bool html, enum gs_report_form *ret, gs_error *err)
{
    static const char *const names[] = {
        [GS_REPORT_TEXT] = "text", [GS_REPORT_JSON] = "json", [GS_REPORT_HTML] = "html"};
    for (size_t i = 0; i < GS_LEN(names); i++)
        if (gs_streq(text, names[i]) && (html || i != GS_REPORT_HTML)) {
            *ret = (enum gs_report_form)i;
            return 0;
        }
    return gs_error_set(err, GS_TERMINAL, "-o \"%.40s\": want %s", text, html ? "text, json or html" : "text or json");
}

static int parse_top(const char *text, size_t *ret, gs_error *err)
{
    uint64_t n;
    if (!gs_str_u64(gs_str_of(text), &n) || n > TOP_MAX)
        return gs_error_set(err, GS_TERMINAL, "--top \"%.40s\": want 1 to %d, or 0 for all", text, TOP_MAX);
    *ret = n;
    return 0;
}

static int take_option(int c, char **argv, bool html, gs_report_options *o, gs_error *err)
{
    switch (c) {
    case OPT_HELP:
        o->help = true;
        return 0;
    case OPT_FORM:
        return parse_form(optarg, html, &o->form, err);
    case OPT_TOP:
        return parse_top(optarg, &o->top, err);
    case ':':
        return gs_error_set(err, GS_TERMINAL, "flag %s needs a value", argv[optind - 1]);
    default:
        if (optopt == OPT_HELP)
            return gs_error_set(err, GS_TERMINAL, "flag --help takes no value");
        if (optopt)
            return gs_error_set(err, GS_TERMINAL, "no such flag: -%c", optopt);
        return gs_error_set(err, GS_TERMINAL, "no such flag: %s", argv[optind - 1]);
    }
}

static int check_files(const gs_report_options *o, gs_error *err)
{
    size_t from_stdin = 0;
    if (o->n_files > GS_MAX_REPORT_INPUTS)
        return gs_error_set(err, GS_TERMINAL, "%zu files: want at most %d", o->n_files, GS_MAX_REPORT_INPUTS);
    for (size_t i = 0; i < o->n_files; i++) {
        if (!o->files[i][0])
            return gs_error_set(err, GS_TERMINAL, "the name of a file is empty");
        from_stdin += gs_streq(o->files[i], "-");
    }
    return from_stdin > 1 ? gs_error_set(err, GS_TERMINAL, "stdin (\"-\") is given twice") : 0;
}

int gs_report_options_parse(int argc, char **argv, bool html, gs_report_options *ret, gs_error *err)
{
    static const struct option longs[] = {
        {"help", no_argument, NULL, OPT_HELP},
        {"output", required_argument, NULL, OPT_FORM},
        {"top", required_argument, NULL, OPT_TOP},
        {NULL, 0, NULL, 0},
    };
    gs_report_options o = {.top = TOP_DEFAULT};
    int c, rc = 0;
    optind = 0; /* begins anew, as glibc has it */
    opterr = 0;
    while (!rc && !o.help && (c = getopt_long(argc, argv, ":ho:", longs, NULL)) != -1)
        rc = take_option(c, argv, html, &o, err);
    if (rc)
        return rc;
    o.files = argv + optind;
    o.n_files = (size_t)(argc - optind);
    if (!o.help)
        rc = check_files(&o, err);
    if (!rc)
        *ret = o;
    return rc;
}

int gs_profile_files_read(const gs_report_options *o, bool keep_goroutines, gs_profile_files *ret, gs_error *err)
{
    gs_cleanup(gs_profile_files_done) gs_profile_files f = {.v = gs_allocn(o->n_files, sizeof *f.v)};
    for (; f.n < o->n_files; f.n++) {
        int rc = gs_profile_file_read(o->files[f.n], keep_goroutines, &f.v[f.n], err);
        if (rc)
            return rc;
    }
    *ret = f;
    f = (gs_profile_files){0};
    return 0;
}

void gs_profile_files_done(gs_profile_files *f)
{
    for (size_t i = 0; i < f->n; i++)
        gs_profile_file_done(&f->v[i]);
    free(f->v);
    *f = (gs_profile_files){0};
}

int gs_report_exit(const char *subcommand, int code, const gs_error *err, const gs_output *out)
{
    const gs_error *wrong = err->kind ? err : &out->err;
    if (!wrong->kind)
        return code;
    gs_cleanup(gs_buf_done) gs_buf line = GS_BUF(16 * sizeof wrong->msg);
    gs_output to = {.fd = STDERR_FILENO};
    (void)gs_buf_addf(&line, "gostat %s: ", subcommand);
    (void)gs_term_text(&line, gs_str_of(wrong->msg), GS_TERM_ANY);
    (void)gs_buf_adds(&line, "\n");
    (void)gs_output_write(&to, gs_buf_str(&line));
    return 2;
}
