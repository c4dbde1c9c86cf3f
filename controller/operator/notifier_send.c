/* One notice on its way: the Secrets are read for it, so that a rotated one counts, then the link is made, then it is sent.
 * What was secret is wiped. */
#include "operator/notifier.h"

#include "base/log.h"
#include "base/mem.h"
#include "core/retention.h"

#include <stdio.h>

#define REFUSED_RETRY_MS 60000 /* by then the Secret may name another destination */

typedef struct op_send {
    op_destination *d;
    op_secret_value *value;
    op_secret_read *credentials;
    gs_notify_call *call;
    gs_buf url, key, link;
    char object[sizeof((gs_evidence *)0)->key]; /* the evidence that is linked to */
    enum gs_severity severity;                  /* as told */
} op_send;

static op *op_of(const op_destination *d)
{
    return d->notifier->policy->o;
}

static void wipe(op_send *s)
{
    gs_buf_wipe(&s->url);
    gs_buf_wipe(&s->key);
    gs_buf_wipe(&s->link);
}

void op_notify_send_cancel(op_send *s)
{
    if (!s)
        return;
    op_secret_value_cancel(s->value);
    op_secret_read_cancel(s->credentials);
    gs_notify_cancel(s->call);
    wipe(s);
    free(s);
}

static op_destination *end(op_send *s)
{
    op_destination *d = s->d;
    d->send = NULL;
    wipe(s);
    free(s);
    return d;
}

/* One log line where it begins to fail: the next ones would say the same. */
static void log_failure(const op_destination *d, const char *what, const gs_error *err)
{
    gs_log_warn(what, "policy", d->notifier->policy->key, "notify", d->spec.name, "type", gs_notify_name(d->spec.type),
                "error", err->msg);
}

static void failed(op_send *s, bool transient, int64_t retry_after_ms, const gs_error *err)
{
    op_destination *d = end(s);
    if (d->queue.failures + d->queue.flying->failures == 0)
        log_failure(d, "cannot send a notification, trying again", err);
    op_notify_count(d, OP_NOTIFY_FAILED, 1);
    op_notices_failed(&d->queue, transient, retry_after_ms, &op_of(d)->rng, op_mono(op_of(d)));
}

static void without_secret(op_send *s, const gs_error *err)
{
    op_destination *d = end(s);
    if (!d->no_secret) {
        log_failure(d, "no notifications: a Secret cannot be used, trying again", err);
        op_notify_count(d, OP_NOTIFY_NO_SECRET, 1);
    }
    d->no_secret = true;
    op_notices_failed(&d->queue, true, -1, &op_of(d)->rng, op_mono(op_of(d)));
}

/* Of a destination that is not allowed the policy's owner is told in its status: the URL is right as far as they know. */
static void note_refused(op_destination *d, const gs_error *err)
{
    char now[sizeof d->refused] = "";
    if (err->kind == GS_REFUSED)
        (void)snprintf(now, sizeof now, "spec.notify %s: %s", d->spec.name, err->msg);
    if (gs_streq(now, d->refused))
        return;
    memcpy(d->refused, now, sizeof now);
    op_policy_dirty(d->notifier->policy);
}

static void on_sent(void *ctx, const gs_error *err, int64_t retry_after_ms)
{
    op_send *s = ctx;
    s->call = NULL;
    note_refused(s->d, err);
    if (err->kind != GS_OK) {
        bool refused = err->kind == GS_REFUSED; /* as the next ones would be */
        failed(s, err->kind == GS_TRANSIENT || refused, refused ? REFUSED_RETRY_MS : retry_after_ms, err);
        return;
    }
    enum gs_severity severity = s->severity;
    op_destination *d = end(s);
    op_notify_count(d, OP_NOTIFY_SENT, 1);
    op_notices_sent(&d->queue, severity, op_mono(op_of(d)));
    op_notify_pump(d);
}

static void deliver(op_send *s)
{
    op_destination *d = s->d;
    op *o = op_of(d);
    const op_told *t = d->queue.of;
    const op_notice *n = d->queue.flying;
    const gs_incident *i = op_notify_incident(d, t->name);
    if (!i) {
        op_notices_drop(&end(s)->queue);
        return;
    }
    const gs_notice notice = {.kind = n->kind,
                              .incident = i,
                              .cluster = o->opt.cluster ? o->opt.cluster : "",
                              .text = n->text,
                              .evidence_url = s->link.n ? s->link.p : "",
                              .now_ms = op_wall(o),
                              .ends_ms = op_wall(o) + OP_ALERT_LASTS_MS,
                              .has_told = t->has_severity,
                              .told = t->severity};
    gs_cleanup(gs_buf_done) gs_buf body = GS_BUF(GS_MAX_NOTICE_BYTES);
    gs_error err = {0};
    if (gs_notice_body(d->spec.type, &notice, &body, &err) < 0) {
        failed(s, false, -1, &err);
        return;
    }
    s->severity = i->severity;
    s->call = gs_notify_send(o->notify, d->spec.type, s->url.p, s->key.n ? s->key.p : NULL, gs_buf_str(&body),
                             op_wall(o), on_sent, s);
    wipe(s);
}

static void on_credentials(void *ctx, const gs_s3_credentials *c, const char *reason, const gs_error *err)
{
    op_send *s = ctx;
    const gs_s3_spec *s3 = &s->d->notifier->s3;
    gs_error why = *err;
    (void)reason;
    s->credentials = NULL;
    if (why.kind != GS_OK || gs_s3_presign(s3, c, s->object, op_wall(op_of(s->d)), s3->presign_s, &s->link, &why) < 0)
        gs_log_debug("a notification goes without a link", "incident", s->d->queue.of->name, "error", why.msg);
    deliver(s);
}

/* The incident's status has it, which others may write to: what is linked to is evidence of this incident, under the
 * policy's own prefix, and nothing else that its credentials can read. */
static bool may_link(const op_notifier *n, const gs_incident *i, const gs_evidence *e)
{
    char holder[GS_PATH_LEN + GS_NAMESPACE_LEN + 2]; /* "<prefix>/<namespace>/" */
    gs_stored_key k;
    (void)snprintf(holder, sizeof holder, "%s%s%s/", n->s3.prefix, n->s3.prefix[0] ? "/" : "", n->policy->p->ns);
    return gs_retention_key(holder, e->key, &k) && gs_str_is(k.incident, i->name);
}

/* The newest evidence of this occurrence; NULL: none yet. */
static const gs_evidence *newest(const gs_incident *i)
{
    const gs_evidence *best = NULL;
    for (size_t k = 0; i && gs_incident_has_evidence(i) && k < i->n_evidence; k++)
        if (!best || i->evidence[k].time_ms >= best->time_ms)
            best = &i->evidence[k];
    return best;
}

static void make_link(op_send *s)
{
    op_destination *d = s->d;
    d->no_secret = false;
    const gs_incident *i = op_notify_incident(d, d->queue.of->name);
    const gs_evidence *e = d->notifier->has_s3 ? newest(i) : NULL;
    if (!e || !may_link(d->notifier, i, e)) {
        deliver(s);
        return;
    }
    (void)gs_str_copy(s->object, sizeof s->object, gs_str_of(e->key));
    s->credentials = op_secret_read_start(op_of(d), d->notifier->policy->p->ns, &d->notifier->s3, on_credentials, s);
}

/* Into a buffer of its own; false: the send has ended. */
static bool take(op_send *s, gs_buf *at, gs_str value, const gs_error *err)
{
    gs_error why = *err;
    s->value = NULL;
    if (why.kind == GS_OK && gs_buf_add(at, value.p, value.n) == 0 && strlen(at->p) == at->n && at->n)
        return true;
    if (why.kind == GS_OK)
        (void)gs_error_set(&why, GS_TERMINAL, "the value in the Secret is empty, too long, or holds a NUL");
    without_secret(s, &why);
    return false;
}

static void on_key(void *ctx, gs_str value, const char *reason, const gs_error *err)
{
    op_send *s = ctx;
    (void)reason;
    if (take(s, &s->key, value, err))
        make_link(s);
}

static void on_url(void *ctx, gs_str value, const char *reason, const gs_error *err)
{
    op_send *s = ctx;
    const gs_notify_spec *spec = &s->d->spec;
    (void)reason;
    if (!take(s, &s->url, value, err))
        return;
    if (spec->hmac_secret[0])
        s->value = op_secret_value_start(op_of(s->d), s->d->notifier->policy->p->ns, spec->hmac_secret, spec->hmac_key,
                                         on_key, s);
    else
        make_link(s);
}

void op_notify_pump(op_destination *d)
{
    op *o = op_of(d);
    if (d->send || o->stopping || !op_notices_next(&d->queue, op_mono(o)))
        return;
    op_send *s = d->send = gs_alloc(sizeof *s);
    s->d = d;
    s->url = s->key = GS_BUF(GS_MAX_NOTICE_URL);
    s->link = GS_BUF(GS_MAX_NOTICE_URL);
    s->value = op_secret_value_start(o, d->notifier->policy->p->ns, d->spec.url_secret, d->spec.url_key, on_url, s);
}
