package run

import (
	"errors"
	"fmt"
	"io"

	"github.com/mecha-gpu/mecha-gpu/device"
	"github.com/mecha-gpu/mecha-gpu/kernels"
	"github.com/mecha-gpu/mecha-gpu/plan"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// A job with routines computes their operands as it does outputs, but into buffers: memory of the
// host that it keeps until its end. The worker that ends the last unit before a routine runs it,
// while others go on with other jobs. What comes after reads the results as if they were stored.

// mapBuffers takes the memory for buffers, and the scratch after them. The job has its lease.
func (g *large) mapBuffers() (err error) {
	if g.job.Host == 0 {
		return nil
	}
	if int64(int(g.job.Host)) != g.job.Host {
		err = errors.New("more than can be addressed")
	} else {
		g.memory, err = device.Map(int(g.job.Host))
	}
	if err != nil {
		return &tensor.Error{Class: tensor.ClassFit, Key: g.job.Key(), Err: fmt.Errorf("%d bytes for whole tensors: %w", g.job.Host, err)}
	}
	return nil
}

// unmapBuffers gives it back.
func (g *large) unmapBuffers() (err error) {
	if g.memory != nil {
		err = device.Unmap(g.memory)
	}
	g.memory = nil
	return err
}

// buffer returns the memory of a buffer.
func (g *large) buffer(i int) []byte {
	b := &g.job.Buffers[i]
	return g.memory[b.At : b.At+b.Bytes() : b.At+b.Bytes()]
}

// bufferOf returns the number of the buffer that a negative number of a source or an output is.
func bufferOf(n int) int { return -1 - n }

// reader is where tensors are read from: a source, or a buffer.
type reader interface {
	ReadAt(dst []byte, pos int64) error
}

// held is memory to read from.
type held []byte

func (h held) ReadAt(dst []byte, pos int64) error {
	if pos < 0 || pos > int64(len(h)) || copy(dst, h[pos:]) < len(dst) {
		return io.ErrUnexpectedEOF
	}
	return nil
}

// reader returns where a tensor is read from that is not in parts.
func (l *loop) reader(g *large, r *plan.Read) reader {
	if r.Source() {
		return l.sources[r.Model]
	}
	return held(g.buffer(bufferOf(r.Model)))
}

// next opens the next segment, after the routines that come before it. done says that there is none.
func (w *worker) next(g *large) (done bool, err error) {
	g.segment++
	for i := range g.job.Calls {
		if c := &g.job.Calls[i]; c.Before == g.segment {
			if err := w.runRoutine(g, c); err != nil {
				return false, err
			}
		}
	}
	if g.segment == len(g.job.Segments) {
		return true, nil
	}
	return false, w.openSegment(g)
}

// runRoutine runs a routine on the buffers.
func (w *worker) runRoutine(g *large, c *plan.Call) error {
	spans := func(list []int) (all [][]byte) {
		for _, b := range list {
			all = append(all, g.buffer(b))
		}
		return all
	}
	scratch := g.memory[int64(len(g.memory))-c.Scratch:]
	err := kernels.RunRoutine(w.l.ctx, c.Routine, c.Work, spans(c.In), spans(c.Out), scratch)
	w.lap(&w.stages.Compute)
	switch {
	case err == nil || w.l.ctx.Err() != nil && errors.Is(err, w.l.ctx.Err()):
		return err
	}
	return &tensor.Error{Class: tensor.ClassOf(err), Key: g.job.Key(), Err: err}
}
