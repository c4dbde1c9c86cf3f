#include "core/target.h"

int64_t gs_group_phase_ms(unsigned k, int64_t interval_ms)
{
    double x = 0, bit = 0.5;
    for (; k; k >>= 1, bit /= 2)
        if (k & 1)
            x += bit;
    return (int64_t)(x * (double)interval_ms);
}

int64_t gs_policy_offset_ms(unsigned k, int64_t interval_ms)
{
    double x = k * 0.6180339887498949;
    return (int64_t)((x - (double)(int64_t)x) * (double)interval_ms);
}

int64_t gs_group_next_ms(int64_t last_due_ms, int64_t interval_ms, int64_t now_ms)
{
    int64_t next = last_due_ms + interval_ms;
    if (next <= now_ms)
        next += (now_ms - next) / interval_ms * interval_ms + interval_ms;
    return next;
}
