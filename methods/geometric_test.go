package methods

import (
	"fmt"
	"math"
	"math/cmplx"
	"testing"
)

// realPower is the real part of a^x b^y with complex principal powers, in float64.
func realPower(a, x, b, y float64) float64 {
	return real(cmplx.Pow(complex(a, 0), complex(x, 0)) * cmplx.Pow(complex(b, 0), complex(y, 0)))
}

func TestPowersOfTheReference(t *testing.T) {
	wantNear(t, "geometric_sum", apply(t, "geometric_sum", vecA, vecB, num(.3)), []float64{1.231144, -1.17557, 1.763356, -2.639016}, 1e-6)
	wantNear(t, "multiply_quotient", apply(t, "multiply_quotient", vecA, vecB, vecC, num(1)), []float64{1, -2, 3, -2}, 1e-6)
}

func TestGeometricSumIsTheComplexPower(t *testing.T) {
	a, b := randoms(1, 300), randoms(2, 300)
	for _, alpha := range []float64{0, .1, .3, .5, .9, 1, -.4, 1.7} {
		want := make([]float64, len(a))
		for i := range a {
			want[i] = realPower(a[i], 1-f32(alpha), b[i], f32(alpha))
		}
		got := apply(t, "geometric_sum", f32s(a...), f32s(b...), num(alpha))
		for i := range got {
			// cos(pi p) near a zero is as exact as p, which is rounded to float32.
			size := math.Pow(math.Abs(a[i]), 1-alpha) * math.Pow(math.Abs(b[i]), alpha)
			if math.Abs(got[i]-want[i]) > 2e-6*size {
				t.Fatalf("alpha %v: (%v, %v) gives %v, want %v", alpha, a[i], b[i], got[i], want[i])
			}
		}
	}
}

func TestGeometricSumOfSpecialNumbers(t *testing.T) {
	neg0 := math.Copysign(0, -1)
	for _, c := range []struct{ a, b, alpha, want float64 }{
		{4, 9, .5, 6},
		{-4, 9, .5, 0}, {4, -9, .5, 0}, // cos(pi/2) is exactly 0
		{-4, -9, .5, -6},
		{3, 0, 0, 3}, {0, 3, 1, 3}, {0, 0, 0, 0}, {0, 0, 1, 0}, // 0^0 = 1
		{-3, 0, 0, -3}, {0, -3, 1, -3},
		{0, 5, .5, 0}, {5, 0, .5, 0},
		{neg0, 4, .5, 0}, // -0 is not negative: no turn
		{inf, 4, .5, inf}, {nan, 4, .5, nan}, {4, nan, .5, nan},
	} {
		what := fmt.Sprintf("(%v, %v, %v)", c.a, c.b, c.alpha)
		wantNear(t, what, apply(t, "geometric_sum", f32s(c.a), f32s(c.b), num(c.alpha)), []float64{c.want}, 3e-7)
		wantNear(t, what+" stored", apply(t, "geometric_sum", f32s(c.a), f32s(c.b), f32s(c.alpha)), []float64{c.want}, 3e-7)
	}
}

func TestGeometricSumExchangesItsInputs(t *testing.T) {
	a, b := f32s(randoms(3, 200)...), f32s(randoms(4, 200)...)
	for _, alpha := range []float64{0, .25, .5, .75, 1} { // 1 - alpha is exact
		wantExact(t, fmt.Sprint(alpha), apply(t, "geometric_sum", a, b, num(alpha)), apply(t, "geometric_sum", b, a, num(1-alpha)))
	}
}

func TestMultiplyQuotientIsTheComplexPower(t *testing.T) {
	a, b, c := randoms(5, 400), randoms(6, 400), randoms(7, 400)
	moved := 0
	for _, alpha := range []float64{1, .3, 2, 0} {
		got := apply(t, "multiply_quotient", f32s(a...), f32s(b...), f32s(c...), num(alpha))
		for i := range a {
			x, y := math.Log(math.Abs(a[i]/c[i])), math.Log(math.Abs(b[i]/c[i]))
			p := f32(alpha) * max(-x*y/math.Pow(max(math.Abs(x), math.Abs(y)), 2), 0)
			want := a[i] * realPower(b[i]/c[i], p, 1, 1)
			size := math.Abs(a[i]) * math.Pow(math.Abs(b[i]/c[i]), p)
			if p > 0 {
				moved++
			}
			if math.Abs(got[i]-want) > 2e-5*size {
				t.Fatalf("alpha %v: (%v, %v, %v) gives %v, want %v", alpha, a[i], b[i], c[i], got[i], want)
			}
		}
	}
	if moved < 100 {
		t.Fatalf("only %d elements had an exponent", moved)
	}
}

func TestMultiplyQuotientIsAWhereItIsNotDefined(t *testing.T) {
	a := []float64{0, 2, 2, 0, 0, 2, 0, 2, -2, 3}
	b := []float64{1, 0, 1, 0, 1, 0, 0, nan, inf, 3}
	c := []float64{1, 1, 0, 1, 0, 0, 0, 1, 1, 3}
	wantNear(t, "zeros", apply(t, "multiply_quotient", f32s(a...), f32s(b...), f32s(c...)), a, 0)
	wantNear(t, "alpha 0", apply(t, "multiply_quotient", f32s(1, 2), f32s(3, 4), f32s(2, .5), num(0)), []float64{1, 2}, 0)
}
