/* Certificates made on the spot, and openssl's own server with them: ca.pem signed server.pem (api.test), ip.pem (127.0.0.1),
 * expired.pem (api.test, ended) and client.pem; other.pem is another CA. Beside each NAME.pem is NAME.key. */
#ifndef GS_TEST_TLS_FIXTURE_H
#define GS_TEST_TLS_FIXTURE_H

#include "base/mem.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static char tls_dir[] = "/tmp/gostat-test-tls-XXXXXX";

static inline char *tls_file(const char *name)
{
    gs_autofree char *path = gs_sprintf("%s/%s", tls_dir, name);
    char *p = gs_alloc(65536);
    FILE *f = fopen(path, "re");
    if (!f)
        abort();
    p[fread(p, 1, 65535, f)] = 0;
    (void)fclose(f);
    return p;
}

#define TLS_CA(name)                                                                                                   \
    TLS_KEY "-x509 -addext basicConstraints=critical,CA:TRUE -subj /CN=" name " -keyout " name ".key -out " name       \
            ".pem; "
#define TLS_KEY "openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 "
#define TLS_CERT(name, days, san)                                                                                      \
    TLS_KEY "-subj /CN=" name " -keyout " name ".key -out csr; echo subjectAltName=" san " >ext; "                     \
            "openssl x509 -req -days " days                                                                            \
            " -CA ca.pem -CAkey ca.key -CAcreateserial -extfile ext -in csr -out " name ".pem; "

static inline int tls_make(void)
{
    if (!mkdtemp(tls_dir))
        return -1;
    gs_autofree char *all = gs_sprintf(
        "cd %s && { set -e; %s } >log 2>&1", tls_dir,
        TLS_CA("ca") TLS_CA("other") TLS_CERT("server", "2", "DNS:api.test") TLS_CERT("ip", "2", "IP:127.0.0.1")
            TLS_CERT("client", "2", "DNS:client.test") TLS_CERT("expired", "-1", "DNS:api.test"));
    if (system(all) == 0)
        return 0;
    (void)fprintf(stderr, "openssl (Debian: openssl) could not make certificates: see %s/log\n", tls_dir);
    return -1;
}

static inline int tls_remove(void)
{
    gs_autofree char *rm = gs_sprintf("rm -rf %s", tls_dir);
    return system(rm);
}

struct tls_server {
    pid_t pid;
    int port;
    FILE *out;
};

#define TLS_ARGS_MAX 8

/* `openssl s_server -www` answers each request with a page on the connection. args: more of its arguments, NULL-terminated. */
static inline struct tls_server tls_start_with(const char *name, const char *const *args)
{
    int out[2];
    struct tls_server s = {0};
    char line[256];
    gs_autofree char *cert = gs_sprintf("%s.pem", name);
    gs_autofree char *key = gs_sprintf("%s.key", name);
    if (pipe2(out, O_CLOEXEC) || (s.pid = fork()) < 0)
        abort();
    if (s.pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that fails leaves no server behind */
        const char *argv[10 + TLS_ARGS_MAX + 1] = {"openssl", "s_server", "-accept", "127.0.0.1:0", "-cert",
                                                   cert,      "-key",     key,       "-www",        "-CAfile"};
        size_t n = 10;
        argv[n++] = "ca.pem";
        for (size_t k = 0; args[k] && k < TLS_ARGS_MAX - 1; k++)
            argv[n++] = args[k];
        (void)dup2(out[1], 1);
        (void)dup2(open("/dev/null", O_WRONLY | O_CLOEXEC), 2);
        if (chdir(tls_dir) == 0)
            (void)execvp("openssl", (char *const *)(uintptr_t)argv);
        _exit(127);
    }
    (void)close(out[1]);
    s.out = fdopen(out[0], "re");
    while (!s.port && fgets(line, sizeof line, s.out))
        (void)sscanf(line, "ACCEPT 127.0.0.1:%d", &s.port);
    if (!s.port)
        fail_msg("openssl s_server did not start");
    return s;
}

static inline struct tls_server tls_start(const char *name, bool want_client_cert)
{
    static const char *const wanted[] = {"-Verify", "1", "-verify_return_error", NULL}, *const none[] = {NULL};
    return tls_start_with(name, want_client_cert ? wanted : none);
}

static inline void tls_stop(struct tls_server *s)
{
    (void)kill(s->pid, SIGTERM);
    (void)waitpid(s->pid, NULL, 0);
    (void)fclose(s->out);
}

#endif
