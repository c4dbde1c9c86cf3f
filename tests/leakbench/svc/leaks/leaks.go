// Package leaks holds leaks that stay reachable: something that lives as long as the program still refers to what the
// goroutines wait for, so that the garbage collector, and with it the goroutineleak profile, cannot tell.
package leaks

import "gostat.dev/gostat/tests/leakbench/svc/host"

// Leak is one of them. Setup returns a function that leaks once; each call has a goroutine of its own, and may be the
// one that never returns.
type Leak struct {
	Reason string
	Match  []string // functions of leaked goroutines outside of this package
	Setup  func(h *host.Host) func()
}

// All by name.
var All = map[string]Leak{
	"registry-map":   {Reason: "sessions stay in a map after their clients are gone", Setup: registryMap},
	"parent-context": {Reason: "waits for a parent context that nobody cancels", Setup: parentContext},
	"ticker-loop":    {Reason: "a poller for each request, never stopped", Setup: tickerLoop},
	"sleeping-retry": {
		Reason: "retries for ever what cannot succeed, asleep in between",
		Setup:  sleepingRetry,
	},
	"unread-body": {
		Reason: "response bodies neither read nor closed",
		Match:  []string{"net/http.(*persistConn).", "net/http.(*connReader).backgroundRead"}, Setup: unreadBody,
	},
	"unread-conn":  {Reason: "reads without a deadline from a peer that went silent", Setup: unreadConn},
	"semaphore":    {Reason: "a slot is not given back on the error path", Setup: semaphore},
	"log-channel":  {Reason: "the log's only consumer is stuck", Setup: logChannel},
	"cond-waiters": {Reason: "sync.Cond waiters in a global list, never signalled", Setup: condWaiters},
	"event-bus":    {Reason: "subscribers that do not unsubscribe", Setup: eventBus},
	"afterfunc-alarm": {
		Reason: "time.AfterFunc callbacks send to a channel that is no longer read",
		Setup:  afterFunc,
	},
	"fan-in": {
		Reason: "the caller returns at the first result, the others block on a global channel",
		Setup:  fanIn,
	},
	"handler-pending": {
		Reason: "an HTTP handler waits for a reply that does not come, and its client has gone",
		Match:  []string{"net/http.(*connReader).backgroundRead"}, Setup: handlerPending,
	},
	"tenant-worker":    {Reason: "a worker for each tenant that was ever seen", Setup: tenantWorker},
	"global-mutex":     {Reason: "whoever held the mutex is stuck", Setup: globalMutex},
	"global-waitgroup": {Reason: "one Done of a package's WaitGroup is missing", Setup: globalWaitGroup},
}
