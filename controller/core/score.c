#include "core/score.h"

#include "base/cleanup.h"

#include <math.h>

#define DEPTH_FULL 64 /* frames */
#define WAIT_SCALE_MS 30000
#define DEPTH_SHARE 0.4
#define BLOCKED_SHARE 0.35
#define WAIT_SHARE 0.25
#define NOT_BLOCKED 0.2 /* of BLOCKED_SHARE */

const char *gs_risk_name(enum gs_risk r)
{
    static const char *const names[] = {[GS_RISK_LOW] = "Low", [GS_RISK_MEDIUM] = "Medium", [GS_RISK_HIGH] = "High"};
    return names[r];
}

/* Each argument 0..1. */
static double sum_shares(double depth, double blocked, double waited)
{
    return DEPTH_SHARE * depth + BLOCKED_SHARE * (blocked + NOT_BLOCKED * (1 - blocked)) + WAIT_SHARE * waited;
}

static double waited_of(double wait_ms)
{
    return wait_ms > 0 ? 1 - exp(-wait_ms / WAIT_SCALE_MS) : 0;
}

double gs_score(size_t depth, bool blocked, double wait_ms)
{
    double share = depth < DEPTH_FULL ? (double)depth / DEPTH_FULL : 1;
    return sum_shares(share, blocked ? 1 : 0, waited_of(wait_ms));
}

double gs_site_score(const gs_site *s, double survived_ms)
{
    return sum_shares(s->depth, s->blocked, s->has_wait ? s->waited : waited_of(survived_ms));
}

enum gs_risk gs_risk_of(double score)
{
    score += 1e-9; /* the terms of 0.7 need not add up to it exactly */
    if (score >= 0.7)
        return GS_RISK_HIGH;
    return score >= 0.35 ? GS_RISK_MEDIUM : GS_RISK_LOW;
}

/* Waits in code that is known to wait for something else than a goroutine's message. */
static enum gs_boundary boundary_of_waiter(gs_str function)
{
    static const struct {
        const char *function; /* a whole package where it ends in a dot */
        enum gs_boundary boundary;
    } table[] = {
        {"golang.org/x/sync/semaphore.(*Weighted).Acquire", GS_BOUNDARY_LOCK},
        {"golang.org/x/sync/errgroup.(*Group).Go", GS_BOUNDARY_LOCK},
        {"database/sql.(*DB).conn", GS_BOUNDARY_LOCK},
        {"net.", GS_BOUNDARY_TIMEOUT},
        {"net/http.", GS_BOUNDARY_TIMEOUT},
        {"golang.org/x/net/http2.", GS_BOUNDARY_TIMEOUT},
        {"google.golang.org/grpc/internal/transport.", GS_BOUNDARY_TIMEOUT},
        {"google.golang.org/grpc.(*pickerWrapper).pick", GS_BOUNDARY_TIMEOUT},
        {"os/exec.", GS_BOUNDARY_TIMEOUT},
        {"golang.org/x/time/rate.", GS_BOUNDARY_TIMEOUT},
    };
    for (size_t i = 0; i < GS_LEN(table); i++) {
        bool package = gs_str_ends(gs_str_of(table[i].function), ".");
        if (package ? gs_str_starts(function, table[i].function) : gs_str_is(function, table[i].function))
            return table[i].boundary;
    }
    return GS_BOUNDARY_NONE;
}

/* The innermost function outside the packages runtime and sync; empty where there is none. */
static gs_str waiter_of(const gs_frame *frames, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!gs_str_starts(frames[i].function, "runtime.") && !gs_str_starts(frames[i].function, "sync."))
            return frames[i].function;
    return GS_STR("");
}

enum gs_boundary gs_boundary_of(enum gs_state state, const gs_frame *frames, size_t n)
{
    enum gs_boundary otherwise = GS_BOUNDARY_COMMUNICATION;
    switch (state) {
    case GS_STATE_SYSTEM:
    case GS_STATE_COUNT_:
        return GS_BOUNDARY_NONE;
    case GS_STATE_RUNNING:
    case GS_STATE_SELECT_NONE:
        return GS_BOUNDARY_REFERENCE;
    case GS_STATE_IO_WAIT:
    case GS_STATE_SLEEP:
    case GS_STATE_SYSCALL:
        return GS_BOUNDARY_TIMEOUT;
    case GS_STATE_MUTEX:
    case GS_STATE_RWMUTEX_READ:
    case GS_STATE_RWMUTEX_WRITE:
    case GS_STATE_WAITGROUP:
    case GS_STATE_SEMACQUIRE:
        return GS_BOUNDARY_LOCK;
    case GS_STATE_COND:
        otherwise = GS_BOUNDARY_LOCK;
        break;
    case GS_STATE_CHAN_SEND:
    case GS_STATE_CHAN_RECEIVE:
    case GS_STATE_CHAN_SEND_NIL:
    case GS_STATE_CHAN_RECEIVE_NIL:
    case GS_STATE_SELECT:
        break;
    }
    enum gs_boundary known = boundary_of_waiter(waiter_of(frames, n));
    return known != GS_BOUNDARY_NONE ? known : otherwise;
}
