package kernels

import (
	"testing"

	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// BenchmarkRunLerp measures the portable execution of a + w*(b - c) on stored elements;
// the rate counts bytes read and written.
func BenchmarkRunLerp(b *testing.B) {
	const n = 1 << 16
	for _, d := range []tensor.DType{tensor.F16, tensor.BF16, tensor.F32, tensor.F8_E4M3, tensor.I16} {
		b.Run(d.String(), func(b *testing.B) {
			bd := Builder{}
			v := bd.Op3(OpFMA, bd.Op2(OpSub, bd.Load(1), bd.Load(0)), bd.Const(0), bd.Load(0))
			o := Operand{DType: d}
			p := &Program{Operands: []Operand{o, o}, NumConsts: 1, Code: bd.Code, Results: []Result{
				{Kind: Store, V: v, DType: d}, {Kind: InFlag, Of: 0}, {Kind: InFlag, Of: 1}, {Kind: OutFlag, Of: 0}}}
			size := n * d.Size()
			x := bytesOf(d, noise(n, 1)...)
			l := &Launch{Prog: p, N: n, Consts: []float64{0.3}, Args: []Arg{{Span: spanOf(x)}, {Span: spanOf(x)}},
				Results: []Span{spanOf(make([]byte, size)), spanOf(make([]byte, 4)), spanOf(make([]byte, 4)), spanOf(make([]byte, 4))}}
			var m Machine
			b.SetBytes(3 * size)
			for b.Loop() {
				if err := m.Run(l); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkSumRule(b *testing.B) {
	const n = 1 << 16
	for _, g := range []Group{Whole, ByRow, ByCol} {
		p := sumProgram(F32, g, true)
		x := spanOf(make([]byte, 4*n))
		out := make([]byte, ResultBytes(&p.Results[0], n, 1024))
		l := &Launch{Prog: p, N: n, Cols: 1024, Args: []Arg{{Span: x}, {Span: x}}, Results: []Span{spanOf(out)}}
		b.Run([]string{"whole", "rows", "columns"}[g], func(b *testing.B) {
			var m Machine
			b.SetBytes(8 * n)
			for b.Loop() {
				if err := m.Run(l); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
