package telemetry

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"runtime"
	"runtime/metrics"
	"sort"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

var buckets = []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30}

// histogram counts requests by duration; counts[i] holds those that no earlier bucket took.
type histogram struct {
	counts []uint64
	sum    float64
	total  uint64
}

// Metrics is the workload's own registry and the handler of /metrics. Safe for any goroutine.
type Metrics struct {
	start    float64 // Unix time of the process' start
	mu       sync.Mutex
	requests map[string]*histogram // by label set
	gauges   map[string]func() float64
	profiles map[string]uint64 // requests for a profile, by label set
}

// NewMetrics returns a registry in which some routes were already seen, so that /metrics has a usual size at once.
func NewMetrics() *Metrics {
	m := &Metrics{start: processStart(), requests: map[string]*histogram{}, gauges: map[string]func() float64{}, profiles: map[string]uint64{}}
	for _, route := range []string{"/metrics", "/healthz", "/debug/pprof/", "/orders", "/quotes"} {
		for _, code := range []string{"200", "500"} {
			m.series(route, "GET", code)
		}
	}
	return m
}

// Gauge adds a gauge of the workload's own; f may be called from any goroutine.
func (m *Metrics) Gauge(name string, f func() float64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.gauges[name] = f
}

// profile counts a request for one of the goroutine profiles: the dumps (debug=2) stop the program.
func (m *Metrics) profile(name, debug string) {
	if name != "goroutine" && name != "goroutineleak" {
		return
	}
	if debug != "1" && debug != "2" {
		debug = "0"
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.profiles[fmt.Sprintf("debug=%q,profile=%q", debug, name)]++
}

func (m *Metrics) series(route, method, code string) *histogram {
	key := fmt.Sprintf("code=%q,method=%q,route=%q", code, method, route)
	h := m.requests[key]
	if h == nil {
		h = &histogram{counts: make([]uint64, len(buckets))}
		m.requests[key] = h
	}
	return h
}

type recorder struct {
	http.ResponseWriter
	code int
}

func (r *recorder) WriteHeader(code int) {
	r.code = code
	r.ResponseWriter.WriteHeader(code)
}

func (m *Metrics) observe(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, route := mux.Handler(r)
		begin, rec := time.Now(), &recorder{ResponseWriter: w, code: http.StatusOK}
		mux.ServeHTTP(rec, r)
		if route == "" {
			route = "none"
		}
		method := r.Method
		if method != http.MethodGet && method != http.MethodPost {
			method = "other" // a client must not be able to make up series
		}
		seconds := time.Since(begin).Seconds()
		m.mu.Lock()
		defer m.mu.Unlock()
		h := m.series(route, method, strconv.Itoa(rec.code))
		h.sum += seconds
		h.total++
		if i := sort.SearchFloat64s(buckets, seconds); i < len(buckets) {
			h.counts[i]++
		}
	})
}

func (m *Metrics) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	var b bytes.Buffer
	m.process(&b)
	m.workload(&b)
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8; escaping=underscores")
	w.Write(b.Bytes())
}

func put(b *bytes.Buffer, kind, name, help string, value float64) {
	fmt.Fprintf(b, "# HELP %s %s\n# TYPE %s %s\n%s %s\n", name, help, name, kind, name, strconv.FormatFloat(value, 'g', -1, 64))
}

// process writes what the Go and process collectors of the usual client library write.
func (m *Metrics) process(b *bytes.Buffer) {
	s := []metrics.Sample{
		{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/memory/classes/heap/unused:bytes"},
		{Name: "/memory/classes/heap/free:bytes"}, {Name: "/memory/classes/heap/stacks:bytes"},
		{Name: "/gc/cycles/total:gc-cycles"}, {Name: "/gc/heap/objects:objects"},
	}
	metrics.Read(s)
	v := func(i int) float64 { return float64(s[i].Value.Uint64()) }
	fmt.Fprintf(b, "# HELP go_info Information about the Go environment.\n# TYPE go_info gauge\ngo_info{version=%q} 1\n", runtime.Version())
	put(b, "counter", "go_gc_cycles_total", "Completed garbage collections.", v(4))
	put(b, "gauge", "go_goroutines", "Number of goroutines that currently exist.", float64(runtime.NumGoroutine()))
	put(b, "gauge", "go_memstats_heap_alloc_bytes", "Heap bytes allocated and in use.", v(0))
	put(b, "gauge", "go_memstats_heap_idle_bytes", "Heap bytes waiting to be used.", v(2))
	put(b, "gauge", "go_memstats_heap_inuse_bytes", "Heap bytes that are in use.", v(0)+v(1))
	put(b, "gauge", "go_memstats_heap_objects", "Number of currently allocated objects.", v(5))
	put(b, "gauge", "go_memstats_stack_inuse_bytes", "Bytes in use by goroutine stacks.", v(3))
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) == nil {
		cpu := time.Duration(u.Utime.Nano() + u.Stime.Nano()).Seconds()
		put(b, "counter", "process_cpu_seconds_total", "Total user and system CPU time spent in seconds.", cpu)
	}
	if fds, err := os.ReadDir("/proc/self/fd"); err == nil {
		put(b, "gauge", "process_open_fds", "Number of open file descriptors.", float64(len(fds)-1)) // less the one of this reading
	}
	if rss := resident(); rss > 0 {
		put(b, "gauge", "process_resident_memory_bytes", "Resident memory size in bytes.", rss)
	}
	put(b, "gauge", "process_start_time_seconds", "Start time of the process since unix epoch in seconds.", m.start)
}

func (m *Metrics) workload(b *bytes.Buffer) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, name := range sorted(m.gauges) {
		put(b, "gauge", name, "Kept by the workload itself.", m.gauges[name]())
	}
	m.asked(b)
	const name = "http_request_duration_seconds"
	fmt.Fprintf(b, "# HELP %s Duration of HTTP requests.\n# TYPE %s histogram\n", name, name)
	for _, labels := range sorted(m.requests) {
		h, n := m.requests[labels], uint64(0)
		for i, le := range buckets {
			n += h.counts[i]
			fmt.Fprintf(b, "%s_bucket{%s,le=\"%g\"} %d\n", name, labels, le, n)
		}
		fmt.Fprintf(b, "%s_bucket{%s,le=\"+Inf\"} %d\n%s_sum{%s} %g\n%s_count{%s} %d\n",
			name, labels, h.total, name, labels, h.sum, name, labels, h.total)
	}
}

func (m *Metrics) asked(b *bytes.Buffer) {
	const name = "workload_profile_requests_total"
	fmt.Fprintf(b, "# HELP %s Requests for goroutine profiles.\n# TYPE %s counter\n", name, name)
	for _, labels := range sorted(m.profiles) {
		fmt.Fprintf(b, "%s{%s} %d\n", name, labels, m.profiles[labels])
	}
}

func sorted[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}

// resident reads the kernel's count of this process' memory in bytes; 0 where it cannot.
func resident() float64 {
	statm, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(statm)) // in pages: all, resident, ...
	if len(fields) < 2 {
		return 0
	}
	pages, _ := strconv.ParseFloat(fields[1], 64)
	return pages * float64(os.Getpagesize())
}

// processStart reads the kernel's start time of this process, and takes the present time where it cannot.
func processStart() float64 {
	now := float64(time.Now().UnixMilli()) / 1000
	stat, err := os.ReadFile("/proc/self/stat")
	if err != nil {
		return now
	}
	// The command may hold blanks: fields are counted from its closing parenthesis, after which the state comes 3rd.
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	if len(fields) < 20 {
		return now
	}
	ticks, err := strconv.ParseFloat(fields[19], 64)
	if err != nil {
		return now
	}
	kernel, err := os.ReadFile("/proc/stat")
	if err != nil {
		return now
	}
	for line := range strings.Lines(string(kernel)) {
		if boot, ok := strings.CutPrefix(line, "btime "); ok {
			if t, err := strconv.ParseFloat(strings.TrimSpace(boot), 64); err == nil {
				return t + ticks/100 // USER_HZ is 100 on every Linux that Go runs on
			}
		}
	}
	return now
}
