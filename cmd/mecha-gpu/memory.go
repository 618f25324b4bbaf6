package main

import "runtime/debug"

// The memory that the operating system sees stays under the budget and 16 MiB. These are for
// what the program is before it does anything: the pages of its file and of libc, 15.1 MiB when
// all are touched (November 2026), and what C allocates. All else is in the budget: programBytes
// are what the Go runtime, methods and a small recipe take (3 MiB were measured in the smallest
// merge, 4 on processors that others use as well, where garbage is collected late), and the plan
// has the rest.
const programBytes = 5 << 20

// gcPercent lets the heap grow by a quarter of what is in use before it is collected; where that
// is more than the budget has left, it is collected more often.
const gcPercent = 25

// limitMemory sets the collector for a heap of the given bytes; 0 means that the library
// chooses the budget, and there is no hard limit yet.
func limitMemory(heap int64) {
	debug.SetGCPercent(gcPercent)
	if heap > 0 {
		debug.SetMemoryLimit(heap)
	}
}
