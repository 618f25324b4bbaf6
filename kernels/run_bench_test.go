package kernels

import (
	"testing"

	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// workload is a Program as merges run it, with the checks that are on by default.
type workload struct {
	name string
	prog *Program
}

// checked makes a Program over n dense operands of type d that stores a formula in d.
func checked(d tensor.DType, n int, formula func(b *Builder) Val) *Program {
	b := &Builder{}
	v := formula(b)
	p := &Program{NumConsts: 1, Code: b.Code, Results: []Result{{Kind: Store, V: v, DType: d}, {Kind: OutCount}}}
	for i := range n {
		p.Operands = append(p.Operands, Operand{DType: d})
		p.Results = append(p.Results, Result{Kind: InFlag, Of: i})
	}
	return p
}

func lerpOf(b *Builder, x, y, t Val) Val { return b.Op3(OpFMA, t, b.Op2(OpSub, y, x), x) }

func lerp(d tensor.DType) *Program {
	return checked(d, 2, func(b *Builder) Val { return lerpOf(b, b.Load(0), b.Load(1), b.Const(0)) })
}

func addDifference(d tensor.DType) *Program {
	return checked(d, 3, func(b *Builder) Val {
		return b.Op2(OpAdd, b.Load(0), b.Op2(OpMul, b.Num(0.5), b.Op2(OpSub, b.Load(1), b.Load(2))))
	})
}

func average10(d tensor.DType) *Program {
	return checked(d, 10, func(b *Builder) Val {
		r := b.Load(0)
		for i := 1; i < 10; i++ {
			r = lerpOf(b, r, b.Load(i), b.Num(1/float64(i+1)))
		}
		return r
	})
}

// geometricMean is |x|^(1-t) * |y|^t * cospi(...), most of it macros.
func geometricMean(d tensor.DType) *Program {
	return checked(d, 2, func(b *Builder) Val {
		x, y, t, zero := b.Load(0), b.Load(1), b.Const(0), b.Num(0)
		u := b.Op2(OpSub, b.Num(1), t)
		size := b.Op2(OpMul, b.Pow(b.Op1(OpAbs, x), u), b.Pow(b.Op1(OpAbs, y), t))
		turns := b.Op2(OpAdd, b.Op3(OpSelect, b.Op2(OpLT, x, zero), u, zero), b.Op3(OpSelect, b.Op2(OpLT, y, zero), t, zero))
		return b.Op2(OpMul, size, b.CosPi(turns))
	})
}

// slerpSums is the first phase of slerp: three sums of products.
func slerpSums(d tensor.DType) *Program {
	b := &Builder{}
	x, y := b.Load(0), b.Load(1)
	return &Program{Operands: []Operand{{DType: d}, {DType: d}}, Code: b.Code, Results: []Result{
		{Kind: InFlag}, {Kind: InFlag, Of: 1}, {Kind: Sum, Product: true, V: x, W: x}, {Kind: Sum, Product: true, V: x, W: y}, {Kind: Sum, Product: true, V: y, W: y}}}
}

func workloads() (all []workload) {
	for _, d := range []tensor.DType{tensor.F16, tensor.BF16, tensor.F32, tensor.F8_E4M3, tensor.I16} {
		all = append(all, workload{"lerp/" + d.String(), lerp(d)})
	}
	for _, d := range []tensor.DType{tensor.F16, tensor.BF16, tensor.F32} {
		all = append(all, workload{"add_difference/" + d.String(), addDifference(d)},
			workload{"average10/" + d.String(), average10(d)}, workload{"slerp_sums/" + d.String(), slerpSums(d)})
	}
	return append(all, workload{"geometric/F16", geometricMean(tensor.F16)})
}

// weights returns numbers that look like weights: normal with deviation 0.02, but for
// integers up to 100.
func weights(n int, d tensor.DType, seed uint64) []float64 {
	rnd, scale := newRand(seed), 0.02
	if d.IsInteger() {
		scale = 30
	}
	x := make([]float64, n)
	for i := range x {
		x[i] = scale * rnd.NormFloat64()
	}
	return x
}

// launchOf is a launch of p over n elements, and the number of bytes it reads and writes.
func launchOf(p *Program, n int, data func(n int, d tensor.DType, seed uint64) []float64) (l *Launch, moved int64) {
	l = &Launch{Prog: p, N: int64(n), Cols: 1024, Consts: []float64{0.3}}
	for i, o := range p.Operands {
		l.Args = append(l.Args, Arg{Span: spanOf(bytesOf(o.DType, data(n, o.DType, uint64(i))...))})
		moved += int64(n) * o.DType.Size()
	}
	for i := range p.Results {
		size := ResultBytes(&p.Results[i], l.N, l.Cols)
		l.Results = append(l.Results, spanOf(make([]byte, size)))
		if p.Results[i].Kind == Store {
			moved += size
		}
	}
	return l, moved
}

func benchmark(b *testing.B, l *Launch, moved int64) {
	var m Machine
	b.SetBytes(moved)
	for b.Loop() {
		if err := m.Run(l); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkRun measures the portable execution on data like weights; the rate counts bytes
// read and written.
func BenchmarkRun(b *testing.B) {
	for _, w := range workloads() {
		b.Run(w.name, func(b *testing.B) {
			l, moved := launchOf(w.prog, 1<<16, weights)
			benchmark(b, l, moved)
		})
	}
}

// BenchmarkRunLossy is the lerp where stores overflow, underflow and become subnormal at
// random: what no branch predictor learns.
func BenchmarkRunLossy(b *testing.B) {
	lossy := func(n int, _ tensor.DType, seed uint64) []float64 { return noise(n, seed) }
	for _, d := range []tensor.DType{tensor.F16, tensor.BF16, tensor.F8_E4M3} {
		b.Run(d.String(), func(b *testing.B) {
			l, moved := launchOf(lerp(d), 1<<16, lossy)
			benchmark(b, l, moved)
		})
	}
}

func BenchmarkSumRule(b *testing.B) {
	for g, name := range []string{"whole", "rows", "columns"} {
		b.Run(name, func(b *testing.B) {
			l, moved := launchOf(sumProgram(F32, Group(g), true), 1<<16, weights)
			benchmark(b, l, moved)
		})
	}
}

// BenchmarkOps measures each operation alone: a Program that repeats it. One element of the
// benchmark is one operation on one element.
func BenchmarkOps(b *testing.B) {
	const n, times = 4096, 16
	for _, op := range Ops() {
		b.Run(op.String(), func(b *testing.B) {
			p := &Program{Operands: []Operand{{DType: tensor.F32}, {DType: tensor.F32}, {DType: tensor.F32}}, NumConsts: 1,
				Code: []Instr{{Op: OpLoad}, {Op: OpLoad, Imm: 1}, {Op: OpLoad, Imm: 2}, {Op: OpLT, A: 0, B: 1}, {Op: OpLT, A: 1, B: 2}}}
			in := Instr{Op: op, A: 0, B: 1, C: 2, DType: tensor.F16}
			if op.Arity() > 0 && op.TakesMask(0) {
				in.A, in.B = 3, 4
			}
			if op == OpSelect {
				in.B = 1
			}
			for range times {
				p.Code = append(p.Code, in)
			}
			l, _ := launchOf(p, n, weights)
			benchmark(b, l, times*n)
		})
	}
}
