package main

import (
	"io"
	"runtime/pprof"
	"sync"
	"weak"
)

// weakset remembers what leaked goroutines wait on without keeping it reachable: a strong reference would hide
// them from the runtime's goroutineleak profile, which reports only what nothing else can wake.
type weakset[T any] struct {
	mu   sync.Mutex
	refs []weak.Pointer[T]
}

func (w *weakset[T]) add(p *T) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.refs = append(w.refs, weak.Make(p))
}

// drain empties the set and calls f for each member that still exists. The caller holds telemetry.Exclusive.
func (w *weakset[T]) drain(f func(*T)) {
	w.mu.Lock()
	var live []*T
	for _, ref := range w.refs {
		if p := ref.Value(); p != nil {
			live = append(live, p)
		}
	}
	w.refs = nil
	w.mu.Unlock()
	// A goroutine that a profile has marked as leaked crashes the program when it is woken. The next such
	// profile takes the marks off, and finds these reachable now, through live.
	if leaks := pprof.Lookup("goroutineleak"); leaks != nil {
		leaks.WriteTo(io.Discard, 0)
	}
	for _, p := range live {
		f(p)
	}
}
