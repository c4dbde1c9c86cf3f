package host

import (
	"io"
	"net/http"
	"time"
)

// Background is what a small healthy service does all day: tickers, a worker pool, requests to itself over kept
// connections, and goroutines that are gone at once.
func (h *Host) Background() {
	for _, d := range []time.Duration{300 * time.Millisecond, time.Second, 4 * time.Second} {
		go h.Every(d, func() {})
	}
	jobs := make(chan func(), 16)
	for range 4 {
		go worker(jobs, h.Ctx.Done())
	}
	go h.Every(200*time.Millisecond, func() {
		for range 1 + int(3*h.Float()) {
			d := h.Between(time.Millisecond, 60*time.Millisecond)
			select {
			case jobs <- func() { time.Sleep(d) }:
			default:
			}
		}
	})
	go h.Every(500*time.Millisecond, func() {
		for range 1 + int(4*h.Float()) {
			d := h.Between(0, 150*time.Millisecond)
			go shortLived(d)
		}
	})
	go h.Every(400*time.Millisecond, func() { Get("http://" + h.Addr + "/ping") })
}

func worker(jobs <-chan func(), done <-chan struct{}) {
	for {
		select {
		case job := <-jobs:
			job()
		case <-done:
			return
		}
	}
}

func shortLived(d time.Duration) { time.Sleep(d) }

// Get asks and reads all of the answer; failures are the load's own business.
func Get(url string) {
	if r, err := http.Get(url); err == nil {
		_, _ = io.Copy(io.Discard, r.Body)
		_ = r.Body.Close()
	}
}
