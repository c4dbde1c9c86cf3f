module gostat.dev/hack/cluster/tools/prometheus-operator

go 1.26.0

// For the schemas of ServiceMonitor and PrometheusRule; nothing of it is built.
require github.com/prometheus-operator/prometheus-operator v0.85.0
