/* The subcommands of cli/: each gets its own name as argv[0] and returns the exit code of the process. They own the
 * process while they run: signals, stdout, the terminal. Main thread only. */
#ifndef GS_CLI_CLI_H
#define GS_CLI_CLI_H

int gs_cmd_watch(int argc, char **argv);
int gs_cmd_backtest(int argc, char **argv);
int gs_cmd_analyze(int argc, char **argv);
int gs_cmd_diff(int argc, char **argv);
int gs_cmd_audit(int argc, char **argv);

int gs_cmd_top(int argc, char **argv);
int gs_cmd_incidents(int argc, char **argv);
int gs_cmd_show(int argc, char **argv);
int gs_cmd_explain(int argc, char **argv);
int gs_cmd_snapshot(int argc, char **argv);
int gs_cmd_policy(int argc, char **argv);
int gs_cmd_completion(int argc, char **argv);
int gs_cmd_complete(int argc, char **argv); /* what the scripts of completion ask; argv[0] is any */
int gs_cmd_probe(int argc, char **argv);

#endif
