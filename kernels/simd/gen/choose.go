package main

// choices: comparisons, minimum, maximum, selection.
func (m machine) choices() {
	for _, c := range []struct {
		op        string
		predicate int
	}{{"LT", 0x11}, {"LE", 0x12}, {"GT", 0x1e}, {"GE", 0x1d}, {"EQ", 0}} {
		for _, k := range []byte("im") {
			m.begin(c.op, k, '-')
			m.prepare(k, false)
			for u := range regs {
				m.ins("%s $%d, %s, %s, %s", m.s("VCMP"), c.predicate, m.operand(k, false, u, 8), acc(u), acc(u))
			}
			m.next()
		}
	}
	m.unary("ISNAN", func(u int) { m.ins("%s $3, %s, %s, %s", m.s("VCMP"), acc(u), acc(u), acc(u)) })
	m.extremum("MIN", m.s("VMIN"), true)
	m.extremum("RMIN", m.s("VMIN"), false)
	m.extremum("MAX", m.s("VMAX"), true)
	m.extremum("RMAX", m.s("VMAX"), false)
	m.selects()
}

// extremum: x if x is NaN, else what the processor's instruction gives, which is y unless
// the comparison of x with y is true. x is the accumulator (forward) or P.
func (m machine) extremum(op, mnemonic string, forward bool) {
	for _, k := range []byte("im") {
		m.begin(op, k, '-')
		m.prepare(k, false)
		for u := range regs {
			x, y := acc(u), m.operand(k, false, u, 8)
			if !forward {
				x, y = m.register(k, false, u, 8), acc(u)
			}
			m.ins("%s $3, %s, %s, Y9", m.s("VCMP"), x, x)
			m.ins("%s %s, %s, Y10", mnemonic, y, x)
			m.ins("%s Y9, %s, Y10, %s", m.s("VBLENDV"), x, acc(u))
		}
		m.next()
	}
}

// selects: y where the mask is set, else z. In SELM the accumulator is the mask, P is y and
// Q is z; in SELY it is y, P the mask, Q is z; in SELZ it is z, P the mask, Q is y.
func (m machine) selects() {
	for _, p := range []byte("im") {
		for _, q := range []byte("im") {
			m.begin("SELM", p, q)
			m.prepare(p, false)
			m.prepare(q, true)
			for u := range regs {
				z := m.register(q, true, u, 9)
				m.ins("%s %s, %s, %s, %s", m.s("VBLENDV"), acc(u), m.operand(p, false, u, 8), z, acc(u))
			}
			m.next()
		}
	}
	for _, q := range []byte("im") {
		m.begin("SELY", 'm', q)
		m.prepare('m', false)
		m.prepare(q, true)
		for u := range regs {
			mask, z := m.register('m', false, u, 8), m.register(q, true, u, 9)
			m.ins("%s %s, %s, %s, %s", m.s("VBLENDV"), mask, acc(u), z, acc(u))
		}
		m.next()
		m.begin("SELZ", 'm', q)
		m.prepare('m', false)
		m.prepare(q, true)
		for u := range regs {
			mask := m.register('m', false, u, 8)
			m.ins("%s %s, %s, %s, %s", m.s("VBLENDV"), mask, m.operand(q, true, u, 9), acc(u), acc(u))
		}
		m.next()
	}
}
