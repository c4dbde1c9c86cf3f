// Panicparse reads a dump with github.com/maruel/panicparse and prints how many goroutines it found. It only parses: to
// group what it found takes panicparse minutes more where stacks are of thousands of kinds.
package main

import (
	"errors"
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
	s, _, err := stack.ScanSnapshot(f, io.Discard, stack.DefaultOpts())
	if err != nil && !errors.Is(err, io.EOF) {
		log.Fatal(err)
	}
	if s == nil {
		log.Fatal("no goroutine found")
	}
	fmt.Println(len(s.Goroutines))
}
