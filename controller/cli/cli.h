/* The subcommands of cli/: each gets its own name as argv[0] and returns the exit code of the process. They own the
 * process while they run: signals, stdout, the terminal. Main thread only. */
#ifndef GS_CLI_CLI_H
#define GS_CLI_CLI_H

int gs_cmd_watch(int argc, char **argv);
int gs_cmd_backtest(int argc, char **argv);
int gs_cmd_analyze(int argc, char **argv);
int gs_cmd_diff(int argc, char **argv);
int gs_cmd_audit(int argc, char **argv);

#endif
