/* `gostat completion`, and `gostat __complete`, which its scripts ask. */
#include "base/mem.h"
#include "cli/cli.h"
#include "cli/cluster.h"
#include "cli/completion.h"
#include "cli/output.h"
#include "kube/meta.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#define OUT_MAX (1u << 20)
#define PATIENCE_S 3 /* nobody waits longer for a proposal */

/* ---- names of the cluster ---- */

typedef struct names {
    const char *kind, *prefix;
    gs_buf *out;
} names;

static const gs_kube_resource namespaces = {"", "v1", "namespaces", false};

static int on_object(void *ctx, gs_str object, gs_error *err)
{
    const names *n = ctx;
    gs_kube_meta m;
    int rc = gs_kube_meta_read(object, &m, err);
    if (rc == 0 && gs_str_starts(m.name, n->prefix))
        rc = gs_buf_addf(n->out, "%.*s\n", (int)m.name.n, m.name.p);
    return rc;
}

static enum gs_exit list_names(gs_cluster *c, void *own, gs_error *err)
{
    const names *n = own;
    bool all = gs_streq(n->kind, "NAMESPACE");
    const gs_kube_resource *r = all                             ? &namespaces
                                : gs_streq(n->kind, "POLICY")   ? &GS_POLICIES
                                : gs_streq(n->kind, "INCIDENT") ? &GS_INCIDENTS
                                                                : &GS_PODS;
    gs_cluster_list_options o = {.resource = r, .ns = all ? NULL : c->ns, .on_item = on_object, .ctx = own};
    return gs_cluster_list(c, &o, err);
}

/* "--context=x", or "--context" with a value behind it. */
static int words_of_flag(const char *word, const char *flag)
{
    size_t n = strlen(flag);
    return gs_streq(word, flag) ? 2 : gs_str_starts(gs_str_of(word), flag) && word[n] == '=' ? 1 : 0;
}

/* The flags among the words that say which cluster, and where in it. */
static void ask_cluster(char *const *words, size_t n, names *what)
{
    static const gs_subcommand asking = {.name = "__complete", .arguments = "", .common = GS_COMMON_CLUSTER};
    static const char *const flags[] = {"-n", "--namespace", "--context", "--kubeconfig"};
    char *args[16] = {(char *)(uintptr_t)asking.name};
    size_t argc = 1;
    for (size_t i = 0; i + 1 < n; i++)
        for (size_t k = 0; k < GS_LEN(flags); k++) {
            size_t taken = (size_t)words_of_flag(words[i], flags[k]);
            if (taken && i + taken < n && argc + taken < GS_LEN(args)) {
                memcpy(args + argc, words + i, taken * sizeof(char *));
                argc += taken;
            }
        }
    (void)alarm(PATIENCE_S);
    (void)gs_cluster_main(&asking, (int)argc, args, list_names, what);
    (void)alarm(0);
}

int gs_cmd_complete(int argc, char **argv)
{
    gs_cleanup(gs_buf_done) gs_buf out = GS_BUF(OUT_MAX);
    gs_output to = {.fd = STDOUT_FILENO};
    names what = {.out = &out};
    int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (null >= 0) /* a shell shows errors in the middle of the line that is typed */
        (void)dup2(null, STDERR_FILENO);
    enum gs_complete_how how = gs_complete(argv + 1, (size_t)argc - 1, &out, &what.kind, &what.prefix);
    if (what.kind)
        ask_cluster(argv + 1, (size_t)argc - 1, &what);
    (void)gs_buf_addf(&out, ":%d\n", (int)how);
    (void)gs_output_flush(&to, &out);
    return 0;
}

/* ---- scripts ---- */

static const gs_subcommand description = {
    .name = "completion",
    .arguments = "SHELL",
    .min_args = 1,
    .max_args = 1,
    .about =
        "Prints what makes a shell complete the command line of gostat: subcommands, flags, their values, and names of\n"
        "namespaces, policies, incidents and pods, which it asks the cluster for. SHELL is bash (4.4 or newer), zsh or\n"
        "fish. kubectl completes \"kubectl gostat\" by itself where a program named kubectl_complete-gostat is on PATH: make\n"
        "that a link to this one, as kubectl-gostat is.\n",
    .examples = "completion bash > /etc/bash_completion.d/gostat\n",
    .exit_ok = "printed",
};

int gs_cmd_completion(int argc, char **argv)
{
    gs_command_line line;
    gs_error err = {0};
    gs_output to = {.fd = STDOUT_FILENO};
    gs_cleanup(gs_buf_done) gs_buf out = GS_BUF(64u << 10);
    int rc = gs_command_parse(&description, argc, argv, NULL, &line, &err);
    const char *script = !rc && !line.help ? gs_completion_script(line.args[0]) : NULL;
    if (!rc && line.help)
        gs_command_help(&description, &out);
    else if (!rc && script)
        (void)gs_buf_adds(&out, script);
    else if (!rc)
        rc = gs_error_set(&err, GS_TERMINAL, "\"%.40s\" is no shell that is known: want bash, zsh or fish",
                          line.args[0]);
    (void)gs_output_flush(&to, &out);
    if (!rc && to.err.kind) {
        gs_command_complain(description.name, to.err.msg);
        return GS_EXIT_FAULT;
    }
    if (rc)
        gs_command_complain(description.name, err.msg);
    return rc ? GS_EXIT_USAGE : GS_EXIT_OK;
}
