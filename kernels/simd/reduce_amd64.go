package simd

import "github.com/mecha-gpu/mecha-gpu/kernels"

// reduction makes results that have no handler from the values of a block. It is a
// Program of its own, which loads the values and is run by the portable Go code, so that
// these results have one definition.
type reduction struct {
	prog    *kernels.Program
	values  []int // operand -> value scratch
	results []int // result -> result of the whole Program
}

// reduction collects the results that Go makes; sums are not among them.
func (c *Code) reduction() *reduction {
	p := c.prog
	r := &reduction{prog: &kernels.Program{Compute: p.Compute}}
	vals, stores := map[int]kernels.Val{}, map[int]int{}
	for i := range p.Results {
		res, way := p.Results[i], &c.results[i]
		if way.v < 0 || res.Kind == kernels.Sum {
			continue
		}
		if res.Kind == kernels.OutCount {
			res.Of = r.store(c, res.Of, way.v, vals, stores)
		} else if res.Kind == kernels.Store {
			r.store(c, i, way.v, vals, stores)
			continue
		} else {
			res.V = r.load(c, way.v, vals)
		}
		if res.Kind == kernels.Count { // a mask in scratch has all bits set, which is a NaN
			res.V = r.instr(kernels.Instr{Op: kernels.OpIsNaN, A: res.V})
		}
		r.add(res, i)
	}
	if len(r.results) == 0 {
		return nil
	}
	return r
}

func (r *reduction) add(res kernels.Result, i int) int {
	r.prog.Results = append(r.prog.Results, res)
	r.results = append(r.results, i)
	return len(r.results) - 1
}

func (r *reduction) instr(in kernels.Instr) kernels.Val {
	r.prog.Code = append(r.prog.Code, in)
	return kernels.Val(len(r.prog.Code) - 1)
}

// load returns the value that is in value scratch n.
func (r *reduction) load(c *Code, n int, vals map[int]kernels.Val) kernels.Val {
	v, ok := vals[n]
	if !ok {
		r.prog.Operands = append(r.prog.Operands, kernels.Operand{DType: c.prog.Compute.DType()})
		v = r.instr(kernels.Instr{Op: kernels.OpLoad, Imm: uint64(len(r.values))})
		r.values = append(r.values, n)
		vals[n] = v
	}
	return v
}

// store adds store i of the whole Program and returns its number in the reduction. A store
// that has a handler as well is written twice, with the same bytes.
func (r *reduction) store(c *Code, i, value int, vals map[int]kernels.Val, stores map[int]int) int {
	s, ok := stores[i]
	if !ok {
		res := c.prog.Results[i]
		res.V = r.load(c, value, vals)
		s = r.add(res, i)
		stores[i] = s
	}
	return s
}

// reduceBlock makes the results of the elements [off, off+n) from their values.
func (m *Machine) reduceBlock(off, n int64) {
	r := m.code.reduce
	if r == nil {
		return
	}
	l, whole := &m.reduction, m.live
	l.Prog, l.N, l.Prefixes = r.prog, n, whole.Prefixes
	l.Args, l.Results = l.Args[:0], l.Results[:0]
	for _, v := range r.values {
		at := m.code.mem.values + int64(v)*m.code.block*m.code.esz
		l.Args = append(l.Args, kernels.Arg{Span: kernels.Span{Mem: &m.mem, Off: at, Len: n * m.code.esz}})
	}
	for _, i := range r.results {
		span := whole.Results[i]
		if m.code.prog.Results[i].Kind == kernels.Store {
			size := m.code.results[i].size
			span = span.Slice(off*size, n*size)
		}
		l.Results = append(l.Results, span)
	}
	if err := m.portable.Run(l); err != nil {
		m.err = err // a reduction of a checked launch fits; kept for the caller all the same
	}
}
