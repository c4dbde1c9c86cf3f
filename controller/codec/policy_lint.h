/* Everything that is wrong with a GostatPolicy, told before there is a cluster: by the rules of the API server (the CRD
 * that is built in, and what every object's metadata must be) and of the controller (codec/policy_json.h), and what is
 * allowed but will not do what it says. Pure functions; a gs_lint is read-only once made, so any thread may use it. */
#ifndef GS_CODEC_POLICY_LINT_H
#define GS_CODEC_POLICY_LINT_H

#include "base/cleanup.h"
#include "base/err.h"
#include "core/policy.h"

typedef struct gs_lint gs_lint;

/* -GS_TERMINAL: the CRD that is built in cannot be used. */
int gs_lint_new(gs_lint **ret, gs_error *err);
void gs_lint_free(gs_lint *l);
GS_DEFINE_CLEANUP(gs_lint *, gs_lint_free)

/* path: "spec.sampling.intervalSeconds", or "" for the whole; at: the byte of the text that it is about. Both live during
 * the call. */
typedef void gs_lint_found(void *ctx, const char *path, size_t at, const char *what);

/* object: valid JSON, a part of text, of kind GostatPolicy or what was meant to be one. Findings of the schema all come;
 * of the rules over several fields the first one does, once the schema has none. Returns the policy where nothing was
 * found, else NULL; the caller's. */
gs_policy *gs_lint_policy(const gs_lint *l, gs_str text, gs_str object, gs_lint_found *found, void *ctx);

/* Where a path begins in the text: its last key, or item; what it would stand in where it is not there. */
size_t gs_lint_at(gs_str text, gs_str object, const char *path);

/* What contradicts itself: each is allowed, and keeps the policy from doing what it says. The windows have their zones;
 * now_ms: wall, from when on windows are looked at. `at` is 0 in each finding. */
void gs_lint_advise(const gs_policy *p, int64_t now_ms, gs_lint_found *found, void *ctx);

#endif
