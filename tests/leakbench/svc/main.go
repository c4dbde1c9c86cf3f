// Command svc is one service of the benchmark: a leak or a healthy but lively program.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"syscall"
	"time"

	"gostat.dev/gostat/tests/leakbench/svc/host"
	"gostat.dev/gostat/tests/leakbench/svc/kernel"
	"gostat.dev/gostat/tests/leakbench/svc/leaks"
	"gostat.dev/gostat/tests/leakbench/svc/lively"
)

var (
	name        = flag.String("case", "", "what to be; see -list")
	rate        = flag.Float64("rate", 20, "goroutines to leak in a second")
	listen      = flag.String("listen", "127.0.0.1:7070", "address of the HTTP port; the port above it is the case's own")
	seed        = flag.Uint64("seed", 1, "of everything random")
	window      = flag.Duration("window", 24*time.Second, "how long the detector looks; the lively shapes are multiples")
	leakProfile = flag.Bool("leakprofile", true, "offer the goroutineleak profile")
	now         = flag.Bool("go", false, "begin at once, not at POST /go")
	client      = flag.Bool("client", false, "be the client of the lively case at -listen")
	list        = flag.Bool("list", false, "print all cases as JSON")
	calibrate   = flag.Bool("calibrate", false, "try the leak, print what an attempt yields and costs")
	yield       = flag.Float64("yield", 1, "goroutines that an attempt leaks, as calibrated")
	cost        = flag.Duration("cost", 0, "CPU time of an attempt, as calibrated")
)

type entry struct {
	Kind   string `json:"kind"`
	Name   string `json:"name"`
	Reason string `json:"reason"`
	Client bool   `json:"client"`
}

func printList() {
	var all []entry
	for k := range kernel.All {
		all = append(all, entry{Kind: "kernel", Name: k})
	}
	for k, c := range leaks.All {
		all = append(all, entry{Kind: "reachable", Name: k, Reason: c.Reason})
	}
	for k, c := range lively.All {
		all = append(all, entry{Kind: "lively", Name: k, Reason: c.Reason, Client: c.Client != nil})
	}
	_ = json.NewEncoder(os.Stdout).Encode(all)
}

func fatal(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "svc: "+format+"\n", args...)
	os.Exit(2)
}

const prSetPdeathsig = 1

// dieWithParent: a driver that is killed leaves no services behind.
func dieWithParent() {
	_, _, _ = syscall.RawSyscall(syscall.SYS_PRCTL, prSetPdeathsig, uintptr(syscall.SIGKILL), 0)
}

// begin starts the case's own work.
func begin(h *host.Host) {
	h.Begin()
	if c, ok := lively.All[*name]; ok {
		c.Start(h)
		return
	}
	go leakFor(h, setup(h))
}

func main() {
	flag.Parse()
	if *list {
		printList()
		return
	}
	dieWithParent()
	h := host.New(*name, *listen, *window, *seed)
	c, isLively := lively.All[*name]
	if *client {
		if c.Client == nil {
			fatal("%q has no client", *name)
		}
		c.Client(h)
		select {}
	}
	if !isLively && !known(*name) {
		fatal("no case %q; see -list", *name)
	}
	if *calibrate {
		runCalibration(h)
		return
	}
	if !c.Bare {
		h.Background()
	}
	h.Mux.HandleFunc("/go", func(w http.ResponseWriter, r *http.Request) {
		after, err := strconv.ParseFloat(r.FormValue("after"), 64)
		if err != nil {
			http.Error(w, "after: want seconds", http.StatusBadRequest)
			return
		}
		time.AfterFunc(time.Duration(after*float64(time.Second)), func() { begin(h) })
	})
	if *now {
		begin(h)
	}
	if err := h.Serve(*leakProfile); err != nil {
		fatal("%v", err)
	}
}
