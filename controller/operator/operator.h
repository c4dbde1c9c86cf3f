/* `gostat controller`, and `gostat undo`, which ends it. */
#ifndef GS_OPERATOR_OPERATOR_H
#define GS_OPERATOR_OPERATOR_H

int gs_cmd_controller(int argc, char **argv);
int gs_cmd_undo(int argc, char **argv);

#endif
