/* Randomness for spreading and jitter; not for secrets. The state is the caller's, so that tests can fix the seed. */
#ifndef GS_BASE_RNG_H
#define GS_BASE_RNG_H

#include <stdint.h>

typedef struct gs_rng {
    uint64_t state;
} gs_rng;

gs_rng gs_rng_system(void);                   /* seeded by the kernel */
uint64_t gs_rng_next(gs_rng *r);              /* splitmix64, Steele et al. 2014 */
uint64_t gs_rng_below(gs_rng *r, uint64_t n); /* 0..n-1; 0 for n == 0 */
/* Exponential backoff with full jitter in [base/2, base]: base = min(first * 2^attempt, max). Milliseconds. */
int64_t gs_rng_backoff(gs_rng *r, unsigned attempt, int64_t first_ms, int64_t max_ms);

#endif
