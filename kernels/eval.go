package kernels

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// Evaluated is what Eval computes.
type Evaluated struct {
	Bytes  []byte // the elements of the output; all outputs one after another
	Guards []int  // numbers of the guards that were found set, in no particular order
}

// Eval runs lowered parts of an output of n elements on the portable machine, every sweep
// as one unit. It is the definition of what a run loop does with them, and as slow as
// that sounds: for tests and small tensors. leaf gives the bytes of a whole stored tensor.
func Eval(parts []Part, n int64, out tensor.DType, leaf func(number int) []byte) (*Evaluated, error) {
	return EvalAll(parts, []int64{n * out.Size()}, leaf)
}

// EvalAll is Eval for several outputs, given the bytes that each of them takes.
func EvalAll(parts []Part, sizes []int64, leaf func(number int) []byte) (*Evaluated, error) {
	ev := &Evaluated{}
	at := make([]int64, len(sizes))
	for i, n := range sizes {
		at[i] = int64(len(ev.Bytes))
		ev.Bytes = append(ev.Bytes, make([]byte, n)...)
	}
	for i := range parts {
		p := &parts[i]
		u := &unit{inst: &p.Inst, ev: ev, leaf: leaf, slots: make([]float64, p.Inst.Slots)}
		for k, out := range p.Outs {
			size := p.Inst.Outs[k].DType.Size()
			first := at[out] + p.First*size
			u.outs = append(u.outs, ev.Bytes[first:first+p.Inst.Elems(k)*size])
		}
		copy(u.slots, p.Inst.Consts)
		for s := range p.Inst.Sweeps {
			if err := u.sweep(&p.Inst.Sweeps[s]); err != nil {
				return nil, err
			}
		}
	}
	return ev, nil
}

// unit is a whole sweep in memory.
type unit struct {
	inst  *Instance
	ev    *Evaluated
	leaf  func(number int) []byte
	slots []float64
	outs  [][]byte
	m     Machine
	temps [][]byte
}

func (u *unit) sweep(s *Sweep) error {
	d := u.inst.Domains[s.Domain]
	b, ok := s.Select(u.slots)
	if !ok {
		return fmt.Errorf("kernels: no such alternative")
	}
	u.temps = nil
	for _, t := range b.Temps {
		u.temps = append(u.temps, make([]byte, d.N*t.Size()+8))
	}
	flags := map[Ref][]byte{}
	for _, k := range s.Outs {
		u.copyLeaf(k)
	}
	for i := range b.Steps {
		if err := u.step(&b.Steps[i], b, d, flags); err != nil {
			return err
		}
	}
	reductions := make([]float64, len(s.Reduces))
	for ref, mem := range flags {
		u.result(s, ref, mem, reductions)
	}
	s.Finish(u.slots, reductions)
	return nil
}

// copyLeaf makes an output that is not computed.
func (u *unit) copyLeaf(k int) {
	switch x := &u.inst.Outs[k]; x.Kind {
	case IntCast:
		ConvertInts(u.outs[k], x.DType, u.bytes(x.Leaf), u.inst.Lowered.Leaves[x.Leaf])
	case Copied:
		copy(u.outs[k], u.bytes(x.Leaf))
	}
}

// bytes returns the stored elements of a leaf that the instance means.
func (u *unit) bytes(leaf int) []byte {
	return u.stored(u.inst.Leaves[leaf], u.inst.Lowered.Leaves[leaf].Size())
}

func (u *unit) stored(ref LeafRef, size int64) (b []byte) {
	for _, p := range ref.Parts {
		b = append(b, u.stored(p, size)...)
	}
	if ref.Parts == nil {
		b = u.leaf(ref.Number)
	}
	if size == 0 {
		return b
	}
	if ref.Dims != nil {
		view := make([]byte, ref.N*size)
		Gather(view, b, size, ref.Start, ref.Dims, 0)
		return view
	}
	return b[ref.Start*size : (ref.Start+ref.N)*size]
}

func (u *unit) step(s *Step, b *Body, d Domain, flags map[Ref][]byte) error {
	span := func(b []byte) Span { return Span{HostMem(b), 0, int64(len(b))} }
	switch {
	case s.Product != nil:
		return u.product(s.Product, b, d, flags)
	case s.Call != nil:
		return u.call(s, d)
	}
	l := &Launch{Prog: s.Prog, N: d.N, Cols: d.Cols, Consts: u.slots}
	for _, r := range s.Args {
		if r.Kind == RefTemp {
			l.Args = append(l.Args, Arg{Span: span(u.temps[r.Index][:d.N*b.Temps[r.Index].Size()])})
			continue
		}
		use := b.Leaves[r.Index]
		l.Args = append(l.Args, Arg{span(u.bytes(use.Leaf)), d.Period(use.Form, u.inst.Leaves[use.Leaf].N)})
	}
	for i, r := range s.Outs {
		n := ResultBytes(&s.Prog.Results[i], d.N, d.Cols)
		switch r.Kind {
		case RefOut:
			l.Results = append(l.Results, span(u.outs[r.Index]))
		case RefTemp:
			l.Results = append(l.Results, span(u.temps[r.Index][:n]))
		default:
			flags[r] = make([]byte, n, n+8)
			l.Results = append(l.Results, span(flags[r]))
		}
	}
	return u.m.Run(l)
}

func (u *unit) product(s *ProductStep, b *Body, d Domain, flags map[Ref][]byte) error {
	factor := func(f *FactorUse) Factor {
		leaf := b.Leaves[f.Use].Leaf
		data := u.bytes(leaf)
		x := Factor{Span: Span{HostMem(data), 0, int64(len(data))}, DType: u.inst.Lowered.Leaves[leaf]}
		if f.Guard >= 0 {
			flag := make([]byte, 4)
			flags[Ref{RefGuard, f.Guard}] = flag
			x.Flag = Span{HostMem(flag), 0, 4}
		}
		return x
	}
	p := &Product{N: d.N, Cols: u.inst.Domains[s.Y.Own].Cols, K: u.inst.Domains[s.X.Own].Cols, X: factor(&s.X), Y: factor(&s.Y)}
	dst := u.temps[s.Temp][:4*d.N]
	p.Dst = Span{HostMem(dst), 0, int64(len(dst))}
	return RunProduct(p)
}

func (u *unit) call(s *Step, d Domain) error {
	src := make([][]float32, len(s.Args))
	for i, r := range s.Args {
		src[i] = make([]float32, d.N)
		Widen(src[i], u.temps[r.Index][:4*d.N], tensor.F32)
	}
	dst := make([]float32, d.N)
	if err := s.Call.Fn(dst, src, int(d.Cols)); err != nil {
		return fmt.Errorf("%s: %w", s.Call.Name, err)
	}
	Narrow(u.temps[s.Outs[0].Index][:4*d.N], dst, tensor.F32)
	return nil
}

// result reads a guard or a reduction.
func (u *unit) result(s *Sweep, ref Ref, mem []byte, reductions []float64) {
	switch ref.Kind {
	case RefGuard:
		if binary.LittleEndian.Uint32(mem) != 0 {
			u.ev.Guards = append(u.ev.Guards, u.inst.Guards[ref.Index])
		}
	case RefReduce:
		r := s.Reduces[ref.Index]
		reductions[ref.Index] = r.Total(mem)
		if r.Guard >= 0 && reductions[ref.Index] != 0 {
			u.ev.Guards = append(u.ev.Guards, u.inst.Guards[r.Guard])
		}
	}
}

// Total returns the value of a reduction from its memory: the block sums of the whole
// domain added left to right, a count, or a maximum.
func (r *Reduce) Total(mem []byte) float64 {
	switch r.Kind {
	case Count:
		return float64(binary.LittleEndian.Uint64(mem))
	case Max:
		return FromOrderKey(binary.LittleEndian.Uint64(mem))
	}
	var sum float64
	for i := 0; i+8 <= len(mem); i += 8 {
		sum += math.Float64frombits(binary.LittleEndian.Uint64(mem[i:]))
	}
	return sum
}
