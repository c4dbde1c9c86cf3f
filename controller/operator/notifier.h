/* What notifier.c and notifier_send.c share. */
#ifndef GS_OPERATOR_NOTIFIER_H
#define GS_OPERATOR_NOTIFIER_H

#include "operator/notices.h"
#include "operator/op.h"

#define OP_ALERT_REPEAT_MS 60000 /* an open incident is told to Alertmanager this often, */
#define OP_ALERT_LASTS_MS 300000 /* and goes out there so long after it was told last */

/* One entry of spec.notify. */
typedef struct op_destination {
    struct op_notifier *notifier;
    gs_notify_spec spec;
    op_notices queue;
    int64_t since_ms;     /* wall: an incident that was found well before was told by an earlier controller */
    bool no_secret;       /* said so in the log */
    char refused[200];    /* why the operator does not allow what the Secret names; "": it does, as far as is known */
    struct op_send *send; /* under way; NULL */
} op_destination;

typedef struct op_notifier {
    op_policy *policy;
    op_destination *v[GS_MAX_NOTIFY];
    size_t n;
    bool has_s3; /* as of the newest valid spec */
    gs_s3_spec s3;
} op_notifier;

static inline bool op_notify_alerts(const op_destination *d)
{
    return d->spec.type == GS_NOTIFY_ALERTMANAGER;
}

/* The incident, NULL where its object is gone. */
gs_incident *op_notify_incident(const op_destination *d, const char *name);
void op_notify_count(op_destination *d, enum op_notify_outcome outcome, unsigned n);

/* notifier_send.c: sends what is next in the queue, if anything is; then the next. */
void op_notify_pump(op_destination *d);
void op_notify_send_cancel(struct op_send *s); /* NULL is fine */

#endif
