package drivertest

import (
	_ "embed"
	"errors"
	"slices"
	"testing"

	"github.com/mecha-gpu/mecha-gpu/cuda/driver"
)

// PTX is the text of testdata/kernels.cu for sm_70, PTX ISA 7.0.
//
//go:embed kernels.ptx
var PTX []byte

// tests are all promises, by name.
var tests = []struct {
	name string
	run  func(*bench)
}{
	{"devices describe themselves", devices},
	{"a device that is not there is refused", noSuchDevice},
	{"contexts are counted", contexts},
	{"device memory is counted and given back", memoryInfo},
	{"more memory than there is is refused", outOfMemory},
	{"sizes that make no sense are refused", badSizes},
	{"bytes come back as they went", roundTrip},
	{"pinned memory is ordinary memory", pinned},
	{"memory is set", memset},
	{"streams wait for events of other streams", streamOrder},
	{"events report what is done", eventState},
	{"time between events", elapsed},
	{"handles that were never made are refused", zeroHandles},
	{"a module that is no PTX is refused with a log", badModule},
	{"a kernel that is not there is named", noSuchKernel},
	{"kernels describe themselves", functions},
	{"a kernel computes", saxpy},
	{"shared memory is as large as the launch says", shared},
	{"scalars of every size arrive", scalars},
	{"structs arrive between scalars", structs},
	{"4096 bytes of arguments arrive", large},
	{"a kernel without parameters", nothing},
	{"too many arguments are refused", tooMany},
	{"dimensions that make no sense are refused", badDims},
	{"filling and launching again allocates nothing", noGarbage},
	{"goroutines on all devices at once", concurrent},
}

// Run runs all tests with what open returns.
func Run(t *testing.T, open func() (driver.API, error)) {
	api, err := open()
	if err != nil {
		t.Fatalf("no driver to test: %v", err)
	}
	t.Logf("driver: %s", api.Library())
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) { test.run(newBench(t, api)) })
	}
}

// Crash kills the primary context of the first device with a kernel and reports whether
// the failure is told as promised. Run it in a process of its own.
func Crash(t *testing.T, open func() (driver.API, error)) {
	api, err := open()
	if err != nil {
		t.Fatal(err)
	}
	b := newBench(t, api)
	b.lost = true
	if err := api.LaunchKernel(b.ctx, b.kernel("crash"), one, b.stream, nil); err != nil {
		t.Fatalf("the launch itself: %v", err)
	}
	err = api.StreamSynchronize(b.ctx, b.stream)
	if !errors.Is(err, driver.ErrDeviceLost) {
		t.Errorf("waiting for a kernel that crashed: %v", err)
	}
	if _, err := api.MemAlloc(b.ctx, 256); !errors.Is(err, driver.ErrDeviceLost) {
		t.Errorf("allocating in a lost context: %v", err)
	}
}

// one is a launch of one thread.
var one = driver.Dims{Grid: [3]uint32{1, 1, 1}, Block: [3]uint32{1, 1, 1}}

// line is a launch of blocks in a row.
func line(blocks, threads, shared uint32) driver.Dims {
	return driver.Dims{Grid: [3]uint32{blocks, 1, 1}, Block: [3]uint32{threads, 1, 1}, Shared: shared}
}

// bench is a context on the first device with a stream; what tests make on it is given
// back when they end.
type bench struct {
	*testing.T
	driver.API
	dev    driver.Device
	ctx    driver.Context
	stream driver.Stream
	mod    driver.Module
	lost   bool // giving things back fails
}

func newBench(t *testing.T, api driver.API) *bench { return newBenchOn(t, api, 0) }

func newBenchOn(t *testing.T, api driver.API, ordinal int) *bench {
	t.Helper()
	b := &bench{T: t, API: api}
	b.dev = must(api.DeviceGet(ordinal))(b)
	b.ctx = must(api.PrimaryCtxRetain(b.dev))(b)
	b.after(func() error { return api.PrimaryCtxRelease(b.dev) })
	b.stream = b.newStream()
	return b
}

// must returns a function that ends the test if there was an error, and else returns the
// value.
func must[T any](v T, err error) func(*bench) T {
	return func(b *bench) T {
		b.Helper()
		b.no(err)
		return v
	}
}

// no ends the test if there is an error.
func (b *bench) no(err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

// failed checks that a call failed with a code, naming the call and the device.
func (b *bench) failed(err error, call string, code driver.Code) {
	b.Helper()
	b.failedAny(err, call, code)
}

// failedAny is failed for calls where drivers differ in the code.
func (b *bench) failedAny(err error, call string, codes ...driver.Code) {
	b.Helper()
	var e *driver.Error
	switch {
	case !errors.As(err, &e):
		b.Errorf("%s: got %v, want a *driver.Error", call, err)
	case e.Call != call || !slices.Contains(codes, e.Code) || e.Device != b.dev || e.Name == "" || e.Text == "":
		b.Errorf("got %#v, want call %s, one of the codes %v, device %d, a name and a text", e, call, codes, b.dev)
	}
}

// after gives something back when the test ends.
func (b *bench) after(release func() error) {
	b.Cleanup(func() {
		if err := release(); err != nil && !b.lost {
			b.Error(err)
		}
	})
}

func (b *bench) newStream() driver.Stream {
	b.Helper()
	s := must(b.StreamCreate(b.ctx, driver.StreamNonBlocking))(b)
	b.after(func() error { return b.StreamDestroy(b.ctx, s) })
	return s
}

func (b *bench) newEvent(flags driver.EventFlags) driver.Event {
	b.Helper()
	e := must(b.EventCreate(b.ctx, flags))(b)
	b.after(func() error { return b.EventDestroy(b.ctx, e) })
	return e
}

// alloc makes device memory.
func (b *bench) alloc(n int) driver.DevPtr {
	b.Helper()
	p := must(b.MemAlloc(b.ctx, int64(n)))(b)
	b.after(func() error { return b.MemFree(b.ctx, p) })
	return p
}

// host makes pinned memory.
func (b *bench) host(n int) []byte {
	b.Helper()
	m := must(b.MemHostAlloc(b.ctx, int64(n), driver.HostPortable))(b)
	b.after(func() error { return b.MemFreeHost(b.ctx, m) })
	return m
}

// kernel loads the module of this package and returns a kernel.
func (b *bench) kernel(name string) driver.Function {
	b.Helper()
	if b.mod == 0 {
		b.mod = must(b.ModuleLoadData(b.ctx, PTX))(b)
		b.after(func() error { return b.ModuleUnload(b.ctx, b.mod) })
	}
	return must(b.ModuleGetFunction(b.ctx, b.mod, name))(b)
}

// wait waits for the stream.
func (b *bench) wait() {
	b.Helper()
	b.no(b.StreamSynchronize(b.ctx, b.stream))
}

// read copies n bytes to the host and waits.
func (b *bench) read(p driver.DevPtr, n int) []byte {
	b.Helper()
	out := make([]byte, n)
	b.no(b.MemcpyDtoHAsync(b.ctx, out, p, b.stream))
	b.wait()
	return out
}

// upload copies data to fresh device memory.
func (b *bench) upload(data []byte) driver.DevPtr {
	b.Helper()
	p := b.alloc(len(data))
	b.no(b.MemcpyHtoDAsync(b.ctx, p, data, b.stream))
	b.wait()
	return p
}
