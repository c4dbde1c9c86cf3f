// Command leaky is a small shop whose requests leak goroutines in one of four ways, at a given rate, until told to stop.
// README.md of this module says how to use it and which function each way leaks in.
package main

import (
	"context"
	"encoding/json"
	"net/http"
	"runtime/pprof"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"gostat.dev/gostat/tests/workloads/internal/telemetry"
)

// leak is one way to leak. With leaking true a call of work leaves one goroutine behind, otherwise none.
type leak interface {
	work(ctx context.Context, leaking bool)
	release() // lets go every goroutine that was left behind so far
}

// way is one of the four, as work of the shop.
type way struct {
	kind  string
	route string // the pprof label of its work; empty: none
	leak  leak
}

// newWay returns nil for a kind that there is not.
func newWay(kind string) *way {
	switch kind {
	case "channel":
		return &way{kind: kind, route: "/orders", leak: &orders{}}
	case "lock":
		return &way{kind: kind, leak: newLedger()}
	case "cancel":
		return &way{kind: kind, leak: &sessions{}}
	case "io":
		return &way{kind: kind, route: "/quotes", leak: newPrices()}
	case "off":
		return &way{kind: kind, route: "/orders", leak: &orders{}}
	}
	return nil
}

// shop works in one way at a time. The switch may be turned, and the way changed, by any request.
type shop struct {
	way     atomic.Pointer[way]
	leaking atomic.Bool
	leaked  atomic.Int64
	mu      sync.Mutex
	ways    []*way // all that it has worked in
}

func newShop(kind string) *shop {
	s := &shop{}
	if !s.change(kind) {
		telemetry.Fatal("LEAK=%s: must be channel, lock, cancel, io or off", kind)
	}
	return s
}

// change makes the shop work in this way from now on; what leaked in another one stays. False: there is no such way.
func (s *shop) change(kind string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.IndexFunc(s.ways, func(w *way) bool { return w.kind == kind })
	if i < 0 {
		w := newWay(kind)
		if w == nil {
			return false
		}
		i, s.ways = len(s.ways), append(s.ways, w)
	}
	s.way.Store(s.ways[i])
	return true
}

// once does one piece of work, in the way of a request.
func (s *shop) once(ctx context.Context) {
	leaking, w := s.leaking.Load(), s.way.Load()
	if leaking {
		s.leaked.Add(1)
	}
	if w.route == "" {
		w.leak.work(ctx, leaking)
		return
	}
	pprof.Do(ctx, pprof.Labels("route", w.route), func(ctx context.Context) { w.leak.work(ctx, leaking) })
}

// drive works rate times a second, in small steps, so that the rate holds also where it is above the timer's.
func (s *shop) drive(rate float64, after time.Duration) {
	if s.way.Load().kind != "off" {
		time.AfterFunc(after, func() { s.leaking.Store(true) })
	}
	begin, done := time.Now(), 0.0
	for now := range time.Tick(20 * time.Millisecond) {
		for due := now.Sub(begin).Seconds() * rate; done+1 <= due; done++ {
			s.once(context.Background())
		}
	}
}

// chat has two goroutines exchange a word rate times a second, so that an execution trace grows large.
func chat(rate float64) {
	ask, answer := make(chan int), make(chan int)
	go func() {
		for word := range ask {
			answer <- word
		}
	}()
	for range time.Tick(10 * time.Millisecond) {
		for range int(rate / 100) {
			ask <- 1
			<-answer
		}
	}
}

func (s *shop) report(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(map[string]any{"leak": s.way.Load().kind, "on": s.leaking.Load(), "leaked": s.leaked.Load()})
}

func (s *shop) turn(w http.ResponseWriter, r *http.Request) {
	on, err := strconv.ParseBool(r.FormValue("on"))
	if err != nil {
		http.Error(w, "on: must be true or false", http.StatusBadRequest)
		return
	}
	if kind := r.FormValue("kind"); kind != "" && !s.change(kind) {
		http.Error(w, "kind: must be channel, lock, cancel, io or off", http.StatusBadRequest)
		return
	}
	s.leaking.Store(on)
	s.report(w)
}

func (s *shop) free(w http.ResponseWriter, _ *http.Request) {
	telemetry.Exclusive(func() {
		s.leaked.Store(0)
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, way := range s.ways {
			way.leak.release()
		}
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
	rate, after, words := number("RATE", "10"), number("LEAK_AFTER", "0"), number("CHAT", "0")
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
	if words > 0 {
		go chat(words)
	}
	go s.drive(rate, time.Duration(after*float64(time.Second)))
	telemetry.Serve(l, mux, metrics)
}
