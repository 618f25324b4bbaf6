package run_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/mecha-gpu/mecha-gpu/device"
	"github.com/mecha-gpu/mecha-gpu/kernels"
)

// faults fails call number at of everything that shares it; the zero faults counts only.
type faults struct {
	calls   atomic.Int64
	at      int64
	lasting bool // all later calls fail too
}

var errInjected = errors.New("injected")

func (f *faults) hit() error {
	if f == nil {
		return nil
	}
	if n := f.calls.Add(1); n == f.at || f.lasting && f.at > 0 && n > f.at {
		return errInjected
	}
	return nil
}

// testDevice runs the portable machine. If async, each queue has a goroutine, work is
// delayed at random, and device memory is not host memory: what is not pushed or pulled
// is poison.
type testDevice struct {
	async  bool
	inHost bool
	memory int64
	seed   uint64
	faults *faults
	queues atomic.Int64

	mu  sync.Mutex
	mem map[*kernels.Mem][]byte // its host twin
}

func newTestDevice(async bool, seed uint64) *testDevice {
	return &testDevice{async: async, inHost: !async, seed: seed, mem: map[*kernels.Mem][]byte{}}
}

func (d *testDevice) Info() device.Info {
	return device.Info{Name: "test", Depth: 1, UnitBytes: 1 << 16, Workers: 2, InHost: d.inHost, Memory: d.memory}
}

func (d *testDevice) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.mem) > 0 || d.queues.Load() != 0 {
		return fmt.Errorf("%d pieces of memory and %d queues are left", len(d.mem), d.queues.Load())
	}
	return nil
}

func (d *testDevice) NewQueue() (device.Queue, error) {
	if err := d.faults.hit(); err != nil {
		return nil, err
	}
	n := d.queues.Add(1)
	q := &testQueue{d: d, rnd: rand.New(rand.NewPCG(d.seed, uint64(n)))}
	if d.async {
		q.work, q.ended = make(chan func(), 64), make(chan struct{})
		go func() {
			defer close(q.ended)
			for f := range q.work {
				for range q.rnd.IntN(20) {
					runtime.Gosched()
				}
				f()
			}
		}()
	}
	return q, nil
}

type testQueue struct {
	d     *testDevice
	rnd   *rand.Rand
	m     kernels.Machine
	work  chan func()
	ended chan struct{}
	err   error // of work, until the next event
}

// do runs f now or later.
func (q *testQueue) do(f func() error) error {
	if !q.d.async {
		return errors.Join(q.d.faults.hit(), f())
	}
	q.work <- func() {
		if err := errors.Join(q.d.faults.hit(), f()); q.err == nil {
			q.err = err
		}
	}
	return nil
}

func (q *testQueue) Launch(l *kernels.Launch) error {
	if !q.d.async {
		return errors.Join(q.d.faults.hit(), q.m.Run(l))
	}
	c := *l
	c.Args, c.Consts, c.Results = slices.Clone(l.Args), slices.Clone(l.Consts), slices.Clone(l.Results)
	return q.do(func() error { return q.m.Run(&c) })
}

func (q *testQueue) Call(c *kernels.Call) error {
	return q.do(func() error { return kernels.RunCall(c) })
}

func (q *testQueue) Product(p *kernels.Product) error {
	return q.do(func() error { return kernels.RunProduct(p) })
}

func (q *testQueue) Alloc(n int64) (*kernels.Mem, error) {
	if err := q.d.faults.hit(); err != nil {
		return nil, err
	}
	m := kernels.HostMem(make([]byte, n))
	twin := m.Host
	if !q.d.inHost {
		twin = make([]byte, n)
		for i := range twin {
			twin[i], m.Host[i] = 0xa5, 0x5a
		}
	}
	q.d.mu.Lock()
	defer q.d.mu.Unlock()
	q.d.mem[m] = twin
	return m, nil
}

func (q *testQueue) Free(m *kernels.Mem) error {
	q.d.mu.Lock()
	defer q.d.mu.Unlock()
	if _, ok := q.d.mem[m]; !ok {
		return errors.New("this memory was not allocated, or is free already")
	}
	delete(q.d.mem, m)
	return nil
}

func (q *testQueue) Host(s kernels.Span) []byte {
	if q.d.inHost {
		return s.Bytes()
	}
	q.d.mu.Lock()
	defer q.d.mu.Unlock()
	return q.d.mem[s.Mem][s.Off : s.Off+s.Len]
}

func (q *testQueue) Push(s kernels.Span) error { return q.copy(s.Bytes(), q.Host(s)) }
func (q *testQueue) Pull(s kernels.Span) error { return q.copy(q.Host(s), s.Bytes()) }

func (q *testQueue) copy(dst, src []byte) error {
	if q.d.inHost {
		return q.d.faults.hit()
	}
	return q.do(func() error { copy(dst, src); return nil })
}

func (q *testQueue) Clear(s kernels.Span) error {
	return q.do(func() error { clear(s.Bytes()); return nil })
}

type testEvent chan error

func (e testEvent) Wait() error {
	if e == nil {
		return nil
	}
	return <-e
}

func (q *testQueue) Record() (device.Event, error) {
	if !q.d.async {
		return testEvent(nil), q.d.faults.hit()
	}
	e := make(testEvent, 1)
	q.work <- func() { e <- q.err; close(e); q.err = nil }
	return e, nil
}

func (q *testQueue) Close() error {
	q.d.queues.Add(-1)
	if q.d.async {
		close(q.work)
		<-q.ended
	}
	return nil
}
