/* Text for people: what remote programs and users named must not drive the terminal or forge lines, and a table must
 * know how wide it is. Pure; any thread. */
#ifndef GS_CLI_TERM_H
#define GS_CLI_TERM_H

#include "base/buf.h"

/* Appends text on one line: control characters, broken UTF-8, and what changes the direction of text become \x1b or
 * \u202e. At most `width` columns, cut with a '~'; returns the columns used. */
size_t gs_term_text(gs_buf *out, gs_str text, size_t width);
/* The same, filled with spaces up to `width`. */
void gs_term_cell(gs_buf *out, gs_str text, size_t width);

#define GS_TERM_ANY ((size_t)-1) /* no cut */

#endif
