package cuda

import (
	"errors"
	"fmt"
	"sync"

	"github.com/mecha-gpu/mecha-gpu/cuda/driver"
	"github.com/mecha-gpu/mecha-gpu/kernels"
)

// slab is pinned host memory and its twin on the device.
type slab struct {
	host []byte
	dev  driver.DevPtr
	size int64 // of both; a multiple of slabAlign
}

// slabAlign is the granularity of slabs: what the contract of devices promises. Leases are
// rounded up to more, so that what was leased can be allocated.
const slabAlign = 64

// pool gives out slabs of one device. Pinning takes milliseconds, and freeing device memory
// waits for all work of the device (both say NVIDIA's manuals), so that slabs are kept for
// the next tensor of the same size; checkpoints have few sizes. What is kept and what is in
// use take together never more than was in use at some time, so that leases that covered
// that time cover the pool too.
type pool struct {
	api    driver.API
	ctx    driver.Context
	budget int64 // bytes of device memory
	poison bool

	mu   sync.Mutex
	live map[*kernels.Mem]*slab
	idle map[int64][]*slab // by size
	used int64             // bytes of live
	kept int64             // bytes of idle
	peak int64             // the most that used was
}

func newPool(api driver.API, ctx driver.Context, budget int64, poison bool) *pool {
	return &pool{api: api, ctx: ctx, budget: budget, poison: poison, live: map[*kernels.Mem]*slab{}, idle: map[int64][]*slab{}}
}

// get returns memory of n bytes.
func (p *pool) get(n int64) (*kernels.Mem, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	m := &kernels.Mem{Size: n}
	if n < 0 || n > p.budget-p.used-(slabAlign-1) && n > 0 {
		return nil, fmt.Errorf("%d bytes do not fit: %d of %d bytes of device memory are in use", n, p.used, p.budget)
	}
	if n == 0 {
		p.live[m] = &slab{}
		return m, nil
	}
	s, err := p.take((n + slabAlign - 1) &^ (slabAlign - 1))
	if err != nil {
		return nil, err
	}
	m.Host, m.Handle = s.host[:n:n], uint64(s.dev)
	p.live[m] = s
	p.used += s.size
	p.peak = max(p.peak, p.used)
	return m, nil
}

// take finds a slab in the pool or makes one.
func (p *pool) take(size int64) (*slab, error) {
	if list := p.idle[size]; len(list) > 0 {
		s := list[len(list)-1]
		p.idle[size] = list[:len(list)-1]
		p.kept -= size
		return s, nil
	}
	if err := p.trim(max(p.peak-p.used-size, 0)); err != nil {
		return nil, err
	}
	s, err := p.make(size)
	if errors.Is(err, driver.ErrOutOfMemory) && p.kept > 0 {
		if err := p.trim(0); err != nil {
			return nil, err
		}
		s, err = p.make(size)
	}
	return s, err
}

// make asks the driver for a slab.
func (p *pool) make(size int64) (*slab, error) {
	dev, err := p.api.MemAlloc(p.ctx, size)
	if err != nil {
		return nil, err
	}
	host, err := p.api.MemHostAlloc(p.ctx, size, driver.HostPortable)
	if err != nil {
		return nil, errors.Join(err, p.api.MemFree(p.ctx, dev))
	}
	return &slab{host: host, dev: dev, size: size}, nil
}

// put takes memory back. The caller has waited for all work on it.
func (p *pool) put(m *kernels.Mem) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	s, ok := p.live[m]
	if !ok {
		return errors.New("this memory was not allocated here, or is free already")
	}
	delete(p.live, m)
	m.Host, m.Handle, m.Size = nil, 0, 0 // a span that still refers to it reaches nothing
	if s.size == 0 {
		return nil
	}
	p.used -= s.size
	p.kept += s.size
	p.idle[s.size] = append(p.idle[s.size], s)
	if p.poison {
		return p.spoil(s)
	}
	return nil
}

// poisonByte makes a NaN of every floating-point type.
const poisonByte = 0xff

// spoil fills a slab with the pattern, and waits for that.
func (p *pool) spoil(s *slab) error {
	for i := range s.host {
		s.host[i] = poisonByte
	}
	if err := p.api.MemsetD8Async(p.ctx, s.dev, poisonByte, s.size, 0); err != nil {
		return err
	}
	return p.api.StreamSynchronize(p.ctx, 0)
}

// trim gives idle slabs back to the driver until no more than keep bytes are idle.
func (p *pool) trim(keep int64) error {
	var errs []error
	for size, list := range p.idle {
		for len(list) > 0 && p.kept > keep {
			s := list[len(list)-1]
			list = list[:len(list)-1]
			p.kept -= size
			errs = append(errs, p.release(s))
		}
		if p.idle[size] = list; len(list) == 0 {
			delete(p.idle, size)
		}
	}
	return errors.Join(errs...)
}

func (p *pool) release(s *slab) error {
	if s.size == 0 {
		return nil
	}
	return errors.Join(p.api.MemFree(p.ctx, s.dev), p.api.MemFreeHost(p.ctx, s.host))
}

// close gives everything back, also what was not freed.
func (p *pool) close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	err := p.trim(0)
	for m, s := range p.live {
		err = errors.Join(err, p.release(s))
		m.Host, m.Handle, m.Size = nil, 0, 0
	}
	clear(p.live)
	p.used = 0
	return err
}
