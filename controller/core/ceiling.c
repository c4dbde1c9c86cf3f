#include "core/ceiling.h"

#include "base/mem.h"
#include "base/str.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- the prefix ---- */

/* Every '{' begins one of the two names, or the template is none. False: it gets too long; *unknown: what it names. */
static bool expand(const char *template, const char *cluster, const char *ns, char ret[GS_PATH_LEN], gs_str *unknown)
{
    size_t n = 0;
    *unknown = (gs_str){NULL, 0};
    for (const char *s = template; *s;) {
        const char *end = *s == '{' ? strchrnul(s, '}') : s;
        gs_str name = {s, *s == '{' ? (size_t)(end - s) + (*end == '}') : 0}, put = {s, 1};
        if (gs_str_is(name, "{namespace}"))
            put = gs_str_of(ns);
        else if (gs_str_is(name, "{cluster}"))
            put = gs_str_of(cluster);
        else if (name.n)
            *unknown = name;
        if (put.n >= GS_PATH_LEN - n)
            return false;
        memcpy(ret + n, put.p, put.n);
        n += put.n;
        s += name.n ? name.n : 1;
    }
    ret[n] = 0;
    return true;
}

/* As the API has it for the prefix of a policy. */
static bool is_prefix(const char *s)
{
    static const char names[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
    for (;;) {
        size_t n = strspn(s, names);
        if (!n || s[0] == '.' || memmem(s, n, "..", 2))
            return false;
        if (!s[n])
            return true;
        if (s[n] != '/')
            return false;
        s += n + 1;
    }
}

int gs_ceiling_prefix(const char *template, const char *cluster, char ret[GS_PATH_LEN], gs_error *err)
{
    char longest[GS_NAMESPACE_LEN], tried[GS_PATH_LEN], kept[GS_PATH_LEN];
    gs_str unknown;
    ret[0] = 0;
    if (!*template)
        return 0;
    memset(longest, 'x', sizeof longest - 1);
    longest[sizeof longest - 1] = 0;
    if (strstr(template, "{cluster}") && !*cluster)
        return gs_error_set(err, GS_TERMINAL, "--s3-prefix \"%.200s\": {cluster} needs --cluster-name", template);
    bool fits = expand(template, cluster, longest, tried, &unknown);
    if (unknown.n)
        return gs_error_set(err, GS_TERMINAL,
                            "--s3-prefix \"%.200s\": %.*s is not known: only {namespace} and {cluster} are", template,
                            (int)(unknown.n < 60 ? unknown.n : 60), unknown.p);
    if (!fits || !expand(template, cluster, "{namespace}", kept, &unknown))
        return gs_error_set(err, GS_TERMINAL, "--s3-prefix \"%.200s\": must have at most %d bytes", template,
                            GS_PATH_LEN - 1);
    if (!is_prefix(tried))
        return gs_error_set(
            err, GS_TERMINAL,
            "--s3-prefix \"%.200s\": must be names of letters, digits, '-', '_' and '.' with single '/' "
            "between, none beginning with '.', no '/' at either end and no '..': for example "
            "{cluster}/{namespace}",
            template);
    memcpy(ret, kept, sizeof kept);
    return 0;
}

static int put_prefix(const gs_ceiling *c, gs_policy *p, gs_error *err)
{
    char own[GS_PATH_LEN], whole[GS_PATH_LEN];
    gs_str unknown;
    if (!c->prefix[0] || !p->has_s3)
        return 0;
    memcpy(own, p->s3.prefix, sizeof own);
    bool fits = expand(c->prefix, "", p->ns, whole, &unknown);
    if (!fits || (size_t)snprintf(p->s3.prefix, sizeof p->s3.prefix, "%s%s%s", whole, own[0] ? "/" : "", own) >=
                     sizeof p->s3.prefix)
        return gs_error_set(
            err, GS_TERMINAL,
            "spec.snapshot.s3.prefix: must be shorter: with the operator's --s3-prefix before it it has "
            "over %d bytes",
            GS_PATH_LEN - 1);
    return 0;
}

/* ---- a policy's own wishes ---- */

static void say(char limited[GS_LIMITED_LEN], const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void say(char limited[GS_LIMITED_LEN], const char *fmt, ...)
{
    size_t n = strlen(limited);
    n += (size_t)snprintf(limited + n, GS_LIMITED_LEN - n, "%s", n ? ", " : "held to the operator's ceilings: ");
    va_list args;
    va_start(args, fmt);
    if (n < GS_LIMITED_LEN)
        (void)vsnprintf(limited + n, GS_LIMITED_LEN - n, fmt, args);
    va_end(args);
}

static int larger(int a, int b)
{
    return a > b ? a : b;
}

static void hold_seconds(int max, const char *field, int *seconds, char limited[GS_LIMITED_LEN])
{
    if (!max || *seconds <= max)
        return;
    say(limited, "%s is %d, not %d (--max-profile-seconds)", field, max, *seconds);
    *seconds = max;
}

int gs_ceiling_hold(const gs_ceiling *c, gs_policy *p, char limited[GS_LIMITED_LEN], gs_error *err)
{
    limited[0] = 0;
    if (p->interval_s < c->min_interval_s) {
        say(limited, "spec.sampling.intervalSeconds is %d, not %d (--min-interval)", c->min_interval_s, p->interval_s);
        p->interval_s = c->min_interval_s;
        /* a window holds at least two samples, a low point one */
        p->detection.surge.window_s = larger(p->detection.surge.window_s, p->interval_s);
        p->detection.floor.window_s = larger(p->detection.floor.window_s, p->interval_s);
    }
    if (p->snapshot_kinds & 1u << GS_PROFILE_CPU)
        hold_seconds(c->max_profile_s, "spec.snapshot.cpuSeconds", &p->cpu_s, limited);
    if (p->snapshot_kinds & 1u << GS_PROFILE_TRACE)
        hold_seconds(c->max_profile_s, "spec.snapshot.traceSeconds", &p->trace_s, limited);
    if (p->allow_host_network && !c->host_network) {
        say(limited, "spec.allowHostNetwork is false (--allow-host-network)");
        p->allow_host_network = false;
    }
    p->max_profile_bytes = c->max_profile_bytes;
    p->max_namespace_actions = c->max_namespace_actions;
    return put_prefix(c, p, err);
}

/* ---- its pods ---- */

typedef struct ranked {
    gs_candidate c;
    size_t rank; /* among the pods of its workload */
} ranked;

static int by_name(const void *a, const void *b)
{
    const ranked *x = a, *y = b;
    int r = strcmp(x->c.workload, y->c.workload);
    return r ? r : strcmp(x->c.name, y->c.name);
}

static int by_rank(const void *a, const void *b)
{
    const ranked *x = a, *y = b;
    return x->rank != y->rank ? (x->rank > y->rank) - (x->rank < y->rank) : by_name(a, b);
}

void gs_ceiling_choose(gs_candidate *v, size_t n, size_t max)
{
    if (!n)
        return;
    ranked *r = gs_allocn(n, sizeof *r);
    for (size_t k = 0; k < n; k++)
        r[k].c = v[k];
    qsort(r, n, sizeof *r, by_name);
    for (size_t k = 1; k < n; k++)
        r[k].rank = strcmp(r[k].c.workload, r[k - 1].c.workload) == 0 ? r[k - 1].rank + 1 : 0;
    qsort(r, n, sizeof *r, by_rank);
    for (size_t k = 0; k < n; k++) {
        v[k] = r[k].c;
        v[k].sampled = k < max;
    }
    free(r);
}
