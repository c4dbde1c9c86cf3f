/* What can be completed on the command line: one table of all subcommands, and the answers from it. Pure functions, but for
 * names, which the caller gets. */
#ifndef GS_CLI_COMPLETION_H
#define GS_CLI_COMPLETION_H

#include "base/buf.h"

/* A subcommand. flags: "-o,--output=table|json" takes one of these words, "-f,--policy=FILE" a file, "-A,--all-namespaces"
 * nothing; ' ' between. Values: words with '|' between, FILE, DIR, NAMESPACE, POLICY, INCIDENT, POD, or TEXT, of which
 * nothing is known. args: the same for what is no flag; "" for none. */
typedef struct gs_completion {
    const char *name, *args, *flags;
} gs_completion;
extern const gs_completion gs_completions[]; /* ended by a NULL name */

/* What a shell should do beside what it is told, as kubectl and cobra have it: ":N" in the last line. */
enum gs_complete_how { GS_COMPLETE_FILES = 0, GS_COMPLETE_ONLY = 4, GS_COMPLETE_DIRS = 16 };

/* words: what stands behind the program's name, the last one as far as it is typed. Appends what fits, a line each, and
 * returns how. *ret_names: the kind of names ("POD") that fit too and *ret_prefix what they must begin with; NULL: none. */
enum gs_complete_how gs_complete(char *const *words, size_t n, gs_buf *out, const char **ret_names,
                                 const char **ret_prefix);

/* "bash", "zsh" or "fish"; NULL: no such shell. */
const char *gs_completion_script(const char *shell);

#endif
