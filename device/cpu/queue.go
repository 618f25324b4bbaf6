package cpu

import (
	"errors"

	"github.com/mecha-gpu/mecha-gpu/device"
	"github.com/mecha-gpu/mecha-gpu/kernels"
	"github.com/mecha-gpu/mecha-gpu/kernels/simd"
)

// Queue runs work at once, in the caller's goroutine. It is used by one goroutine at a
// time.
type Queue struct {
	dev      *Device
	closed   bool
	portable kernels.Machine
	vector   simd.Machine
	prog     *kernels.Program // of the last launch
	code     *simd.Code       // of prog
}

var errClosed = errors.New("cpu: the queue is closed")

// Launch runs a Program. When it returns, all results are in memory. It fails, before
// anything is written, if the launch does not fit its Program or its memory.
func (q *Queue) Launch(l *kernels.Launch) error {
	if q.closed {
		return failure(errClosed)
	}
	if q.dev.tier == Portable {
		return failure(q.portable.Run(l))
	}
	if q.prog != l.Prog {
		c, err := q.dev.compiled(l.Prog)
		if err != nil {
			return failure(err)
		}
		q.prog, q.code = l.Prog, c
	}
	return failure(q.vector.Run(q.code, l))
}

// Call runs a Go function. A panic in it becomes an error that names the function.
func (q *Queue) Call(c *kernels.Call) error {
	if q.closed {
		return failure(errClosed)
	}
	return kernels.RunCall(c)
}

// Product computes elements of a product of matrices. When it returns, they are in memory.
func (q *Queue) Product(p *kernels.Product) error {
	switch {
	case q.closed:
		return failure(errClosed)
	case q.dev.tier == Portable:
		return failure(kernels.RunProduct(p))
	}
	return failure(q.vector.Product(p))
}

// Host returns the memory of the span itself.
func (q *Queue) Host(s kernels.Span) []byte { return s.Bytes() }

// Push does nothing: host memory is what the device computes on.
func (q *Queue) Push(kernels.Span) error { return nil }

// Pull does nothing.
func (q *Queue) Pull(kernels.Span) error { return nil }

// Clear sets the bytes of s to zero.
func (q *Queue) Clear(s kernels.Span) error {
	clear(s.Bytes())
	return nil
}

// reached is an event that nothing has to be waited for.
type reached struct{}

// Wait returns at once: failures were returned by the calls themselves.
func (reached) Wait() error { return nil }

// Record returns an event that is reached already.
func (q *Queue) Record() (device.Event, error) { return reached{}, nil }

// Close releases the queue's scratch memory.
func (q *Queue) Close() error {
	*q = Queue{dev: q.dev, closed: true}
	return nil
}
