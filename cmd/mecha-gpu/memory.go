package main

import (
	"math"
	"runtime/debug"
)

// The garbage collector is steered so that the memory which the operating system sees
// stays near the budget: staging memory lies outside the Go heap and is leased to the
// byte, so what is left to bound is garbage. gcPercent lets the heap grow by a quarter
// of what is in use before it is collected; heapSlack is what the runtime itself takes on
// top of the budget (its own structures and stacks: 4 to 6 MiB were measured, July 2026).
const (
	gcPercent = 25
	heapSlack = 6 << 20
)

// limitMemory sets the collector for a budget of the given bytes; 0 means that the library
// chooses the budget, and there is no hard limit.
func limitMemory(budget int64) {
	debug.SetGCPercent(gcPercent)
	if budget > 0 && budget < math.MaxInt64-heapSlack {
		debug.SetMemoryLimit(budget + heapSlack)
	}
}
