package cuda

import (
	"errors"
	"fmt"

	"github.com/mecha-gpu/mecha-gpu/cuda/driver"
	"github.com/mecha-gpu/mecha-gpu/device"
	"github.com/mecha-gpu/mecha-gpu/kernels"
)

// Queue is a stream of one device. It is used by one goroutine at a time.
type Queue struct {
	dev    *Device
	stream driver.Stream
	closed bool
	work   work           // since the last Record
	events []driver.Event // all that were made
	spare  []driver.Event // those that nobody waits for

	batch batch        // launches that were not given to the driver yet
	table *kernels.Mem // rows of launches; nil until there is one
	rows  int          // bytes of the table that are in use
	args  driver.Args  // used again for every launch

	written int64 // rows so far
}

var errClosed = errors.New("the queue is closed")

// ready reports whether the queue can take work.
func (q *Queue) ready() error {
	if q.closed {
		return q.dev.failed("queue", errClosed)
	}
	return q.dev.gone()
}

// Alloc makes a slab of n bytes.
func (q *Queue) Alloc(n int64) (*kernels.Mem, error) {
	if err := q.ready(); err != nil {
		return nil, err
	}
	m, err := q.dev.pool.get(n)
	if err != nil {
		return nil, q.dev.failed(fmt.Sprintf("allocating %d bytes", n), err)
	}
	return m, nil
}

// Free gives a slab back to the pool; any queue of the device may do it.
func (q *Queue) Free(m *kernels.Mem) error {
	if err := q.dev.pool.put(m); err != nil {
		return q.dev.failed("freeing memory", err)
	}
	return nil
}

// Host returns the pinned bytes of a span.
func (q *Queue) Host(s kernels.Span) []byte {
	if s.Mem.Host == nil && s.Len == 0 {
		return nil
	}
	return s.Bytes()
}

// address returns where a span lies on the device.
func address(s kernels.Span) (driver.DevPtr, error) {
	switch {
	case s.Mem == nil || s.Mem.Handle == 0:
		return 0, errors.New("the span is not in memory of the device")
	case s.Off < 0 || s.Len < 0 || s.Off > s.Mem.Size-s.Len:
		return 0, fmt.Errorf("bytes [%d, +%d) of %d", s.Off, s.Len, s.Mem.Size)
	}
	return driver.DevPtr(s.Mem.Handle) + driver.DevPtr(s.Off), nil
}

// Push copies a span from its pinned twin to the device.
func (q *Queue) Push(s kernels.Span) error {
	return q.transfer("copying to the device", s, func(at driver.DevPtr) error {
		return q.dev.api.MemcpyHtoDAsync(q.dev.ctx, at, s.Bytes(), q.stream)
	})
}

// Pull copies a span from the device to its pinned twin.
func (q *Queue) Pull(s kernels.Span) error {
	return q.transfer("copying from the device", s, func(at driver.DevPtr) error {
		return q.dev.api.MemcpyDtoHAsync(q.dev.ctx, s.Bytes(), at, q.stream)
	})
}

// Clear sets the bytes of a span on the device to zero.
func (q *Queue) Clear(s kernels.Span) error {
	return q.transfer("clearing memory", s, func(at driver.DevPtr) error {
		return q.dev.api.MemsetD8Async(q.dev.ctx, at, 0, s.Len, q.stream)
	})
}

// transfer queues something that concerns one span, after the launches given before.
func (q *Queue) transfer(what string, s kernels.Span, do func(driver.DevPtr) error) error {
	if err := q.ready(); err != nil {
		return err
	}
	if err := q.flush(); err != nil {
		return err
	}
	if s.Len == 0 {
		return nil
	}
	at, err := address(s)
	if err == nil {
		err = do(at)
	}
	if errors.Is(err, driver.ErrDeviceLost) { // earlier work is what has failed
		what = fmt.Sprintf("%v, or other work before %s", &q.work, what)
	}
	if err != nil {
		return q.dev.failed(what, err)
	}
	q.work.copies++
	return nil
}

// Record returns an event after everything that was given so far.
func (q *Queue) Record() (device.Event, error) {
	if err := q.ready(); err != nil {
		return nil, err
	}
	if err := q.flush(); err != nil {
		return nil, err
	}
	ev, err := q.event()
	if err == nil {
		err = q.dev.api.EventRecord(q.dev.ctx, ev, q.stream)
	}
	if err != nil {
		return nil, q.dev.failed("recording an event", err)
	}
	e := &event{q: q, ev: ev, work: q.work, rows: q.written}
	q.work = work{}
	return e, nil
}

// event returns one that nobody waits for. The thread that waits sleeps: workers are more
// than processors.
func (q *Queue) event() (driver.Event, error) {
	if n := len(q.spare); n > 0 {
		ev := q.spare[n-1]
		q.spare = q.spare[:n-1]
		return ev, nil
	}
	ev, err := q.dev.api.EventCreate(q.dev.ctx, driver.EventBlockingSync|driver.EventDisableTiming)
	if err == nil {
		q.events = append(q.events, ev)
	}
	return ev, err
}

// Call runs a Go function on the host: its sources are pulled and waited for, its result is
// pushed.
func (q *Queue) Call(c *kernels.Call) error {
	if err := q.ready(); err != nil {
		return err
	}
	for _, s := range c.Src {
		if err := q.Pull(s); err != nil {
			return err
		}
	}
	if err := q.flush(); err != nil {
		return err
	}
	if err := q.dev.api.StreamSynchronize(q.dev.ctx, q.stream); err != nil {
		return q.dev.failed(fmt.Sprintf("%v before function %q", &q.work, c.Func.Name), err)
	}
	if err := kernels.RunCall(c); err != nil {
		return err
	}
	return q.Push(c.Dst)
}

// Close waits for the queue's work and releases the queue.
func (q *Queue) Close() error {
	if q.closed {
		return q.dev.failed("queue", errClosed)
	}
	d, err := q.dev, q.flush()
	q.closed = true
	d.queues.Add(-1)
	if serr := d.api.StreamSynchronize(d.ctx, q.stream); serr != nil && err == nil {
		err = d.failed(q.work.String(), serr)
	}
	var errs []error
	for _, ev := range q.events {
		errs = append(errs, d.api.EventDestroy(d.ctx, ev))
	}
	errs = append(errs, d.api.StreamDestroy(d.ctx, q.stream))
	if q.table != nil {
		errs = append(errs, d.pool.put(q.table))
	}
	if freed := errors.Join(errs...); freed != nil && err == nil && d.gone() == nil {
		err = d.failed("closing a queue", freed)
	}
	return err
}
