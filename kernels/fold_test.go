package kernels

import (
	"math"
	"testing"

	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// TestNumbersAreComputedAtOnce compares folding with the same operation on stored scalars,
// which the portable machine computes.
func TestNumbersAreComputedAtOnce(t *testing.T) {
	unary := map[string]func(T) T{"neg": T.Neg, "abs": T.Abs, "sqrt": T.Sqrt, "sign": T.Sign, "rint": T.Rint, "nan": T.NaNToNum,
		"exp": T.Exp, "ln": T.Ln, "cos": T.Cos, "f16": func(a T) T { return a.Round(tensor.F16) }, "i8": func(a T) T { return a.Round(tensor.I8) }}
	binary := map[string]func(T, T) T{"add": T.Add, "sub": T.Sub, "mul": T.Mul, "div": T.Div, "min": T.Min, "max": T.Max, "pow": T.Pow,
		"fma": func(a, b T) T { return a.FMA(b, a) }}
	xs := []float32{0, float32(math.Copysign(0, -1)), 1, -2.5, 0x1p-130, 1.0000001, 1e30, float32(math.Inf(1)), float32(math.NaN())}
	check := func(name string, f func(a, b T) T, x, y float32) {
		t.Helper()
		tr := NewTrace(F32)
		got, known := f(tr.Const(float64(x)), tr.Num(float64(y))).Number()
		want, _ := evalF32(t, f(tr.Leaf(0, tensor.F32, nil), tr.Leaf(1, tensor.F32, nil)), testLeaves{{x}, {y}})
		if !known || float32(got) != want[0] && !(got != got && want[0] != want[0]) || math.Signbit(got) != math.Signbit(float64(want[0])) && got == got {
			t.Errorf("%s(%v, %v) is %v (known: %v), the machine says %v", name, x, y, got, known, want[0])
		}
	}
	for _, x := range xs {
		for name, f := range unary {
			check(name, func(a, _ T) T { return f(a) }, x, x)
		}
		for _, y := range xs {
			for name, f := range binary {
				check(name, f, x, y)
			}
		}
	}
}

func TestNumbersOfTheFormulaStayPartOfTheProgram(t *testing.T) {
	tr := NewTrace(F64)
	if n := tr.Num(2).FMA(tr.Num(3), tr.Num(4)).node(); n.kind != nLit || n.value != 10 {
		t.Errorf("%+v", n)
	}
	if n := tr.Num(2).FMA(tr.Const(3), tr.Num(4)).node(); n.kind != nConst || n.value != 10 {
		t.Errorf("%+v", n)
	}
}
