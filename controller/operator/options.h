/* What `gostat controller`, or `gostat undo`, was told to do. controller_flags.c holds the table of their flags: a new one is
 * a field here, a line there, and, where it is not zero, a default there. */
#ifndef GS_OPERATOR_OPTIONS_H
#define GS_OPERATOR_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Of a flag that may be given more than once: in their order, without repetitions. The strings are argv's. */
typedef struct op_values {
    const char **v;
    size_t n, cap;
} op_values;

enum op_command { OP_CONTROLLER, OP_UNDO };

typedef struct op_options {
    enum op_command command;
    const char *kubeconfig; /* NULL: look for it */
    const char *context;    /* NULL: its current one */
    op_values namespaces;   /* none: all */
    bool leader_elect;
    const char *lease_ns, *lease_name; /* NULL: the namespace is the kubeconfig's */
    int64_t lease_ms, renew_ms, retry_ms;
    const char *metrics_address, *health_address; /* "" for none */
    bool metrics_secure;
    const char *metrics_cert_dir; /* "": a certificate is made */
    int64_t timeout_ms;           /* of undo */
    int64_t retention_ms;
    const char *audit_log; /* a file, "-" for stdout; "" for none */
    const char *cluster;   /* its name in notifications; "" */
    /* bounds.c */
    op_values allow_s3, allow_webhook, allow_alertmanager, allow_private;
    const char *s3_prefix;                   /* "" */
    int64_t max_pods, max_namespace_actions; /* 0: no ceiling */
    int64_t min_interval_ms, max_profile_ms; /* 0: none */
    int64_t max_profile_bytes;               /* 0: none */
    bool allow_host_network;
    const char *log_format; /* text or json */
    bool verbose;
    bool help; /* and nothing else */
} op_options;

/* *o is to be ended with op_options_done in any case. Returns 0, or 2 after one line on stderr that names the flag. With
 * --help what follows it is not looked at. */
int op_options_parse(enum op_command command, int argc, char **argv, op_options *o);
void op_options_done(op_options *o);
/* The text of --help, on stdout. */
void op_options_help(enum op_command command);

#endif
