/* A time zone file: what is taken is in order and within bounds, and every time of it has an offset, a local time, and a way
 * back. */
#include "codec/tzif.h"
#include "fuzz.h"

#include <string.h>

static void check_at(const gs_zone *z, int64_t at)
{
    gs_local l;
    int32_t offset = gs_zone_offset(z, at);
    FUZZ_CHECK(offset >= -89999 && offset <= 93599);
    FUZZ_CHECK(gs_zone_next(z, at) > at || at == INT64_MAX);
    gs_zone_local(z, at, &l);
    FUZZ_CHECK(l.year >= 1 && l.year <= 9999 && l.month >= 1 && l.month <= 12 && l.day >= 1 &&
               l.day <= gs_month_days(l.year, l.month) && l.hour >= 0 && l.hour < 24 && l.minute >= 0 && l.minute < 60);
    if (l.year > 1 && l.year < 9999) /* the same, or earlier: the first of two */
        FUZZ_CHECK(gs_zone_instant(z, &l) <= at);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    gs_zone *z = NULL;
    gs_error err = {0};
    char *exact = malloc(size ? size : 1);
    FUZZ_CHECK(exact);
    memcpy(exact, data, size);
    int rc = gs_zone_from_tzif((gs_str){exact, size}, "fuzz", &z, &err);
    free(exact);
    FUZZ_CHECK(rc == -(int)err.kind && (rc == 0) == (z != NULL));
    FUZZ_CHECK(rc == 0 || strncmp(err.msg, "byte ", 5) == 0);
    if (!z)
        return 0;
    FUZZ_CHECK(z->n <= GS_MAX_ZONE_CHANGES);
    for (size_t k = 1; k < z->n; k++)
        FUZZ_CHECK(z->at_s[k - 1] < z->at_s[k]);
    for (size_t k = 0; k < z->n; k++) {
        check_at(z, z->at_s[k]);
        if (z->at_s[k] > INT64_MIN)
            check_at(z, z->at_s[k] - 1);
    }
    for (int64_t at = -4000000000; at < 8000000000; at += 123456789)
        check_at(z, at);
    gs_zone_free(z);
    return 0;
}
