/* What waits for a destination, in which order it goes, and what becomes of it. */
#include "operator/notices.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define MINUTE 60000

static op_notices q;
static gs_rng rng = {.state = 7};
static int64_t now;

static void begin(bool unlimited)
{
    op_notices_done(&q);
    op_notices_init(&q, unlimited);
    now = 1000000;
}

static unsigned add(const char *incident, enum gs_notice_kind kind, const char *text)
{
    return op_notices_add(&q, incident, kind, text, 0, now);
}

/* One letter says what is done, in the order of time; each step takes a millisecond.
 *   "O:x" "G:x" "A:x" "R:x"  an event of the incident with these words
 *   "s"  the next one is sent: it must be the next of `sent`;  "f" it is sent, and fails;  "n" there is none to send
 *   "+"  begins to be sent, "=" succeeds, "-" fails;  "w" ten minutes pass */
static void play(size_t number, const char *const steps[], const char *const sent[])
{
    static const char letters[] = "OGAR";
    for (; *steps; steps++) {
        const char *s = *steps, *kind = strchr(letters, s[0]);
        const op_notice *n = NULL;
        now++;
        if (kind) {
            (void)add("i", (enum gs_notice_kind)(kind - letters), s + 2);
            continue;
        }
        if (strchr("sf+n", s[0])) {
            n = op_notices_next(&q, now);
            if ((s[0] == 'n') != (n == NULL))
                fail_msg("case %zu, %s: %s to send", number, s, n ? "something" : "nothing");
        }
        if (n && s[0] != 'f') {
            char text[200];
            (void)snprintf(text, sizeof text, "%c:%s", letters[n->kind], n->text);
            if (!*sent || strcmp(text, *sent) != 0)
                fail_msg("case %zu: sent \"%s\", not \"%s\"", number, text, *sent ? *sent : "nothing");
            sent++;
        }
        if (s[0] == 's' || s[0] == '=')
            op_notices_sent(&q, GS_SEVERITY_HIGH, now);
        if (s[0] == 'f' || s[0] == '-')
            op_notices_failed(&q, true, -1, &rng, now);
        if (s[0] == 'w')
            now += 10 * MINUTE;
    }
    assert_null(*sent);
    assert_null(op_notices_next(&q, now + 10 * MINUTE));
}

static void of_one_incident(void **state)
{
    static const struct {
        const char *steps[16], *sent[8];
    } t[] = {
        {{"n"}, {0}},
        {{"O:a", "s", "G:b", "s", "A:c", "s", "R:d", "s"}, {"O:a", "G:b", "A:c", "R:d"}},
        /* what waits is brought up to date, or replaced */
        {{"O:a", "G:b", "A:c", "s", "n"}, {"O:c"}},
        {{"O:a", "s", "G:b", "A:c", "s", "n"}, {"O:a", "A:c"}},
        {{"O:a", "R:d", "s", "s", "n"}, {"O:a", "R:d"}},
        {{"O:a", "s", "A:c", "R:d", "s", "n"}, {"O:a", "R:d"}},
        {{"O:a", "s", "R:d", "A:undone", "s", "n"}, {"O:a", "R:undone"}},
        {{"O:a", "s", "R:d", "O:again", "s", "n"}, {"O:a", "O:again"}},
        /* nothing is said twice */
        {{"O:a", "s", "A:c", "s", "A:c", "n", "G:c", "s", "A:e", "s", "A:c", "n"}, {"O:a", "A:c", "G:c", "A:e"}},
        {{"O:a", "s", "A:c", "+", "A:c", "=", "n"}, {"O:a", "A:c"}},
        /* but in another occurrence it is new */
        {{"O:a", "s", "A:c", "s", "R:d", "s", "O:a", "s", "A:c", "s", "R:d", "s"},
         {"O:a", "A:c", "R:d", "O:a", "A:c", "R:d"}},
        /* while it is under way */
        {{"O:a", "+", "A:c", "n", "=", "s"}, {"O:a", "A:c"}},
        {{"O:a", "+", "A:c", "-", "w", "s", "n"}, {"O:a", "O:c"}},
        {{"O:a", "+", "R:d", "-", "w", "s", "s"}, {"O:a", "O:a", "R:d"}},
        {{"O:a", "s", "G:b", "+", "A:c", "-", "w", "s", "n"}, {"O:a", "G:b", "A:c"}},
        {{"O:a", "s", "R:d", "+", "A:c", "-", "w", "s", "n"}, {"O:a", "R:d", "R:c"}},
        {{"O:a", "s", "R:d", "+", "O:e", "-", "w", "s", "n"}, {"O:a", "R:d", "O:e"}},
        {{"O:a", "+", "O:e", "-", "w", "s", "n"}, {"O:a", "O:e"}},
        {{"O:a", "f", "n", "w", "s", "n"}, {"O:a"}},
    };
    (void)state;
    for (size_t k = 0; k < GS_LEN(t); k++) {
        begin(false);
        play(k, t[k].steps, t[k].sent);
    }
}

static void what_is_known(void **state)
{
    (void)state;
    begin(false);
    assert_null(op_notices_get(&q, "i"));
    assert_true(op_notices_known(&q, "old")->told);
    (void)add("i", GS_NOTICE_OPENED, "a");
    op_told *t = op_notices_get(&q, "i");
    assert_false(t->told || t->over || t->has_severity);
    (void)op_notices_next(&q, now);
    op_notices_forget(&q, t); /* not while it is being sent */
    assert_ptr_equal(op_notices_get(&q, "i"), t);
    op_notices_sent(&q, GS_SEVERITY_P0, now);
    assert_true(t->told && !t->over && t->has_severity && t->severity == GS_SEVERITY_P0);
    (void)add("i", GS_NOTICE_RESOLVED, "r");
    (void)op_notices_next(&q, now);
    op_notices_sent(&q, GS_SEVERITY_LOW, now);
    assert_true(t->told && t->over);
    (void)add("i", GS_NOTICE_ACTION, "undone"); /* afterwards */
    (void)op_notices_next(&q, now);
    op_notices_sent(&q, GS_SEVERITY_LOW, now);
    assert_true(t->over);
    (void)add("i", GS_NOTICE_OPENED, "a");
    (void)op_notices_next(&q, now);
    op_notices_sent(&q, GS_SEVERITY_LOW, now);
    assert_false(t->over);
    op_notices_forget(&q, t);
    assert_null(op_notices_get(&q, "i"));
}

static void evidence_is_waited_for(void **state)
{
    (void)state;
    begin(false);
    (void)op_notices_add(&q, "i", GS_NOTICE_OPENED, "a", OP_NOTICES_EVIDENCE_MS, now);
    (void)op_notices_add(&q, "j", GS_NOTICE_OPENED, "a", OP_NOTICES_EVIDENCE_MS, now);
    assert_null(op_notices_next(&q, now + OP_NOTICES_EVIDENCE_MS - 1));
    op_notices_hurry(op_notices_get(&q, "j"), now + 5);
    assert_non_null(op_notices_next(&q, now + 5));
    assert_string_equal(q.of->name, "j");
    op_notices_failed(&q, false, -1, &rng, now + 5);
    op_notices_hurry(op_notices_get(&q, "j"), now + 6); /* that is no hurry which the destination wants */
    assert_null(op_notices_next(&q, now + 6));
    assert_non_null(op_notices_next(&q, now + OP_NOTICES_EVIDENCE_MS));
    assert_string_equal(q.of->name, "i");
}

/* In any minute no more than 20, whatever becomes of them. */
static void rate(void **state)
{
    int64_t at[200];
    size_t n = 0;
    (void)state;
    begin(false);
    for (int k = 0; k < 100; k++) {
        char name[16];
        (void)snprintf(name, sizeof name, "i%d", k);
        now++;
        (void)add(name, GS_NOTICE_OPENED, "a");
    }
    while (n < 100) {
        while (op_notices_next(&q, now)) {
            char name[16];
            (void)snprintf(name, sizeof name, "i%zu", n); /* in the order they came */
            assert_string_equal(q.of->name, name);
            op_notices_sent(&q, GS_SEVERITY_HIGH, now);
            at[n++] = now;
            now += 7;
        }
        now += 50;
    }
    for (size_t k = OP_NOTICES_MINUTE; k < n; k++)
        assert_true(at[k] - at[k - OP_NOTICES_MINUTE] >= MINUTE);
    assert_true(at[99] - at[0] < 4 * MINUTE + 5000);
    begin(true);
    for (int k = 0; k < 50; k++) {
        (void)add("i", GS_NOTICE_OPENED, "a");
        assert_non_null(op_notices_next(&q, now));
        op_notices_sent(&q, GS_SEVERITY_HIGH, now);
    }
}

/* A destination that fails is asked again ever later, and by one notice at a time; a notice that fails lets others pass. */
static void backoff(void **state)
{
    (void)state;
    begin(true);
    (void)add("i", GS_NOTICE_OPENED, "a");
    (void)add("j", GS_NOTICE_OPENED, "a");
    int64_t least = 2000, most = 4000;
    for (int k = 0; k < 12; k++) {
        assert_non_null(op_notices_next(&q, now));
        op_notices_failed(&q, true, -1, &rng, now);
        assert_null(op_notices_next(&q, now + least - 1));
        assert_in_range(q.not_before_ms - now, least, most);
        now = q.not_before_ms;
        most = most * 2 < OP_NOTICES_MAX_RETRY_MS ? most * 2 : OP_NOTICES_MAX_RETRY_MS;
        least = most / 2;
    }
    assert_non_null(op_notices_next(&q, now));
    op_notices_failed(&q, true, 600000, &rng, now); /* Retry-After */
    assert_int_equal(q.not_before_ms - now, 600000);
    now += 600000;
    assert_non_null(op_notices_next(&q, now));
    op_notices_failed(&q, true, INT64_MAX, &rng, now);
    assert_int_equal(q.not_before_ms - now, OP_NOTICES_GIVE_UP_MS);
    now += OP_NOTICES_GIVE_UP_MS;
    assert_non_null(op_notices_next(&q, now));
    op_notices_sent(&q, GS_SEVERITY_HIGH, now);
    assert_int_equal(q.failures, 0);
    begin(true);
    (void)add("i", GS_NOTICE_OPENED, "a");
    now++;
    (void)add("j", GS_NOTICE_OPENED, "a");
    assert_non_null(op_notices_next(&q, now));
    assert_string_equal(q.of->name, "i");
    op_notices_failed(&q, false, -1, &rng, now);
    assert_non_null(op_notices_next(&q, now));
    assert_string_equal(q.of->name, "j");
}

static void given_up(void **state)
{
    op_notice *n;
    const op_told *t;
    (void)state;
    begin(false);
    (void)add("i", GS_NOTICE_OPENED, "a");
    (void)add("i", GS_NOTICE_RESOLVED, "r");
    assert_false(op_notices_expire(&q, now + OP_NOTICES_GIVE_UP_MS - 1, &n, &t));
    for (int k = 0; k < 2; k++) {
        assert_true(op_notices_expire(&q, now + OP_NOTICES_GIVE_UP_MS, &n, &t));
        assert_int_equal(n->kind, k ? GS_NOTICE_RESOLVED : GS_NOTICE_OPENED);
        assert_string_equal(t->name, "i");
        assert_true(t->told);
        op_notice_free(n);
    }
    assert_false(op_notices_expire(&q, now + OP_NOTICES_GIVE_UP_MS, &n, &t));
}

static void full(void **state)
{
    char name[16];
    unsigned dropped = 0;
    (void)state;
    begin(false);
    for (int k = 0; k < 2 * OP_NOTICES_MAX; k++) {
        (void)snprintf(name, sizeof name, "i%d", k);
        (void)op_notices_known(&q, name);
        now++;
        dropped += add(name, k % 2 ? GS_NOTICE_GRADED : k % 4 ? GS_NOTICE_ACTION : GS_NOTICE_OPENED, "x");
    }
    assert_int_equal(dropped, OP_NOTICES_MAX);
    assert_int_equal(op_notices_waiting(&q), OP_NOTICES_MAX);
    for (int k = 0; k < 2 * OP_NOTICES_MAX; k++) {
        (void)snprintf(name, sizeof name, "i%d", k);
        const op_told *t = op_notices_get(&q, name);
        assert_int_equal(t->opened != NULL, k % 4 == 0);
        if (k % 4)
            assert_int_equal(t->later != NULL, k >= 134); /* 50 that opened, and the 50 newest of the others */
    }
    for (int k = 0; k < 2 * OP_NOTICES_MAX; k++) { /* no number of them is too large for these */
        (void)snprintf(name, sizeof name, "i%d", k);
        (void)add(name, GS_NOTICE_OPENED, "x");
        (void)add(name, GS_NOTICE_RESOLVED, "x");
    }
    assert_int_equal(op_notices_waiting(&q), 4 * OP_NOTICES_MAX);
}

static int teardown(void **state)
{
    (void)state;
    op_notices_done(&q);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(of_one_incident),
        cmocka_unit_test(what_is_known),
        cmocka_unit_test(evidence_is_waited_for),
        cmocka_unit_test(rate),
        cmocka_unit_test(backoff),
        cmocka_unit_test(given_up),
        cmocka_unit_test(full),
    };
    return cmocka_run_group_tests(tests, NULL, teardown);
}
