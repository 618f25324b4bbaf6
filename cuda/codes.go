package cuda

import (
	"errors"
	"fmt"
	"sync"

	"github.com/mecha-gpu/mecha-gpu/cuda/driver"
	ptx "github.com/mecha-gpu/mecha-gpu/cuda/kernels"
	"github.com/mecha-gpu/mecha-gpu/kernels"
)

// codes are the kernels of a device, and the Programs that were uploaded to it.
type codes struct {
	api    driver.API
	ctx    driver.Context
	gpu    GPU
	module driver.Module

	// launching is held by those who launch what is uploaded, and taken alone to upload and
	// to drop.
	launching sync.RWMutex
	uploaded  map[*kernels.Program]*code
	arena     driver.DevPtr // 0 until something is uploaded
	size      int64         // of the arena
	used      int64

	mu      sync.Mutex
	encoded map[*kernels.Program]*ptx.Code
	entries map[string]driver.Function
	blocks  map[shape]uint32
}

// code is a Program on the device.
type code struct {
	at     driver.DevPtr
	passes []pass
}

// pass is a run of a kernel.
type pass struct {
	*ptx.Pass
	entry driver.Function
	at    driver.DevPtr // of its code
	most  uint32        // blocks that run at the same time
}

// shape is what the number of blocks depends on.
type shape struct {
	entry           string
	threads, shared int
}

// arenaBytes is the size of the memory for uploaded Programs. A merge has a handful of them,
// of a few hundred bytes each; the largest has 16 KiB.
const arenaBytes = 1 << 20

// maxEncoded bounds the Programs that are kept in encoded form.
const maxEncoded = 256

// imageAlign is the alignment of uploaded Programs.
const imageAlign = 16

// newCodes loads the kernels.
func newCodes(api driver.API, ctx driver.Context, g GPU, budget int64) (*codes, error) {
	m, err := api.ModuleLoadData(ctx, ptx.Module())
	if err != nil {
		return nil, err
	}
	return &codes{api: api, ctx: ctx, gpu: g, module: m, size: min(arenaBytes, max(budget/16, 64<<10)), uploaded: map[*kernels.Program]*code{},
		encoded: map[*kernels.Program]*ptx.Code{}, entries: map[string]driver.Function{}, blocks: map[shape]uint32{}}, nil
}

// encode returns the encoded form of a Program.
func (c *codes) encode(p *kernels.Program) (*ptx.Code, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.encoded[p]; e != nil {
		return e, nil
	}
	e, err := ptx.Encode(p)
	if err != nil {
		return nil, err
	}
	if len(c.encoded) >= maxEncoded {
		clear(c.encoded)
	}
	c.encoded[p] = e
	return e, nil
}

// with calls launch with a Program that stays on the device until launch returns.
func (c *codes) with(p *kernels.Program, e *ptx.Code, launch func(*code) error) error {
	for {
		c.launching.RLock()
		if up := c.uploaded[p]; up != nil {
			defer c.launching.RUnlock()
			return launch(up)
		}
		c.launching.RUnlock()
		if err := c.upload(p, e); err != nil {
			return err
		}
	}
}

// upload brings a Program to the device. If there is no room, all are dropped once nothing
// runs.
func (c *codes) upload(p *kernels.Program, e *ptx.Code) (err error) {
	c.launching.Lock()
	defer c.launching.Unlock()
	if c.uploaded[p] != nil { // somebody else was faster
		return nil
	}
	n := (int64(len(e.Image)) + imageAlign - 1) &^ (imageAlign - 1)
	if n > c.size {
		return fmt.Errorf("a program of %d bytes does not fit the %d bytes for programs", n, c.size)
	}
	if c.arena == 0 {
		if c.arena, err = c.api.MemAlloc(c.ctx, c.size); err != nil {
			return err
		}
	}
	if c.used+n > c.size {
		if err := c.api.CtxSynchronize(c.ctx); err != nil {
			return err
		}
		clear(c.uploaded)
		c.used = 0
	}
	up := &code{at: c.arena + driver.DevPtr(c.used)}
	for i := range e.Passes {
		ps := &e.Passes[i]
		entry, most, err := c.kernel(shape{ps.Entry, ps.Threads, ps.Shared})
		if err != nil {
			return err
		}
		up.passes = append(up.passes, pass{ps, entry, up.at + driver.DevPtr(ps.Offset), most})
	}
	if err := c.copy(up.at, e.Image); err != nil {
		return err
	}
	c.used += n
	c.uploaded[p] = up
	return nil
}

// copy copies bytes to the device, and waits for that.
func (c *codes) copy(to driver.DevPtr, b []byte) error {
	if err := c.api.MemcpyHtoDAsync(c.ctx, to, b, 0); err != nil {
		return err
	}
	return c.api.StreamSynchronize(c.ctx, 0)
}

// kernel returns the kernel of a name, and how many of its blocks of a shape the device runs at
// the same time.
func (c *codes) kernel(s shape) (driver.Function, uint32, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	entry, ok := c.entries[s.entry]
	if !ok {
		var err error
		if entry, err = c.api.ModuleGetFunction(c.ctx, c.module, s.entry); err != nil {
			return 0, 0, fmt.Errorf("kernel %s: %w", s.entry, err)
		}
		c.entries[s.entry] = entry
	}
	if _, ok := c.blocks[s]; !ok {
		n, err := c.api.Occupancy(c.ctx, entry, s.threads, int64(s.shared))
		if err != nil {
			return 0, 0, fmt.Errorf("kernel %s: %w", s.entry, err)
		}
		c.blocks[s] = uint32(max(n, 1) * max(c.gpu.Multiprocessors, 1))
	}
	return entry, c.blocks[s], nil
}

// close frees the memory and unloads the kernels.
func (c *codes) close() error {
	var err error
	if c.arena != 0 {
		err = c.api.MemFree(c.ctx, c.arena)
	}
	return errors.Join(err, c.api.ModuleUnload(c.ctx, c.module))
}
