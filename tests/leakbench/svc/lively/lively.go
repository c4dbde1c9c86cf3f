// Package lively holds healthy services whose number of goroutines moves as that of a leaking one does for a while.
// Shapes are multiples of the detector's window (Host.W), so that "longer than the windows" stays that when time is
// compressed. Told to quiesce, each ends with the goroutines that it began with, and Daemons more.
package lively

import "gostat.dev/gostat/tests/leakbench/svc/host"

// Case is one of them.
type Case struct {
	Reason string
	Bare   bool               // no background activity
	Start  func(h *host.Host) // does not block
	Client func(h *host.Host) // the load of a sibling process, where the reason demands one; may block
}

// All by name.
var All = map[string]Case{
	"pool-autoscale": {Reason: "a worker pool of 4 to 120 scales up and down within 1.2 windows", Start: poolAutoscale},
	"warmup-steps":   {Reason: "subsystems come up one after another, then stay", Start: warmUpSteps},
	"sine-slow": {
		Reason: "short jobs, as many at a time as a sine of 2.5 windows says",
		Start:  sineSlow,
	},
	"sine-fast": {Reason: "short jobs, a sine of a quarter of a window", Start: sineFast},
	"sine-http": {
		Reason: "requests of a sibling process follow a sine of 3 windows",
		Start:  serveWork, Client: sineClient,
	},
	"bursts": {Reason: "up to 300 goroutines at once, for 1 to 3 s", Start: bursts},
	"tcp-ramp": {
		Reason: "connections of a sibling process for 1.6 windows up, then a plateau",
		Start:  serveTCP, Client: rampTCP,
	},
	"tcp-ramp-self": {Reason: "as tcp-ramp, both ends in one process", Start: rampTCPSelf},
	"ws-ramp": {
		Reason: "hijacked connections with a read and a write pump, 1.6 windows up, then a plateau",
		Start:  serveSockets, Client: rampSockets,
	},
	"ws-ramp-self": {Reason: "as ws-ramp, both ends in one process", Start: rampSocketsSelf},
	"ws-churn": {
		Reason: "hijacked connections that live 1 to 6 s, more of them in some minutes",
		Start:  serveSockets, Client: churnSockets,
	},
	"long-poll": {
		Reason: "more and more clients of long polls for 1.4 windows",
		Start:  serveLongPolls, Client: pollLong,
	},
	"reconnect-herd": {
		Reason: "all connections drop at once and come back over half a window",
		Start:  serveSockets, Client: herd,
	},
	"lock-contention": {Reason: "up to 80 goroutines want one mutex", Start: lockContention},
	"rate-limit-backlog": {
		Reason: "jobs wait for tokens; overloaded for 1.5 windows, then drained",
		Start:  backlog,
	},
	"rate-limit-http": {
		Reason: "as rate-limit-backlog, with requests of a sibling process",
		Start:  serveLimited, Client: overload,
	},
	"retry-storm": {
		Reason: "a dependency is down for 0.8 of a window; callers back off and give up",
		Start:  retryStorm,
	},
	"cron-sleepers":  {Reason: "40 schedules sleep, and run jobs together now and then", Start: cron},
	"select-daemons": {Reason: "select{} daemons appear during start-up", Start: daemons},
	"rolling-restart": {
		Reason: "the process ends and is started again on the same address",
		Start:  restarting,
	},
	"batch-jobs":  {Reason: "every third of a window 100 tasks wait for 10 slots", Start: batches},
	"tenant-idle": {Reason: "a worker for each busy tenant, ends when idle for 3 s", Start: tenants},
	"db-pool":     {Reason: "requests wait for one of 8 connections", Start: dbPool},
	"streaming": {
		Reason: "downloads that take 4 to 12 s, read slowly by a sibling process",
		Start:  serveStreams, Client: download,
	},
	"timer-garbage": {Reason: "hundreds of timers and sleepers of milliseconds", Start: timers},
	"leader-idle":   {Reason: "does nothing but keep a lease", Bare: true, Start: leader},
	"idle-jitter":   {Reason: "idle but for up to 9 short jobs at a time", Bare: true, Start: idleJitter},
	"cache-refresh": {Reason: "60 keys that expire in waves", Start: cacheRefresh},
	"fan-out":       {Reason: "each query asks 30 shards and waits for all", Start: fanOut},
	"slow-downstream": {
		Reason: "a dependency gets slow for 1.3 windows, then recovers",
		Start:  slowDownstream,
	},
	"pipeline": {Reason: "stages of goroutines under back pressure", Start: pipeline},
	"subscriber-churn": {
		Reason: "subscribers of an event bus come, stay for seconds, and leave",
		Start:  subscribers,
	},
}
