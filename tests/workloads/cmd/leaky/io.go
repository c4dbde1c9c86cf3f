package main

import (
	"context"
	"net"
	"sync"
	"time"

	"gostat.dev/gostat/tests/workloads/internal/telemetry"
)

// exchange is the peer of prices, over real loopback connections: it answers, or accepts and then says nothing.
type exchange struct {
	listener net.Listener
	mu       sync.Mutex
	silent   []net.Conn // kept without a goroutine: the leak is the client's
}

func (e *exchange) accept() {
	for {
		c, err := e.listener.Accept()
		if err != nil {
			time.Sleep(100 * time.Millisecond) // out of file descriptors, most likely
			continue
		}
		ask := make([]byte, 1)
		if _, err := c.Read(ask); err != nil || ask[0] == '?' {
			c.Write([]byte("1"))
			c.Close()
			continue
		}
		e.mu.Lock()
		e.silent = append(e.silent, c)
		e.mu.Unlock()
	}
}

// prices leaks through stuck I/O: it waits for the answer of a peer that never answers, with no deadline.
type prices struct{ peer *exchange }

func newPrices() *prices {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		telemetry.Fatal("the exchange: %v", err)
	}
	p := &prices{peer: &exchange{listener: l}}
	go p.peer.accept()
	return p
}

func (p *prices) work(_ context.Context, leaking bool) {
	question := byte('?')
	if leaking {
		question = '!' // the one that the exchange has no answer to
	}
	p.refresh(question)
}

//go:noinline
func (p *prices) refresh(question byte) {
	go func() {
		c, err := net.Dial("tcp", p.peer.listener.Addr().String())
		if err != nil {
			return
		}
		defer c.Close()
		c.Write([]byte{question})
		p.fetchQuote(c)
	}()
}

//go:noinline
func (p *prices) fetchQuote(c net.Conn) {
	answer := make([]byte, 64)
	c.Read(answer)
}

func (p *prices) release() {
	p.peer.mu.Lock()
	defer p.peer.mu.Unlock()
	for _, c := range p.peer.silent {
		c.Close()
	}
	p.peer.silent = nil
}
