package kernels

import (
	"math"
	"math/big"
	"sync"
)

// Elementary functions in 200-bit arithmetic by their Taylor series: slow, and written
// without regard to how the macros do it.

const oracleBits = 200

func exactOf(x float64) *big.Float { return new(big.Float).SetPrec(oracleBits).SetFloat64(x) }
func numOf(n int64) *big.Float     { return new(big.Float).SetPrec(oracleBits).SetInt64(n) }

func bmul(x, y *big.Float) *big.Float { return new(big.Float).SetPrec(oracleBits).Mul(x, y) }
func badd(x, y *big.Float) *big.Float { return new(big.Float).SetPrec(oracleBits).Add(x, y) }
func bsub(x, y *big.Float) *big.Float { return new(big.Float).SetPrec(oracleBits).Sub(x, y) }
func bdiv(x, y *big.Float) *big.Float { return new(big.Float).SetPrec(oracleBits).Quo(x, y) }

// negligible reports whether a term no longer matters next to the sum.
func negligible(term, sum *big.Float) bool {
	return term.Sign() == 0 || sum.Sign() != 0 && term.MantExp(nil) < sum.MantExp(nil)-oracleBits
}

// bigExp: e^x = (e^(x/2^k))^(2^k).
func bigExp(x *big.Float) *big.Float {
	const k = 20
	r := new(big.Float).SetMantExp(x, -k)
	sum, term := numOf(1), numOf(1)
	for i := int64(1); ; i++ {
		term = bdiv(bmul(term, r), numOf(i))
		sum = badd(sum, term)
		if negligible(term, sum) {
			break
		}
	}
	for range k {
		sum = bmul(sum, sum)
	}
	return sum
}

// atanhOf is the inverse hyperbolic tangent of a small x.
func atanhOf(x *big.Float) *big.Float {
	z, power := bmul(x, x), x
	sum := numOf(0)
	for i := int64(1); ; i += 2 {
		term := bdiv(power, numOf(i))
		sum = badd(sum, term)
		if negligible(term, sum) {
			return sum
		}
		power = bmul(power, z)
	}
}

var ln2Oracle = sync.OnceValue(func() *big.Float {
	return bmul(numOf(2), atanhOf(bdiv(numOf(1), numOf(3))))
})

// bigLn: x = 2^e * m with m near 1.
func bigLn(x *big.Float) *big.Float {
	m := new(big.Float).SetPrec(oracleBits)
	e := x.MantExp(m)
	if f, _ := m.Float64(); f < math.Sqrt2/2 {
		m.SetMantExp(m, 1)
		e--
	}
	s := bdiv(bsub(m, numOf(1)), badd(m, numOf(1)))
	return badd(bmul(numOf(2), atanhOf(s)), bmul(numOf(int64(e)), ln2Oracle()))
}

// piOracle: Machin's formula, pi = 16*atan(1/5) - 4*atan(1/239).
var piOracle = sync.OnceValue(func() *big.Float {
	return bsub(bmul(numOf(16), atanInverse(5)), bmul(numOf(4), atanInverse(239)))
})

func atanInverse(n int64) *big.Float {
	power := bdiv(numOf(1), numOf(n))
	sum := numOf(0)
	for i := int64(1); ; i += 2 {
		term := bdiv(power, numOf(i))
		if i%4 == 3 {
			term.Neg(term)
		}
		sum = badd(sum, term)
		if negligible(term, sum) {
			return sum
		}
		power = bdiv(power, numOf(n*n))
	}
}

// bigSinCos sums the series for x reduced by multiples of 2*pi.
func bigSinCos(x *big.Float) (sin, cos *big.Float) {
	turns, _ := bdiv(x, bmul(numOf(2), piOracle())).Float64()
	r := bsub(x, bmul(numOf(int64(math.Round(turns))), bmul(numOf(2), piOracle())))
	sin, cos = numOf(0), numOf(0)
	term := numOf(1)
	for i := int64(0); i < 400; i++ {
		switch i % 4 {
		case 0:
			cos = badd(cos, term)
		case 1:
			sin = badd(sin, term)
		case 2:
			cos = bsub(cos, term)
		case 3:
			sin = bsub(sin, term)
		}
		term = bdiv(bmul(term, r), numOf(i+1))
		if term.Sign() == 0 || term.MantExp(nil) < -2*oracleBits {
			break
		}
	}
	return sin, cos
}

func bigCosPi(x float64) *big.Float {
	r := math.Mod(x, 2) // exact
	_, c := bigSinCos(bmul(exactOf(r), piOracle()))
	if math.Mod(math.Abs(r), 1) == 0.5 {
		return numOf(0)
	}
	return c
}

// bigAcos: two steps of Newton's method on cos from the float64 value (53, 106, 212 bits); where the angle is small, on
// sin, from acos(x) = asin(sqrt(1 - x^2)).
func bigAcos(x *big.Float) *big.Float {
	f, _ := x.Float64()
	y := exactOf(math.Acos(f))
	if f > 0.9 {
		t := bmul(bsub(numOf(1), x), badd(numOf(1), x))
		if t.Sign() == 0 {
			return numOf(0)
		}
		t = new(big.Float).SetPrec(oracleBits).Sqrt(t)
		g, _ := t.Float64()
		y = exactOf(math.Asin(g))
		for range 2 {
			s, c := bigSinCos(y)
			y = badd(y, bdiv(bsub(t, s), c))
		}
		return y
	}
	if f == -1 {
		return piOracle()
	}
	for range 2 {
		s, c := bigSinCos(y)
		y = badd(y, bdiv(bsub(c, x), s))
	}
	return y
}
