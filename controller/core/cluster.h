/* Which stacks are alike: MinHash signatures, candidates by locality-sensitive hashing, groups by DBSCAN.
 * Pure functions over the caller's memory; any thread.
 *
 * A signature stands for the set of the first GS_CLUSTER_FRAMES normalised function names of a stack; the share of equal
 * values estimates the Jaccard index of two sets (Broder 1997), with a standard deviation of sqrt(J (1 - J) / 64): 0.05
 * at 0.8. Candidates agree in a whole band of the signature (Indyk and Motwani 1998): 16 bands of 4 values find a pair
 * with probability 1 - (1 - J^4)^16, which is 99.8 % at 0.75 and 99.999 % at 0.85. DBSCAN (Ester et al. 1996) weighs a
 * stack with its goroutines: min_weight counts those. */
#ifndef GS_CORE_CLUSTER_H
#define GS_CORE_CLUSTER_H

#include <stddef.h>
#include <stdint.h>

#define GS_CLUSTER_FRAMES 15
#define GS_MINHASH 64
#define GS_CLUSTER_EPS 0.2      /* distance; 0.15..0.25 */
#define GS_CLUSTER_MIN_WEIGHT 3 /* goroutines */

/* Values are the same on every machine and in every release: signatures may be stored and compared later. */
typedef struct gs_minhash {
    uint32_t v[GS_MINHASH];
} gs_minhash;

/* The signature of a single element (for example a normalised function name, by any 64-bit hash of it). */
void gs_minhash_of(uint64_t element, gs_minhash *ret);
/* The signature of the union. Begin with the signature of the first element. */
void gs_minhash_join(gs_minhash *into, const gs_minhash *other);
/* Estimated Jaccard distance, 0..1. */
double gs_minhash_distance(const gs_minhash *a, const gs_minhash *b);

typedef struct gs_cluster_item {
    const gs_minhash *signature;
    uint64_t weight; /* goroutines, > 0 */
    /* Result: index of the heaviest item of its group (of equal ones the one whose signature comes first in numerical
     * order, of equal signatures the first item); its own where it is alone (noise). */
    uint32_t cluster;
} gs_cluster_item;

/* Groups n items, n < UINT32_MAX. An item is a core of its group where the items within eps of it, itself included, weigh
 * min_weight or more together; cores within eps of each other are one group; an item near a core of several groups goes
 * to the core whose signature comes first. The order of the items does not change the groups.
 *
 * Equal signatures are one point. In buckets of more than 24 points not all pairs are compared: each point with the 6
 * heaviest, and with the 6 after it in an order that puts alike ones side by side. So time is O(n log n) for crafted
 * input too, and memory at most some 4 KB for each item. */
void gs_cluster(gs_cluster_item *items, size_t n, double eps, uint64_t min_weight);

#endif
