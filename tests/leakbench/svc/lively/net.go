package lively

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"gostat.dev/gostat/tests/leakbench/svc/host"
)

// inFlight counts requests as the usual middleware does.
func inFlight(h *host.Host, next http.HandlerFunc) http.HandlerFunc {
	var n atomic.Int64
	h.Gauge("http_requests_in_flight", func() float64 { return float64(n.Load()) })
	return func(w http.ResponseWriter, r *http.Request) {
		n.Add(1)
		defer n.Add(-1)
		next(w, r)
	}
}

// ramp goes up to high for 1.6 windows, beginning after 0.2, and stays there.
func ramp(h *host.Host, n int, open func()) {
	if !h.Sleep(h.W(0.2)) {
		return
	}
	for range n {
		go open()
		if !h.Sleep(time.Duration(float64(h.W(1.6)) / float64(n) * 2 * h.Float())) {
			return
		}
	}
}

const connections = 150

// Raw TCP: a goroutine for each connection, which answers lines.

func answerLines(ctx context.Context, c net.Conn) {
	defer context.AfterFunc(ctx, func() { _ = c.Close() })()
	defer c.Close()
	in := bufio.NewReader(c)
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		if _, err = io.WriteString(c, line); err != nil {
			return
		}
	}
}

func serveTCP(h *host.Host) {
	l, err := net.Listen("tcp", h.RawAddr())
	if err != nil {
		panic(err)
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go answerLines(h.Ctx, c)
		}
	}()
	context.AfterFunc(h.Ctx, func() { _ = l.Close() })
}

// holdTCP sends a line now and then until the service ends.
func holdTCP(h *host.Host) {
	c, err := net.Dial("tcp", h.RawAddr())
	if err != nil {
		return
	}
	defer c.Close()
	in := bufio.NewReader(c)
	for h.Sleep(h.Between(2*time.Second, 6*time.Second)) {
		if _, err = io.WriteString(c, "hello\n"); err != nil {
			return
		}
		if _, err = in.ReadString('\n'); err != nil {
			return
		}
	}
}

func rampTCP(h *host.Host) { ramp(h, connections, func() { holdTCP(h) }) }

func rampTCPSelf(h *host.Host) {
	serveTCP(h)
	go ramp(h, connections/2, func() { holdTCP(h) })
}

// Like WebSockets: the connection is taken from net/http, with a pump for each direction.

func readPump(c net.Conn, in io.Reader, gone chan<- struct{}) {
	defer close(gone)
	_, _ = io.Copy(io.Discard, in)
	_ = c.Close()
}

func writePump(h *host.Host, c net.Conn, gone <-chan struct{}) {
	defer c.Close()
	ping := time.NewTicker(3 * time.Second)
	defer ping.Stop()
	for {
		select {
		case <-ping.C:
			if _, err := io.WriteString(c, "ping\n"); err != nil {
				return
			}
		case <-gone:
			return
		case <-h.Ctx.Done():
			return
		}
	}
}

func serveSockets(h *host.Host) {
	var open atomic.Int64
	h.Gauge("websocket_connections", func() float64 { return float64(open.Load()) })
	h.Mux.HandleFunc("/socket", func(w http.ResponseWriter, _ *http.Request) {
		c, buffered, err := w.(http.Hijacker).Hijack()
		if err != nil {
			return
		}
		_, _ = io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
		gone := make(chan struct{})
		open.Add(1)
		go readPump(c, buffered, gone)
		go func() {
			defer open.Add(-1)
			writePump(h, c, gone)
		}()
	})
}

// holdSocket keeps a connection for a time; 0: until the service ends.
func holdSocket(h *host.Host, d time.Duration) {
	c, err := net.Dial("tcp", h.Addr)
	if err != nil {
		return
	}
	defer c.Close()
	_, _ = io.WriteString(c, "GET /socket HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
	if d > 0 {
		_ = c.SetReadDeadline(time.Now().Add(d))
	}
	_, _ = io.Copy(io.Discard, c)
}

func rampSockets(h *host.Host) { ramp(h, connections, func() { holdSocket(h, 0) }) }

func rampSocketsSelf(h *host.Host) {
	serveSockets(h)
	go ramp(h, connections/2, func() { holdSocket(h, 0) })
}

func churnSockets(h *host.Host) {
	atRate(h, sine(6, 24, h.W(1.2)), func() { holdSocket(h, h.Between(time.Second, 6*time.Second)) })
}

// herd: the clients' network fails every 0.9 of a window.
func herd(h *host.Host) {
	for {
		until := time.Now().Add(h.W(0.9))
		for range 100 {
			go func() {
				if h.Sleep(h.Between(0, h.W(0.5))) {
					holdSocket(h, time.Until(until))
				}
			}()
		}
		if !h.Sleep(time.Until(until) + time.Second) {
			return
		}
	}
}
