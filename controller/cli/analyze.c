/* `gostat analyze`: what stands in goroutine profiles, from files. */
#include "base/limits.h"
#include "cli/cli.h"
#include "cli/command.h"
#include "cli/report_options.h"
#include "core/cluster.h"

#include <unistd.h>

#define HELP_MAX (64u << 10)

static void usage(gs_buf *out)
{
    (void)gs_buf_addf(
        out,
        "usage: gostat analyze [FLAG…] FILE…\n"
        "\n"
        "Tells what the goroutines of Go processes are stuck in, the worst first. A FILE is a goroutine profile in any\n"
        "form, found by its content; \"-\" is stdin:\n"
        "  goroutine or goroutineleak, protobuf, packed with gzip or not (debug=0)\n"
        "  goroutine?debug=1: stacks with counts; it leaves out the frames that tell a wait for a channel or in select\n"
        "  from a running goroutine, so take debug=0 where you can\n"
        "  goroutine?debug=2: a block for each goroutine; also the output of a crash or of SIGQUIT, with lines before it\n"
        "Several files, for example of all pods, are summed by pattern: give one profile of each process.\n"
        "\n"
        "  -o, --output FORM     text: for people, the default; json: gostat.dev/report/v1, one line; html: a page\n"
        "                        that needs nothing from elsewhere\n"
        "      --top N           this many patterns and packages, 1 to 1000000; 0: all; left out: 20\n"
        "  -h, --help            this text\n");
}

static void meaning(gs_buf *out)
{
    (void)gs_buf_addf(
        out,
        "\n"
        "What is told (formulas: controller/core/score.h, clustering: core/cluster.h):\n"
        "  site       innermost function of the program's own code, and the function that the goroutine began in\n"
        "  pattern    sites whose stacks are alike, under the id of the site with most goroutines; the id is the same\n"
        "             in every profile, process and release\n"
        "  score      0 to 1, the mean over the goroutines of\n"
        "             0.4 * min(frames / 64, 1) + 0.35 * (1 if blocked else 0.2) + 0.25 * (1 - exp(-wait_ms / 30000));\n"
        "             only debug=2 tells waits, elsewhere they count as 0, so that the score is at most 0.75\n"
        "  risk       Low below 0.35, High from 0.7, else Medium\n"
        "  order      by score times count\n"
        "  boundary   which boundary of the code broke: Lock (mutex, semaphore, WaitGroup), Communication (channel,\n"
        "             select), Timeout (IO or a timer without an end), Reference (nothing is waited for)\n"
        "  waiting    whole minutes, as the runtime counts them, from debug=2 only\n"
        "  labels     pprof labels, the three largest combinations; without a label \"route\", the \"handler\" that\n"
        "             serves the request\n");
}

static void exit_codes(gs_buf *out, uint64_t blocked_from)
{
    (void)gs_buf_addf(
        out,
        "\n"
        "exit codes:\n"
        "  0  nothing found\n"
        "  1  found: a pattern of risk High with at least %d goroutines; or at least %llu goroutines of one file blocked\n"
        "     at one site (detection.blocked's default); or what a goroutineleak profile names, but for select {}. What\n"
        "     a single profile shows may be load: compare two with gostat diff before you act\n"
        "  2  usage error, a file that cannot be read or is no goroutine profile (one line on stderr says which, and\n"
        "     what was expected where; nothing is reported of the others), output that could not be written\n"
        "A dump that is cut off, as the runtime does at 64 MiB, is told as far as it goes, and marked truncated.\n"
        "Limits: %d files; of one profile the %u largest sites, and %u different stacks.\n",
        GS_CLUSTER_MIN_WEIGHT, (unsigned long long)blocked_from, GS_MAX_REPORT_INPUTS, GS_MAX_PROFILE_SITES,
        GS_MAX_PROFILE_STACKS);
}

static void print_help(gs_output *out)
{
    gs_cleanup(gs_buf_done) gs_buf text = GS_BUF(HELP_MAX);
    usage(&text);
    meaning(&text);
    exit_codes(&text, gs_report_blocked_from());
    (void)gs_program_help(out, gs_buf_str(&text));
}

static int print(const gs_report *r, const gs_report_options *o, gs_output *out, gs_error *err)
{
    gs_cleanup(gs_buf_done) gs_buf json = GS_BUF(GS_MAX_REPORT_BYTES);
    if (o->form == GS_REPORT_HTML) {
        gs_report_html(r, o->top, out);
        return 0;
    }
    if (o->form == GS_REPORT_TEXT) {
        gs_report_text(r, o->top, out);
        return 0;
    }
    int rc = gs_report_json(r, o->top, &json, err);
    if (rc)
        return gs_error_wrap(err, GS_NO_MEMORY, "the report, --top %zu", o->top);
    (void)gs_output_flush(out, &json);
    return 0;
}

static int analyze(const gs_report_options *o, gs_output *out, int *ret_code, gs_error *err)
{
    gs_cleanup(gs_profile_files_done) gs_profile_files files = {0};
    gs_cleanup(gs_report_done) gs_report r = {0};
    if (o->n_files == 0)
        return gs_error_set(err, GS_TERMINAL, "a FILE is missing; see gostat analyze --help");
    int rc = gs_profile_files_read(o, false, &files, err);
    if (rc)
        return rc;
    gs_report_make(files.v, files.n, &r);
    *ret_code = r.found ? 1 : 0;
    return print(&r, o, out, err);
}

int gs_cmd_analyze(int argc, char **argv)
{
    gs_report_options o = {0};
    gs_error err = {0};
    gs_output out = {.fd = STDOUT_FILENO};
    int code = 0;
    int rc = gs_report_options_parse(argc, argv, true, &o, &err);
    if (!rc && o.help)
        print_help(&out);
    else if (!rc)
        (void)analyze(&o, &out, &code, &err);
    return gs_report_exit("analyze", code, &err, &out);
}
