/* Where the API server is and who we are: from a kubeconfig file or from a pod's service account.
 *
 * A gs_kube_config is a plain value that owns its strings; its owner calls gs_kube_config_done. Any thread.
 * Certificates are read once; a token file is only named here, gs_kube reads it again and again. */
#ifndef GS_KUBE_CONFIG_H
#define GS_KUBE_CONFIG_H

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"

/* An exec plugin: a program of the user's own that prints a credential. gs_kube runs it. */
typedef struct gs_kube_exec {
    char *api_version;  /* client.authentication.k8s.io/v1 or v1beta1 */
    char **argv;        /* the command first; ended by NULL */
    char **env;         /* "NAME=value", added to our environment; ended by NULL */
    char *info;         /* what it is told in KUBERNETES_EXEC_INFO */
    char *install_hint; /* where to get it; or NULL */
} gs_kube_exec;

gs_kube_exec *gs_kube_exec_copy(const gs_kube_exec *e); /* NULL of NULL */
void gs_kube_exec_free(gs_kube_exec *e);
GS_DEFINE_CLEANUP(gs_kube_exec *, gs_kube_exec_free)

typedef struct gs_kube_config {
    char *server;   /* "https://10.96.0.1:443", without a slash at the end */
    char *ca_pem;   /* NULL: the system's CAs */
    char *cert_pem; /* client certificate chain, with key_pem; or NULL */
    char *key_pem;
    char *token;           /* a fixed bearer token, or NULL */
    char *token_file;      /* a token that is replaced while we run, or NULL; wins over token */
    char *tls_server_name; /* the name to verify, where it is not the URL's host; or NULL */
    gs_kube_exec *exec;    /* where the credential comes from instead; or NULL */
    char *ns;              /* the namespace meant where none is named; never NULL ("default") */
} gs_kube_config;

void gs_kube_config_done(gs_kube_config *c);
GS_DEFINE_CLEANUP_VALUE(gs_kube_config, gs_kube_config_done)

/* What a program wants that has a --kubeconfig and a --context flag (each may be NULL):
 * the file `path`; else the files of $KUBECONFIG, of which the first one wins that has an entry of a name, and missing ones
 * are passed over; else, where no context is asked for, the service account, when in a pod; else ~/.kube/config.
 * -GS_REFUSED: the client certificate has expired. All other errors are for the user to correct in the file. */
int gs_kube_config_load(const char *path, const char *context, gs_kube_config *ret, gs_error *err);

/* context NULL: current-context. */
int gs_kube_config_from_file(const char *path, const char *context, gs_kube_config *ret, gs_error *err);

/* host, port NULL: $KUBERNETES_SERVICE_HOST, _PORT; dir NULL: /var/run/secrets/kubernetes.io/serviceaccount. */
int gs_kube_config_in_cluster(const char *host, const char *port, const char *dir, gs_kube_config *ret, gs_error *err);

/* The decoder behind them. `path` names the file in errors, and relative paths in it start at its folder; `read` gets
 * the files that it names. No clock: what has expired is not found out here. */
typedef int (*gs_kube_read_file)(void *ctx, const char *path, gs_buf *ret, gs_error *err);
typedef struct gs_kube_config_text {
    const char *path;
    gs_str yaml;
} gs_kube_config_text;
int gs_kube_config_merge(const gs_kube_config_text *files, size_t n, const char *context, gs_kube_read_file read,
                         void *ctx, gs_kube_config *ret, gs_error *err);
/* The same of one file. */
int gs_kube_config_parse(gs_str yaml, const char *path, const char *context, gs_kube_read_file read, void *ctx,
                         gs_kube_config *ret, gs_error *err);

/* Reads a whole regular file, at most ret->max bytes. */
int gs_kube_config_read_file(void *unused, const char *path, gs_buf *ret, gs_error *err);

#endif
