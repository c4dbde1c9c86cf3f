/* Which keys are ours, and which snapshots go. */
#include "base/clock.h"
#include "codec/snapshot.h"
#include "core/retention.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define HOLDER "pre/fix/shop/"
#define AT "20260101T000026Z"

static void keys(void **state)
{
    static const struct {
        const char *key;
        bool ours;
    } t[] = {
        {HOLDER "pay/leak-7f/" AT "-pay-5d-x-goroutine.pb.gz", true},
        {HOLDER "pay/leak-7f/" AT "-pay-5d-x-goroutine.json", true},
        {HOLDER "pay/leak-7f/" AT "-p-fulldump.txt", true},
        {HOLDER "pay/leak-7f/" AT "-p-fulldump.txt.gz", true},
        {HOLDER "pay/leak-7f/" AT "-p-trace.trace", true},
        {HOLDER "pay/leak-7f/" AT "-p-goroutineleak.pb.gz", true},
        {HOLDER "pay/leak-7f/" AT "-p-heap.pb.gz", true},
        {HOLDER "pay/leak-7f/" AT "-p-cpu.pb.gz", true},
        {HOLDER "pay/leak-7f/" AT "-p-cpu.exe", false},
        {HOLDER "pay/leak-7f/" AT "-p-cpu", false},
        {HOLDER "pay/leak-7f/" AT "-p-cpu.pb.gz.bak", false},
        {HOLDER "pay/leak-7f/" AT "-p-cpux.pb.gz", false},
        {HOLDER "pay/leak-7f/" AT "-p-other.pb.gz", false},
        {HOLDER "pay/leak-7f/" AT "--cpu.pb.gz", false},
        {HOLDER "pay/leak-7f/" AT "-cpu.pb.gz", false},
        {HOLDER "pay/leak-7f/" AT "p-cpu.pb.gz", false},
        {HOLDER "pay/leak-7f/20260101T000026-p-cpu.pb.gz", false},
        {HOLDER "pay/leak-7f/20261301T000026Z-p-cpu.pb.gz", false},
        {HOLDER "pay/leak-7f/2026010AT000026Z-p-cpu.pb.gz", false},
        {HOLDER "pay/leak-7f/-p-cpu.pb.gz", false},
        {HOLDER "pay/leak-7f/.pb.gz", false},
        {HOLDER "pay/leak-7f/", false},
        {HOLDER "pay/" AT "-p-cpu.pb.gz", false},
        {HOLDER "pay/x/leak-7f/" AT "-p-cpu.pb.gz", false},
        {HOLDER "pay//" AT "-p-cpu.pb.gz", false},
        {HOLDER "/leak/" AT "-p-cpu.pb.gz", false},
        {HOLDER "../leak/" AT "-p-cpu.pb.gz", false},
        {HOLDER "pay/leak-7f/" AT "-p/q-cpu.pb.gz", false},
        {HOLDER "p y/leak-7f/" AT "-p-cpu.pb.gz", false},
        {HOLDER "audit/policy/" AT "-p-cpu.json", false},
        {HOLDER "audit/policy/00000000000000000001-00000000000000000003-20260101T000001Z.jsonl", false},
        {HOLDER "auditor/leak/" AT "-p-cpu.json", true},
        {"pre/fix/shop", false},
        {"pre/fix/shop2/pay/leak-7f/" AT "-p-cpu.pb.gz", false},
        {"other/shop/pay/leak-7f/" AT "-p-cpu.pb.gz", false},
        {"", false},
    };
    (void)state;
    for (size_t i = 0; i < GS_LEN(t); i++) {
        gs_stored_key k;
        if (gs_retention_key(HOLDER, t[i].key, &k) != t[i].ours)
            fail_msg("%s", t[i].key);
        if (!t[i].ours)
            continue;
        char text[GS_TIME_LEN];
        gs_time_format_compact(k.time_ms, text);
        assert_string_equal(text, AT);
        assert_int_equal(k.stem.n + k.suffix.n, strlen(t[i].key));
        assert_ptr_equal(k.stem.p, t[i].key);
        assert_true(k.suffix.p[0] == '.');
        assert_true(gs_str_starts(k.incident, "leak"));
    }
}

/* Whatever the codec calls a snapshot must be found again. */
static void keys_of_the_codec(void **state)
{
    (void)state;
    gs_incident i = {.name = "pay-1f2e3d4c.x"};
    (void)snprintf(i.workload.ns, sizeof i.workload.ns, "shop");
    (void)snprintf(i.workload.name, sizeof i.workload.name, "pay");
    for (int kind = 0; kind < GS_PROFILE_KINDS; kind++) {
        char key[1025];
        gs_stored_key k;
        gs_snapshot_key(key, sizeof key, "pre/fix", &i, "pay-0", (enum gs_profile_kind)kind, 1767225626000);
        size_t stem = strlen(key);
        for (int json = 0; json < 2; json++) {
            (void)snprintf(key + stem, sizeof key - stem, "%s",
                           json ? ".json" : gs_snapshot_suffix((enum gs_profile_kind)kind));
            if (!gs_retention_key(HOLDER, key, &k))
                fail_msg("%s", key);
            assert_true(gs_str_is(k.incident, i.name));
            assert_int_equal(k.stem.n, stem);
            assert_int_equal(k.time_ms, 1767225626000);
        }
    }
}

#define DAY 86400000LL
#define NOW (1000 * DAY)

/* One letter a snapshot: its severity (l, m, h, p for P0, u for that of an incident that is not known; upper case: of an open
 * incident), then its age in days. Every one
 * has 10 bytes. */
static void choices(void **state)
{
    static const struct {
        const char *name;
        const char *have[8];
        int64_t max_bytes;
        size_t max;
        const char *goes; /* the same, the oldest first */
        uint64_t kept;
    } t[] = {
        {"nothing", {NULL}, 100, 10, "", 0},
        {"by severity", {"h6", "m4", "l2", "p6", "m2", "l0"}, 1000, 10, "m4 l2 ", 40},
        {"all too old", {"h8", "p9", "m8", "l8"}, 1000, 10, "p9 h8 m8 l8 ", 0},
        {"open ones stay", {"H8", "L8", "l8"}, 1000, 10, "l8 ", 20},
        {"open ones stay beyond bytes too", {"H8", "H7", "h1"}, 0, 10, "h1 ", 20},
        {"the oldest beyond bytes", {"h1", "h3", "h2", "h0"}, 20, 10, "h3 h2 ", 20},
        {"exactly as many bytes", {"h1", "h3"}, 20, 10, "", 20},
        {"what goes by age makes room", {"l5", "h1", "h2"}, 20, 10, "l5 ", 20},
        {"age first where only some may go", {"h3", "l2", "l5"}, 0, 2, "l5 l2 ", 10},
        {"at most some", {"h9", "h8", "h10"}, 1000, 2, "h10 h9 ", 10},
        {"of unknown incidents by age only", {"u8", "u7", "h1", "u6"}, 0, 10, "u8 h1 ", 20},
        {"known ones make the room", {"u5", "h1", "h2"}, 10, 10, "h2 h1 ", 10},
        {"none at all", {"h9", "l5"}, 0, 0, "", 20},
        {"none of the future", {"h-3"}, 1000, 10, "", 10},
    };
    static const gs_retention base = {.high_days = 7, .medium_days = 3, .low_days = 1};
    (void)state;
    for (size_t i = 0; i < GS_LEN(t); i++) {
        gs_stored v[8];
        size_t n = 0;
        for (; t[i].have[n]; n++) {
            char c = t[i].have[n][0], low = (char)(c | 0x20);
            v[n] = (gs_stored){.time_ms = NOW - strtol(t[i].have[n] + 1, NULL, 10) * DAY,
                               .bytes = 10,
                               .open = c < 'a',
                               .unknown = c == 'u',
                               .goes = true,
                               .severity = low == 'l'   ? GS_SEVERITY_LOW
                                           : low == 'm' ? GS_SEVERITY_MEDIUM
                                           : low == 'p' ? GS_SEVERITY_P0
                                                        : GS_SEVERITY_HIGH,
                               .of = (void *)(uintptr_t)t[i].have[n]};
        }
        gs_retention r = base;
        uint64_t kept = 99;
        char goes[64] = "";
        r.max_bytes = t[i].max_bytes;
        size_t gone = gs_retention_choose(&r, v, n, t[i].max, NOW, &kept), marked = 0;
        for (size_t k = 0; k < n; k++)
            if (v[k].goes) {
                (void)snprintf(goes + strlen(goes), sizeof goes - strlen(goes), "%s ", (const char *)v[k].of);
                marked++;
            }
        print_message("%s\n", t[i].name);
        assert_string_equal(goes, t[i].goes);
        assert_int_equal(marked, gone);
        assert_int_equal(kept, t[i].kept);
    }
}

static void the_boundary_of_a_day(void **state)
{
    (void)state;
    static const gs_retention r = {.high_days = 7, .medium_days = 3, .low_days = 1, .max_bytes = 100};
    gs_stored v[] = {{.time_ms = NOW - DAY, .severity = GS_SEVERITY_LOW},
                     {.time_ms = NOW - DAY - 1, .severity = GS_SEVERITY_LOW}};
    uint64_t kept;
    assert_int_equal(gs_retention_choose(&r, v, 2, 10, NOW, &kept), 1);
    assert_true(v[0].goes && v[0].time_ms == NOW - DAY - 1 && !v[1].goes);
}

static void the_longer_one(void **state)
{
    (void)state;
    gs_retention a = {7, 3, 1, 100}, b = {5, 4, 1, 200};
    for (int k = 0; k < 2; k++) {
        gs_retention c = gs_retention_longer(k ? &a : &b, k ? &b : &a);
        assert_true(c.high_days == 7 && c.medium_days == 4 && c.low_days == 1 && c.max_bytes == 200);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys),           cmocka_unit_test(keys_of_the_codec),     cmocka_unit_test(choices),
        cmocka_unit_test(the_longer_one), cmocka_unit_test(the_boundary_of_a_day),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
