/* gostat: the table of subcommands, nothing else. */
#include "cli/cli.h"
#include "cli/command.h"
#include "operator/operator.h"

#include <errno.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

static int cmd_version(int argc, char **argv);
static int cmd_help(int argc, char **argv);

static const struct command {
    const char *group; /* of this one and those behind it; NULL: as before */
    const char *name;
    int (*run)(int argc, char **argv);
    const char *what;
} commands[] = {
    {"ask a cluster", "top", gs_cmd_top, "list pods by goroutines and growth, asked now"},
    {NULL, "incidents", gs_cmd_incidents, "list incidents: what leaks, how badly, what was done about it"},
    {NULL, "show", gs_cmd_show, "tell all of one incident: where, why, stacks, evidence, what to do"},
    {NULL, "snapshot", gs_cmd_snapshot, "take evidence of one pod now, into files, and tell what it shows"},
    {NULL, "explain", gs_cmd_explain, "tell what a policy selects, and what stands in the way of its next action"},
    {"files and processes", "watch", gs_cmd_watch, "watch plain processes for goroutine leaks, without a cluster"},
    {NULL, "analyze", gs_cmd_analyze, "tell what goroutine profiles and dumps show, from files"},
    {NULL, "diff", gs_cmd_diff, "compare two goroutine profiles of one process"},
    {NULL, "policy", gs_cmd_policy, "policy lint: check policies in files, as the cluster would"},
    {NULL, "backtest", gs_cmd_backtest, "try a policy on samples of the past, from a file or a Prometheus server"},
    {NULL, "audit", gs_cmd_audit, "verify audit logs: what was decided, in unbroken chains"},
    {"inside a cluster", "controller", gs_cmd_controller, "run the Kubernetes operator"},
    {NULL, "undo", gs_cmd_undo, "take back what healing changed: before the operator is removed"},
    {NULL, "probe", gs_cmd_probe, "ask one URL, and check what it answers"},
    {"this program", "completion", gs_cmd_completion, "print what makes bash, zsh or fish complete the command line"},
    {NULL, "version", cmd_version, "print the version"},
    {NULL, "help", cmd_help, "print this help, or that of a subcommand"},
};
#define N_COMMANDS (sizeof commands / sizeof commands[0])

static int usage_error(const char *what, const char *argument)
{
    (void)fprintf(stderr, "%s: %s%s; see %s --help\n", gs_program_name(), what, argument, gs_program_name());
    return 2;
}

/* What was printed has arrived, or its reader has had enough. */
static int flushed(void)
{
    if (fflush(stdout) == 0 || errno == EPIPE)
        return 0;
    (void)fprintf(stderr, "gostat: write to stdout: %s\n", strerror(errno));
    return 2;
}

static int print_help(void)
{
    (void)printf("gostat finds goroutine leaks in Go services, proves them and keeps the evidence.\n\n"
                 "usage: %s SUBCOMMAND [FLAG…] [ARGUMENT…]\n",
                 gs_program_name());
    for (size_t i = 0; i < N_COMMANDS; i++) {
        if (commands[i].group)
            (void)printf("\n%s:\n", commands[i].group);
        (void)printf("  %-12s %s\n", commands[i].name, commands[i].what);
    }
    (void)printf("\n%s SUBCOMMAND --help tells a subcommand's flags and exit codes.\n", gs_program_name());
    return flushed();
}

static const struct command *find_command(const char *name)
{
    for (size_t i = 0; i < N_COMMANDS; i++)
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    return NULL;
}

static int cmd_version(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "--help") == 0) {
        (void)printf("usage: gostat version\n\nPrints the version of gostat.\n");
        return flushed();
    }
    if (argc > 1)
        return usage_error("version takes no argument: ", argv[1]);
    (void)printf("gostat %s\n", GOSTAT_VERSION);
    return flushed();
}

static int cmd_help(int argc, char **argv)
{
    if (argc < 2 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)
        return print_help();
    const struct command *c = find_command(argv[1]);
    if (argc > 2)
        return usage_error("help takes one subcommand: ", argv[2]);
    if (!c)
        return usage_error("no such subcommand: ", argv[1]);
    if (c->run == cmd_help)
        return print_help();
    char name[16], flag[] = "--help", *args[] = {name, flag, NULL};
    (void)snprintf(name, sizeof name, "%s", c->name);
    return c->run(2, args);
}

int main(int argc, char **argv)
{
    (void)signal(SIGPIPE, SIG_IGN); /* a reader that went away is an error of a write, not the end of the process */
    (void)setlocale(LC_ALL, "C");
    gs_program_called(argc ? argv[0] : "");
    if (argc && gs_program_completes(argv[0])) /* kubectl asks what comes behind "kubectl gostat" */
        return gs_cmd_complete(argc, argv);
    if (argc < 2)
        return usage_error("a subcommand is missing", "");
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)
        return print_help();
    if (strcmp(argv[1], "--version") == 0) {
        argv[1] = (char[]){"version"};
        return cmd_version(argc - 1, argv + 1);
    }
    if (strcmp(argv[1], "__complete") == 0)
        return gs_cmd_complete(argc - 1, argv + 1);
    const struct command *c = find_command(argv[1]);
    if (!c)
        return usage_error(argv[1][0] == '-' ? "no such flag: " : "no such subcommand: ", argv[1]);
    return c->run(argc - 1, argv + 1);
}
