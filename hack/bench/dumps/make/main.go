// Make writes what hack/bench/dumps.sh measures on: a dump (goroutine?debug=2) and a profile (debug=0) of one program, into
// the directory that is its argument. Goroutines stand at so many different stacks, spread over eight leaves and four
// entries; the runtime cuts the dump at 64 MiB.
package main

import (
	"flag"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"sync"
	"time"
)

type service struct {
	mu    sync.Mutex
	rw    sync.RWMutex
	wg    sync.WaitGroup
	ready sync.WaitGroup
	never chan int
	full  chan string
}

type request struct {
	path  uint // two bits for each call on the way to the leaf
	calls int
	leaf  uint
}

//go:noinline
func (s *service) route(r request, trace string, deadline time.Duration) int {
	if r.calls == 0 {
		return s.leaf(r, trace)
	}
	path := r.path & 3
	r.path >>= 2
	r.calls--
	switch path {
	case 0:
		return s.route(r, trace, deadline) + 1
	case 1:
		return s.authorize(r, trace, deadline) + 2
	case 2:
		return s.route(r, trace, deadline) + 3
	}
	return s.route(r, trace, deadline/2) + 4
}

//go:noinline
func (s *service) authorize(r request, trace string, deadline time.Duration) int {
	return s.route(r, trace, deadline) + 1
}

//go:noinline
func (s *service) leaf(r request, trace string) int {
	s.ready.Done()
	switch r.leaf % 8 {
	case 0:
		s.full <- trace
	case 1:
		return <-s.never
	case 2:
		s.mu.Lock()
	case 3:
		s.rw.RLock()
	case 4:
		s.wg.Wait()
	case 5:
		time.Sleep(time.Hour)
	case 6:
		select {
		case v := <-s.never:
			return v
		case s.full <- trace:
		}
	case 7:
		select {}
	}
	return len(trace)
}

func (s *service) serveHTTP(r request, trace string)  { s.route(r, trace, time.Second) }
func (s *service) serveQueue(r request, trace string) { s.route(r, trace, time.Minute) }
func (s *service) serveCron(r request, trace string)  { s.route(r, trace, time.Hour) }
func (s *service) serveRetry(r request, trace string) { s.route(r, trace, 0) }

func (s *service) start(goroutines, stacks int) {
	serve := []func(request, string){s.serveHTTP, s.serveQueue, s.serveCron, s.serveRetry}
	s.mu.Lock()
	s.rw.Lock()
	s.wg.Add(1)
	s.ready.Add(goroutines)
	for i := range goroutines {
		k := uint(i % stacks)
		r := request{path: k / 32, calls: 5, leaf: k}
		go serve[k/8%4](r, fmt.Sprintf("trace-%d", i))
	}
	s.ready.Wait()
	for range 20 { // until all have stopped at what they wait for
		runtime.Gosched()
		time.Sleep(50 * time.Millisecond)
	}
}

func write(path string, debug int) {
	f, err := os.Create(path)
	if err != nil {
		log.Fatal(err)
	}
	if err := pprof.Lookup("goroutine").WriteTo(f, debug); err != nil {
		log.Fatal(err)
	}
	if err := f.Close(); err != nil {
		log.Fatal(err)
	}
}

func main() {
	goroutines := flag.Int("goroutines", 100000, "how many")
	stacks := flag.Int("stacks", 5000, "at how many different stacks")
	flag.Parse()
	s := &service{never: make(chan int), full: make(chan string)}
	s.start(*goroutines, *stacks)
	write(filepath.Join(flag.Arg(0), "goroutine.pb.gz"), 0)
	write(filepath.Join(flag.Arg(0), "goroutine.txt"), 2)
}
