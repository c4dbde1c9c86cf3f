#include "kube/discovery.h"

#include "base/map.h"
#include "base/mem.h"
#include "wire/json_map.h"

#include <stdlib.h>
#include <sys/queue.h>

#define MAX_GROUPS 256 /* versions of groups that anything watched is owned by; a cluster has some dozens */
#define MAX_KINDS 4096 /* of one of them */

struct gs_kube_lookup {
    struct group *group; /* NULL: there can be none */
    gs_kube_discovery *d;
    TAILQ_ENTRY(gs_kube_lookup) link;
    char kind[64];
    gs_error err; /* where group is NULL */
    gs_timer *timer;
    void (*done)(void *ctx, const gs_kube_kind *kind, const gs_error *err);
    void *ctx;
};

typedef struct group { /* one version of it */
    gs_kube_discovery *d;
    char group[254], version[64];
    gs_map *kinds; /* by kind */
    gs_error err;
    int64_t asked_ms; /* mono; 0: never */
    gs_kube_call *call;
} group;

struct gs_kube_discovery {
    gs_kube *k;
    gs_map *groups; /* "apps/v1" */
    TAILQ_HEAD(lookups, gs_kube_lookup) lookups;
};

static void group_free(void *p)
{
    group *g = p;
    gs_kube_cancel(g->call);
    gs_map_free(g->kinds);
    free(g);
}

gs_kube_discovery *gs_kube_discovery_new(gs_kube *k)
{
    gs_kube_discovery *d = gs_alloc(sizeof *d);
    d->k = k;
    d->groups = gs_map_new(group_free);
    TAILQ_INIT(&d->lookups);
    return d;
}

void gs_kube_lookup_cancel(gs_kube_lookup *l)
{
    if (!l)
        return;
    TAILQ_REMOVE(&l->d->lookups, l, link);
    gs_timer_free(l->timer);
    free(l);
}

void gs_kube_discovery_free(gs_kube_discovery *d)
{
    if (!d)
        return;
    while (!TAILQ_EMPTY(&d->lookups))
        gs_kube_lookup_cancel(TAILQ_FIRST(&d->lookups));
    gs_map_free(d->groups);
    free(d);
}

/* ---- one group ---- */

typedef struct resource {
    char name[320], kind[64];
    bool namespaced;
} resource;

static const gs_json_field resource_fields[] = {
    {GS_FIELD_STRING(resource, "name", name), .required = true},
    {GS_FIELD_STRING(resource, "kind", kind), .required = true},
    {GS_FIELD_BOOL(resource, "namespaced", namespaced)},
    {0},
};

static void add_kind(group *g, const resource *r)
{
    gs_kube_kind *k = gs_alloc(sizeof *k);
    memcpy(k->group, g->group, sizeof k->group);
    memcpy(k->version, g->version, sizeof k->version);
    (void)gs_str_copy(k->plural, sizeof k->plural, gs_str_of(r->name));
    k->namespaced = r->namespaced;
    gs_map_put(g->kinds, r->kind, k);
}

static void add_scale(group *g, gs_str plural)
{
    for (gs_map_it it = {0}; gs_map_next(g->kinds, &it);) {
        gs_kube_kind *k = it.value;
        k->scale |= gs_str_is(plural, k->plural);
    }
}

/* Twice over the list: "rollouts/scale" may come before "rollouts". */
static int read_group(group *g, gs_str list, bool scales, gs_error *err)
{
    gs_json_cursor c;
    gs_str resources;
    if (!gs_json_find(list, (const char *[]){"resources", NULL}, &resources))
        return gs_error_set(err, GS_TERMINAL, "%s/%s: an APIResourceList without resources", g->group, g->version);
    gs_json_cursor_init(&c, resources);
    if (!gs_json_is_null(&c) && gs_json_enter_array(&c))
        while (gs_json_next_element(&c)) {
            resource r = {0};
            int e = gs_json_map_decode(&c, resource_fields, &r, GS_UNKNOWN_IGNORE, "resources[]", err);
            if (e < 0)
                return e;
            gs_str name = gs_str_of(r.name);
            const char *slash = strchr(r.name, '/');
            if (!scales && !slash && gs_map_len(g->kinds) < MAX_KINDS)
                add_kind(g, &r);
            else if (scales && slash && gs_str_ends(name, "/scale"))
                add_scale(g, (gs_str){r.name, (size_t)(slash - r.name)});
        }
    return gs_json_cursor_finish(&c, err);
}

static void answer(gs_kube_lookup *l)
{
    const gs_kube_kind *kind = l->group && l->group->err.kind == GS_OK ? gs_map_get(l->group->kinds, l->kind) : NULL;
    gs_kube_kind copy = {0};
    gs_error err = l->group ? l->group->err : l->err;
    void (*done)(void *, const gs_kube_kind *, const gs_error *) = l->done;
    void *ctx = l->ctx;
    if (kind)
        copy = *kind;
    else if (err.kind == GS_OK)
        (void)gs_error_set(&err, GS_NOT_FOUND, "there is no kind %s in %s/%s", l->kind, l->group->group,
                           l->group->version);
    gs_kube_lookup_cancel(l);
    done(ctx, kind ? &copy : NULL, &err);
}

/* Asked for again and again: an answer may start and cancel lookups. */
static gs_kube_lookup *waiting_for(const group *g)
{
    gs_kube_lookup *l;
    TAILQ_FOREACH (l, &g->d->lookups, link)
        if (l->group == g)
            break;
    return l;
}

static void on_group(void *ctx, const gs_kube_reply *reply)
{
    group *g = ctx;
    g->call = NULL;
    g->err = reply->err;
    gs_map_free(g->kinds);
    g->kinds = gs_map_new(free);
    if (g->err.kind == GS_OK && read_group(g, reply->body, false, &g->err) == 0)
        (void)read_group(g, reply->body, true, &g->err);
    for (gs_kube_lookup *l; !g->call && (l = waiting_for(g));)
        answer(l);
}

static int64_t now(const gs_kube_discovery *d)
{
    return gs_mono(gs_kube_clock(d->k));
}

/* ---- lookups ---- */

static void on_lookup(void *ctx)
{
    gs_kube_lookup *l = ctx;
    if (!l->group || !l->group->call)
        answer(l);
}

/* A DNS name: it becomes part of a path. */
static bool is_dns_name(gs_str s, size_t cap)
{
    for (size_t k = 0; k < s.n; k++)
        if (!strchr("abcdefghijklmnopqrstuvwxyz0123456789-.", s.p[k]) || !s.p[k])
            return false;
    return s.n > 0 && s.n < cap && s.p[0] != '.' && s.p[0] != '-';
}

static group *group_of(gs_kube_discovery *d, const char *api_version, gs_error *err)
{
    const char *slash = strchr(api_version, '/');
    gs_str name = {api_version, slash ? (size_t)(slash - api_version) : 0};
    gs_str version = gs_str_of(slash ? slash + 1 : api_version);
    group *g = gs_map_get(d->groups, api_version);
    if (g)
        return g;
    if ((slash && !is_dns_name(name, sizeof g->group)) || !is_dns_name(version, sizeof g->version)) {
        (void)gs_error_set(err, GS_NOT_FOUND, "\"%.80s\" is no API version", api_version);
        return NULL;
    }
    if (gs_map_len(d->groups) >= MAX_GROUPS) {
        (void)gs_error_set(err, GS_NO_MEMORY, "over %d API groups", MAX_GROUPS);
        return NULL;
    }
    g = gs_alloc(sizeof *g);
    g->d = d;
    (void)gs_str_copy(g->group, sizeof g->group, name);
    (void)gs_str_copy(g->version, sizeof g->version, version);
    gs_map_put(d->groups, api_version, g);
    return g;
}

gs_kube_lookup *gs_kube_discovery_find(gs_kube_discovery *d, const char *api_version, const char *kind,
                                       void (*done)(void *ctx, const gs_kube_kind *kind, const gs_error *err),
                                       void *ctx)
{
    gs_kube_lookup *l = gs_alloc(sizeof *l);
    l->d = d;
    l->done = done;
    l->ctx = ctx;
    (void)gs_str_copy(l->kind, sizeof l->kind, gs_str_of(kind));
    l->group = group_of(d, api_version, &l->err);
    l->timer = gs_timer_new(gs_kube_loop(d->k), on_lookup, l);
    TAILQ_INSERT_TAIL(&d->lookups, l, link);
    group *g = l->group;
    if (g && !g->call && (!g->asked_ms || g->err.kind == GS_TRANSIENT || now(d) - g->asked_ms > GS_KUBE_DISCOVERY_MS)) {
        gs_kube_resource r = {g->group, g->version, "", false};
        g->asked_ms = now(d);
        g->call = gs_kube_get_group(d->k, &r, NULL, on_group, g);
    }
    if (!g || !g->call)
        gs_timer_set(l->timer, 0);
    return l;
}
