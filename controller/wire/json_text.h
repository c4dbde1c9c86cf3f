/* The lexical level of JSON, shared by the cursor, the splitter and the writer: strings, escapes, numbers,
 * UTF-8. All functions look at [p, end) only. Any thread. */
#ifndef GS_WIRE_JSON_TEXT_H
#define GS_WIRE_JSON_TEXT_H

#include "base/str.h"

/* Length of the UTF-8 character at p (p < end): 1..4, or 0 where it is invalid, overlong, a surrogate or cut
 * off. */
size_t gs_utf8_len(const char *p, const char *end);
/* Writes a code point; 1..4 bytes. */
size_t gs_utf8_put(char *dst, uint32_t code);

/* From behind an opening quote to the closing one, everything between checked. NULL with *why (a constant)
 * and *at (where) for an invalid string. */
const char *gs_json_string_end(const char *p, const char *end, const char **why, const char **at);

/* The first `"` or `\` in [p, end), or end: what a scanner that need not check a string skips to. */
const char *gs_json_string_break(const char *p, const char *end);

/* The escape at p, where a backslash stands: writes its UTF-8 to dst (4 bytes of room), its length to *ret_n,
 * and returns the number of bytes read; 0 for an invalid one. */
size_t gs_json_escape(const char *p, const char *end, char dst[4], size_t *ret_n);

/* Unescapes the inside of a string, character by character, as far as it fits dst (cap >= 1), which is
 * terminated: the length, and in *ret_read how far raw was read; an invalid character ends it too. */
size_t gs_json_unescape_some(gs_str raw, char *dst, size_t cap, size_t *ret_read);

/* The end of the number at p; NULL where there is none. *integer: without fraction and exponent. */
const char *gs_json_number_end(const char *p, const char *end, bool *integer);

#endif
