package methods

import (
	"fmt"
	"math"
	"testing"

	"github.com/mecha-gpu/mecha-gpu/kernels"
)

// slerpOracle is the formula of the specification in float64, before any guard.
func slerpOracle(a, b []float64, alpha func(i int) float64) []float64 {
	na, nb, dot := 0.0, 0.0, 0.0
	for i := range a {
		na += a[i] * a[i]
		nb += b[i] * b[i]
	}
	na, nb = math.Sqrt(na), math.Sqrt(nb)
	for i := range a {
		dot += a[i] / na * b[i] / nb
	}
	w := math.Acos(max(-1, min(1, dot)))
	out := make([]float64, len(a))
	for i := range a {
		t := alpha(i)
		out[i] = (a[i]/na*math.Sin((1-t)*w) + b[i]/nb*math.Sin(t*w)) / math.Sin(w) * ((1-t)*na + t*nb)
	}
	return out
}

func constant(x float64) func(int) float64 { return func(int) float64 { return x } }

func lerpAll(a, b []float64, alpha float64) []float64 {
	out := make([]float64, len(a))
	for i := range a {
		out[i] = lerp32(a[i], b[i], f32(alpha))
	}
	return out
}

func TestSlerpIsTheFormula(t *testing.T) {
	a, b := randoms(1, 300), randoms(2, 300)
	for i := range b {
		b[i] = f32(3*b[i] + .5*a[i])
	}
	for _, alpha := range []float64{0, .3, .5, 1, -.7, 1.9, 63} {
		want := slerpOracle(a, b, constant(f32(alpha)))
		wantNear(t, fmt.Sprintf("alpha %v", alpha), apply(t, "slerp", f32s(a...), f32s(b...), num(alpha)), want, 1e-6)
		got := apply(t, "slerp", f32s(a...).as(20, 15), f32s(b...).as(20, 15), cell(f32(alpha)))
		wantNear(t, fmt.Sprintf("stored alpha %v", alpha), got, want, 1e-6)
		want = slerpOracle(a, b, constant(alpha))
		got = applyAll(t, &run{compute: kernels.F64}, "slerp", one(f64s(a...), f64s(b...), num(alpha))...)
		wantNear(t, fmt.Sprintf("float64, alpha %v", alpha), got, want, 1e-12)
	}
}

func TestSlerpEndsAtItsInputs(t *testing.T) {
	a, b := randoms(1, 50), randoms(2, 50)
	wantNear(t, "alpha 0", apply(t, "slerp", f32s(a...), f32s(b...), num(0)), a, 1e-7)
	wantNear(t, "alpha 1", apply(t, "slerp", f32s(a...), f32s(b...), num(1)), b, 1e-7)
}

func TestSlerpKeepsTheNormOfEquallyLongVectors(t *testing.T) {
	a, b := []float64{3, 0, 0}, []float64{0, 0, 3}
	for _, alpha := range []float64{.1, .5, .8} {
		out := apply(t, "slerp", f32s(a...), f32s(b...), num(alpha))
		if n := math.Sqrt(out[0]*out[0] + out[1]*out[1] + out[2]*out[2]); math.Abs(n-3) > 1e-6 {
			t.Errorf("alpha %v: norm %v, want 3", alpha, n)
		}
	}
}

func TestSlerpIsLinearWhereThereIsNoArc(t *testing.T) {
	a := []float64{1, -2, 3}
	for name, b := range map[string][]float64{
		"equal": a, "parallel": {2, -4, 6}, "opposite": {-1, 2, -3}, "nearly opposite": {-1, 2, -3.0000002},
		"zero": {0, 0, 0}, "nan": {nan, 1, 2}, "infinite": {inf, 1, 2}, "minus infinite": {1, -inf, 2}, "huge": {1e38, 1e38, -1e38}, "too small": {1e-45, 0, 0},
	} {
		for _, alpha := range []float64{.3, .5, .9} {
			got := apply(t, "slerp", f32s(a...), f32s(b...), num(alpha))
			if name == "huge" { // an arc like any other
				wantNear(t, name, got, slerpOracle(a, f32All(b), constant(f32(alpha))), 1e-6)
				continue
			}
			wantExact(t, name, got, lerpAll(a, f32All(b), alpha))
			got = apply(t, "slerp", f32s(b...), f32s(a...), num(alpha))
			wantExact(t, name+", exchanged", got, lerpAll(f32All(b), a, alpha))
		}
	}
	wantExact(t, "equal", apply(t, "slerp", f32s(a...), f32s(a...), num(.3)), a)
}

func TestSlerpOfNumbers(t *testing.T) {
	wantExact(t, "same sign", apply(t, "slerp", cell(2), cell(4), num(.5)), []float64{3})
	wantExact(t, "opposite signs", apply(t, "slerp", cell(-2), cell(4), num(.5)), []float64{1})
	wantNear(t, "a number is a filled tensor", apply(t, "slerp", f32s(1, 2, 3), num(2), num(.3)),
		slerpOracle([]float64{1, 2, 3}, []float64{2, 2, 2}, constant(f32(.3))), 1e-6)
}

func TestSlerpIsLinearForAlphasOutOfReach(t *testing.T) {
	a, b := []float64{1, -2, 3}, []float64{2, 2, -3}
	for _, alpha := range []float64{nan, inf, -65, 1e30} {
		wantExact(t, fmt.Sprint(alpha), apply(t, "slerp", f32s(a...), f32s(b...), num(alpha)), lerpAll(a, b, alpha))
	}
}

func TestPerpendicularComponentIsPerpendicular(t *testing.T) {
	a, b := randoms(5, 1000), randoms(6, 1000)
	out := apply(t, "perpendicular_component", f32s(a...), f32s(b...))
	dot, ab, aa := 0.0, 0.0, 0.0
	for i := range a {
		dot += a[i] * out[i]
		ab += a[i] * b[i]
		aa += a[i] * a[i]
	}
	if math.Abs(dot) > 1e-5*aa {
		t.Errorf("a.out = %v, with a.a = %v", dot, aa)
	}
	want := make([]float64, len(a))
	for i := range a {
		want[i] = f32(b[i] - f32(a[i]*f32(ab/aa)))
	}
	wantNear(t, "formula", out, want, 1e-6)
}

func TestPerpendicularComponentOfSpecialTensors(t *testing.T) {
	zero := []float64{0, 0, 0}
	for _, c := range []struct {
		name       string
		a, b, want []float64
	}{
		{"a is zero", zero, []float64{1, 2, 3}, zero},
		{"perpendicular already", []float64{1, 0, 0}, []float64{0, 2, 3}, []float64{0, 2, 3}},
		{"nan in a", []float64{nan, 1, 1}, []float64{1, 2, 3}, zero},
		{"nan in b", []float64{1, 1, 1}, []float64{1, nan, 3}, zero},
		{"inf in a", []float64{inf, 1, 1}, []float64{1, 2, 3}, zero},
		{"inf in b", []float64{1, 1, 1}, []float64{1, inf, 3}, zero},
		{"quotient too large", []float64{1e-44, 0, 0}, []float64{1e30, 2, 3}, zero},
		{"equal", []float64{1, 2, 3}, []float64{1, 2, 3}, zero},
	} {
		wantExact(t, c.name, apply(t, "perpendicular_component", f32s(c.a...), f32s(c.b...)), c.want)
	}
	wantExact(t, "number", apply(t, "perpendicular_component", cell(2), cell(6)), []float64{0})
}
