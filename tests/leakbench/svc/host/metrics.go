package host

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"runtime"
	"runtime/metrics"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

var start = float64(time.Now().UnixMilli()) / 1000

func put(b *bytes.Buffer, kind, name string, value float64) {
	fmt.Fprintf(b, "# TYPE %s %s\n%s %s\n", name, kind, name, strconv.FormatFloat(value, 'f', -1, 64))
}

// metrics writes what the usual client library writes about a Go process, and the service's own gauges.
func (h *Host) metrics(w http.ResponseWriter, _ *http.Request) {
	var b bytes.Buffer
	s := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/memory/classes/heap/unused:bytes"}}
	metrics.Read(s)
	put(&b, "gauge", "go_goroutines", float64(runtime.NumGoroutine()))
	put(&b, "gauge", "go_memstats_heap_inuse_bytes", float64(s[0].Value.Uint64()+s[1].Value.Uint64()))
	put(&b, "counter", "process_cpu_seconds_total", CPU().Seconds())
	put(&b, "gauge", "process_open_fds", float64(openFiles()))
	put(&b, "gauge", "process_resident_memory_bytes", residentBytes())
	put(&b, "gauge", "process_start_time_seconds", start)
	h.mu.Lock()
	names := make([]string, 0, len(h.gauges))
	for name := range h.gauges {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		put(&b, "gauge", name, h.gauges[name]())
	}
	h.mu.Unlock()
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	_, _ = w.Write(b.Bytes())
}

// CPU is the user and system time of this process.
func CPU() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func openFiles() int {
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return 0
	}
	return len(fds) - 1 // less the one of this reading
}

func residentBytes() float64 {
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(text))
	if len(fields) < 2 {
		return 0
	}
	pages, _ := strconv.ParseFloat(fields[1], 64)
	return pages * float64(os.Getpagesize())
}
