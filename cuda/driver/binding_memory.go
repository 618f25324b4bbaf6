//go:build cgo && (linux || windows) && (amd64 || arm64)

package driver

// #include "driver.h"
import "C"

import (
	"time"
	"unsafe"
)

func (b *binding) MemAlloc(c Context, n int64) (DevPtr, error) {
	r := C.mg_mem_alloc(b.api, ctx(c), C.int64_t(n))
	return DevPtr(r.a), b.done("cuMemAlloc_v2", c.Device, r)
}

func (b *binding) MemFree(c Context, p DevPtr) error {
	return b.done("cuMemFree_v2", c.Device, C.mg_mem_free(b.api, ctx(c), dptr(p)))
}

func (b *binding) MemHostAlloc(c Context, n int64, flags HostFlags) ([]byte, error) {
	r := C.mg_host_alloc(b.api, ctx(c), C.int64_t(n), C.uint(flags))
	if err := b.fail("cuMemHostAlloc", c.Device, Code(r.code)); err != nil {
		return nil, err
	}
	return unsafe.Slice((*byte)(r.p), n), nil
}

func (b *binding) MemFreeHost(c Context, m []byte) error {
	return b.done("cuMemFreeHost", c.Device, C.mg_host_free(b.api, ctx(c), addr(m)))
}

func (b *binding) MemHostRegister(c Context, m []byte, flags HostFlags) error {
	r := C.mg_host_register(b.api, ctx(c), addr(m), size(m), C.uint(flags))
	return b.done("cuMemHostRegister_v2", c.Device, r)
}

func (b *binding) MemHostUnregister(c Context, m []byte) error {
	return b.done("cuMemHostUnregister", c.Device, C.mg_host_unregister(b.api, ctx(c), addr(m)))
}

func (b *binding) MemsetD8Async(c Context, dst DevPtr, v byte, n int64, s Stream) error {
	r := C.mg_memset(b.api, ctx(c), dptr(dst), C.uchar(v), C.int64_t(n), C.uintptr_t(s))
	return b.done("cuMemsetD8Async", c.Device, r)
}

func (b *binding) MemcpyHtoDAsync(c Context, dst DevPtr, src []byte, s Stream) error {
	r := C.mg_htod(b.api, ctx(c), dptr(dst), addr(src), size(src), C.uintptr_t(s))
	return b.done("cuMemcpyHtoDAsync_v2", c.Device, r)
}

func (b *binding) MemcpyDtoHAsync(c Context, dst []byte, src DevPtr, s Stream) error {
	r := C.mg_dtoh(b.api, ctx(c), addr(dst), dptr(src), size(dst), C.uintptr_t(s))
	return b.done("cuMemcpyDtoHAsync_v2", c.Device, r)
}

func (b *binding) MemcpyDtoDAsync(c Context, dst, src DevPtr, n int64, s Stream) error {
	r := C.mg_dtod(b.api, ctx(c), dptr(dst), dptr(src), C.int64_t(n), C.uintptr_t(s))
	return b.done("cuMemcpyDtoDAsync_v2", c.Device, r)
}

func (b *binding) StreamCreate(c Context, flags StreamFlags) (Stream, error) {
	r := C.mg_stream_create(b.api, ctx(c), C.uint(flags))
	return Stream(r.a), b.done("cuStreamCreate", c.Device, r)
}

func (b *binding) StreamDestroy(c Context, s Stream) error {
	return b.done("cuStreamDestroy_v2", c.Device, C.mg_stream_destroy(b.api, ctx(c), C.uintptr_t(s)))
}

func (b *binding) StreamSynchronize(c Context, s Stream) error {
	r := C.mg_stream_synchronize(b.api, ctx(c), C.uintptr_t(s))
	return b.done("cuStreamSynchronize", c.Device, r)
}

func (b *binding) StreamQuery(c Context, s Stream) (bool, error) {
	return b.query("cuStreamQuery", c.Device, C.mg_stream_query(b.api, ctx(c), C.uintptr_t(s)))
}

func (b *binding) StreamWaitEvent(c Context, s Stream, e Event) error {
	r := C.mg_stream_wait(b.api, ctx(c), C.uintptr_t(s), C.uintptr_t(e))
	return b.done("cuStreamWaitEvent", c.Device, r)
}

func (b *binding) EventCreate(c Context, flags EventFlags) (Event, error) {
	r := C.mg_event_create(b.api, ctx(c), C.uint(flags))
	return Event(r.a), b.done("cuEventCreate", c.Device, r)
}

func (b *binding) EventDestroy(c Context, e Event) error {
	return b.done("cuEventDestroy_v2", c.Device, C.mg_event_destroy(b.api, ctx(c), C.uintptr_t(e)))
}

func (b *binding) EventRecord(c Context, e Event, s Stream) error {
	r := C.mg_event_record(b.api, ctx(c), C.uintptr_t(e), C.uintptr_t(s))
	return b.done("cuEventRecord", c.Device, r)
}

func (b *binding) EventQuery(c Context, e Event) (bool, error) {
	return b.query("cuEventQuery", c.Device, C.mg_event_query(b.api, ctx(c), C.uintptr_t(e)))
}

func (b *binding) EventSynchronize(c Context, e Event) error {
	r := C.mg_event_synchronize(b.api, ctx(c), C.uintptr_t(e))
	return b.done("cuEventSynchronize", c.Device, r)
}

func (b *binding) EventElapsedTime(c Context, start, end Event) (time.Duration, error) {
	r := C.mg_event_elapsed(b.api, ctx(c), C.uintptr_t(start), C.uintptr_t(end))
	return time.Duration(float64(r.ms) * float64(time.Millisecond)), b.fail("cuEventElapsedTime", c.Device, Code(r.code))
}
