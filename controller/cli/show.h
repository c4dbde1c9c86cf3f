/* What `gostat show` tells of one incident. Shared by show*.c; nobody else includes it. */
#ifndef GS_CLI_SHOW_H
#define GS_CLI_SHOW_H

#include "cli/incidents.h"

#define GS_SHOW_STEPS 6

typedef struct gs_shown {
    const gs_listed *l;
    gs_policy *policy;                     /* that watches it; NULL: gone, not readable, or not ours to read */
    char policy_missing[520];              /* why it is NULL */
    char *links[GS_MAX_INCIDENT_EVIDENCE]; /* with --links; of evidence[k] */
    int link_s;                            /* how long they are good for */
    char steps[GS_SHOW_STEPS][640];        /* what to do next */
    size_t n_steps;
} gs_shown;

/* show.c: "s3://bucket/key"; the key alone where the bucket is not known. */
#define GS_S3_NAME_LEN 1100
void gs_show_s3(const gs_shown *s, const gs_evidence *e, char ret[GS_S3_NAME_LEN]);
/* The command that opens a file of this kind, without the file's name: "go tool pprof". */
const char *gs_show_opener(const char *kind);

/* show_words.c: what the words of the API mean, for people. */
const char *gs_grade_words(enum gs_grade g);
const char *gs_boundary_words(enum gs_boundary b);
void gs_show_steps(gs_shown *s); /* fills in steps */

/* show_text.c, show_json.c */
void gs_show_text(gs_cluster *c, const gs_shown *s);
enum gs_exit gs_show_json(gs_cluster *c, const gs_shown *s, gs_error *err);

#endif
