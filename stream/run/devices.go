package run

import (
	"context"
	"fmt"
	"sync"

	"github.com/mecha-gpu/mecha-gpu/device"
	"github.com/mecha-gpu/mecha-gpu/kernels"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// dev is a device of the run, with what all workers share of it.
type dev struct {
	index  int
	device device.Device
	info   device.Info
	budget *device.Budget // of its own memory; nil if it has none
	ring   *device.Lease  // of the slots of its workers

	mu  sync.Mutex
	q   device.Queue // for resident memory; nil until it is needed
	bad bool         // a call has failed
}

// openDevices prepares the devices for a number of workers, and the one that rescues.
func (l *loop) openDevices(ctx context.Context, devices []device.Device, workers int) error {
	if l.o.Rescue != nil {
		devices = append(devices[:len(devices):len(devices)], l.o.Rescue)
	}
	asked := len(devices)
	if l.o.Rescue != nil {
		asked--
	}
	for i, d := range devices {
		x := &dev{index: i, device: d, info: d.Info()}
		l.devices = append(l.devices, x)
		if x.info.Memory == 0 || i >= asked {
			continue
		}
		x.budget = device.NewBudget("memory of "+x.info.Name, x.info.Memory)
		slots := int64((workers-i+asked-1)/asked) * int64(max(l.p.Ring.Depth, 1))
		var err error
		if x.ring, err = x.budget.Take(ctx, "rings", slots*l.p.Ring.SlotBytes); err != nil {
			return err
		}
	}
	return nil
}

// releaseRings gives back what openDevices took.
func (l *loop) releaseRings() {
	for _, d := range l.devices {
		if d.ring != nil {
			d.ring.Release()
		}
	}
}

// slot makes a slot of n bytes with a queue of its own.
func (d *dev) slot(n int64) (*slot, error) {
	q, err := d.device.NewQueue()
	if err != nil {
		d.fails()
		return nil, err
	}
	m, err := q.Alloc(n)
	if err != nil {
		d.fails()
		_ = q.Close()
		return nil, err
	}
	own := lane{d.index, d.info, q}
	return &slot{lane: own, home: own, owned: m, mem: m, host: q.Host(kernels.Span{Mem: m, Len: n})}, nil
}

// alloc makes resident memory.
func (d *dev) alloc(n int64) (m *kernels.Mem, twin []byte, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.q == nil {
		d.q, err = d.device.NewQueue()
	}
	if err == nil {
		m, err = d.q.Alloc(n)
	}
	if err != nil {
		d.bad = true
		return nil, nil, err
	}
	return m, d.q.Host(kernels.Span{Mem: m, Len: n}), nil
}

// free gives resident memory back. A device that has failed before may fail again; its memory
// is given back with the device.
func (d *dev) free(m *kernels.Mem) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.q.Free(m); err != nil && !d.bad {
		return d.error("giving memory back", err)
	}
	return nil
}

// close releases the queue for resident memory.
func (d *dev) close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.q == nil {
		return nil
	}
	if err := d.q.Close(); err != nil && !d.bad {
		return d.error("closing a queue", err)
	}
	return nil
}

// error names the device.
func (d *dev) error(what string, err error) error {
	return &tensor.Error{Class: classOr(err, tensor.ClassDevice), Path: d.info.Name, Err: fmt.Errorf("%s: %w", what, err)}
}

func (d *dev) fails() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.bad = true
}

func (d *dev) failed() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.bad
}

// peak returns the most own memory that was leased.
func (d *dev) peak() int64 {
	if d.budget == nil {
		return 0
	}
	return d.budget.Peak()
}

// tryLease leases n bytes for a job, of the host and of its device, if they are free now; and of the
// host what its routines need.
func (l *loop) tryLease(g *large, n int64) (ok bool) {
	if n+g.job.Host == 0 {
		return true
	}
	if g.lease, ok = l.budget.TryTake("resident tensors", n+g.job.Host); !ok {
		return false
	}
	if b := l.deviceBudget(g); b != nil && n > 0 {
		if g.vram, ok = b.TryTake("resident tensors", n); !ok {
			g.lease.Release()
			g.lease = nil
		}
	}
	return ok
}

// leaseDevice leases n bytes of the job's device, for a job that has its lease of the host.
func (l *loop) leaseDevice(g *large, n int64) (err error) {
	if b := l.deviceBudget(g); b != nil && n > 0 {
		g.vram, err = b.Take(l.ctx, "resident tensors", n)
	}
	return err
}

// deviceBudget is what the resident memory of a job is leased from, beside that of the host.
func (l *loop) deviceBudget(g *large) *device.Budget {
	if g.dev < 0 {
		return nil
	}
	return l.devices[g.dev].budget
}
