package main

import "strings"

// wide lists the kinds that the common arithmetic takes directly: float16 and bfloat16
// operands are converted on the way in float32 programs only.
func (m machine) wide() string {
	if m.f64 {
		return "im"
	}
	return "imhbp"
}

// mixes reports whether operands of these kinds can meet: pairs meet pairs only.
func mixes(p, q byte) bool {
	return (p == 'p') == (q == 'p') || strings.IndexByte("im", p) >= 0 || strings.IndexByte("im", q) >= 0
}

// memory lists the memory kinds.
func (m machine) memory() string {
	if m.f64 {
		return "mhbx"
	}
	return "mhbxp"
}

// loads: the accumulator from memory or an immediate, and its spill to a slot.
func (m machine) loads() {
	m.begin("LD", 'i', '-')
	m.prepare('i', false)
	for u := range regs {
		m.ins("VMOVAPS Y15, %s", acc(u))
	}
	m.next()
	for _, k := range []byte(m.memory()) {
		m.begin("LD", k, '-')
		m.prepare(k, false)
		for u := range regs {
			m.load(k, "AX", u, u)
		}
		m.next()
		if k == 'x' && !m.f64 {
			continue // finite float64 may become infinite
		}
		m.beginChecked("LDK", k, '-', false)
		for u := range regs {
			m.load(k, "AX", u, u)
			m.check(u, acc(u))
		}
		m.endChecked(false)
	}
	m.begin("ST", 'm', '-')
	m.prepare('m', false)
	for u := range regs {
		m.ins("%s %s, %s", m.s("VMOVU"), acc(u), m.at('m', "AX", u))
	}
	m.next()
}

// binary emits op for the given kinds of P. forward computes acc op P, otherwise P op acc.
func (m machine) binary(op, mnemonic, kinds string, forward bool) {
	for _, k := range []byte(kinds) {
		m.begin(op, k, '-')
		m.prepare(k, false)
		for u := range regs {
			if forward {
				m.ins("%s %s, %s, %s", mnemonic, m.operand(k, false, u, 8), acc(u), acc(u))
			} else {
				m.ins("%s %s, %s, %s", mnemonic, acc(u), m.register(k, false, u, 8), acc(u))
			}
		}
		m.next()
	}
	for _, k := range []byte(kinds) {
		if k != 'i' && m.checks(op) {
			m.binaryChecked(op+"K", mnemonic, k, forward)
		}
	}
}

// checks reports whether a binary operation has a form that checks P.
func (m machine) checks(op string) bool {
	return op == "ADD" || op == "SUB" || op == "RSUB" || op == "MUL"
}

func (m machine) binaryChecked(op, mnemonic string, k byte, forward bool) {
	m.beginChecked(op, k, '-', false)
	for u := range regs {
		m.load(k, "AX", u, 8)
		m.check(u, "Y8")
		if forward {
			m.ins("%s Y8, %s, %s", mnemonic, acc(u), acc(u))
		} else {
			m.ins("%s %s, Y8, %s", mnemonic, acc(u), acc(u))
		}
	}
	m.endChecked(false)
}

// unary emits an operation on the accumulator alone; f writes register u.
func (m machine) unary(op string, f func(u int)) {
	m.begin(op, '-', '-')
	for u := range regs {
		f(u)
	}
	m.next()
}

func (m machine) arithmetic() {
	m.binary("ADD", m.s("VADD"), m.wide(), true)
	m.binary("SUB", m.s("VSUB"), m.wide(), true)
	m.binary("RSUB", m.s("VSUB"), m.wide(), false)
	m.binary("MUL", m.s("VMUL"), m.wide(), true)
	m.binary("DIV", m.s("VDIV"), "im", true)
	m.binary("RDIV", m.s("VDIV"), "im", false)
	m.fma()
	m.lerps()
	m.unary("SQRT", func(u int) { m.ins("%s %s, %s", m.s("VSQRT"), acc(u), acc(u)) })
	m.unary("RINT", func(u int) { m.ins("%s $8, %s, %s", m.s("VROUND"), acc(u), acc(u)) })
	m.unary("TRUNC", m.trunc)
	m.unary("NUM", m.nanToNum)
	m.unary("SIGN", m.sign)
	for _, k := range []byte("hbx") {
		m.round(k)
	}
}

// fma: FMAA is acc*P + Q, FMAC is P*Q + acc.
func (m machine) fma() {
	for _, p := range []byte(m.wide()) {
		for _, q := range []byte(m.wide()) {
			if !mixes(p, q) {
				continue
			}
			m.fused("FMAA", m.s("VFMADD132"), p, q)
			m.fused("FMAC", m.s("VFMADD231"), p, q)
			if p == 'i' && q != 'i' {
				m.fusedChecked("FMAAK", m.s("VFMADD132"), q)
				m.fusedChecked("FMACK", m.s("VFMADD231"), q)
			}
		}
	}
}

func (m machine) fused(op, mnemonic string, p, q byte) {
	m.begin(op, p, q)
	m.prepare(p, false)
	m.prepare(q, true)
	for u := range regs {
		qr := m.register(q, true, u, 9)
		m.ins("%s %s, %s, %s", mnemonic, m.operand(p, false, u, 8), qr, acc(u))
	}
	m.next()
}

// fusedChecked has an immediate P and checks Q.
func (m machine) fusedChecked(op, mnemonic string, q byte) {
	m.beginChecked(op, 'i', q, true)
	for u := range regs {
		m.load(q, "BX", u, 9)
		m.check(u, "Y9")
		m.ins("%s Y15, Y9, %s", mnemonic, acc(u))
	}
	m.endChecked(true)
}

// lerps: fma(Q, d, base) in one instruction. In LR* d is P - acc, in LS* it is acc - P; in L*A
// the base is acc, in L*P it is P. With a K at the end they check P.
func (m machine) lerps() {
	for _, p := range []byte(m.wide()) {
		for _, q := range []byte("im") {
			for _, op := range []string{"LRA", "LRP", "LSA", "LSP"} {
				if p == 'i' {
					continue
				}
				m.begin(op, p, q)
				m.prepare(p, false)
				m.prepare(q, true)
				m.lerp(op, p, q, false)
				m.next()
				m.beginChecked(op+"K", p, q, false)
				m.lerp(op, p, q, true)
				m.endChecked(false)
			}
		}
	}
}

func (m machine) lerp(op string, p, q byte, checked bool) {
	for u := range regs {
		m.load(p, "AX", u, 8)
		if checked {
			m.check(u, "Y8")
		}
		if op[1] == 'R' {
			m.ins("%s %s, Y8, Y9", m.s("VSUB"), acc(u))
		} else {
			m.ins("%s Y8, %s, Y9", m.s("VSUB"), acc(u))
		}
		w := m.operand(q, true, u, 10)
		if op[2] == 'P' {
			m.ins("%s %s, Y9, Y8", m.s("VFMADD231"), w)
			m.ins("%s Y8, %s", m.s("VMOVA"), acc(u))
		} else {
			m.ins("%s %s, Y9, %s", m.s("VFMADD231"), w, acc(u))
		}
	}
}

// trunc drops the fraction; NaN becomes +0.
func (m machine) trunc(u int) {
	m.ins("%s $7, %s, %s, Y8", m.s("VCMP"), acc(u), acc(u))
	m.ins("%s $11, %s, %s", m.s("VROUND"), acc(u), acc(u))
	m.ins("%s Y8, %s, %s", m.s("VAND"), acc(u), acc(u))
}

// nanToNum: NaN to +0, infinities to the largest finite value.
func (m machine) nanToNum(u int) {
	m.ins("%s $7, %s, %s, Y8", m.s("VCMP"), acc(u), acc(u))
	m.ins("%s Y8, %s, %s", m.s("VAND"), acc(u), acc(u))
	m.ins("%s %s, %s, %s", m.s("VMIN"), m.splat(0x7f7fffff, 0x7fefffffffffffff), acc(u), acc(u))
	m.ins("%s %s, %s, %s", m.s("VMAX"), m.splat(0xff7fffff, 0xffefffffffffffff), acc(u), acc(u))
}

// sign: 1 where x > 0, -1 where x < 0, else +0.
func (m machine) sign(u int) {
	m.ins("%s Y10, Y10, Y10", m.s("VXOR"))
	m.ins("%s $0x1e, Y10, %s, Y8", m.s("VCMP"), acc(u)) // x > 0
	m.ins("%s $0x11, Y10, %s, Y9", m.s("VCMP"), acc(u)) // x < 0
	m.ins("%s %s, Y8, Y8", m.s("VAND"), m.splat(0x3f800000, 0x3ff0000000000000))
	m.ins("%s %s, Y9, Y9", m.s("VAND"), m.splat(0xbf800000, 0xbff0000000000000))
	m.ins("%s Y9, Y8, %s", m.s("VOR"), acc(u))
}

// round: to float16, bfloat16 or float32 and back. NaN stays NaN.
func (m machine) round(k byte) {
	if k == 'x' && !m.f64 {
		return // float32 to float64 and back is the identity
	}
	m.begin("ROUND", k, '-')
	for u := range regs {
		m.canonical(u)
		m.narrow(k)
		m.widen(k)
		m.ins("%s Y10, %s", m.s("VMOVA"), acc(u))
	}
	m.next()
}

// bits: bitwise and integer operations.
func (m machine) bits() {
	m.binary("AND", m.s("VAND"), "im", true)
	m.binary("OR", m.s("VOR"), "im", true)
	m.binary("XOR", m.s("VXOR"), "im", true)
	m.binary("IADD", m.i("VPADD"), "im", true)
	m.binary("ISUB", m.i("VPSUB"), "im", true)
	m.binary("RISUB", m.i("VPSUB"), "im", false)
	for _, op := range []struct{ name, mnemonic string }{{"SHL", "VPSLL"}, {"SHR", "VPSRL"}} {
		m.begin(op.name, 'i', '-')
		m.ins("VMOVQ %d(SI), X8", pExtra)
		for u := range regs {
			m.ins("%s X8, %s, %s", m.i(op.mnemonic), acc(u), acc(u))
		}
		m.next()
	}
}
