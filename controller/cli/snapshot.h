/* `gostat snapshot`: its command line, and what it does. Main thread only. */
#ifndef GS_CLI_SNAPSHOT_H
#define GS_CLI_SNAPSHOT_H

#include "cli/command.h"
#include "core/policy.h"
#include "core/stack.h"

#define GS_SNAPSHOT_KINDS 5
/* In the order in which they are taken: what disturbs the pod least comes first. */
extern const enum gs_profile_kind gs_snapshot_order[GS_SNAPSHOT_KINDS];

typedef struct gs_snapshot_options {
    unsigned kinds; /* 1u << enum gs_profile_kind; 0: as the policy has them */
    int seconds;    /* 0: not given */
    const char *dir, *path;
    gs_port port; /* number 0 and no name: not given */
} gs_snapshot_options;

extern const gs_subcommand GS_SNAPSHOT; /* fills gs_snapshot_options */

#endif
