/* PodDisruptionBudgets: the controller learns from a refused eviction that one holds it up, and waits; here it is asked before. */
#include "base/mem.h"
#include "cli/explain.h"
#include "wire/json_cursor.h"

#include <stdio.h>

static const gs_kube_resource BUDGETS = {"policy", "v1", "poddisruptionbudgets", true};

typedef struct budget {
    char name[GS_OBJECT_LEN], selector[GS_LABEL_SELECTOR_LEN];
} budget;

typedef struct budgets { /* that allow no disruption now */
    budget *v;
    size_t n, cap;
} budgets;

static int on_budget(void *ctx, gs_str object, gs_error *err)
{
    budgets *l = ctx;
    budget b = {0};
    gs_str selector;
    int64_t allowed = 0;
    (void)err;
    (void)gs_json_find_int64(object, (const char *[]){"status", "disruptionsAllowed", NULL}, &allowed);
    if (allowed > 0 || !gs_json_find(object, (const char *[]){"spec", "selector", NULL}, &selector) ||
        !gs_json_find_string(object, (const char *[]){"metadata", "name", NULL}, b.name, sizeof b.name) ||
        gs_label_selector_text(selector, b.selector, sizeof b.selector, NULL)) /* without a selector it holds nothing */
        return 0;
    l->v = gs_grow(l->v, &l->cap, l->n + 1, sizeof *l->v);
    l->v[l->n++] = b;
    return 0;
}

static void forget(void *ctx)
{
    ((budgets *)ctx)->n = 0;
}

typedef struct holding {
    const gs_pending *intent;
    bool held;
} holding;

static int on_pod(void *ctx, gs_str object, gs_error *err)
{
    holding *h = ctx;
    char name[GS_OBJECT_LEN] = "";
    (void)err;
    (void)gs_json_find_string(object, (const char *[]){"metadata", "name", NULL}, name, sizeof name);
    for (size_t k = 0; k < h->intent->n_victims; k++)
        h->held |= gs_streq(h->intent->victims[k].name, name);
    return 0;
}

/* Whether it is about pods that the action evicts. */
static enum gs_exit check(gs_cluster *c, const budget *b, gs_explained_incident *e, gs_error *err)
{
    holding h = {.intent = &e->intent};
    gs_cluster_list_options pods = {
        .resource = &GS_PODS, .ns = c->ns, .label_selector = b->selector, .on_item = on_pod, .ctx = &h};
    enum gs_exit code = gs_cluster_list(c, &pods, err);
    if (!code && h.held)
        (void)snprintf(e->budget, sizeof e->budget,
                       "PodDisruptionBudget %.200s allows no disruption now: it would wait", b->name);
    return code;
}

static bool evicts(const gs_pending *p)
{
    return p->set && (p->type == GS_ACTION_EVICT || (p->type == GS_ACTION_REPLACE && p->autoscaler[0]));
}

enum gs_exit gs_explain_budgets(gs_cluster *c, gs_explained_incident *e, gs_error *err)
{
    budgets l = {0};
    gs_cluster_list_options o = {.resource = &BUDGETS, .ns = c->ns, .on_item = on_budget, .forget = forget, .ctx = &l};
    if (!evicts(&e->intent))
        return GS_EXIT_OK;
    enum gs_exit code = gs_cluster_list(c, &o, err);
    if (code == GS_EXIT_RIGHTS) {
        *err = (gs_error){0};
        code = GS_EXIT_OK;
        (void)gs_str_copy(e->budget, sizeof e->budget,
                          GS_STR("PodDisruptionBudgets are not checked: you may not list them here"));
    }
    for (size_t k = 0; k < l.n && !code; k++)
        code = check(c, &l.v[k], e, err);
    free(l.v);
    return code;
}
