/* A table for people: rows of cells, aligned, safe for a terminal. A heap object of its owner; one thread at a time. */
#ifndef GS_CLI_TABLE_H
#define GS_CLI_TABLE_H

#include "base/buf.h"

enum gs_colour { GS_PLAIN, GS_RED, GS_YELLOW, GS_GREEN, GS_DIM };

typedef struct gs_column {
    const char *title; /* in capitals */
    bool right;        /* numbers */
    size_t max;        /* columns; a longer cell is cut with '~'. 0: no cut */
} gs_column;

typedef struct gs_table gs_table;

/* columns must outlive the table. */
gs_table *gs_table_new(const gs_column *columns, size_t n);
void gs_table_free(gs_table *t);
GS_DEFINE_CLEANUP(gs_table *, gs_table_free)

/* The next cell; behind the last one of a row the next row begins. Empty text is shown as "-". */
void gs_table_cell(gs_table *t, gs_str text, enum gs_colour colour);
void gs_table_cellf(gs_table *t, enum gs_colour colour, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
size_t gs_table_rows(const gs_table *t);
/* Titles and rows; a cell's row is complete. */
void gs_table_print(const gs_table *t, bool colours, gs_buf *out);

/* Text in a colour, where there are any. The text is made safe. */
void gs_coloured(gs_buf *out, gs_str text, enum gs_colour colour, bool colours);
/* fd is a terminal that shows them, and NO_COLOR (no-color.org) is not set. */
bool gs_colours_wanted(int fd);

#endif
