/* The rules of spec.healing and spec.notify over several fields. */
#include "codec/policy_internal.h"

#include <stdio.h>

/* "spec.healing.actions[1].scaleOut" */
static const char *at(char dst[96], const char *list, size_t i, const char *field)
{
    (void)snprintf(dst, 96, "%s[%zu].%s", list, i, field);
    return dst;
}

/* ---- actions ---- */

#define ACTIONS "spec.healing.actions"

static int check_scale_out(const gs_scale_out *s, size_t i, gs_error *err)
{
    char path[96];
    if (s->max_replicas < s->step)
        return gs_policy_bad(
            err, at(path, ACTIONS, i, "scaleOut.maxReplicas"),
            "must be at least step, which adds that many to those that run: raise it, or lower step; got "
            "%d and %d",
            s->max_replicas, s->step);
    if (s->max_hold_s < s->hold_s)
        return gs_policy_bad(
            err, at(path, ACTIONS, i, "scaleOut.maxHoldSeconds"),
            "(7200 if left out) must be at least holdSeconds (600 if left out), after which it is judged: "
            "raise it, or lower holdSeconds; got %lld and %lld",
            (long long)s->max_hold_s, (long long)s->hold_s);
    return 0;
}

static int check_action(const struct gs_policy_action *a, size_t i, gs_error *err)
{
    char path[96];
    enum gs_action_type type = a->spec.type;
    if (a->has_scale_out != (type == GS_ACTION_SCALE_OUT))
        return gs_policy_bad(
            err, at(path, ACTIONS, i, "scaleOut"),
            "is required with type ScaleOut, and with no other type: for example scaleOut: {maxReplicas: 10}");
    if (a->has_replace && type != GS_ACTION_REPLACE)
        return gs_policy_bad(err, at(path, ACTIONS, i, "replace"),
                             "is for type Replace only: remove it, or set the type");
    if (a->has_evict && type != GS_ACTION_EVICT)
        return gs_policy_bad(err, at(path, ACTIONS, i, "evict"), "is for type Evict only: remove it, or set the type");
    return type == GS_ACTION_SCALE_OUT ? check_scale_out(&a->spec.scale_out, i, err) : 0;
}

static int check_actions(const gs_policy_doc *d, gs_error *err)
{
    char path[96];
    for (size_t i = 0; i < d->policy.n_actions; i++) {
        int r = check_action(&d->actions[i], i, err);
        if (r < 0)
            return r;
        for (size_t k = 0; k < i; k++)
            if (d->actions[k].spec.type == d->actions[i].spec.type)
                return gs_policy_bad(err, at(path, ACTIONS, i, "type"),
                                     "is given twice: each action is tried once in an incident, name each type once");
    }
    return 0;
}

/* ---- windows ---- */

static bool label_name(const char *name)
{
    return gs_is_name(gs_str_of(name), true, "-");
}

#define LABEL_NAME                                                                                                     \
    "must be lower-case letters, digits and '-', beginning and ending with a letter or digit, got \"%.64s\""

/* "UTC", "Asia/Shanghai", "Etc/GMT+8". */
static bool zone_name(gs_str rest)
{
    gs_str part;
    if (!rest.n || gs_is_digit(rest.p[0]))
        return false;
    while (gs_next_part(&rest, '/', &part))
        if (!gs_of_chars(part, false, "_+-"))
            return false;
    return true;
}

static int check_windows(const gs_policy_doc *d, gs_error *err)
{
    static const char list[] = "spec.healing.windows";
    char path[96];
    for (size_t i = 0; i < d->n_windows; i++) {
        const gs_window *w = &d->windows[i].spec;
        if (!label_name(w->name))
            return gs_policy_bad(err, at(path, list, i, "name"), LABEL_NAME, w->name);
        for (size_t k = 0; k < i; k++)
            if (gs_streq(d->windows[k].spec.name, w->name))
                return gs_policy_bad(err, at(path, list, i, "name"), "is given twice: \"%s\"", w->name);
        if (!zone_name(gs_str_of(w->time_zone)))
            return gs_policy_bad(err, at(path, list, i, "timeZone"),
                                 "must be a name of the IANA time zone database: for example UTC or Asia/Shanghai, got "
                                 "\"%.64s\"",
                                 w->time_zone);
    }
    return 0;
}

/* ---- notify ---- */

static int check_destination(const struct gs_policy_notify *n, size_t i, gs_error *err)
{
    static const char list[] = "spec.notify";
    char path[96];
    const gs_notify_spec *s = &n->spec;
    if (!label_name(s->name))
        return gs_policy_bad(err, at(path, list, i, "name"), LABEL_NAME, s->name);
    int r = gs_policy_check_secret(s->url_secret, at(path, list, i, "urlSecretRef.name"), err);
    if (r == 0)
        r = gs_policy_check_key(s->url_key, at(path, list, i, "urlSecretRef.key"), err);
    if (r < 0 || !n->has_hmac)
        return r;
    if (s->type != GS_NOTIFY_WEBHOOK)
        return gs_policy_bad(
            err, at(path, list, i, "hmacSecretRef"),
            "is for type Webhook only, the others have no place for a signature: remove it, or set the "
            "type");
    r = gs_policy_check_secret(s->hmac_secret, at(path, list, i, "hmacSecretRef.name"), err);
    return r < 0 ? r : gs_policy_check_key(s->hmac_key, at(path, list, i, "hmacSecretRef.key"), err);
}

static int check_notify(const gs_policy_doc *d, gs_error *err)
{
    char path[96];
    for (size_t i = 0; i < d->n_notify; i++) {
        int r = check_destination(&d->notify[i], i, err);
        if (r < 0)
            return r;
        for (size_t k = 0; k < i; k++)
            if (gs_streq(d->notify[k].spec.name, d->notify[i].spec.name))
                return gs_policy_bad(err, at(path, "spec.notify", i, "name"), "is given twice: \"%s\"",
                                     d->notify[i].spec.name);
    }
    return 0;
}

int gs_policy_check_healing(const gs_policy_doc *d, gs_error *err)
{
    int r = check_actions(d, err);
    if (r == 0)
        r = check_windows(d, err);
    return r == 0 ? check_notify(d, err) : r;
}
