package main

import (
	"context"
	"errors"
	"sync"
)

var errClosed = errors.New("account is closed")

// account is what the ledger's lock guards.
type account struct {
	mu    sync.Mutex // the one that is forgotten
	state sync.Mutex // guards the two below
	shut  bool
	stuck bool // an early return has left mu locked
}

// closed tells whether posting must fail, and notes that the caller, who holds mu, will not unlock it then.
func (a *account) closed() bool {
	a.state.Lock()
	defer a.state.Unlock()
	a.stuck = a.stuck || a.shut
	return a.shut
}

// ledger leaks through a forgotten unlock: one posting fails and returns with the lock held, the others queue behind it.
type ledger struct {
	mu      sync.Mutex
	current *account
}

func newLedger() *ledger { return &ledger{current: &account{}} }

// open returns the account to post to; nil if it is closed and the caller, as the fixed program does, looks first.
func (l *ledger) open(leaking bool) *account {
	l.mu.Lock()
	defer l.mu.Unlock()
	a := l.current
	a.state.Lock()
	defer a.state.Unlock()
	a.shut = a.shut || leaking
	if a.shut && !leaking {
		return nil
	}
	return a
}

func (l *ledger) work(_ context.Context, leaking bool) {
	if a := l.open(leaking); a != nil {
		l.settle(a)
	}
}

//go:noinline
func (l *ledger) settle(a *account) {
	go func() { _ = l.post(a) }()
}

//go:noinline
func (l *ledger) post(a *account) error {
	a.mu.Lock()
	if a.closed() {
		return errClosed // and mu stays locked
	}
	a.mu.Unlock()
	return nil
}

// release opens the account again and unlocks it for the one that forgot; later work gets a fresh one.
func (l *ledger) release() {
	l.mu.Lock()
	defer l.mu.Unlock()
	a := l.current
	l.current = &account{}
	a.state.Lock()
	defer a.state.Unlock()
	a.shut = false
	if a.stuck {
		a.mu.Unlock()
	}
}
