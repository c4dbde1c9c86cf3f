/* Between the parts of the text decoders: goroutine_dump.c (what it is, whole blocks out of chunks), goroutine_block.c
 * (goroutine?debug=2), goroutine_counts.c (debug=1) and goroutine_header.c (states, waits and labels). */
#ifndef GS_CODEC_GOROUTINE_INTERNAL_H
#define GS_CODEC_GOROUTINE_INTERNAL_H

#include "base/err.h"
#include "codec/sites.h"

/* "goroutine 12 [chan receive, 5 minutes, locked to thread]:" */
typedef struct gs_dump_header {
    uint64_t id;
    enum gs_state state;
    uint32_t minutes;
    gs_str labels; /* what stands between the braces; empty: none */
} gs_dump_header;

/* line without its end. False where it is no such line. */
bool gs_dump_header_read(gs_str line, gs_dump_header *ret);

#define GS_DUMP_LABEL_BYTES 132 /* what sites.h keeps of a key or a value, and a character */

typedef struct gs_dump_labels {
    gs_raw_label v[GS_MAX_LABELS];
    size_t n;
    char text[GS_MAX_LABELS][2][GS_DUMP_LABEL_BYTES];
} gs_dump_labels;

/* "k": "v", "k2": "v2", quoted as Go does, or bare. What cannot be read ends them. */
void gs_dump_labels_read(gs_str text, gs_dump_labels *ret);

typedef struct gs_dump_text {
    gs_sites *sites;
    gs_stack stack;           /* work space */
    gs_dump_labels labels;    /* work space */
    uint64_t lines;           /* that were dealt with */
    uint64_t total;           /* debug=1: what its first line says */
    uint64_t created, others; /* debug=2: goroutines whose creator is told, and others but for number 1 */
} gs_dump_text;

/* debug=2: p is the line behind a goroutine's header. Counts it, and says how many bytes are its own, its blank line
 * included: none where the next header follows at once. False, and nothing counted, where its end is not in sight. */
bool gs_dump_block(gs_dump_text *t, const gs_dump_header *h, const char *p, size_t n, size_t *ret_used);
/* Whether a block that ends with the input, without a blank line, is all there; its last line may lack its end. */
bool gs_dump_block_is_whole(const gs_dump_text *t, const gs_dump_header *h, const char *p, size_t n);

/* debug=1: the same for one record; an error names the line. */
int gs_dump_record(gs_dump_text *t, const char *p, size_t n, size_t *ret_used, gs_error *err);
/* How many goroutines the record says it has; 0 where it has not even one frame, or is none. */
uint64_t gs_dump_record_count(const char *p, size_t n);

/* Without a '\r' at its end. */
static inline gs_str gs_dump_line(const char *p, const char *end)
{
    return (gs_str){p, (size_t)(end - p) - (end > p && end[-1] == '\r')};
}

/* "/src/x.go:12" */
void gs_dump_file_line(gs_str text, gs_str *ret_file, int64_t *ret_line);

#endif
