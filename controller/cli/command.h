/* The command line of a subcommand and its --help, from one description, which shell completion reads too.
 *
 * A description is a constant. Strings of the result are those of argv. Main thread only. */
#ifndef GS_CLI_COMMAND_H
#define GS_CLI_COMMAND_H

#include "base/buf.h"
#include "cli/output.h"

/* What a subcommand that asks a cluster, or prints facts, ends with. */
enum gs_exit {
    GS_EXIT_OK = 0,
    GS_EXIT_FAULT = 1,       /* it failed; or found what it looks for, as its --help says */
    GS_EXIT_USAGE = 2,       /* the command line, the kubeconfig or a file is wrong */
    GS_EXIT_CREDENTIALS = 3, /* refused or expired */
    GS_EXIT_NO_CRDS = 4,     /* the cluster has no gostat.dev */
    GS_EXIT_RIGHTS = 5,      /* 403 */
};

enum gs_form { GS_FORM_TABLE, GS_FORM_JSON, GS_FORM_YAML };

typedef struct gs_flag {
    const char *name;  /* "open", of --open */
    char letter;       /* 'o', of -o; 0: none */
    const char *value; /* "NAME": the flag takes one; NULL: it takes none */
    const char *what;  /* for the help; '\n' begins its next line */
} gs_flag;

/* Flags that many have: bits of gs_subcommand.common. */
enum {
    GS_COMMON_CLUSTER = 1 << 0, /* -n, --context, --kubeconfig */
    GS_COMMON_ALL = 1 << 1,     /* -A */
    GS_COMMON_OUTPUT = 1 << 2,  /* -o */
};

typedef struct gs_subcommand {
    const char *name;                 /* "incidents"; "policy lint" */
    const char *arguments;            /* "INCIDENT", for the usage line; "" */
    size_t min_args, max_args;        /* beside flags */
    const char *what;                 /* one line: the table of gostat --help */
    const char *about;                /* paragraphs, '\n' at the end of each line */
    const gs_flag *flags;             /* its own, ended by a NULL name; NULL: none */
    unsigned common;                  /* flags that it takes beside */
    const char *examples;             /* lines of what follows the program's name: "incidents -A --open\n" */
    const char *exit_ok, *exit_fault; /* what 0 and 1 mean here; NULL: it never ends so */
    /* One of its own flags, by name; value NULL where it takes none. */
    int (*take)(void *own, const char *name, const char *value, gs_error *err);
} gs_subcommand;

typedef struct gs_command_line {
    bool help; /* only print the help; nothing else is set then */
    const char *ns, *context, *kubeconfig;
    bool all_namespaces;
    enum gs_form form;
    char **args;
    size_t n_args;
} gs_command_line;

/* argv[0] is the subcommand's name. -GS_TERMINAL: err says which flag, and what it wants. */
int gs_command_parse(const gs_subcommand *s, int argc, char **argv, void *own, gs_command_line *ret, gs_error *err);
void gs_command_help(const gs_subcommand *s, gs_buf *out);
/* Each common flag that s takes, --help among them; NULL behind the last. */
const gs_flag *gs_command_common_flag(const gs_subcommand *s, size_t k);

/* How the program is called: "gostat", or "kubectl gostat" where argv0 is …/kubectl-gostat. */
void gs_program_called(const char *argv0);
const char *gs_program_name(void);
/* Writes the help of a subcommand that has no description: where a line of it begins with a command, "gostat …", or "usage:
 * gostat …", it is called as the user calls the program. */
bool gs_program_help(gs_output *out, gs_str text);
/* argv0 is …/kubectl_complete-gostat, which kubectl runs to complete "kubectl gostat". */
bool gs_program_completes(const char *argv0);

/* One line on stderr, safe for a terminal: "PROGRAM NAME: message". name "": of the program itself. */
void gs_command_complain(const char *name, const char *message);

#endif
