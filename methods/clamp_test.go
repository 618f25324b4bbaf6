package methods

import (
	"fmt"
	"math"
	"testing"
)

// clampOracle follows the specification (1.2) for one element, one rounding an operation.
func clampOracle(a float64, bounds []float64, s float64) float64 {
	hi, lo, sum := bounds[0], bounds[0], bounds[0]
	for _, b := range bounds[1:] {
		hi, lo, sum = math.Max(hi, b), math.Min(lo, b), f32(sum+b)
	}
	avg := f32(sum / float64(len(bounds)))
	sp, ln := hi, lo
	for _, b := range bounds {
		if sp >= b && b >= avg {
			sp = b
		}
		if ln <= b && b <= avg {
			ln = b
		}
	}
	if s != 0 {
		hi = f32(f32(f32(1-s)*hi) + f32(f32(s)*sp))
		lo = f32(f32(f32(1-s)*lo) + f32(f32(s)*ln))
	}
	return math.Min(math.Max(a, lo), hi)
}

func TestClampIsTheFormula(t *testing.T) {
	for _, n := range []int{1, 2, 3, 5} {
		for _, s := range []float64{0, .4, 1, -.5, 1.7} {
			a := randoms(1, 200)
			var bounds []input
			for k := range n {
				bounds = append(bounds, f32s(randoms(uint64(10+k), 200)...))
			}
			want := make([]float64, len(a))
			for i := range a {
				at := make([]float64, n)
				for k := range at {
					at[k] = bounds[k].data[i]
				}
				want[i] = clampOracle(a[i], at, s)
			}
			got := applyAll(t, &run{}, "clamp", []input{f32s(a...)}, bounds, []input{num(s)})
			wantExact(t, fmt.Sprintf("%d bounds, stiffness %v", n, s), got, want)
		}
	}
}

func TestClampPropagatesNaN(t *testing.T) {
	for _, s := range []float64{0, .5} {
		got := applyAll(t, &run{}, "clamp", []input{f32s(nan, 1, 1, inf)}, []input{f32s(0, nan, 0, 0), f32s(2, 2, nan, 2)}, []input{num(s)})
		wantExact(t, fmt.Sprint(s), got, []float64{nan, nan, nan, 2 - 0*s})
	}
}

func TestClampToNumbers(t *testing.T) {
	got := applyAll(t, &run{}, "clamp", []input{vecA}, []input{num(-1), num(1.5)}, []input{num(0)})
	wantExact(t, "clamp", got, []float64{1, -1, 1.5, -1})
}
