/* `gostat incidents`: one line for each. */
#include "cli/incidents.h"

#include "base/mem.h"
#include "cli/cli.h"
#include "codec/condition_json.h"
#include "codec/incident_json.h"
#include "wire/json_cursor.h"

#include <inttypes.h>
#include <stdio.h>

typedef struct options {
    bool open;
    const char *workload;
} options;

static int take(void *own, const char *name, const char *value, gs_error *err)
{
    options *o = own;
    if (gs_streq(name, "open")) {
        o->open = true;
        return 0;
    }
    o->workload = value;
    return value[0] ? 0 : gs_error_set(err, GS_TERMINAL, "--workload: its value is empty");
}

static const gs_flag flags[] = {
    {"open", 0, NULL, "only those that are not resolved"},
    {"workload", 'w', "NAME", "only those of the Deployment, StatefulSet … of this name"},
    {0},
};

static const gs_subcommand description = {
    .name = "incidents",
    .arguments = "",
    .about =
        "Lists incidents, one line each: open ones first, then the worst, then the newest.\n"
        "\n"
        "  GRADE       how sure it is that this is a leak: Suspected (numbers), Probable (stacks), Proven (the runtime)\n"
        "  SEVERITY    P0, High, Medium, Low\n"
        "  GOROUTINES  of the pods that show it, all they have\n"
        "  GROWTH      goroutines at the sites that leak, beyond what was there before\n"
        "  FUNCTION    where they wait, of the site with the most of them; \"show\" has files and lines\n"
        "  AGE         since it was detected\n"
        "  LAST        what was done last, or why nothing was\n",
    .flags = flags,
    .common = GS_COMMON_CLUSTER | GS_COMMON_ALL | GS_COMMON_OUTPUT,
    .examples = "incidents -A --open\n"
                "incidents -n shop --workload payments\n"
                "incidents -A -o json | jq -r '.incidents[] | select(.severity == \"P0\") | .name'\n",
    .exit_ok = "listed; there may be none",
    .exit_fault = "the API server cannot be reached, or answers nonsense",
    .take = take,
};

/* ---- reading ---- */

static void clear(gs_incidents *l)
{
    for (size_t k = 0; k < l->n; k++)
        gs_incident_free(l->v[k].i);
    l->n = 0;
}

void gs_incidents_done(gs_incidents *l)
{
    clear(l);
    free(l->v);
    *l = (gs_incidents){0};
}

int gs_incidents_add(gs_incidents *l, gs_str object, gs_error *err)
{
    gs_listed one = {0};
    gs_str status;
    int rc = gs_incident_from_json(object, &one.i, err);
    if (rc)
        return rc;
    one.has_status = gs_json_find(object, (const char *[]){"status", NULL}, &status) && status.n > 2;
    one.pods = (int64_t)one.i->n_pods;
    (void)gs_json_find_int64(object, (const char *[]){"status", "podCount", NULL}, &one.pods);
    one.phase = gs_incident_phase(one.i);
    l->v = gs_grow(l->v, &l->cap, l->n + 1, sizeof *l->v);
    l->v[l->n++] = one;
    return 0;
}

/* One that cannot be read, of another release or made by hand, must not hide all others. */
static int on_item(void *ctx, gs_str object, gs_error *err)
{
    gs_error why = {0};
    char name[GS_OBJECT_LEN] = "?", text[sizeof why.msg + GS_OBJECT_LEN + 32];
    (void)err;
    if (gs_incidents_add(ctx, object, &why) == 0)
        return 0;
    (void)gs_json_find_string(object, (const char *[]){"metadata", "name", NULL}, name, sizeof name);
    (void)snprintf(text, sizeof text, "incident %s is left out: %s", name, why.msg);
    gs_command_complain("", text);
    return 0;
}

static void forget(void *ctx)
{
    clear(ctx);
}

static int by_urgency(const void *a, const void *b)
{
    const gs_incident *x = ((const gs_listed *)a)->i, *y = ((const gs_listed *)b)->i;
    if (x->resolved != y->resolved)
        return x->resolved - y->resolved;
    if (x->severity != y->severity)
        return (int)y->severity - (int)x->severity;
    if (x->detection_ms != y->detection_ms)
        return x->detection_ms < y->detection_ms ? 1 : -1;
    int ns = strcmp(x->workload.ns, y->workload.ns);
    return ns ? ns : strcmp(x->name, y->name);
}

enum gs_exit gs_incidents_list(gs_cluster *c, const char *ns, gs_incidents *ret, gs_error *err)
{
    gs_cluster_list_options o = {.resource = &GS_INCIDENTS, .ns = ns, .on_item = on_item, .forget = forget, .ctx = ret};
    enum gs_exit code = gs_cluster_list(c, &o, err);
    if (!code && ret->n)
        qsort(ret->v, ret->n, sizeof *ret->v, by_urgency);
    return code;
}

/* ---- words ---- */

const char *gs_function_short(const char *function)
{
    const char *slash = function ? strrchr(function, '/') : NULL;
    return slash ? slash + 1 : function ? function : "";
}

gs_str gs_action_refusal(const gs_action *a)
{
    return (gs_str){a->reason, strcspn(a->reason, ":")};
}

void gs_incident_last(const gs_incident *i, char ret[GS_LAST_LEN])
{
    const gs_action *a = i->n_actions ? &i->actions[i->n_actions - 1] : NULL;
    gs_str why = a ? gs_action_refusal(a) : (gs_str){0};
    if (!a)
        ret[0] = 0;
    else if (a->outcome == GS_OUTCOME_REFUSED)
        (void)snprintf(ret, GS_LAST_LEN, "refused: %.*s", (int)why.n, why.p);
    else
        (void)snprintf(ret, GS_LAST_LEN, "%s %s", gs_action_name(a->type),
                       a->dry_run ? "planned (DryRun)" : gs_outcome_name(a->outcome));
}

uint64_t gs_incident_all_goroutines(const gs_incident *i)
{
    uint64_t sum = 0;
    for (size_t k = 0; k < i->n_pods; k++)
        sum += i->pods[k].goroutines;
    return sum;
}

enum gs_colour gs_severity_colour(enum gs_severity s)
{
    return s >= GS_SEVERITY_HIGH ? GS_RED : s == GS_SEVERITY_MEDIUM ? GS_YELLOW : GS_PLAIN;
}

void gs_action_write(gs_json_writer *w, const gs_action *a)
{
    gs_jw_object(w, NULL);
    gs_action_members(w, a);
    gs_action_pods(w, a);
    gs_jw_end(w);
}

/* ---- output ---- */

static const char *primary_function(const gs_incident *i)
{
    if (i->n_patterns && i->patterns[0].leaf)
        return i->patterns[0].leaf;
    for (unsigned k = 0; i->type == GS_INCIDENT_RESOURCE && k < GS_REASONS; k++)
        if (i->reasons & 1u << k)
            return gs_reason_name(1u << k);
    return "";
}

static void row(gs_table *t, const gs_cluster *c, const gs_listed *l)
{
    const gs_incident *i = l->i;
    enum gs_colour dim = l->phase == GS_PHASE_RESOLVED ? GS_DIM : GS_PLAIN;
    char age[GS_AGE_LEN], last[GS_LAST_LEN];
    gs_age(i->detection_ms, c->wall_ms, age);
    gs_incident_last(i, last);
    if (!c->ns)
        gs_table_cell(t, gs_str_of(i->workload.ns), dim);
    gs_table_cell(t, gs_str_of(i->name), dim);
    gs_table_cellf(t, dim, "%s/%s", i->workload.kind, i->workload.name);
    gs_table_cell(t, gs_str_of(gs_grade_name(i->grade)), dim);
    gs_table_cell(t, gs_str_of(l->has_status ? gs_severity_name(i->severity) : ""),
                  dim ? dim : gs_severity_colour(i->severity));
    gs_table_cell(t, gs_str_of(l->has_status ? gs_phase_name(l->phase) : ""), dim);
    gs_table_cellf(t, dim, "%" PRId64, l->pods);
    gs_table_cellf(t, dim, "%" PRIu64, gs_incident_all_goroutines(i));
    gs_table_cellf(t, dim, "+%" PRIu64, gs_incident_leaking(i));
    gs_table_cell(t, gs_str_of(gs_function_short(primary_function(i))), dim);
    gs_table_cell(t, gs_str_of(age), dim);
    gs_table_cell(t, gs_str_of(last), dim);
}

static void print_table(gs_cluster *c, const gs_incidents *l)
{
    static const gs_column columns[] = {
        {.title = "NAMESPACE"}, {.title = "INCIDENT"},   {.title = "WORKLOAD"}, {.title = "GRADE"},
        {.title = "SEVERITY"},  {.title = "PHASE"},      {"PODS", true, 0},     {"GOROUTINES", true, 0},
        {"GROWTH", true, 0},    {"FUNCTION", false, 48}, {"AGE", true, 0},      {.title = "LAST"},
    };
    size_t skip = c->ns ? 1 : 0;
    gs_cleanup(gs_table_free) gs_table *t = gs_table_new(columns + skip, GS_LEN(columns) - skip);
    for (size_t k = 0; k < l->n; k++)
        row(t, c, &l->v[k]);
    if (l->n)
        gs_table_print(t, c->colours, &c->text);
    else
        (void)gs_buf_addf(&c->text, "no incidents%s%s\n", c->ns ? " in namespace " : " in any namespace",
                          c->ns ? c->ns : "");
}

static void write_one(gs_json_writer *w, const gs_cluster *c, const gs_listed *l)
{
    const gs_incident *i = l->i;
    gs_jw_object(w, NULL);
    gs_jw_str(w, "namespace", i->workload.ns);
    gs_jw_str(w, "name", i->name);
    gs_jw_object(w, "workload");
    gs_jw_str(w, "kind", i->workload.kind);
    gs_jw_str(w, "name", i->workload.name);
    gs_jw_end(w);
    gs_jw_str(w, "policy", i->policy_name);
    gs_jw_str(w, "type", gs_incident_type_name(i->type));
    gs_jw_str(w, "grade", gs_grade_name(i->grade));
    gs_jw_str(w, "severity", l->has_status ? gs_severity_name(i->severity) : "");
    gs_jw_str(w, "phase", l->has_status ? gs_phase_name(l->phase) : "");
    gs_jw_int(w, "podCount", l->pods);
    gs_jw_uint(w, "goroutines", gs_incident_all_goroutines(i));
    gs_jw_uint(w, "growth", gs_incident_leaking(i));
    gs_jw_str(w, "function", primary_function(i));
    gs_time_write(w, "detectionTime", i->detection_ms);
    gs_jw_int(w, "ageSeconds",
              i->detection_ms && c->wall_ms > i->detection_ms ? (c->wall_ms - i->detection_ms) / 1000 : 0);
    if (i->n_actions) {
        gs_jw_key(w, GS_STR("lastAction"));
        gs_action_write(w, &i->actions[i->n_actions - 1]);
    } else {
        gs_jw_null(w, "lastAction");
    }
    gs_jw_end(w);
}

static bool wanted(const options *o, const gs_listed *l)
{
    return !(o->open && l->i->resolved) && (!o->workload || gs_streq(o->workload, l->i->workload.name));
}

/* Those that were not asked for go. */
static void narrow(const options *o, gs_incidents *l)
{
    size_t kept = 0;
    for (size_t k = 0; k < l->n; k++)
        if (wanted(o, &l->v[k]))
            l->v[kept++] = l->v[k];
        else
            gs_incident_free(l->v[k].i);
    l->n = kept;
}

static enum gs_exit run(gs_cluster *c, void *own, gs_error *err)
{
    gs_cleanup(gs_incidents_done) gs_incidents list = {0};
    gs_json_writer w;
    enum gs_exit code = gs_incidents_list(c, c->ns, &list, err);
    if (code)
        return code;
    narrow(own, &list);
    if (c->line.form == GS_FORM_TABLE) {
        print_table(c, &list);
        return GS_EXIT_OK;
    }
    gs_cluster_document(c, &w, "gostat.dev/incidents/v1");
    gs_jw_array(&w, "incidents");
    for (size_t k = 0; k < list.n; k++)
        write_one(&w, c, &list.v[k]);
    gs_jw_end(&w);
    return gs_cluster_document_end(&w, err);
}

int gs_cmd_incidents(int argc, char **argv)
{
    options o = {0};
    return gs_cluster_main(&description, argc, argv, run, &o);
}
