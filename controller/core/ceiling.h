/* What no policy exceeds, whatever its owner wrote: the operator's limits, over those of each namespace. Pure. */
#ifndef GS_CORE_CEILING_H
#define GS_CORE_CEILING_H

#include "base/err.h"
#include "core/policy.h"
#include "core/stack.h"

typedef struct gs_ceiling { /* 0: there is none */
    int max_pods;           /* of one policy, that are sampled */
    int min_interval_s;     /* between two samples of a pod */
    int max_profile_s;      /* that a CPU profile or a trace lasts */
    int64_t max_profile_bytes;
    int max_namespace_actions; /* in any hour, over all policies of a namespace */
    bool host_network;         /* pods on the host's network may be sampled, where their policy says so */
    char prefix[GS_PATH_LEN];  /* before the prefix of each policy; may hold {namespace}; "" */
} gs_ceiling;

/* The operator's template for keys in S3, checked: names of letters, digits, '-', '_' and '.' with single '/' between, in which
 * {namespace} and {cluster} (put in here) stand for those. Where it holds {namespace}, the parts of a bucket that two
 * namespaces may write to are apart, whatever prefixes their policies choose: no name of a namespace holds a '/'. An error
 * names the flag. */
int gs_ceiling_prefix(const char *template, const char *cluster, char ret[GS_PATH_LEN], gs_error *err);

#define GS_LIMITED_LEN 256
/* Holds a policy to it: its interval, its profiles, its pods on the host's network, its prefix. limited: which fields asked for more, and the flags; "" for none.
 * GS_TERMINAL: a prefix that has no room for the operator's. */
int gs_ceiling_hold(const gs_ceiling *c, gs_policy *p, char limited[GS_LIMITED_LEN], gs_error *err);

/* A pod that a policy selects. */
typedef struct gs_candidate {
    const char *workload, *name; /* views; unique together */
    bool sampled;                /* set by gs_ceiling_choose */
    void *of;                    /* the caller's */
} gs_candidate;
/* Which max of them are sampled: one pod of each workload, then a second of each, by name. So the same ones are each time, a
 * workload of many pods takes no room from others, and one pod more or less changes one choice. Sorts v. */
void gs_ceiling_choose(gs_candidate *v, size_t n, size_t max);

#endif
