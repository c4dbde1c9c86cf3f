/* How bad a stuck goroutine is, and which boundary of the code it broke. Pure functions. */
#ifndef GS_CORE_SCORE_H
#define GS_CORE_SCORE_H

#include "core/stack.h"

enum gs_risk { GS_RISK_LOW, GS_RISK_MEDIUM, GS_RISK_HIGH };
const char *gs_risk_name(enum gs_risk r); /* "Low" "Medium" "High" */

/* 0.4 * min(depth / 64, 1) + 0.35 * (1 if blocked else 0.2) + 0.25 * (1 - exp(-wait_ms / 30000)); 0..1. depth in frames;
 * a wait that is negative or NaN counts as none. Source: the project's design. */
double gs_score(size_t depth, bool blocked, double wait_ms);
/* The mean over a site's goroutines. survived_ms: how long they were seen to survive; used where no dump told waits. */
double gs_site_score(const gs_site *s, double survived_ms);
enum gs_risk gs_risk_of(double score); /* below 0.35 low, from 0.7 high */

/* From the state and the frames (innermost first, may be none). The first line that fits decides:
 *
 *   the runtime's own goroutines                                           None
 *   running, runnable, select {}                                           Reference
 *   IO wait, sleep, syscall                                                Timeout
 *   Mutex, RWMutex, WaitGroup, semacquire                                  Lock
 *   channel (nil ones too), select or Cond, by the function that waits:
 *     semaphore.(*Weighted).Acquire, errgroup.(*Group).Go, sql.(*DB).conn  Lock: their channels are semaphores
 *     of net, net/http, http2, gRPC's transport, (*pickerWrapper).pick     Timeout: for a peer that does not answer
 *     of os/exec, time/rate                                                Timeout: for a process, for a timer
 *   Cond                                                                   Lock
 *   channel, select                                                        Communication
 *
 * The function that waits is the innermost one outside the packages runtime and sync. So a receive in the program's own
 * code is Communication whatever the channel is: that a context, a ticker or a time.After feeds it stands in no frame. */
enum gs_boundary gs_boundary_of(enum gs_state state, const gs_frame *frames, size_t n);

#endif
