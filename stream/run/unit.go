package run

import (
	"encoding/binary"

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

	isCounted bool // the counts in the results are complete
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
		switch {
		case st.Prog == nil:
			err = w.call(u, st)
		case st.Count != nil && w.info.InHost && w.l.o.CheckOutput:
			err = w.counted(u, st)
		default:
			err = w.program(u, st, st.Prog, 0, u.count)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// How many elements of a type with a narrow range are launched at a time, and how many are
// counted at a time. Of 100,000 sums of f16 weights about one underflows (measured on
// 2026-11-26), so that most units hold one, but few ranges do.
const (
	flagElems  = 32 << 10
	countElems = 1 << 10
)

// flagRange is how many elements of a unit are launched at a time. Types with the range of
// float32 are hardly ever counted.
func (u *unit) flagRange() int64 {
	if d := u.seg.Inst.Out; d == tensor.F16 || d.Size() == 1 {
		return flagElems
	}
	return max(u.count, 1)
}

// counted launches a step that stores the output, a range at a time, and counts at once where
// a flag is set, while the range is in the cache. The counts are complete when it returns.
func (w *worker) counted(u *unit, st *kernels.Step) error {
	flag := w.q.Host(u.res)[flagAt:]
	found := uint32(0)
	step := u.flagRange()
	for off := int64(0); off < u.count; off += step {
		n := min(step, u.count-off)
		if err := w.program(u, st, st.Prog, off, n); err != nil {
			return err
		}
		f := le.Uint32(flag)
		if f == 0 {
			continue
		}
		found |= f
		le.PutUint32(flag, 0)
		if err := w.countRange(u, st, off, off+n); err != nil {
			return err
		}
	}
	le.PutUint32(flag, found)
	u.isCounted = true
	return nil
}

// program launches a Program of a step for the elements [off, off+n) of a unit. The Launch is
// used again after the call.
func (w *worker) program(u *unit, st *kernels.Step, p *kernels.Program, off, n int64) error {
	d, l := u.domain(), &w.buf
	l.Prog, l.First, l.N, l.Cols = p, u.first+off, n, d.Cols
	l.Args, l.Results = l.Args[:0], l.Results[:0]
	for _, r := range st.Args {
		if r.Kind == kernels.RefTemp {
			l.Args = append(l.Args, kernels.Arg{Span: slice(u.temps[r.Index], u.body.Temps[r.Index], off, n)})
			continue
		}
		use := u.body.Leaves[r.Index]
		total := u.seg.Inst.Leaves[use.Leaf].N
		from, _ := plan.LeafRange(use.Form, d, total, u.first, u.count)
		lo, hi := plan.LeafRange(use.Form, d, total, u.first+off, n)
		l.Args = append(l.Args, kernels.Arg{Span: slice(u.leaves[use.Leaf], u.seg.Inst.Lowered.Leaves[use.Leaf], lo-from, hi-lo),
			Period: d.Period(use.Form, total)})
	}
	for _, r := range st.Outs {
		out := u.result(r, p != st.Prog)
		switch r.Kind {
		case kernels.RefTemp:
			out = slice(out, u.body.Temps[r.Index], off, n)
		case kernels.RefOut:
			out = slice(out, u.seg.Inst.Out, off, n)
		}
		l.Results = append(l.Results, out)
	}
	l.Consts = u.nums[:p.NumConsts]
	return w.q.Launch(l)
}

// slice is the part [off, off+n) of elements of type d.
func slice(s kernels.Span, d tensor.DType, off, n int64) kernels.Span {
	return s.Slice(off*d.Size(), n*d.Size())
}

func (w *worker) call(u *unit, st *kernels.Step) error {
	c := kernels.Call{Func: st.Call, Cols: u.domain().Cols, Dst: u.temps[st.Outs[0].Index]}
	for _, r := range st.Args {
		c.Src = append(c.Src, u.temps[r.Index])
	}
	return w.q.Call(&c)
}

// countAgain runs the step that stores the output again, with counts, and returns them. The
// unit's work was waited for, and its output can be read. Elements that can count are rare, so
// only the ranges that hold one are run.
func (w *worker) countAgain(u *unit) (c Count, err error) {
	if u.isCounted {
		return u.counts(w.q.Host(u.res)), nil
	}
	for i := range u.body.Steps {
		if st := &u.body.Steps[i]; st.Count != nil {
			if err := w.countRange(u, st, 0, u.count); err != nil {
				return c, err
			}
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
	return u.counts(w.q.Host(u.res)), nil
}

// countRange runs the counting variant of a step where the stored elements [off, end) hold one
// that can count.
func (w *worker) countRange(u *unit, st *kernels.Step, off, end int64) error {
	d := u.seg.Inst.Out
	for ; off < end; off += countElems {
		n := min(countElems, end-off)
		if !kernels.Suspicious(w.q.Host(slice(u.out, d, off, n)), d) {
			continue
		}
		if err := w.program(u, st, st.Count, off, n); err != nil {
			return err
		}
	}
	return nil
}

// counts reads the counts from the results of the unit.
func (u *unit) counts(res []byte) Count {
	return Count{NonFinite: le.Uint64(res), Overflow: le.Uint64(res[8:]), Underflow: le.Uint64(res[16:])}
}
