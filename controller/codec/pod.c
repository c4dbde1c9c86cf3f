#include "codec/pod.h"

#include "base/buf.h"
#include "base/mem.h"
#include "codec/quantity.h"
#include "wire/json_cursor.h"

#define MAX_PORTS 256

/* Strings are collected one after the other; places in there become pointers when all is known. */
enum text { NS, NAME, UID, IP, OWNER_API, OWNER_KIND, OWNER_NAME, OWNER_UID, TEXTS };

struct draft {
    gs_buf strings;
    size_t at[TEXTS];
    size_t labels, labels_end;
    struct {
        size_t name;
        int number;
    } ports[MAX_PORTS];
    size_t n_ports;
    size_t unlimited, cpu_unlimited; /* containers without a limit */
    gs_pod flags;                    /* its bools and limits */
};

/* A string of the document (null: an empty one), terminated, onto the collection. */
static void append(struct draft *d, gs_json_cursor *c)
{
    size_t from = d->strings.n;
    if (!gs_json_is_null(c) && !gs_json_read_string_buf(c, &d->strings))
        return;
    if (memchr(d->strings.p + from, 0, d->strings.n - from))
        (void)gs_json_fail(c, "NUL in a string");
    else if (gs_buf_add(&d->strings, "", 1) < 0)
        (void)gs_json_fail(c, "the strings are too long");
}

/* The same, and where it begins; 0, the place of the empty string, where it is empty. */
static size_t collect(struct draft *d, gs_json_cursor *c)
{
    size_t from = d->strings.n;
    append(d, c);
    if (d->strings.n <= from + 1)
        d->strings.n = from;
    return d->strings.n > from ? from : 0;
}

/* The elements of an array; null has none. */
static void each(struct draft *d, gs_json_cursor *c, void (*read)(struct draft *, gs_json_cursor *))
{
    if (!gs_json_is_null(c) && gs_json_enter_array(c))
        while (gs_json_next_element(c))
            read(d, c);
}

static void read_labels(struct draft *d, gs_json_cursor *c)
{
    gs_str key;
    if (gs_json_is_null(c) || !gs_json_enter_object(c))
        return;
    d->labels = d->strings.n;
    while (gs_json_next_key(c, &key)) {
        char name[512];
        if (!gs_json_unescape(key, name, sizeof name)) {
            (void)gs_json_fail(c, "malformed label key");
            return;
        }
        if (gs_buf_add(&d->strings, name, strlen(name) + 1) < 0)
            (void)gs_json_fail(c, "the strings are too long");
        append(d, c);
    }
    d->labels_end = d->strings.n;
}

static void read_owner(struct draft *d, gs_json_cursor *c)
{
    gs_str key;
    bool controller = false;
    size_t at[TEXTS] = {0}, from = d->strings.n;
    if (!gs_json_enter_object(c))
        return;
    while (gs_json_next_key(c, &key)) {
        if (gs_json_key_is(key, "controller") && !gs_json_is_null(c))
            (void)gs_json_read_bool(c, &controller);
        else if (gs_json_key_is(key, "apiVersion"))
            at[OWNER_API] = collect(d, c);
        else if (gs_json_key_is(key, "kind"))
            at[OWNER_KIND] = collect(d, c);
        else if (gs_json_key_is(key, "name"))
            at[OWNER_NAME] = collect(d, c);
        else if (gs_json_key_is(key, "uid"))
            at[OWNER_UID] = collect(d, c);
    }
    if (controller)
        memcpy(d->at + OWNER_API, at + OWNER_API, 4 * sizeof at[0]);
    else
        d->strings.n = from;
}

static void read_metadata(struct draft *d, gs_json_cursor *c)
{
    gs_str key;
    if (!gs_json_enter_object(c))
        return;
    while (gs_json_next_key(c, &key)) {
        if (gs_json_key_is(key, "namespace"))
            d->at[NS] = collect(d, c);
        else if (gs_json_key_is(key, "name"))
            d->at[NAME] = collect(d, c);
        else if (gs_json_key_is(key, "uid"))
            d->at[UID] = collect(d, c);
        else if (gs_json_key_is(key, "labels"))
            read_labels(d, c);
        else if (gs_json_key_is(key, "deletionTimestamp"))
            d->flags.deleting = !gs_json_is_null(c);
        else if (gs_json_key_is(key, "ownerReferences"))
            each(d, c, read_owner);
    }
}

/* UDP and SCTP ports serve no HTTP. */
static void read_port(struct draft *d, gs_json_cursor *c)
{
    gs_str key;
    int64_t number = 0;
    char protocol[16] = "TCP";
    size_t name = 0;
    if (!gs_json_enter_object(c))
        return;
    while (gs_json_next_key(c, &key)) {
        if (gs_json_key_is(key, "containerPort"))
            (void)gs_json_read_int64(c, &number);
        else if (gs_json_key_is(key, "name"))
            name = collect(d, c);
        else if (gs_json_key_is(key, "protocol") && !gs_json_is_null(c))
            (void)gs_json_read_string_cut(c, protocol, sizeof protocol);
    }
    if (number < 1 || number > 65535 || !gs_streq(protocol, "TCP") || d->n_ports == MAX_PORTS)
        return;
    d->ports[d->n_ports].name = name;
    d->ports[d->n_ports++].number = (int)number;
}

/* Of one container: bytes, thousandths of a core. 0 for none, and for what cannot be read: the pod is watched all the
 * same. */
struct limits {
    uint64_t memory, cpu;
};

static uint64_t read_limit(gs_json_cursor *c, bool (*quantity)(gs_str s, uint64_t *ret))
{
    gs_str raw;
    uint64_t n = 0;
    if (!gs_json_raw(c, &raw))
        return 0;
    bool quoted = raw.n >= 2 && raw.p[0] == '"';
    return quantity(quoted ? (gs_str){raw.p + 1, raw.n - 2} : raw, &n) ? n : 0;
}

static struct limits read_resources(gs_json_cursor *c)
{
    gs_str key;
    struct limits l = {0};
    if (gs_json_is_null(c) || !gs_json_enter_object(c))
        return l;
    while (gs_json_next_key(c, &key)) {
        if (!gs_json_key_is(key, "limits") || gs_json_is_null(c) || !gs_json_enter_object(c))
            continue;
        while (gs_json_next_key(c, &key))
            if (gs_json_key_is(key, "memory"))
                l.memory = read_limit(c, gs_quantity);
            else if (gs_json_key_is(key, "cpu"))
                l.cpu = read_limit(c, gs_quantity_milli);
    }
    return l;
}

static void add_limits(struct draft *d, struct limits l)
{
    if (!l.memory || __builtin_add_overflow(d->flags.memory_limit, l.memory, &d->flags.memory_limit))
        d->unlimited++;
    if (!l.cpu || __builtin_add_overflow(d->flags.cpu_limit_milli, l.cpu, &d->flags.cpu_limit_milli))
        d->cpu_unlimited++;
}

static void read_one_container(struct draft *d, gs_json_cursor *c, bool init)
{
    gs_str key;
    struct limits limits = {0};
    size_t before = d->n_ports;
    char restart[16] = "";
    if (!gs_json_enter_object(c))
        return;
    while (gs_json_next_key(c, &key)) {
        if (gs_json_key_is(key, "ports"))
            each(d, c, read_port);
        else if (gs_json_key_is(key, "restartPolicy") && !gs_json_is_null(c))
            (void)gs_json_read_string_cut(c, restart, sizeof restart);
        else if (gs_json_key_is(key, "resources"))
            limits = read_resources(c);
    }
    if (init && !gs_streq(restart, "Always")) /* it has ended before the pod is ready */
        d->n_ports = before;
    else
        add_limits(d, limits);
}

static void read_init_container(struct draft *d, gs_json_cursor *c)
{
    read_one_container(d, c, true);
}

static void read_container(struct draft *d, gs_json_cursor *c)
{
    read_one_container(d, c, false);
}

static void read_spec(struct draft *d, gs_json_cursor *c)
{
    gs_str key;
    if (!gs_json_enter_object(c))
        return;
    while (gs_json_next_key(c, &key)) {
        if (gs_json_key_is(key, "hostNetwork") && !gs_json_is_null(c))
            (void)gs_json_read_bool(c, &d->flags.host_network);
        else if (gs_json_key_is(key, "initContainers"))
            each(d, c, read_init_container);
        else if (gs_json_key_is(key, "containers"))
            each(d, c, read_container);
    }
}

static void read_condition(struct draft *d, gs_json_cursor *c)
{
    gs_str key;
    char type[64] = "", status[16] = "";
    if (!gs_json_enter_object(c))
        return;
    while (gs_json_next_key(c, &key)) {
        if (gs_json_key_is(key, "type"))
            (void)gs_json_read_string_cut(c, type, sizeof type);
        else if (gs_json_key_is(key, "status"))
            (void)gs_json_read_string_cut(c, status, sizeof status);
    }
    if (gs_streq(type, "Ready"))
        d->flags.ready = gs_streq(status, "True");
}

static void read_status(struct draft *d, gs_json_cursor *c)
{
    gs_str key;
    char phase[32] = "";
    if (!gs_json_enter_object(c))
        return;
    while (gs_json_next_key(c, &key)) {
        if (gs_json_key_is(key, "phase"))
            (void)gs_json_read_string_cut(c, phase, sizeof phase);
        else if (gs_json_key_is(key, "podIP"))
            d->at[IP] = collect(d, c);
        else if (gs_json_key_is(key, "conditions"))
            each(d, c, read_condition);
    }
    d->flags.running = gs_streq(phase, "Running");
    d->flags.finished = gs_streq(phase, "Succeeded") || gs_streq(phase, "Failed");
}

static const char *revision_of(gs_labels labels)
{
    gs_str v = gs_labels_get(labels, "pod-template-hash");
    if (!v.n)
        v = gs_labels_get(labels, "controller-revision-hash");
    return v.n ? v.p : "";
}

/* One block: the pod, its ports, all strings. */
static gs_pod *assemble(const struct draft *d)
{
    size_t ports = d->n_ports * sizeof(gs_pod_port), bytes = sizeof(gs_pod) + ports + d->strings.n;
    gs_pod *p = gs_alloc(bytes);
    *p = d->flags;
    p->bytes = bytes;
    p->ports = (gs_pod_port *)(p + 1);
    char *s = (char *)(p + 1) + ports;
    memcpy(s, d->strings.p, d->strings.n);
    p->ns = s + d->at[NS];
    p->name = s + d->at[NAME];
    p->uid = s + d->at[UID];
    p->ip = s + d->at[IP];
    p->owner_api_version = s + d->at[OWNER_API];
    p->owner_kind = s + d->at[OWNER_KIND];
    p->owner_name = s + d->at[OWNER_NAME];
    p->owner_uid = s + d->at[OWNER_UID];
    p->labels = (gs_labels){s + d->labels, d->labels_end - d->labels};
    p->revision = revision_of(p->labels);
    if (d->unlimited)
        p->memory_limit = 0;
    if (d->cpu_unlimited)
        p->cpu_limit_milli = 0;
    for (size_t i = 0; i < d->n_ports; i++)
        p->ports[i] = (gs_pod_port){.name = s + d->ports[i].name, .number = d->ports[i].number};
    p->n_ports = d->n_ports;
    return p;
}

static void draft_done(struct draft *d)
{
    gs_buf_done(&d->strings);
}
GS_DEFINE_CLEANUP_VALUE(struct draft, draft_done)

int gs_pod_from_json(gs_str object, gs_pod **ret, gs_error *err)
{
    gs_cleanup(draft_done) struct draft d = {.strings = GS_BUF(GS_MAX_OBJECT_BYTES)};
    gs_json_cursor c;
    gs_str key;
    if (gs_buf_add(&d.strings, "", 1) < 0) /* place 0 is the empty string */
        return gs_error_set(err, GS_NO_MEMORY, "pod: no memory");
    gs_json_cursor_init(&c, object);
    if (gs_json_enter_object(&c))
        while (gs_json_next_key(&c, &key)) {
            bool null = gs_json_is_null(&c);
            if (!null && gs_json_key_is(key, "metadata"))
                read_metadata(&d, &c);
            else if (!null && gs_json_key_is(key, "spec"))
                read_spec(&d, &c);
            else if (!null && gs_json_key_is(key, "status"))
                read_status(&d, &c);
        }
    if (gs_json_cursor_finish(&c, err) < 0)
        return gs_error_wrap(err, GS_TERMINAL, "pod");
    if (!d.at[NAME] || !d.at[UID])
        return gs_error_set(err, GS_TERMINAL, "pod: metadata.%s: is required", d.at[NAME] ? "uid" : "name");
    *ret = assemble(&d);
    return 0;
}

void gs_pod_free(gs_pod *p)
{
    free(p);
}

int gs_pod_port_number(const gs_pod *p, const gs_port *port)
{
    if (port->number)
        return port->number;
    for (size_t i = 0; i < p->n_ports; i++)
        if (p->ports[i].name[0] && gs_streq(p->ports[i].name, port->name))
            return p->ports[i].number;
    return 0;
}
