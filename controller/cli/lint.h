/* `gostat policy lint`: what is wrong with the policies in one file, each with its line and column. Main thread only. */
#ifndef GS_CLI_LINT_H
#define GS_CLI_LINT_H

#include "codec/policy_lint.h"

typedef struct gs_lint_line {
    unsigned line, column; /* from 1; columns are characters */
    bool warning;          /* the cluster takes it, and it will not do what it says */
    char *field;           /* "" where it is about none */
    char *what;
} gs_lint_line;

typedef struct gs_lint_report {
    const char *file; /* as named; the caller's */
    gs_lint_line *v;  /* by line and column; at most GS_MAX_LINT_FINDINGS */
    size_t n, cap;
    size_t policies, skipped; /* objects that were checked, and others */
    size_t errors, warnings;  /* those beyond the cap count, too */
} gs_lint_report;

/* text: YAML or JSON, any number of documents; List objects are looked into. strict: what is no policy is an error.
 * now_ms: wall. */
void gs_lint_file(const gs_lint *l, const char *file, gs_str text, bool strict, int64_t now_ms, gs_lint_report *ret);
void gs_lint_report_done(gs_lint_report *r);
GS_DEFINE_CLEANUP_VALUE(gs_lint_report, gs_lint_report_done)

#endif
