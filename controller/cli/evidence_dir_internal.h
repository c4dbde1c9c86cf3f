/* What the files of the evidence directory share; nobody outside evidence_*.c includes this.
 *
 *   evidence_dir.c  the directory, and profiles that the engine has
 *   evidence_take.c profiles that are taken from a process, streamed into a file */
#ifndef GS_CLI_EVIDENCE_DIR_INTERNAL_H
#define GS_CLI_EVIDENCE_DIR_INTERNAL_H

#include "cli/evidence_dir.h"

#include <sys/queue.h>

#define GS_EVIDENCE_METADATA_MAX (256u << 10)
#define GS_EVIDENCE_METADATA_SUFFIX ".json"

struct gs_evidence_dir {
    int fd;
    gs_workers *workers;
    gs_scraper *scraper;
    struct job *jobs;         /* evidence_dir.c */
    LIST_HEAD(, taken) takes; /* evidence_take.c: under way */
};

/* Any thread. Writes all of it, without fsync; -1 and errno. */
int gs_evidence_write_all(int fd, gs_str bytes);
/* The directory that name lies in below root, each part made where it is missing; *ret_base is the last part of name. */
int gs_evidence_open_parent(int root, const char *name, const char **ret_base, gs_error *err);
/* The whole file: written under another name, read back and compared, and put in place. */
int gs_evidence_write_in(int parent, const char *base, gs_str bytes, gs_error *err);
/* Kind, pod, time and name of what is to be stored. */
void gs_evidence_describe(gs_evidence *ret, const gs_incident *i, const char *pod, enum gs_profile_kind kind,
                          int64_t wall_ms);
/* Its name with GS_EVIDENCE_METADATA_SUFFIX in place of its own suffix; the caller's. */
char *gs_evidence_metadata_name(const char *name, enum gs_profile_kind kind);

void gs_evidence_take(void *ctx, const gs_policy *p, const gs_incident *i, const char *pod, const gs_endpoint *e,
                      enum gs_profile_kind kind, int seconds, int64_t wall_ms,
                      void (*done)(void *arg, const gs_evidence *e, const gs_error *err), void *arg);
void gs_evidence_forget(void *ctx, void *arg);
void gs_evidence_forget_all(gs_evidence_dir *d);

#endif
