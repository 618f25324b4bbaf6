//go:build !unix

package device

import "unsafe"

// Map returns n bytes of zeros, n > 0, aligned to 64, from the Go heap.
func Map(n int) ([]byte, error) {
	b := make([]byte, n+63)
	off := int(-uintptr(unsafe.Pointer(&b[0])) & 63)
	return b[off : off+n : off+n], nil
}

// Unmap leaves memory of Map to the collector.
func Unmap([]byte) error { return nil }
