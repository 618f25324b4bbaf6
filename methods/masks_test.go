package methods

import (
	"math"
	"testing"
)

// ntn32 is nan_to_num in float32.
func ntn32(x float64) float64 {
	switch {
	case x != x:
		return 0
	case x > math.MaxFloat32:
		return math.MaxFloat32
	case x < -math.MaxFloat32:
		return -math.MaxFloat32
	}
	return x
}

// maskOracles are the formulas of the specification, one rounding to float32 an operation.
var maskOracles = map[string]func(a, b, c, alpha float64) float64{
	"train_difference_mask": func(a, b, c, alpha float64) float64 {
		x, y := f32(math.Abs(b-a)), f32(math.Abs(b-c))
		return f32(f32(alpha*f32(1.8)) * ntn32(f32(x/f32(x+y))))
	},
	"add_opposite_mask": func(a, b, c, alpha float64) float64 {
		x, y := f32(math.Abs(a-b)), f32(math.Abs(f32(f32(a+b)-f32(2*c))))
		return f32(f32(alpha*2) * ntn32(f32(x/f32(x+y))))
	},
	"add_strict_opposite_mask": func(a, b, c, alpha float64) float64 {
		x, y := f32(c-a), f32(b-c)
		t := max(math.Abs(x), math.Abs(y))
		return f32(f32(alpha*max(ntn32(f32(f32(x/t)*f32(y/t))), 0)) * 2)
	},
}

func TestMaskFormulas(t *testing.T) {
	a, b, c := randoms(1, 300), randoms(2, 300), randoms(3, 300)
	copy(a, []float64{1, 1, 1e-25, 1, 1e-45, 3e38, 0, nan, 1, inf, inf, 1})
	copy(b, []float64{1, 1, -1e-25, 2, 0, -3e38, 0, 1, nan, 1, -inf, 2})
	copy(c, []float64{1, 2, 0, 2, 0, 0, 0, 1, 1, 1, 0, inf})
	for i := range 3 {
		a[i], b[i], c[i] = f32(a[i]), f32(b[i]), f32(c[i])
	}
	for id, oracle := range maskOracles {
		for _, alpha := range []float64{1, .8, 0, -2} {
			want := make([]float64, len(a))
			for i := range a {
				want[i] = oracle(f32(a[i]), f32(b[i]), f32(c[i]), f32(alpha))
			}
			wantExact(t, id, apply(t, id, f32s(a...), f32s(b...), f32s(c...), num(alpha)), want)
		}
	}
}

func TestMasksAreWithinTheirRanges(t *testing.T) {
	a, b, c := randoms(4, 2000), randoms(5, 2000), randoms(6, 2000)
	for id, limit := range map[string]float64{"train_difference_mask": 1.8, "add_opposite_mask": 2, "add_strict_opposite_mask": 2} {
		for i, x := range apply(t, id, f32s(a...), f32s(b...), f32s(c...)) {
			if !(x >= 0 && x <= limit*(1+1e-6)) {
				t.Errorf("%s: element %d is %v", id, i, x)
			}
		}
	}
}

func TestMasksAreZeroWhereNothingMoved(t *testing.T) {
	for id := range maskOracles {
		wantExact(t, id, apply(t, id, f32s(3, 0), f32s(3, 0), f32s(3, 0)), []float64{0, 0})
	}
}

func TestStrictMaskDoesNotUnderflow(t *testing.T) {
	got := apply(t, "add_strict_opposite_mask", f32s(1e-25), f32s(-1e-25), f32s(0))
	wantExact(t, "tiny opposite differences", got, []float64{2})
}

func TestOppositeMasksAreSymmetric(t *testing.T) {
	a, b, c := f32s(randoms(7, 100)...), f32s(randoms(8, 100)...), f32s(randoms(9, 100)...)
	for _, id := range []string{"add_opposite_mask", "add_strict_opposite_mask"} {
		wantExact(t, id, apply(t, id, a, b, c), apply(t, id, b, a, c))
	}
}
