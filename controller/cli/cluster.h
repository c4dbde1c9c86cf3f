/* What the subcommands that ask a cluster have in common: the connection, requests that are waited for, the forms of
 * output, and how they end. Read command.h first.
 *
 * A gs_cluster is made by gs_cluster_main and lives while `run` does. Main thread only, which is the loop's thread, too:
 * gs_cluster_list and the others run the loop until they are answered.
 *
 * Those that can fail return enum gs_exit, what the process ends with; where it is not GS_EXIT_OK *err has the one line
 * that the user is told: what is wrong, and what to do. */
#ifndef GS_CLI_CLUSTER_H
#define GS_CLI_CLUSTER_H

#include "cli/command.h"
#include "cli/table.h"
#include "kube/client.h"
#include "wire/json_write.h"

#define GS_CLUSTER_PATIENCE_MS 3000 /* for faults to pass: a person waits */

typedef struct gs_cluster {
    gs_command_line line;
    const char *ns; /* that is meant; NULL: all */
    gs_loop *loop;
    gs_kube *kube;
    gs_kube_config config;
    int64_t wall_ms; /* one "now" for all that is printed */
    bool colours;
    /* What run leaves is printed at the end: text where line.form is GS_FORM_TABLE, else one JSON document, which becomes
     * YAML where that is asked for. */
    gs_buf text, document;
} gs_cluster;

extern const gs_kube_resource GS_POLICIES, GS_INCIDENTS, GS_PODS; /* and others: where they are used */

/* All of a subcommand: command line, help, connection, run, output, exit code. own: run's and s->take's. */
int gs_cluster_main(const gs_subcommand *s, int argc, char **argv,
                    enum gs_exit (*run)(gs_cluster *c, void *own, gs_error *err), void *own);

typedef struct gs_cluster_list_options {
    const gs_kube_resource *resource;
    const char *ns;                                          /* NULL: all */
    const char *label_selector, *field_selector;             /* or NULL */
    int (*on_item)(void *ctx, gs_str object, gs_error *err); /* one object as it arrives, valid within the call */
    void (*forget)(void *ctx); /* the list begins anew: what was handed on counts no longer */
    void *ctx;
} gs_cluster_list_options;
enum gs_exit gs_cluster_list(gs_cluster *c, const gs_cluster_list_options *o, gs_error *err);

/* The object's bytes are appended to ret. One that is not there: GS_EXIT_FAULT, err->kind GS_NOT_FOUND. */
enum gs_exit gs_cluster_get(gs_cluster *c, const gs_kube_path *p, gs_buf *ret, gs_error *err);

/* Runs the loop until *done, which a callback sets; that calls gs_loop_stop(c->loop) as well. For what is not a list or a
 * get. */
void gs_cluster_wait(gs_cluster *c, const bool *done);

/* *err as the client gave it, in the words of a user, and the exit code that goes with it. verb: "list". r may be NULL: then
 * what it was about is in the message already. ns: NULL for all. */
enum gs_exit gs_cluster_explain(const gs_cluster *c, const char *verb, const gs_kube_resource *r, const char *ns,
                                gs_error *err);

/* Begins a document of "schema": SCHEMA; gs_cluster_document_end ends it. Only where line.form asks for one. */
void gs_cluster_document(gs_cluster *c, gs_json_writer *w, const char *schema);
enum gs_exit gs_cluster_document_end(gs_json_writer *w, gs_error *err);

/* "45s", "12m", "3h40m", "5d": time gone by, as kubectl has it; "" for none (t_ms 0). */
#define GS_AGE_LEN 24
void gs_age(int64_t t_ms, int64_t now_ms, char ret[GS_AGE_LEN]);

#endif
