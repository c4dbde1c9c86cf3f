package main

import (
	"sync"
	"time"
)

// backlog is a rate limit in front of a slow partner: requests come in a rush, wait for their turn at a mutex, and are
// worked off long before the next rush. A rush has max of them, and comes once a period.
type backlog struct {
	settings
	turn sync.Mutex
}

func (b *backlog) run() {
	each := b.period / time.Duration(2*b.max) // half a period for all of them
	for {
		next := time.After(b.period)
		for range b.max {
			go b.request(each)
			time.Sleep(each / 4)
		}
		<-next
	}
}

//go:noinline
func (b *backlog) request(takes time.Duration) {
	b.turn.Lock()
	defer b.turn.Unlock()
	time.Sleep(takes)
}
