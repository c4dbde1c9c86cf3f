/* A goroutine profile from a file, of any form that codec/goroutine_dump.h reads. The file goes through a buffer of fixed
 * size and is never held whole. Any thread. */
#ifndef GS_CLI_PROFILE_FILE_H
#define GS_CLI_PROFILE_FILE_H

#include "codec/goroutine_dump.h"

typedef struct gs_profile_file {
    const char *name; /* as given; the caller's */
    enum gs_dump_format format;
    uint64_t bytes;      /* as read, packed ones as they are */
    gs_profile *profile; /* owned */
} gs_profile_file;

/* path "-" is stdin. Errors begin with the file's name: -GS_NOT_FOUND where there is none, else those of
 * gs_dump_feed. */
int gs_profile_file_read(const char *path, bool keep_goroutines, gs_profile_file *ret, gs_error *err);
void gs_profile_file_done(gs_profile_file *f);
GS_DEFINE_CLEANUP_VALUE(gs_profile_file, gs_profile_file_done)

const char *gs_dump_format_name(enum gs_dump_format f); /* "pprof" "debug=1" "debug=2" */

#endif
