package lively

import (
	"math"
	"time"

	"gostat.dev/gostat/tests/leakbench/svc/host"
)

const pace = 100 * time.Millisecond

// atRate starts job in goroutines of their own, rate(elapsed) in a second, at random times.
func atRate(h *host.Host, rate func(elapsed time.Duration) float64, job func()) {
	begin, credit := time.Now(), 0.0
	h.Every(pace, func() {
		for credit += rate(time.Since(begin)) * pace.Seconds() * 2 * h.Float(); credit >= 1; credit-- {
			go job()
		}
	})
}

func constant(rate float64) func(time.Duration) float64 {
	return func(time.Duration) float64 { return rate }
}

// sine goes from low to high and back in a period, beginning at the bottom.
func sine(low, high float64, period time.Duration) func(time.Duration) float64 {
	return func(t time.Duration) float64 {
		return low + (high-low)*(1-math.Cos(2*math.Pi*float64(t)/float64(period)))/2
	}
}

func work(d time.Duration) { time.Sleep(d) }

func sineSlow(h *host.Host) {
	go atRate(h, sine(8, 90, h.W(2.5)), func() { work(h.Between(300*time.Millisecond, 1500*time.Millisecond)) })
}

func sineFast(h *host.Host) {
	go atRate(h, sine(8, 90, h.W(0.25)), func() { work(h.Between(200*time.Millisecond, 900*time.Millisecond)) })
}

func bursts(h *host.Host) {
	go func() {
		for h.Sleep(h.Between(h.W(0.05), h.W(0.3))) {
			for range 60 + int(240*h.Float()) {
				go work(h.Between(time.Second, 3*time.Second))
			}
		}
	}()
}

func timers(h *host.Host) {
	go h.Every(pace, func() {
		for range 20 {
			time.AfterFunc(h.Between(0, 40*time.Millisecond), func() { work(time.Millisecond) })
			go work(h.Between(time.Millisecond, 50*time.Millisecond))
		}
	})
}

func leader(h *host.Host) { go h.Every(2*time.Second, renewLease) }

func renewLease() { time.Sleep(2 * time.Millisecond) }

func idleJitter(h *host.Host) {
	go h.Every(700*time.Millisecond, func() {
		for range int(9 * h.Float()) {
			go work(h.Between(100*time.Millisecond, 2*time.Second))
		}
	})
}

// warmUpSteps: six subsystems of 5 workers each, all up after 0.7 of a window.
func warmUpSteps(h *host.Host) {
	go func() {
		for range 6 {
			for range 5 {
				go h.Every(h.Between(time.Second, 3*time.Second), func() {})
			}
			if !h.Sleep(h.W(0.7 / 6)) {
				return
			}
		}
	}()
}

func daemon(h *host.Host) {
	_ = h
	select {}
}

// daemons: ten that never return, all there after 0.6 of a window.
func daemons(h *host.Host) {
	go func() {
		for range 10 {
			go daemon(h)
			if !h.Sleep(h.W(0.06)) {
				return
			}
		}
	}()
}

// cron: schedules with periods from an eighth of a window up, in steps, so that some coincide.
func cron(h *host.Host) {
	for k := range 40 {
		go h.Every(h.W(0.125*float64(1+k%6)), func() {
			for range 1 + k%4 {
				go work(h.Between(200*time.Millisecond, 2*time.Second))
			}
		})
	}
}
