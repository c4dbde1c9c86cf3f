/* `gostat controller`. */
#ifndef GS_OPERATOR_OPERATOR_H
#define GS_OPERATOR_OPERATOR_H

int gs_cmd_controller(int argc, char **argv);

#endif
