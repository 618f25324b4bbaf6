package softcuda

import (
	"errors"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/mecha-gpu/mecha-gpu/cuda/driver"
)

// The driver handles the faults of kernels. Those of Go code in the same process stay Go's: a
// nil pointer is a panic that can be recovered from.
func TestGoHandlesItsOwnFaults(t *testing.T) {
	api, err := driver.Open(filepath.Join(Build(t), Library))
	if errors.Is(err, driver.ErrNoDriver) {
		t.Skip(err)
	}
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	check(err)
	ctx, err := api.PrimaryCtxRetain(0)
	check(err)
	stream, err := api.StreamCreate(ctx, driver.StreamNonBlocking)
	check(err)
	dereferenceNil(t)

	pinned, err := api.MemHostAlloc(ctx, 64, 0)
	check(err)
	x, err := api.MemAlloc(ctx, 64)
	check(err)
	check(api.MemcpyHtoDAsync(ctx, x, pinned, stream))
	check(api.MemcpyDtoHAsync(ctx, pinned, x, stream))
	check(api.StreamSynchronize(ctx, stream))
	dereferenceNil(t)
	for _, err := range []error{api.MemFree(ctx, x), api.MemFreeHost(ctx, pinned), api.StreamDestroy(ctx, stream), api.PrimaryCtxRelease(0)} {
		check(err)
	}
}

// dereferenceNil recovers from reading a nil pointer.
func dereferenceNil(t *testing.T) {
	defer func() {
		var fault runtime.Error
		if err, ok := recover().(error); !ok || !errors.As(err, &fault) {
			t.Errorf("reading a nil pointer gave %v", err)
		}
	}()
	var nothing *[8]int
	for i := range nothing {
		nothing[i]++
	}
}
