#include "cli/table.h"

#include "base/mem.h"
#include "cli/term.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#define MAX_TABLE_BYTES (64u << 20)
#define MAX_CELL_BYTES (16u << 10)
#define GAP "   "

typedef struct cell {
    size_t at, n; /* in text, made safe */
    size_t width; /* columns */
    enum gs_colour colour;
} cell;

struct gs_table {
    const gs_column *columns;
    size_t n_columns;
    gs_buf text;
    cell *cells;
    size_t n, cap;
};

gs_table *gs_table_new(const gs_column *columns, size_t n)
{
    gs_table *t = gs_alloc(sizeof *t);
    t->columns = columns;
    t->n_columns = n;
    t->text = GS_BUF(MAX_TABLE_BYTES);
    return t;
}

void gs_table_free(gs_table *t)
{
    if (!t)
        return;
    gs_buf_done(&t->text);
    free(t->cells);
    free(t);
}

void gs_table_cell(gs_table *t, gs_str text, enum gs_colour colour)
{
    size_t max = t->columns[t->n % t->n_columns].max;
    cell c = {.at = t->text.n, .colour = colour};
    c.width = gs_term_text(&t->text, text.n ? text : GS_STR("-"), max ? max : GS_TERM_ANY);
    c.n = t->text.n - c.at;
    t->cells = gs_grow(t->cells, &t->cap, t->n + 1, sizeof *t->cells);
    t->cells[t->n++] = c;
}

void gs_table_cellf(gs_table *t, enum gs_colour colour, const char *fmt, ...)
{
    char text[1024];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    gs_table_cell(t, gs_str_of(text), colour);
}

size_t gs_table_rows(const gs_table *t)
{
    return t->n / t->n_columns;
}

static const char *code(enum gs_colour colour)
{
    static const char *const codes[] = {[GS_PLAIN] = "",
                                        [GS_RED] = "\x1b[31m",
                                        [GS_YELLOW] = "\x1b[33m",
                                        [GS_GREEN] = "\x1b[32m",
                                        [GS_DIM] = "\x1b[2m"};
    return codes[colour];
}

static void coloured(gs_buf *out, gs_str safe, enum gs_colour colour, bool colours)
{
    bool on = colours && colour != GS_PLAIN;
    if (on)
        (void)gs_buf_adds(out, code(colour));
    (void)gs_buf_add(out, safe.p, safe.n);
    if (on)
        (void)gs_buf_adds(out, "\x1b[0m");
}

void gs_coloured(gs_buf *out, gs_str text, enum gs_colour colour, bool colours)
{
    gs_cleanup(gs_buf_done) gs_buf safe = GS_BUF(MAX_CELL_BYTES);
    (void)gs_term_text(&safe, text, GS_TERM_ANY);
    coloured(out, gs_buf_str(&safe), colour, colours);
}

static void spaces(gs_buf *out, size_t n)
{
    while (n--)
        (void)gs_buf_adds(out, " ");
}

/* Nothing is filled up behind the last column: a line that wraps is bad enough. */
static void print_cell(const gs_table *t, size_t column, size_t width, gs_str safe, const cell *c, bool colours,
                       gs_buf *out)
{
    bool last = column + 1 == t->n_columns;
    if (t->columns[column].right)
        spaces(out, width - c->width);
    coloured(out, safe, c->colour, colours);
    if (!t->columns[column].right && !last)
        spaces(out, width - c->width);
    (void)gs_buf_adds(out, last ? "\n" : GAP);
}

void gs_table_print(const gs_table *t, bool colours, gs_buf *out)
{
    gs_autofree size_t *widths = gs_allocn(t->n_columns, sizeof *widths);
    for (size_t k = 0; k < t->n_columns; k++)
        widths[k] = strlen(t->columns[k].title);
    for (size_t k = 0, column = 0; k < t->n; k++, column = column + 1 < t->n_columns ? column + 1 : 0)
        if (t->cells[k].width > widths[column])
            widths[column] = t->cells[k].width;
    for (size_t k = 0; k < t->n_columns; k++) {
        gs_str title = gs_str_of(t->columns[k].title);
        print_cell(t, k, widths[k], title, &(cell){.width = title.n}, colours, out);
    }
    for (size_t k = 0, column = 0; k < t->n; k++, column = column + 1 < t->n_columns ? column + 1 : 0) {
        const cell *c = &t->cells[k];
        print_cell(t, column, widths[column], (gs_str){t->text.p + c->at, c->n}, c, colours, out);
    }
}

bool gs_colours_wanted(int fd)
{
    const char *none = getenv("NO_COLOR"), *term = getenv("TERM");
    return isatty(fd) && !(none && none[0]) && term && term[0] && !gs_streq(term, "dumb");
}
