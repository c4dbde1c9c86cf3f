/* What the writers of notices share; nobody outside notice*.c includes this.
 *
 *   notice.c              the lines of a message, in the style of a service
 *   notice_text.c         foreign text: escaped, and cut so that it fits
 *   notice_<service>.c    the body around them */
#ifndef GS_CODEC_NOTICE_INTERNAL_H
#define GS_CODEC_NOTICE_INTERNAL_H

#include "codec/notice.h"
#include "wire/json_write.h"

/* How a service marks up its texts. All lengths are bytes as they stand in the text: no service counts more than those. */
typedef struct gs_notice_style {
    const char *line, *bold, *unbold; /* before a line; around its label */
    const char *code;                 /* around foreign text: nothing in it is markup any more */
    /* What stands for one character that may not stand for itself, "" where it goes; NULL: it may. */
    const char *(*instead)(char c);
} gs_notice_style;
extern const gs_notice_style gs_style_wecom, gs_style_slack, gs_style_plain;

/* A text that never gets longer than max. */
typedef struct gs_notice_text {
    const gs_notice_style *style;
    gs_buf *out;
    size_t max;
} gs_notice_text;

size_t gs_notice_room(const gs_notice_text *t);
/* Our own words: whole, or not at all. */
void gs_notice_words(gs_notice_text *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Foreign text without marks around it, in at most max bytes: line breaks and other controls become spaces, and bytes that
 * are no UTF-8 a '?'. What is cut ends in "…". */
void gs_notice_foreign(gs_notice_text *t, gs_str s, size_t max);
/* The same within the style's code marks; nothing where not even they fit. */
void gs_notice_code(gs_notice_text *t, gs_str s, size_t max);
/* Begins a line with its label where it and `need` bytes more fit. */
bool gs_notice_line(gs_notice_text *t, const char *label, size_t need);

/* "High: goroutine leak is back": no names in it. */
void gs_notice_title(const gs_notice *n, gs_buf *out);
/* All lines but the evidence link, the most important ones first, as many as fit. */
void gs_notice_lines(const gs_notice *n, gs_notice_text *t);

/* A URL in which no character can end it in any markup; those that could are percent-encoded. "" where there is none. */
int gs_notice_url(const gs_notice *n, gs_buf *out);

/* One for each service. */
void gs_notice_wecom(const gs_notice *n, gs_json_writer *w);
void gs_notice_slack(const gs_notice *n, gs_json_writer *w);
void gs_notice_webhook(const gs_notice *n, gs_json_writer *w);
void gs_notice_alertmanager(const gs_notice *n, gs_json_writer *w);

/* A file and line to open first: the innermost user frame's. "" where it is not known. */
gs_str gs_notice_place(const gs_incident *i);
/* What was done or refused last in this occurrence; NULL: nothing. */
const gs_action *gs_notice_last_action(const gs_incident *i);

#endif
