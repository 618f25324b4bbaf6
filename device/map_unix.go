//go:build unix

package device

import "syscall"

// Map returns n bytes of zeros, n > 0, aligned to 64, outside the Go heap where the system allows
// it: the collector neither counts nor scans them, and they are the system's again after Unmap. The
// caller holds a lease for them.
func Map(n int) ([]byte, error) { // pages are aligned to far more than 64
	return syscall.Mmap(-1, 0, n, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
}

// Unmap gives memory of Map back. It must not be used after that.
func Unmap(b []byte) error { return syscall.Munmap(b) }
