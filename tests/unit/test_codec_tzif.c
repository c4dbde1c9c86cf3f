/* Zones of the system as glibc has them, and files that are none. */
#include "codec/tzif.h"

#include "base/buf.h"
#include "cli/output.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <time.h>

#include <cmocka.h>
#include <ftw.h>

#define ZONES "/usr/share/zoneinfo"

static gs_zone *zone_of(const char *path)
{
    gs_cleanup(gs_buf_done) gs_buf b = GS_BUF(0);
    gs_zone *z = NULL;
    gs_error err = {0};
    assert_int_equal(gs_read_file(path, GS_MAX_TZIF_BYTES, &b, &err), 0);
    if (gs_zone_from_tzif(gs_buf_str(&b), path + sizeof ZONES, &z, &err) < 0)
        fail_msg("%s: %s", path, err.msg);
    return z;
}

static void compare_at(const gs_zone *z, time_t at)
{
    struct tm tm;
    gs_local l;
    assert_non_null(localtime_r(&at, &tm));
    gs_zone_local(z, at, &l);
    if (gs_zone_offset(z, at) != tm.tm_gmtoff || l.year != tm.tm_year + 1900 || l.month != tm.tm_mon + 1 ||
        l.day != tm.tm_mday || l.hour != tm.tm_hour || l.minute != tm.tm_min || l.second != tm.tm_sec ||
        l.weekday != tm.tm_wday)
        fail_msg("%s at %lld: %d, glibc says %ld", z->name, (long long)at, gs_zone_offset(z, at), tm.tm_gmtoff);
    int64_t back = gs_zone_instant(z, &l); /* the same, or the first of two */
    gs_local again;
    gs_zone_local(z, back, &again);
    if (back > at || memcmp(&l, &again, sizeof l) != 0)
        fail_msg("%s at %lld: its local time is %lld's, too", z->name, (long long)at, (long long)back);
}

static unsigned compared;

static int compare(const char *path, const struct stat *st, int type, struct FTW *at)
{
    static const char *const others[] = {"right", "posix"}; /* with leap seconds; the same again */
    const char *name = path + sizeof ZONES;
    FILE *f;
    char magic[4] = "";
    (void)st;
    if (type == FTW_D)
        for (size_t i = 0; i < GS_LEN(others); i++)
            if (gs_streq(path + at->base, others[i]))
                return FTW_SKIP_SUBTREE;
    if (type != FTW_F || !(f = fopen(path, "re")))
        return FTW_CONTINUE;
    size_t n = fread(magic, 1, sizeof magic, f);
    (void)fclose(f);
    if (n < 4 || memcmp(magic, "TZif", 4) != 0)
        return FTW_CONTINUE;
    gs_cleanup(gs_zone_free) gs_zone *z = zone_of(path);
    assert_int_equal(setenv("TZ", name, 1), 0);
    tzset();
    uint64_t seed = gs_hash(name, strlen(name), 1);
    const uint64_t years = 4102444800; /* 1970..2100 */
    for (int k = 0; k < 100; k++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        compare_at(z, (time_t)((seed >> 20) % years));
    }
    for (int64_t t = 0; (t = gs_zone_next(z, t)) < (int64_t)years;) {
        compare_at(z, t - 1);
        compare_at(z, t);
    }
    compared++;
    return FTW_CONTINUE;
}

static void as_glibc(void **state)
{
    (void)state;
    assert_int_equal(nftw(ZONES, compare, 20, FTW_ACTIONRETVAL), 0);
    (void)unsetenv("TZ");
    if (compared < 300)
        fail_msg("only %u zones in " ZONES ": is tzdata installed?", compared);
}

/* ---- files by hand ---- */

typedef struct parts {
    char version;
    unsigned counts[6]; /* isut isstd leap time type char */
    const char *data;   /* of the last block */
    size_t n;
    const char *footer; /* NULL: none */
} parts;

static void put_header(gs_buf *b, char version, const unsigned counts[6])
{
    char h[44] = "TZif";
    h[4] = version;
    for (size_t k = 0; k < 6; k++)
        for (size_t i = 0; i < 4; i++)
            h[20 + 4 * k + i] = (char)(counts[k] >> (24 - 8 * i));
    assert_int_equal(gs_buf_add(b, h, sizeof h), 0);
}

static int read_parts(const parts *p, gs_zone **ret, gs_error *err)
{
    gs_cleanup(gs_buf_done) gs_buf b = GS_BUF(1u << 20);
    if (p->footer) {
        put_header(&b, p->version, (unsigned[]){0, 0, 0, 0, 1, 1});
        assert_int_equal(gs_buf_add(&b, "\0\0\0\0\0\0\0", 7), 0);
    }
    put_header(&b, p->version, p->counts);
    assert_int_equal(gs_buf_add(&b, p->data, p->n), 0);
    if (p->footer)
        assert_int_equal(gs_buf_adds(&b, p->footer), 0);
    gs_autofree char *exact = malloc(b.n); /* so that ASan sees a byte too many */
    memcpy(exact, b.p, b.n);
    return gs_zone_from_tzif((gs_str){exact, b.n}, "made", ret, err);
}

#define UTC_TYPE "\0\0\0\0\0\0\0" /* one type of offset 0, one character */

static void footers(void **state)
{
    static const struct {
        const char *footer, *error; /* NULL: taken */
        int32_t std_s, dst_s;
    } cases[] = {
        {"\n\n", NULL, 0, 0},
        {"\nCET-1CEST,M3.5.0,M10.5.0/3\n", NULL, 3600, 7200},
        {"\n<+1030>-10:30<+11>-11,M10.1.0,M4.1.0\n", NULL, 37800, 39600},
        {"\nIST-1GMT0,M10.5.0,M3.5.0/1\n", NULL, 3600, 0},
        {"\n<-02>+2:00:05\n", NULL, -7205, 0},
        {"\nXXX3EDT4,0/0,J365/23\n", NULL, -10800, -14400},
        {"\nABC0DEF,M1.1.0/-167:59:59,M12.5.6/167\n", NULL, 0, 3600},
        {"CET-1\n", "byte 102: must be the footer's newline", 0, 0},
        {"\nCE-1\n", "byte 103: the footer must have a zone's name", 0, 0},
        {"\n<CET-1\n", "byte 103: the footer must have a zone's name", 0, 0},
        {"\nCET\n", "byte 106: the footer's hours west of UTC must be 0..24", 0, 0},
        {"\nCET-25\n", "byte 107: the footer's hours west of UTC must be 0..24", 0, 0},
        {"\nCET-1:60\n", "byte 109: the footer's minutes must be 0..59", 0, 0},
        {"\nCET-1:00:60\n", "byte 112: the footer's seconds must be 0..59", 0, 0},
        {"\nCET-1CEST\n", "byte 112: the footer's hours west of UTC must be 0..24", 0, 0},
        {"\nCET-1CEST-2\n", "byte 114: the footer must say here when the offset changes", 0, 0},
        {"\nCET-1CEST,M3.5.0\n", "byte 119: the footer must say here when the offset changes", 0, 0},
        {"\nCET-1CEST,M13.5.0,M10.5.0\n", "byte 114: the footer's month must be 1..12", 0, 0},
        {"\nCET-1CEST,M3-5.0,M10.5.0\n", "byte 115: the footer must have \".\" and a week", 0, 0},
        {"\nCET-1CEST,M3.0.0,M10.5.0\n", "byte 116: the footer's week must be 1..5", 0, 0},
        {"\nCET-1CEST,M3.5,M10.5.0\n", "byte 117: the footer must have \".\" and a weekday", 0, 0},
        {"\nCET-1CEST,M3.5.7,M10.5.0\n", "byte 118: the footer's weekday must be 0..6", 0, 0},
        {"\nCET-1CEST,J0,M10.5.0\n", "byte 114: the footer's day must be 1..365", 0, 0},
        {"\nCET-1CEST,366,M10.5.0\n", "byte 113: the footer's day must be 0..365", 0, 0},
        {"\nCET-1CEST,99999999999999,1\n", "byte 113: the footer's day must be 0..365", 0, 0},
        {"\nCET-1CEST,1/168,2\n", "byte 115: the footer's hour of a change must be 0..167", 0, 0},
        {"\nCET-1CEST,1,2", "byte 116: must be the newline that ends the footer", 0, 0},
        {"\nCET-1CEST,1,2 \n", "byte 116: must be the newline that ends the footer", 0, 0},
        {"\n", "byte 103: the footer must have a zone's name", 0, 0},
        {"", "byte 102: must be the footer's newline", 0, 0},
    };
    (void)state;
    for (size_t i = 0; i < GS_LEN(cases); i++) {
        const parts p = {'2', {0, 0, 0, 0, 1, 1}, UTC_TYPE, 7, cases[i].footer};
        gs_cleanup(gs_zone_free) gs_zone *z = NULL;
        gs_error err = {0};
        int rc = read_parts(&p, &z, &err);
        if (cases[i].error ? rc != -GS_TERMINAL || !gs_str_starts(gs_str_of(err.msg), cases[i].error) || z : rc != 0)
            fail_msg("footer %zu: %d \"%s\"", i, rc, err.msg);
        if (!rc && (z->std_s != cases[i].std_s || z->dst_s != cases[i].dst_s))
            fail_msg("footer %zu: %d %d", i, z->std_s, z->dst_s);
    }
}

static void hostile(void **state)
{
#define TWO "\0\0\0\1\0\0\0\2\0\1" /* two changes of 4 bytes, to types 0 and 1 */
    static const struct {
        const char *error;
        parts p;
    } cases[] = {
        {NULL, {0, {0, 0, 0, 2, 2, 1}, TWO "\0\0\x0e\x10\0\0\0\0\0\0\0\0\0", 23, NULL}},
        {NULL, {0, {1, 1, 0, 0, 1, 1}, UTC_TYPE "\0\0", 9, NULL}},
        {"byte 4: must be a version", {'1', {0, 0, 0, 0, 1, 1}, UTC_TYPE, 7, NULL}},
        {"byte 4: must be a version", {'5', {0, 0, 0, 0, 1, 1}, UTC_TYPE, 7, NULL}},
        {"byte 20: isutcnt", {0, {2, 0, 0, 0, 1, 1}, UTC_TYPE, 7, NULL}},
        {"byte 24: isstdcnt", {0, {0, 9, 0, 0, 1, 1}, UTC_TYPE, 7, NULL}},
        {"byte 28: leapcnt must be 0", {0, {0, 0, 1, 0, 1, 1}, UTC_TYPE "\0\0\0\0\0\0\0", 15, NULL}},
        {"byte 79: leapcnt must be 0", {'2', {0, 0, 1, 0, 1, 1}, UTC_TYPE "\0\0\0\0\0\0\0", 15, "\n\n"}},
        {"byte 28: leapcnt must be within", {0, {0, 0, 0xffffffff, 0, 1, 1}, UTC_TYPE, 7, NULL}},
        {"byte 32: timecnt", {0, {0, 0, 0, 4097, 1, 1}, UTC_TYPE, 7, NULL}},
        {"byte 32: timecnt", {0, {0, 0, 0, 0xffffffff, 1, 1}, UTC_TYPE, 7, NULL}},
        {"byte 36: typecnt", {0, {0, 0, 0, 0, 0, 1}, UTC_TYPE, 7, NULL}},
        {"byte 36: typecnt", {0, {0, 0, 0, 0, 257, 1}, UTC_TYPE, 7, NULL}},
        {"byte 40: charcnt", {0, {0, 0, 0, 0, 1, 0}, UTC_TYPE, 7, NULL}},
        {"byte 40: charcnt", {0, {0, 0, 0, 0, 1, 0xfffffff0}, UTC_TYPE, 7, NULL}},
        {"byte 51: the file ends", {0, {0, 0, 0, 0, 1, 2}, UTC_TYPE, 7, NULL}},
        {"byte 51: the file ends within a header", {'2', {0, 0, 0, 0, 1, 1}, UTC_TYPE, 7, NULL}},
        {"byte 44: an offset", {0, {0, 0, 0, 0, 1, 1}, "\0\1\x6d\xa0\0\0\0", 7, NULL}},
        {"byte 44: an offset", {0, {0, 0, 0, 0, 1, 1}, "\x80\0\0\0\0\0\0", 7, NULL}},
        {"byte 48: changes must be in asc", {0, {0, 0, 0, 2, 1, 1}, "\0\0\0\2\0\0\0\2\0\0" UTC_TYPE, 17, NULL}},
        {"byte 53: a change's type", {0, {0, 0, 0, 2, 1, 1}, TWO UTC_TYPE, 17, NULL}},
    };
    (void)state;
    for (size_t i = 0; i < GS_LEN(cases); i++) {
        gs_cleanup(gs_zone_free) gs_zone *z = NULL;
        gs_error err = {0};
        int rc = read_parts(&cases[i].p, &z, &err);
        if (cases[i].error ? rc != -GS_TERMINAL || !gs_str_starts(gs_str_of(err.msg), cases[i].error) : rc != 0)
            fail_msg("case %zu: %d \"%s\"", i, rc, err.msg);
    }
    gs_zone *z = NULL;
    gs_error err;
    assert_int_equal(gs_zone_from_tzif(GS_STR("# tzdb data for Europe and environs, all in text"), "x", &z, &err),
                     -GS_TERMINAL);
    assert_string_equal(err.msg, "byte 0: must be \"TZif\": this is no time zone file");
    assert_int_equal(gs_zone_from_tzif((gs_str){NULL, 0}, "x", &z, &err), -GS_TERMINAL);
    assert_int_equal(gs_zone_from_tzif((gs_str){"", GS_MAX_TZIF_BYTES + 1}, "x", &z, &err), -GS_TERMINAL);
}

/* Every file that is cut short is refused, or is the same zone. */
static void cut_short(void **state)
{
    gs_cleanup(gs_buf_done) gs_buf b = GS_BUF(0);
    (void)state;
    assert_int_equal(gs_read_file(ZONES "/Europe/Dublin", GS_MAX_TZIF_BYTES, &b, NULL), 0);
    for (size_t n = 0; n < b.n; n++) {
        gs_zone *z = NULL;
        gs_autofree char *exact = malloc(n + 1);
        memcpy(exact, b.p, n);
        assert_int_equal(gs_zone_from_tzif((gs_str){exact, n}, "x", &z, NULL), -GS_TERMINAL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(as_glibc), cmocka_unit_test(footers), cmocka_unit_test(hostile),
                                       cmocka_unit_test(cut_short)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
