#include "codec/goroutine_dump.h"

#include "base/buf.h"
#include "base/limits.h"
#include "base/mem.h"
#include "wire/gzip.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static void read_file(const char *name, gs_buf *out)
{
    char path[512];
    gs_cleanup(gs_buf_done) gs_buf packed = GS_BUF(1 << 20);
    (void)snprintf(path, sizeof path, "%s/%s", GS_TEST_DATA, name);
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    char *at = gs_buf_reserve(&packed, 1 << 16);
    packed.n = fread(at, 1, 1 << 16, f);
    (void)fclose(f);
    if (strstr(name, ".txt.gz"))
        assert_int_equal(gs_gunzip(gs_buf_str(&packed), out, NULL), 0);
    else
        assert_int_equal(gs_buf_add(out, packed.p, packed.n), 0);
}

static gs_profile *decode(gs_str body)
{
    gs_profile *p = NULL;
    gs_error err = {0};
    if (gs_dump_decode(body, true, &p, &err) < 0)
        fail_msg("%s", err.msg);
    return p;
}

static gs_profile *decode_file(const char *name)
{
    gs_cleanup(gs_buf_done) gs_buf b = GS_BUF(1 << 20);
    read_file(name, &b);
    return decode(gs_buf_str(&b));
}

static const gs_site *find(const gs_profile *p, const char *id)
{
    for (size_t i = 0; i < p->n; i++)
        if (strcmp(p->sites[i].id, id) == 0)
            return &p->sites[i];
    return NULL;
}

static const gs_site *find_leaf(const gs_profile *p, const char *leaf)
{
    for (size_t i = 0; i < p->n; i++)
        if (strcmp(p->sites[i].leaf, leaf) == 0)
            return &p->sites[i];
    fail_msg("no site with the leaf %s", leaf);
    return NULL;
}

/* ---- what real programs wrote ---- */

static void assert_same_labels(const gs_site *a, const gs_site *b)
{
    assert_int_equal(a->n_labels, b->n_labels);
    for (size_t i = 0; i < a->n_labels; i++) {
        assert_int_equal(a->labels[i].count, b->labels[i].count);
        assert_int_equal(a->labels[i].n, b->labels[i].n);
        for (size_t k = 0; k < a->labels[i].n; k++) {
            assert_string_equal(a->labels[i].v[k].key, b->labels[i].v[k].key);
            assert_string_equal(a->labels[i].v[k].value, b->labels[i].v[k].value);
        }
    }
}

/* The same goroutines in three forms: the same sites, but for states that a form cannot tell. */
static void test_forms(void **state)
{
    (void)state;
    static const struct {
        const char *files[4];
        enum gs_profile_kind kinds[3];
    } cases[] = {
        {{"pprof/plain.pb.gz", "pprof/plain.debug1.txt.gz", "pprof/plain.debug2.txt.gz", NULL},
         {GS_PROFILE_GOROUTINE, GS_PROFILE_GOROUTINE, GS_PROFILE_DUMP}},
        {{"pprof/leakprofile.pb.gz", "pprof/leakprofile.debug1.txt.gz", NULL, NULL},
         {GS_PROFILE_LEAK, GS_PROFILE_LEAK, GS_PROFILE_LEAK}},
        {{"serve/debug0.pb.gz", "serve/debug1.txt.gz", "serve/debug2.txt.gz", NULL},
         {GS_PROFILE_GOROUTINE, GS_PROFILE_GOROUTINE, GS_PROFILE_DUMP}},
    };
    for (size_t i = 0; i < GS_LEN(cases); i++) {
        gs_cleanup(gs_profile_free) gs_profile *a = decode_file(cases[i].files[0]);
        for (size_t k = 0; cases[i].files[k]; k++) {
            gs_cleanup(gs_profile_free) gs_profile *b = decode_file(cases[i].files[k]);
            print_message("%s\n", cases[i].files[k]);
            assert_int_equal(b->kind, cases[i].kinds[k]);
            assert_int_equal(b->total, a->total);
            assert_int_equal(b->n, a->n);
            assert_int_equal(b->io_wait, a->io_wait);
            assert_int_equal(b->consumers, a->consumers);
            assert_false(b->truncated);
            for (size_t j = 0; j < b->n; j++) {
                const gs_site *x = &b->sites[j], *y = find(a, x->id);
                char leaf_x[GS_MAX_NAME], leaf_y[GS_MAX_NAME];
                assert_non_null(y);
                (void)gs_normalise(gs_str_of(x->leaf), leaf_x, sizeof leaf_x);
                (void)gs_normalise(gs_str_of(y->leaf), leaf_y, sizeof leaf_y);
                assert_string_equal(leaf_x, leaf_y);
                assert_int_equal(x->count, y->count);
                assert_int_equal(x->user, y->user);
                assert_string_equal(b->sites[x->pattern].id, a->sites[y->pattern].id);
                assert_same_labels(x, y);
                assert_true(k == 1 || x->state == y->state || x->state == GS_STATE_CHAN_RECEIVE_NIL ||
                            x->state == GS_STATE_MUTEX); /* RWMutex.Lock waits for its Mutex: the frames know better */
            }
        }
    }
}

static void test_server(void **state)
{
    (void)state;
    gs_cleanup(gs_profile_free) gs_profile *p = decode_file("serve/debug2.txt.gz");
    const gs_site *s = find_leaf(p, "main.(*carts).acquire");
    assert_string_equal(s->entry, "net/http.(*conn).serve");
    assert_string_equal(s->created_by, "net/http.(*Server).Serve");
    assert_string_equal(s->leaf_file, "/tmp/serve/main.go");
    assert_int_equal(s->boundary, GS_BOUNDARY_COMMUNICATION);
    assert_int_equal(s->n_labels, 2);
    assert_string_equal(s->labels[0].v[0].key, "handler");
    assert_string_equal(s->labels[0].v[0].value, "main.(*carts).checkout");
    assert_int_equal(s->labels[0].count, 7);
    assert_string_equal(s->labels[1].v[0].value, "main.(*carts).half");
    assert_int_equal(p->consumers, 12); /* 7 wait for an answer, 5 for the rest of one */
    assert_int_equal(p->io_wait, 25);
    assert_int_equal(find_leaf(p, "main.main.func1")->state, GS_STATE_CHAN_RECEIVE_NIL);
    assert_true(s->blocked == 1 && s->has_wait && s->wait_max == 0);
}

static void test_ids(void **state)
{
    (void)state;
    gs_cleanup(gs_profile_free) gs_profile *p = decode_file("serve/debug2.txt.gz");
    uint64_t counts[64] = {0};
    assert_int_equal(p->n_goroutines, p->total);
    for (size_t i = 0; i < p->n_goroutines; i++) {
        assert_true(i == 0 || p->goroutines[i - 1].id < p->goroutines[i].id);
        assert_true(p->goroutines[i].site < p->n);
        counts[p->goroutines[i].site]++;
    }
    for (size_t i = 0; i < p->n; i++)
        assert_int_equal(counts[i], p->sites[i].count);
}

static void assert_same(const gs_profile *a, const gs_profile *b)
{
    assert_int_equal(a->total, b->total);
    assert_int_equal(a->truncated, b->truncated);
    assert_int_equal(a->n, b->n);
    assert_int_equal(a->n_goroutines, b->n_goroutines);
    for (size_t i = 0; i < a->n; i++) {
        const gs_site *x = &a->sites[i], *y = &b->sites[i];
        assert_string_equal(x->id, y->id);
        assert_int_equal(x->count, y->count);
        assert_int_equal(x->state, y->state);
        assert_int_equal(x->leaf_line, y->leaf_line);
        assert_string_equal(x->leaf_file, y->leaf_file);
        assert_string_equal(x->created_by, y->created_by);
        assert_int_equal(x->pattern, y->pattern);
        assert_true(x->depth == y->depth);
        assert_same_labels(x, y);
    }
    for (size_t i = 0; i < a->n_goroutines; i++)
        assert_memory_equal(&a->goroutines[i], &b->goroutines[i], sizeof *a->goroutines);
}

static gs_profile *decode_chunks(gs_str body, size_t chunk)
{
    gs_cleanup(gs_dump_free) gs_dump *d = gs_dump_new(true);
    gs_profile *p = NULL;
    gs_error err = {0};
    for (size_t at = 0; at < body.n; at += chunk)
        if (gs_dump_feed(d, body.p + at, body.n - at < chunk ? body.n - at : chunk, &err) < 0)
            fail_msg("%s", err.msg);
    if (gs_dump_finish(d, &p, &err) < 0)
        fail_msg("%s", err.msg);
    return p;
}

/* Whatever the chunks; and with the line ends of Windows. */
static void test_chunks(void **state)
{
    (void)state;
    static const char *const files[] = {"pprof/plain.pb.gz", "pprof/plain.debug1.txt.gz", "pprof/plain.debug2.txt.gz"};
    static const size_t chunks[] = {1, 7, 100, 511, 512, 513, 4096, 1 << 18};
    for (size_t i = 0; i < GS_LEN(files); i++) {
        gs_cleanup(gs_buf_done) gs_buf b = GS_BUF(1 << 20), windows = GS_BUF(1 << 20);
        read_file(files[i], &b);
        gs_cleanup(gs_profile_free) gs_profile *whole = decode(gs_buf_str(&b));
        for (size_t k = 0; k < GS_LEN(chunks); k++) {
            gs_cleanup(gs_profile_free) gs_profile *p = decode_chunks(gs_buf_str(&b), chunks[k]);
            assert_same(whole, p);
        }
        if (i == 0)
            continue;
        for (size_t k = 0; k < b.n; k++)
            assert_int_equal(gs_buf_add(&windows, b.p[k] == '\n' ? "\r\n" : b.p + k, b.p[k] == '\n' ? 2 : 1), 0);
        gs_cleanup(gs_profile_free) gs_profile *p = decode(gs_buf_str(&windows));
        assert_same(whole, p);
    }
}

/* ---- what other versions and circumstances write ---- */

static void test_headers(void **state)
{
    (void)state;
    static const struct {
        const char *header;
        enum gs_state state;
        uint32_t minutes;
        const char *key, *value; /* of the first label */
    } cases[] = {
        {"goroutine 12 [running]:", GS_STATE_RUNNING, 0, NULL, NULL},
        {"goroutine 12 [runnable]:", GS_STATE_RUNNING, 0, NULL, NULL},
        {"goroutine 12 [chan receive, 5 minutes, locked to thread]:", GS_STATE_CHAN_RECEIVE, 5, NULL, NULL},
        {"goroutine 12 [chan send, locked to thread]:", GS_STATE_CHAN_SEND, 0, NULL, NULL},
        {"goroutine 12 [chan send (nil chan), 70 minutes]:", GS_STATE_CHAN_SEND_NIL, 70, NULL, NULL},
        {"goroutine 12 [chan receive (nil chan)]:", GS_STATE_CHAN_RECEIVE_NIL, 0, NULL, NULL},
        {"goroutine 12 [select (no cases), 1 minutes]:", GS_STATE_SELECT_NONE, 1, NULL, NULL},
        {"goroutine 12 [select (durable)]:", GS_STATE_SELECT, 0, NULL, NULL},
        {"goroutine 12 [chan receive (durable), 2 minutes, synctest bubble 3]:", GS_STATE_CHAN_RECEIVE, 2, NULL, NULL},
        {"goroutine 12 [sync.WaitGroup.Wait (durable)]:", GS_STATE_WAITGROUP, 0, NULL, NULL},
        {"goroutine 12 [synctest.Wait, synctest bubble 1]:", GS_STATE_SYSTEM, 0, NULL, NULL},
        {"goroutine 12 [chan receive (leaked)]:", GS_STATE_CHAN_RECEIVE, 0, NULL, NULL},
        {"goroutine 12 [select (no cases) (leaked) (scan), 3 minutes]:", GS_STATE_SELECT_NONE, 3, NULL, NULL},
        {"goroutine 12 [sync.Mutex.Lock]:", GS_STATE_MUTEX, 0, NULL, NULL},
        {"goroutine 12 [sync.RWMutex.RLock]:", GS_STATE_RWMUTEX_READ, 0, NULL, NULL},
        {"goroutine 12 [sync.RWMutex.Lock]:", GS_STATE_RWMUTEX_WRITE, 0, NULL, NULL},
        {"goroutine 12 [sync.Cond.Wait]:", GS_STATE_COND, 0, NULL, NULL},
        {"goroutine 12 [semacquire, 10 minutes]:", GS_STATE_SEMACQUIRE, 10, NULL, NULL},
        {"goroutine 12 [IO wait, 1441 minutes]:", GS_STATE_IO_WAIT, 1441, NULL, NULL},
        {"goroutine 12 [sleep]:", GS_STATE_SLEEP, 0, NULL, NULL},
        {"goroutine 12 [syscall, 99999999999 minutes]:", GS_STATE_SYSCALL, UINT32_MAX, NULL, NULL},
        {"goroutine 12 [finalizer wait]:", GS_STATE_SYSTEM, 0, NULL, NULL},
        {"goroutine 12 [GC worker (idle), 3 minutes]:", GS_STATE_SYSTEM, 3, NULL, NULL},
        {"goroutine 12 [force gc (idle)]:", GS_STATE_SYSTEM, 0, NULL, NULL},
        {"goroutine 12 [cleanup wait]:", GS_STATE_SYSTEM, 0, NULL, NULL},
        {"goroutine 12 [trace reader (blocked)]:", GS_STATE_SYSTEM, 0, NULL, NULL},
        {"goroutine 12 [coroutine]:", GS_STATE_RUNNING, 0, NULL, NULL},
        {"goroutine 12 [of a later version, 4 minutes]:", GS_STATE_RUNNING, 4, NULL, NULL},
        {"goroutine 12 gp=0xc000007880 m=0 mp=0x5f8d40 [chan send]:", GS_STATE_CHAN_SEND, 0, NULL, NULL},
        {"goroutine 12 gp=0xc000007880 m=nil [IO wait, 2 minutes]:", GS_STATE_IO_WAIT, 2, NULL, NULL},
        {"goroutine 12 [select labels:{\"route\": \"/pay\"}]:", GS_STATE_SELECT, 0, "route", "/pay"},
        {"goroutine 12 [select, 7 minutes, locked to thread labels:{\"route\": \"]: {}\\\"\\n\\t\\u00e9\", \"b\": \"c\"}]:",
         GS_STATE_SELECT, 7, "b", "c"},
        {"goroutine 12 [select labels:{\"route\": \"]: {}\\\"\\n\\x41\\u00e9\\U0001f600\"}]:", GS_STATE_SELECT, 0,
         "route", "]: {}\"\nA\303\251\360\237\230\200"},
        {"goroutine 12 [select {route: /pay, b: c}]:", GS_STATE_SELECT, 0, "b", "c"},
        {"goroutine 12 [select {\"k\":\"v\"}]:", GS_STATE_SELECT, 0, "k", "v"},
        {"goroutine 12 [select labels:{\"k\": \"\\ud800\"}]:", GS_STATE_SELECT, 0, "k", "\357\277\275"},
        {"goroutine 12 [select labels:{\"k\": \"\\q\"}]:", GS_STATE_SELECT, 0, NULL, NULL},
        {"goroutine 12 [select labels:{\"k\": \"v}]:", GS_STATE_SELECT, 0, NULL, NULL},
        {"goroutine 12 [select labels:{}]:", GS_STATE_SELECT, 0, NULL, NULL},
    };
    for (size_t i = 0; i < GS_LEN(cases); i++) {
        char text[512];
        (void)snprintf(text, sizeof text, "%s\nmain.f(0x1)\n\t/x/main.go:12 +0x1d\n", cases[i].header);
        gs_cleanup(gs_profile_free) gs_profile *p = decode(gs_str_of(text));
        print_message("  %s\n", cases[i].header);
        assert_int_equal(p->total, 1);
        assert_int_equal(p->n, 1);
        const gs_site *s = &p->sites[0];
        assert_int_equal(s->state, cases[i].state);
        assert_true(s->has_wait);
        assert_int_equal(s->wait_min, cases[i].minutes);
        assert_int_equal(s->wait_p50, cases[i].minutes);
        assert_int_equal(s->wait_max, cases[i].minutes);
        assert_int_equal(p->goroutines[0].id, 12);
        assert_int_equal(s->n_labels, cases[i].key != NULL);
        if (!cases[i].key)
            continue;
        assert_string_equal(s->labels[0].v[0].key, cases[i].key);
        assert_string_equal(s->labels[0].v[0].value, cases[i].value);
    }
}

#define HEADER "goroutine 7 [chan send]:\n"
#define FRAME "shop.(*Pool).acquire(0xc000012345, {0x1, 0x2})\n\t/src/shop/pool.go:37 +0x1d\n"

static const struct {
    const char *name, *text;
    const char *leaf, *entry, *file;
    int64_t line;
    const char *created_by;
    int frames;
} stacks[] = {
    {"Go 1.21 and later", HEADER FRAME "created by main.main in goroutine 1\n\t/src/main.go:9 +0x5\n",
     "shop.(*Pool).acquire", "shop.(*Pool).acquire", "/src/shop/pool.go", 37, "main.main", 1},
    {"Go 1.20", HEADER FRAME "created by main.(*T).run\n\t/src/main.go:9 +0x5\n", "shop.(*Pool).acquire",
     "shop.(*Pool).acquire", "/src/shop/pool.go", 37, "main.(*T).run", 1},
    {"a cut without its line end", HEADER FRAME "created by main.main in goroutine 1\n\t/src/main.go:9 +0x",
     "shop.(*Pool).acquire", "shop.(*Pool).acquire", "/src/shop/pool.go", 37, "main.main", 1},
    {"inlined", HEADER "main.send(...)\n\t/src/main.go:3\nmain.main.func1()\n\t/src/main.go:6 +0x1e\n", "main.send",
     "main.main.func1", "/src/main.go", 3, "", 2},
    {"generic", HEADER "main.(*Q[...]).Push(0x1)\n\t/src/main.go:3 +0x1\n", "main.(*Q[...]).Push",
     "main.(*Q[...]).Push", "/src/main.go", 3, "", 1},
    {"crash", HEADER "main.f(0x1?)\n\t/src/main.go:3 +0x1 fp=0xc00002a7b8 sp=0xc00002a770 pc=0x4a1b2c\n", "main.f",
     "main.f", "/src/main.go", 3, "", 1},
    {"Windows", "goroutine 7 [chan send]:\r\nmain.f()\r\n\tC:/my src/main.go:3 +0x1\r\n", "main.f", "main.f",
     "C:/my src/main.go", 3, "", 1},
    {"elided", HEADER FRAME "...23 frames elided...\nmain.main()\n\t/src/main.go:9 +0x5\n", "shop.(*Pool).acquire",
     "main.main", "/src/shop/pool.go", 37, "", 25},
    {"elided, of a number unknown",
     HEADER FRAME "...additional frames elided...\n" FRAME "created by x.f\n\t/x.go:1 +0x1\n", "shop.(*Pool).acquire",
     "shop.(*Pool).acquire", "/src/shop/pool.go", 37, "x.f", 2},
    {"deeper than profiles record", HEADER FRAME "...200 frames elided...\nmain.main()\n\t/src/main.go:9 +0x5\n",
     "shop.(*Pool).acquire", "shop.(*Pool).acquire", "/src/shop/pool.go", 37, "", 64},
    {"another thread",
     HEADER "\tgoroutine running on other thread; stack unavailable\ncreated by x.f\n\t/x.go:1 +0x1\n", "(unknown)",
     "(unknown)", "", 0, "x.f", 1},
    {"ancestors",
     HEADER FRAME "created by main.g\n\t/src/main.go:9 +0x5\n[originating from goroutine 1]:\nmain.g(...)\n"
                  "\t/src/main.go:8 +0x1\ncreated by main.h\n\t/src/main.go:7 +0x5\n",
     "shop.(*Pool).acquire", "shop.(*Pool).acquire", "/src/shop/pool.go", 37, "main.g", 1},
    {"cgo",
     HEADER "c_wait\n\t/src/wait.c:12 pc=0x4a1b2c\nnon-Go function\n\tpc=0x4a1b2d\nruntime.cgocall(0x1, 0x2)\n"
            "\t/go/src/runtime/cgocall.go:157 +0x5c\nmain._Cfunc_wait()\n\t_cgo_gotypes.go:40 +0x1\nmain.main()\n"
            "\t/src/main.go:9 +0x5\n",
     "c_wait", "main.main", "/src/wait.c", 12, "", 5},
    {"generated", HEADER "main.(*T).Wait(0x1)\n\t<autogenerated>:1 +0x1\nmain.main()\n\t/src/main.go:9 +0x5\n",
     "main.(*T).Wait", "main.main", "<autogenerated>", 1, "", 2},
    {"panic", HEADER "panic({0x4a0f20?, 0x4e9d50?})\n\t/go/src/runtime/panic.go:770 +0x132\n" FRAME,
     "shop.(*Pool).acquire", "shop.(*Pool).acquire", "/src/shop/pool.go", 37, "", 2},
    {"noise within",
     HEADER "runtime: unexpected return pc for main.x called from 0x7\nstack: frame={sp:0x1}\n"
            "0x000000c00003a7e0:  0x0000000000000000\n" FRAME,
     "shop.(*Pool).acquire", "shop.(*Pool).acquire", "/src/shop/pool.go", 37, "", 1},
    {"lines before",
     "2026/01/01 12:00:00 listening\n\npanic: runtime error: index out of range [3]\n\t/x.go:1\n[signal SIGSEGV: "
     "segmentation violation]\n\nruntime stack:\nruntime.throw({0x1, 0x2})\n\t/go/src/runtime/panic.go:1 +0x1\n\n" HEADER
         FRAME "exit status 2\n",
     "shop.(*Pool).acquire", "shop.(*Pool).acquire", "/src/shop/pool.go", 37, "", 1},
    {"a thread's stack, and registers behind",
     "fatal error: x\n\ngoroutine 0 gp=0x1 m=0 mp=0x2 [idle]:\nruntime.futex()\n\t/go/src/runtime/sys.s:5 +0x1\n\n" HEADER
         FRAME "created by main.g\n\t/src/main.go:9 +0x5\n\nrax    0x0\nrip    0x4a1b2c\n",
     "shop.(*Pool).acquire", "shop.(*Pool).acquire", "/src/shop/pool.go", 37, "main.g", 1},
    {"nothing but a header", HEADER "\n", "(unknown)", "(unknown)", "", 0, "", 1},
    {"a path of many kinds",
     HEADER "gopkg.in/yaml%2ev3.(*parser).f(0x1)\n\t/root/go/pkg/mod/gopkg.in/yaml.v3@v3.0.1/d.go:5 "
            "+0x1\n" FRAME,
     "shop.(*Pool).acquire", "shop.(*Pool).acquire", "/src/shop/pool.go", 37, "", 2},
};

static void test_stacks(void **state)
{
    (void)state;
    for (size_t i = 0; i < GS_LEN(stacks); i++) {
        gs_cleanup(gs_profile_free) gs_profile *p = decode(gs_str_of(stacks[i].text));
        print_message("  %s\n", stacks[i].name);
        assert_int_equal(p->kind, GS_PROFILE_DUMP);
        assert_int_equal(p->total, 1);
        assert_int_equal(p->n, 1);
        assert_false(p->truncated);
        assert_string_equal(p->sites[0].leaf, stacks[i].leaf);
        assert_string_equal(p->sites[0].entry, stacks[i].entry);
        assert_string_equal(p->sites[0].leaf_file, stacks[i].file);
        assert_int_equal(p->sites[0].leaf_line, stacks[i].line);
        assert_string_equal(p->sites[0].created_by, stacks[i].created_by);
        assert_true(p->sites[0].depth == stacks[i].frames / 64.0);
    }
}

/* Arguments, addresses and offsets do not make another stack; the frames of the largest describe the site. */
static void test_grouping(void **state)
{
    (void)state;
    gs_cleanup(gs_profile_free) gs_profile *p = decode(GS_STR(
        "goroutine 1 [select]:\nmain.f(0x1)\n\t/x.go:3 +0x1\n\n"
        "goroutine 9 [chan send, 2 minutes]:\nmain.f(0x2)\n\t/x.go:4 +0x2\ncreated by main.a in goroutine 1\n\t/x.go:9 +0x1\n\n"
        "goroutine 8 [chan send, 4 minutes]:\nmain.f(...)\n\t/x.go:4\ncreated by main.a in goroutine 2\n\t/x.go:9 +0x1\n\n"
        "goroutine 6 [chan send, 9 minutes]:\nmain.f({0x1, 0x2})\n\t/x.go:4 +0x3\ncreated by main.a in goroutine 3\n\t/x.go:9 +0x1\n\n"));
    assert_int_equal(p->n, 1);
    const gs_site *s = &p->sites[0];
    assert_int_equal(s->count, 4);
    assert_int_equal(s->leaf_line, 4);
    assert_int_equal(s->state, GS_STATE_CHAN_SEND);
    assert_string_equal(s->created_by, "main.a");
    assert_int_equal(s->wait_min, 0);
    assert_int_equal(s->wait_p50, 2);
    assert_int_equal(s->wait_max, 9);
    assert_true(s->blocked == 1);
    assert_true(s->waited > 0.73 && s->waited < 0.75); /* of 0, 2, 4 and 9 minutes */
    static const uint64_t ids[] = {1, 6, 8, 9};
    for (size_t i = 0; i < GS_LEN(ids); i++)
        assert_int_equal(p->goroutines[i].id, ids[i]);
}

/* A stack without frames that becomes the largest of its site later. */
static void test_no_frames(void **state)
{
    (void)state;
    gs_cleanup(gs_profile_free) gs_profile *p =
        decode(GS_STR("goroutine 1 [select]:\n\ngoroutine 2 [select]:\nnoise\n\ngoroutine 3 [select]:\nnoise\n\n"));
    assert_int_equal(p->n, 1);
    assert_int_equal(p->sites[0].count, 3);
    assert_string_equal(p->sites[0].leaf, "(unknown)");
    assert_string_equal(p->sites[0].key_frames[0], "(unknown)");
}

/* gRPC's generated handler, a handler under middleware and one that a router called in its own way. */
static void test_handlers(void **state)
{
    (void)state;
#define NET "net/http.HandlerFunc.ServeHTTP(...)\n\t/go/src/net/http/server.go:1\n"
#define GIN                                                                                                            \
    "github.com/gin-gonic/gin.(*Context).Next(0x1)\n\t/go/pkg/mod/github.com/gin-gonic/gin@v1/context.go:1 +0x1\n"
#define ENGINE                                                                                                         \
    "github.com/gin-gonic/gin.(*Engine).ServeHTTP(0x1)\n\t/go/pkg/mod/github.com/gin-gonic/gin@v1/gin.go:1 +0x1\n"
#define FN(f) "main." f "(0x1)\n\t/src/main.go:1 +0x1\n"
#define LABELS "goroutine 7 [select labels:{\"route\": \"/x\"}]:\n"
    static const struct {
        const char *text, *key, *value;
    } cases[] = {
        {HEADER FN("db") FN("pay") NET FN("auth") NET, "handler", "main.pay"},
        {HEADER FN("db") FN("pay") GIN ENGINE NET, "handler", "main.pay"},
        {HEADER FN("db") FN("pay") NET FN("_Shop_Pay_Handler.func1") FN("_Shop_Pay_Handler"), "handler",
         "main._Shop_Pay_Handler"},
        {LABELS FN("db") FN("pay") NET, "route", "/x"},
        {HEADER FN("db") FN("pay"), NULL, NULL},
        {HEADER NET, NULL, NULL},
    };
    for (size_t i = 0; i < GS_LEN(cases); i++) {
        gs_cleanup(gs_profile_free) gs_profile *p = decode(gs_str_of(cases[i].text));
        const gs_site *s = &p->sites[0];
        assert_int_equal(s->n_labels, cases[i].key != NULL);
        if (!cases[i].key)
            continue;
        assert_int_equal(s->labels[0].n, 1);
        assert_string_equal(s->labels[0].v[0].key, cases[i].key);
        assert_string_equal(s->labels[0].v[0].value, cases[i].value);
    }
}

/* ---- cut off, foreign, hostile ---- */

/* At every byte behind the first goroutine whose creator is told, which is how one is known to be whole: what is left is
 * counted, and said to be truncated but between two goroutines. */
static void test_cuts(void **state)
{
    (void)state;
    static const char dump[] = "goroutine 1 [running]:\nmain.main()\n\t/x.go:3 +0x1\n\n"
                               "goroutine 9 [chan send]:\nmain.f(0x2)\n\t/x.go:4 +0x2\nmain.g(0x2)\n\t/x.go:5 +0x2\n"
                               "created by main.main in goroutine 1\n\t/x.go:9 +0x1\n\n"
                               "goroutine 8 [chan send]:\nmain.f(0x2)\n\t/x.go:4 +0x2\nmain.g(0x2)\n\t/x.go:5 +0x2\n"
                               "created by main.main in goroutine 1\n\t/x.go:9 +0x1\n";
    const char *second = strstr(dump, "goroutine 9"), *third = strstr(dump, "goroutine 8");
    /* Once the last offset has begun, nothing of interest is missing. */
    const char *second_end = strstr(strstr(second, "created"), "+0x") + 3;
    const char *third_end = strstr(strstr(third, "created"), "+0x") + 3;
    for (const char *end = second_end; end < dump + sizeof dump; end++) {
        gs_cleanup(gs_profile_free) gs_profile *p = decode((gs_str){dump, (size_t)(end - dump)});
        bool whole = end <= third || end >= third_end;
        if (p->truncated == whole)
            fail_msg("cut at \"%.20s\": truncated %d", end, p->truncated);
        uint64_t sum = 0;
        for (size_t i = 0; i < p->n; i++)
            sum += p->sites[i].count;
        assert_true(whole ? sum == p->total : sum <= p->total);
        assert_true(p->total >= (end >= third_end ? 3u : 2u));
        for (size_t i = 0; i < p->n; i++)
            assert_true(strcmp(p->sites[i].entry, "main.g") == 0 || strcmp(p->sites[i].entry, "main.main") == 0);
    }
}

static void test_cut_counts(void **state)
{
    (void)state;
    static const char text[] = "goroutine profile: total 5\n3 @ 0x10 0x20 0x30\n#\t0xf\tmain.f+0x1\t/x.go:4\n"
                               "#\t0x1f\tmain.g+0x1\t\t/x.go:5\n\n2 @ 0x10 0x30\n# labels: {\"k\":\"v\"}\n"
                               "#\t0xf\tmain.f+0x1\t/x.go:4\n\n";
    const size_t first = (size_t)(strstr(text, "\n\n") + 2 - text);
    for (size_t n = 28; n < sizeof text; n++) {
        gs_cleanup(gs_profile_free) gs_profile *p = decode((gs_str){text, n});
        assert_int_equal(p->total, 5);
        assert_int_equal(p->truncated, n < sizeof text - 2); /* the last blank line may be missing */
        assert_int_equal(p->n, n >= sizeof text - 2 ? 2 : n >= first);
    }
    gs_cleanup(gs_profile_free) gs_profile *p = decode((gs_str){text, sizeof text - 1});
    assert_int_equal(p->sites[0].count, 3);
    assert_string_equal(p->sites[0].leaf, "main.f");
    assert_string_equal(p->sites[0].entry, "main.g");
    assert_string_equal(p->sites[1].labels[0].v[0].value, "v");
}

static void test_no_goroutines(void **state)
{
    (void)state;
    gs_cleanup(gs_profile_free) gs_profile *p = decode(GS_STR("goroutineleak profile: total 0\n"));
    assert_int_equal(p->kind, GS_PROFILE_LEAK);
    assert_int_equal(p->total, 0);
    assert_false(p->truncated);
}

static void test_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"", "line 1: expected \"goroutine 1 [running]:\""},
        {"\n", "there is none in 1 lines"},
        {"404 page not found\n", "there is none in 1 lines"},
        {"<html>\n<body>\n", "line 1: expected"},
        {"{\"error\": \"goroutine 1 [running]:\"}", "there is none in 1 lines"},
        {"a\nb\ngoroutine x [running]:\n", "there is none in 3 lines"},
        {"a\ngoroutine 99999999999999999999 [running]:\n", "there is none in 2 lines"},
        {"threadcreate profile: total 8\n", "line 1: expected a goroutine profile, got a threadcreate profile"},
        {"a\ngoroutine profile: total many\n", "line 2: expected a number"},
        {"goroutine profile: total 5\nhello\n\n", "line 2: expected \"N @ 0x"},
        {"goroutine profile: total 5\n\n1 @ 0x1\n#\t0x1\nhello\n\n", "line 5: expected a frame"},
        {"goroutine profile: total 5\n-1 @ 0x1\n\n", "line 2: expected \"N @"},
        {"goroutine profile: total 5\n18446744073709551615 @ 0x1\n\n", "line 2: expected \"N @"},
        {"\x1f\x8b garbage", "gzip"},
        {"\x7f"
         "ELF\x02\x01\x01",
         "profile: byte 0: expected a field"},
        {"\x0a\x04\x08\x01\x10\x02\x3a", "profile: byte 6: expected a field"},
    };
    for (size_t i = 0; i < GS_LEN(cases); i++) {
        gs_profile *p = NULL;
        gs_error err = {0};
        assert_int_equal(gs_dump_decode(gs_str_of(cases[i].text), false, &p, &err), -GS_TERMINAL);
        assert_null(p);
        if (!strstr(err.msg, cases[i].message))
            fail_msg("%zu: %s", i, err.msg);
    }
}

static void feed(gs_dump *d, gs_buf *b)
{
    gs_error err = {0};
    if (gs_dump_feed(d, b->p, b->n, &err) < 0)
        fail_msg("%s", err.msg);
    gs_buf_reset(b);
}

/* More different stacks and sites than are kept: the largest stay, the total is right. */
static void test_many(void **state)
{
    (void)state;
    gs_cleanup(gs_dump_free) gs_dump *d = gs_dump_new(true);
    gs_cleanup(gs_buf_done) gs_buf b = GS_BUF(1 << 20);
    gs_profile *p = NULL;
    const unsigned n = GS_MAX_PROFILE_STACKS + 1000;
    for (unsigned i = 0; i < n; i++) {
        assert_int_equal(gs_buf_addf(&b, "goroutine %u [select]:\nmain.f_%u()\n\t/x.go:3 +0x1\n\n", i + 1, i), 0);
        if (b.n > 100000)
            feed(d, &b);
    }
    for (unsigned i = 0; i < 10; i++)
        assert_int_equal(gs_buf_addf(&b, "goroutine %u [select]:\nmain.f_7()\n\t/x.go:3 +0x1\n\n", n + i + 1), 0);
    feed(d, &b);
    assert_int_equal(gs_dump_format(d), GS_DUMP_DEBUG2);
    assert_int_equal(gs_dump_finish(d, &p, NULL), 0);
    assert_true(p->truncated);
    assert_int_equal(p->total, n + 10);
    assert_int_equal(p->n, GS_MAX_PROFILE_SITES);
    assert_string_equal(p->sites[0].leaf, "main.f_7");
    assert_int_equal(p->sites[0].count, 11);
    assert_int_equal(p->n_goroutines, n + 10);
    assert_int_equal(p->goroutines[7].site, 0);
    assert_int_equal(p->goroutines[n - 1].site, UINT32_MAX);
    gs_profile_free(p);
}

/* Where Go stops, even between two goroutines; one byte less is a dump that just has this length. */
static void test_cut_by_go(void **state)
{
    (void)state;
    for (size_t less = 0; less < 2; less++) {
        gs_cleanup(gs_dump_free) gs_dump *d = gs_dump_new(false);
        gs_cleanup(gs_buf_done) gs_buf b = GS_BUF(1 << 16);
        gs_profile *p = NULL;
        for (size_t i = 0; i < 256; i++)
            assert_int_equal(gs_buf_addf(&b, "goroutine 1 [select]:\nmain.main()\n\t/x.go:3 +0x1\n\n%*s\n", 206, ""),
                             0);
        assert_int_equal(b.n, 65536);
        for (size_t i = 0; i < 1024; i++)
            assert_int_equal(gs_dump_feed(d, b.p, b.n - (i == 0 ? less : 0), NULL), 0);
        assert_int_equal(gs_dump_finish(d, &p, NULL), 0);
        assert_int_equal(p->truncated, less == 0);
        assert_true(p->total >= 256u * 1024 - 1);
        gs_profile_free(p);
    }
}

/* Lines, goroutines and prefaces without end: an error at a cap, in bounded memory. */
static void test_caps(void **state)
{
    (void)state;
    static const struct {
        const char *start, *repeat, *message;
        enum gs_kind kind;
    } cases[] = {
        {"", "x", "line 1: a line or goroutine of more than 1048576 bytes", GS_NO_MEMORY},
        {"", "some line\n", "there is none in the first 4 MiB", GS_TERMINAL},
        {HEADER, "main.f()\n\t/x.go:1 +0x1\n", "line 1: a line or goroutine of more", GS_NO_MEMORY},
        {"goroutine profile: total 1\n1 @ 0x1\n", "#\t0x1\tmain.f+0x1\t/x.go:1\n", "line 2: a line or gor",
         GS_NO_MEMORY},
    };
    for (size_t i = 0; i < GS_LEN(cases); i++) {
        gs_cleanup(gs_dump_free) gs_dump *d = gs_dump_new(false);
        gs_cleanup(gs_buf_done) gs_buf b = GS_BUF(1 << 17);
        gs_error err = {0};
        int e = gs_dump_feed(d, cases[i].start, strlen(cases[i].start), &err);
        while (b.n < 65536)
            assert_int_equal(gs_buf_adds(&b, cases[i].repeat), 0);
        for (size_t k = 0; k < 100 && e == 0; k++)
            e = gs_dump_feed(d, b.p, b.n, &err);
        assert_int_equal(e, -(int)cases[i].kind);
        if (!strstr(err.msg, cases[i].message))
            fail_msg("%zu: %s", i, err.msg);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forms),      cmocka_unit_test(test_server),        cmocka_unit_test(test_ids),
        cmocka_unit_test(test_chunks),     cmocka_unit_test(test_headers),       cmocka_unit_test(test_stacks),
        cmocka_unit_test(test_grouping),   cmocka_unit_test(test_handlers),      cmocka_unit_test(test_cuts),
        cmocka_unit_test(test_cut_counts), cmocka_unit_test(test_no_goroutines), cmocka_unit_test(test_refused),
        cmocka_unit_test(test_many),       cmocka_unit_test(test_cut_by_go),     cmocka_unit_test(test_caps),
        cmocka_unit_test(test_no_frames),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
