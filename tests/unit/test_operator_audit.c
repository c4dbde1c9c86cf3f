/* The chain of a policy between decisions, its status and the log; without an API server and without S3. */
#include "base/log.h"
#include "base/mem.h"
#include "cli/output.h"
#include "codec/audit.h"
#include "operator/op.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>
#include <sys/stat.h>
#include <unistd.h>

#define HEAD_LEN 72

typedef struct world {
    op o;
    op_policy *p;
    char dir[64], path[96];
    char head[HEAD_LEN]; /* as the API server has it */
    char *object;        /* the policy there, with its status */
} world;

static int64_t fixed(void *ctx)
{
    (void)ctx;
    return 1767225629000;
}

static void begin(world *w)
{
    gs_error err = {0};
    w->o = (op){.clock = {fixed, fixed, NULL}, .leading = true, .opt.audit_log = w->path};
    w->o.policies = gs_map_new(NULL);
    if (op_audit_open(&w->o, &err) < 0)
        fail_msg("%s", err.msg);
    w->p = gs_alloc(sizeof *w->p);
    w->p->o = &w->o;
    w->p->key = gs_strdup("shop/cart");
    w->p->p = gs_policy_new();
    (void)gs_str_copy(w->p->p->ns, sizeof w->p->p->ns, GS_STR("shop"));
    (void)gs_str_copy(w->p->p->name, sizeof w->p->p->name, GS_STR("cart"));
    (void)gs_str_copy(w->p->p->uid, sizeof w->p->p->uid, GS_STR("u-1"));
    gs_map_put(w->o.policies, w->p->key, w->p);
    op_audit_adopt(w->p, gs_str_of(w->object));
}

/* deleted: the policy is. Else the controller stops, in whatever state it is. */
static void end(world *w, bool deleted)
{
    w->o.stopping = !deleted;
    (void)gs_map_remove(w->o.policies, w->p->key);
    op_audit_forget(w->p);
    op_audit_close(&w->o);
    gs_map_free(w->o.policies);
    gs_policy_free(w->p->p);
    free(w->p->key);
    free(w->p);
}

static int setup(void **state)
{
    world *w = gs_alloc(sizeof *w);
    (void)snprintf(w->dir, sizeof w->dir, "/tmp/gostat-op-audit-XXXXXX");
    assert_non_null(mkdtemp(w->dir));
    (void)snprintf(w->path, sizeof w->path, "%s/log", w->dir);
    w->object = gs_strdup("{}");
    gs_log_setup(GS_LOG_ERROR, false);
    begin(w);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    world *w = *state;
    end(w, false);
    (void)unlink(w->path);
    (void)rmdir(w->dir);
    free(w->object);
    free(w);
    return 0;
}

static void decide(world *w, int n)
{
    static const gs_workload_ref workload = {"apps/v1", "Deployment", "shop", "cart", "w-1"};
    for (; n > 0; n--)
        op_audit_decision(&w->o, &(gs_decision){.kind = GS_DECISION_REFUSE,
                                                .policy = w->p->p,
                                                .workload = &workload,
                                                .action_id = "",
                                                .refusal = GS_REFUSAL_COOLDOWN,
                                                .message = "not yet",
                                                .wall_ms = op_wall(&w->o)});
}

/* What a write of the status puts there. */
static uint64_t write_status(world *w)
{
    uint64_t version;
    gs_buf b = GS_BUF(GS_MAX_OBJECT_BYTES);
    gs_json_writer j;
    const gs_audit_head *head = op_audit_head(w->p, &version);
    assert_non_null(head);
    assert_true(head->n <= GS_MAX_AUDIT_TAIL);
    gs_policy_status status = {.audit = head};
    gs_jw_init(&j, &b);
    gs_policy_status_patch(&j, NULL, &status, NULL, 0, false);
    assert_int_equal(gs_jw_finish(&j, NULL), 0);
    memcpy(w->head, head->head, sizeof w->head);
    free(w->object);
    w->object = gs_buf_take(&b);
    return version;
}

static void on_found(void *ctx, const gs_audit_finding *f)
{
    (void)ctx;
    fail_msg("%s:%llu: %s", f->file, (unsigned long long)f->line, f->what);
}

/* The log is whole, and ends with the line that the status has as its head. */
static void is_logged(world *w, uint64_t lines, uint64_t repeated)
{
    gs_cleanup(gs_buf_done) gs_buf b = GS_BUF(0);
    gs_audit_totals t;
    assert_int_equal(gs_read_file(w->path, 16u << 20, &b, NULL), 0);
    gs_audit_check *c = gs_audit_check_new(on_found, NULL);
    gs_audit_check_file(c, "log");
    for (const char *p = b.p, *newline; p && (newline = strchr(p, '\n')); p = newline + 1)
        gs_audit_check_line(c, (gs_str){p, (size_t)(newline - p)});
    if (lines)
        gs_audit_check_head(c, w->head);
    gs_audit_check_end(c, &t);
    assert_int_equal(t.lines, lines);
    assert_int_equal(t.repeated, repeated);
}

static size_t waiting(world *w)
{
    op_audit_stats s;
    op_audit_get_stats(&w->o, &s);
    return s.waiting;
}

/* Nothing is written before the status has it. */
static void committed_first(void **state)
{
    world *w = *state;
    uint64_t version;
    assert_null(op_audit_head(w->p, &version));
    assert_false(op_audit_waiting(w->p));
    decide(w, 2);
    assert_true(w->p->dirty);
    assert_true(op_audit_waiting(w->p));
    op_audit_tick(&w->o);
    is_logged(w, 0, 0);
    version = write_status(w);
    op_audit_tick(&w->o);
    is_logged(w, 0, 0);
    op_audit_committed(w->p, version);
    is_logged(w, 2, 0);
    assert_false(op_audit_waiting(w->p));
    assert_false(op_audit_lags(w->p));
    op_audit_tick(&w->o); /* a policy without S3 has nothing more to wait for */
    assert_int_equal(waiting(w), 0);
    assert_true(op_audit_lags(w->p));
    op_audit_committed(w->p, write_status(w));
    assert_false(op_audit_lags(w->p));
    is_logged(w, 2, 0);
}

/* Answers that come late, or of a write that another one overtook. */
static void versions(void **state)
{
    world *w = *state;
    decide(w, 1);
    uint64_t first = write_status(w);
    decide(w, 2);
    uint64_t second = write_status(w);
    op_audit_committed(w->p, second);
    is_logged(w, 3, 0);
    op_audit_committed(w->p, first);
    assert_false(op_audit_waiting(w->p));
    is_logged(w, 3, 0);
}

/* A write for a policy that is gone is answered once another one has its name. */
static void another_chain(void **state)
{
    world *w = *state;
    decide(w, 3);
    uint64_t first = write_status(w);
    end(w, false);
    free(w->object);
    w->object = gs_strdup("{}");
    begin(w);
    op_audit_committed(w->p, first);
    decide(w, 2);
    op_audit_committed(w->p, first);
    assert_true(op_audit_waiting(w->p));
    is_logged(w, 0, 0);
    op_audit_committed(w->p, write_status(w));
    is_logged(w, 2, 0);
}

/* Whether a write that is made now has the newest line. */
static void behind(void **state)
{
    world *w = *state;
    uint64_t version;
    assert_int_equal(op_audit_behind(w->p), 0);
    for (int n = 1; n <= 20; n++) {
        decide(w, 1);
        (void)op_audit_head(w->p, &version);
        assert_int_equal(op_audit_behind(w->p), (int)version < n ? n : 0);
        assert_int_equal(op_audit_behind(w->p) > 0, n > GS_MAX_AUDIT_TAIL);
    }
    op_audit_committed(w->p, write_status(w));
    op_audit_tick(&w->o);
    assert_int_equal(op_audit_behind(w->p), 0);
}

/* More than the status holds: they go through it in order. */
static void long_tail(void **state)
{
    world *w = *state;
    decide(w, 40);
    for (uint64_t lines = 16; lines <= 48; lines += 16) {
        op_audit_committed(w->p, write_status(w));
        is_logged(w, lines < 40 ? lines : 40, 0);
        op_audit_tick(&w->o);
        assert_int_equal(op_audit_waiting(w->p), lines < 40);
    }
    assert_int_equal(waiting(w), 0);
}

/* A controller dies at each point; the next one writes again what it cannot know to be written. */
static void takeover(void **state)
{
    world *w = *state;
    decide(w, 3);
    uint64_t version = write_status(w); /* it arrived, its answer did not */
    end(w, false);
    is_logged(w, 0, 0);
    begin(w);
    assert_int_equal(waiting(w), 3);
    op_audit_tick(&w->o);
    is_logged(w, 3, 0);
    decide(w, 2); /* never committed: nobody has heard of them */
    end(w, false);
    begin(w);
    op_audit_tick(&w->o);
    is_logged(w, 6, 3);
    decide(w, 1);
    version = write_status(w);
    op_audit_committed(w->p, version);
    assert_int_equal(version, 4);
    is_logged(w, 7, 3);
}

/* A log that cannot be written keeps its lines. */
static void failing_log(void **state)
{
    world *w = *state;
    op_audit_stats s;
    decide(w, 1);
    op_audit_committed(w->p, write_status(w));
    is_logged(w, 1, 0);
    assert_int_equal(unlink(w->path), 0);
    assert_int_equal(mkdir(w->path, 0700), 0);
    decide(w, 2);
    op_audit_committed(w->p, write_status(w));
    op_audit_tick(&w->o);
    op_audit_get_stats(&w->o, &s);
    assert_int_equal(s.waiting, 2);
    assert_int_equal(s.lines, 3);
    assert_true(s.errors >= 2);
    write_status(w);
    assert_non_null(strstr(w->object, "\\\"seq\\\":2")); /* still in the tail */
    assert_int_equal(rmdir(w->path), 0);
    op_audit_tick(&w->o);
    is_logged(w, 2, 0);
    assert_int_equal(waiting(w), 0);
}

/* With the policy goes its status: what waited for it is written. Where the controller only stops it is not, or the next
 * one's lines would be others with the same numbers. */
static void last_lines(void **state)
{
    world *w = *state;
    uint64_t version;
    decide(w, 20);
    memcpy(w->head, op_audit_head(w->p, &version)->head, sizeof w->head);
    end(w, true);
    is_logged(w, 20, 0);
    free(w->object);
    w->object = gs_strdup("{}");
    begin(w);
    decide(w, 1);
    end(w, false);
    is_logged(w, 20, 0);
    begin(w);
}

static void too_many(void **state)
{
    world *w = *state;
    op_audit_stats s;
    decide(w, GS_MAX_AUDIT_WAITING + 2);
    op_audit_get_stats(&w->o, &s);
    assert_int_equal(s.lines, GS_MAX_AUDIT_WAITING);
    assert_int_equal(s.errors, 2);
    assert_int_equal(s.waiting, GS_MAX_AUDIT_WAITING);
    assert_true(op_audit_behind(w->p) > 0);
    while (op_audit_waiting(w->p)) {
        op_audit_committed(w->p, write_status(w));
        op_audit_tick(&w->o);
    }
    is_logged(w, GS_MAX_AUDIT_WAITING, 0); /* what was left out is no gap */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(committed_first, setup, teardown),
        cmocka_unit_test_setup_teardown(versions, setup, teardown),
        cmocka_unit_test_setup_teardown(another_chain, setup, teardown),
        cmocka_unit_test_setup_teardown(behind, setup, teardown),
        cmocka_unit_test_setup_teardown(long_tail, setup, teardown),
        cmocka_unit_test_setup_teardown(takeover, setup, teardown),
        cmocka_unit_test_setup_teardown(failing_log, setup, teardown),
        cmocka_unit_test_setup_teardown(last_lines, setup, teardown),
        cmocka_unit_test_setup_teardown(too_many, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
