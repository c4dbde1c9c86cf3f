package leaks

import (
	"strconv"
	"sync"
	"time"

	"gostat.dev/gostat/tests/leakbench/svc/host"
)

type bus struct {
	mu          sync.Mutex
	subscribers []chan int
}

var events bus

func (b *bus) subscribe() <-chan int {
	c := make(chan int, 1)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.subscribers = append(b.subscribers, c)
	return c
}

func (b *bus) publish(event int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range b.subscribers {
		select {
		case c <- event:
		default:
		}
	}
}

// consume gets events, so its goroutines are not even idle.
func consume(events <-chan int) {
	for range events {
	}
}

func eventBus(h *host.Host) func() {
	go h.Every(2*time.Second, func() { events.publish(1) })
	return func() { consume(events.subscribe()) }
}

var alarms = make(chan time.Time)

func raiseAlarm() { alarms <- time.Now() }

func afterFunc(h *host.Host) func() {
	return func() { time.AfterFunc(h.Between(0, 300*time.Millisecond), raiseAlarm) }
}

// queries keeps the channel of each query that was ever asked.
var queries struct {
	sync.Mutex
	answers []chan int
}

func queryShard(answers chan<- int, shard int, pause time.Duration) {
	time.Sleep(pause)
	answers <- shard
}

func fanIn(h *host.Host) func() {
	return func() { // the first answer is read, the other one never
		answers := make(chan int)
		queries.Lock()
		queries.answers = append(queries.answers, answers)
		queries.Unlock()
		go queryShard(answers, 0, h.Between(0, 20*time.Millisecond))
		go queryShard(answers, 1, h.Between(0, 20*time.Millisecond))
		<-answers
	}
}

type tenant struct {
	jobs chan func()
	quit chan struct{}
}

var tenants sync.Map

func (t *tenant) work() {
	for {
		select {
		case job := <-t.jobs:
			job()
		case <-t.quit:
			return
		}
	}
}

func tenantWorker(h *host.Host) func() {
	n := 0
	var mu sync.Mutex
	return func() {
		mu.Lock()
		n++
		name := "tenant-" + strconv.Itoa(n) // a bug elsewhere: the request's id is taken for the tenant's
		mu.Unlock()
		t := &tenant{jobs: make(chan func()), quit: make(chan struct{})}
		tenants.Store(name, t)
		go t.work()
		t.jobs <- func() {}
	}
}

type accounts struct {
	mu      sync.Mutex
	balance int
}

var ledger accounts

func (a *accounts) post(amount int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.balance += amount
}

func globalMutex(*host.Host) func() {
	ledger.mu.Lock() // by a transfer that panicked and was recovered
	return func() { ledger.post(1) }
}

var batch sync.WaitGroup

func awaitBatch() { batch.Wait() }

func globalWaitGroup(*host.Host) func() {
	batch.Add(1)
	return awaitBatch
}
