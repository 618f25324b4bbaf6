//go:build !unix

package cpu

import "unsafe"

// mapBytes takes memory from the Go heap, aligned to 64.
func mapBytes(n int) ([]byte, error) {
	b := make([]byte, n+63)
	off := int(-uintptr(unsafe.Pointer(&b[0])) & 63)
	return b[off : off+n : off+n], nil
}

// unmapBytes leaves the memory to the collector.
func unmapBytes([]byte) error { return nil }
