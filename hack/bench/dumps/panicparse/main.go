// Panicparse reads a dump with github.com/maruel/panicparse and prints how many goroutines it found: with its default
// options, but that it reads no sources (the dump may come from another machine) and does not group what it found; each of
// the two takes it minutes more on a dump of this size.
package main

import (
	"fmt"
	"io"
	"log"
	"os"

	"github.com/maruel/panicparse/v2/stack"
)

func main() {
	f, err := os.Open(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	s, _, err := stack.ScanSnapshot(f, io.Discard, &stack.Opts{NameArguments: true})
	if s == nil { // else err only says that the dump was cut off
		log.Fatal("no goroutine found: ", err)
	}
	fmt.Println(len(s.Goroutines))
}
