package lively

import (
	"context"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"gostat.dev/gostat/tests/leakbench/svc/host"
)

// autoscaler is a pool that adds a worker when its queue is full, and whose idle workers leave.
type autoscaler struct {
	h       *host.Host
	jobs    chan time.Duration
	workers atomic.Int64
}

const (
	fewest = 4
	most   = 120
)

func (p *autoscaler) work() {
	for {
		select {
		case d := <-p.jobs:
			time.Sleep(d)
		case <-time.After(2 * time.Second):
			if p.workers.Add(-1) >= fewest {
				return
			}
			p.workers.Add(1)
		case <-p.h.Ctx.Done():
			return
		}
	}
}

func (p *autoscaler) submit(d time.Duration) {
	select {
	case p.jobs <- d:
	default: // the queue is full
		if p.workers.Load() < most {
			p.workers.Add(1)
			go p.work()
		}
	}
}

func poolAutoscale(h *host.Host) {
	p := &autoscaler{h: h, jobs: make(chan time.Duration, 8)}
	go atRate(h, sine(10, 150, h.W(1.2)), func() { p.submit(h.Between(200*time.Millisecond, time.Second)) })
}

// tokens are given out at a pace; who wants one waits.
type tokens chan struct{}

func newTokens(h *host.Host, perSecond float64) tokens {
	t := make(tokens)
	go h.Every(time.Duration(float64(time.Second)/perSecond), func() {
		select {
		case t <- struct{}{}:
		default:
		}
	})
	return t
}

func (t tokens) wait(ctx context.Context) {
	select {
	case <-t:
	case <-ctx.Done():
	}
}

const tokensPerSecond = 40

// overloaded for 1.5 windows: then far less than what drains.
func overloaded(h *host.Host) func(time.Duration) float64 {
	return func(t time.Duration) float64 {
		switch {
		case t < h.W(0.2):
			return 0.6 * tokensPerSecond
		case t < h.W(1.7):
			return 1.1 * tokensPerSecond
		default:
			return 0.3 * tokensPerSecond
		}
	}
}

func backlog(h *host.Host) {
	t := newTokens(h, tokensPerSecond)
	go atRate(h, overloaded(h), func() { t.wait(h.Ctx) })
}

// retryStorm: five attempts, with pauses that double, then the caller gives up.
func retryStorm(h *host.Host) {
	begin := time.Now()
	down := func() bool { t := time.Since(begin); return t > h.W(0.6) && t < h.W(1.4) }
	go atRate(h, constant(25), func() {
		pause := h.Between(100*time.Millisecond, 300*time.Millisecond)
		for range 5 {
			work(20 * time.Millisecond)
			if !down() || !h.Sleep(pause) {
				return
			}
			pause *= 2
		}
	})
}

// restarting: 12 workers within a tenth of a window; after 0.8 of one the process ends, as in a rolling restart.
func restarting(h *host.Host) {
	go func() {
		for range 12 {
			go h.Every(h.Between(time.Second, 2*time.Second), func() {})
			if !h.Sleep(h.W(0.01)) {
				return
			}
		}
	}()
	time.AfterFunc(h.W(0.8), func() {
		if h.Ctx.Err() == nil {
			os.Exit(0)
		}
	})
}

func batches(h *host.Host) {
	go h.Every(h.W(0.33), func() {
		slots := make(chan struct{}, 10)
		for range 100 {
			go func() {
				slots <- struct{}{}
				work(h.Between(100*time.Millisecond, 500*time.Millisecond))
				<-slots
			}()
		}
	})
}

const tenantIdle = 3 * time.Second

type tenantPool struct {
	h    *host.Host
	mu   sync.Mutex
	jobs map[int]chan time.Duration
}

func (p *tenantPool) work(id int, jobs chan time.Duration) {
	for {
		select {
		case d := <-jobs:
			time.Sleep(d)
		case <-time.After(tenantIdle):
			p.mu.Lock()
			delete(p.jobs, id)
			p.mu.Unlock()
			return
		case <-p.h.Ctx.Done():
			return
		}
	}
}

func (p *tenantPool) submit(id int, d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := p.jobs[id]
	if c == nil {
		c = make(chan time.Duration, 4)
		p.jobs[id] = c
		go p.work(id, c)
	}
	select {
	case c <- d:
	default:
	}
}

// tenants: which of 400 are busy drifts.
func tenants(h *host.Host) {
	p := &tenantPool{h: h, jobs: map[int]chan time.Duration{}}
	rate := sine(10, 40, h.W(1.5))
	begin := time.Now()
	go h.Every(pace, func() {
		for range int(rate(time.Since(begin)) * pace.Seconds()) {
			f := h.Float()
			p.submit(int(400*f*f), h.Between(0, 200*time.Millisecond))
		}
	})
}

func lockContention(h *host.Host) {
	var mu sync.Mutex
	go atRate(h, sine(15, 75, h.W(0.8)), func() {
		work(h.Between(200*time.Millisecond, 800*time.Millisecond))
		mu.Lock()
		defer mu.Unlock()
		work(h.Between(5*time.Millisecond, 20*time.Millisecond))
	})
}

// dbPool: handlers of background jobs that wait for a connection, as database/sql lets them.
func dbPool(h *host.Host) {
	connections := make(chan struct{}, 8)
	var waiting atomic.Int64
	h.Gauge("go_sql_in_use_connections", func() float64 { return float64(len(connections)) })
	h.Gauge("go_sql_wait_count", func() float64 { return float64(waiting.Load()) })
	go atRate(h, sine(10, 60, h.W(0.7)), func() {
		waiting.Add(1)
		connections <- struct{}{}
		waiting.Add(-1)
		work(h.Between(50*time.Millisecond, 250*time.Millisecond))
		<-connections
	})
}

func cacheRefresh(h *host.Host) {
	go h.Every(h.W(0.15), func() {
		for range 60 {
			go work(h.Between(50*time.Millisecond, 1200*time.Millisecond))
		}
	})
}

func fanOut(h *host.Host) {
	go atRate(h, constant(3), func() {
		var shards sync.WaitGroup
		for range 30 {
			shards.Go(func() { work(h.Between(10*time.Millisecond, 600*time.Millisecond)) })
		}
		shards.Wait()
	})
}

// pipeline: three stages of 10 behind each other, the last one slower at times.
func pipeline(h *host.Host) {
	slow := sine(5, 60, h.W(0.5))
	begin := time.Now()
	in, mid := make(chan int), make(chan int, 20)
	var feeding, first sync.WaitGroup
	for range 10 {
		first.Go(func() {
			for n := range in {
				mid <- n
			}
		})
		go func() {
			for range mid {
				work(time.Duration(slow(time.Since(begin))) * time.Millisecond * 5)
			}
		}()
	}
	go func() {
		atRate(h, constant(45), func() {
			feeding.Add(1)
			defer feeding.Done()
			select {
			case in <- 1:
			case <-h.Ctx.Done():
			}
		})
		time.Sleep(time.Second) // the last ones have begun
		feeding.Wait()
		close(in)
		first.Wait()
		close(mid)
	}()
}

func subscribers(h *host.Host) {
	var mu sync.Mutex
	subs := map[chan int]bool{}
	go h.Every(200*time.Millisecond, func() {
		mu.Lock()
		defer mu.Unlock()
		for c := range subs {
			select {
			case c <- 1:
			default:
			}
		}
	})
	go atRate(h, sine(4, 16, h.W(0.9)), func() {
		c := make(chan int, 1)
		mu.Lock()
		subs[c] = true
		mu.Unlock()
		for end := time.After(h.Between(time.Second, 5*time.Second)); ; {
			select {
			case <-c:
				continue
			case <-end:
			case <-h.Ctx.Done():
			}
			break
		}
		mu.Lock()
		delete(subs, c)
		mu.Unlock()
	})
}
