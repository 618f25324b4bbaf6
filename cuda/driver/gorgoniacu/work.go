//go:build gorgoniacu && cgo && linux && (amd64 || arm64)

package gorgoniacu

import (
	"time"
	"unsafe"

	"github.com/mecha-gpu/mecha-gpu/cuda/driver"
	"gorgonia.org/cu"
)

// The calls below hand what makes no sense (no bytes, negative sizes, handles that were
// never made) to package driver, which answers without asking the driver.

func (b binding) MemAlloc(c driver.Context, n int64) (p driver.DevPtr, err error) {
	if n < 0 {
		return b.API.MemAlloc(c, n)
	}
	err = b.in(c, "cuMemAlloc_v2", func() error {
		ptr, e := cu.MemAlloc(n)
		p = driver.DevPtr(ptr)
		return e
	})
	return p, err
}

func (b binding) MemFree(c driver.Context, p driver.DevPtr) error {
	return b.in(c, "cuMemFree_v2", func() error { return cu.MemFree(cu.DevicePtr(p)) })
}

func (b binding) MemsetD8Async(c driver.Context, dst driver.DevPtr, v byte, n int64, s driver.Stream) error {
	if n <= 0 {
		return b.API.MemsetD8Async(c, dst, v, n, s)
	}
	return b.in(c, "cuMemsetD8Async", func() error {
		return cu.MemsetD8Async(cu.DevicePtr(dst), v, n, from[cu.Stream](s))
	})
}

func (b binding) MemcpyHtoDAsync(c driver.Context, dst driver.DevPtr, src []byte, s driver.Stream) error {
	if len(src) == 0 {
		return b.API.MemcpyHtoDAsync(c, dst, src, s)
	}
	return b.in(c, "cuMemcpyHtoDAsync_v2", func() error {
		return cu.MemcpyHtoDAsync(cu.DevicePtr(dst), unsafe.Pointer(unsafe.SliceData(src)), int64(len(src)), from[cu.Stream](s))
	})
}

func (b binding) MemcpyDtoHAsync(c driver.Context, dst []byte, src driver.DevPtr, s driver.Stream) error {
	if len(dst) == 0 {
		return b.API.MemcpyDtoHAsync(c, dst, src, s)
	}
	return b.in(c, "cuMemcpyDtoHAsync_v2", func() error {
		return cu.MemcpyDtoHAsync(unsafe.Pointer(unsafe.SliceData(dst)), cu.DevicePtr(src), int64(len(dst)), from[cu.Stream](s))
	})
}

func (b binding) MemcpyDtoDAsync(c driver.Context, dst, src driver.DevPtr, n int64, s driver.Stream) error {
	if n <= 0 {
		return b.API.MemcpyDtoDAsync(c, dst, src, n, s)
	}
	return b.in(c, "cuMemcpyDtoDAsync_v2", func() error {
		return cu.MemcpyDtoDAsync(cu.DevicePtr(dst), cu.DevicePtr(src), n, from[cu.Stream](s))
	})
}

func (b binding) StreamCreate(c driver.Context, flags driver.StreamFlags) (s driver.Stream, err error) {
	err = b.in(c, "cuStreamCreate", func() error {
		made, e := cu.MakeStream(cu.StreamFlags(flags))
		s = Stream(made)
		return e
	})
	return s, err
}

func (b binding) StreamDestroy(c driver.Context, s driver.Stream) error {
	if s == 0 {
		return b.API.StreamDestroy(c, s)
	}
	return b.in(c, "cuStreamDestroy_v2", func() error {
		theirs := from[cu.Stream](s)
		return theirs.Destroy()
	})
}

func (b binding) StreamSynchronize(c driver.Context, s driver.Stream) error {
	return b.in(c, "cuStreamSynchronize", from[cu.Stream](s).Synchronize)
}

func (b binding) StreamQuery(c driver.Context, s driver.Stream) (bool, error) {
	return query(b.in(c, "cuStreamQuery", from[cu.Stream](s).Query))
}

func (b binding) StreamWaitEvent(c driver.Context, s driver.Stream, e driver.Event) error {
	if e == 0 {
		return b.API.StreamWaitEvent(c, s, e)
	}
	return b.in(c, "cuStreamWaitEvent", func() error { return from[cu.Stream](s).Wait(from[cu.Event](e), 0) })
}

func (b binding) EventCreate(c driver.Context, flags driver.EventFlags) (e driver.Event, err error) {
	err = b.in(c, "cuEventCreate", func() error {
		made, err := cu.MakeEvent(cu.EventFlags(flags))
		e = Event(made)
		return err
	})
	return e, err
}

func (b binding) EventDestroy(c driver.Context, e driver.Event) error {
	if e == 0 {
		return b.API.EventDestroy(c, e)
	}
	return b.in(c, "cuEventDestroy_v2", func() error {
		theirs := from[cu.Event](e)
		return cu.DestroyEvent(&theirs)
	})
}

func (b binding) EventRecord(c driver.Context, e driver.Event, s driver.Stream) error {
	if e == 0 {
		return b.API.EventRecord(c, e, s)
	}
	return b.in(c, "cuEventRecord", func() error { return from[cu.Event](e).Record(from[cu.Stream](s)) })
}

func (b binding) EventQuery(c driver.Context, e driver.Event) (bool, error) {
	if e == 0 {
		return b.API.EventQuery(c, e)
	}
	return query(b.in(c, "cuEventQuery", from[cu.Event](e).Query))
}

func (b binding) EventSynchronize(c driver.Context, e driver.Event) error {
	if e == 0 {
		return b.API.EventSynchronize(c, e)
	}
	return b.in(c, "cuEventSynchronize", from[cu.Event](e).Synchronize)
}

func (b binding) EventElapsedTime(c driver.Context, start, end driver.Event) (d time.Duration, err error) {
	if start == 0 || end == 0 {
		return b.API.EventElapsedTime(c, start, end)
	}
	err = b.in(c, "cuEventElapsedTime", func() error {
		ms, e := from[cu.Event](start).Elapsed(from[cu.Event](end))
		d = time.Duration(ms * float64(time.Millisecond))
		return e
	})
	return d, err
}
