package drivertest

import (
	"errors"
	"regexp"

	"github.com/mecha-gpu/mecha-gpu/cuda/driver"
)

// pciID is the form of a PCI bus id.
var pciID = regexp.MustCompile(`^[0-9A-Fa-f]{4,8}:[0-9A-Fa-f]{2}:[0-9A-Fa-f]{2}\.0$`)

func devices(b *bench) {
	if v := must(b.Version())(b); v < driver.MinVersion {
		b.Errorf("the driver's version is %d", v)
	}
	n := must(b.DeviceCount())(b)
	if n < 1 {
		b.Fatalf("there are %d devices", n)
	}
	seen := map[string]bool{}
	for i := range n {
		d := must(b.DeviceGet(i))(b)
		uuid, pci := must(b.DeviceUUID(d))(b).String(), must(b.DevicePCIBusID(d))(b)
		if seen[uuid] {
			b.Errorf("two devices have the UUID %s", uuid)
		}
		seen[uuid] = true
		if !pciID.MatchString(pci) {
			b.Errorf("device %d is at %q", i, pci)
		}
		if name := must(b.DeviceName(d))(b); name == "" {
			b.Errorf("device %d has no name", i)
		}
		if mem := must(b.DeviceTotalMem(d))(b); mem <= 0 {
			b.Errorf("device %d has %d bytes", i, mem)
		}
		b.attributes(d)
	}
}

// attributes checks what holds for every device that CUDA 11 to 13 support.
func (b *bench) attributes(d driver.Device) {
	for _, a := range []struct {
		attr     driver.Attribute
		name     string
		min, max int
	}{
		{driver.AttrWarpSize, "warp size", 32, 32},
		{driver.AttrMaxThreadsPerBlock, "threads of a block", 1024, 1024},
		{driver.AttrMultiprocessors, "multiprocessors", 1, 1024},
		{driver.AttrComputeMajor, "compute capability", 3, 99},
		{driver.AttrComputeMinor, "compute capability, minor", 0, 9},
		{driver.AttrMaxSharedPerBlock, "shared memory of a block", 48 << 10, 48 << 10},
		{driver.AttrMaxThreadsPerSM, "threads of a multiprocessor", 1024, 4096},
	} {
		if v := must(b.DeviceAttribute(d, a.attr))(b); v < a.min || v > a.max {
			b.Errorf("device %d: %s is %d, want %d to %d", d, a.name, v, a.min, a.max)
		}
	}
}

func noSuchDevice(b *bench) {
	for _, i := range []int{-1, 1000} {
		_, err := b.DeviceGet(i)
		var e *driver.Error
		if !errors.As(err, &e) || e.Call != "cuDeviceGet" || e.Code != 101 {
			b.Errorf("device %d: %v", i, err)
		}
	}
}

func contexts(b *bench) {
	again := must(b.PrimaryCtxRetain(b.dev))(b)
	if again != b.ctx || again.Device != b.dev || again.Handle == 0 {
		b.Errorf("the second user got %v, the first %v", again, b.ctx)
	}
	b.no(b.PrimaryCtxRelease(b.dev))
	b.no(b.CtxSynchronize(b.ctx)) // still there for the first
}

func memoryInfo(b *bench) {
	const n = 8 << 20
	before, total, err := b.MemGetInfo(b.ctx)
	b.no(err)
	if before < n || total < before {
		b.Fatalf("free %d, total %d", before, total)
	}
	p := must(b.MemAlloc(b.ctx, n))(b)
	if p%256 != 0 {
		b.Errorf("memory at %#x is not aligned to 256", p)
	}
	if free, _, err := b.MemGetInfo(b.ctx); err != nil || before-free < n {
		b.Errorf("of %d free bytes %d remain after taking %d (%v)", before, free, n, err)
	}
	b.no(b.MemFree(b.ctx, p))
	if free, _, err := b.MemGetInfo(b.ctx); err != nil || free != before {
		b.Errorf("of %d free bytes %d are free again (%v)", before, free, err)
	}
}

func outOfMemory(b *bench) {
	_, total, err := b.MemGetInfo(b.ctx)
	b.no(err)
	_, err = b.MemAlloc(b.ctx, total+1)
	if !errors.Is(err, driver.ErrOutOfMemory) || errors.Is(err, driver.ErrDeviceLost) {
		b.Errorf("got %v", err)
	}
	b.failed(err, "cuMemAlloc_v2", 2)
	b.upload([]byte{1, 2, 3}) // the context is as good as before
}

func badSizes(b *bench) {
	for _, n := range []int64{0, -1} {
		_, err := b.MemAlloc(b.ctx, n)
		b.failed(err, "cuMemAlloc_v2", 1)
		_, err = b.MemHostAlloc(b.ctx, n, 0)
		b.failed(err, "cuMemHostAlloc", 1)
	}
	p := b.alloc(256)
	b.failed(b.MemsetD8Async(b.ctx, p, 0, -1, b.stream), "cuMemsetD8Async", 1)
	b.failed(b.MemcpyDtoDAsync(b.ctx, p, p, -1, b.stream), "cuMemcpyDtoDAsync_v2", 1)
}
