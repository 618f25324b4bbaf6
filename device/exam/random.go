package exam

import (
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/mecha-gpu/mecha-gpu/device"
	"github.com/mecha-gpu/mecha-gpu/kernels"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// Program makes a random valid Program. Its results never depend on the bits of a NaN,
// which differ between processors.
func Program(rnd *rand.Rand) *kernels.Program {
	for {
		g := &generator{rnd: rnd, b: &kernels.Builder{Compute: computes[rnd.IntN(2)]}}
		if p := g.program(1 + rnd.IntN(60)); p.Validate() == nil {
			return p
		}
	}
}

// generator makes one Program.
type generator struct {
	rnd   *rand.Rand
	b     *kernels.Builder
	nums  []kernels.Val
	masks []kernels.Val
	pure  map[kernels.Val]bool // numbers whose bits are specified even if they are a NaN's
}

func (g *generator) program(instrs int) *kernels.Program {
	g.pure = map[kernels.Val]bool{}
	p := &kernels.Program{Compute: g.b.Compute, NumConsts: 1 + g.rnd.IntN(4)}
	types := computable()
	for i := range 1 + g.rnd.IntN(6) {
		p.Operands = append(p.Operands, kernels.Operand{DType: types[g.rnd.IntN(len(types))], Form: allForms[g.rnd.IntN(4)]})
		g.nums = append(g.nums, g.b.Load(i))
	}
	g.masks = append(g.masks, g.b.Op1(kernels.OpIsNaN, g.nums[0]))
	ops := kernels.Ops()
	for len(g.b.Code) < instrs {
		g.emit(ops[g.rnd.IntN(len(ops))], p)
	}
	g.results(p, types)
	p.Code = g.b.Code
	return p
}

// pick returns one of the last values, so that few are alive at once.
func (g *generator) pick(vals []kernels.Val) kernels.Val {
	return vals[len(vals)-1-g.rnd.IntN(min(len(vals), 12))]
}

// emit appends an instruction with random arguments.
func (g *generator) emit(op kernels.Op, p *kernels.Program) {
	in := kernels.Instr{Op: op}
	bits := uint64(g.b.Compute.DType().Bits())
	switch op {
	case kernels.OpLoad:
		in.Imm = uint64(g.rnd.IntN(len(p.Operands)))
	case kernels.OpConst:
		in.Imm = uint64(g.rnd.IntN(p.NumConsts))
	case kernels.OpImm:
		s := specials(g.b.Compute)
		in.Imm = s[g.rnd.IntN(len(s))]
	case kernels.OpShl, kernels.OpShr:
		in.Imm = g.rnd.Uint64N(bits)
	case kernels.OpRound:
		types := computable()
		in.DType = types[g.rnd.IntN(len(types))]
	}
	pure := seesBits(op) || op == kernels.OpImm || op == kernels.OpNeg || op == kernels.OpAbs || op == kernels.OpSelect
	for i, arg := range []*kernels.Val{&in.A, &in.B, &in.C}[:op.Arity()] {
		if op.TakesMask(i) {
			*arg = g.pick(g.masks)
			continue
		}
		*arg = g.pick(g.nums)
		if seesBits(op) && !g.pure[*arg] {
			*arg = noNaN(g.b, *arg)
		}
		pure = pure && (seesBits(op) || g.pure[*arg])
	}
	v := g.b.Emit(in)
	if op.GivesMask() {
		g.masks = append(g.masks, v)
	} else {
		g.nums = append(g.nums, v)
		g.pure[v] = pure
	}
}

// results appends random results.
func (g *generator) results(p *kernels.Program, types []tensor.DType) {
	var stores []int
	kinds := kernels.ResultKinds()
	for range 1 + g.rnd.IntN(8) {
		r := kernels.Result{Kind: kinds[g.rnd.IntN(len(kinds))], V: g.pick(g.nums), W: g.pick(g.nums)}
		switch r.Kind {
		case kernels.Store:
			r.DType = types[g.rnd.IntN(len(types))]
			stores = append(stores, len(p.Results))
		case kernels.InFlag:
			r.Of = g.rnd.IntN(len(p.Operands))
		case kernels.OutCount:
			if stores == nil {
				continue
			}
			r.Of = stores[g.rnd.IntN(len(stores))]
		case kernels.Sum:
			r.Group, r.Product = kernels.Group(g.rnd.IntN(3)), g.rnd.IntN(2) == 0
		case kernels.Count:
			r.V = g.pick(g.masks)
		case kernels.Hist:
			r.Width = uint8(1 + g.rnd.IntN(8))
			r.Shift = uint8(g.rnd.IntN(p.Compute.DType().Bits() - int(r.Width) + 1))
		}
		p.Results = append(p.Results, r)
	}
	r := kernels.Result{Kind: kernels.Store, V: g.nums[len(g.nums)-1], DType: p.Compute.DType()}
	p.Results = append(p.Results, r)
}

// randomPaper gives a Program random data: n elements from first.
func randomPaper(rnd *rand.Rand, prog *kernels.Program) *paper {
	cols := 1 + rnd.Int64N(200)
	p := &paper{prog: prog, cols: cols, n: cols * rnd.Int64N(30), shift: rnd.Int64N(align), prefixes: []uint64{rnd.Uint64N(8) * rnd.Uint64N(2)}}
	groups := false
	for _, r := range prog.Results {
		groups = groups || r.Kind == kernels.Sum
	}
	switch {
	case !groups:
		p.first, p.n = rnd.Int64N(1<<20), rnd.Int64N(3000)
	case rnd.IntN(2) == 0:
		p.first = kernels.BlockElems * kernels.GroupRows * cols * rnd.Int64N(4)
	}
	for _, o := range prog.Operands {
		period := 1 + rnd.Int64N(1<<rnd.IntN(12))
		p.args = append(p.args, argFor(func(n int64) []byte { return elements(rnd, o.DType, n) }, o.Form, p.first, p.n, period))
	}
	for range prog.NumConsts {
		x := math.Float64frombits(special64[rnd.IntN(len(special64))])
		if rnd.IntN(2) == 0 {
			x = rnd.NormFloat64()
		}
		p.consts = append(p.consts, x)
	}
	return p
}

// random runs random Programs on random data.
func random(d device.Device) error {
	return withQueue(d, func(q device.Queue) error {
		for seed := range uint64(600 / thin) {
			if err := Differential(q, seed); err != nil {
				return err
			}
		}
		return nil
	})
}

// Differential runs the random Program of a seed on the queue, whole and in pieces, and
// compares it with the portable execution. Fuzz tests of devices call it with seeds of their own.
func Differential(q device.Queue, seed uint64) error {
	rnd := newRand(seed)
	p := randomPaper(rnd, Program(rnd))
	err := p.on(q)
	if err == nil && p.n > 0 && seed%4 == 0 {
		err = p.inPieces(q, 1+rnd.Int64N(p.n))
	}
	if err != nil {
		return fmt.Errorf("seed %d: %w", seed, err)
	}
	return nil
}

// large runs Programs at the limits.
func large(d device.Device) error {
	return withQueue(d, func(q device.Queue) error {
		for _, c := range computes {
			p := largePaper(c)
			if live := p.prog.MaxLive(); live != kernels.MaxLive || len(p.prog.Code) != kernels.MaxInstrs {
				return fmt.Errorf("the exam's large program has %d live values and %d instructions", live, len(p.prog.Code))
			}
			if err := p.on(q); err != nil {
				return err
			}
		}
		return nil
	})
}

// largePaper has as many operands, live values, instructions and results as a Program
// may have.
func largePaper(c kernels.Compute) *paper {
	rnd := newRand(11)
	types := computable()
	b := &kernels.Builder{Compute: c}
	p := &paper{prog: &kernels.Program{Compute: c, NumConsts: 400}, n: 200, shift: 1}
	var live []kernels.Val
	for i := range kernels.MaxOperands {
		t := types[i%len(types)]
		p.prog.Operands = append(p.prog.Operands, kernels.Operand{DType: t})
		p.args = append(p.args, arg{data: tame(rnd, t, p.n)})
		if v := b.Load(i); len(live) < kernels.MaxLive-2 {
			live = append(live, v)
		} else { // the sum, its arguments and the others are as many as may be alive
			live[i%len(live)] = b.Op2(kernels.OpAdd, live[i%len(live)], v)
		}
	}
	for i := range p.prog.NumConsts {
		p.consts = append(p.consts, rnd.NormFloat64())
		k := i % len(live)
		live[k] = b.Op2(kernels.OpAdd, live[k], b.Const(i))
	}
	for i := 0; len(b.Code) < kernels.MaxInstrs; i++ {
		k := i % len(live)
		live[k] = b.Op2([]kernels.Op{kernels.OpMul, kernels.OpSub, kernels.OpMin, kernels.OpMax}[i/7%4], live[k], live[(k*5+i)%len(live)])
	}
	for i := range kernels.MaxResults {
		r := kernels.Result{Kind: kernels.Store, V: live[i%len(live)], DType: types[i%len(types)]}
		if i%3 == 1 {
			r = kernels.Result{Kind: kernels.Sum, V: live[i%len(live)], W: live[(i+1)%len(live)], Product: i%2 == 0}
		}
		p.prog.Results = append(p.prog.Results, r)
	}
	p.prog.Code = b.Code
	return p
}
