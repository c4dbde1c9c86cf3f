package main

import (
	"math"
	"math/rand/v2"
	"time"
)

type job struct{ takes time.Duration }

// pool keeps a number of workers that follows the load: a sine from a tenth of max up to max, once a period.
// Workers that are not needed are told to leave when they are idle.
type pool struct {
	settings
	jobs    chan job
	leave   chan struct{}
	workers int
}

func (p *pool) run() {
	p.leave = make(chan struct{})
	begin := time.Now()
	for now := range time.Tick(50 * time.Millisecond) {
		low := float64(p.max) / 10
		wave := (1 - math.Cos(2*math.Pi*p.phase(begin, now))) / 2
		p.scale(int(low + (float64(p.max)-low)*wave))
		p.feed()
	}
}

// scale starts workers or lets some leave; it never waits for one that is busy.
func (p *pool) scale(want int) {
	for ; p.workers < want; p.workers++ {
		go p.worker()
	}
	for p.workers > want {
		select {
		case p.leave <- struct{}{}:
			p.workers--
		default:
			return // all are busy; at the next tick, then
		}
	}
}

// feed gives jobs to a third of the workers, if so many are idle.
func (p *pool) feed() {
	for range p.workers / 3 {
		select {
		case p.jobs <- job{takes: time.Duration(20+rand.IntN(80)) * time.Millisecond}:
		default:
			return
		}
	}
}

//go:noinline
func (p *pool) worker() {
	for p.next() {
	}
}

//go:noinline
func (p *pool) next() bool {
	select {
	case j := <-p.jobs:
		time.Sleep(j.takes)
		return true
	case <-p.leave:
		return false
	}
}
