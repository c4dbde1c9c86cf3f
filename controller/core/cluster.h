/* Which stacks are alike: MinHash signatures, candidates by locality-sensitive hashing, groups by DBSCAN.
 * Pure functions over the caller's memory; any thread.
 *
 * A signature stands for the set of the first GS_CLUSTER_FRAMES normalised function names of a stack; the share of equal
 * values estimates the Jaccard index of two sets (Broder 1997). Candidates agree in a whole band of the signature (Indyk
 * and Motwani 1998). DBSCAN (Ester et al. 1996) weighs a stack with its goroutines: min_weight counts those. */
#ifndef GS_CORE_CLUSTER_H
#define GS_CORE_CLUSTER_H

#include <stddef.h>
#include <stdint.h>

#define GS_CLUSTER_FRAMES 15
#define GS_MINHASH 64
#define GS_CLUSTER_EPS 0.2       /* distance; 0.15..0.25 */
#define GS_CLUSTER_MIN_WEIGHT 3 /* goroutines */

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
    uint32_t cluster; /* result: index of the heaviest item of its group (of equal ones the first); its own where it is
                         alone (noise) */
} gs_cluster_item;

/* Groups n items. Time is bounded also for crafted input (large buckets are sampled, never compared all with all). */
void gs_cluster(gs_cluster_item *items, size_t n, double eps, uint64_t min_weight);

#endif
