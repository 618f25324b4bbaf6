package kernels

// maxAngle is the largest magnitude of an argument of Sin and Cos.
const maxAngle = 256

// Sin is the sine of x in radians, for |x| <= 256; NaN beyond. sin(-0) = -0.
func (b *Builder) Sin(x Val) Val {
	m := b.math()
	r, quarter := m.turn(m.Op1(OpAbs, x))
	y := m.sel(m.isOdd(quarter), m.cosOf(r), m.sinOf(r))
	y = m.Op2(OpXorB, y, m.Op2(OpXorB, m.secondBitAsSign(quarter), m.signOf(x)))
	return m.inDomain(x, y)
}

// Cos is the cosine of x in radians, for |x| <= 256; NaN beyond.
func (b *Builder) Cos(x Val) Val {
	m := b.math()
	r, quarter := m.turn(m.Op1(OpAbs, x))
	y := m.sel(m.isOdd(quarter), m.sinOf(r), m.cosOf(r))
	next := m.Op2(OpIAdd, quarter, m.Bits(1)) // negative in quarters 1 and 2
	return m.inDomain(x, m.Op2(OpXorB, y, m.secondBitAsSign(next)))
}

// inDomain is y, or NaN if |x| is above maxAngle or NaN.
func (m mathBuilder) inDomain(x, y Val) Val {
	return m.sel(m.Op2(OpLE, m.Op1(OpAbs, x), m.Num(maxAngle)), y, m.nan())
}

// turn returns r in about [-pi/4, pi/4] and bits that end with those of k, such that
// x = k*pi/2 + r, for 0 <= x <= maxAngle. The first product is a multiple of the last
// place of pi/2 and cancels exactly; the next two parts of pi/2 leave an error of 2^-63
// (F32) or 2^-150 (F64), far below the distance of any x from a multiple of pi/2.
func (m mathBuilder) turn(x Val) (r double, k Val) {
	n := m.Op1(OpRint, m.mul(x, m.Num(twoOverPi)))
	first := m.fma(n, m.Num(-m.c.halfPi[0]), x)
	second := m.product(n, m.Num(-m.c.halfPi[1]))
	r = m.sum(first, second.hi)
	third := m.fma(n, m.Num(-m.c.halfPi[2]), second.lo)
	k, _ = m.integer(n)
	return m.quickSum(r.hi, m.add(r.lo, third)), k
}

const twoOverPi = 0.6366197723675814

// isOdd is the mask of the lowest bit of k.
func (m mathBuilder) isOdd(k Val) Val {
	one := m.Bits(m.w.one)
	next := m.Op2(OpOrB, m.Op2(OpAndB, k, m.Bits(1)), one) // 1, or the number after 1
	return m.lt(one, next)
}

// secondBitAsSign moves the second lowest bit of k to the place of the sign.
func (m mathBuilder) secondBitAsSign(k Val) Val {
	return m.Shl(m.Op2(OpAndB, k, m.Bits(2)), m.w.bits-2)
}

// sinOf returns the sine of |r| <= pi/4: r + r^3*g(r^2), and lo in first order.
func (m mathBuilder) sinOf(r double) Val {
	z := m.mul(r.hi, r.hi)
	return m.add(r.hi, m.fma(m.mul(r.hi, z), m.poly(m.c.sin, z), r.lo))
}

// cosOf returns the cosine of |r| <= pi/4: 1 - r^2/2 + r^4*g(r^2), and lo in first order.
func (m mathBuilder) cosOf(r double) Val {
	z := m.product(r.hi, r.hi)
	half := m.Num(-0.5)
	c := m.quickSum(m.Num(1), m.mul(z.hi, half))
	tail := m.fma(m.mul(z.hi, z.hi), m.poly(m.c.cos, z.hi), m.mul(z.lo, half))
	tail = m.fma(m.neg(r.hi), r.lo, tail)
	return m.add(c.hi, m.add(c.lo, tail))
}

// CosPi is the cosine of pi*x, for every finite x. It is exact where the cosine is 0 (+0),
// 1 or -1; cospi(+-Inf) is NaN.
func (b *Builder) CosPi(x Val) Val {
	m := b.math()
	// |x| = 2*n + a with a in [-1, 1], and a = k/2 + t with t in [-1/4, 1/4], all exact.
	n := m.Op1(OpRint, m.mul(x, m.Num(0.5)))
	a := m.Op1(OpAbs, m.fma(n, m.Num(-2), x))
	k := m.Op1(OpRint, m.mul(a, m.Num(2)))
	t := m.fma(k, m.Num(0.5), m.neg(a)) // the sine in the odd quarter is that of -t
	d := m.product(t, m.Num(m.c.pi[0]))
	d.lo = m.fma(t, m.Num(m.c.pi[1]), d.lo)
	y := m.sel(m.eq(k, m.Num(1)), m.sinOf(d), m.cosOf(d))
	return m.sel(m.eq(k, m.Num(2)), m.neg(y), y)
}

// Acos is the angle in [0, pi] whose cosine is x; NaN for |x| > 1. acos(1) = 0.
//
// For |x| <= 1/2 it is pi/2 - asin(x), else 2*asin(sqrt((1-|x|)/2)) or pi minus that.
func (b *Builder) Acos(x Val) Val {
	m := b.math()
	a := m.Op1(OpAbs, x)
	large := m.lt(m.Num(0.5), a)
	z := m.sel(large, m.fma(a, m.Num(-0.5), m.Num(0.5)), m.mul(a, a))
	w := m.sel(large, m.Op1(OpSqrt, z), x)
	tail := m.mul(m.mul(w, z), m.poly(m.c.acos, z)) // asin(w) = w + tail

	small := m.sub(m.Num(m.c.halfPi[0]), m.sub(w, m.sub(m.Num(m.c.halfPi[1]), tail)))
	// The error of the root, in first order; the sum is above 0 only to avoid 0/0.
	fix := m.Op2(OpDiv, m.fma(m.neg(w), w, z), m.Op2(OpMax, m.add(w, w), m.Bits(1<<m.w.man)))
	twice := m.mul(m.Num(2), m.add(w, m.add(tail, fix)))
	mirrored := m.sub(m.Num(m.c.pi[0]), m.sub(twice, m.Num(m.c.pi[1])))
	y := m.sel(m.lt(x, m.Num(0)), mirrored, twice)
	return m.sel(large, y, small)
}
