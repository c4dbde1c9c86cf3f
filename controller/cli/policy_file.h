/* A GostatPolicy from a file: YAML or JSON, with no API server to apply defaults and bounds, and nothing that the selector
 * could select from. Main thread only. */
#ifndef GS_CLI_POLICY_FILE_H
#define GS_CLI_POLICY_FILE_H

#include "base/err.h"
#include "core/policy.h"

/* path "-" is stdin. Errors begin with "policy FILE"; a suspended policy is one, since nothing would be sampled. */
int gs_policy_file_read(const char *path, gs_policy **ret, gs_error *err);

#endif
