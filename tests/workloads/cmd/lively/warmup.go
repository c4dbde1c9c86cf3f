package main

import "time"

const steps = 5

// warmup starts what the service needs for good, in steps over its first period: max consumers that wait for messages,
// and for each step a daemon that never ends. From then on their number stays.
type warmup struct {
	settings
	messages chan struct{}
}

func (w *warmup) run() {
	w.messages = make(chan struct{})
	for range steps {
		for range w.max / steps {
			go w.consume()
		}
		go w.daemon()
		time.Sleep(w.period / steps)
	}
	for range time.Tick(10 * time.Millisecond) {
		w.messages <- struct{}{}
	}
}

//go:noinline
func (w *warmup) consume() {
	for range w.messages {
		time.Sleep(time.Millisecond)
	}
}

//go:noinline
func (w *warmup) daemon() { select {} }
