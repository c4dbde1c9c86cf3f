/* The report that analyze makes of profiles: sums, patterns, order, what counts as found, and its three looks. */
#include "cli/report.h"
#include "cli/report_options.h"
#include "wire/json.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include <setjmp.h>

#include <cmocka.h>

#include "report_fixture.h"

/* Two pods: in the first, b is alike a; in the second, b stands alone and is larger. */
struct fleet {
    gs_site first[3], second[2];
    gs_profile profiles[2];
    gs_profile_file files[2];
};

static const gs_label route_pay[] = {{"pool", "orders"}, {"route", "/pay"}};
static const gs_label route_buy[] = {{"route", "/buy"}};
static const gs_label_set pay_10[] = {{route_pay, 2, 10}};
static const gs_label_set buy_9_pay_4[] = {{route_buy, 1, 9}, {route_pay, 2, 4}};
static const gs_label_set none_5_buy_3[] = {{NULL, 0, 5}, {route_buy, 1, 3}};
static const char *const frames[] = {"shop/payments.(*pool).acquire payments/pool.go:41", "main.main main.go:9"};

static void make_fleet(struct fleet *f)
{
    *f = (struct fleet){
        .first = {{SITE_DEFAULTS, .id = "paaaaaaaaaa", .count = 30, .state = GS_STATE_CHAN_SEND, .blocked = 1,
                   .depth = 0.25, .labels = pay_10, .n_labels = 1, .boundary = GS_BOUNDARY_COMMUNICATION,
                   .has_wait = true, .waited = 1, .wait_min = 2, .wait_p50 = 5, .wait_max = 9, .key_frames = frames,
                   .n_key_frames = 2},
                  {SITE_DEFAULTS, .id = "pbbbbbbbbbb", .count = 10, .state = GS_STATE_SELECT, .blocked = 1,
                   .depth = 0.5, .labels = buy_9_pay_4, .n_labels = 2, .has_wait = true, .waited = 1, .wait_min = 1,
                   .wait_p50 = 1, .wait_max = 1},
                  {SITE_DEFAULTS, .id = "pcccccccccc", .count = 3, .state = GS_STATE_IO_WAIT, .pattern = 2}},
        .second = {{SITE_DEFAULTS, .id = "pbbbbbbbbbb", .count = 40, .state = GS_STATE_SELECT, .blocked = 1,
                    .depth = 0.5, .leaf_line = 8, .created_by = "main.start", .labels = none_5_buy_3, .n_labels = 2},
                   {SITE_DEFAULTS, .id = "pcccccccccc", .count = 2, .state = GS_STATE_IO_WAIT, .pattern = 1}},
    };
    f->second[0].leaf = "gopkg.in/yaml.v3.(*parser[go.shape.struct { a/b.C }]).parse";
    profile_of_sites(&f->profiles[0], f->first, 3);
    profile_of_sites(&f->profiles[1], f->second, 2);
    f->profiles[1].total += 6;
    f->profiles[1].truncated = true;
    f->files[0] = (gs_profile_file){"a.txt", GS_DUMP_DEBUG2, 100, &f->profiles[0]};
    f->files[1] = (gs_profile_file){"b.pb.gz", GS_DUMP_PPROF, 50, &f->profiles[1]};
}

static void sums_over_inputs(void **state)
{
    struct fleet f;
    gs_cleanup(gs_report_done) gs_report r = {0};
    (void)state;
    make_fleet(&f);
    gs_report_make(f.files, 2, &r);
    assert_int_equal(r.goroutines, 91);
    assert_int_equal(r.cut, 6);
    assert_true(r.truncated);
    assert_int_equal(r.n_patterns, 2);
    const gs_report_pattern *p = &r.patterns[0];
    assert_string_equal(p->primary->id, "pbbbbbbbbbb"); /* 50 over both, a has 30 */
    assert_int_equal(p->primary->leaf_line, 8);         /* from the input with most of it */
    assert_string_equal(p->created_by, "main.start");
    assert_int_equal(p->count, 80);
    assert_int_equal(p->state, GS_STATE_SELECT);
    assert_int_equal(p->n_sites, 2);
    assert_int_equal(p->sites[0].count, 50);
    assert_string_equal(p->sites[1].site->id, "paaaaaaaaaa");
    assert_true(p->has_wait);
    assert_int_equal(p->wait_min, 1);
    assert_int_equal(p->wait_p50, 5);
    assert_int_equal(p->wait_max, 9);
    double expected = (30 * (0.1 + 0.35 + 0.25) + 10 * (0.2 + 0.35 + 0.25) + 40 * (0.2 + 0.35)) / 80;
    assert_true(p->score > expected - 1e-9 && p->score < expected + 1e-9);
    assert_int_equal(p->risk, GS_RISK_MEDIUM);
    assert_int_equal(p->n_labels, 2); /* goroutines without labels are no combination */
    assert_int_equal(p->labels[0].count, 14);
    assert_string_equal(p->labels[0].v[1].value, "/pay");
    assert_int_equal(p->labels[1].count, 12);
    assert_string_equal(r.patterns[1].primary->id, "pcccccccccc");
    assert_int_equal(r.patterns[1].count, 5);
    assert_false(r.patterns[1].has_wait);
    assert_int_equal(r.found, 0);
}

static void packages(void **state)
{
    struct fleet f;
    gs_cleanup(gs_report_done) gs_report r = {0};
    (void)state;
    make_fleet(&f);
    gs_report_make(f.files, 2, &r);
    assert_int_equal(r.n_packages, 2);
    assert_true(gs_str_is(r.packages[0].package, "gopkg.in/yaml"));
    assert_int_equal(r.packages[0].count, 50);
    assert_true(gs_str_is(r.packages[1].package, "main"));
    assert_int_equal(r.packages[1].count, 35);
}

static void nothing(void **state)
{
    gs_profile empty = {0};
    const gs_profile_file file = {"empty", GS_DUMP_DEBUG1, 30, &empty};
    gs_cleanup(gs_report_done) gs_report r = {0};
    gs_cleanup(gs_buf_done) gs_buf out = GS_BUF(10000);
    (void)state;
    gs_report_make(&file, 1, &r);
    assert_int_equal(gs_report_json(&r, 20, &out, NULL), 0);
    assert_string_equal(out.p, "{\"schema\":\"gostat.dev/report/v1\",\"inputs\":[{\"name\":\"empty\",\"format\":"
                               "\"debug=1\",\"bytes\":30,\"goroutines\":0,\"truncated\":false}],\"goroutines\":0,"
                               "\"truncated\":false,\"patterns\":[],\"packages\":[]}\n");
}

static void found(void **state)
{
    static const struct {
        const char *name;
        gs_site site;
        enum gs_profile_kind kind;
        unsigned expected;
    } cases[] = {
        {"few blocked", {.count = 99, .state = GS_STATE_SELECT, .blocked = 1}, GS_PROFILE_GOROUTINE, 0},
        {"many blocked",
         {.count = 100, .state = GS_STATE_SELECT, .blocked = 1},
         GS_PROFILE_GOROUTINE,
         GS_FOUND_BLOCKED},
        {"many in IO wait", {.count = 5000, .state = GS_STATE_IO_WAIT}, GS_PROFILE_GOROUTINE, 0},
        {"many at work", {.count = 5000, .state = GS_STATE_RUNNING}, GS_PROFILE_DUMP, 0},
        {"risk High",
         {.count = 3, .state = GS_STATE_MUTEX, .blocked = 1, .depth = 0.3, .has_wait = true, .waited = 1},
         GS_PROFILE_DUMP,
         GS_FOUND_RISK},
        {"risk High, but two",
         {.count = 2, .state = GS_STATE_MUTEX, .blocked = 1, .depth = 1, .has_wait = true, .waited = 1},
         GS_PROFILE_DUMP,
         0},
        {"shallow stacks are Medium",
         {.count = 9, .state = GS_STATE_MUTEX, .blocked = 1, .depth = 0.2, .has_wait = true, .waited = 1},
         GS_PROFILE_DUMP,
         0},
        {"leak profile", {.count = 1, .state = GS_STATE_CHAN_SEND, .blocked = 1}, GS_PROFILE_LEAK, GS_FOUND_LEAKED},
        {"daemon in a leak profile", {.count = 1, .state = GS_STATE_SELECT_NONE, .blocked = 1}, GS_PROFILE_LEAK, 0},
        {"all of it",
         {.count = 100, .state = GS_STATE_CHAN_SEND, .blocked = 1, .depth = 1},
         GS_PROFILE_LEAK,
         GS_FOUND_LEAKED | GS_FOUND_BLOCKED | GS_FOUND_RISK},
    };
    (void)state;
    for (size_t i = 0; i < GS_LEN(cases); i++) {
        gs_site site = cases[i].site;
        gs_profile p;
        const gs_profile_file file = {"x", GS_DUMP_DEBUG2, 1, &p};
        gs_cleanup(gs_report_done) gs_report r = {0};
        site.leaf = site.entry = site.leaf_file = "main.f";
        profile_of_sites(&p, &site, 1);
        p.kind = cases[i].kind;
        gs_report_make(&file, 1, &r);
        if (r.found != cases[i].expected || r.patterns[0].found != cases[i].expected)
            fail_msg("%s: found %x, want %x", cases[i].name, r.found, cases[i].expected);
    }
}

/* 100 pods with one daemon each are no pile of 100. */
static void blocked_counts_in_one_input(void **state)
{
    gs_site sites[2] = {{SITE_DEFAULTS, .id = "p0", .count = 60, .state = GS_STATE_SELECT, .blocked = 1}};
    gs_profile p[2];
    sites[1] = sites[0];
    profile_of_sites(&p[0], &sites[0], 1);
    profile_of_sites(&p[1], &sites[1], 1);
    const gs_profile_file files[] = {{"a", GS_DUMP_PPROF, 1, &p[0]}, {"b", GS_DUMP_PPROF, 1, &p[1]}};
    gs_cleanup(gs_report_done) gs_report r = {0};
    (void)state;
    gs_report_make(files, 2, &r);
    assert_int_equal(r.patterns[0].count, 120);
    assert_int_equal(r.found, 0);
}

static void order(void **state)
{
    gs_site sites[] = {
        /* score times count: 0.07 * 100 = 7, 0.35 * 20 = 7, 0.35 * 30 = 10.5, 0.35 * 20 = 7 */
        {SITE_DEFAULTS, .id = "p1", .count = 100, .pattern = 0},
        {SITE_DEFAULTS, .id = "p3", .count = 20, .state = GS_STATE_SELECT, .blocked = 1, .pattern = 1},
        {SITE_DEFAULTS, .id = "p2", .count = 30, .state = GS_STATE_SELECT, .blocked = 1, .pattern = 2},
        {SITE_DEFAULTS, .id = "p0", .count = 20, .state = GS_STATE_SELECT, .blocked = 1, .pattern = 3},
    };
    gs_profile p;
    const gs_profile_file file = {"x", GS_DUMP_PPROF, 1, &p};
    gs_cleanup(gs_report_done) gs_report r = {0};
    char ids[20] = "";
    (void)state;
    profile_of_sites(&p, sites, GS_LEN(sites));
    sites[0].count = 99; /* 6.93 */
    gs_report_make(&file, 1, &r);
    for (size_t i = 0; i < r.n_patterns; i++)
        (void)snprintf(ids + strlen(ids), sizeof ids - strlen(ids), "%s ", r.patterns[i].primary->id);
    assert_string_equal(ids, "p2 p0 p3 p1 ");
}

static void json(void **state)
{
    struct fleet f;
    gs_cleanup(gs_report_done) gs_report r = {0};
    gs_cleanup(gs_buf_done) gs_buf out = GS_BUF(100000);
    gs_cleanup(gs_json_doc_free) json_t *doc = NULL;
    (void)state;
    make_fleet(&f);
    gs_report_make(f.files, 1, &r);
    assert_int_equal(gs_report_json(&r, 1, &out, NULL), 0);
    assert_int_equal(gs_json_doc_parse(gs_buf_str(&out), 100000, &doc, NULL), 0);
    assert_string_equal(
        out.p,
        "{\"schema\":\"gostat.dev/report/v1\",\"inputs\":[{\"name\":\"a.txt\",\"format\":\"debug=2\",\"bytes\":100,"
        "\"goroutines\":43,\"truncated\":false}],\"goroutines\":43,\"truncated\":false,\"patterns\":[{\"id\":"
        "\"paaaaaaaaaa\",\"count\":40,\"state\":\"chan send\",\"score\":0.7250,\"risk\":\"High\",\"leafFunction\":"
        "\"main.work\",\"leafFile\":\"main.go\",\"leafLine\":7,\"entryFunction\":\"main.main\",\"createdBy\":\"\","
        "\"boundary\":\"Communication\",\"keyFrames\":[\"shop/payments.(*pool).acquire payments/pool.go:41\","
        "\"main.main main.go:9\"],\"labels\":{\"pool\":\"orders\",\"route\":\"/pay\"},\"labelSets\":[{\"count\":14,"
        "\"labels\":{\"pool\":\"orders\",\"route\":\"/pay\"}},{\"count\":9,\"labels\":{\"route\":\"/buy\"}}],"
        "\"waitMinutes\":{\"min\":1,\"p50\":5,\"max\":9},\"sites\":[{\"id\":\"paaaaaaaaaa\",\"count\":30},{\"id\":"
        "\"pbbbbbbbbbb\",\"count\":10}]}],\"packages\":[{\"package\":\"main\",\"count\":43}]}\n");
    gs_buf_reset(&out);
    out.max = 300;
    assert_int_equal(gs_report_json(&r, 1, &out, NULL), -GS_NO_MEMORY);
    assert_int_equal(out.n, 0);
}

/* A program may call its functions, files and labels what it likes, and so may whoever named the profile. */
static void make_hostile(gs_site *site, gs_profile *p, gs_profile_file *file)
{
    static const char *const hostile_frames[] = {"</pre><script>alert(1)</script> x.go:1"};
    static const gs_label labels[] = {{"<b>", "'\"&\033[2J"}};
    static const gs_label_set set[] = {{labels, 1, 3}};
    *site = (gs_site){
        .id = "p0",
        .count = 3,
        .leaf = "main.<img src=x onerror=alert(1)>\xe2\x80\xae",
        .entry = "</code>&amp;",
        .leaf_file = "a\nb\033]0;x\a.go",
        .leaf_line = 1,
        .created_by = "\"><svg>",
        .key_frames = hostile_frames,
        .n_key_frames = 1,
        .labels = set,
        .n_labels = 1,
    };
    profile_of_sites(p, site, 1);
    *file = (gs_profile_file){"<u>\n\xff.txt", GS_DUMP_DEBUG2, 1, p};
}

static void html_is_escaped(void **state)
{
    gs_site site;
    gs_profile p;
    gs_profile_file file;
    gs_cleanup(gs_report_done) gs_report r = {0};
    gs_output out = {.fd = memfd_create("html", MFD_CLOEXEC)};
    (void)state;
    make_hostile(&site, &p, &file);
    gs_report_make(&file, 1, &r);
    gs_report_html(&r, 20, &out);
    gs_autofree char *page = written(out.fd);
    (void)close(out.fd);
    static const char *const absent[] = {"<script",           "<img", "<svg", "<u>",          "<b>",
                                         "</code>&amp;amp;<", "\033", "\a",   "\xe2\x80\xae", "\xff"};
    for (size_t i = 0; i < GS_LEN(absent); i++)
        if (strstr(page, absent[i]))
            fail_msg("the page has %s", absent[i]);
    static const char *const present[] = {
        "main.&lt;img src=x onerror=alert(1)&gt;\\u202e",
        "&lt;/pre&gt;&lt;script&gt;alert(1)&lt;/script&gt; x.go:1",
        "&lt;/code&gt;&amp;amp;",
        "&quot;&gt;&lt;svg&gt;",
        "&lt;b&gt;=&#39;&quot;&amp;\\x1b[2J",
        "a\\x0ab\\x1b]0;x\\x07.go:1",
        "&lt;u&gt;\\x0a\\xff.txt",
        "default-src 'none'",
        "prefers-color-scheme:dark",
        "</html>",
    };
    for (size_t i = 0; i < GS_LEN(present); i++)
        if (!strstr(page, present[i]))
            fail_msg("the page has no %s", present[i]);
}

static void text_is_safe(void **state)
{
    gs_site site;
    gs_profile p;
    gs_profile_file file;
    gs_cleanup(gs_report_done) gs_report r = {0};
    gs_output out = {.fd = memfd_create("text", MFD_CLOEXEC)};
    (void)state;
    make_hostile(&site, &p, &file);
    gs_report_make(&file, 1, &r);
    gs_report_text(&r, 20, &out);
    gs_autofree char *text = written(out.fd);
    (void)close(out.fd);
    for (const char *c = text; *c; c++)
        if ((unsigned char)*c < ' ' && *c != '\n')
            fail_msg("control character %d at %zu", *c, (size_t)(c - text));
    assert_non_null(strstr(text, "     open     a\\x0ab\\x1b]0;x\\x07.go:1\n"));
}

static void text(void **state)
{
    struct fleet f;
    gs_cleanup(gs_report_done) gs_report r = {0};
    gs_output out = {.fd = memfd_create("text", MFD_CLOEXEC)};
    (void)state;
    make_fleet(&f);
    gs_report_make(f.files, 2, &r);
    gs_report_text(&r, 1, &out);
    gs_autofree char *text = written(out.fd);
    (void)close(out.fd);
    static const char *const lines[] = {
        "a.txt: 43 goroutines, debug=2\nb.pb.gz: 48 goroutines, pprof, truncated\n",
        "91 goroutines in 2 patterns, of which the first 1 by score times count\n",
        "not in them: 6, ",
        "truncated: ",
        "\n  1. gopkg.in/yaml.v3.(*parser[go.shape.struct { a/b.C }]).parse\n",
        "     open     main.go:8\n",
        "     what     80 goroutines in select, waiting 1 to 9 min, half of them at least 5 min\n",
        "     risk     Medium, score 0.64\n",
        "     created  main.start\n",
        "     labels         14  pool=orders route=/pay\n                    12  route=/buy\n",
        "     alike          30  main.work  paaaaaaaaaa\n",
        "     id       pbbbbbbbbbb\n",
        "                    50  gopkg.in/yaml\n",
    };
    for (size_t i = 0; i < GS_LEN(lines); i++)
        if (!strstr(text, lines[i]))
            fail_msg("no line \"%s\" in\n%s", lines[i], text);
    assert_null(strstr(text, "  2. "));
}

static void found_text(void **state)
{
    const gs_report r = {.blocked_from = 100};
    char text[GS_FOUND_TEXT_LEN];
    (void)state;
    assert_string_equal(gs_report_found_text(&r, 0, text), "");
    assert_string_equal(gs_report_found_text(&r, GS_FOUND_RISK, text), "risk High");
    assert_string_equal(gs_report_found_text(&r, 7, text),
                        "the runtime reports it as leaked; 100 or more blocked at one site; risk High");
}

static void waiting_text(void **state)
{
    static const struct {
        gs_report_pattern pattern;
        const char *expected;
    } cases[] = {
        {{.count = 1, .state = GS_STATE_SELECT}, "1 goroutine in select"},
        {{.count = 2, .state = GS_STATE_RUNNING, .has_wait = true}, "2 goroutines running"},
        {{.count = 2, .state = GS_STATE_RUNNING}, "2 goroutines running, or in a wait that the stacks do not tell"},
        {{.count = 5, .state = GS_STATE_COND, .has_wait = true, .wait_min = 3, .wait_p50 = 3, .wait_max = 3},
         "5 goroutines in sync.Cond.Wait, waiting 3 min"},
        {{.count = UINT64_MAX,
          .state = GS_STATE_RWMUTEX_WRITE,
          .has_wait = true,
          .wait_p50 = UINT32_MAX,
          .wait_max = UINT32_MAX},
         "18446744073709551615 goroutines in sync.RWMutex.Lock, waiting 0 to 4294967295 min, half of them at least "
         "4294967295 min"},
    };
    (void)state;
    for (size_t i = 0; i < GS_LEN(cases); i++) {
        char text[GS_WAITING_TEXT_LEN];
        assert_string_equal(gs_report_waiting_text(&cases[i].pattern, text), cases[i].expected);
    }
}

static void options(void **state)
{
    static const struct {
        const char *name;
        const char *args[4];
        bool html;
        const char *message; /* NULL: accepted */
    } cases[] = {
        {"files", {"a", "-", "b"}, true, NULL},
        {"html", {"-o", "html", "a"}, true, NULL},
        {"no html in diff", {"-o", "html", "a"}, false, "-o \"html\": want text or json"},
        {"unknown form", {"-oxml", "a"}, true, "-o \"xml\": want text, json or html"},
        {"all", {"--top", "0", "a"}, true, NULL},
        {"negative", {"--top", "-1", "a"}, true, "--top \"-1\": want 1 to 1000000, or 0 for all"},
        {"too many", {"--top=1000001", "a"}, true, "--top \"1000001\": want 1 to 1000000, or 0 for all"},
        {"no number", {"--top=x", "a"}, true, "--top \"x\": want 1 to 1000000, or 0 for all"},
        {"no value", {"a", "--top"}, true, "flag --top needs a value"},
        {"stdin twice", {"-", "a", "-"}, true, "stdin (\"-\") is given twice"},
        {"empty name", {"a", ""}, true, "the name of a file is empty"},
        {"unknown flag", {"--nope"}, true, "no such flag: --nope"},
        {"a file like a flag", {"--", "--nope"}, true, NULL},
    };
    (void)state;
    for (size_t i = 0; i < GS_LEN(cases); i++) {
        char *argv[6] = {(char[]){"analyze"}};
        int argc = 1;
        for (; argc < 5 && cases[i].args[argc - 1]; argc++)
            argv[argc] = strdup(cases[i].args[argc - 1]);
        gs_report_options o = {.n_files = 77};
        gs_error err = {0};
        int rc = gs_report_options_parse(argc, argv, cases[i].html, &o, &err);
        bool right = cases[i].message ? rc == -GS_TERMINAL && gs_streq(err.msg, cases[i].message) && o.n_files == 77
                                      : rc == 0 && o.n_files >= 1 && o.n_files <= 3;
        if (!right)
            fail_msg("%s: %d %s", cases[i].name, rc, err.msg);
        for (int k = 1; k < argc; k++)
            free(argv[k]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums_over_inputs),
        cmocka_unit_test(packages),
        cmocka_unit_test(nothing),
        cmocka_unit_test(found),
        cmocka_unit_test(blocked_counts_in_one_input),
        cmocka_unit_test(order),
        cmocka_unit_test(json),
        cmocka_unit_test(html_is_escaped),
        cmocka_unit_test(text_is_safe),
        cmocka_unit_test(text),
        cmocka_unit_test(found_text),
        cmocka_unit_test(waiting_text),
        cmocka_unit_test(options),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
