package lively

import (
	"fmt"
	"io"
	"net/http"
	"time"

	"gostat.dev/gostat/tests/leakbench/svc/host"
)

// Requests that take their time.

func serveWork(h *host.Host) {
	h.Mux.HandleFunc("/work", inFlight(h, func(http.ResponseWriter, *http.Request) {
		work(h.Between(300*time.Millisecond, 1200*time.Millisecond))
	}))
}

func get(h *host.Host, path string) { host.Get("http://" + h.Addr + path) }

func sineClient(h *host.Host) { atRate(h, sine(4, 40, h.W(3)), func() { get(h, "/work") }) }

// Long polls: an answer comes after 2 to 8 s, and the client asks again.

func serveLongPolls(h *host.Host) {
	h.Mux.HandleFunc("/poll", inFlight(h, func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-time.After(h.Between(2*time.Second, 8*time.Second)):
		case <-r.Context().Done():
		case <-h.Ctx.Done():
		}
	}))
}

func pollLong(h *host.Host) {
	poller := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 200}}
	for range 100 {
		go func() {
			for h.Ctx.Err() == nil {
				if r, err := poller.Get("http://" + h.Addr + "/poll"); err == nil {
					_, _ = io.Copy(io.Discard, r.Body)
					_ = r.Body.Close()
				} else {
					time.Sleep(time.Second)
				}
			}
		}()
		if !h.Sleep(h.W(1.4 / 100)) {
			return
		}
	}
}

// A rate limit that requests wait for.

func serveLimited(h *host.Host) {
	t := newTokens(h, tokensPerSecond)
	h.Mux.HandleFunc("/limited", inFlight(h, func(_ http.ResponseWriter, r *http.Request) { t.wait(r.Context()) }))
}

func overload(h *host.Host) { atRate(h, overloaded(h), func() { get(h, "/limited") }) }

// Downloads: a chunk, a pause.

func serveStreams(h *host.Host) {
	h.Mux.HandleFunc("/stream", inFlight(h, func(w http.ResponseWriter, r *http.Request) {
		out := http.NewResponseController(w)
		for end := time.Now().Add(h.Between(4*time.Second, 12*time.Second)); time.Now().Before(end); {
			if _, err := fmt.Fprintf(w, "%01024d\n", 0); err != nil || out.Flush() != nil || !h.Sleep(300*time.Millisecond) {
				return
			}
		}
	}))
}

func download(h *host.Host) { atRate(h, sine(2, 8, h.W(1.1)), func() { get(h, "/stream") }) }

// slowDownstream: jobs that ask a dependency over HTTP; from 0.3 windows on it needs 20 times as long, for 1.3.
func slowDownstream(h *host.Host) {
	begin := time.Now()
	h.Mux.HandleFunc("/dependency", func(http.ResponseWriter, *http.Request) {
		d := h.Between(80*time.Millisecond, 160*time.Millisecond)
		if t := time.Since(begin); t > h.W(0.3) && t < h.W(1.6) {
			d *= time.Duration(5 + 15*min(1, float64(t-h.W(0.3))/float64(h.W(1)))) // slower and slower
		}
		work(d)
	})
	go atRate(h, constant(20), func() { get(h, "/dependency") })
}
