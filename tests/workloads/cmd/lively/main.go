// Command lively is healthy, but its goroutine count is not calm: it goes up and down within bounds, or up once and stays.
// README.md of this module says in which ways. A detector of leaks must stay silent about it.
package main

import (
	"net"
	"net/http"
	"strconv"
	"time"

	"gostat.dev/gostat/tests/workloads/internal/telemetry"
)

// settings bound a workload: at most max units (workers, jobs or connections), one cycle in period.
type settings struct {
	max    int
	period time.Duration
}

// phase is how far the present cycle is, from 0 to 1.
func (s settings) phase(begin, now time.Time) float64 {
	return now.Sub(begin).Seconds()/s.period.Seconds() - float64(int(now.Sub(begin)/s.period))
}

func read(max, period string) settings {
	n, err := strconv.Atoi(telemetry.Env("MAX", max))
	if err != nil || n < 4 || n > 100000 {
		telemetry.Fatal("MAX=%s: must be a whole number from 4 to 100000", telemetry.Env("MAX", max))
	}
	seconds, err := strconv.ParseFloat(telemetry.Env("PERIOD", period), 64)
	if err != nil || !(seconds >= 1 && seconds <= 86400) {
		telemetry.Fatal("PERIOD=%s: must be a number of seconds from 1 to 86400", telemetry.Env("PERIOD", period))
	}
	return settings{max: n, period: time.Duration(seconds * float64(time.Second))}
}

// reachable is where the program itself finds its own listener: a listener on all addresses is on loopback too.
func reachable(a *net.TCPAddr) string {
	if a.IP.IsUnspecified() {
		return (&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: a.Port}).String()
	}
	return a.String()
}

func main() {
	metrics, mux := telemetry.NewMetrics(), http.NewServeMux()
	telemetry.Register(mux, metrics)
	var run func(net.Listener)
	switch kind := telemetry.Env("LIVELY", "pool"); kind {
	case "pool":
		p := &pool{settings: read("400", "60"), jobs: make(chan job)}
		run = func(net.Listener) { p.run() }
	case "burst":
		b := &burst{settings: read("600", "10")}
		run = func(net.Listener) { b.run() }
	case "ramp":
		r := &ramp{settings: read("300", "600")}
		mux.HandleFunc("/poll", r.poll)
		run = func(l net.Listener) { r.run(reachable(l.Addr().(*net.TCPAddr))) }
	case "backlog":
		b := &backlog{settings: read("200", "30")}
		run = func(net.Listener) { b.run() }
	case "warmup":
		w := &warmup{settings: read("120", "60")}
		run = func(net.Listener) { w.run() }
	default:
		telemetry.Fatal("LIVELY=%s: must be pool, burst, ramp, backlog or warmup", kind)
	}
	l := telemetry.Listen()
	go run(l)
	telemetry.Serve(l, mux, metrics)
}
