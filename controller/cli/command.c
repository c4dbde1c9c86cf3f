#include "cli/command.h"

#include "base/mem.h"
#include "cli/term.h"

#include <getopt.h>
#include <stdio.h>
#include <unistd.h>

#define MAX_FLAGS 32
#define FIRST_FLAG 256 /* what getopt gives back: this and the flag's place */
#define HELP_COLUMN 26

static const struct {
    unsigned of;
    gs_flag flag;
} common[] = {
    {GS_COMMON_CLUSTER, {"namespace", 'n', "NAME", "the namespace; left out: that of the context, else \"default\""}},
    {GS_COMMON_ALL, {"all-namespaces", 'A', NULL, "all namespaces"}},
    {GS_COMMON_CLUSTER, {"context", 0, "NAME", "a context of the kubeconfig; left out: its current one"}},
    {GS_COMMON_CLUSTER,
     {"kubeconfig", 0, "FILE", "left out: $KUBECONFIG, a pod's own ServiceAccount, or ~/.kube/config"}},
    {GS_COMMON_OUTPUT, {"output", 'o', "FORM", "table, the default; json; yaml: the same facts for programs"}},
    {~0u, {"help", 'h', NULL, "this text"}},
};

static const char *program = "gostat";

void gs_program_called(const char *argv0)
{
    const char *slash = strrchr(argv0, '/');
    program = gs_streq(slash ? slash + 1 : argv0, "kubectl-gostat") ? "kubectl gostat" : "gostat";
}

bool gs_program_completes(const char *argv0)
{
    const char *slash = strrchr(argv0, '/');
    return gs_streq(slash ? slash + 1 : argv0, "kubectl_complete-gostat");
}

const char *gs_program_name(void)
{
    return program;
}

bool gs_program_help(gs_output *out, gs_str text)
{
    gs_cleanup(gs_buf_done) gs_buf renamed = GS_BUF(2 * text.n + 1);
    const char *end = text.p + text.n, *next;
    for (const char *line = text.p; line < end; line = next) {
        const char *newline = memchr(line, '\n', (size_t)(end - line)), *p = line;
        next = newline ? newline + 1 : end;
        p += gs_str_starts((gs_str){p, (size_t)(next - p)}, "usage:") ? strlen("usage:") : 0;
        while (p < next && *p == ' ')
            p++;
        bool command = gs_str_starts((gs_str){p, (size_t)(next - p)}, "gostat ");
        (void)gs_buf_add(&renamed, line, (size_t)(p - line));
        if (command)
            (void)gs_buf_adds(&renamed, program);
        p += command ? strlen("gostat") : 0;
        (void)gs_buf_add(&renamed, p, (size_t)(next - p));
    }
    return gs_output_write(out, gs_buf_str(&renamed));
}

void gs_command_complain(const char *name, const char *message)
{
    gs_cleanup(gs_buf_done) gs_buf line = GS_BUF(16u << 10);
    gs_output to = {.fd = STDERR_FILENO};
    (void)gs_buf_addf(&line, "%s%s%s: ", program, name[0] ? " " : "", name);
    (void)gs_term_text(&line, gs_str_of(message), GS_TERM_ANY);
    (void)gs_buf_adds(&line, "\n");
    (void)gs_output_write(&to, gs_buf_str(&line));
}

const gs_flag *gs_command_common_flag(const gs_subcommand *s, size_t k)
{
    for (size_t i = 0; i < GS_LEN(common); i++)
        if ((common[i].of == ~0u || (common[i].of & s->common)) && k-- == 0)
            return &common[i].flag;
    return NULL;
}

/* ---- the command line ---- */

static int take_form(const char *text, enum gs_form *ret, gs_error *err)
{
    static const char *const names[] = {[GS_FORM_TABLE] = "table", [GS_FORM_JSON] = "json", [GS_FORM_YAML] = "yaml"};
    for (size_t k = 0; k < GS_LEN(names); k++)
        if (gs_streq(text, names[k])) {
            *ret = (enum gs_form)k;
            return 0;
        }
    return gs_error_set(err, GS_TERMINAL, "-o \"%.40s\": want table, json or yaml", text);
}

static int take_text(const char *flag, const char *value, const char **ret, gs_error *err)
{
    if (!value || !value[0])
        return gs_error_set(err, GS_TERMINAL, "--%s: its value is empty", flag);
    *ret = value;
    return 0;
}

static int take_common(const char *name, const char *value, gs_command_line *l, gs_error *err)
{
    if (gs_streq(name, "help"))
        l->help = true;
    else if (gs_streq(name, "all-namespaces"))
        l->all_namespaces = true;
    else if (gs_streq(name, "namespace"))
        return take_text(name, value, &l->ns, err);
    else if (gs_streq(name, "context"))
        return take_text(name, value, &l->context, err);
    else if (gs_streq(name, "kubeconfig"))
        return take_text(name, value, &l->kubeconfig, err);
    else
        return take_form(value, &l->form, err);
    return 0;
}

/* All flags of a subcommand as getopt takes them. */
typedef struct flag_set {
    const gs_flag *v[MAX_FLAGS];
    size_t n, n_own;
    struct option longs[MAX_FLAGS + 1];
    char shorts[2 * MAX_FLAGS + 3];
} flag_set;

static void add_flag(flag_set *f, const gs_flag *flag)
{
    size_t at = strlen(f->shorts);
    f->longs[f->n] = (struct option){flag->name, flag->value ? required_argument : no_argument, NULL,
                                     flag->letter ? flag->letter : FIRST_FLAG + (int)f->n};
    f->v[f->n++] = flag;
    if (flag->letter)
        (void)snprintf(f->shorts + at, sizeof f->shorts - at, "%c%s", flag->letter, flag->value ? ":" : "");
}

static void collect(const gs_subcommand *s, flag_set *f)
{
    const gs_flag *flag;
    *f = (flag_set){.shorts = ":"};
    for (flag = s->flags; flag && flag->name && f->n < MAX_FLAGS; flag++)
        add_flag(f, flag);
    f->n_own = f->n;
    for (size_t k = 0; (flag = gs_command_common_flag(s, k)) && f->n < MAX_FLAGS; k++)
        add_flag(f, flag);
}

static int wrong_flag(int c, char **argv, gs_error *err)
{
    if (c == ':')
        return gs_error_set(err, GS_TERMINAL, "flag %s needs a value", argv[optind - 1]);
    if (optopt >= FIRST_FLAG || (optopt && gs_str_starts(gs_str_of(argv[optind - 1]), "--")))
        return gs_error_set(err, GS_TERMINAL, "flag %.80s takes no value", argv[optind - 1]);
    if (optopt)
        return gs_error_set(err, GS_TERMINAL, "no such flag: -%c", optopt);
    return gs_error_set(err, GS_TERMINAL, "no such flag: %.80s", argv[optind - 1]);
}

static int take_flag(const gs_subcommand *s, const flag_set *f, int c, char **argv, void *own, gs_command_line *l,
                     gs_error *err)
{
    for (size_t k = 0; k < f->n; k++)
        if (f->longs[k].val == c) {
            const char *value = f->v[k]->value ? optarg : NULL;
            return k < f->n_own ? s->take(own, f->v[k]->name, value, err) : take_common(f->v[k]->name, value, l, err);
        }
    return wrong_flag(c, argv, err);
}

static int check_args(const gs_subcommand *s, const gs_command_line *l, gs_error *err)
{
    if (l->n_args < s->min_args)
        return gs_error_set(err, GS_TERMINAL, "%s is missing", s->arguments);
    if (l->n_args > s->max_args)
        return gs_error_set(err, GS_TERMINAL, "\"%.80s\" is one argument too many", l->args[s->max_args]);
    for (size_t k = 0; k < l->n_args; k++)
        if (!l->args[k][0])
            return gs_error_set(err, GS_TERMINAL, "%s is empty", s->arguments);
    if (l->ns && l->all_namespaces)
        return gs_error_set(err, GS_TERMINAL, "-n and -A exclude each other");
    return 0;
}

int gs_command_parse(const gs_subcommand *s, int argc, char **argv, void *own, gs_command_line *ret, gs_error *err)
{
    gs_command_line l = {0};
    flag_set f;
    int c, rc = 0;
    collect(s, &f);
    optind = 0; /* begins anew, as glibc has it */
    opterr = 0;
    while (!rc && !l.help && (c = getopt_long(argc, argv, f.shorts, f.longs, NULL)) != -1)
        rc = take_flag(s, &f, c, argv, own, &l, err);
    l.args = argv + optind;
    l.n_args = (size_t)(argc - optind);
    if (!rc && !l.help)
        rc = check_args(s, &l, err);
    if (rc)
        return rc;
    *ret = l;
    return 0;
}

/* ---- help ---- */

static void help_flag(const gs_flag *f, gs_buf *out)
{
    size_t from = out->n;
    if (f->letter)
        (void)gs_buf_addf(out, "  -%c, ", f->letter);
    else
        (void)gs_buf_adds(out, "      ");
    (void)gs_buf_addf(out, "--%s%s%s", f->name, f->value ? " " : "", f->value ? f->value : "");
    for (const char *line = f->what; line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
        if (line != f->what || out->n - from > HELP_COLUMN - 2) {
            (void)gs_buf_adds(out, "\n");
            from = out->n;
        }
        while (out->n - from < HELP_COLUMN)
            (void)gs_buf_adds(out, " ");
        (void)gs_buf_add(out, line, strcspn(line, "\n"));
    }
    (void)gs_buf_adds(out, "\n");
}

static void help_exit(const gs_subcommand *s, gs_buf *out)
{
    (void)gs_buf_adds(out, "\nexit codes:\n");
    if (s->exit_ok)
        (void)gs_buf_addf(out, "  0  %s\n", s->exit_ok);
    if (s->exit_fault)
        (void)gs_buf_addf(out, "  1  %s\n", s->exit_fault);
    if (s->common & GS_COMMON_CLUSTER)
        (void)gs_buf_adds(out, "  2  the command line or the kubeconfig is wrong\n"
                               "  3  the API server refuses these credentials, or they have expired\n"
                               "  4  gostat's CRDs are not installed in this cluster\n"
                               "  5  a right is missing; the message names it\n");
    else
        (void)gs_buf_adds(out, "  2  the command line is wrong, or a file cannot be read\n");
}

void gs_command_help(const gs_subcommand *s, gs_buf *out)
{
    const gs_flag *f;
    (void)gs_buf_addf(out, "usage: %s %s [FLAG…]%s%s\n\n%s\n", program, s->name, s->arguments[0] ? " " : "",
                      s->arguments, s->about);
    for (f = s->flags; f && f->name; f++)
        help_flag(f, out);
    for (size_t k = 0; (f = gs_command_common_flag(s, k)); k++)
        help_flag(f, out);
    if (s->examples) {
        (void)gs_buf_adds(out, "\nexamples:\n");
        for (const char *line = s->examples; *line; line += strcspn(line, "\n") + 1)
            (void)gs_buf_addf(out, "  %s %.*s\n", program, (int)strcspn(line, "\n"), line);
    }
    help_exit(s, out);
}
