package drivertest

import (
	"bytes"

	"github.com/mecha-gpu/mecha-gpu/cuda/driver"
)

// streamOrder sends a value through a chain of streams that only events order.
func streamOrder(b *bench) {
	const n, links = 1 << 20, 8
	want := pattern(n)
	src, dst := b.host(n), b.host(n)
	copy(src, want)
	at := b.alloc(n)
	b.no(b.MemcpyHtoDAsync(b.ctx, at, src, b.stream))
	last := b.stream
	for range links {
		e, next, to := b.newEvent(driver.EventDisableTiming), b.newStream(), b.alloc(n)
		b.no(b.EventRecord(b.ctx, e, last))
		b.no(b.StreamWaitEvent(b.ctx, next, e))
		b.no(b.MemcpyDtoDAsync(b.ctx, to, at, n, next))
		last, at = next, to
	}
	b.no(b.MemcpyDtoHAsync(b.ctx, dst, at, last))
	b.no(b.StreamSynchronize(b.ctx, last))
	if !bytes.Equal(dst, want) {
		b.Error("the chain lost bytes")
	}
}

func eventState(b *bench) {
	e := b.newEvent(driver.EventBlockingSync)
	if done := must(b.EventQuery(b.ctx, e))(b); !done {
		b.Error("an event that was never recorded is not done")
	}
	b.no(b.StreamWaitEvent(b.ctx, b.stream, e))
	p := b.alloc(1 << 20)
	for range 100 {
		b.no(b.MemsetD8Async(b.ctx, p, 1, 1<<20, b.stream))
	}
	b.no(b.EventRecord(b.ctx, e, b.stream))
	_ = must(b.EventQuery(b.ctx, e))(b) // done or not, but no error
	_ = must(b.StreamQuery(b.ctx, b.stream))(b)
	b.no(b.EventSynchronize(b.ctx, e))
	if done := must(b.EventQuery(b.ctx, e))(b); !done {
		b.Error("an event that was waited for is not done")
	}
	b.wait()
	if done := must(b.StreamQuery(b.ctx, b.stream))(b); !done {
		b.Error("a stream that was waited for is not done")
	}
	b.no(b.CtxSynchronize(b.ctx))
}

func elapsed(b *bench) {
	start, end := b.newEvent(0), b.newEvent(0)
	p := b.alloc(1 << 20)
	b.no(b.EventRecord(b.ctx, start, b.stream))
	for range 20 {
		b.no(b.MemsetD8Async(b.ctx, p, 1, 1<<20, b.stream))
	}
	b.no(b.EventRecord(b.ctx, end, b.stream))
	b.no(b.EventSynchronize(b.ctx, end))
	if d := must(b.EventElapsedTime(b.ctx, start, end))(b); d <= 0 {
		b.Errorf("20 MiB were set in %v", d)
	}
	untimed := b.newEvent(driver.EventDisableTiming)
	b.no(b.EventRecord(b.ctx, untimed, b.stream))
	b.wait()
	_, err := b.EventElapsedTime(b.ctx, start, untimed)
	b.failed(err, "cuEventElapsedTime", 400)
}

func zeroHandles(b *bench) {
	_, query := b.EventQuery(b.ctx, 0)
	_, between := b.EventElapsedTime(b.ctx, 0, 0)
	_, fn := b.ModuleGetFunction(b.ctx, 0, "saxpy")
	_, attr := b.FuncGetAttribute(b.ctx, 0, driver.FuncRegisters)
	_, blocks := b.Occupancy(b.ctx, 0, 32, 0)
	for call, err := range map[string]error{
		"cuEventQuery":                                query,
		"cuEventElapsedTime":                          between,
		"cuModuleGetFunction(saxpy)":                  fn,
		"cuFuncGetAttribute":                          attr,
		"cuOccupancyMaxActiveBlocksPerMultiprocessor": blocks,
		"cuFuncSetAttribute":                          b.FuncSetAttribute(b.ctx, 0, driver.FuncMaxDynamicShared, 0),
		"cuModuleUnload":                              b.ModuleUnload(b.ctx, 0),
		"cuStreamDestroy_v2":                          b.StreamDestroy(b.ctx, 0),
		"cuStreamWaitEvent":                           b.StreamWaitEvent(b.ctx, b.stream, 0),
		"cuEventRecord":                               b.EventRecord(b.ctx, 0, b.stream),
		"cuEventSynchronize":                          b.EventSynchronize(b.ctx, 0),
		"cuEventDestroy_v2":                           b.EventDestroy(b.ctx, 0),
		"cuLaunchKernel":                              b.LaunchKernel(b.ctx, 0, one, b.stream, nil),
	} {
		b.failed(err, call, 400)
	}
	nowhere := driver.Context{Device: b.dev}
	b.failed(b.CtxSynchronize(nowhere), "cuCtxSynchronize", 201)
	_, err := b.MemAlloc(nowhere, 256)
	b.failed(err, "cuMemAlloc_v2", 201)
}
