//go:build unix

package cpu

import "syscall"

// mapBytes maps fresh pages; pages are aligned to far more than 64.
func mapBytes(n int) ([]byte, error) {
	return syscall.Mmap(-1, 0, n, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
}

func unmapBytes(b []byte) error { return syscall.Munmap(b) }
