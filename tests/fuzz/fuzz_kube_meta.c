/* Whatever an API server sends: views stay within the bytes, walks end, and what is told as valid is valid. */
#include "fuzz.h"
#include "kube/api.h"
#include "kube/lease_record.h"
#include "kube/meta.h"
#include "wire/json_cursor.h"

static bool within(gs_str view, gs_str object)
{
    return view.n == 0 || (view.p >= object.p && view.p + view.n <= object.p + object.n);
}

static void walk(gs_str raw, gs_str object)
{
    size_t n = 0;
    for (gs_kube_labels it = gs_kube_labels_of(raw); gs_kube_labels_next(&it); n++) {
        FUZZ_CHECK(within(it.key, object) && within(it.value, object));
        FUZZ_CHECK(n < object.n);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    gs_str object = {(const char *)data, size};
    gs_error err = {0};
    gs_kube_meta m;
    gs_kube_status st;
    gs_lease_record lease;
    walk(object, object); /* labels that nobody has checked */
    if (gs_kube_meta_read(object, &m, &err) == 0) {
        const gs_str views[] = {m.api_version,
                                m.kind,
                                m.ns,
                                m.name,
                                m.generate_name,
                                m.uid,
                                m.resource_version,
                                m.creation_timestamp,
                                m.deletion_timestamp,
                                m.controller.api_version,
                                m.controller.kind,
                                m.controller.name,
                                m.controller.uid,
                                m.labels,
                                m.annotations,
                                m.finalizers};
        for (size_t i = 0; i < sizeof views / sizeof views[0]; i++)
            FUZZ_CHECK(within(views[i], object));
        walk(m.labels, object);
        walk(m.annotations, object);
        (void)gs_kube_has_finalizer(&m, "gostat.dev/undo");
        (void)gs_kube_label(m.labels, "app");
    } else {
        FUZZ_CHECK(err.kind == GS_TERMINAL && err.msg[0]);
    }
    if (gs_kube_status_read(object, &st)) {
        FUZZ_CHECK(st.code == 0 || (st.code >= 100 && st.code <= 599));
        FUZZ_CHECK(memchr(st.message, 0, sizeof st.message) && memchr(st.reason, 0, sizeof st.reason));
        for (const char *p = st.message; *p; p++)
            FUZZ_CHECK((unsigned char)*p >= ' ');
    }
    if (gs_lease_record_read(object, &lease, NULL) == 0)
        FUZZ_CHECK(lease.version[0] && lease.duration_ms >= 0);
    return 0;
}
