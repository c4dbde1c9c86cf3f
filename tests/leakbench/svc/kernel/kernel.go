// Package kernel is where the programs of the Go toolchain's test data register themselves, once build.py has copied
// and patched them: each is a real leak reduced to a function.
package kernel

import "sync/atomic"

// Kernel is one of them. A call tries the leak once or, if it Loops, as often as Attempts says.
type Kernel struct {
	Call  func()
	Loops bool
}

// All holds every kernel that was built in, by its name there.
var All = map[string]Kernel{}

var attempts atomic.Int64

// Register adds a kernel.
func Register(name string, call func(), loops bool) {
	if _, twice := All[name]; twice {
		panic("registered twice: " + name)
	}
	All[name] = Kernel{call, loops}
}

// Attempts is what the loop of a patched kernel asks for.
func Attempts() int { return int(attempts.Load()) }

// SetAttempts tells how often the next calls try.
func SetAttempts(n int) { attempts.Store(int64(n)) }
