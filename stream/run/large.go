package run

import (
	"fmt"

	"github.com/mecha-gpu/mecha-gpu/device"
	"github.com/mecha-gpu/mecha-gpu/kernels"
	"github.com/mecha-gpu/mecha-gpu/plan"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// large is a large job at work. All workers take units of its open sweep; whoever
// finishes the last one opens the next sweep and owns the job meanwhile.
type large struct {
	job   *plan.Job
	again *again // how it came to be made again; nil if it was not
	seq   int    // jobs are served in the order in which they started
	dev   int    // the only device that can work on it, because of its memory; -1: all
	lease *device.Lease
	vram  *device.Lease  // of the device's own memory
	held  []*kernels.Mem // resident memory

	memory []byte // of buffers and routines

	segment int
	leaves  []leafMem // of the segment
	nums    []float64
	scratch []float64
	counts  []Count // by output of the job

	// The open sweep.
	sweep    int
	body     *kernels.Body // nil: nothing to launch
	n, step  int64         // elements of the sweep, of a unit
	g        gather
	open     bool // units may be taken. This and the following are guarded by loop.mu.
	next     int64
	inFlight int
	stop     bool // a guard was set: no more units

	// onHost says that only the host twin of resident memory has all elements, because a
	// slot without a device has filled some of it: units go to such slots only.
	onHost bool
}

// leafMem is where the elements of a leaf are, if not in slots.
type leafMem struct {
	span   kernels.Span // all of it; Mem is nil if it goes through slots
	loaded bool         // the memory holds the elements
	inHost bool         // it is memory of a source
	twin   []byte       // the host's side of resident memory
}

func (g *large) seg() *plan.Segment { return &g.job.Segments[g.segment] }

// leaseBytes returns what the job leases: nothing for leaves that are in memory.
func (l *loop) leaseBytes(w *worker, j *plan.Job) int64 {
	if !j.Resident {
		return j.Lease
	}
	var n int64
	for i := range j.Segments {
		s := &j.Segments[i]
		for k := range s.Reads {
			if r := &s.Reads[k]; resident(j, s, k) && !(w.info.InHost && l.view(nil, r) != nil) {
				n += plan.Align(bytesOf(r.DType, r.N))
			}
		}
	}
	if n == 0 {
		return 0
	}
	return max(n, j.Lease)
}

// view returns all of a leaf if it is in memory as it is needed.
func (l *loop) view(g *large, r *plan.Read) []byte {
	n := bytesOf(r.DType, r.N)
	switch {
	case n == 0 || !r.Plain():
		return nil
	case !r.Source():
		return g.buffer(bufferOf(r.Model))[r.Pos : r.Pos+n]
	}
	return l.sources[r.Model].View(r.Pos, n)
}

// resident reports whether a leaf is kept in memory: several sweeps may read it.
func resident(j *plan.Job, s *plan.Segment, leaf int) bool {
	return j.Resident && s.Reads[leaf].Source() && !s.Inst.Copies() && len(s.Inst.Sweeps) > 1 && dense(s, leaf)
}

// dense reports whether a sweep reads a leaf element by element.
func dense(s *plan.Segment, leaf int) bool {
	for i := range s.Inst.Sweeps {
		for k := range s.Inst.Sweeps[i].Bodies {
			for _, u := range s.Inst.Sweeps[i].Bodies[k].Leaves {
				if u.Leaf == leaf && u.Form == kernels.Dense {
					return true
				}
			}
		}
	}
	return false
}

// openSegment finds the memory of the leaves of a segment.
func (w *worker) openSegment(g *large) error {
	s := g.seg()
	g.sweep = -1
	g.nums = make([]float64, s.Inst.Slots)
	copy(g.nums, s.Inst.Consts)
	g.leaves = make([]leafMem, len(s.Reads))
	onHost := w.info.InHost || s.Inst.Copies() && !w.l.checks(s)
	for i := range s.Reads {
		r, m := &s.Reads[i], &g.leaves[i]
		if onHost {
			if v := w.l.view(g, r); v != nil {
				*m = leafMem{span: kernels.Span{Mem: kernels.HostMem(v), Len: int64(len(v))}, loaded: true, inHost: true}
				continue
			}
		}
		if n := bytesOf(r.DType, r.N); n > 0 && resident(g.job, s, i) {
			mem, twin, err := w.l.devices[g.dev].alloc(n)
			if err != nil {
				err = w.deviceError(g.job.Key(), fmt.Sprintf("memory for a resident tensor of %d bytes", n), err)
				if !w.l.tolerate(w.info.Name, err) {
					return err
				}
				continue // it goes through slots
			}
			g.held = append(g.held, mem)
			m.span, m.twin = kernels.Span{Mem: mem, Len: n}, twin
		}
	}
	return nil
}

// advance opens the next sweep that has units, of this segment or a later one. done says
// that there is none. The caller owns the job.
func (w *worker) advance(g *large) (done bool, err error) {
	for {
		g.sweep++
		if g.sweep >= w.l.sweeps(g.seg()) {
			if done, err := w.next(g); done || err != nil {
				return done, err
			}
			continue
		}
		if err := w.openSweep(g); err != nil {
			return false, err
		}
		if g.n > 0 {
			return false, nil
		}
		g.finishSweep()
	}
}

// sweeps returns how often units of a segment are handed out: a copied segment that is
// not checked has no sweep, but one round of units.
func (l *loop) sweeps(s *plan.Segment) int {
	if s.Inst.Copies() {
		return 1
	}
	return len(s.Inst.Sweeps)
}

// openSweep makes a sweep ready to be cut into units.
func (w *worker) openSweep(g *large) error {
	s := g.seg()
	g.body, g.n = nil, s.Inst.Elems(0)
	if s.Inst.Copies() && !w.l.checks(s) {
		g.step = copyElems(s, w.l.p.Ring)
	} else {
		var ok bool
		sw := &s.Inst.Sweeps[g.sweep]
		if g.body, ok = sw.Select(g.nums); !ok {
			return planError(g.job, "no alternative of sweep %d is chosen", g.sweep)
		}
		g.n = s.Inst.Domains[sw.Domain].N
		g.step = s.UnitElems(g.sweep, w.l.p.Ring, g.inPlace())
		g.g.open(s, g.sweep)
	}
	if g.step == 0 && g.n > 0 {
		_, need := s.SlotBytes(w.l.p.Ring.UnitBytes, g.inPlace())
		return &tensor.Error{Class: tensor.ClassFit, Key: g.job.Key(), Err: fmt.Errorf("a unit does not fit a slot of the ring"),
			Want: fmt.Sprintf("at least %d bytes", need), Got: fmt.Sprintf("%d bytes", w.l.p.Ring.SlotBytes),
			Hint: "raise the memory limit or the unit size"}
	}
	return nil
}

// inPlace reports whether no dense leaf of the segment goes through slots.
func (g *large) inPlace() bool {
	for i := range g.leaves {
		if g.leaves[i].span.Mem == nil && dense(g.seg(), i) {
			return false
		}
	}
	return true
}

// copyElems returns how many elements a unit of a copied or converted tensor takes: a
// multiple of 8, so that sub-byte types fill whole bytes. It returns 0 if the slot is too small,
// which has to hold them as they are read and as each conversion makes them.
func copyElems(s *plan.Segment, r plan.Ring) int64 {
	bits, held := int64(s.Inst.Lowered.Leaves[0].Bits()), int64(2)
	for _, x := range s.Inst.Outs {
		bits = max(bits, int64(x.DType.Bits()))
	}
	held = max(held, int64(len(s.Inst.Outs))+1)
	n := min(max(r.UnitBytes, bits), r.SlotBytes/held-align) * 8 / bits / 8 * 8
	return max(n, 0)
}

// finishSweep turns the results of all units into numbers, and marks what was loaded.
func (g *large) finishSweep() {
	if g.body == nil {
		return
	}
	g.scratch = resize(g.scratch, len(g.g.ints))
	g.g.finish(g.nums, g.scratch)
	for _, u := range g.body.Leaves {
		if m := &g.leaves[u.Leaf]; u.Form == kernels.Dense && m.span.Mem != nil && g.n > 0 {
			m.loaded = true
		}
	}
}
