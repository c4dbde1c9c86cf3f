// Command leaky is a small shop whose requests leak goroutines in one of four ways, at a given rate, until told to stop.
// README.md of this module says how to use it and which function each way leaks in.
package main

import (
	"context"
	"encoding/json"
	"net/http"
	"runtime/pprof"
	"strconv"
	"sync/atomic"
	"time"

	"gostat.dev/gostat/tests/workloads/internal/telemetry"
)

// leak is one way to leak. With leaking true a call of work leaves one goroutine behind, otherwise none.
type leak interface {
	work(ctx context.Context, leaking bool)
	release() // lets go every goroutine that was left behind so far
}

// shop drives one leak. The switch may be turned by any request.
type shop struct {
	kind    string
	route   string // the pprof label of its work; empty: none
	leak    leak
	leaking atomic.Bool
	leaked  atomic.Int64
}

func newShop(kind string) *shop {
	switch kind {
	case "channel":
		return &shop{kind: kind, route: "/orders", leak: &orders{}}
	case "lock":
		return &shop{kind: kind, leak: newLedger()}
	case "cancel":
		return &shop{kind: kind, leak: &sessions{}}
	case "io":
		return &shop{kind: kind, route: "/quotes", leak: newPrices()}
	case "off":
		return &shop{kind: kind, route: "/orders", leak: &orders{}}
	}
	telemetry.Fatal("LEAK=%s: must be channel, lock, cancel, io or off", kind)
	return nil
}

// once does one piece of work, in the way of a request.
func (s *shop) once(ctx context.Context) {
	leaking := s.leaking.Load()
	if leaking {
		s.leaked.Add(1)
	}
	if s.route == "" {
		s.leak.work(ctx, leaking)
		return
	}
	pprof.Do(ctx, pprof.Labels("route", s.route), func(ctx context.Context) { s.leak.work(ctx, leaking) })
}

// drive works rate times a second, in small steps, so that the rate holds also where it is above the timer's.
func (s *shop) drive(rate float64, after time.Duration) {
	if s.kind != "off" {
		time.AfterFunc(after, func() { s.leaking.Store(true) })
	}
	begin, done := time.Now(), 0.0
	for now := range time.Tick(20 * time.Millisecond) {
		for due := now.Sub(begin).Seconds() * rate; done+1 <= due; done++ {
			s.once(context.Background())
		}
	}
}

func (s *shop) report(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(map[string]any{"leak": s.kind, "on": s.leaking.Load(), "leaked": s.leaked.Load()})
}

func (s *shop) turn(w http.ResponseWriter, r *http.Request) {
	on, err := strconv.ParseBool(r.FormValue("on"))
	if err != nil {
		http.Error(w, "on: must be true or false", http.StatusBadRequest)
		return
	}
	s.leaking.Store(on)
	s.report(w)
}

func (s *shop) free(w http.ResponseWriter, _ *http.Request) {
	telemetry.Exclusive(func() {
		s.leaked.Store(0)
		s.leak.release()
	})
	s.report(w)
}

func number(name, otherwise string) float64 {
	v, err := strconv.ParseFloat(telemetry.Env(name, otherwise), 64)
	if err != nil || !(v >= 0 && v <= 1e5) {
		telemetry.Fatal("%s=%s: must be a number from 0 to 100000", name, telemetry.Env(name, otherwise))
	}
	return v
}

func main() {
	s := newShop(telemetry.Env("LEAK", "channel"))
	rate, after := number("RATE", "10"), number("LEAK_AFTER", "0")
	metrics, mux := telemetry.NewMetrics(), http.NewServeMux()
	metrics.Gauge("shop_leaked_goroutines", func() float64 { return float64(s.leaked.Load()) })
	telemetry.Register(mux, metrics)
	mux.HandleFunc("GET /leak", func(w http.ResponseWriter, _ *http.Request) { s.report(w) })
	mux.HandleFunc("POST /leak", s.turn)
	mux.HandleFunc("POST /release", s.free)
	mux.HandleFunc("POST /work", func(w http.ResponseWriter, r *http.Request) {
		s.once(r.Context())
		s.report(w)
	})
	l := telemetry.Listen()
	go s.drive(rate, time.Duration(after*float64(time.Second)))
	telemetry.Serve(l, mux, metrics)
}
