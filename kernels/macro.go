package kernels

import "math"

// Macros are functions written in the operations of the table, once for all devices and
// for both compute types. Errors are at most 2 units in the last place (ulp) in F32 and 4
// in F64; the tests measure them. NaN gives NaN.
//
// Numbers that need more than the compute type's precision are double words hi + lo, by
// the sums and products of T. J. Dekker, "A floating-point technique for extending the
// available precision" (1971); reductions of arguments follow W. J. Cody and W. Waite,
// "Software Manual for the Elementary Functions" (1980). Constants: macro_coef.go.

// coefTable holds the constants of one compute type.
type coefTable struct {
	exp, ln, sin, cos, acos []float64 // polynomials, highest power first
	ln2, twoThirds, pi      [2]float64
	halfPi                  [3]float64
}

// width holds what follows from the width of a compute type.
type width struct {
	bits, man                uint64  // of a number and of its mantissa
	bias                     uint64  // of the exponent
	one, rootHalf, inf, sign uint64  // bits of 1, sqrt(1/2) and infinity; the sign bit
	expLo, expHi             float64 // beyond them exp is 0 and infinite
}

var widths = [2]width{
	F32: {bits: 32, man: 23, bias: 127, one: 0x3f800000, rootHalf: 0x3f3504f3, inf: 0x7f800000, sign: 1 << 31, expLo: -105, expHi: 90},
	F64: {bits: 64, man: 52, bias: 1023, one: 0x3ff << 52, rootHalf: 0x3fe6a09e667f3bcd, inf: 0x7ff << 52, sign: 1 << 63, expLo: -747, expHi: 711},
}

// mathBuilder writes macros.
type mathBuilder struct {
	*Builder
	c *coefTable
	w *width
}

func (b *Builder) math() mathBuilder {
	return mathBuilder{b, &coefs[b.Compute], &widths[b.Compute]}
}

// double is the unevaluated sum of two values, the second at most half a unit in the
// last place of the first.
type double struct{ hi, lo Val }

func (m mathBuilder) add(x, y Val) Val    { return m.Op2(OpAdd, x, y) }
func (m mathBuilder) sub(x, y Val) Val    { return m.Op2(OpSub, x, y) }
func (m mathBuilder) mul(x, y Val) Val    { return m.Op2(OpMul, x, y) }
func (m mathBuilder) fma(x, y, z Val) Val { return m.Op3(OpFMA, x, y, z) }
func (m mathBuilder) neg(x Val) Val       { return m.Op1(OpNeg, x) }
func (m mathBuilder) sel(c, x, y Val) Val { return m.Op3(OpSelect, c, x, y) }
func (m mathBuilder) lt(x, y Val) Val     { return m.Op2(OpLT, x, y) }
func (m mathBuilder) eq(x, y Val) Val     { return m.Op2(OpEQ, x, y) }

func (m mathBuilder) nan() Val         { return m.Num(math.NaN()) }
func (m mathBuilder) infinity() Val    { return m.Bits(m.w.inf) }
func (m mathBuilder) signOf(x Val) Val { return m.Op2(OpAndB, x, m.Bits(m.w.sign)) }

// quickSum returns x + y as a double; x is 0 or its exponent is at least that of y.
func (m mathBuilder) quickSum(x, y Val) double {
	s := m.add(x, y)
	return double{s, m.sub(y, m.sub(s, x))}
}

// sum returns x + y as a double (Knuth's TwoSum).
func (m mathBuilder) sum(x, y Val) double {
	s := m.add(x, y)
	t := m.sub(s, x)
	return double{s, m.add(m.sub(x, m.sub(s, t)), m.sub(y, t))}
}

// product returns x * y as a double.
func (m mathBuilder) product(x, y Val) double {
	p := m.mul(x, y)
	return double{p, m.fma(x, y, m.neg(p))}
}

// times returns x * y as a double, with an error of a few units of the low word.
func (m mathBuilder) times(x, y double) double {
	p := m.product(x.hi, y.hi)
	return double{p.hi, m.add(p.lo, m.fma(x.hi, y.lo, m.mul(x.lo, y.hi)))}
}

// poly evaluates a polynomial by Horner's rule.
func (m mathBuilder) poly(coef []float64, x Val) Val {
	y := m.Num(coef[0])
	for _, c := range coef[1:] {
		y = m.fma(y, x, m.Num(c))
	}
	return y
}

// integer returns bits whose low ones are those of the integer n, in two's complement;
// |n| is below a quarter of 2^mantissa bits. The upper bits are those of magic.
func (m mathBuilder) integer(n Val) (bits Val, magic uint64) {
	big := math.Ldexp(1.5, int(m.w.man))
	magic = math.Float64bits(big)
	if m.Compute == F32 {
		magic = uint64(math.Float32bits(float32(big)))
	}
	return m.add(n, m.Num(big)), magic
}

// powerOfTwo returns 2^n for an integer n with a normal result.
func (m mathBuilder) powerOfTwo(n Val) Val {
	bits, magic := m.integer(n)
	return m.Shl(m.Op2(OpIAdd, bits, m.Bits(m.cut(m.w.bias-magic))), m.w.man)
}

// cut drops the bits of u that the compute type does not have.
func (m mathBuilder) cut(u uint64) uint64 { return u & (math.MaxUint64 >> (64 - m.w.bits)) }
