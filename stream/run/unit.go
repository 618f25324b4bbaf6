package run

import (
	"encoding/binary"
	"slices"

	"github.com/mecha-gpu/mecha-gpu/kernels"
	"github.com/mecha-gpu/mecha-gpu/plan"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// unit is a range of the elements of a sweep with the memory that it runs on.
type unit struct {
	seg    *plan.Segment
	sweep  int
	body   *kernels.Body // nil: nothing to launch
	first  int64
	count  int64
	nums   []float64      // slots of the Lowered
	leaves []kernels.Span // by leaf of the instance
	temps  []kernels.Span // by temporary of the body
	out    kernels.Span   // the elements that the unit stores
	res    kernels.Span   // results, see below
}

// Results of a unit lie in one span: the counts of the output (three uint64), its flags
// (a uint32, padded to 8 bytes), the guards (a uint32 each, padded to 8 bytes together),
// then the reductions in order: a float64 for each block of a sum, a uint64 for others.
const (
	countBytes = 24
	flagAt     = 24
	guardsAt   = 32
)

var le = binary.LittleEndian

func reducesAt(guards int) int64 { return (guardsAt + 4*int64(guards) + 7) &^ 7 }

// reduceBytes returns the bytes of a reduction over count elements.
func reduceBytes(k kernels.ResultKind, count int64) int64 {
	if k == kernels.Sum {
		return 8 * ((count + kernels.BlockElems - 1) / kernels.BlockElems)
	}
	return 8
}

// resultBytes returns the bytes of the results of count elements of a sweep.
func resultBytes(s *plan.Segment, sweep int, count int64) int64 {
	n := reducesAt(s.Inst.Lowered.Guards)
	for _, r := range s.Inst.Sweeps[sweep].Reduces {
		n += reduceBytes(r.Kind, count)
	}
	return n
}

func (u *unit) sw() *kernels.Sweep { return &u.seg.Inst.Sweeps[u.sweep] }

func (u *unit) domain() kernels.Domain { return u.seg.Inst.Domains[u.sw().Domain] }

// reduce returns the span of reduction i.
func (u *unit) reduce(i int) kernels.Span {
	at := reducesAt(u.seg.Inst.Lowered.Guards)
	rs := u.sw().Reduces
	for _, r := range rs[:i] {
		at += reduceBytes(r.Kind, u.count)
	}
	return u.res.Slice(at, reduceBytes(rs[i].Kind, u.count))
}

// result returns the memory of a result of a step; counting puts counts in the place of
// the output's flags.
func (u *unit) result(r kernels.Ref, counting bool) kernels.Span {
	switch r.Kind {
	case kernels.RefTemp:
		return u.temps[r.Index]
	case kernels.RefOut:
		return u.out
	case kernels.RefGuard:
		return u.res.Slice(guardsAt+4*int64(r.Index), 4)
	case kernels.RefReduce:
		return u.reduce(r.Index)
	}
	if counting {
		return u.res.Slice(0, countBytes)
	}
	return u.res.Slice(flagAt, 4)
}

// layTemps gives the temporaries of the body memory: in a span, or else in the slot.
func (u *unit) layTemps(s *slot, in kernels.Span) {
	u.temps = s.spans.take(len(u.body.Temps))
	at := int64(0)
	for i, t := range u.body.Temps {
		n := u.count * t.Size()
		if in.Mem == nil {
			u.temps[i] = s.take(n)
			continue
		}
		u.temps[i] = in.Slice(at, n)
		at += plan.Align(n)
	}
}

// tempBytes returns what the temporaries of the largest body of a sweep take.
func tempBytes(sw *kernels.Sweep, count int64) int64 {
	var most int64
	for i := range sw.Bodies {
		var n int64
		for _, t := range sw.Bodies[i].Temps {
			n += plan.Align(count * t.Size())
		}
		most = max(most, n)
	}
	return most
}

// launch gives the steps of the unit's body to the queue.
func (w *worker) launch(u *unit) error {
	for i := range u.body.Steps {
		st := &u.body.Steps[i]
		var err error
		if st.Prog != nil {
			err = w.program(u, st, st.Prog)
		} else {
			err = w.call(u, st)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// program launches a Program of a step. The Launch is used again after the call.
func (w *worker) program(u *unit, st *kernels.Step, p *kernels.Program) error {
	d, l := u.domain(), &w.buf
	l.Prog, l.First, l.N, l.Cols = p, u.first, u.count, d.Cols
	l.Args, l.Results = l.Args[:0], l.Results[:0]
	for _, r := range st.Args {
		a := kernels.Arg{}
		if r.Kind == kernels.RefTemp {
			a.Span = u.temps[r.Index]
		} else {
			use := u.body.Leaves[r.Index]
			a.Span = u.leaves[use.Leaf]
			a.Period = d.Period(use.Form, u.seg.Inst.Leaves[use.Leaf].N)
		}
		l.Args = append(l.Args, a)
	}
	for _, r := range st.Outs {
		l.Results = append(l.Results, u.result(r, p != st.Prog))
	}
	l.Consts = u.nums[:p.NumConsts]
	return w.q.Launch(l)
}

func (w *worker) call(u *unit, st *kernels.Step) error {
	c := kernels.Call{Func: st.Call, Cols: u.domain().Cols, Dst: u.temps[st.Outs[0].Index]}
	for _, r := range st.Args {
		c.Src = append(c.Src, u.temps[r.Index])
	}
	return w.q.Call(&c)
}

// countElems is how many elements are counted at a time.
const countElems = 16 << 10

// countAgain runs the step that stores the output again, with counts, and returns them. The
// unit's work was waited for, and its output can be read. Elements that can count are rare, so
// only the ranges that hold one are run.
func (w *worker) countAgain(u *unit) (c Count, err error) {
	size := u.seg.Inst.Out.Size()
	for off := int64(0); off < u.count; off += countElems {
		n := min(countElems, u.count-off)
		if !kernels.Suspicious(w.q.Host(u.out.Slice(off*size, n*size)), u.seg.Inst.Out) {
			continue
		}
		if err := w.countRange(u.part(off, n)); err != nil {
			return c, err
		}
	}
	if err := w.q.Pull(u.res); err != nil {
		return c, err
	}
	ev, err := w.q.Record()
	if err != nil {
		return c, err
	}
	if err := ev.Wait(); err != nil {
		return c, err
	}
	b := w.q.Host(u.res)
	return Count{NonFinite: le.Uint64(b), Overflow: le.Uint64(b[8:]), Underflow: le.Uint64(b[16:])}, nil
}

// countRange launches the counting variant.
func (w *worker) countRange(u unit) error {
	for i := range u.body.Steps {
		if st := &u.body.Steps[i]; st.Count != nil {
			if err := w.program(&u, st, st.Count); err != nil {
				return err
			}
		}
	}
	return nil
}

// part is the range [off, off+n) of a unit, with the same memory and results.
func (u *unit) part(off, n int64) unit {
	v := *u
	v.first, v.count = u.first+off, n
	v.out = slice(u.out, u.seg.Inst.Out, off, n)
	v.leaves = slices.Clone(u.leaves)
	for _, use := range u.body.Leaves {
		total, d := u.seg.Inst.Leaves[use.Leaf].N, u.domain()
		from, _ := plan.LeafRange(use.Form, d, total, u.first, u.count)
		lo, hi := plan.LeafRange(use.Form, d, total, v.first, n)
		v.leaves[use.Leaf] = slice(u.leaves[use.Leaf], u.seg.Inst.Lowered.Leaves[use.Leaf], lo-from, hi-lo)
	}
	v.temps = slices.Clone(u.temps)
	for i, t := range u.body.Temps {
		v.temps[i] = slice(u.temps[i], t, off, n)
	}
	return v
}

// slice is the part [off, off+n) of elements of type d.
func slice(s kernels.Span, d tensor.DType, off, n int64) kernels.Span {
	return s.Slice(off*d.Size(), n*d.Size())
}
