package exam

import (
	"fmt"

	"github.com/mecha-gpu/mecha-gpu/device"
	"github.com/mecha-gpu/mecha-gpu/kernels"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// grids are rows and columns for sums: short rows, rows longer than a chunk and than a
// block, more rows than a group.
var grids = []struct{ rows, cols int64 }{
	{1, 1}, {3, 1}, {300, 1}, {257, 3}, {5, 63}, {7, 64}, {6, 65}, {256, 17}, {513, 33}, {3, 4095}, {2, 4097}, {1, 65537}, {2, 70001},
}

// results runs every kind of result and every group, and flags on single elements.
func results(d device.Device) error {
	return withQueue(d, func(q device.Queue) error {
		for _, c := range computes {
			for _, g := range grids {
				for _, special := range []bool{false, true} {
					if thin > 1 && special && g.rows*g.cols > 5000 {
						continue
					}
					if err := resultPaper(c, g.rows, g.cols, special).on(q); err != nil {
						return err
					}
				}
			}
			if err := single(q, c); err != nil {
				return err
			}
		}
		return nil
	})
}

// resultPaper has sums of both kinds by every group, and all other results.
func resultPaper(c kernels.Compute, rows, cols int64, special bool) *paper {
	rnd := newRand(uint64(rows*cols) + 3)
	data := tame
	if special {
		data = elements
	}
	b := &kernels.Builder{Compute: c}
	x, y := b.Load(0), b.Load(1)
	v := b.Op2(kernels.OpMul, x, y)
	p := &paper{n: rows * cols, cols: cols, prefixes: []uint64{3, 0}}
	p.prog = &kernels.Program{Compute: c, Operands: []kernels.Operand{{DType: tensor.F32}, {DType: c.DType()}}}
	for _, o := range p.prog.Operands {
		p.args = append(p.args, arg{data: data(rnd, o.DType, p.n)})
	}
	for _, g := range []kernels.Group{kernels.Whole, kernels.ByRow, kernels.ByCol} {
		p.prog.Results = append(p.prog.Results, kernels.Result{Kind: kernels.Sum, Group: g, V: v},
			kernels.Result{Kind: kernels.Sum, Group: g, V: x, W: v, Product: true})
	}
	top := uint8(c.DType().Bits())
	p.prog.Results = append(p.prog.Results,
		kernels.Result{Kind: kernels.Max, V: v}, kernels.Result{Kind: kernels.Max, V: b.Op1(kernels.OpNeg, v)},
		kernels.Result{Kind: kernels.Count, V: b.Op2(kernels.OpLE, v, x)},
		kernels.Result{Kind: kernels.Hist, V: v, Of: 1, Shift: top - 12, Width: 12},
		kernels.Result{Kind: kernels.Hist, V: v, Of: 0, Shift: top - 8, Width: 4},
		kernels.Result{Kind: kernels.Hist, V: x, Of: 1, Shift: top - 16, Width: 16},
		kernels.Result{Kind: kernels.InFlag, Of: 0}, kernels.Result{Kind: kernels.InFlag, Of: 1})
	for _, t := range []tensor.DType{tensor.F16, tensor.F8_E4M3, tensor.I8, tensor.U64, tensor.BOOL} {
		k := len(p.prog.Results)
		p.prog.Results = append(p.prog.Results, kernels.Result{Kind: kernels.Store, V: v, DType: t},
			kernels.Result{Kind: kernels.OutCount, Of: k})
	}
	p.prog.Code = b.Code
	return p
}

// single judges special values one at a time: a flag over many elements hides what is
// wrong with one of them.
func single(q device.Queue, c kernels.Compute) error {
	for _, t := range computable() {
		for _, s := range specials(c) {
			p := &paper{prog: copyProgram(c, c.DType(), t), n: 1, args: []arg{{data: put(nil, c.DType(), s)}}}
			if err := p.on(q); err != nil {
				return fmt.Errorf("%v stored as %v: %w", c.DType(), t, err)
			}
		}
		rnd := newRand(uint64(t))
		for k := range 20 / min(thin, 5) { // one special element at different places
			const n = 150
			data := make([]byte, n*t.Size())
			at := int64(k*37%n) * t.Size()
			copy(data[at:], put(nil, t, specialBits(rnd, t)))
			p := &paper{prog: copyProgram(c, t, tensor.F32), n: n, args: []arg{{data: data}}}
			if err := p.on(q); err != nil {
				return fmt.Errorf("%v judged in %v: %w", t, c.DType(), err)
			}
		}
	}
	return nil
}

// cuts runs launches in pieces, in any order, and compares with the whole.
func cuts(d device.Device) error {
	return withQueue(d, func(q device.Queue) error {
		for _, c := range computes {
			sums := resultPaper(c, 512+77, 257, true)
			if err := sums.inPieces(q, 256*257); err != nil {
				return err
			}
			whole := mixed(c, kernels.BlockElems*(1+2/thin)+1000, 3)
			if err := whole.inPieces(q, kernels.BlockElems); err != nil {
				return err
			}
			for _, step := range []int64{1, 63, 64, 100} {
				if err := formPaper(c, tensor.F16, 70, 700, 33).inPieces(q, step); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// inPieces runs a paper as launches of step elements, the last one first. Sums by
// different groups allow only common cuts; those that a step does not suit are dropped.
func (p *paper) inPieces(q device.Queue, step int64) error {
	prog := *p.prog
	prog.Results = nil
	for _, r := range p.prog.Results {
		if r.Kind != kernels.Sum || p.allows(r.Group, step) {
			prog.Results = append(prog.Results, r)
		} else { // keep the indices that flags refer to
			prog.Results = append(prog.Results, kernels.Result{Kind: kernels.Max, V: r.V})
		}
	}
	p.prog = &prog
	l := p.layout()
	want, err := p.expect(l)
	if err != nil {
		return err
	}
	got, err := onDevice(q, p.image(l), func(m *kernels.Mem) error {
		whole := p.launch(l, m)
		for at := (p.n - 1) / step * step; at >= 0; at -= step {
			if err := q.Launch(piece(whole, at, min(step, p.n-at))); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	if err := p.compare(l, got, want); err != nil {
		return fmt.Errorf("in pieces of %d: %w", step, err)
	}
	return nil
}

// allows reports whether a launch may be cut at multiples of step.
func (p *paper) allows(g kernels.Group, step int64) bool {
	switch g {
	case kernels.ByRow:
		return step%p.cols == 0
	case kernels.ByCol:
		return step%(p.cols*kernels.GroupRows) == 0
	}
	return step%kernels.BlockElems == 0
}

// piece returns the launch of the elements [at, at+n) of l.
func piece(l *kernels.Launch, at, n int64) *kernels.Launch {
	p := *l
	p.First, p.N = l.First+at, n
	p.Args, p.Results = nil, nil
	for i, a := range l.Args {
		o := l.Prog.Operands[i]
		switch o.Form {
		case kernels.Dense:
			a.Span = a.Span.Slice(at*o.DType.Size(), n*o.DType.Size())
		case kernels.Row:
			from, to := p.First/a.Period, (p.First+n-1)/a.Period+1
			a.Span = a.Span.Slice((from-l.First/a.Period)*o.DType.Size(), (to-from)*o.DType.Size())
		}
		p.Args = append(p.Args, a)
	}
	for i, s := range l.Results {
		r := &l.Prog.Results[i]
		if off := kernels.ResultBytes(r, at, l.Cols); !accumulates(r.Kind) {
			s = s.Slice(off, kernels.ResultBytes(r, n, l.Cols))
		}
		p.Results = append(p.Results, s)
	}
	return &p
}
