package main

import (
	"context"
	"runtime"
)

// reply carries the result of one order to whoever accepted it.
type reply struct{ id chan int }

// orders leaks through an unread channel: who accepted an order gives up before the worker has published its result.
type orders struct{ waiting weakset[reply] }

func (o *orders) work(_ context.Context, leaking bool) { o.accept(leaking) }

//go:noinline
func (o *orders) accept(leaking bool) {
	r := &reply{id: make(chan int)}
	go func() { o.publish(r) }()
	if leaking {
		o.waiting.add(r)
		return // nobody reads r.id any more
	}
	<-r.id
}

//go:noinline
func (o *orders) publish(r *reply) {
	r.id <- 1
	runtime.KeepAlive(r) // as the channel's owner, which release looks for
}

func (o *orders) release() {
	o.waiting.drain(func(r *reply) { <-r.id })
}
