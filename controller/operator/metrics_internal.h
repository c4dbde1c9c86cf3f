/* Between the files metrics*.c, each of which writes some families of /metrics. */
#ifndef GS_OPERATOR_METRICS_INTERNAL_H
#define GS_OPERATOR_METRICS_INTERNAL_H

#include "operator/op.h"

static inline void op_gauge(gs_metrics *m, const char *name, const char *help, double value)
{
    gs_metrics_family(m, name, "gauge", help);
    gs_metrics_value(m, name, value, NULL);
}

static inline void op_counter(gs_metrics *m, const char *name, const char *help, double value)
{
    gs_metrics_family(m, name, "counter", help);
    gs_metrics_value(m, name, value, NULL);
}

void op_metrics_machinery(op *o, gs_metrics *m); /* metrics_machinery.c: what any controller has */
void op_metrics_workloads(op *o, gs_metrics *m); /* metrics_workloads.c: goroutines, by workload and by site */
void op_metrics_findings(op *o, gs_metrics *m);  /* metrics_findings.c: incidents, refusals, policies, by namespace */

#endif
