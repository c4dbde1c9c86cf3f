/* What the files of `gostat watch` share. One loop thread owns all of it; nobody outside watch*.c includes this. */
#ifndef GS_CLI_WATCH_H
#define GS_CLI_WATCH_H

#include "cli/output.h"
#include "engine/engine.h"

#define GS_WATCH_NS "local"     /* the namespace that workloads of `watch` are said to be in */
#define GS_WATCH_TARGET_LEN 201 /* host:port and its end: file names are made of it */
#define GS_WATCH_NAME_MAX 63    /* of what is before '=' */
#define GS_WATCH_EVENTS_KEPT 8  /* shown below the table */

enum gs_watch_form { GS_WATCH_TABLE, GS_WATCH_TEXT, GS_WATCH_JSON };

typedef struct gs_watch_target {
    char name[GS_WATCH_TARGET_LEN];     /* as given: host:port, an IPv6 address in brackets */
    char workload[GS_WATCH_TARGET_LEN]; /* what it is a replica of: the name before '=', or its own */
    char host[GS_WATCH_TARGET_LEN];     /* without brackets */
    int port;
} gs_watch_target;

typedef struct gs_watch_options {
    gs_watch_target *targets;
    size_t n_targets, cap_targets;
    gs_policy *policy;        /* from the file or the defaults, the interval as overridden */
    const char *evidence_dir; /* NULL: none is kept; of argv */
    int64_t for_ms;           /* 0: until a signal */
    enum gs_watch_form form;
    bool help; /* only print the help */
} gs_watch_options;

/* watch_options.c */
int gs_watch_options_parse(int argc, char **argv, gs_watch_options *ret, gs_error *err);
void gs_watch_options_done(gs_watch_options *o);
GS_DEFINE_CLEANUP_VALUE(gs_watch_options, gs_watch_options_done)
/* "host:port", "[::1]:port", each with "name=" before it or not. */
int gs_watch_target_parse(const char *text, gs_watch_target *ret, gs_error *err);

/* watch_help.c */
void gs_watch_help(gs_buf *out);

/* watch_events.c: what is printed of an event, in the chosen form */
typedef struct gs_watch_event {
    enum gs_event event;
    int64_t t_ms; /* since the start, or Unix time */
    bool dated;   /* Unix time: as text it is written as a date */
    const char *target;
    const gs_incident *incident; /* NULL: a suspicion */
    const char *reason;
} gs_watch_event;
void gs_watch_event_json(const gs_watch_event *e, gs_buf *out);
void gs_watch_event_text(const gs_watch_event *e, gs_buf *out);
/* Several lines for one incident: what leaks, where, which files tell more. dir NULL: no evidence was kept. */
void gs_watch_incident_text(const gs_incident *i, const char *dir, gs_buf *out);

/* watch_table.c: the live table. A plain value; zero-initialised is a table that was never shown. */
typedef struct gs_watch_table {
    gs_output *out;
    bool shown, colour;
    char events[GS_WATCH_EVENTS_KEPT][320]; /* a ring of lines */
    size_t n_events;
} gs_watch_table;
void gs_watch_table_event(gs_watch_table *t, const gs_watch_event *e);
void gs_watch_table_draw(gs_watch_table *t, const gs_engine *e, int64_t t_ms);
void gs_watch_table_leave(gs_watch_table *t); /* gives the terminal back as it was */
/* One screen of it, for a terminal of this size. */
void gs_watch_table_render(const gs_watch_table *t, const gs_engine *e, int64_t t_ms, size_t width, size_t height,
                           gs_buf *out);

#endif
