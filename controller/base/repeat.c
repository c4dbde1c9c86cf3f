#include "base/repeat.h"

#include <stdio.h>

bool gs_repeat_tell(gs_repeat *r, const gs_error *err, int64_t now_ms)
{
    if (r->kind != err->kind || r->status != err->status)
        *r = (gs_repeat){.kind = err->kind, .status = err->status, .next_ms = now_ms};
    r->n++;
    if (now_ms < r->next_ms)
        return false;
    r->gap_ms = r->gap_ms ? r->gap_ms * 2 : GS_REPEAT_FIRST_MS;
    if (r->gap_ms > GS_REPEAT_MAX_MS)
        r->gap_ms = GS_REPEAT_MAX_MS;
    r->next_ms = now_ms + r->gap_ms;
    (void)snprintf(r->times, sizeof r->times, "%u", r->n);
    return true;
}

bool gs_repeat_over(gs_repeat *r)
{
    bool told = r->kind != GS_OK;
    *r = (gs_repeat){0};
    return told;
}
