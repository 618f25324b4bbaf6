package exam

import (
	"fmt"
	"math"

	"github.com/mecha-gpu/mecha-gpu/device"
	"github.com/mecha-gpu/mecha-gpu/kernels"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// copyProgram loads elements of type from and stores them as type to, with flags.
func copyProgram(c kernels.Compute, from, to tensor.DType) *kernels.Program {
	b := &kernels.Builder{Compute: c}
	x := b.Load(0)
	return &kernels.Program{Compute: c, Operands: []kernels.Operand{{DType: from}}, Code: b.Code, Results: []kernels.Result{
		{Kind: kernels.Store, V: x, DType: to},
		{Kind: kernels.InFlag, Of: 0}, {Kind: kernels.OutCount, Of: 0}}}
}

// loads loads every code of the small types, and specials, ties and random bits of the
// others.
func loads(d device.Device) error {
	return withQueue(d, func(q device.Queue) error {
		for _, c := range computes {
			for _, t := range computable() {
				data := everyCode(t)
				p := &paper{prog: copyProgram(c, t, c.DType()), n: int64(len(data)) / t.Size(), args: []arg{{data: data}}}
				if err := p.on(q); err != nil {
					return fmt.Errorf("%v loaded as %v: %w", t, c.DType(), err)
				}
			}
		}
		return nil
	})
}

// everyCode returns all elements of a type of at most 16 bits, else a choice.
func everyCode(t tensor.DType) (data []byte) {
	if t.Bits() <= 16 {
		for c := range uint64(1) << t.Bits() {
			data = put(data, t, c)
		}
		return data
	}
	rnd := newRand(uint64(t))
	for k := range t.Bits() { // powers of two, ties of the conversion to float32
		for _, m := range []uint64{1, 0x1000001, 0x1000003, 0x3000001, 1<<54 + 2, 1<<54 + 6} {
			data = put(put(put(data, t, m<<k-1), t, m<<k), t, m<<k+1)
		}
	}
	for range 4000 {
		data = put(put(data, t, rnd.Uint64()), t, specialBits(rnd, t))
	}
	return data
}

// stores stores numbers at and around every rounding boundary of every type.
func stores(d device.Device) error {
	return withQueue(d, func(q device.Queue) error {
		for _, c := range computes {
			for _, t := range computable() {
				if err := storesOf(q, c, t); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// storesOf examines one type, as a store and through the operation that rounds.
func storesOf(q device.Queue, c kernels.Compute, t tensor.DType) error {
	data := boundaries(c, t)
	p := &paper{prog: copyProgram(c, c.DType(), t), n: int64(len(data)) / c.DType().Size(), args: []arg{{data: data}}}
	if err := p.on(q); err != nil {
		return fmt.Errorf("%v stored as %v: %w", c.DType(), t, err)
	}
	b := &kernels.Builder{Compute: c}
	r := b.Round(b.Load(0), t)
	p.prog = &kernels.Program{Compute: c, Operands: p.prog.Operands, Code: b.Code,
		Results: []kernels.Result{{Kind: kernels.Store, V: r, DType: c.DType()}}}
	if err := p.on(q); err != nil {
		return fmt.Errorf("%v rounded to %v: %w", c.DType(), t, err)
	}
	return nil
}

// boundaries returns numbers of the compute type: the values of t, the midpoints
// between them, the neighbours of both, special values and random bits.
func boundaries(c kernels.Compute, t tensor.DType) (data []byte) {
	codes := everyCode(t)
	x := make([]float64, int64(len(codes))/t.Size())
	kernels.Widen64(x, codes, t)
	for i, v := range x {
		if t.Bits() > 8 && i%thin != 0 {
			continue
		}
		data = near(near(data, c, v), c, v+(x[(i+1)%len(x)]-v)/2)
		if t.IsInteger() {
			data = near(near(data, c, v-0.5), c, v+0.5)
		}
	}
	rnd := newRand(uint64(t) + 100)
	for _, s := range specials(c) {
		data = put(data, c.DType(), s)
	}
	for range 4000 {
		data = put(data, c.DType(), rnd.Uint64())
	}
	return data
}

// near appends m and its two neighbours.
func near(data []byte, c kernels.Compute, m float64) []byte {
	if c == kernels.F64 {
		for _, v := range []float64{m, math.Nextafter(m, math.Inf(1)), math.Nextafter(m, math.Inf(-1))} {
			data = put(data, tensor.F64, math.Float64bits(v))
		}
		return data
	}
	f := float32(m)
	for _, v := range []float32{f, math.Nextafter32(f, float32(math.Inf(1))), math.Nextafter32(f, float32(math.Inf(-1)))} {
		data = put(data, tensor.F32, uint64(math.Float32bits(v)))
	}
	return data
}

// witnesses runs cases in which a shortcut gives other bits: a fused multiply-add
// rounded twice, multiplications and additions fused without being asked for, float64
// rounded to float16 by way of float32, constants rounded late, sums out of order.
func witnesses(d device.Device) error {
	return withQueue(d, func(q device.Queue) error {
		for _, c := range computes {
			if err := contraction(c).on(q); err != nil {
				return err
			}
		}
		return fmaWitness().on(q)
	})
}

// fmaWitness: with these numbers, x*y + z rounded to float64 first is a tie that goes
// the wrong way; the right result is 3f800001.
func fmaWitness() *paper {
	b := &kernels.Builder{}
	v := b.Op3(kernels.OpFMA, b.Load(0), b.Load(1), b.Load(2))
	p := &paper{n: 130}
	for _, x := range []float64{0x1p-12 * (1 + 0x1p-23), 0x1p-12 * (1 - 0x1p-23), 1 + 0x1p-23} {
		var data []byte
		for range p.n {
			data = put(data, tensor.F32, uint64(math.Float32bits(float32(x))))
		}
		p.args = append(p.args, arg{data: data})
	}
	f32 := kernels.Operand{DType: tensor.F32}
	p.prog = &kernels.Program{Operands: []kernels.Operand{f32, f32, f32}, Code: b.Code,
		Results: []kernels.Result{{Kind: kernels.Store, V: v, DType: tensor.F32}}}
	return p
}

// contraction computes x*y + z, x*y - z and z - x*y in two roundings each, next to the
// fused forms, with a constant that float32 has to round.
func contraction(c kernels.Compute) *paper {
	rnd := newRand(7)
	b := &kernels.Builder{Compute: c}
	x, y, z := b.Load(0), b.Op2(kernels.OpMul, b.Load(1), b.Const(0)), b.Load(2)
	xy := b.Op2(kernels.OpMul, x, y)
	p := &paper{n: 5000, consts: []float64{0.1}}
	var results []kernels.Result
	for _, v := range []kernels.Val{b.Op2(kernels.OpAdd, xy, z), b.Op2(kernels.OpSub, xy, z), b.Op2(kernels.OpSub, z, xy),
		b.Op3(kernels.OpFMA, x, y, z), b.Op3(kernels.OpFMA, b.Op1(kernels.OpNeg, x), y, z), b.Op3(kernels.OpFMA, x, y, b.Op1(kernels.OpNeg, z))} {
		results = append(results, kernels.Result{Kind: kernels.Store, V: v, DType: c.DType()},
			kernels.Result{Kind: kernels.Sum, V: v}, kernels.Result{Kind: kernels.Sum, V: v, W: x, Product: true})
	}
	p.prog = &kernels.Program{Compute: c, NumConsts: 1, Code: b.Code, Results: results}
	for range 3 {
		p.prog.Operands = append(p.prog.Operands, kernels.Operand{DType: c.DType()})
		p.args = append(p.args, arg{data: tame(rnd, c.DType(), p.n)})
	}
	return p
}
