// Shop writes its own profiles into the directory that is its argument. See ../README.md.
package main

import (
	"log"
	"net"
	"os"
	"path/filepath"
	"runtime/pprof"
	"time"

	"shop/payments"
)

func write(dir, profile, file string, debug int) {
	p := pprof.Lookup(profile)
	if p == nil {
		return
	}
	f, err := os.Create(filepath.Join(dir, file))
	if err != nil {
		log.Fatal(err)
	}
	defer f.Close()
	if err := p.WriteTo(f, debug); err != nil {
		log.Fatal(err)
	}
}

func main() {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	dead, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		log.Fatal(err)
	}
	payments.NewServer(dead).Leak()
	time.Sleep(500 * time.Millisecond)
	write(os.Args[1], "goroutine", "goroutine.pb.gz", 0)
	write(os.Args[1], "goroutine", "goroutine.debug1.txt", 1)
	write(os.Args[1], "goroutine", "goroutine.debug2.txt", 2)
	for _, p := range []string{"goroutineleak", "heap", "mutex", "threadcreate"} { // collects garbage: after the others
		write(os.Args[1], p, p+".pb.gz", 0)
	}
	write(os.Args[1], "goroutineleak", "goroutineleak.debug1.txt", 1)
}
