#include "cli/explain.h"
#include "codec/condition_json.h"

static void conditions(gs_json_writer *w, const gs_explained *x)
{
    gs_jw_array(w, "conditions");
    for (size_t k = 0; k < GS_LEN(x->status.conditions); k++) {
        const gs_condition *c = &x->status.conditions[k];
        if (!c->type[0])
            continue;
        gs_jw_object(w, NULL);
        gs_jw_str(w, "type", c->type);
        gs_jw_str(w, "status", c->status);
        gs_jw_str(w, "reason", c->reason);
        gs_jw_str(w, "message", c->message);
        gs_jw_str(w, "fix", gs_explain_fix(c));
        gs_jw_end(w);
    }
    gs_jw_end(w);
}

static void workloads(gs_json_writer *w, const gs_explained *x)
{
    gs_jw_array(w, "workloads");
    for (size_t k = 0; k < x->n_workloads; k++) {
        const gs_explained_workload *v = &x->workloads[k];
        gs_jw_object(w, NULL);
        gs_jw_str(w, "kind", v->ref.kind);
        gs_jw_str(w, "name", v->ref.name);
        gs_jw_str(w, "policy", v->owner->name);
        gs_jw_int(w, "pods", v->selected);
        gs_jw_int(w, "sampled", v->of[GS_SAMPLED]);
        gs_jw_array(w, "notSampled");
        for (unsigned why = GS_SAMPLED + 1; why < GS_EXPLAIN_WHY; why++) {
            if (!v->of[why])
                continue;
            gs_jw_object(w, NULL);
            gs_jw_int(w, "pods", v->of[why]);
            gs_jw_str(w, "why", gs_explain_why(why));
            gs_jw_str(w, "example", v->example[why]);
            gs_jw_end(w);
        }
        gs_jw_end(w);
        gs_jw_end(w);
    }
    gs_jw_end(w);
}

static void secrets(gs_json_writer *w, const gs_explained *x)
{
    static const char *const states[] = {
        [GS_SECRET_OK] = "InOrder", [GS_SECRET_WRONG] = "Wrong", [GS_SECRET_NOT_CHECKED] = "NotChecked"};
    gs_jw_array(w, "secrets");
    for (size_t k = 0; k < x->n_secrets; k++) {
        const gs_explained_secret *s = &x->secrets[k];
        gs_jw_object(w, NULL);
        gs_jw_str(w, "name", s->name);
        gs_jw_str(w, "field", s->field);
        gs_jw_str(w, "state", states[s->state]);
        gs_jw_str(w, "message", s->message);
        gs_jw_end(w);
    }
    gs_jw_end(w);
}

static void incident(gs_json_writer *w, const gs_explained_incident *e)
{
    const gs_incident *i = e->l->i;
    gs_jw_object(w, NULL);
    gs_jw_str(w, "name", i->name);
    gs_jw_str(w, "grade", gs_grade_name(i->grade));
    gs_jw_str(w, "severity", gs_severity_name(i->severity));
    if (i->n_actions) {
        gs_jw_key(w, GS_STR("lastAction"));
        gs_action_write(w, &i->actions[i->n_actions - 1]);
    } else {
        gs_jw_null(w, "lastAction");
    }
    gs_jw_str(w, "action", e->action);
    gs_jw_str(w, "next", e->next);
    gs_jw_str(w, "unknown", e->unknown);
    gs_jw_str(w, "budget", e->budget);
    gs_jw_array(w, "inTheWay");
    for (size_t k = 0; k < e->n_in_the_way; k++) {
        gs_jw_object(w, NULL);
        gs_jw_str(w, "reason", e->in_the_way[k].reason);
        gs_jw_str(w, "message", e->in_the_way[k].message);
        gs_time_write(w, "until", e->in_the_way[k].until_ms);
        gs_jw_end(w);
    }
    gs_jw_end(w);
    gs_jw_end(w);
}

enum gs_exit gs_explain_json(gs_cluster *c, const gs_explained *x, gs_error *err)
{
    gs_json_writer w;
    gs_cluster_document(c, &w, "gostat.dev/explain/v1");
    gs_jw_str(&w, "namespace", x->p->ns);
    gs_jw_str(&w, "name", x->p->name);
    gs_jw_str(&w, "mode", gs_mode_name(x->p->mode));
    gs_jw_bool(&w, "suspend", x->p->suspend);
    gs_jw_str(&w, "selector", x->selector);
    gs_jw_bool(&w, "seen", x->seen);
    conditions(&w, x);
    workloads(&w, x);
    secrets(&w, x);
    gs_jw_array(&w, "incidents");
    for (size_t k = 0; k < x->n_open; k++)
        incident(&w, &x->open[k]);
    gs_jw_end(&w);
    return gs_cluster_document_end(&w, err);
}
