// Package payments leaks goroutines in every wait state that a profile can tell.
package payments

import (
	"context"
	"net"
	"runtime/pprof"
	"sync"
	"time"
)

// Pool hands out connections that nobody gives back.
type Pool struct{ free chan int }

// Server is what the leaks hang on.
type Server struct {
	pool  *Pool
	mu    sync.Mutex
	rw    sync.RWMutex
	cond  *sync.Cond
	wg    sync.WaitGroup
	once  sync.Once
	never chan int
	dead  net.Conn
}

// NewServer takes all locks, so that nobody else gets them.
func NewServer(dead net.Conn) *Server {
	s := &Server{pool: &Pool{free: make(chan int)}, never: make(chan int), dead: dead}
	s.cond = sync.NewCond(&sync.Mutex{})
	s.wg.Add(1)
	s.mu.Lock()
	s.rw.Lock()
	return s
}

func (p *Pool) acquire() { p.free <- 1 }

// Pay leaks n goroutines with labels, and one group more with others.
func (s *Server) Pay(n int) {
	for i := range n {
		labels := pprof.Labels("route", "/pay", "pool", "orders-db")
		if i == 0 {
			labels = pprof.Labels("route", "/refund")
		}
		go pprof.Do(context.Background(), labels, func(context.Context) { s.pool.acquire() })
	}
}

func (s *Server) receive() { <-s.never }

func (s *Server) choose() {
	select {
	case <-s.never:
	case s.pool.free <- 1:
	}
}

func (s *Server) lock()   { s.mu.Lock(); defer s.mu.Unlock() }
func (s *Server) rlock()  { s.rw.RLock(); defer s.rw.RUnlock() }
func (s *Server) wlock()  { s.rw.Lock(); defer s.rw.Unlock() }
func (s *Server) wait()   { s.wg.Wait() }
func (s *Server) sleep()  { time.Sleep(time.Hour) }
func (s *Server) park()   { select {} }
func (s *Server) doOnce() { s.once.Do(s.receive) }
func (s *Server) signal() {
	s.cond.L.Lock()
	s.cond.Wait()
}

func (s *Server) read() {
	var b [1]byte
	_, _ = s.dead.Read(b[:])
}

// Queue is generic.
type Queue[T any] struct{ c chan T }

// Push waits for ever.
func (q *Queue[T]) Push(v T) { q.c <- v }

// inlined is small enough to be inlined into its caller.
func inlined(c chan int) { c <- 1 }

func (s *Server) outer() { inlined(s.pool.free) }

func (s *Server) each(yield func(int) bool) { yield(1) }

func (s *Server) ranged() {
	for range s.each {
		<-s.never
	}
}

//go:noinline
func (s *Server) deep(n int) int {
	if n == 0 {
		<-s.never
	}
	return s.deep(n-1) + 1
}
