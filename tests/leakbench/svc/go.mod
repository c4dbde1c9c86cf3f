module gostat.dev/gostat/tests/leakbench/svc

go 1.26
