/* The run of a tracked site: the windows over which its smallest count has risen. Of track.c and track_dump.c only. */
#ifndef GS_CORE_TRACK_RUN_H
#define GS_CORE_TRACK_RUN_H

#include "core/track.h"

/* A run that begins with this count, of a process of `total` goroutines. */
void gs_run_begin(gs_track_site *s, uint32_t count, uint64_t total, int64_t now_ms);
/* The window is over: the run has one more, pauses, or another one begins. */
void gs_run_close_window(const gs_track *t, gs_track_site *s);
/* It is not over, as far as this window tells. */
bool gs_run_goes_on(const gs_track_site *s);
/* It has so many windows that rose, nothing but a leak accounts for it, and it goes on undiminished. */
bool gs_run_lasts(const gs_track *t, const gs_track_site *s, unsigned windows);
/* Load accounts for it. */
bool gs_run_explained(const gs_track_site *s);
/* Windows after which a site is Suspected, of those after which it is Probable. */
unsigned gs_run_few(int windows);

gs_track_site *gs_track_site_of(gs_track *t, const char *id); /* NULL: it is not tracked */
uint64_t gs_track_key(const char *id);                        /* "p" and hex digits, as a number */

#endif
