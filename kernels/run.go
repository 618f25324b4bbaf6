package kernels

import "github.com/mecha-gpu/mecha-gpu/tensor"

// Run executes a launch in portable Go, on host memory. It is the definition of what a
// validated Program means: every device has to produce the same bits in every result.
// The memory of results must not overlap that of operands or of other results.
//
// The bits of a NaN that arithmetic, conversions or loads yield are not specified inside
// a Program (they differ between processors); results never show them. A Program that
// looks at bits (OpAndB, OpIAdd, ...) has to select NaNs away first or to know that they
// do not matter.
//
// It fails, before anything is written, if the launch does not fit its Program or its
// memory (see [Launch.Check]).
func Run(l *Launch) error { return new(Machine).Run(l) }

// Machine runs launches and keeps its scratch memory between them. The zero Machine is
// ready to use, by one goroutine at a time.
type Machine struct {
	f32 engine[float32, uint32]
	f64 engine[float64, uint64]
}

// Run executes a launch as the function Run does.
func (m *Machine) Run(l *Launch) error {
	if err := l.Check(); err != nil {
		return err
	}
	if err := l.checkHost(); err != nil {
		return err
	}
	if l.Prog.Compute == F64 {
		m.f64.run(l, Widen64, Narrow64)
	} else {
		m.f32.run(l, Widen, Narrow)
	}
	return nil
}

// word is the integer of the width of a compute type.
type word interface{ uint32 | uint64 }

// stepElems is the number of elements that an instruction works on at a time, so that
// its values stay in the cache.
const stepElems = 512

// engine executes Programs of one compute type F, whose bits are a W.
type engine[F float, W word] struct {
	prog  *Program // what regs was made for
	size  int      // elements in a register
	regs  []int    // register of each value
	nums  [][]F    // number registers
	bits  [][]W    // the same memory as bits
	masks [][]bool // mask registers

	raw   []byte     // elements of a rounding
	back  []F        // values of rows
	sums  []groupSum // state of each result that is a sum
	widen func(dst []F, src []byte, d tensor.DType)
	store func(dst []byte, src []F, d tensor.DType)
}

// run executes a checked launch, a step of elements after the other.
func (e *engine[F, W]) run(l *Launch, widen func([]F, []byte, tensor.DType), store func([]byte, []F, tensor.DType)) {
	e.widen, e.store = widen, store
	e.resize(int(min(stepElems, l.N)))
	e.prepare(l.Prog)
	e.fillConstants(l)
	for at := int64(0); at < l.N; at += stepElems {
		n := int(min(stepElems, l.N-at))
		for i := range l.Prog.Code {
			e.exec(l, i, at, n)
		}
		e.results(l, at, n)
	}
}

// resize makes room for steps of n elements; small launches take little memory.
func (e *engine[F, W]) resize(n int) {
	if n <= e.size && e.size > 0 {
		return
	}
	*e = engine[F, W]{size: max(n, 1), widen: e.widen, store: e.store}
	e.raw = make([]byte, 8*e.size)
	e.back = make([]F, e.size)
}

// prepare assigns registers to the values of p: a register is free again after the last
// use of its value. Constants keep theirs through the launch.
func (e *engine[F, W]) prepare(p *Program) {
	if e.prog == p {
		return
	}
	e.prog = p
	e.sums = make([]groupSum, len(p.Results))
	e.regs = make([]int, len(p.Code))
	last := p.LastUse()
	var free [mask + 1][]int // by class
	var used [mask + 1]int
	for i := range p.Code {
		in := &p.Code[i]
		args := [3]Val{in.A, in.B, in.C}
		for k, v := range args[:in.Op.Arity()] {
			isNew := (k < 1 || v != args[0]) && (k < 2 || v != args[1])
			if last[v] == i && isNew && !p.constant(&p.Code[v]) {
				c := ops[p.Code[v].Op].out
				free[c] = append(free[c], e.regs[v])
			}
		}
		c := ops[in.Op].out
		if n := len(free[c]); n > 0 && !p.constant(in) {
			e.regs[i], free[c] = free[c][n-1], free[c][:n-1]
		} else {
			e.regs[i] = used[c]
			used[c]++
		}
		if last[i] == i && !p.constant(in) {
			free[c] = append(free[c], e.regs[i])
		}
	}
	e.grow(used[num], used[mask])
}

// constant reports whether the value of an instruction is the same for all elements of a
// launch.
func (p *Program) constant(in *Instr) bool {
	return in.Op == OpConst || in.Op == OpImm || in.Op == OpLoad && p.Operands[in.Imm].Form == Scalar
}

// grow makes registers.
func (e *engine[F, W]) grow(nums, masks int) {
	for len(e.nums) < nums {
		x := make([]F, e.size)
		e.nums = append(e.nums, x)
		e.bits = append(e.bits, bitsOf[F, W](x))
	}
	for len(e.masks) < masks {
		e.masks = append(e.masks, make([]bool, e.size))
	}
}

// fillConstants writes the registers of constants.
func (e *engine[F, W]) fillConstants(l *Launch) {
	for i := range l.Prog.Code {
		switch in := &l.Prog.Code[i]; in.Op {
		case OpImm:
			fill(e.bits[e.regs[i]], W(in.Imm))
		case OpConst:
			fill(e.nums[e.regs[i]], F(l.Consts[in.Imm]))
		case OpLoad:
			if o := &l.Prog.Operands[in.Imm]; o.Form == Scalar && l.N > 0 {
				e.widen(e.back[:1], l.Args[in.Imm].Span.Bytes(), o.DType)
				fill(e.nums[e.regs[i]], e.back[0])
			}
		}
	}
}

func fill[E any](dst []E, x E) {
	for i := range dst {
		dst[i] = x
	}
}
