package host

import (
	"encoding/json"
	"net/http"
	"runtime"
	"strings"
	"time"
)

// truth is what the service knows of itself, and the detector must find out.
type truth struct {
	match    []string  // a goroutine with such a function on its stack is a leaked one, once all work is done
	base     int       // goroutines before anything began
	onset    time.Time // the first attempt to leak; zero: none
	attempts int
}

// Truth is the answer of /truth and /quiesce. Leaked counts exactly after /quiesce; before, work in flight counts too.
type Truth struct {
	Case       string         `json:"case"`
	Onset      float64        `json:"onset"` // Unix time; 0: nothing was tried
	Attempts   int            `json:"attempts"`
	Leaked     int            `json:"leaked"`
	Leaves     map[string]int `json:"leaves"`  // innermost function of the program's own
	Library    map[string]int `json:"library"` // all functions of leaked goroutines without one
	Goroutines int            `json:"goroutines"`
	Base       int            `json:"base"`
	Others     map[string]int `json:"others"` // the entry functions of the goroutines that do not count as leaked
}

// Expect tells which functions make a goroutine a leaked one: prefixes of full names.
func (h *Host) Expect(prefixes ...string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.truth.match = prefixes
}

// Begin notes how many goroutines there are before the case's own work.
func (h *Host) Begin() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.truth.base = runtime.NumGoroutine()
}

// Tried counts attempts to leak.
func (h *Host) Tried(n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.truth.onset.IsZero() {
		h.truth.onset = time.Now()
	}
	h.truth.attempts += n
}

// Now looks at all goroutines. It stops the world: not for a loop.
func (h *Host) Now() Truth {
	h.mu.Lock()
	k := h.truth
	h.mu.Unlock()
	t := Truth{Case: h.Case, Attempts: k.attempts, Base: k.base}
	t.Leaves, t.Library, t.Others = map[string]int{}, map[string]int{}, map[string]int{}
	if !k.onset.IsZero() {
		t.Onset = float64(k.onset.UnixMilli()) / 1000
	}
	for _, stack := range goroutines() {
		t.Goroutines++
		if leaked(stack, k.match) {
			t.Leaked++
			t.name(stack)
		} else if len(stack) > 0 {
			t.Others[stack[len(stack)-1]]++
		}
	}
	return t
}

// goroutines returns the functions of each goroutine, innermost first.
func goroutines() [][]string {
	records := make([]runtime.StackRecord, runtime.NumGoroutine()+100)
	n, ok := runtime.GoroutineProfile(records)
	for !ok {
		records = make([]runtime.StackRecord, n+n/4)
		n, ok = runtime.GoroutineProfile(records)
	}
	stacks := make([][]string, 0, n)
	for i := range records[:n] {
		var stack []string
		frames := runtime.CallersFrames(records[i].Stack())
		for more := true; more; {
			var f runtime.Frame
			f, more = frames.Next()
			if f.Function != "" && f.Function != "runtime.goexit" {
				stack = append(stack, f.Function)
			}
		}
		stacks = append(stacks, stack)
	}
	return stacks
}

func leaked(stack, match []string) bool {
	for _, function := range stack {
		for _, prefix := range match {
			if strings.HasPrefix(function, prefix) {
				return true
			}
		}
	}
	return false
}

const own = "gostat.dev/gostat/tests/leakbench/"

func (t *Truth) name(stack []string) {
	for _, function := range stack {
		if strings.HasPrefix(function, own) {
			t.Leaves[function]++
			return
		}
	}
	for _, function := range stack {
		if !strings.HasPrefix(function, "runtime.") && !strings.HasPrefix(function, "internal/") {
			t.Library[function]++
		}
	}
}

func reply(w http.ResponseWriter, t Truth) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(t)
}

func (h *Host) serveTruth(w http.ResponseWriter, _ *http.Request) { reply(w, h.Now()) }

const (
	settleLook = 250 * time.Millisecond
	settleMax  = 8 * time.Second
)

// Settle waits until the number of goroutines has stood still for a second.
func Settle() {
	last, still := runtime.NumGoroutine(), 0
	for until := time.Now().Add(settleMax); still < 4 && time.Now().Before(until); {
		time.Sleep(settleLook)
		if n := runtime.NumGoroutine(); n == last {
			still++
		} else {
			last, still = n, 0
		}
	}
}

// serveQuiesce ends all work, waits for what ends by itself, and tells what is left.
func (h *Host) serveQuiesce(w http.ResponseWriter, _ *http.Request) {
	h.Stop()
	http.DefaultClient.CloseIdleConnections()
	Settle()
	reply(w, h.Now())
}
