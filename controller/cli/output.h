/* What a subcommand prints while it runs: whole lines, written at once, to a descriptor whose reader may go away.
 * A plain value; the descriptor is the caller's. One thread at a time. */
#ifndef GS_CLI_OUTPUT_H
#define GS_CLI_OUTPUT_H

#include "base/buf.h"

typedef struct gs_output {
    int fd;
    bool closed;  /* the reader is gone: nothing is written any more, and that is no failure */
    gs_error err; /* of the first write that failed otherwise; then nothing is written any more either */
} gs_output;

/* Writes all of it. False where nothing can be written any more, now or since earlier. */
bool gs_output_write(gs_output *o, gs_str bytes);

/* Writes what was collected, and begins anew. */
bool gs_output_flush(gs_output *o, gs_buf *collected);

/* The whole of a file, or of stdin for "-"; at most max bytes. */
int gs_read_file(const char *path, size_t max, gs_buf *ret, gs_error *err);

#endif
