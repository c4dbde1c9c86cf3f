/* Incidents as the cluster has them, for the subcommands that show some. Read cluster.h first. */
#ifndef GS_CLI_INCIDENTS_H
#define GS_CLI_INCIDENTS_H

#include "cli/cluster.h"
#include "core/incident.h"

/* A GostatIncident that was read. */
typedef struct gs_listed {
    gs_incident *i;
    int64_t pods;    /* status.podCount: i lists the worst GS_MAX_INCIDENT_PODS of them */
    bool has_status; /* false: it was just made, and nothing is known of it yet */
    enum gs_phase phase;
} gs_listed;

/* Zero-initialised is empty; freed with gs_incidents_done. */
typedef struct gs_incidents {
    gs_listed *v;
    size_t n, cap;
} gs_incidents;
void gs_incidents_done(gs_incidents *l);
GS_DEFINE_CLEANUP_VALUE(gs_incidents, gs_incidents_done)

/* Takes one object, whole. */
int gs_incidents_add(gs_incidents *l, gs_str object, gs_error *err);
/* All of a namespace (NULL: of all), the open ones first, then by severity, then the newest. */
enum gs_exit gs_incidents_list(gs_cluster *c, const char *ns, gs_incidents *ret, gs_error *err);

/* The last of a slash-separated path: "payments.(*pool).acquire". */
const char *gs_function_short(const char *function);
/* Of a refused action, what its reason begins with: "Cooldown". */
gs_str gs_action_refusal(const gs_action *a);
/* The newest action in words, "Replace Succeeded", "refused: Cooldown"; "" for none. */
#define GS_LAST_LEN 80
void gs_incident_last(const gs_incident *i, char ret[GS_LAST_LEN]);
/* Goroutines of all pods that it lists, of the whole processes. */
uint64_t gs_incident_all_goroutines(const gs_incident *i);
enum gs_colour gs_severity_colour(enum gs_severity s);
/* One action as both forms of output have it. Without a key: gs_jw_key comes first. */
void gs_action_write(gs_json_writer *w, const gs_action *a);

#endif
