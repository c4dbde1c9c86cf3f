package main

import "context"

// session watches for events until its context is cancelled.
type session struct {
	ctx    context.Context
	cancel context.CancelFunc
	events chan string
	seen   int
}

// sessions leaks through a missing cancel: a session is opened and its cancel function never called.
type sessions struct{ open weakset[session] }

func (s *sessions) work(_ context.Context, leaking bool) {
	one := s.start()
	if leaking {
		s.open.add(one)
		return // without one.cancel()
	}
	one.events <- "hello"
	one.cancel()
}

//go:noinline
func (s *sessions) start() *session {
	ctx, cancel := context.WithCancel(context.Background())
	one := &session{ctx: ctx, cancel: cancel, events: make(chan string)}
	go one.run()
	return one
}

//go:noinline
func (s *session) run() {
	s.watch()
	s.cancel() // never reached: watch waits for this very call
}

//go:noinline
func (s *session) watch() {
	for {
		select {
		case <-s.ctx.Done():
			return
		case <-s.events:
			s.seen++ // keeps s alive across the select
		}
	}
}

func (s *sessions) release() {
	s.open.drain(func(one *session) { one.cancel() })
}
