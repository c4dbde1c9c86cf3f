/* Pods: all strings of an accepted one lie in its one block, and its labels are whole pairs. */
#include "base/cleanup.h"
#include "codec/pod.h"
#include "fuzz.h"

static void inside(const gs_pod *p, const char *s)
{
    const char *start = (const char *)p, *end = start + p->bytes;
    FUZZ_CHECK(s > start && s < end && memchr(s, 0, (size_t)(end - s)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    gs_cleanup(gs_pod_free) gs_pod *p = NULL;
    gs_error err = {0};
    int r = gs_pod_from_json((gs_str){(const char *)data, size}, &p, &err);
    FUZZ_CHECK((r == 0) == (p != NULL) && (r == 0) == (err.msg[0] == 0));
    if (r < 0)
        return 0;
    const char *strings[] = {p->ns,         p->name,       p->uid,      p->ip, p->owner_api_version,
                             p->owner_kind, p->owner_name, p->owner_uid};
    for (size_t i = 0; i < GS_LEN(strings); i++)
        inside(p, strings[i]);
    if (p->revision[0])
        inside(p, p->revision);
    FUZZ_CHECK(p->name[0] && p->uid[0] && !(p->running && p->finished));
    for (size_t i = 0; i < p->n_ports; i++) {
        inside(p, p->ports[i].name);
        FUZZ_CHECK(p->ports[i].number >= 1 && p->ports[i].number <= 65535);
    }
    size_t strings_in_labels = 0;
    for (size_t i = 0; i < p->labels.n; i++)
        strings_in_labels += p->labels.p[i] == 0;
    FUZZ_CHECK(strings_in_labels % 2 == 0 && (p->labels.n == 0 || p->labels.p[p->labels.n - 1] == 0));
    (void)gs_labels_get(p->labels, "app");
    gs_port port = {.name = "metrics"};
    int number = gs_pod_port_number(p, &port);
    FUZZ_CHECK(number >= 0 && number <= 65535);
    return 0;
}
