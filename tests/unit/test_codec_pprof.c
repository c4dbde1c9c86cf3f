#include "codec/pprof.h"

#include "base/buf.h"
#include "base/limits.h"
#include "base/mem.h"
#include "codec/sites.h"
#include "pb_writer.h"
#include "wire/gzip.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static void read_file(const char *name, gs_buf *out)
{
    char path[512];
    (void)snprintf(path, sizeof path, "%s/pprof/%s", GS_TEST_DATA, name);
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    char *at = gs_buf_reserve(out, 1 << 16);
    out->n = fread(at, 1, 1 << 16, f);
    (void)fclose(f);
    assert_true(out->n > 0);
}

static gs_profile *decode_file(const char *name)
{
    gs_cleanup(gs_buf_done) gs_buf b = GS_BUF(1 << 20);
    gs_profile *p = NULL;
    gs_error err = {0};
    read_file(name, &b);
    int r = gs_pprof_decode(gs_buf_str(&b), &p, &err);
    if (r < 0)
        fail_msg("%s: %s", name, err.msg);
    return p;
}

static const gs_site *find(const gs_profile *p, const char *leaf, const char *entry)
{
    for (size_t i = 0; i < p->n; i++)
        if (gs_streq(p->sites[i].leaf, leaf) && gs_streq(p->sites[i].entry, entry))
            return &p->sites[i];
    return NULL;
}

#define P "shop/payments."

/* What tests/data/pprof/source leaks. Both generic instances are one site, and so are the readers that wait for the
 * socket and those that wait for the reader. */
static const struct {
    const char *name, *leaf, *entry;
    uint64_t count;
    enum gs_state state;
    bool user, proof; /* proof: in the leak profile too */
    const char *frame;
} sites[] = {
    {"labels", P "(*Pool).acquire", "runtime/pprof.Do", 40, GS_STATE_CHAN_SEND, true, true,
     P "(*Pool).acquire payments/pool.go:37"},
    {"chan receive", P "(*Server).receive", P "(*Server).receive", 30, GS_STATE_CHAN_RECEIVE, true, true,
     P "(*Server).receive payments/pool.go:50"},
    {"select", P "(*Server).choose", P "(*Server).choose", 29, GS_STATE_SELECT, true, true,
     P "(*Server).choose payments/pool.go:53"},
    {"mutex", P "(*Server).lock", P "(*Server).lock", 28, GS_STATE_MUTEX, true, true,
     P "(*Server).lock payments/pool.go:59"},
    {"rwmutex read", P "(*Server).rlock", P "(*Server).rlock", 27, GS_STATE_RWMUTEX_READ, true, true,
     P "(*Server).rlock payments/pool.go:60"},
    {"rwmutex write", P "(*Server).wlock", P "(*Server).wlock", 1, GS_STATE_RWMUTEX_WRITE, true, true,
     P "(*Server).wlock payments/pool.go:61"},
    {"waitgroup", P "(*Server).wait", P "(*Server).wait", 25, GS_STATE_WAITGROUP, true, true,
     P "(*Server).wait payments/pool.go:62"},
    {"sleep", P "(*Server).sleep", P "(*Server).sleep", 24, GS_STATE_SLEEP, true, false,
     P "(*Server).sleep payments/pool.go:63"},
    {"select {}", P "(*Server).park", P "(*Server).park", 23, GS_STATE_SELECT_NONE, true, true,
     P "(*Server).park payments/pool.go:64"},
    {"cond", P "(*Server).signal", P "(*Server).signal", 22, GS_STATE_COND, true, true,
     P "(*Server).signal payments/pool.go:68"},
    {"read", P "(*Server).read", P "(*Server).read", 21, GS_STATE_SEMACQUIRE, true, false,
     P "(*Server).read payments/pool.go:73"},
    {"inlined leaf", P "inlined", P "(*Server).outer", 20, GS_STATE_CHAN_SEND, true, true,
     P "inlined payments/pool.go:83"},
    {"range over func", P "(*Server).ranged-fm.(*Server).ranged-range1", P "(*Server).ranged", 19,
     GS_STATE_CHAN_RECEIVE, true, true, P "(*Server).ranged-fm.(*Server).ranged-range1 payments/pool.go:91"},
    {"generic", P "(*Queue[go.shape.string]).Push", P "(*Queue[go.shape.string]).Push", 18, GS_STATE_CHAN_SEND, true,
     true, P "(*Queue[go.shape.string]).Push payments/pool.go:80"},
    {"once: waits for the first", P "(*Server).doOnce", P "(*Server).doOnce", 17, GS_STATE_MUTEX, true, true,
     P "(*Server).doOnce payments/pool.go:65"},
    {"once: the first", P "(*Server).receive", P "(*Server).doOnce", 1, GS_STATE_CHAN_RECEIVE, true, true,
     P "(*Server).receive payments/pool.go:50"},
    {"under a library", P "(*Server).receive", "golang.org/x/sync/errgroup.(*Group).Go.func1", 17,
     GS_STATE_CHAN_RECEIVE, true, true, P "(*Server).receive payments/pool.go:50"},
    {"library only", "golang.org/x/sync/semaphore.(*Weighted).Acquire",
     "golang.org/x/sync/semaphore.(*Weighted).Acquire", 16, GS_STATE_SELECT, false, true,
     "golang.org/x/sync/semaphore.(*Weighted).Acquire semaphore/semaphore.go:77"},
    {"closure", P "(*Server).Leak.func2", P "(*Server).Leak.func2", 15, GS_STATE_CHAN_RECEIVE, true, true,
     P "(*Server).Leak.func2 payments/leak.go:46"},
    {"recursion", P "(*Server).deep", P "(*Server).Leak.func3", 14, GS_STATE_CHAN_RECEIVE, true, true,
     P "(*Server).deep payments/pool.go:98"},
    {"deeper than Go records", P "(*Server).deep", P "(*Server).deep", 13, GS_STATE_CHAN_RECEIVE, true, true,
     P "(*Server).deep payments/pool.go:98"},
};

static void check_sites(const gs_profile *p, bool proof)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < GS_LEN(sites); i++) {
        const gs_site *s = find(p, sites[i].leaf, sites[i].entry);
        print_message("  %s\n", sites[i].name);
        if (proof && !sites[i].proof) {
            assert_null(s);
            continue;
        }
        assert_non_null(s);
        assert_int_equal(s->count, sites[i].count);
        assert_string_equal(gs_state_name(s->state), gs_state_name(sites[i].state));
        assert_int_equal(s->user, sites[i].user);
        assert_string_equal(s->key_frames[0], sites[i].frame);
    }
    assert_int_equal(p->kind, proof ? GS_PROFILE_LEAK : GS_PROFILE_GOROUTINE);
    for (size_t i = 0; i < p->n; i++) {
        char id[GS_SITE_ID_LEN];
        gs_site_id(gs_str_of(p->sites[i].leaf), gs_str_of(p->sites[i].entry), id);
        assert_string_equal(p->sites[i].id, id);
        assert_true(i == 0 || p->sites[i - 1].count >= p->sites[i].count);
        sum += p->sites[i].count;
    }
    assert_int_equal(sum, p->total);
    assert_false(p->truncated);
}

static void test_real(void **state)
{
    (void)state;
    static const struct {
        const char *file;
        bool proof;
        size_t others; /* sites that are not in the table: the program itself */
    } files[] = {{"plain.pb.gz", false, 1}, {"trimpath.pb.gz", false, 1}, {"leakprofile.pb.gz", true, 0}};
    for (size_t i = 0; i < GS_LEN(files); i++) {
        gs_cleanup(gs_profile_free) gs_profile *p = decode_file(files[i].file);
        print_message("%s\n", files[i].file);
        check_sites(p, files[i].proof);
        assert_int_equal(p->n, GS_LEN(sites) - (files[i].proof ? 2u : 0u) + files[i].others);
    }
}

static void test_labels(void **state)
{
    (void)state;
    gs_cleanup(gs_profile_free) gs_profile *p = decode_file("plain.pb.gz");
    const gs_site *s = find(p, P "(*Pool).acquire", "runtime/pprof.Do");
    assert_int_equal(s->n_labels, 2);
    assert_int_equal(s->labels[0].count, 39);
    assert_int_equal(s->labels[0].n, 2);
    assert_string_equal(s->labels[0].v[0].key, "pool");
    assert_string_equal(s->labels[0].v[0].value, "orders-db");
    assert_string_equal(s->labels[0].v[1].key, "route");
    assert_string_equal(s->labels[0].v[1].value, "/pay");
    assert_int_equal(s->labels[1].count, 1);
    assert_string_equal(s->labels[1].v[0].value, "/refund");
    assert_string_equal(s->leaf_file, "/tmp/shop/payments/pool.go");
    assert_int_equal(s->leaf_line, 37);
    assert_int_equal(s->n_key_frames, 2);
    assert_string_equal(s->key_frames[1], P "(*Server).Pay.func1 payments/pool.go:46");
    assert_int_equal(find(p, P "(*Server).receive", P "(*Server).receive")->n_labels, 0);
}

/* A build elsewhere, with other paths, has the same ids. */
static void test_same_ids(void **state)
{
    (void)state;
    gs_cleanup(gs_profile_free) gs_profile *a = decode_file("plain.pb.gz");
    gs_cleanup(gs_profile_free) gs_profile *b = decode_file("trimpath.pb.gz");
    assert_int_equal(a->n, b->n);
    for (size_t i = 0; i < a->n; i++) {
        assert_string_equal(a->sites[i].id, b->sites[i].id);
        assert_int_equal(a->sites[i].count, b->sites[i].count);
    }
}

static void test_site_id(void **state)
{
    (void)state;
    static const struct {
        const char *name, *leaf_a, *entry_a, *leaf_b, *entry_b;
        bool same;
    } cases[] = {
        {"closure numbers", "main.run.func1", "main.run.func1.2", "main.run.func3", "main.run.func7.1", true},
        {"type arguments", "main.(*Q[go.shape.int]).Push", "main.main", "main.(*Q[...]).Push", "main.main", true},
        {"gowrap", "main.f", "main.main.gowrap1", "main.f", "main.main.gowrap2", true},
        {"other leaf", "main.f", "main.main", "main.g", "main.main", false},
        {"other entry", "main.f", "main.main", "main.f", "main.run", false},
        {"what stands where", "main.f", "main.g", "main.g", "main.f", false},
        {"a number in a name", "main.f1", "main.main", "main.f2", "main.main", false},
    };
    for (size_t i = 0; i < GS_LEN(cases); i++) {
        char a[GS_SITE_ID_LEN], b[GS_SITE_ID_LEN];
        gs_site_id(gs_str_of(cases[i].leaf_a), gs_str_of(cases[i].entry_a), a);
        gs_site_id(gs_str_of(cases[i].leaf_b), gs_str_of(cases[i].entry_b), b);
        print_message("%s\n", cases[i].name);
        assert_int_equal(strcmp(a, b) == 0, cases[i].same);
        assert_int_equal(strlen(a), 11);
        assert_int_equal(a[0], 'p');
    }
    /* Fixed for ever: ids stand in objects that outlive a release. sha256("main.leak\nmain.main") */
    char id[GS_SITE_ID_LEN];
    gs_site_id(GS_STR("main.leak"), GS_STR("main.main"), id);
    assert_string_equal(id, "pab484c3680");
}

/* ---- profiles that Go does not write ---- */

static const char *const words[] = {"",
                                    "goroutine",
                                    "count",
                                    "main.leak",
                                    "main.main",
                                    "/src/x/main.go",
                                    "runtime.chansend1",
                                    "/go/src/runtime/chan.go",
                                    "route",
                                    "/pay",
                                    "cpu",
                                    "n",
                                    "goroutineleak"};
enum {
    W_EMPTY,
    W_GOROUTINE,
    W_COUNT,
    W_LEAK,
    W_MAIN,
    W_FILE,
    W_SEND,
    W_CHAN_GO,
    W_ROUTE,
    W_PAY,
    W_CPU,
    W_N,
    W_LEAK_TYPE
};

struct made {
    gs_buf out, inner, inner2;
};

static void made_done(struct made *m)
{
    gs_buf_done(&m->out);
    gs_buf_done(&m->inner);
    gs_buf_done(&m->inner2);
}
GS_DEFINE_CLEANUP_VALUE(struct made, made_done)
#define MADE                                                                                                           \
    {                                                                                                                  \
        .out = GS_BUF(64u << 20), .inner = GS_BUF(64u << 20), .inner2 = GS_BUF(64u << 20)                              \
    }

static void put_words(struct made *m)
{
    for (size_t i = 0; i < GS_LEN(words); i++)
        pb_bytes(&m->out, 6, gs_str_of(words[i]));
}

static void put_type(struct made *m, uint64_t type)
{
    pb_int(&m->inner, 1, type);
    pb_int(&m->inner, 2, W_COUNT);
    pb_message(&m->out, 1, &m->inner);
}

static void put_function(struct made *m, uint64_t id, uint64_t name, uint64_t file)
{
    pb_int(&m->inner, 1, id);
    pb_int(&m->inner, 2, name);
    pb_int(&m->inner, 4, file);
    pb_message(&m->out, 5, &m->inner);
}

static void put_line(struct made *m, uint64_t function, uint64_t line)
{
    pb_int(&m->inner2, 1, function);
    pb_int(&m->inner2, 2, line);
    pb_message(&m->inner, 4, &m->inner2);
}

static void put_location(struct made *m, uint64_t id, uint64_t function, uint64_t line)
{
    pb_int(&m->inner, 1, id);
    if (function)
        put_line(m, function, line);
    pb_message(&m->out, 4, &m->inner);
}

static void put_sample(struct made *m, const uint64_t *locations, size_t n, uint64_t value)
{
    for (size_t i = 0; i < n; i++) /* not packed, as old encoders write it */
        pb_int(&m->inner, 1, locations[i]);
    pb_int(&m->inner, 2, value);
    pb_message(&m->out, 2, &m->inner);
}

static int decode(struct made *m, gs_profile **ret, gs_error *err)
{
    *ret = NULL;
    return gs_pprof_decode(gs_buf_str(&m->out), ret, err);
}

#define HUGE_ID 0xfffffffffffffff0u

static void put_usual(struct made *m)
{
    put_function(m, 900, W_SEND, W_CHAN_GO);
    put_function(m, HUGE_ID, W_LEAK, W_FILE);
    put_function(m, 7, W_MAIN, W_FILE);
    put_location(m, 70000, 900, 11);
    put_location(m, HUGE_ID, HUGE_ID, 22);
    put_location(m, 5, 7, 33);
}

static void check_made(gs_profile *p)
{
    assert_int_equal(p->n, 1);
    assert_int_equal(p->total, 12);
    assert_string_equal(p->sites[0].leaf, "main.leak");
    assert_string_equal(p->sites[0].entry, "main.main");
    assert_int_equal(p->sites[0].state, GS_STATE_CHAN_SEND);
    assert_string_equal(p->sites[0].key_frames[0], "main.leak x/main.go:22");
}

/* Samples may come first, ids be sparse and huge. */
static void test_any_order(void **state)
{
    (void)state;
    const uint64_t stack[] = {70000, HUGE_ID, 5};
    for (int order = 0; order < 3; order++) {
        gs_cleanup(made_done) struct made m = MADE;
        gs_profile *p;
        if (order == 0)
            put_words(&m);
        put_sample(&m, stack, 3, 5);
        put_sample(&m, stack, 3, 7);
        if (order == 1)
            put_words(&m);
        put_usual(&m);
        put_type(&m, W_GOROUTINE);
        if (order == 2)
            put_words(&m);
        assert_int_equal(decode(&m, &p, NULL), 0);
        check_made(p);
        gs_profile_free(p);
    }
}

/* The second of two values counts; a label with a number; a location of inlined lines, and one without any. */
static void test_values_and_labels(void **state)
{
    (void)state;
    gs_cleanup(made_done) struct made m = MADE;
    gs_profile *p;
    put_type(&m, W_CPU);
    put_type(&m, W_GOROUTINE);
    put_words(&m);
    put_usual(&m);
    pb_int(&m.inner, 1, 1); /* location 1: main.leak inlined into main.main */
    put_line(&m, HUGE_ID, 44);
    put_line(&m, 7, 55);
    pb_message(&m.out, 4, &m.inner);
    put_location(&m, 2, 0, 0);
    pb_varint(&m.inner2, 2);
    pb_varint(&m.inner2, 1);
    pb_message(&m.inner, 1, &m.inner2); /* packed: 2, 1 */
    pb_varint(&m.inner2, 100);
    pb_varint(&m.inner2, 3);
    pb_message(&m.inner, 2, &m.inner2);
    pb_int(&m.inner2, 1, W_ROUTE);
    pb_int(&m.inner2, 2, W_PAY);
    pb_message(&m.inner, 3, &m.inner2);
    pb_int(&m.inner2, 1, W_N);
    pb_int(&m.inner2, 3, 42);
    pb_message(&m.inner, 3, &m.inner2);
    pb_message(&m.out, 2, &m.inner);
    assert_int_equal(decode(&m, &p, NULL), 0);
    assert_int_equal(p->total, 3);
    assert_string_equal(p->sites[0].leaf, "main.leak");
    assert_string_equal(p->sites[0].entry, "main.main");
    assert_int_equal(p->sites[0].leaf_line, 44);
    assert_int_equal(p->sites[0].n_labels, 1);
    assert_int_equal(p->sites[0].labels[0].count, 3);
    assert_string_equal(p->sites[0].labels[0].v[0].value, "42");
    assert_string_equal(p->sites[0].labels[0].v[1].value, "/pay");
    gs_profile_free(p);
}

/* More sites than are kept: the smallest go, the total stays. Many more stacks than are looked at: the same. */
static void test_many(void **state)
{
    (void)state;
    static const struct {
        size_t n, kept;
    } cases[] = {{GS_MAX_PROFILE_SITES, GS_MAX_PROFILE_SITES},
                 {GS_MAX_PROFILE_SITES + 10, GS_MAX_PROFILE_SITES},
                 {GS_MAX_PROFILE_STACKS + 100, GS_MAX_PROFILE_SITES}};
    for (size_t k = 0; k < GS_LEN(cases); k++) {
        gs_cleanup(made_done) struct made m = MADE;
        gs_profile *p;
        uint64_t total = 0;
        put_words(&m);
        put_type(&m, W_GOROUTINE);
        for (size_t i = 1; i <= cases[k].n; i++) {
            char name[32];
            (void)snprintf(name, sizeof name, "main.site_%zu", i);
            pb_bytes(&m.out, 6, gs_str_of(name));
            put_function(&m, i, GS_LEN(words) + i - 1, W_FILE);
            put_location(&m, i, i, i);
            put_sample(&m, &(uint64_t){i}, 1, i);
            total += i;
        }
        assert_int_equal(decode(&m, &p, NULL), 0);
        assert_int_equal(p->n, cases[k].kept);
        assert_int_equal(p->truncated, cases[k].n > GS_MAX_PROFILE_SITES);
        assert_int_equal(p->total, total);
        if (cases[k].n <= GS_MAX_PROFILE_STACKS)
            assert_int_equal(p->sites[0].count, cases[k].n);
        gs_profile_free(p);
    }
}

/* A stack as deep as Go records, or deeper: its leaf stands for its entry, which no other form could tell. */
static void test_deep(void **state)
{
    (void)state;
    static const struct {
        size_t n;
        const char *entry;
        double depth;
    } cases[] = {{127, "main.main", 1}, {128, "main.leak", 1}, {1000, "main.leak", 1}, {32, "main.main", 0.5}};
    for (size_t i = 0; i < GS_LEN(cases); i++) {
        gs_cleanup(made_done) struct made m = MADE;
        gs_profile *p;
        uint64_t stack[1000];
        put_type(&m, W_GOROUTINE);
        put_words(&m);
        put_usual(&m);
        put_function(&m, 1, W_COUNT, W_FILE);
        put_location(&m, 1, 1, 1);
        for (size_t k = 0; k < cases[i].n; k++)
            stack[k] = 1;
        stack[0] = 70000;
        stack[1] = HUGE_ID;
        stack[cases[i].n - 1] = 5;
        put_sample(&m, stack, cases[i].n, 12);
        assert_int_equal(decode(&m, &p, NULL), 0);
        assert_string_equal(p->sites[0].leaf, "main.leak");
        assert_string_equal(p->sites[0].entry, cases[i].entry);
        assert_true(p->sites[0].depth == cases[i].depth);
        gs_profile_free(p);
    }
}

static void test_kind(void **state)
{
    (void)state;
    gs_cleanup(made_done) struct made m = MADE;
    gs_profile *p;
    const uint64_t stack[] = {70000, HUGE_ID, 5};
    put_words(&m);
    put_usual(&m);
    put_type(&m, W_LEAK_TYPE);
    put_sample(&m, stack, 3, 12);
    assert_int_equal(decode(&m, &p, NULL), 0);
    assert_int_equal(p->kind, GS_PROFILE_LEAK);
    check_made(p);
    gs_profile_free(p);
}

static void test_refused(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int what;
        const char *message;
    } cases[] = {
        {"unknown location", 0, "refers to a location"},
        {"unknown function", 1, "location 3 refers to a function"},
        {"unknown name", 2, "location 3 refers to a string"},
        {"negative count", 3, "negative count"},
        {"no value", 4, "fewer values"},
        {"two locations of one id", 5, "two locations have the id 5"},
        {"two functions of one id", 6, "two functions have the id 7"},
        {"cpu profile", 7, "expected a goroutine profile, got one of: cpu"},
        {"no sample type", 8, "without a sample type"},
        {"unnamed sample type", 9, "sample type 0 has no name"},
        {"cut off", 10, "malformed protobuf"},
        {"negative string", 11, "location 3 refers to a string"},
        {"unknown string of a label", 12, "a label refers to a string"},
        {"a number for a string", 13, "malformed protobuf"},
        {"a number for a sample", 14, "malformed protobuf"},
    };
    for (size_t i = 0; i < GS_LEN(cases); i++) {
        gs_cleanup(made_done) struct made m = MADE;
        gs_profile *p;
        gs_error err = {0};
        int what = cases[i].what;
        put_words(&m);
        put_usual(&m);
        if (what != 8)
            put_type(&m, what == 7 ? W_CPU : what == 9 ? 999 : W_GOROUTINE);
        put_function(&m, 8, what == 2 ? 999 : what == 11 ? (uint64_t)INT64_MIN : W_LEAK, W_FILE);
        put_location(&m, 3, what == 1 ? 999 : 8, 1);
        if (what == 5)
            put_location(&m, 5, 8, 1);
        if (what == 6)
            put_function(&m, 7, W_MAIN, W_FILE);
        if (what == 4) {
            pb_int(&m.inner, 1, 3);
            pb_message(&m.out, 2, &m.inner);
        } else if (what == 12) {
            pb_int(&m.inner, 1, 3);
            pb_int(&m.inner, 2, 1);
            pb_int(&m.inner2, 1, 999);
            pb_message(&m.inner, 3, &m.inner2);
            pb_message(&m.out, 2, &m.inner);
        } else {
            put_sample(&m, &(uint64_t){what == 0 ? 999 : 3}, 1, what == 3 ? UINT64_MAX : 1);
        }
        if (what == 13 || what == 14)
            pb_int(&m.out, what == 13 ? 6 : 2, 77);
        if (what == 10)
            m.out.n--;
        print_message("%s\n", cases[i].name);
        assert_int_equal(decode(&m, &p, &err), -GS_TERMINAL);
        assert_null(p);
        if (!strstr(err.msg, cases[i].message))
            fail_msg("%s: %s", cases[i].name, err.msg);
    }
}

static void test_other_files(void **state)
{
    (void)state;
    static const struct {
        const char *file, *message;
    } cases[] = {{"mutex.pb.gz", "got one of: contentions, delay"}, {"threadcreate.pb.gz", "got one of: threadcreate"}};
    for (size_t i = 0; i < GS_LEN(cases); i++) {
        gs_cleanup(gs_buf_done) gs_buf b = GS_BUF(1 << 20);
        gs_profile *p = NULL;
        gs_error err = {0};
        read_file(cases[i].file, &b);
        assert_int_equal(gs_pprof_decode(gs_buf_str(&b), &p, &err), -GS_TERMINAL);
        assert_non_null(strstr(err.msg, cases[i].message));
    }
}

static void test_garbage(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        "",         "404 page not found\n",    "<html>",        "goroutine profile: total 5\n",
        "\x1f\x8b", "\x1f\x8b\x08\x00garbage", "{\"error\": 1}"};
    for (size_t i = 0; i < GS_LEN(bodies); i++) {
        gs_profile *p = NULL;
        gs_error err = {0};
        assert_int_equal(gs_pprof_decode(gs_str_of(bodies[i]), &p, &err), -GS_TERMINAL);
        assert_null(p);
        assert_true(err.msg[0]);
    }
}

/* A bomb: 200 MB of nothing in 200 KB. */
static void test_bomb(void **state)
{
    (void)state;
    gs_cleanup(gs_buf_done) gs_buf packed = GS_BUF(4u << 20);
    gs_autofree char *zeroes = gs_alloc(200u << 20);
    gs_profile *p = NULL;
    gs_error err = {0};
    assert_int_equal(gs_gzip((gs_str){zeroes, 200u << 20}, &packed, NULL), 0);
    assert_true(packed.n < (1u << 20));
    assert_int_equal(gs_pprof_decode(gs_buf_str(&packed), &p, &err), -GS_NO_MEMORY);
    assert_null(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_real),        cmocka_unit_test(test_labels),    cmocka_unit_test(test_same_ids),
        cmocka_unit_test(test_site_id),     cmocka_unit_test(test_any_order), cmocka_unit_test(test_values_and_labels),
        cmocka_unit_test(test_many),        cmocka_unit_test(test_deep),      cmocka_unit_test(test_refused),
        cmocka_unit_test(test_other_files), cmocka_unit_test(test_garbage),   cmocka_unit_test(test_bomb),
        cmocka_unit_test(test_kind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
