module gostat.dev/gostat/tests/workloads

go 1.26
