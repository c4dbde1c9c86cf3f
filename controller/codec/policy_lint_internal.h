/* Between the parts of the policy linter. */
#ifndef GS_CODEC_POLICY_LINT_INTERNAL_H
#define GS_CODEC_POLICY_LINT_INTERNAL_H

#include "codec/policy_lint.h"

typedef struct gs_lint_run {
    gs_str text, object;
    gs_lint_found *found;
    void *ctx;
    size_t n; /* findings */
} gs_lint_run;

void gs_lint_say(gs_lint_run *r, const char *path, const char *what);
/* "path: what", as the decoder says it. */
void gs_lint_say_error(gs_lint_run *r, const gs_error *err);

/* Names, labels and annotations, as every object of Kubernetes must have them. */
void gs_lint_metadata(gs_lint_run *r);

#endif
