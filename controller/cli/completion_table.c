/* All subcommands with their flags. tests/component/test_completion.py compares this with each --help. */
#include "cli/completion.h"

#define HELP " -h,--help"
#define CLUSTER " -n,--namespace=NAMESPACE --context=TEXT --kubeconfig=FILE"
#define ALL " -A,--all-namespaces"
#define OUTPUT " -o,--output=table|json|yaml"
#define REPORT "-o,--output=text|json|html --top=TEXT" HELP

const gs_completion gs_completions[] = {
    {"top", "POLICY", "--for=TEXT" CLUSTER ALL OUTPUT HELP},
    {"incidents", "", "--open -w,--workload=TEXT" CLUSTER ALL OUTPUT HELP},
    {"show", "INCIDENT", "--links" CLUSTER OUTPUT HELP},
    {"snapshot", "POD",
     "--profiles=Goroutine|GoroutineLeak|Heap|CPU|Trace --seconds=TEXT -d,--dir=DIR --port=TEXT --path=TEXT" CLUSTER
         OUTPUT HELP},
    {"explain", "POLICY", "" CLUSTER OUTPUT HELP},
    {"watch", "TEXT", "-f,--policy=FILE --interval=TEXT --for=TEXT --evidence=DIR -o,--output=table|text|json" HELP},
    {"analyze", "FILE", REPORT},
    {"diff", "FILE", "-o,--output=text|json --top=TEXT" HELP},
    {"backtest", "",
     "-f,--policy=FILE -o,--output=json|text --profile=TEXT --replicas=TEXT --series=FILE --prometheus=TEXT "
     "--query=TEXT --query-start-time=TEXT --query-fds=TEXT --query-load=TEXT --start=TEXT --end=TEXT --step=TEXT "
     "--ca=FILE --bearer-token-file=FILE" HELP},
    {"policy", "lint", "-h,--help"},
    {"policy lint", "FILE", "-o,--output=text|json --strict" HELP},
    {"audit", "verify", "-h,--help"},
    {"audit verify", "FILE", "--head=TEXT -o,--output=text|json" HELP},
    {"controller", "",
     "--kubeconfig=FILE --context=TEXT --namespace=NAMESPACE --leader-elect --lease-namespace=NAMESPACE "
     "--lease-name=TEXT --lease-duration=TEXT --renew-deadline=TEXT --retry-period=TEXT --metrics-address=TEXT "
     "--metrics-secure --metrics-cert-dir=DIR --health-address=TEXT --incident-retention=TEXT --audit-log=FILE "
     "--cluster-name=TEXT --allow-s3=TEXT --allow-webhook=TEXT --allow-alertmanager=TEXT --allow-private=TEXT "
     "--s3-prefix=TEXT --max-pods-per-policy=TEXT --min-interval=TEXT --max-profile-bytes=TEXT "
     "--max-profile-seconds=TEXT --max-namespace-actions=TEXT --allow-host-network --log-format=text|json -v" HELP},
    {"undo", "",
     "--kubeconfig=FILE --context=TEXT --namespace=NAMESPACE --lease-namespace=NAMESPACE --lease-name=TEXT "
     "--lease-duration=TEXT --timeout=TEXT --cluster-name=TEXT --allow-s3=TEXT --allow-private=TEXT --s3-prefix=TEXT "
     "--log-format=text|json" HELP},
    {"probe", "TEXT", "--ca-file=FILE --insecure --token-file=FILE --contains=TEXT" HELP},
    {"completion", "bash|zsh|fish", "-h,--help"},
    {"version", "", "--help"},
    {"help", "COMMAND", "--help"},
    {0},
};
