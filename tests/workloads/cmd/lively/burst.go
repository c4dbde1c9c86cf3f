package main

import (
	"context"
	"math/rand/v2"
	"runtime/pprof"
	"sync"
	"time"
)

// burst starts up to max short-lived goroutines at once, about once a period; each lives one to five seconds.
type burst struct{ settings }

func (b *burst) run() {
	for {
		var all sync.WaitGroup
		labels := pprof.Labels("route", "/report")
		pprof.Do(context.Background(), labels, func(context.Context) { b.spread(&all) })
		all.Wait() // so that two bursts are never there together: max holds
		time.Sleep(time.Duration((0.2 + 0.8*rand.Float64()) * float64(b.period)))
	}
}

//go:noinline
func (b *burst) spread(all *sync.WaitGroup) {
	parts := make(chan int)
	n := b.max/4 + rand.IntN(b.max-b.max/4+1)
	if n > b.max-1 {
		n = b.max - 1 // one is for collect
	}
	for range n {
		all.Go(func() { b.render(parts) })
	}
	all.Go(func() { collect(parts, n) })
}

//go:noinline
func (b *burst) render(parts chan<- int) {
	time.Sleep(time.Second + time.Duration(rand.Int64N(int64(4*time.Second))))
	parts <- 1
}

//go:noinline
func collect(parts <-chan int, n int) {
	for range n {
		<-parts
	}
}
