package leaks

import (
	"context"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"gostat.dev/gostat/tests/leakbench/svc/host"
)

// An upstream of the leaking code, served by the same process, as a sidecar would be in the same pod.
func streamQuotes(w http.ResponseWriter, r *http.Request) {
	_, _ = io.WriteString(w, "quote\n")
	_ = http.NewResponseController(w).Flush()
	<-r.Context().Done()
}

var responses struct {
	mu  sync.Mutex
	all []*http.Response
}

func unreadBody(h *host.Host) func() {
	h.Mux.HandleFunc("/quotes", streamQuotes)
	return func() {
		r, err := http.Get("http://" + h.Addr + "/quotes")
		if err != nil {
			return
		}
		responses.mu.Lock()
		defer responses.mu.Unlock()
		responses.all = append(responses.all, r) // for later, which never comes
	}
}

// A peer in the same process that accepts and says nothing.
func silentPeer(addr string) error {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	var kept []net.Conn
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			kept = append(kept, c)
		}
	}()
	return nil
}

func readGreeting(c net.Conn) {
	_, _ = c.Read(make([]byte, 64))
}

func unreadConn(h *host.Host) func() {
	if err := silentPeer(h.RawAddr()); err != nil {
		panic(err)
	}
	return func() {
		if c, err := net.Dial("tcp", h.RawAddr()); err == nil {
			readGreeting(c)
		}
	}
}

var pending sync.Map // of a request's number to the channel that its reply would come on

func awaitReply(reply <-chan string) { <-reply }

func handlePending(_ http.ResponseWriter, r *http.Request) {
	reply := make(chan string)
	pending.Store(r.RemoteAddr, reply)
	awaitReply(reply) // r.Context() is not heeded
}

func handlerPending(h *host.Host) func() {
	h.Mux.HandleFunc("/reply", handlePending)
	impatient := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	return func() {
		ctx, stop := context.WithTimeout(context.Background(), 300*time.Millisecond)
		defer stop()
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+h.Addr+"/reply", nil)
		if err != nil {
			return
		}
		if resp, err := impatient.Do(r); err == nil {
			_ = resp.Body.Close()
		}
	}
}
