// Pprof reads a profile with github.com/google/pprof, several times where asked, and prints how many samples it has and the
// CPU time of one parse in microseconds.
package main

import (
	"fmt"
	"log"
	"os"
	"strconv"
	"syscall"

	"github.com/google/pprof/profile"
)

func cpu() int64 {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		log.Fatal(err)
	}
	return r.Utime.Nano() + r.Stime.Nano()
}

func main() {
	data, err := os.ReadFile(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	times, err := strconv.Atoi(os.Args[2])
	if err != nil {
		log.Fatal(err)
	}
	samples, start := 0, cpu()
	for range times {
		p, err := profile.ParseData(data)
		if err != nil {
			log.Fatal(err)
		}
		samples = len(p.Sample)
	}
	fmt.Println(samples, (cpu()-start)/int64(times)/1000)
}
