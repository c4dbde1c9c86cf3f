/* Two profiles compared: what grew, appeared, shrank, went, and which goroutines stayed where they were. */
#include "cli/diff.h"
#include "wire/json.h"

#include <stdarg.h>
#include <stddef.h>
#include <sys/mman.h>
#include <unistd.h>

#include <setjmp.h>

#include <cmocka.h>

#include "report_fixture.h"

struct pair {
    gs_site older[5], newer[5];
    gs_profile profiles[2];
    gs_profile_file files[2];
};

static void make_pair(struct pair *p)
{
    *p = (struct pair){
        .older = {{SITE_DEFAULTS, .id = "pgrew", .count = 4},
                  {SITE_DEFAULTS, .id = "psame", .count = 3},
                  {SITE_DEFAULTS, .id = "pshrank", .count = 3},
                  {SITE_DEFAULTS, .id = "pwent", .count = 2},
                  {SITE_DEFAULTS, .id = "pgrewmore", .count = 1}},
        .newer = {{SITE_DEFAULTS, .id = "pgrewmore", .count = 9, .leaf_line = 12},
                  {SITE_DEFAULTS, .id = "pgrew", .count = 6},
                  {SITE_DEFAULTS, .id = "psame", .count = 3},
                  {SITE_DEFAULTS, .id = "pcame", .count = 2},
                  {SITE_DEFAULTS, .id = "pshrank", .count = 1}},
    };
    profile_of_sites(&p->profiles[0], p->older, 5);
    profile_of_sites(&p->profiles[1], p->newer, 5);
    p->files[0] = (gs_profile_file){"old", GS_DUMP_DEBUG2, 1, &p->profiles[0]};
    p->files[1] = (gs_profile_file){"new", GS_DUMP_PPROF, 2, &p->profiles[1]};
}

static void changes(void **state)
{
    static const struct {
        const char *id;
        enum gs_change change;
        uint64_t before, after;
    } expected[] = {
        {"pgrewmore", GS_CHANGE_GREW, 1, 9}, {"pgrew", GS_CHANGE_GREW, 4, 6}, {"pcame", GS_CHANGE_APPEARED, 0, 2},
        {"pshrank", GS_CHANGE_SHRANK, 3, 1}, {"pwent", GS_CHANGE_WENT, 2, 0}, {"psame", GS_CHANGE_NONE, 3, 3},
    };
    struct pair p;
    gs_cleanup(gs_diff_done) gs_diff d = {0};
    (void)state;
    make_pair(&p);
    assert_int_equal(gs_diff_make(&p.files[0], &p.files[1], &d, NULL), 0);
    assert_int_equal(d.n, GS_LEN(expected));
    for (size_t i = 0; i < d.n; i++) {
        const gs_diff_site *s = &d.sites[i];
        if (!gs_streq(s->site->id, expected[i].id) || s->change != expected[i].change ||
            s->before != expected[i].before || s->after != expected[i].after)
            fail_msg("%zu: %s %s %d %d", i, s->site->id, gs_change_name(s->change), (int)s->before, (int)s->after);
    }
    assert_int_equal(d.sites[0].site->leaf_line, 12); /* as in the newer */
    assert_int_equal(d.most_risen, 8);
    assert_int_equal(d.of[GS_CHANGE_GREW], 2);
    assert_false(d.has_ids);
}

static void goroutines(void **state)
{
    /* Of older: 0 pgrew, 1 psame, 2 pshrank, 3 pwent; of newer: 0 pgrewmore, 1 pgrew, 2 psame, 3 pcame. */
    gs_goroutine older[] = {{1, 0}, {2, 0}, {3, 1}, {5, 2}, {8, 3}, {9, UINT32_MAX}};
    gs_goroutine newer[] = {{2, 1}, {3, 3}, {4, 1}, {9, 1}, {10, 0}, {11, UINT32_MAX}};
    struct pair p;
    gs_cleanup(gs_diff_done) gs_diff d = {0};
    (void)state;
    make_pair(&p);
    p.profiles[0].kind = p.profiles[1].kind = GS_PROFILE_DUMP;
    p.profiles[0].goroutines = older;
    p.profiles[0].n_goroutines = GS_LEN(older);
    p.profiles[1].goroutines = newer;
    p.profiles[1].n_goroutines = GS_LEN(newer);
    assert_int_equal(gs_diff_make(&p.files[0], &p.files[1], &d, NULL), 0);
    assert_true(d.has_ids);
    assert_int_equal(d.in_both, 3);
    assert_int_equal(d.only_old, 3);
    assert_int_equal(d.only_new, 3);
    const gs_diff_site *grewmore = &d.sites[0], *grew = &d.sites[1], *came = &d.sites[2], *same = &d.sites[5];
    assert_int_equal(grewmore->only_new, 1);
    assert_int_equal(grew->in_both, 1);
    assert_int_equal(grew->n_ids, 1);
    assert_int_equal(grew->ids[0], 2);
    assert_int_equal(grew->only_old, 1);
    assert_int_equal(grew->only_new, 2); /* 4 is new, 9 was at a site that was cut */
    assert_int_equal(came->only_new, 1); /* 3 moved */
    assert_int_equal(same->only_old, 1);
    assert_int_equal(same->in_both, 0);
}

static void survivors_are_capped(void **state)
{
    gs_goroutine all[25];
    gs_site site = {SITE_DEFAULTS, .id = "p0", .count = 25};
    gs_profile p;
    profile_of_sites(&p, &site, 1);
    p.kind = GS_PROFILE_DUMP;
    p.goroutines = all;
    p.n_goroutines = GS_LEN(all);
    const gs_profile_file file = {"x", GS_DUMP_DEBUG2, 1, &p};
    gs_cleanup(gs_diff_done) gs_diff d = {0};
    (void)state;
    for (size_t i = 0; i < GS_LEN(all); i++)
        all[i] = (gs_goroutine){i + 1, 0};
    assert_int_equal(gs_diff_make(&file, &file, &d, NULL), 0);
    assert_int_equal(d.sites[0].in_both, 25);
    assert_int_equal(d.sites[0].n_ids, GS_DIFF_IDS);
    assert_int_equal(d.sites[0].ids[GS_DIFF_IDS - 1], 10);
    assert_int_equal(d.most_risen, 0);
}

static void kinds(void **state)
{
    struct pair p;
    gs_diff d = {.n = 77};
    gs_error err = {0};
    (void)state;
    make_pair(&p);
    p.profiles[1].kind = GS_PROFILE_LEAK;
    assert_int_equal(gs_diff_make(&p.files[0], &p.files[1], &d, &err), -GS_TERMINAL);
    assert_string_equal(err.msg, "new is a goroutineleak profile and old is not: want two of a kind");
    assert_int_equal(d.n, 77);
    p.profiles[0].kind = GS_PROFILE_LEAK;
    assert_int_equal(gs_diff_make(&p.files[0], &p.files[1], &d, &err), 0);
    gs_diff_done(&d);
}

static void json(void **state)
{
    gs_goroutine one[] = {{7, 0}};
    gs_site site = {SITE_DEFAULTS, .id = "p0", .count = 5}, grown = site;
    gs_profile p[2];
    gs_cleanup(gs_diff_done) gs_diff d = {0};
    gs_cleanup(gs_buf_done) gs_buf out = GS_BUF(100000);
    gs_cleanup(gs_json_doc_free) json_t *doc = NULL;
    (void)state;
    grown.count = 2;
    profile_of_sites(&p[0], &site, 1);
    profile_of_sites(&p[1], &grown, 1);
    for (int i = 0; i < 2; i++) {
        p[i].kind = GS_PROFILE_DUMP;
        p[i].goroutines = one;
        p[i].n_goroutines = 1;
    }
    const gs_profile_file files[] = {{"a", GS_DUMP_DEBUG2, 1, &p[0]}, {"b", GS_DUMP_DEBUG2, 2, &p[1]}};
    assert_int_equal(gs_diff_make(&files[0], &files[1], &d, NULL), 0);
    assert_int_equal(gs_diff_json(&d, 20, &out, NULL), 0);
    assert_int_equal(gs_json_doc_parse(gs_buf_str(&out), 100000, &doc, NULL), 0);
    assert_string_equal(
        out.p, "{\"schema\":\"gostat.dev/diff/v1\",\"old\":{\"name\":\"a\",\"format\":\"debug=2\",\"bytes\":1,"
               "\"goroutines\":5,\"truncated\":false},\"new\":{\"name\":\"b\",\"format\":\"debug=2\",\"bytes\":2,"
               "\"goroutines\":2,\"truncated\":false},\"truncated\":false,\"goroutines\":{\"inBoth\":1,\"onlyOld\":0,"
               "\"onlyNew\":0},\"counts\":{\"grew\":0,\"appeared\":0,\"shrank\":1,\"went\":0,\"unchanged\":0},"
               "\"sites\":[{\"id\":\"p0\",\"change\":\"shrank\",\"old\":5,\"new\":2,\"delta\":-3,\"state\":\"running\","
               "\"leafFunction\":\"main.work\",\"leafFile\":\"main.go\",\"leafLine\":7,\"entryFunction\":\"main.main\","
               "\"keyFrames\":[],\"goroutines\":{\"inBoth\":1,\"onlyOld\":0,\"onlyNew\":0,\"ids\":[7]}}]}\n");
}

static void text(void **state)
{
    struct pair p;
    gs_cleanup(gs_diff_done) gs_diff d = {0};
    gs_output out = {.fd = memfd_create("text", MFD_CLOEXEC)};
    (void)state;
    make_pair(&p);
    p.newer[0].leaf = "main.\033[31mwork";
    assert_int_equal(gs_diff_make(&p.files[0], &p.files[1], &d, NULL), 0);
    gs_diff_text(&d, 1, &out);
    gs_autofree char *text = written(out.fd);
    (void)close(out.fd);
    assert_null(strchr(text, '\033'));
    static const char *const lines[] = {
        "old  old: 13 goroutines, debug=2\nnew  new: 21 goroutines, pprof\n",
        "\ngrew: 1 of 2 sites\n        +8  1 -> 9  running  pgrewmore\n            main.\\x1b[31mwork  main.go:12\n",
        "\nappeared: 1 site\n        +2  0 -> 2  running  pcame\n",
        "\nshrank: 1 site\n        -2  3 -> 1  running  pshrank\n",
        "\nwent: 1 site\n        -2  2 -> 0  running  pwent\n",
        "\nunchanged: 1 site\n",
    };
    for (size_t i = 0; i < GS_LEN(lines); i++)
        if (!strstr(text, lines[i]))
            fail_msg("no \"%s\" in\n%s", lines[i], text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(changes), cmocka_unit_test(goroutines), cmocka_unit_test(survivors_are_capped),
        cmocka_unit_test(kinds),   cmocka_unit_test(json),       cmocka_unit_test(text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
