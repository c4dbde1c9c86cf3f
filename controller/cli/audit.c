/* `gostat audit verify`: whether audit logs are as gostat wrote them. */
#include "codec/audit.h"
#include "base/limits.h"
#include "base/mem.h"
#include "cli/cli.h"
#include "cli/command.h"
#include "cli/output.h"
#include "cli/report_options.h"
#include "cli/term.h"
#include "wire/json_write.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <unistd.h>

#define MAX_HEADS 1000
#define MAX_PRINTED 100000 /* findings; all are counted */
#define HEAD_LEN (sizeof "sha256:" - 1 + 64)

static const char help[] =
    "usage: gostat audit verify [FLAG…] FILE…\n"
    "\n"
    "Verifies audit logs as gostat controller --audit-log and its S3 batches (…/audit/<policy>/*.jsonl) have them, in the\n"
    "order given; \"-\" is stdin. Each line holds the SHA-256 of the line before of the same policy, so that a changed byte, a\n"
    "line that is missing, out of order, added or foreign is found. A line that is there again as it was is none: a\n"
    "controller that takes over writes again what it cannot know to be written. Prints a line for each finding,\n"
    "FILE:LINE: WHAT, and the totals.\n"
    "\n"
    "What no log can tell from itself: that its last lines are missing. The policy's status has the newest one's digest:\n"
    "kubectl get gsp NAME -o jsonpath={.status.auditHead}. Where the files begin in the middle of a chain, what was before\n"
    "is not vouched for, and that is said.\n"
    "\n"
    "      --head DIGEST     a line that must be there: sha256: and 64 hex digits; repeatable, one for each policy\n"
    "  -o, --output FORM     text, the default; json: gostat.dev/audit-verify/v1, one line\n"
    "  -h, --help            this text\n"
    "\n"
    "exit codes:\n"
    "  0  whole\n"
    "  1  findings\n"
    "  2  usage error, a file that cannot be read, output that could not be written\n";

typedef struct options {
    bool help, json;
    const char *heads[MAX_HEADS];
    size_t n_heads;
    char **files;
    size_t n_files;
} options;

typedef struct printer {
    bool json;
    gs_output out;
    gs_buf text;
    gs_json_writer w;
    size_t printed;
} printer;

static void found(void *ctx, const gs_audit_finding *f)
{
    printer *p = ctx;
    if (p->printed++ >= MAX_PRINTED)
        return;
    if (p->json) {
        gs_jw_object(&p->w, NULL);
        gs_jw_str(&p->w, "file", f->file);
        gs_jw_uint(&p->w, "line", f->line);
        gs_jw_str(&p->w, "what", f->what);
        gs_jw_end(&p->w);
        return;
    }
    gs_cleanup(gs_buf_done) gs_buf line = GS_BUF(64u << 10);
    if (f->line)
        (void)gs_buf_addf(&line, "%s:%llu: %s", f->file, (unsigned long long)f->line, f->what);
    else
        (void)gs_buf_addf(&line, "%s: %s", f->file, f->what);
    (void)gs_term_text(&p->text, gs_buf_str(&line), GS_TERM_ANY);
    (void)gs_buf_adds(&p->text, "\n");
    (void)gs_output_flush(&p->out, &p->text);
}

/* Lines of any length: of one that is too long for an audit log so much that it is seen to be. */
static int read_lines(int fd, const char *name, gs_audit_check *c, gs_error *err)
{
    char line[GS_AUDIT_LINE_LEN + 1], chunk[16384];
    size_t n = 0;
    for (ssize_t got; (got = read(fd, chunk, sizeof chunk)) != 0;) {
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return gs_error_set(err, GS_TERMINAL, "read %s: %s", name, strerror(errno));
        for (ssize_t k = 0; k < got; k++) {
            if (chunk[k] == '\n') {
                gs_audit_check_line(c, (gs_str){line, n});
                n = 0;
            } else if (n < sizeof line) {
                line[n++] = chunk[k];
            }
        }
    }
    if (n)
        gs_audit_check_line(c, (gs_str){line, n});
    return 0;
}

static int read_file(const char *name, gs_audit_check *c, gs_error *err)
{
    bool from_stdin = gs_streq(name, "-");
    int fd = from_stdin ? STDIN_FILENO : open(name, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return gs_error_set(err, GS_TERMINAL, "open %s: %s", name, strerror(errno));
    gs_audit_check_file(c, from_stdin ? "stdin" : name);
    int rc = read_lines(fd, from_stdin ? "stdin" : name, c, err);
    if (!from_stdin)
        (void)close(fd);
    return rc;
}

static void print_totals(printer *p, const gs_audit_totals *t)
{
    if (p->json) {
        gs_jw_end(&p->w);
        gs_jw_uint(&p->w, "lines", t->lines);
        gs_jw_uint(&p->w, "chains", t->chains);
        gs_jw_uint(&p->w, "openChains", t->open);
        gs_jw_uint(&p->w, "repeated", t->repeated);
        gs_jw_uint(&p->w, "total", t->findings);
        gs_jw_end(&p->w);
        return;
    }
    if (t->findings > MAX_PRINTED)
        (void)gs_buf_addf(&p->text, "%llu findings more\n", (unsigned long long)(t->findings - MAX_PRINTED));
    if (t->open)
        (void)gs_buf_addf(&p->text, "%llu of the chains begin in the middle: what was before is not vouched for\n",
                          (unsigned long long)t->open);
    (void)gs_buf_addf(&p->text, "%llu lines, %llu chains, %llu repeated, %llu findings\n", (unsigned long long)t->lines,
                      (unsigned long long)t->chains, (unsigned long long)t->repeated, (unsigned long long)t->findings);
}

static int verify(const options *o, printer *p, int *ret_code, gs_error *err)
{
    gs_audit_totals totals;
    gs_audit_check *c = gs_audit_check_new(found, p);
    int rc = 0;
    if (p->json) {
        gs_jw_init(&p->w, &p->text);
        gs_jw_object(&p->w, NULL);
        gs_jw_str(&p->w, "schema", "gostat.dev/audit-verify/v1");
        gs_jw_array(&p->w, "findings");
    }
    for (size_t k = 0; k < o->n_files && !rc; k++)
        rc = read_file(o->files[k], c, err);
    for (size_t k = 0; k < o->n_heads && !rc; k++)
        gs_audit_check_head(c, o->heads[k]);
    gs_audit_check_end(c, &totals);
    if (rc)
        return rc;
    print_totals(p, &totals);
    if (p->json) {
        rc = gs_jw_finish(&p->w, err);
        (void)gs_buf_adds(&p->text, "\n");
    }
    (void)gs_output_flush(&p->out, &p->text);
    *ret_code = totals.findings ? 1 : 0;
    return rc;
}

static int take_head(options *o, const char *text, gs_error *err)
{
    if (strlen(text) != HEAD_LEN || !gs_str_starts(gs_str_of(text), "sha256:") ||
        strspn(text + 7, "0123456789abcdef") != 64)
        return gs_error_set(err, GS_TERMINAL, "--head \"%.80s\": want sha256: and 64 hex digits, as status.auditHead",
                            text);
    if (o->n_heads == MAX_HEADS)
        return gs_error_set(err, GS_TERMINAL, "--head: at most %d of them", MAX_HEADS);
    o->heads[o->n_heads++] = text;
    return 0;
}

static int take_option(int c, char **argv, options *o, gs_error *err)
{
    switch (c) {
    case 'h':
        o->help = true;
        return 0;
    case 'H':
        return take_head(o, optarg, err);
    case 'o':
        o->json = gs_streq(optarg, "json");
        if (o->json || gs_streq(optarg, "text"))
            return 0;
        return gs_error_set(err, GS_TERMINAL, "-o \"%.40s\": want text or json", optarg);
    case ':':
        return gs_error_set(err, GS_TERMINAL, "flag %s needs a value", argv[optind - 1]);
    default:
        return gs_error_set(err, GS_TERMINAL, "no such flag: %s", argv[optind - 1]);
    }
}

static int parse(int argc, char **argv, options *o, gs_error *err)
{
    static const struct option longs[] = {
        {"help", no_argument, NULL, 'h'},
        {"head", required_argument, NULL, 'H'},
        {"output", required_argument, NULL, 'o'},
        {NULL, 0, NULL, 0},
    };
    int c, rc = 0;
    optind = 0; /* begins anew, as glibc has it */
    opterr = 0;
    while (!rc && !o->help && (c = getopt_long(argc, argv, ":ho:", longs, NULL)) != -1)
        rc = take_option(c, argv, o, err);
    if (rc || o->help)
        return rc;
    if (optind == argc || !gs_streq(argv[optind], "verify"))
        return gs_error_set(err, GS_TERMINAL, "want verify and files; see gostat audit --help");
    o->files = argv + optind + 1;
    o->n_files = (size_t)(argc - optind - 1);
    size_t from_stdin = 0;
    for (size_t k = 0; k < o->n_files; k++)
        from_stdin += gs_streq(o->files[k], "-");
    if (!o->n_files)
        return gs_error_set(err, GS_TERMINAL, "verify: want the files to verify, or \"-\"; see gostat audit --help");
    return from_stdin > 1 ? gs_error_set(err, GS_TERMINAL, "stdin (\"-\") is given twice") : 0;
}

int gs_cmd_audit(int argc, char **argv)
{
    gs_autofree options *o = gs_alloc(sizeof *o);
    gs_error err = {0};
    printer p = {.out = {.fd = STDOUT_FILENO}, .text = GS_BUF(GS_MAX_REPORT_BYTES)};
    int code = 0;
    int rc = parse(argc, argv, o, &err);
    p.json = o->json;
    if (!rc && o->help)
        (void)gs_program_help(&p.out, GS_STR(help));
    else if (!rc)
        (void)verify(o, &p, &code, &err);
    gs_buf_done(&p.text);
    return gs_report_exit("audit", code, &err, &p.out);
}
