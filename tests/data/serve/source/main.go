// Serve answers over HTTP and waits for itself: handlers that hang behind middleware, and clients that wait for answers. It
// writes its goroutines in all three forms into the directory that is its argument. See ../README.md.
package main

import (
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"time"
)

type logged struct{ next http.Handler }

func (l logged) ServeHTTP(w http.ResponseWriter, r *http.Request) { l.next.ServeHTTP(w, r) }

type carts struct{ lock chan struct{} }

func (c *carts) checkout(w http.ResponseWriter, _ *http.Request) { c.acquire() }

func (c *carts) acquire() { c.lock <- struct{}{} }

// half sends a part of its answer, and hangs then.
func (c *carts) half(w http.ResponseWriter, _ *http.Request) {
	_, _ = w.Write(make([]byte, 100))
	w.(http.Flusher).Flush()
	c.acquire()
}

func get(url string) {
	r, err := http.Get(url)
	if err != nil {
		log.Fatal(err)
	}
	defer r.Body.Close()
	_, _ = io.Copy(io.Discard, r.Body)
}

func write(dir, file string, debug int) {
	f, err := os.Create(filepath.Join(dir, file))
	if err != nil {
		log.Fatal(err)
	}
	defer f.Close()
	if err := pprof.Lookup("goroutine").WriteTo(f, debug); err != nil {
		log.Fatal(err)
	}
}

func main() {
	c := &carts{lock: make(chan struct{})}
	mux := http.NewServeMux()
	mux.HandleFunc("/checkout", c.checkout)
	mux.HandleFunc("/half", c.half)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	go http.Serve(l, logged{mux})
	for range 7 {
		go get("http://" + l.Addr().String() + "/checkout")
	}
	for range 5 {
		go get("http://" + l.Addr().String() + "/half")
	}
	go func() { // of a thread of its own, at a channel that is nil
		runtime.LockOSThread()
		var never chan int
		<-never
	}()
	time.Sleep(time.Second)
	write(os.Args[1], "goroutine.pb.gz", 0)
	write(os.Args[1], "goroutine.debug1.txt", 1)
	write(os.Args[1], "goroutine.debug2.txt", 2)
}
