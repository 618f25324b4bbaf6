package run

import (
	"github.com/mecha-gpu/mecha-gpu/device"
	"github.com/mecha-gpu/mecha-gpu/kernels"
	"github.com/mecha-gpu/mecha-gpu/plan"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// align is the alignment of what is laid out in a slot: a cache line.
const align = 64

// bytesOf returns the bytes of n elements; sub-byte types fill whole bytes.
func bytesOf(d tensor.DType, n int64) int64 { return n * int64(d.Bits()) / 8 }

// lane is a queue of a device. Work in different slots of a worker has no order, so that every
// slot has its own and their stages overlap.
type lane struct {
	dev  int // index of the device
	info device.Info
	q    device.Queue
}

// slot is a piece of a worker's ring and what it holds: a batch or a unit of a large job.
type slot struct {
	lane       // where its work runs now
	home  lane // where its memory is; another one after its device has failed
	owned *kernels.Mem
	mem   *kernels.Mem // owned, or its host side
	host  []byte       // its host memory
	used  int64        // bytes laid out

	ev     device.Event // reached when the work in the slot is done; nil if there is none
	job    *large       // of the unit; nil for a batch
	unit   unit
	stores []store
	counts []Count // of the unit, by output of its sweep
	batch  batch

	spans arena[kernels.Span]
	mems  arena[kernels.Mem]
	nums  arena[float64]
}

// store is where the elements go that a unit of a large job makes of an output.
type store struct {
	out   *plan.Output // nil: it is a buffer of the job
	pos   int64        // in the sink
	bytes []byte       // finished output bytes in host memory
	view  []byte       // memory of the sink or the buffer; nil if it has none
	whole bool         // bytes and view are the same memory
}

// reset empties the slot for another item.
func (s *slot) reset() {
	s.used, s.ev, s.job = 0, nil, nil
	clear(s.stores) // let their memory go
	s.stores, s.counts = s.stores[:0], s.counts[:0]
	s.spans.reset()
	s.mems.reset()
	s.nums.reset()
}

// take lays out n bytes in the slot.
func (s *slot) take(n int64) kernels.Span {
	sp := kernels.Span{Mem: s.mem, Off: s.used, Len: n}
	s.used += plan.Align(n)
	return sp
}

// bytes returns the host bytes of a span of the slot.
func (s *slot) bytes(sp kernels.Span) []byte { return s.host[sp.Off : sp.Off+sp.Len] }

// wrap makes a span of memory that is not the slot's.
func (s *slot) wrap(b []byte) kernels.Span {
	m := &s.mems.take(1)[0]
	*m = kernels.Mem{Host: b, Size: int64(len(b))}
	return kernels.Span{Mem: m, Len: m.Size}
}

// arena hands out zeroed slices and takes them all back at once.
type arena[T any] struct{ buf []T }

func (a *arena[T]) take(n int) []T {
	if cap(a.buf)-len(a.buf) < n {
		a.buf = make([]T, 0, max(2*cap(a.buf), n, 32)) // earlier slices keep the old memory
	}
	k := len(a.buf)
	a.buf = a.buf[:k+n]
	s := a.buf[k : k+n : k+n]
	clear(s)
	return s
}

func (a *arena[T]) reset() { a.buf = a.buf[:0] }
