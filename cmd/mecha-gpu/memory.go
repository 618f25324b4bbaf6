package main

import (
	"math"
	"runtime/debug"
)

// The memory that the operating system sees stays under the budget and 16 MiB. These are for
// the program itself: 14.8 MiB of them are the pages of its file and of libc that it has
// touched, which are all of them after a merge (November 2026). heapSlack of the rest is the
// Go runtime's, on top of what the plan gives to headers, garbage included. What the runtime and
// the recipe take in the smallest merge is programBytes, which are part of the budget.
const (
	heapSlack    = 1 << 20
	programBytes = 3 << 20
)

// gcPercent lets the heap grow by a quarter of what is in use before it is collected.
const gcPercent = 25

// limitMemory sets the collector for a heap of the given bytes; 0 means that the library
// chooses the budget, and there is no hard limit yet.
func limitMemory(heap int64) {
	debug.SetGCPercent(gcPercent)
	if heap > 0 && heap < math.MaxInt64-heapSlack {
		debug.SetMemoryLimit(heap + heapSlack)
	}
}
