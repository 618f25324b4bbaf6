// Package cpu is the device that every machine has: it computes in the caller's
// goroutine, on host memory.
//
// Glossary:
//
//   - tier: how Programs run: "avx2" (package simd) or "portable" (package kernels, the
//     definition). Both give the same bits.
//   - [Device]: knows the tier and keeps compiled Programs.
//   - [Queue]: the scratch memory of one worker. Work is done when the call returns, so
//     events are always reached.
//
// Example:
//
//	d, err := cpu.Open(cpu.Options{})
//	q, err := d.NewQueue()
//	err = q.Launch(launch)
//
// The package starts no goroutines and reads no environment: how many workers there are,
// and which tier is used, is the caller's choice.
package cpu
