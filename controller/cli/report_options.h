/* What the command lines of `analyze` and `diff` have in common: flags, files, errors, the end. Main thread only. */
#ifndef GS_CLI_REPORT_OPTIONS_H
#define GS_CLI_REPORT_OPTIONS_H

#include "cli/report.h"

enum gs_report_form { GS_REPORT_TEXT, GS_REPORT_JSON, GS_REPORT_HTML };

typedef struct gs_report_options {
    enum gs_report_form form;
    size_t top;         /* 0: all */
    bool help;          /* only print the help */
    char *const *files; /* of argv; "-" at most once */
    size_t n_files;
} gs_report_options;

/* argv as of the subcommand. html: that form is known too. */
int gs_report_options_parse(int argc, char **argv, bool html, gs_report_options *ret, gs_error *err);

typedef struct gs_profile_files {
    gs_profile_file *v;
    size_t n;
} gs_profile_files;

/* All of them, or none. */
int gs_profile_files_read(const gs_report_options *o, bool keep_goroutines, gs_profile_files *ret, gs_error *err);
void gs_profile_files_done(gs_profile_files *f);
GS_DEFINE_CLEANUP_VALUE(gs_profile_files, gs_profile_files_done)

/* The exit code of a subcommand: `code`, or 2 where something is wrong, which is then told on stderr in one line. */
int gs_report_exit(const char *subcommand, int code, const gs_error *err, const gs_output *out);

#endif
