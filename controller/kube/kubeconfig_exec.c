/* The exec plugin of a kubeconfig's user, and what it is told about the cluster. */
#include "base/limits.h"
#include "base/mem.h"
#include "kube/kubeconfig_internal.h"
#include "wire/digest.h"
#include "wire/json_write.h"

#include <stdlib.h>
#include <string.h>

#define MAX_LIST 256 /* arguments, or variables */
#define EXTENSION "client.authentication.k8s.io/exec"

static char **copy_list(char *const *list)
{
    size_t n = 0;
    while (list[n])
        n++;
    char **copy = gs_allocn(n + 1, sizeof *copy);
    for (size_t i = 0; i < n; i++)
        copy[i] = gs_strdup(list[i]);
    return copy;
}

static void free_list(char **list)
{
    for (size_t i = 0; list && list[i]; i++)
        free(list[i]);
    free(list);
}

gs_kube_exec *gs_kube_exec_copy(const gs_kube_exec *e)
{
    if (!e)
        return NULL;
    gs_kube_exec *copy = gs_alloc(sizeof *copy);
    copy->api_version = gs_strdup(e->api_version);
    copy->argv = copy_list(e->argv);
    copy->env = copy_list(e->env);
    copy->info = gs_strdup(e->info);
    copy->install_hint = e->install_hint ? gs_strdup(e->install_hint) : NULL;
    return copy;
}

void gs_kube_exec_free(gs_kube_exec *e)
{
    if (!e)
        return;
    free_list(e->argv);
    free_list(e->env);
    free(e->api_version);
    free(e->info);
    free(e->install_hint);
    free(e);
}

static int read_version(const json_t *exec, gs_kube_exec *e, gs_error *err)
{
    const char *version = gs_json_doc_str(exec, "apiVersion");
    if (!gs_streq(version, "client.authentication.k8s.io/v1") &&
        !gs_streq(version, "client.authentication.k8s.io/v1beta1"))
        return gs_error_set(
            err, GS_TERMINAL,
            "exec.apiVersion: must be client.authentication.k8s.io/v1 or …/v1beta1, is \"%.80s\"; a newer "
            "release of the plugin writes it (v1alpha1 was removed from kubectl, too)",
            version ? version : "");
    e->api_version = gs_strdup(version);
    return 0;
}

/* Nobody can be asked: gostat runs without a terminal, and its commands in pipes. */
static int check_mode(const json_t *exec, const gs_kube_exec *e, gs_error *err)
{
    const char *mode = gs_json_doc_str(exec, "interactiveMode");
    bool must_be_set = gs_str_ends(gs_str_of(e->api_version), "/v1");
    if (gs_streq(mode, "Never") || gs_streq(mode, "IfAvailable") || (!mode && !must_be_set))
        return 0;
    if (gs_streq(mode, "Always"))
        return gs_error_set(
            err, GS_TERMINAL,
            "exec.interactiveMode: Always: the plugin wants to ask somebody, and gostat has no terminal "
            "for it; use a plugin that does not, or a token (kubectl create token SERVICEACCOUNT)");
    return gs_error_set(err, GS_TERMINAL, "exec.interactiveMode: must be Never or IfAvailable, is \"%.40s\"",
                        mode ? mode : "");
}

/* A name alone is looked for in $PATH; a relative path starts at the kubeconfig. */
static int read_argv(const json_t *exec, const char *path, gs_kube_exec *e, gs_error *err)
{
    const char *command = gs_json_doc_str(exec, "command");
    const json_t *args = json_object_get(exec, "args");
    size_t n = json_array_size(args);
    if (!command || !*command)
        return gs_error_set(err, GS_TERMINAL, "exec.command: missing; name the program");
    if ((args && !json_is_null(args) && !json_is_array(args)) || n > MAX_LIST)
        return gs_error_set(err, GS_TERMINAL, "exec.args: must be a list of at most %d strings", MAX_LIST);
    e->argv = gs_allocn(n + 2, sizeof *e->argv);
    e->argv[0] = strchr(command, '/') ? gs_kubeconfig_beside(path, command) : gs_strdup(command);
    for (size_t i = 0; i < n; i++) {
        const char *arg = json_string_value(json_array_get(args, i));
        if (!arg)
            return gs_error_set(err, GS_TERMINAL, "exec.args[%zu]: must be a string", i);
        e->argv[i + 1] = gs_strdup(arg);
    }
    return 0;
}

static int read_env(const json_t *exec, gs_kube_exec *e, gs_error *err)
{
    const json_t *env = json_object_get(exec, "env");
    size_t n = json_array_size(env);
    if ((env && !json_is_null(env) && !json_is_array(env)) || n > MAX_LIST)
        return gs_error_set(err, GS_TERMINAL, "exec.env: must be a list of at most %d {name, value}", MAX_LIST);
    e->env = gs_allocn(n + 1, sizeof *e->env);
    for (size_t i = 0; i < n; i++) {
        const json_t *item = json_array_get(env, i);
        const char *name = gs_json_doc_str(item, "name"), *value = gs_json_doc_str(item, "value");
        if (!name || !*name || strchr(name, '=') || !value)
            return gs_error_set(err, GS_TERMINAL, "exec.env[%zu]: must be {name, value}, both strings", i);
        e->env[i] = gs_sprintf("%s=%s", name, value);
    }
    return 0;
}

/* What the cluster's entry has for this plugin alone; NULL: nothing. */
static const json_t *extension(const json_t *cluster)
{
    const json_t *list = json_object_get(cluster, "extensions");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *item = json_array_get(list, i);
        if (gs_streq(gs_json_doc_str(item, "name"), EXTENSION))
            return json_object_get(item, "extension");
    }
    return NULL;
}

static int write_cluster(gs_json_writer *w, const json_t *cluster, const gs_kube_config *c, gs_error *err)
{
    gs_cleanup(gs_buf_done) gs_buf ca = GS_BUF(2 * GS_MAX_FILE_BYTES);
    const json_t *config = extension(cluster);
    gs_jw_object(w, "cluster");
    gs_jw_str(w, "server", c->server);
    if (c->tls_server_name)
        gs_jw_str(w, "tls-server-name", c->tls_server_name);
    if (c->ca_pem) {
        int rc = gs_base64_encode(gs_str_of(c->ca_pem), &ca, err);
        if (rc)
            return rc;
        gs_jw_strn(w, "certificate-authority-data", gs_buf_str(&ca));
    }
    if (config) {
        char *text = json_dumps(config, JSON_COMPACT | JSON_ENCODE_ANY);
        gs_jw_raw(w, "config", gs_str_of(text));
        free(text);
    }
    gs_jw_end(w);
    return 0;
}

static int write_info(const json_t *exec, const json_t *cluster, const gs_kube_config *c, gs_kube_exec *e,
                      gs_error *err)
{
    gs_cleanup(gs_buf_done) gs_buf b = GS_BUF(4 * GS_MAX_YAML_BYTES);
    gs_json_writer w;
    gs_jw_init(&w, &b);
    gs_jw_object(&w, NULL);
    gs_jw_str(&w, "kind", "ExecCredential");
    gs_jw_str(&w, "apiVersion", e->api_version);
    gs_jw_object(&w, "spec");
    if (json_is_true(json_object_get(exec, "provideClusterInfo"))) {
        int rc = write_cluster(&w, cluster, c, err);
        if (rc)
            return rc;
    }
    gs_jw_bool(&w, "interactive", false);
    gs_jw_end(&w);
    gs_jw_end(&w);
    int rc = gs_jw_finish(&w, err);
    if (!rc)
        e->info = gs_buf_take(&b);
    return rc;
}

int gs_kubeconfig_exec(const json_t *exec, const char *path, const json_t *cluster, gs_kube_config *c, gs_error *err)
{
    gs_cleanup(gs_kube_exec_free) gs_kube_exec *e = gs_alloc(sizeof *e);
    const char *hint = gs_json_doc_str(exec, "installHint");
    int rc = read_version(exec, e, err);
    if (!rc)
        rc = check_mode(exec, e, err);
    if (!rc)
        rc = read_argv(exec, path, e, err);
    if (!rc)
        rc = read_env(exec, e, err);
    if (!rc)
        rc = write_info(exec, cluster, c, e, err);
    if (rc)
        return rc;
    e->install_hint = hint && *hint ? gs_strdup(hint) : NULL;
    c->exec = gs_take(e);
    return 0;
}
