// Package host is what a benchmark service is made of, whatever it does: its HTTP port with pprof, /metrics, the truth
// about itself, and the harmless activity that every real service has.
package host

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/pprof"
	"strings"
	"sync"
	"time"
)

// Host is one service. Safe for any goroutine.
type Host struct {
	Case   string
	Addr   string        // ip:port of the HTTP server
	Window time.Duration // how long the detector looks before it believes in a trend; shapes are multiples of it
	Mux    *http.ServeMux
	Ctx    context.Context // done when the service is told to quiesce
	Stop   context.CancelFunc

	mu     sync.Mutex
	rng    *rand.Rand
	gauges map[string]func() float64
	truth  truth
	leak   sync.Mutex // serialises leak profiles: see profile
}

// New returns a service that does not listen yet.
func New(name, addr string, window time.Duration, seed uint64) *Host {
	h := &Host{Case: name, Addr: addr, Window: window, Mux: http.NewServeMux(), gauges: map[string]func() float64{}}
	h.rng = rand.New(rand.NewPCG(seed, uint64(len(name))))
	h.Ctx, h.Stop = context.WithCancel(context.Background())
	return h
}

// Float returns a number from 0 to 1, from the seed.
func (h *Host) Float() float64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.rng.Float64()
}

// Between returns a time from a to b, from the seed.
func (h *Host) Between(a, b time.Duration) time.Duration {
	return a + time.Duration(h.Float()*float64(b-a))
}

// Wins is true with probability p.
func (h *Host) Wins(p float64) bool { return h.Float() < p }

// W returns x times the window.
func (h *Host) W(x float64) time.Duration { return time.Duration(x * float64(h.Window)) }

// RawAddr is the address beside the HTTP port, for services that speak something else.
func (h *Host) RawAddr() string {
	host, port, _ := net.SplitHostPort(h.Addr)
	n := 0
	_, _ = fmt.Sscan(port, &n)
	return fmt.Sprintf("%s:%d", host, n+1)
}

// Gauge adds a metric of the service's own; f may be called from any goroutine.
func (h *Host) Gauge(name string, f func() float64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.gauges[name] = f
}

// Sleep waits, and returns false as soon as the service is told to quiesce.
func (h *Host) Sleep(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-h.Ctx.Done():
		return false
	}
}

// Every calls f at this pace until the service is told to quiesce, from the calling goroutine.
func (h *Host) Every(d time.Duration, f func()) {
	t := time.NewTicker(d)
	defer t.Stop()
	for {
		select {
		case <-t.C:
			f()
		case <-h.Ctx.Done():
			return
		}
	}
}

// Serve listens and answers until the process ends. leakProfile false: that profile is a 404, as before Go 1.26.
func (h *Host) Serve(leakProfile bool) error {
	h.Mux.HandleFunc("/debug/pprof/", func(w http.ResponseWriter, r *http.Request) { h.profile(w, r, leakProfile) })
	h.Mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	h.Mux.HandleFunc("/metrics", h.metrics)
	h.Mux.HandleFunc("/ping", func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprintln(w, "pong") })
	h.Mux.HandleFunc("/truth", h.serveTruth)
	h.Mux.HandleFunc("/quiesce", h.serveQuiesce)
	l, err := net.Listen("tcp", h.Addr)
	if err != nil {
		return err
	}
	return (&http.Server{Handler: h.Mux}).Serve(l)
}

// The runtime (Go 1.26) must not be asked for two leak profiles at once.
func (h *Host) profile(w http.ResponseWriter, r *http.Request, leakProfile bool) {
	if strings.HasSuffix(r.URL.Path, "/goroutineleak") {
		if !leakProfile {
			http.Error(w, "Unknown profile", http.StatusNotFound)
			return
		}
		h.leak.Lock()
		defer h.leak.Unlock()
	}
	pprof.Index(w, r)
}
