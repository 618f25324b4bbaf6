package cpu

import (
	"errors"
	"fmt"

	"github.com/mecha-gpu/mecha-gpu/device"
	"github.com/mecha-gpu/mecha-gpu/kernels"
)

// Alloc returns memory of n zero bytes, aligned to 64. Where the system allows it, it is
// mapped outside the Go heap, so that the collector neither counts nor scans it, and it is
// the system's again as soon as it is freed.
func (q *Queue) Alloc(n int64) (*kernels.Mem, error) {
	if q.closed {
		return nil, failure(errClosed)
	}
	if n < 0 || int64(int(n)) != n {
		return nil, failure(fmt.Errorf("cpu: cannot allocate %d bytes", n))
	}
	m := &kernels.Mem{Size: n}
	if n > 0 {
		b, err := device.Map(int(n))
		if err != nil {
			return nil, failure(fmt.Errorf("cpu: allocating %d bytes: %w", n, err))
		}
		m.Host = b
	}
	d := q.dev
	d.mu.Lock()
	defer d.mu.Unlock()
	d.mem[m] = struct{}{}
	return m, nil
}

// Free gives memory back; any queue of the device may do it. Freeing twice, or memory of
// another device, is an error.
func (q *Queue) Free(m *kernels.Mem) error {
	d := q.dev
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, ok := d.mem[m]; !ok {
		return failure(errors.New("cpu: this memory was not allocated here, or is free already"))
	}
	return failure(d.release(m))
}

// release unmaps memory, under the lock. The Mem is emptied, so that a span that still
// refers to it cannot reach what the system puts there next.
func (d *Device) release(m *kernels.Mem) error {
	delete(d.mem, m)
	b := m.Host
	m.Host, m.Size = nil, 0
	if b == nil {
		return nil
	}
	return device.Unmap(b)
}
