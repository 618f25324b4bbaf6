package kernels

// Exp is e to the power x. exp(+-0) = 1, exp(-Inf) = +0; results below the normal range
// lose precision gradually.
func (b *Builder) Exp(x Val) Val {
	m := b.math()
	return m.expOf(double{x, m.Num(0)})
}

// expOf returns e^x. x.lo is small against 1.
//
// With n the integer next to x/ln(2), x = n*ln(2) + r and e^x = 2^n * e^r.
func (m mathBuilder) expOf(x double) Val {
	hi := m.Op2(OpMin, m.Op2(OpMax, x.hi, m.Num(m.w.expLo)), m.Num(m.w.expHi))
	n := m.Op1(OpRint, m.mul(hi, m.Num(log2e)))
	r := m.fma(n, m.Num(-m.c.ln2[0]), hi) // exact
	d := m.quickSum(r, m.fma(n, m.Num(-m.c.ln2[1]), x.lo))
	tail := m.fma(m.mul(d.hi, d.hi), m.poly(m.c.exp, d.hi), d.lo)
	p := m.quickSum(m.Num(1), d.hi)
	y := m.add(p.hi, m.add(p.lo, tail))
	// Two factors, because 2^n may be outside the normal range. The first product is
	// exact, so that a subnormal result is rounded only once more.
	n1 := m.Op1(OpRint, m.mul(n, m.Num(0.5)))
	return m.mul(m.mul(y, m.powerOfTwo(n1)), m.powerOfTwo(m.sub(n, n1)))
}

const log2e = 1.4426950408889634 // 1/ln(2)

// Ln is the natural logarithm. ln(1) = +0, ln(+-0) = -Inf, ln(+Inf) = +Inf, and NaN for
// negative x.
func (b *Builder) Ln(x Val) Val {
	m := b.math()
	l := m.lnOf(x)
	y := m.sel(m.lt(x, m.infinity()), m.add(l.hi, l.lo), x)
	y = m.sel(m.lt(x, m.Num(0)), m.nan(), y)
	return m.sel(m.eq(x, m.Num(0)), m.neg(m.infinity()), y)
}

// lnOf returns the logarithm of a positive finite x with an error of about 2^-36 (F32)
// or 2^-65 (F64) of its value.
//
// x = 2^e * f with f in [sqrt(1/2), sqrt(2)), and ln(f) = 2*atanh(s) with
// s = (f-1)/(f+1); with z = s^2 that is 2*s + s*z*(2/3 + z*(2/5 + z*g(z))).
func (m mathBuilder) lnOf(x Val) double {
	e, f := m.split(x)
	u := m.sub(f, m.Num(1)) // exact
	v := m.quickSum(m.Num(1), f)
	s := double{hi: m.Op2(OpDiv, u, v.hi)}
	ns := m.neg(s.hi)
	s.lo = m.Op2(OpDiv, m.fma(ns, v.lo, m.fma(ns, v.hi, u)), v.hi)

	z := m.times(s, s)
	g := m.mul(z.hi, m.fma(z.hi, m.poly(m.c.ln, z.hi), m.Num(2.0/5)))
	q := m.quickSum(m.Num(m.c.twoThirds[0]), g)
	q.lo = m.add(q.lo, m.Num(m.c.twoThirds[1]))
	t := m.times(s, m.times(z, q))
	two := m.Num(2)
	l := m.quickSum(m.mul(s.hi, two), t.hi)
	l.lo = m.add(l.lo, m.fma(s.lo, two, t.lo))

	h := m.quickSum(m.mul(e, m.Num(m.c.ln2[0])), l.hi) // the product is exact
	return m.quickSum(h.hi, m.add(h.lo, m.fma(e, m.Num(m.c.ln2[1]), l.lo)))
}

// split returns the exponent e and the fraction f of a positive finite x = 2^e * f, f in
// [sqrt(1/2), sqrt(2)). Adding 1 - sqrt(1/2) to the bits makes the carry into the
// exponent happen at sqrt(2).
func (m mathBuilder) split(x Val) (e, f Val) {
	least := m.Bits(1 << m.w.man) // the smallest normal number
	tiny := m.lt(x, least)
	up := float64(m.w.man + 1)
	bits := m.sel(tiny, m.mul(x, m.Bits((m.w.bias+m.w.man+1)<<m.w.man)), x)
	bits = m.Op2(OpIAdd, bits, m.Bits(m.w.one-m.w.rootHalf))
	// A number 2^man has the unit as its last bit: its low bits are an integer.
	unit := (m.w.bias + m.w.man) << m.w.man
	e = m.Op2(OpOrB, m.Shr(bits, m.w.man), m.Bits(unit))
	bias := m.sel(tiny, m.Num(up+float64(m.w.bias)), m.Num(float64(m.w.bias)))
	e = m.sub(m.sub(e, m.Bits(unit)), bias)
	f = m.Op2(OpIAdd, m.Op2(OpAndB, bits, m.Bits(1<<m.w.man-1)), m.Bits(m.w.rootHalf))
	return e, f
}

// Pow is x to the power y, with the special values of C and Go: pow(x, +-0) = 1 and
// pow(1, y) = 1 for every x and y, NaN included; pow(x, 1) = x; a negative x has real
// powers only for integers y; a zero has the power 0 or infinity, with its sign if y is an
// odd integer.
//
// It is e^(y * ln|x|), the exponent being a double.
func (b *Builder) Pow(x, y Val) Val {
	m := b.math()
	a := m.Op1(OpAbs, x)
	zero, one, inf := m.Num(0), m.Num(1), m.infinity()
	l := m.lnOf(a)
	l.hi = m.sel(m.lt(a, inf), l.hi, a)
	l.hi = m.sel(m.eq(a, zero), m.neg(inf), l.hi)
	p := m.product(y, l.hi)
	p.lo = m.fma(y, l.lo, p.lo)
	inRange := m.lt(m.Op1(OpAbs, p.hi), m.Num(-2*m.w.expLo))
	p.lo = m.sel(inRange, p.lo, zero) // else it may be Inf - Inf
	r := m.expOf(p)

	half := m.mul(y, m.Num(0.5))
	whole := m.eq(m.Op1(OpRint, y), y)
	odd := m.Op2(OpAndM, whole, m.Op1(OpNotM, m.eq(m.Op1(OpRint, half), half)))
	r = m.Op2(OpXorB, r, m.sel(odd, m.signOf(x), zero))
	noPower := m.Op2(OpAndM, m.lt(x, zero), m.Op1(OpNotM, whole))
	noPower = m.Op2(OpAndM, noPower, m.lt(m.neg(inf), x)) // but (-Inf)^y is Inf or 0 for every y
	r = m.sel(noPower, m.nan(), r)
	r = m.sel(m.eq(y, one), x, r)
	same := m.Op2(OpAndM, m.eq(a, one), m.eq(m.Op1(OpAbs, y), inf))
	is1 := m.Op2(OpOrM, m.Op2(OpOrM, m.eq(y, zero), m.eq(x, one)), same)
	return m.sel(is1, one, r)
}
