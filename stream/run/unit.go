package run

import (
	"encoding/binary"
	"slices"

	"github.com/mecha-gpu/mecha-gpu/kernels"
	"github.com/mecha-gpu/mecha-gpu/plan"
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
	outs   []kernels.Span // by output of the instance: the elements that the unit stores
	res    kernels.Span   // results, as the plan lays them out
}

// What there is of an output in the results.
const (
	countBytes = 24
	flagAt     = 24
	flagBytes  = 4
)

var le = binary.LittleEndian

func (u *unit) sw() *kernels.Sweep { return &u.seg.Inst.Sweeps[u.sweep] }

func (u *unit) domain() kernels.Domain { return u.seg.Inst.Domains[u.sw().Domain] }

// reduce returns the span of reduction i.
func (u *unit) reduce(i int) kernels.Span {
	at := u.seg.ReducesAt(u.sweep)
	rs := u.sw().Reduces
	for _, r := range rs[:i] {
		at += plan.ReduceBytes(r.Kind, u.count)
	}
	return u.res.Slice(at, plan.ReduceBytes(rs[i].Kind, u.count))
}

// countsAt returns where the counts of output k are in the results.
func (u *unit) countsAt(k int) int64 { return plan.CountBytes * int64(slices.Index(u.sw().Outs, k)) }

// result returns the memory of a result of a step.
func (u *unit) result(r kernels.Ref) kernels.Span {
	switch r.Kind {
	case kernels.RefTemp:
		return u.temps[r.Index]
	case kernels.RefOut:
		return u.outs[r.Index]
	case kernels.RefGuard:
		return u.res.Slice(u.seg.GuardsAt(u.sweep)+4*int64(r.Index), 4)
	case kernels.RefReduce:
		return u.reduce(r.Index)
	case kernels.RefOutCount:
		return u.res.Slice(u.countsAt(r.Index), countBytes)
	}
	return u.res.Slice(u.countsAt(r.Index)+flagAt, flagBytes)
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

// launch gives the steps of the unit's body to the queue.
func (w *worker) launch(u *unit) error {
	for i := range u.body.Steps {
		if err := w.launchStep(u, &u.body.Steps[i]); err != nil {
			return err
		}
	}
	return nil
}

func (w *worker) launchStep(u *unit, st *kernels.Step) error {
	switch {
	case st.Prog != nil:
		return w.program(u, st)
	case st.Call != nil:
		return w.call(u, st)
	}
	return w.product(u, st.Product)
}

func (w *worker) product(u *unit, st *kernels.ProductStep) error {
	in := &u.seg.Inst
	factor := func(f *kernels.FactorUse) kernels.Factor {
		leaf := u.body.Leaves[f.Use].Leaf
		x := kernels.Factor{Span: u.leaves[leaf], DType: in.Lowered.Leaves[leaf]}
		if f.Guard >= 0 {
			x.Flag = u.result(kernels.Ref{Kind: kernels.RefGuard, Index: f.Guard})
		}
		return x
	}
	return w.q.Product(&kernels.Product{First: u.first, N: u.count, Cols: in.Domains[st.Y.Own].Cols, K: in.Domains[st.X.Own].Cols,
		X: factor(&st.X), Y: factor(&st.Y), Dst: u.temps[st.Temp]})
}

// program launches the Program of a step. The Launch is used again after the call.
func (w *worker) program(u *unit, st *kernels.Step) error {
	d, l := u.domain(), &w.buf
	l.Prog, l.First, l.N, l.Cols = st.Prog, u.first, u.count, d.Cols
	l.Args, l.Results = l.Args[:0], l.Results[:0]
	for _, r := range st.Args {
		if r.Kind == kernels.RefTemp {
			l.Args = append(l.Args, kernels.Arg{Span: u.temps[r.Index]})
			continue
		}
		use := u.body.Leaves[r.Index]
		l.Args = append(l.Args, kernels.Arg{Span: u.leaves[use.Leaf], Period: d.Period(use.Form, u.seg.Inst.Leaves[use.Leaf].N)})
	}
	for _, r := range st.Outs {
		l.Results = append(l.Results, u.result(r))
	}
	l.Consts = u.nums[:st.Prog.NumConsts]
	return w.q.Launch(l)
}

func (w *worker) call(u *unit, st *kernels.Step) error {
	c := kernels.Call{Func: st.Call, Cols: u.domain().Cols, Dst: u.temps[st.Outs[0].Index]}
	for _, r := range st.Args {
		c.Src = append(c.Src, u.temps[r.Index])
	}
	return w.q.Call(&c)
}

// counted returns how many elements of output k of a unit are not finite or lost range. The
// elements of an output that is copied are looked at only where a flag is set; a guard of its
// leaf is the same flag. leaf gives the bytes of a leaf.
func (u *unit) counted(res []byte, k int, leaf func(int) []byte) Count {
	c := res[u.countsAt(k):]
	x := &u.seg.Inst.Outs[k]
	if x.Kind == kernels.Computed {
		return Count{NonFinite: le.Uint64(c), Overflow: le.Uint64(c[8:]), Underflow: le.Uint64(c[16:])}
	}
	if le.Uint32(c[flagAt:]) == 0 && !guarded(u, res) {
		return Count{}
	}
	return Count{NonFinite: uint64(kernels.CountNonFinite(leaf(x.Leaf), u.seg.Inst.Lowered.Leaves[x.Leaf]))}
}
