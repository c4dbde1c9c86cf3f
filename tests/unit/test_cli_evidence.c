/* Profiles streamed from a process into the evidence directory: all of it or nothing, whatever happens in between. */
#include "cli/evidence_dir.h"
#include "edge_fixture.h"
#include "wire/digest.h"
#include "wire/json.h"

#include <ftw.h>
#include <sys/stat.h>

#define GZIP "\x1f\x8b\x08"
#define BIG (2u << 20)
#define T0 INT64_C(1767225600000)
#define IN "local/shop/shop-3fa94c07be/"

static char *root;
static gs_evidence_dir *dir;
static gs_evidence_store store;
static gs_policy *policy;
static gs_incident *incident;

static void fill(char *body, size_t n)
{
    for (size_t k = 0; k < n; k++)
        body[k] = (char)(k * 5 + k / 4096);
    memcpy(body, GZIP, 3);
}

static bool serve_big(int fd, const char *request)
{
    char *body = gs_alloc(BIG), head[64];
    (void)request;
    fill(body, BIG);
    (void)snprintf(head, sizeof head, OK "Content-Length: %u\r\n\r\n", BIG);
    bool ok = raw_sends(fd, head) && raw_send(fd, body, BIG);
    free(body);
    return ok;
}

/* Half of it, and then nothing. */
static bool serve_half(int fd, const char *request)
{
    return raw_sends(fd, OK "Content-Length: 100\r\n\r\n" GZIP "and more") && raw_silent(fd, request);
}

static const struct raw_answer answers[] = {
    {.path = "/big/heap", .fn = serve_big},
    {.path = "/half/heap", .fn = serve_half},
    {.path = "/usual/trace", .bytes = OK "Content-Length: 16\r\n\r\ngo 1.26 trace..."},
    {.path = "/cut/heap", .bytes = OK "Content-Length: 100\r\n\r\n" GZIP "and mor", .close = true},
    {.path = "/text/heap", .bytes = OK "Content-Length: 7\r\n\r\nSECRET\n"},
    {.path = NULL},
};

static int setup(void **state)
{
    static const gs_workload_ref shop = {.kind = "Process", .ns = "local", .name = "shop"};
    (void)state;
    policy = gs_policy_new();
    incident = gs_incident_new(&shop, NULL);
    (void)gs_str_copy(incident->name, sizeof incident->name, GS_STR("shop-3fa94c07be"));
    incident->pods = gs_grow(NULL, &incident->cap_pods, 1, sizeof *incident->pods);
    incident->n_pods = 1;
    incident->pods[0] = (gs_incident_pod){.name = "127.0.0.1:6060", .goroutines = 4711};
    return setup_with(answers);
}

static int teardown(void **state)
{
    (void)state;
    gs_policy_free(policy);
    gs_incident_free(incident);
    return teardown_all();
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *at)
{
    (void)st;
    (void)flag;
    (void)at;
    return remove(path);
}

static void open_dir(void)
{
    gs_error err = {0};
    char path[] = "/tmp/gostat-evidence-XXXXXX";
    root = gs_strdup(mkdtemp(path));
    if (gs_evidence_dir_new(root, workers, &dir, &err))
        fail_msg("%s", err.msg);
    store = gs_evidence_dir_port(dir, scraper);
}

static void close_dir(void)
{
    gs_evidence_dir_free(dir);
    dir = NULL;
    run_for(loop, 50); /* what its workers have comes back */
    (void)nftw(root, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    free(root);
}

static size_t files;

static int count_file(const char *path, const struct stat *st, int flag, struct FTW *at)
{
    (void)path;
    (void)st;
    (void)at;
    files += flag == FTW_F;
    return 0;
}

static size_t files_there(void)
{
    files = 0;
    assert_int_equal(nftw(root, count_file, 8, FTW_PHYS), 0);
    return files;
}

struct taken {
    int calls;
    gs_evidence evidence;
    gs_error err;
};

static void keep(void *arg, const gs_evidence *e, const gs_error *err)
{
    struct taken *t = arg;
    t->calls++;
    t->evidence = *e;
    t->err = *err;
    one_less();
}

static void ask(const char *path, enum gs_profile_kind kind, struct taken *t)
{
    gs_endpoint e = endpoint(bad.port, path, 1000);
    store.take(store.ctx, policy, incident, "127.0.0.1:6060", &e, kind, 3, T0, keep, t);
}

static char *read_file(const char *name, size_t *ret_n)
{
    gs_autofree char *path = gs_sprintf("%s/%s", root, name);
    FILE *f = fopen(path, "rb");
    if (!f)
        fail_msg("there is no %s", path);
    char *bytes = gs_alloc(BIG + 1);
    *ret_n = fread(bytes, 1, BIG, f);
    assert_int_equal(fclose(f), 0);
    return bytes;
}

static void it_is_there_with_its_metadata(void **state)
{
    (void)state;
    open_dir();
    struct taken heap = {0}, trace = {0};
    ask("/big", GS_PROFILE_HEAP, &heap);
    ask("/usual", GS_PROFILE_TRACE, &trace);
    waiting = 2;
    run_loop(loop);
    assert_int_equal(heap.err.kind, GS_OK);
    assert_int_equal(trace.err.kind, GS_OK);
    assert_string_equal(heap.evidence.key, IN "20260101T000000Z-127.0.0.1-6060-heap.pb.gz");
    assert_string_equal(trace.evidence.key, IN "20260101T000000Z-127.0.0.1-6060-trace.trace");
    assert_int_equal(heap.evidence.bytes, BIG);
    assert_int_equal(trace.evidence.bytes, 16);
    assert_int_equal(files_there(), 4);

    size_t n;
    char digest[GS_SHA256_HEX_LEN];
    gs_autofree char *bytes = read_file(heap.evidence.key, &n), *want = gs_alloc(BIG);
    fill(want, BIG);
    assert_int_equal(n, BIG);
    assert_memory_equal(bytes, want, BIG);
    gs_sha256_hex((gs_str){want, BIG}, digest);
    assert_string_equal(heap.evidence.sha256, digest);

    gs_autofree char *text = read_file(IN "20260101T000000Z-127.0.0.1-6060-trace.json", &n);
    gs_cleanup(gs_json_doc_free) json_t *doc = NULL;
    assert_int_equal(gs_json_doc_parse((gs_str){text, n}, BIG, &doc, NULL), 0);
    assert_string_equal(gs_json_doc_str(doc, "kind"), "Trace");
    assert_string_equal(gs_json_doc_str(doc, "sha256"), trace.evidence.sha256);
    assert_string_equal(gs_json_doc_str(doc, "incident"), incident->name);
    assert_int_equal(json_integer_value(json_object_get(doc, "bytes")), 16);
    assert_int_equal(json_integer_value(json_object_get(doc, "goroutines")), 4711);
    close_dir();
}

static void nothing_is_left_of_what_fails(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        enum gs_kind kind;
    } t[] = {{"/cut", GS_TRANSIENT}, {"/text", GS_TERMINAL}, {"/none", GS_NOT_FOUND}, {"bad path", GS_TERMINAL}};
    struct taken got[GS_LEN(t)] = {0};
    open_dir();
    for (size_t k = 0; k < GS_LEN(t); k++) {
        ask(t[k].path, GS_PROFILE_HEAP, &got[k]);
        waiting = 1;
        run_loop(loop);
        assert_int_equal(got[k].calls, 1);
        assert_int_equal(got[k].err.kind, t[k].kind);
        assert_int_equal(files_there(), 0);
    }
    close_dir();
}

/* The engine tells it from a failure of the process. */
static void a_disk_that_fails(void **state)
{
    (void)state;
    struct taken t = {0};
    open_dir();
    assert_int_equal(rmdir(root), 0);
    ask("/big", GS_PROFILE_HEAP, &t);
    assert_int_equal(t.calls, 1);
    assert_int_equal(t.err.kind, GS_REFUSED);
    assert_contains(t.err.msg, "make the directory of local/shop/");
    assert_int_equal(mkdir(root, 0777), 0);
    close_dir();

    open_dir(); /* what is written vanishes before it is put in place */
    ask("/big", GS_PROFILE_HEAP, &t);
    waiting = 1;
    gs_autofree char *tmp = gs_sprintf("%s/" IN ".20260101T000000Z-127.0.0.1-6060-heap.pb.gz.tmp", root);
    assert_int_equal(unlink(tmp), 0);
    run_loop(loop);
    assert_int_equal(t.err.kind, GS_REFUSED);
    assert_contains(t.err.msg, "put in place 20260101T000000Z-127.0.0.1-6060-heap.pb.gz: No such file");
    assert_int_equal(files_there(), 0);
    close_dir();
}

/* While it is queued, while it comes in, on a worker. */
static void forgotten_or_freed_in_every_phase(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        int after_ms;
    } t[] = {{"/half", 0}, {"/half", 40}, {"/big", 3}, {"/big", 6}, {"/big", 9}, {"/big", 12}, {"/big", 20}};
    for (size_t k = 0; k < 2 * GS_LEN(t); k++) {
        struct taken mine = {0};
        open_dir();
        ask(t[k / 2].path, GS_PROFILE_HEAP, &mine);
        waiting = 2; /* the loop does not stop by itself */
        run_for(loop, t[k / 2].after_ms);
        int before = mine.calls;
        if (k % 2)
            store.forget(store.ctx, &mine);
        else
            gs_evidence_dir_free(gs_take(dir));
        run_for(loop, 60);
        assert_int_equal(mine.calls, before);
        size_t there = files_there();
        assert_true(before ? there == 2 : there == 0 || there == 2);
        close_dir();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_there_with_its_metadata),
        cmocka_unit_test(nothing_is_left_of_what_fails),
        cmocka_unit_test(a_disk_that_fails),
        cmocka_unit_test(forgotten_or_freed_in_every_phase),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
