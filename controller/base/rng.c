#include "base/rng.h"

#include <sys/random.h>
#include <time.h>

gs_rng gs_rng_system(void)
{
    gs_rng r;
    if (getrandom(&r.state, sizeof r.state, 0) != (ssize_t)sizeof r.state)
        r.state = (uint64_t)time(NULL);
    return r;
}

uint64_t gs_rng_next(gs_rng *r)
{
    uint64_t z = (r->state += 0x9e3779b97f4a7c15ULL);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
}

uint64_t gs_rng_below(gs_rng *r, uint64_t n)
{
    return n ? gs_rng_next(r) % n : 0;
}

int64_t gs_rng_backoff(gs_rng *r, unsigned attempt, int64_t first_ms, int64_t max_ms)
{
    int64_t base = first_ms;
    for (unsigned i = 0; i < attempt && base < max_ms; i++)
        base *= 2;
    if (base > max_ms)
        base = max_ms;
    return base / 2 + (int64_t)gs_rng_below(r, (uint64_t)(base - base / 2 + 1));
}
