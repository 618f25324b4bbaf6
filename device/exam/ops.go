package exam

import (
	"fmt"

	"github.com/mecha-gpu/mecha-gpu/device"
	"github.com/mecha-gpu/mecha-gpu/kernels"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// operations runs every operation of the table on all combinations of special values.
func operations(d device.Device) error {
	return withQueue(d, func(q device.Queue) error {
		for _, c := range computes {
			for _, op := range kernels.Ops() {
				if err := opPaper(c, op).on(q); err != nil {
					return fmt.Errorf("%v in %v: %w", op, c.DType(), err)
				}
			}
		}
		return nil
	})
}

// opPaper applies an operation to the product of the special values with themselves.
func opPaper(c kernels.Compute, op kernels.Op) *paper {
	p := &paper{consts: []float64{1e300, -0.1, 3}}
	b := &kernels.Builder{Compute: c}
	in := kernels.Instr{Op: op, DType: tensor.F16}
	args := [3]kernels.Val{}
	p.args, p.n = product(c, max(op.Arity(), 1))
	var operands []kernels.Operand
	for i := range p.args {
		operands = append(operands, kernels.Operand{DType: c.DType()})
		args[i] = b.Load(i)
		switch {
		case op.TakesMask(i):
			args[i] = b.Op2(kernels.OpLT, args[i], b.Num(1))
		case seesBits(op):
			args[i] = noNaN(b, args[i])
		}
	}
	switch op {
	case kernels.OpConst, kernels.OpShl, kernels.OpShr:
		in.Imm = 1
	case kernels.OpImm:
		in.Imm = 0x12345678
	}
	for i := range op.Arity() {
		*[]*kernels.Val{&in.A, &in.B, &in.C}[i] = args[i]
	}
	v := b.Emit(in)
	p.prog = &kernels.Program{Compute: c, Operands: operands, NumConsts: len(p.consts), Results: shown(b, v, op)}
	p.prog.Code = b.Code
	return p
}

// shown returns results that show the value of an operation: the bits of integers are
// stored in halves, because whole they might be those of a NaN, which a store replaces.
func shown(b *kernels.Builder, v kernels.Val, op kernels.Op) []kernels.Result {
	d := b.Compute.DType()
	switch {
	case op.GivesMask():
		one := b.Op3(kernels.OpSelect, v, b.Num(1), b.Num(-1))
		return []kernels.Result{{Kind: kernels.Count, V: v}, {Kind: kernels.Store, V: one, DType: d}}
	case seesBits(op):
		lo, hi := halves(b, v)
		return []kernels.Result{{Kind: kernels.Store, V: lo, DType: d}, {Kind: kernels.Store, V: hi, DType: d}}
	}
	return []kernels.Result{{Kind: kernels.Store, V: v, DType: d}}
}

// halves returns the lower and the upper half of the bits of v. Neither is a NaN.
func halves(b *kernels.Builder, v kernels.Val) (lo, hi kernels.Val) {
	half := uint64(b.Compute.DType().Bits() / 2)
	return b.Op2(kernels.OpAndB, v, b.Bits(1<<half-1)), b.Shr(v, half)
}

// seesBits reports whether an operation looks at the bits of its arguments as integers.
func seesBits(op kernels.Op) bool {
	switch op {
	case kernels.OpAndB, kernels.OpOrB, kernels.OpXorB, kernels.OpIAdd, kernels.OpISub, kernels.OpShl, kernels.OpShr:
		return true
	}
	return false
}

// noNaN replaces a NaN, whose bits a Program must not depend on, by a number.
func noNaN(b *kernels.Builder, v kernels.Val) kernels.Val {
	return b.Op3(kernels.OpSelect, b.Op1(kernels.OpIsNaN, v), b.Num(-1.75), v)
}

// product returns operands that run through all combinations of n special values.
func product(c kernels.Compute, n int) (args []arg, elems int64) {
	s := specials(c)
	total := 1
	for range n {
		total *= len(s)
	}
	stride := 1
	for range n {
		var data []byte
		for k := range total {
			data = put(data, c.DType(), s[k/stride%len(s)])
		}
		args = append(args, arg{data: data})
		stride *= len(s)
	}
	return args, int64(total)
}

// shifts runs both shifts by every distance.
func shifts(d device.Device) error {
	return withQueue(d, func(q device.Queue) error {
		for _, c := range computes {
			for _, op := range []kernels.Op{kernels.OpShl, kernels.OpShr} {
				b := &kernels.Builder{Compute: c}
				x := noNaN(b, b.Load(0))
				var results []kernels.Result
				for n := range c.DType().Bits() {
					results = append(results, shown(b, b.Emit(kernels.Instr{Op: op, A: x, Imm: uint64(n)}), op)...)
				}
				p := &paper{prog: &kernels.Program{Compute: c, Operands: []kernels.Operand{{DType: c.DType()}}, Code: b.Code, Results: results}}
				p.args, p.n = product(c, 1)
				for _, part := range p.few() {
					if err := part.on(q); err != nil {
						return fmt.Errorf("%v in %v: %w", op, c.DType(), err)
					}
				}
			}
		}
		return nil
	})
}

// few cuts a paper into papers with 32 results at most, because all of them together
// would keep more values alive than a Program may have.
func (p *paper) few() (parts []*paper) {
	const most = 32
	for at := 0; at < len(p.prog.Results); at += most {
		part, prog := *p, *p.prog
		prog.Results = prog.Results[at:min(at+most, len(prog.Results))]
		part.prog = &prog
		parts = append(parts, &part)
	}
	return parts
}
