package leaks

import (
	"context"
	"sync"
	"time"

	"gostat.dev/gostat/tests/leakbench/svc/host"
)

type session struct {
	id    int
	inbox chan string
}

type sessionRegistry struct {
	mu   sync.Mutex
	byID map[int]*session
}

var sessions = sessionRegistry{byID: map[int]*session{}}

func (r *sessionRegistry) open() *session {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := &session{id: len(r.byID), inbox: make(chan string)}
	r.byID[s.id] = s
	return s
}

func (s *session) serve() {
	for range s.inbox {
	}
}

func registryMap(*host.Host) func() { return func() { sessions.open().serve() } }

// The application's context, of which requests derive theirs by mistake.
var application, applicationStop = context.WithCancel(context.Background())

func watchConfig(ctx context.Context, changes <-chan int) {
	select {
	case <-ctx.Done():
	case <-changes:
	}
}

func parentContext(*host.Host) func() {
	_ = applicationStop
	return func() { watchConfig(application, make(chan int)) }
}

func pollStatus(every time.Duration) {
	for range time.NewTicker(every).C {
	}
}

func tickerLoop(h *host.Host) func() {
	return func() { pollStatus(h.Between(time.Second, 3*time.Second)) }
}

func deliver(attempt int) bool { return attempt < 0 }

func retryDelivery(pause time.Duration) {
	for attempt := 0; !deliver(attempt); attempt++ {
		time.Sleep(pause)
	}
}

func sleepingRetry(h *host.Host) func() {
	return func() { retryDelivery(h.Between(500*time.Millisecond, 5*time.Second)) }
}

// A counting semaphore as a channel.
var slots = make(chan struct{}, 8)

func acquireSlot() { slots <- struct{}{} }

func convert(fails bool) {
	acquireSlot()
	if fails {
		return // without the slot
	}
	<-slots
}

func semaphore(*host.Host) func() {
	for range cap(slots) {
		convert(true)
	}
	return func() { convert(false) }
}

type logger struct {
	lines chan string
	disk  sync.Mutex
}

var log = &logger{lines: make(chan string, 16)}

func (l *logger) write(line string) { l.lines <- line }

func (l *logger) flush() {
	for range l.lines {
		l.disk.Lock() // held by a rotation that hangs
	}
}

func logChannel(*host.Host) func() {
	log.disk.Lock()
	go log.flush()
	for range cap(log.lines) + 1 {
		log.write("warm-up")
	}
	return func() { log.write("request") }
}

type ticket struct {
	cond *sync.Cond
	done bool
}

var tickets struct {
	mu  sync.Mutex
	all []*ticket
}

func (t *ticket) wait() {
	t.cond.L.Lock()
	defer t.cond.L.Unlock()
	for !t.done {
		t.cond.Wait()
	}
}

func condWaiters(*host.Host) func() {
	return func() {
		t := &ticket{cond: sync.NewCond(&sync.Mutex{})}
		tickets.mu.Lock()
		tickets.all = append(tickets.all, t)
		tickets.mu.Unlock()
		t.wait()
	}
}
