package linalg

import "math"

// ln is the natural logarithm of a positive number, rounded correctly but for one of some hundred
// numbers that lie just between two others. That of package math differs between processors.
//
//	x = f 2^e,  1/√2 <= f < √2,  t = (f-1)/(f+1),  ln x = e ln 2 + 2t + 2t³ (1/3 + t²/5 + t⁴/7 + ...)
//
// Of the terms that count, what rounding takes from them is added at the end.
func ln(x float64) float64 {
	const ln2, ln2Rest = 0x1.62e42fefa38p-1, 0x1.ef35793c76730p-45 // of the first, 11 bits are 0
	f, e := math.Frexp(x)
	if f < math.Sqrt2/2 {
		f, e = 2*f, e-1
	}
	num, den := f-1, f+1
	t := num / den
	rest := (math.FMA(-t, den, num) - float64(t*(f-(den-1)))) / den
	q := float64(t * t)
	tail := 0.0
	for k := 25; k >= 3; k -= 2 { // q < 0.0295
		tail = float64(tail*q) + 1/float64(k)
	}
	tail *= 2 * t * q
	high, low := exactSum(float64(e)*ln2, 2*t)
	return high + (low + float64(float64(e)*ln2Rest) + 2*rest + tail)
}

// exactSum is the rounded sum of a and b, and what rounding took from it (D. Knuth, "The Art of
// Computer Programming", volume 2, 4.2.2).
func exactSum(a, b float64) (sum, rest float64) {
	sum = a + b
	x := sum - a
	return sum, (a - (sum - x)) + (b - x)
}
