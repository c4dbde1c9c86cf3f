// Package telemetry gives a workload what a usual Go service offers to its operators: net/http/pprof, and /metrics
// in the Prometheus text format. The format is written by hand, so that the workloads need no module but their own.
package telemetry

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/pprof"
	"os"
	"os/signal"
	"path"
	"strings"
	"sync"
	"syscall"
	"time"
)

// profiles serialises goroutineleak profiles with Exclusive: the runtime (Go 1.26) must not be asked to wake a
// goroutine while the collection behind such a profile has it marked as leaked.
var profiles sync.Mutex

// Exclusive runs f while no goroutineleak profile is taken.
func Exclusive(f func()) {
	profiles.Lock()
	defer profiles.Unlock()
	f()
}

// Env returns the variable's value, or otherwise if it is unset or empty.
func Env(name, otherwise string) string {
	if v := os.Getenv(name); v != "" {
		return v
	}
	return otherwise
}

// Fatal ends the program with exit code 2, for a setting that cannot be used.
func Fatal(format string, args ...any) {
	fmt.Fprintf(os.Stderr, format+"\n", args...)
	os.Exit(2)
}

// Register adds pprof, /metrics (unless NO_METRICS=1) and /healthz to the mux.
func Register(mux *http.ServeMux, m *Metrics) {
	mux.HandleFunc("/debug/pprof/", func(w http.ResponseWriter, r *http.Request) {
		m.profile(path.Base(r.URL.Path), r.FormValue("debug"))
		if strings.HasSuffix(r.URL.Path, "/goroutineleak") {
			profiles.Lock()
			defer profiles.Unlock()
		}
		pprof.Index(w, r)
	})
	mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	mux.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	if os.Getenv("NO_METRICS") != "1" {
		mux.Handle("/metrics", m)
	}
}

// Listen opens ADDR (default :6060; port 0 takes a free one) and prints the address, for whoever started us.
func Listen() net.Listener {
	l, err := net.Listen("tcp", Env("ADDR", ":6060"))
	if err != nil {
		Fatal("ADDR: %v", err)
	}
	fmt.Printf("listening on %s\n", l.Addr())
	return l
}

// Serve answers on l until SIGTERM or SIGINT.
func Serve(l net.Listener, mux *http.ServeMux, m *Metrics) {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	srv := &http.Server{Handler: m.observe(mux), ReadHeaderTimeout: 10 * time.Second}
	failed := make(chan error, 1)
	go func() { failed <- srv.Serve(l) }()
	select {
	case <-ctx.Done():
		srv.Close()
	case err := <-failed:
		if !errors.Is(err, http.ErrServerClosed) {
			Fatal("serve: %v", err)
		}
	}
}
