/* `gostat diff`: what two goroutine profiles of one process have not in common, from files. */
#include "base/limits.h"
#include "cli/cli.h"
#include "cli/command.h"
#include "cli/diff.h"
#include "cli/report_options.h"
#include "core/detect.h"

#include <unistd.h>

#define HELP_MAX (64u << 10)

static void print_help(gs_output *out)
{
    gs_cleanup(gs_buf_done) gs_buf text = GS_BUF(HELP_MAX);
    (void)gs_buf_addf(
        &text,
        "usage: gostat diff [FLAG…] OLD NEW\n"
        "\n"
        "Compares two goroutine profiles of one process, site by site (the innermost function of the program's own code\n"
        "and the function that the goroutine began in): what grew, appeared, shrank, went, and what stayed as it was.\n"
        "Any form that gostat analyze reads, also two different ones; \"-\" is stdin.\n"
        "Where both are goroutine?debug=2, also by goroutine id: how many are at a site in both dumps, only in OLD, only\n"
        "in NEW, and which stayed there. A site that grows while its earlier goroutines stay leaks; one whose goroutines\n"
        "are others each time is load.\n"
        "\n"
        "  -o, --output FORM     text: for people, the default; json: gostat.dev/diff/v1, one line\n"
        "      --top N           this many sites of each change, 1 to 1000000; 0: all; left out: 20\n"
        "  -h, --help            this text\n"
        "\n"
        "exit codes:\n"
        "  0  no site grew\n"
        "  1  a site grew, or appeared, by at least %d goroutines\n"
        "  2  usage error, a file that cannot be read or is no goroutine profile (one line on stderr says which, and\n"
        "     what was expected where), a goroutineleak profile beside another kind, output that could not be written\n"
        "A dump that is cut off is compared as far as it goes, and marked truncated: what is missing there may seem to\n"
        "have gone from NEW, or to have appeared since OLD. Limits: of one profile the %u largest sites.\n",
        GS_MIN_RISE, GS_MAX_PROFILE_SITES);
    (void)gs_program_help(out, gs_buf_str(&text));
}

static int print(const gs_diff *d, const gs_report_options *o, gs_output *out, gs_error *err)
{
    gs_cleanup(gs_buf_done) gs_buf json = GS_BUF(GS_MAX_REPORT_BYTES);
    if (o->form == GS_REPORT_TEXT) {
        gs_diff_text(d, o->top, out);
        return 0;
    }
    int rc = gs_diff_json(d, o->top, &json, err);
    if (rc)
        return gs_error_wrap(err, GS_NO_MEMORY, "the comparison, --top %zu", o->top);
    (void)gs_output_flush(out, &json);
    return 0;
}

static int compare(const gs_report_options *o, gs_output *out, int *ret_code, gs_error *err)
{
    gs_cleanup(gs_profile_files_done) gs_profile_files files = {0};
    gs_cleanup(gs_diff_done) gs_diff d = {0};
    if (o->n_files != 2)
        return gs_error_set(err, GS_TERMINAL, "%zu file%s: want two, OLD and NEW; see gostat diff --help", o->n_files,
                            o->n_files == 1 ? "" : "s");
    int rc = gs_profile_files_read(o, true, &files, err);
    if (!rc)
        rc = gs_diff_make(&files.v[0], &files.v[1], &d, err);
    if (rc)
        return rc;
    *ret_code = d.most_risen >= GS_MIN_RISE ? 1 : 0;
    return print(&d, o, out, err);
}

int gs_cmd_diff(int argc, char **argv)
{
    gs_report_options o = {0};
    gs_error err = {0};
    gs_output out = {.fd = STDOUT_FILENO};
    int code = 0;
    int rc = gs_report_options_parse(argc, argv, false, &o, &err);
    if (!rc && o.help)
        print_help(&out);
    else if (!rc)
        (void)compare(&o, &out, &code, &err);
    return gs_report_exit("diff", code, &err, &out);
}
