//go:build cgo && (linux || windows) && (amd64 || arm64)

package driver_test

import (
	"bytes"
	"errors"
	"syscall"
	"testing"

	"github.com/mecha-gpu/mecha-gpu/cuda/driver"
)

// TestMappingsCanBePinned pins memory that the driver did not make, and copies from it and
// to it.
func TestMappingsCanBePinned(t *testing.T) {
	api, err := open(t)()
	if errors.Is(err, driver.ErrNoDriver) {
		t.Skip(err)
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(err)
	d, err := api.DeviceGet(0)
	must(err)
	c, err := api.PrimaryCtxRetain(d)
	must(err)
	defer api.PrimaryCtxRelease(d)
	const n = 1 << 16
	m, err := syscall.Mmap(-1, 0, 2*n, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	must(err)
	defer syscall.Munmap(m)
	must(api.MemHostRegister(c, m, driver.HostPortable))
	p, err := api.MemAlloc(c, n)
	must(err)
	copy(m, bytes.Repeat([]byte{1, 2, 3, 4}, n/4))
	must(api.MemcpyHtoDAsync(c, p, m[:n], 0))
	must(api.MemcpyDtoHAsync(c, m[n:], p, 0))
	must(api.StreamSynchronize(c, 0))
	if !bytes.Equal(m[:n], m[n:]) {
		t.Error("the bytes came back changed")
	}
	must(api.MemFree(c, p))
	must(api.MemHostUnregister(c, m))
	var e *driver.Error
	if err := api.MemHostUnregister(c, m); !errors.As(err, &e) || e.Call != "cuMemHostUnregister" {
		t.Errorf("unpinning twice: %v", err)
	}
}
