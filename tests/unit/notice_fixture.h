/* Incidents to tell of: a usual one, and one that is as long and as hostile as they can be. */
#ifndef GS_TEST_NOTICE_FIXTURE_H
#define GS_TEST_NOTICE_FIXTURE_H

#include "base/mem.h"
#include "codec/notice.h"

#include <stdio.h>

#define T0 1767225600000 /* 2026-01-01T00:00:00Z */

static inline void add_pod(gs_incident *i, const char *name, uint64_t goroutines, uint64_t leaking)
{
    i->pods = gs_grow(i->pods, &i->cap_pods, i->n_pods + 1, sizeof *i->pods);
    gs_incident_pod *p = &i->pods[i->n_pods++];
    (void)gs_str_copy(p->name, sizeof p->name, gs_str_of(name));
    p->goroutines = goroutines;
    p->leaking = leaking;
}

static inline gs_incident *make_incident(const char *leaf, const char *frame, const gs_label *labels, size_t n_labels)
{
    static const gs_workload_ref payments = {
        .api_version = "apps/v1", .kind = "Deployment", .ns = "shop", .name = "payments", .uid = "0f0f"};
    const gs_label_set set = {.v = labels, .n = n_labels, .count = 4000};
    const gs_site s = {.id = "p0123456789",
                       .state = GS_STATE_CHAN_SEND,
                       .leaf = leaf,
                       .entry = "shop/payments.(*Server).Pay.func1",
                       .key_frames = &frame,
                       .n_key_frames = 1,
                       .labels = &set,
                       .n_labels = n_labels ? 1 : 0,
                       .created_by = ""};
    gs_incident *i = gs_incident_new(&payments, &s);
    i->patterns[0].count = 4810;
    (void)gs_str_copy(i->name, sizeof i->name, GS_STR("payments-3fa94c07be"));
    (void)gs_str_copy(i->policy_name, sizeof i->policy_name, GS_STR("my-policy"));
    i->grade = GS_GRADE_PROBABLE;
    i->reasons = GS_REASON_SITE | GS_REASON_IDS;
    i->severity = GS_SEVERITY_HIGH;
    i->start_ms = T0;
    i->detection_ms = T0 + 20000;
    i->occurrences = 1;
    return i;
}

static inline gs_incident *usual_incident(void)
{
    static const gs_label labels[] = {{"pool", "orders-db"}, {"route", "/pay"}};
    gs_incident *i = make_incident("shop/payments.(*pool).acquire", "shop/payments.(*pool).acquire payments/pool.go:41",
                                   labels, GS_LEN(labels));
    add_pod(i, "payments-6c7d9dc87b-kxqh2", 5321, 4800);
    add_pod(i, "payments-6c7d9dc87b-abcde", 530, 10);
    return i;
}

/* Every text as long as it can be, of this character. */
static inline gs_incident *longest_incident(const char *character)
{
    gs_cleanup(gs_buf_done) gs_buf name = GS_BUF(GS_MAX_NAME), frame = GS_BUF(2 * GS_MAX_NAME + 16);
    char pod[GS_OBJECT_LEN];
    while (gs_buf_adds(&name, character) == 0)
        ;
    (void)gs_buf_addf(&frame, "%s %.*s:41", name.p, (int)name.n / 4 * 4 - 4, name.p);
    const gs_label labels[] = {{name.p, name.p}, {"pool", name.p}, {"route", name.p}};
    gs_incident *i = make_incident(name.p, frame.p, labels, GS_LEN(labels));
    i->reasons = (1u << GS_REASONS) - 1;
    i->severity = GS_SEVERITY_MEDIUM;
    memset(i->workload.name, 'w', sizeof i->workload.name - 1);
    memset(i->workload.ns, 'n', sizeof i->workload.ns - 1);
    memset(i->workload.kind, 'K', sizeof i->workload.kind - 1);
    memset(i->name, 'i', sizeof i->name - 1);
    for (int k = 0; k < 20; k++) {
        memset(pod, 'a' + k, sizeof pod - 1);
        pod[sizeof pod - 1] = 0;
        add_pod(i, pod, UINT64_MAX, UINT64_MAX);
    }
    return i;
}

#endif
