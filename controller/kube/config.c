#include "kube/config.h"

#include "base/clock.h"
#include "base/limits.h"
#include "base/mem.h"
#include "kube/token.h"
#include "wire/pem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_FILES 32 /* of $KUBECONFIG */
#define SERVICE_ACCOUNT_DIR "/var/run/secrets/kubernetes.io/serviceaccount"

void gs_kube_config_done(gs_kube_config *c)
{
    free(c->server);
    free(c->ca_pem);
    free(c->cert_pem);
    free(c->key_pem);
    free(c->token);
    free(c->token_file);
    free(c->tls_server_name);
    gs_kube_exec_free(c->exec);
    free(c->ns);
    *c = (gs_kube_config){0};
}

static void close_fd_p(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
}

int gs_kube_config_read_file(void *unused, const char *path, gs_buf *ret, gs_error *err)
{
    (void)unused;
    /* Non-blocking: a FIFO in the place of a file must not stop us. */
    __attribute__((cleanup(close_fd_p))) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat st;
    if (fd < 0)
        return gs_error_set(err, errno == ENOENT ? GS_NOT_FOUND : GS_TERMINAL, "%s: %s", path, strerror(errno));
    if (fstat(fd, &st) || !S_ISREG(st.st_mode))
        return gs_error_set(err, GS_TERMINAL, "%s: it is not a regular file", path);
    for (;;) {
        char chunk[16384];
        ssize_t n = read(fd, chunk, sizeof chunk);
        if (n == 0)
            return 0;
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return gs_error_set(err, GS_TERMINAL, "%s: %s", path, strerror(errno));
        if (gs_buf_add(ret, chunk, (size_t)n))
            return gs_error_set(err, GS_NO_MEMORY, "%s: it is larger than %zu bytes", path, ret->max);
    }
}

/* An API server says 401 to an expired certificate, and not why. */
static int check_expiry(const gs_kube_config *c, gs_error *err)
{
    gs_clock clock = gs_clock_system();
    int64_t until;
    char at[GS_TIME_LEN];
    if (!c->cert_pem)
        return 0;
    if (gs_pem_not_after(gs_str_of(c->cert_pem), &until, err))
        return gs_error_wrap(err, GS_TERMINAL, "client-certificate");
    if (until > gs_wall(&clock))
        return 0;
    gs_time_format(until, at);
    return gs_error_set(err, GS_REFUSED, "the client certificate expired at %s; get a new one, or use another context",
                        at);
}

struct files {
    gs_kube_config_text v[MAX_FILES];
    gs_buf texts[MAX_FILES];
    size_t n;
};

static void files_done(struct files *f)
{
    for (size_t i = 0; i < f->n; i++) {
        free((char *)(uintptr_t)f->v[i].path);
        gs_buf_done(&f->texts[i]);
    }
}
GS_DEFINE_CLEANUP_VALUE(struct files, files_done)

static int add_file(struct files *f, const char *path, gs_error *err)
{
    if (f->n == MAX_FILES)
        return gs_error_set(err, GS_TERMINAL, "kubeconfig: over %d files", MAX_FILES);
    gs_buf *text = &f->texts[f->n];
    *text = GS_BUF(GS_MAX_YAML_BYTES);
    int rc = gs_kube_config_read_file(NULL, path, text, err);
    if (rc) {
        gs_buf_done(text);
        return gs_error_wrap(err, GS_TERMINAL, "kubeconfig");
    }
    f->v[f->n++] = (gs_kube_config_text){gs_strdup(path), gs_buf_str(text)};
    return 0;
}

static int merge(const struct files *f, const char *label, const char *context, gs_kube_config *ret, gs_error *err)
{
    gs_cleanup(gs_kube_config_done) gs_kube_config c = {0};
    int rc = gs_kube_config_merge(f->v, f->n, context, gs_kube_config_read_file, NULL, &c, err);
    if (rc)
        return rc;
    if (check_expiry(&c, err))
        return gs_error_wrap(err, GS_TERMINAL, "kubeconfig %s", label);
    *ret = c;
    c = (gs_kube_config){0};
    return 0;
}

int gs_kube_config_from_file(const char *path, const char *context, gs_kube_config *ret, gs_error *err)
{
    gs_cleanup(files_done) struct files f = {0};
    int rc = add_file(&f, path, err);
    return rc ? rc : merge(&f, path, context, ret, err);
}

/* $KUBECONFIG: names with ':' between them. As with kubectl, those that do not exist are passed over. */
static int from_list(const char *list, const char *context, gs_kube_config *ret, gs_error *err)
{
    gs_cleanup(files_done) struct files f = {0};
    for (const char *at = list + strspn(list, ":"); *at; at += strspn(at, ":")) {
        gs_autofree char *path = gs_strndup(at, strcspn(at, ":"));
        int rc = add_file(&f, path, err);
        if (rc && rc != -GS_NOT_FOUND)
            return rc;
        at += strlen(path);
    }
    if (!f.n)
        return gs_error_set(err, GS_NOT_FOUND, "KUBECONFIG=%s: no such file; correct or unset it", list);
    return merge(&f, list, context, ret, err);
}

/* Reads dir/name as text; the caller frees. */
static int read_account_file(const char *dir, const char *name, char **ret, gs_error *err)
{
    gs_cleanup(gs_buf_done) gs_buf b = GS_BUF(GS_MAX_FILE_BYTES);
    gs_autofree char *path = gs_sprintf("%s/%s", dir, name);
    int rc = gs_kube_config_read_file(NULL, path, &b, err);
    if (rc)
        return gs_error_wrap(err, GS_TERMINAL,
                             "service account (is automountServiceAccountToken: false set for this pod?)");
    *ret = gs_buf_take(&b);
    return 0;
}

int gs_kube_config_in_cluster(const char *host, const char *port, const char *dir, gs_kube_config *ret, gs_error *err)
{
    gs_cleanup(gs_kube_config_done) gs_kube_config c = {0};
    host = host ? host : getenv("KUBERNETES_SERVICE_HOST");
    port = port ? port : getenv("KUBERNETES_SERVICE_PORT");
    dir = dir ? dir : SERVICE_ACCOUNT_DIR;
    if (!host || !*host || !port || !*port)
        return gs_error_set(err, GS_TERMINAL,
                            "KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not both set: "
                            "this is no pod, or enableServiceLinks and the API's service are missing");
    uint64_t number;
    if (!gs_str_u64(gs_str_of(port), &number) || number == 0 || number > 65535)
        return gs_error_set(err, GS_TERMINAL, "KUBERNETES_SERVICE_PORT: \"%s\" must be a port number", port);
    bool v6 = strchr(host, ':') && host[0] != '[';
    c.server = gs_sprintf("https://%s%s%s:%s", v6 ? "[" : "", host, v6 ? "]" : "", port);
    gs_autofree char *token = NULL;
    int rc = read_account_file(dir, "ca.crt", &c.ca_pem, err);
    if (!rc)
        rc = read_account_file(dir, "token", &token, err); /* only to know now rather than later that it is there */
    if (rc)
        return rc;
    if (!strstr(c.ca_pem, "-----BEGIN CERTIFICATE-----"))
        return gs_error_set(err, GS_TERMINAL, "service account: %s/ca.crt: it holds no PEM certificate", dir);
    if (!gs_kube_token_clean(token))
        return gs_error_set(err, GS_TERMINAL, "service account: %s/token: it is empty or holds no bearer token", dir);
    c.token_file = gs_sprintf("%s/token", dir);
    if (read_account_file(dir, "namespace", &c.ns, NULL) || !gs_kube_token_clean(c.ns)) {
        free(c.ns);
        c.ns = gs_strdup("default");
    }
    *ret = c;
    c = (gs_kube_config){0};
    return 0;
}

int gs_kube_config_load(const char *path, const char *context, gs_kube_config *ret, gs_error *err)
{
    const char *list = getenv("KUBECONFIG"), *home = getenv("HOME");
    if (path)
        return gs_kube_config_from_file(path, context, ret, err);
    if (list && *list)
        return from_list(list, context, ret, err);
    if (getenv("KUBERNETES_SERVICE_HOST") && !context)
        return gs_kube_config_in_cluster(NULL, NULL, NULL, ret, err);
    gs_autofree char *file = gs_sprintf("%s/.kube/config", home ? home : "");
    if (access(file, F_OK))
        return gs_error_set(err, GS_NOT_FOUND,
                            "no cluster is configured: name a kubeconfig file by --kubeconfig or "
                            "$KUBECONFIG, or run in a pod with a service account (%s: %s)",
                            file, strerror(errno));
    return gs_kube_config_from_file(file, context, ret, err);
}
