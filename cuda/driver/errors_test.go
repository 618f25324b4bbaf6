package driver_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/mecha-gpu/mecha-gpu/cuda/driver"
)

// kinds are all kinds of failure.
var kinds = []error{driver.ErrNoDriver, driver.ErrTooOld, driver.ErrNoDevice, driver.ErrOutOfMemory, driver.ErrBadImage, driver.ErrDeviceLost}

// TestKindsOfFailure samples each kind with result codes whose meaning is in NVIDIA's manual
// (CUDA driver API, CUresult), and codes of no kind.
func TestKindsOfFailure(t *testing.T) {
	for _, c := range []struct {
		code driver.Code
		kind error
	}{
		{2, driver.ErrOutOfMemory},
		{34, driver.ErrNoDriver},
		{100, driver.ErrNoDevice},
		{200, driver.ErrBadImage},
		{209, driver.ErrBadImage},
		{218, driver.ErrBadImage},
		{222, driver.ErrBadImage},
		{214, driver.ErrDeviceLost},
		{302, driver.ErrTooOld},
		{303, driver.ErrNoDriver},
		{700, driver.ErrDeviceLost},
		{702, driver.ErrDeviceLost},
		{716, driver.ErrDeviceLost},
		{719, driver.ErrDeviceLost},
		{803, driver.ErrTooOld},
		{999, driver.ErrDeviceLost},
		{1, nil}, {3, nil}, {101, nil}, {201, nil}, {400, nil}, {500, nil}, {600, nil}, {701, nil}, {713, nil}, {801, nil},
	} {
		err := fmt.Errorf("merging: %w", &driver.Error{Code: c.code})
		for _, k := range kinds {
			if got, want := errors.Is(err, k), k == c.kind; got != want {
				t.Errorf("code %d: is %q: %v, want %v", c.code, k, got, want)
			}
		}
	}
}

func TestErrorText(t *testing.T) {
	e := driver.Error{Call: "cuMemAlloc_v2", Device: 1, Code: 2, Name: "CUDA_ERROR_OUT_OF_MEMORY", Text: "out of memory"}
	if got, want := e.Error(), "cuMemAlloc_v2 on device 1: out of memory (CUDA_ERROR_OUT_OF_MEMORY, 2)"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	e.Device, e.Log = driver.NoDevice, "line 3: what is this?"
	if got, want := e.Error(), "cuMemAlloc_v2: out of memory (CUDA_ERROR_OUT_OF_MEMORY, 2)\nline 3: what is this?"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestUUIDText(t *testing.T) {
	u := driver.UUID{0x1, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef, 0, 1, 2, 3, 4, 5, 6, 7}
	if got, want := u.String(), "GPU-01234567-89ab-cdef-0001-020304050607"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
