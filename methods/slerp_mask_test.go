package methods

import (
	"fmt"
	"testing"

	"github.com/mecha-gpu/mecha-gpu/tensor"
)

func TestSlerpWithAMaskIsTheFormulaPerElement(t *testing.T) {
	a, b, w := randoms(1, 240), randoms(2, 240), randoms(3, 240)
	for name, c := range map[string]struct {
		shape tensor.Shape
		n     int
		at    func(i int) int
	}{
		"full":    {tensor.Shape{20, 12}, 240, func(i int) int { return i }},
		"rows":    {tensor.Shape{20, 1}, 20, func(i int) int { return i / 12 }},
		"columns": {tensor.Shape{12}, 12, func(i int) int { return i % 12 }},
	} {
		want := slerpOracle(a, b, func(i int) float64 { return w[c.at(i)] })
		got := apply(t, "slerp", f32s(a...).as(20, 12), f32s(b...).as(20, 12), f32s(w[:c.n]...).as(c.shape...))
		wantNear(t, name, got, want, 1e-6)
	}
}

func TestSlerpWithAMaskAgreesWithSlerpWithANumber(t *testing.T) {
	a, b := randoms(4, 50), randoms(5, 50)
	mask := make([]float64, 50)
	for _, alpha := range []float64{0, .3, 1, -2} {
		for i := range mask {
			mask[i] = alpha
		}
		got := apply(t, "slerp", f32s(a...), f32s(b...), f32s(mask...))
		wantNear(t, fmt.Sprint(alpha), got, apply(t, "slerp", f32s(a...), f32s(b...), num(alpha)), 1e-6)
	}
}

func TestSlerpWithAMaskIsLinearWhereThereIsNoArc(t *testing.T) {
	a, alpha := []float64{1, -2, 3}, .3
	for name, b := range map[string][]float64{
		"equal": a, "opposite": {-1, 2, -3}, "zero": {0, 0, 0}, "nan": {nan, 1, 2}, "infinite": {inf, 1, 2},
	} {
		got := apply(t, "slerp", f32s(a...), f32s(b...), f32s(alpha, alpha, alpha))
		wantExact(t, name, got, lerpAll(a, b, alpha))
	}
	b := []float64{2, 2, -3}
	for _, wild := range []float64{nan, inf, -65, 1e30} {
		got := apply(t, "slerp", f32s(a...), f32s(b...), f32s(.5, wild, .25))
		want := []float64{lerp32(1, 2, .5), lerp32(-2, 2, f32(wild)), lerp32(3, -3, .25)}
		wantExact(t, fmt.Sprint("one element ", wild), got, want)
	}
}
