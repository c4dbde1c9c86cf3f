/* detection.resources: does a process use too much CPU, have too many goroutines, too large a heap, and for long enough?
 * Constant memory for each pod, and the incidents of type Resource that follow.
 *
 * CPU is the rate of the process' counter over spans of at least GS_RESOURCE_SPAN_MS, in percent of the pod's limit, else
 * of GOMAXPROCS: over a shorter span the time that an answer takes would be seen in it. A rule holds once every value of
 * its time was above the limit; one that is not takes it back. A pod that was found to be above is so until all values of
 * as long a time were below GS_RESOURCE_EASED_PERCENT of the limit: near it an incident would else come and go. */
#ifndef GS_CORE_RESOURCE_H
#define GS_CORE_RESOURCE_H

#include "core/incident.h"
#include "core/series.h"

#define GS_RESOURCE_SPAN_MS 10000
#define GS_RESOURCE_FOR_MS 60000 /* goroutines and heap; of CPU the policy says how long */
#define GS_RESOURCE_EASED_PERCENT 90

/* As places in the arrays below; its reason bit is GS_REASON_CPU << place. */
enum gs_resource_rule { GS_HIGH_CPU, GS_HIGH_GOROUTINES, GS_HIGH_HEAP };
#define GS_RESOURCE_RULES 3

/* A plain value; zero-initialised: nothing is known. Its fields are resource.c's own. */
typedef struct gs_resource {
    double anchor_cpu_s;                  /* where the span begins that the CPU is measured over, ... */
    uint32_t anchor_ms;                   /* ... and when: low bits of a monotonic time; 0: nowhere yet */
    uint32_t since_ms[GS_RESOURCE_RULES]; /* where the value is, as zone says, since then */
    uint8_t zone[GS_RESOURCE_RULES];      /* 0: that is not known */
    float value[GS_RESOURCE_RULES];       /* newest: percent, goroutines, bytes; NaN: not known */
} gs_resource;
_Static_assert(sizeof(gs_resource) <= 40, "kept for each pod");

/* What a sample says of each rule. */
enum gs_resource_state {
    GS_RESOURCE_UNKNOWN, /* too early to say: of a pod that was listed before, it changes nothing */
    GS_RESOURCE_CLEAR,   /* well below the limit, and for long enough; or the rule does not apply */
    GS_RESOURCE_EASES, /* not above the limit, not clear of it yet: of a pod that was listed before, it changes nothing */
    GS_RESOURCE_ABOVE, /* but not for long enough: of a pod that was listed before, it goes on */
    GS_RESOURCE_HOLDS,
};

typedef struct gs_resource_verdict {
    enum gs_resource_state state[GS_RESOURCE_RULES];
    uint32_t for_ms[GS_RESOURCE_RULES]; /* above the limit for so long */
} gs_resource_verdict;

/* event: what gs_series_add made of the same sample; anything but CONTINUES begins anew, and so does a counter that went
 * back. cpu_limit_milli: 0 for none or not known. */
void gs_resource_add(gs_resource *r, const gs_detection *d, const gs_sample *s, enum gs_series_event event,
                     uint32_t cpu_limit_milli, int64_t now_ms, gs_resource_verdict *ret);
double gs_resource_value(const gs_resource *r, enum gs_resource_rule rule); /* newest; NaN: not known */

/* "CPU 97 %, limit 90 %", "6120 goroutines, limit 5000", "heap in use 601 MiB, limit 512 MiB". */
void gs_resource_describe(enum gs_resource_rule rule, const gs_detection *d, double value, char *dst, size_t cap);

/* An incident of this rule, graded. */
gs_incident *gs_resource_incident(const gs_workload_ref *w, enum gs_resource_rule rule);
/* The rule of an incident of type Resource; -1 for another type, and for a rule of a later release. */
int gs_resource_rule_of(const gs_incident *i);
/* Grade, reason and severity, which its rule alone decides; for a new one and for one that is reopened. */
void gs_resource_grade(gs_incident *i);

#endif
