/* `gostat controller` and `gostat undo`. */
#include "base/log.h"
#include "base/mem.h"
#include "operator/op.h"
#include "operator/operator.h"

GS_DEFINE_CLEANUP_VALUE(op_options, op_options_done)

static int run(enum op_command command, int argc, char **argv)
{
    gs_cleanup(op_options_done) op_options o = {0};
    int rc = op_options_parse(command, argc, argv, &o);
    if (rc)
        return rc;
    if (o.help) {
        op_options_help(command);
        return 0;
    }
    gs_log_setup(o.verbose ? GS_LOG_DEBUG : GS_LOG_INFO, gs_streq(o.log_format, "json"));
    gs_error err = {0};
    rc = op_run(&o, &err);
    if (rc < 0) {
        gs_log_error("cannot start", "error", err.msg);
        return err.kind == GS_TRANSIENT ? 1 : err.kind == GS_REFUSED ? OP_EXIT_CREDENTIALS : 2;
    }
    return rc;
}

int gs_cmd_controller(int argc, char **argv)
{
    return run(OP_CONTROLLER, argc, argv);
}

int gs_cmd_undo(int argc, char **argv)
{
    return run(OP_UNDO, argc, argv);
}
