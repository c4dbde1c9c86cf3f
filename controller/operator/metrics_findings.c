#include "base/mem.h"
#include "operator/metrics_internal.h"

#include <ctype.h>
#include <stdlib.h>

/* How many things of a namespace share these values; unused ones are "". */
typedef struct group {
    const char *ns; /* of one of them */
    char values[3][48];
    double n;
} group;

static void count(gs_map *groups, const char *ns, const char *a, const char *b, const char *c)
{
    const char *const values[] = {a, b, c};
    gs_autofree char *key = gs_sprintf("%s/%s/%s/%s", ns, a, b, c);
    group *g = gs_map_get(groups, key);
    if (!g) {
        if (gs_map_len(groups) >= GS_MAX_WORKLOAD_SERIES)
            return;
        g = gs_alloc(sizeof *g);
        g->ns = ns;
        for (size_t k = 0; k < GS_LEN(values); k++)
            (void)gs_str_copy(g->values[k], sizeof g->values[k], gs_str_of(values[k]));
        gs_map_put(groups, key, g);
    }
    g->n++;
}

static void add_open(void *ctx, const gs_incident *i)
{
    if (!i->resolved)
        count(ctx, i->workload.ns, gs_incident_type_name(i->type), gs_severity_name(i->severity),
              gs_grade_name(i->grade));
}

/* The first word of what is said of a refusal, as gs_refusal_name has it; other texts begin otherwise. */
static void refusal_word(const char *text, char ret[48])
{
    size_t n = 0;
    while (isalpha((unsigned char)text[n]))
        n++;
    if (text[n] != ':' || !gs_str_copy(ret, 48, (gs_str){text, n}))
        (void)gs_str_copy(ret, 48, GS_STR("Error"));
}

static void add_refused(void *ctx, const gs_incident *i)
{
    char reason[48];
    const gs_action *last = i->n_actions ? &i->actions[i->n_actions - 1] : NULL;
    if (i->resolved || !last || last->outcome != GS_OUTCOME_REFUSED)
        return;
    refusal_word(last->reason, reason);
    count(ctx, i->workload.ns, reason, "", "");
}

static void add_not_ready(gs_map *groups, const op_policy *p)
{
    for (size_t k = 0; k < GS_LEN(p->status.conditions); k++) {
        const gs_condition *c = &p->status.conditions[k];
        if (gs_streq(c->type, "Ready") && !gs_streq(c->status, "True"))
            count(groups, p->p->ns, c->reason, "", "");
    }
}

void op_metrics_findings(op *o, gs_metrics *m)
{
    gs_cleanup(gs_map_free) gs_map *open = gs_map_new(free);
    gs_cleanup(gs_map_free) gs_map *refused = gs_map_new(free);
    gs_cleanup(gs_map_free) gs_map *not_ready = gs_map_new(free);
    gs_engine_each_incident(o->engine, add_open, open);
    gs_engine_each_incident(o->engine, add_refused, refused);
    for (gs_map_it it = {0}; gs_map_next(o->policies, &it);)
        if (((const op_policy *)it.value)->p)
            add_not_ready(not_ready, it.value);
    gs_metrics_family(m, "gostat_incidents", "gauge", "Open incidents.");
    for (gs_map_it it = {0}; gs_map_next(open, &it);) {
        const group *g = it.value;
        gs_metrics_value(m, "gostat_incidents", g->n, "namespace", g->ns, "type", g->values[0], "severity",
                         g->values[1], "grade", g->values[2], NULL);
    }
    gs_metrics_family(m, "gostat_actions_refused", "gauge",
                      "Open incidents whose newest decision is a refusal, by reason.");
    for (gs_map_it it = {0}; gs_map_next(refused, &it);) {
        const group *g = it.value;
        gs_metrics_value(m, "gostat_actions_refused", g->n, "namespace", g->ns, "reason", g->values[0], NULL);
    }
    gs_metrics_family(m, "gostat_policies_not_ready", "gauge", "Policies that are not Ready, by reason.");
    for (gs_map_it it = {0}; gs_map_next(not_ready, &it);) {
        const group *g = it.value;
        gs_metrics_value(m, "gostat_policies_not_ready", g->n, "namespace", g->ns, "reason", g->values[0], NULL);
    }
}
