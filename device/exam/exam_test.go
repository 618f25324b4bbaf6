package exam

import (
	"fmt"
	"testing"

	"github.com/mecha-gpu/mecha-gpu/device"
	"github.com/mecha-gpu/mecha-gpu/kernels"
)

// plain is the smallest device: the portable execution in the caller's goroutine.
// run replaces it to make devices that are wrong.
type plain struct {
	run     func(l *kernels.Launch) error
	clear   func(b []byte)
	product func(p *kernels.Product) // spoils a product
}

func (plain) Info() device.Info {
	return device.Info{Name: "plain", Depth: 1, Workers: 1, InHost: true}
}
func (p plain) NewQueue() (device.Queue, error) { return &plainQueue{plain: p}, nil }
func (plain) Close() error                      { return nil }

type plainQueue struct {
	plain
	m kernels.Machine
}

type done struct{}

func (done) Wait() error { return nil }

func (q *plainQueue) Launch(l *kernels.Launch) error {
	if q.run != nil {
		return q.run(l)
	}
	return q.m.Run(l)
}
func (q *plainQueue) Call(c *kernels.Call) error { return kernels.RunCall(c) }
func (q *plainQueue) Product(p *kernels.Product) error {
	err := kernels.RunProduct(p)
	if err == nil && q.product != nil {
		q.product(p)
	}
	return err
}
func (q *plainQueue) Alloc(n int64) (*kernels.Mem, error) {
	if n > 1<<40 {
		return nil, fmt.Errorf("no %d bytes", n)
	}
	b := make([]byte, n+64)
	return kernels.HostMem(b[aligned(b):][:n:n]), nil
}
func (q *plainQueue) Free(*kernels.Mem) error       { return nil }
func (q *plainQueue) Host(s kernels.Span) []byte    { return s.Bytes() }
func (q *plainQueue) Push(kernels.Span) error       { return nil }
func (q *plainQueue) Pull(kernels.Span) error       { return nil }
func (q *plainQueue) Record() (device.Event, error) { return done{}, nil }
func (q *plainQueue) Clear(s kernels.Span) error {
	if q.clear != nil {
		q.clear(s.Bytes())
		return nil
	}
	clear(s.Bytes())
	return nil
}

func TestThePortableExecutionPasses(t *testing.T) {
	Run(t, func() device.Device { return plain{} })
}
