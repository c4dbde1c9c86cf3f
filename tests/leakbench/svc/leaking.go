package main

import (
	"encoding/json"
	"os"
	"runtime"
	"sync/atomic"
	"time"

	"gostat.dev/gostat/tests/leakbench/svc/host"
	"gostat.dev/gostat/tests/leakbench/svc/kernel"
	"gostat.dev/gostat/tests/leakbench/svc/leaks"
)

const (
	pace       = 100 * time.Millisecond
	maxCalls   = 200  // of a kernel at once: some take a second
	maxCPU     = 0.04 // of a core, for attempts; what leaks rarely leaks as fast as that allows
	priorTries = 50   // attempts that the calibrated yield counts for beside the measured one
)

// The packages that the kernels are built in.
const kernels = "gostat.dev/gostat/tests/leakbench/svc/"

func known(name string) bool {
	_, isKernel := kernel.All[name]
	_, isLeak := leaks.All[name]
	return isKernel || isLeak
}

// setup returns a function that tries the leak n times and does not block.
func setup(h *host.Host) func(n int) {
	if c, ok := leaks.All[h.Case]; ok {
		h.Expect(append(c.Match, kernels+"leaks.")...)
		once := c.Setup(h)
		return func(n int) {
			for range n {
				go once()
			}
		}
	}
	h.Expect(kernels+"goker.", kernels+"simple.")
	k := kernel.All[h.Case]
	var running atomic.Int64
	call := func() {
		defer running.Add(-1)
		k.Call()
	}
	return func(n int) {
		calls := n
		if k.Loops {
			kernel.SetAttempts(n)
			calls = 1
		}
		for range calls {
			if running.Add(1) > maxCalls {
				running.Add(-1)
				continue
			}
			go call()
		}
	}
}

// leakFor tries until the service quiesces, so often that -rate goroutines leak in a second. Attempts come at random
// times, as requests do. What an attempt yields is measured as it goes.
func leakFor(h *host.Host, try func(n int)) {
	base, tried, credit := runtime.NumGoroutine(), 0.0, 0.0
	most := 1e9
	if *cost > 0 {
		most = maxCPU * pace.Seconds() / cost.Seconds()
	}
	h.Every(pace, func() {
		leaked := max(0, float64(runtime.NumGoroutine()-base))
		perTry := (leaked + *yield*priorTries) / (tried + priorTries)
		credit += min(*rate*pace.Seconds()/max(perTry, 1e-6), most) * 2 * h.Float()
		if n := int(credit); n > 0 {
			h.Tried(n)
			try(n)
			credit -= float64(n)
			tried += float64(n)
		}
	})
}

// calibration is what the driver hands to the services as -yield and -cost, and why a kernel cannot serve.
type calibration struct {
	Yield    float64        `json:"yield"`
	CostUs   float64        `json:"costUs"`
	Attempts int            `json:"attempts"`
	Leaked   int            `json:"leaked"`
	Leaves   map[string]int `json:"leaves"`
	IdleCPU  float64        `json:"idleCpu"` // cores in use with nothing but the leaked goroutines left
}

const (
	enough    = 20 // leaked goroutines
	idleFor   = time.Second
	maxTryCPU = 2 * time.Second
	manyTries = 1000 // in one call, as the originals do: some leak only in a crowd
)

// runCalibration tries ten times as often in each round, until enough has leaked or too much time was spent.
func runCalibration(h *host.Host) {
	try, before, chunk := setup(h), host.CPU(), maxCalls
	if kernel.All[h.Case].Loops {
		chunk = manyTries
	}
	var c calibration
	var spent time.Duration
	for n := 1; n <= 100000; n *= 10 {
		for left := n; left > 0; left -= chunk {
			try(min(left, chunk))
			time.Sleep(20 * time.Millisecond)
		}
		host.Settle()
		c.Attempts += n
		spent = host.CPU() - before
		if c.Leaked = h.Now().Leaked; c.Leaked >= enough || spent > maxTryCPU {
			break
		}
	}
	c.Yield = float64(c.Leaked) / float64(c.Attempts)
	c.CostUs = float64(spent.Microseconds()) / float64(c.Attempts)
	idle := host.CPU()
	time.Sleep(idleFor)
	c.IdleCPU = (host.CPU() - idle).Seconds() / idleFor.Seconds()
	c.Leaves = h.Now().Leaves
	_ = json.NewEncoder(os.Stdout).Encode(c)
}
