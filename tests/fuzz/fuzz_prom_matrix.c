/* What a Prometheus server answers: names fit and end, values come after a name, times are in range, and whatever makes the
 * handler stop is what the caller gets. The first byte says at which value it stops. */
#include "codec/prom_matrix.h"
#include "fuzz.h"

#include <math.h>
#include <string.h>

struct seen {
    size_t series, points, stop_at;
};

static int on_series(void *ctx, const char *name, gs_error *err)
{
    struct seen *s = ctx;
    (void)err;
    FUZZ_CHECK(name[0] && strlen(name) < GS_MATRIX_NAME_LEN);
    s->series++;
    return 0;
}

static int on_point(void *ctx, int64_t t_ms, double value, gs_error *err)
{
    struct seen *s = ctx;
    FUZZ_CHECK(s->series && t_ms >= 0 && t_ms <= 253402300799000 && !isnan(value));
    FUZZ_CHECK(!s->stop_at || s->points < s->stop_at);
    return ++s->points == s->stop_at ? gs_error_set(err, GS_NO_MEMORY, "stopped") : 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char text[40];
    gs_error err = {0};
    if (size < 1)
        return 0;
    char *copy = malloc(size); /* without the first byte: one more than is read, so that size 1 is no empty block */
    FUZZ_CHECK(copy);
    memcpy(copy + 1, data + 1, size - 1);
    struct seen s = {.stop_at = data[0] % 16};
    const gs_str body = {copy + 1, size - 1};
    const gs_matrix_handler h = {on_series, on_point, &s};
    int rc = gs_prom_matrix_read(body, &h, &err);
    FUZZ_CHECK((rc == 0) == (err.msg[0] == 0) && rc == -(int)err.kind);
    FUZZ_CHECK((s.stop_at && s.points == s.stop_at) == (rc == -(int)GS_NO_MEMORY));
    if (gs_prom_error_text(body, text, sizeof text))
        FUZZ_CHECK(text[0] && strlen(text) < sizeof text);
    free(copy);
    return 0;
}
