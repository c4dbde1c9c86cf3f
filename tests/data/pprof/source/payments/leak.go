package payments

import (
	"context"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"
)

func times(n int, f func()) {
	for range n {
		go f()
	}
}

// Leak starts them all; the counts are all different where they can be.
func (s *Server) Leak() {
	s.Pay(40)
	times(30, s.receive)
	times(29, s.choose)
	times(28, s.lock)
	times(27, s.rlock)
	times(1, s.wlock)
	times(25, s.wait)
	times(24, s.sleep)
	times(23, s.park)
	times(22, s.signal)
	times(21, s.read)
	times(20, s.outer)
	times(19, s.ranged)
	times(18, s.doOnce)
	for range 9 {
		go (&Queue[int]{make(chan int)}).Push(1)
		go (&Queue[string]{make(chan string)}).Push("x")
	}
	g := new(errgroup.Group)
	for range 17 {
		g.Go(func() error { s.receive(); return nil })
	}
	w := semaphore.NewWeighted(1)
	_ = w.Acquire(context.Background(), 1)
	for range 16 {
		go w.Acquire(context.Background(), 1)
	}
	for range 15 {
		go func() { <-s.never }()
	}
	for range 14 {
		go func() { s.deep(60) }()
	}
	for range 13 {
		go func() { s.deep(300) }()
	}
}
