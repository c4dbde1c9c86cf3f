/* How bad a stuck goroutine is, and which boundary of the code it broke. Pure functions. */
#ifndef GS_CORE_SCORE_H
#define GS_CORE_SCORE_H

#include "core/stack.h"

enum gs_risk { GS_RISK_LOW, GS_RISK_MEDIUM, GS_RISK_HIGH };
const char *gs_risk_name(enum gs_risk r); /* "Low" "Medium" "High" */

/* 0.4 * min(depth / 64, 1) + 0.35 * (1 if blocked else 0.2) + 0.25 * (1 - exp(-wait_ms / 30000)); 0..1. depth in frames.
 * Source: the project's design. */
double gs_score(size_t depth, bool blocked, double wait_ms);
/* The mean over a site's goroutines. survived_ms: how long they were seen to survive; used where no dump told waits. */
double gs_site_score(const gs_site *s, double survived_ms);
enum gs_risk gs_risk_of(double score); /* below 0.35 low, from 0.7 high */

/* From the state and the frames (innermost first, may be none). */
enum gs_boundary gs_boundary_of(enum gs_state state, const gs_frame *frames, size_t n);

#endif
