package main

import "fmt"

// stores: OUT writes the accumulator as a result with canonical NaN; OUTC also adds to the
// three counters at Q: elements stored NaN or infinite, and finite values of them; values that
// are not zero and stored zero. With an S before the C, or at the end, they bypass the cache.
//
// The quick path stores what the conversion gives and looks for elements that might need
// care: NaN, infinities, and for OUTC zeros of narrower types. If there may be one, the
// careful path stores the step again, register by register.
func (m machine) stores() {
	for _, k := range []byte(m.memory()) {
		m.store("OUT", k, false)
		m.store("OUTC", k, true)
		if m.streams(k) {
			m.stream = true
			m.store("OUTS", k, false)
			m.store("OUTSC", k, true)
			m.stream = false
		}
	}
}

// Bits of infinity.
const (
	infF16  = 0x7c00
	infBF16 = 0x7f80
	infF32  = 0x7f800000
)

// streams reports whether a store has a streaming form: it bypasses the cache, for memory
// that nobody reads soon, and needs addresses that are multiples of 32.
func (m machine) streams(k byte) bool {
	return k == 'm' || (k == 'x') == m.f64
}

func (m machine) store(op string, k byte, counted bool) {
	q := byte('-')
	if counted {
		q = 'm'
	}
	m.begin(op, k, q)
	m.address(k, false)
	m.quick(k, counted)
	m.next()
	m.raw("careful:")
	m.careful(k, counted)
	m.next()
}

// out writes a whole register of stored elements.
func (m machine) out(reg, at string) {
	if m.stream {
		m.ins("VMOVNTDQ %s, %s", reg, at)
		return
	}
	m.ins("VMOVDQU %s, %s", reg, at)
}

func (m machine) quick(k byte, counted bool) {
	switch {
	case k == 'h' && !m.f64:
		m.quickF16(counted)
	case (k == 'b' || k == 'p') && !m.f64:
		m.quickBF16(k, counted)
	case k == 'x' && m.f64:
		m.quickF32(counted)
	case m.f64 && (k == 'h' || k == 'b'):
		m.quickHalf64(k, counted)
	default:
		m.quickSame(k, counted)
	}
}

// quickSame: the compute type itself, or the wider type.
func (m machine) quickSame(k byte, counted bool) {
	if counted {
		m.anyNonFinite()
	} else {
		m.anyNaN()
	}
	for u := range regs {
		if k == 'm' {
			m.out(acc(u), m.at(k, "AX", u))
			continue
		}
		m.ins("VMOVAPS %s, Y10", acc(u))
		m.put(k, u)
	}
}

// anyNaN jumps to the careful path if the accumulator holds a NaN.
func (m machine) anyNaN() {
	for u := 0; u < regs; u += 2 {
		m.ins("%s $3, %s, %s, Y%d", m.s("VCMP"), acc(u), acc(u+1), 8+u/2)
	}
	m.ins("VORPS Y9, Y8, Y8")
	m.ins("VORPS Y11, Y10, Y10")
	m.ins("VORPS Y10, Y8, Y8")
	m.jumpIfAny("Y8")
}

// anyNonFinite jumps to the careful path if the accumulator holds a NaN or an infinity:
// 0*x is NaN for these and 0 for the rest.
func (m machine) anyNonFinite() {
	m.ins("VXORPS Y8, Y8, Y8")
	m.ins("%s Y8, Y0, Y9", m.s("VMUL"))
	m.ins("%s Y8, Y1, Y10", m.s("VMUL"))
	for u := 2; u < regs; u++ {
		m.ins("%s Y8, %s, Y%d", m.s("VFMADD231"), acc(u), 9+u%2)
	}
	m.ins("%s $3, Y9, Y10, Y9", m.s("VCMP"))
	m.jumpIfAny("Y9")
}

func (m machine) jumpIfAny(mask string) {
	m.ins("VPTEST %s, %s", mask, mask)
	m.ins("JNE careful")
}

// inspect jumps to the careful path if one of the stored words or elements in Y8.. is NaN
// or infinite, or (zeros) zero. Twice the bits, compared unsigned, leave the sign out; less
// one, zero is the largest of all. w is W or D, nonFinite the bits of infinity. Uses Y12-Y15.
func (m machine) inspect(w string, n int, nonFinite uint32, zeros bool) {
	limit := 2 * nonFinite
	if zeros {
		limit--
		m.ins("VPCMPEQ%s Y15, Y15, Y15", w)
	}
	for i := range n {
		t := fmt.Sprintf("Y%d", 12+min(i, 1))
		m.ins("VPADD%s Y%d, Y%d, %s", w, 8+i, 8+i, t)
		if zeros {
			m.ins("VPADD%s Y15, %s, %s", w, t, t)
		}
		if i > 0 {
			m.ins("VPMAXU%s Y13, Y12, Y12", w)
		}
	}
	if w == "W" {
		m.ins("VPSUBUSW %s, Y12, Y14", m.constant16(uint16(limit-1))) // not zero from limit on
	} else {
		m.ins("VPMAXUD %s, Y12, Y14", m.constant32(limit))
		m.ins("VPCMPEQD Y12, Y14, Y14")
	}
	m.jumpIfAny("Y14")
}

// careful stores register by register, with canonical NaN and exact counts.
func (m machine) careful(k byte, counted bool) {
	if counted {
		for _, mask := range []string{badMask, overMask, underMask} {
			m.ins("XORL %s, %s", mask, mask)
		}
	}
	for u := range regs {
		m.canonical(u)
		m.narrow(k)
		m.put(k, u)
		if counted {
			m.widen(k)
			m.note(k, u)
		}
	}
	if counted {
		m.tally(k)
	}
}

// Masks of the elements of a step, a bit for each lane of the accumulator.
const (
	badMask   = "R10" // stored NaN or infinite
	overMask  = "R11" // of these, those with a finite value
	underMask = "R12" // stored zero with another value
)

// note collects what is wrong with the stored value in Y10 of register u.
func (m machine) note(k byte, u int) {
	m.ins("%s Y10, Y10, Y11", m.s("VSUB"))
	m.ins("%s $3, Y11, Y11, Y11", m.s("VCMP"))
	m.collect("Y11", badMask, u)
	if !m.lossy(k) {
		return
	}
	m.ins("%s %s, %s, Y14", m.s("VSUB"), acc(u), acc(u))
	m.ins("%s $7, Y14, Y14, Y14", m.s("VCMP"))
	m.ins("VANDPS Y14, Y11, Y11")
	m.collect("Y11", overMask, u)
	m.ins("VXORPS Y15, Y15, Y15")
	m.ins("%s $0, Y15, Y10, Y14", m.s("VCMP"))
	m.ins("%s $4, Y15, %s, Y15", m.s("VCMP"), acc(u))
	m.ins("VANDPS Y15, Y14, Y14")
	m.collect("Y14", underMask, u)
}

// collect brings the lanes of register u to their bits of a mask.
func (m machine) collect(lanes, mask string, u int) {
	m.ins("%s %s, CX", m.s("VMOVMSK"), lanes)
	m.ins("SHLQ $%d, CX", u*m.lanes())
	m.ins("ORQ CX, %s", mask)
}

// tally adds the elements in the masks to the three counters at Q. The extra word of Q masks
// the elements that count: all, but for the padding of a tail of 64 elements, of which a step
// of float64 is a half.
func (m machine) tally(k byte) {
	m.ins("MOVQ %d(SI), BX", qPtr)
	m.ins("MOVQ %d(SI), DI", qExtra)
	m.ins("MOVQ R9, CX")
	m.ins("RORQ CX, DI")
	for i, mask := range []string{badMask, overMask, underMask} {
		if i > 0 && !m.lossy(k) {
			break
		}
		m.ins("ANDQ DI, %s", mask)
		m.ins("POPCNTQ %s, %s", mask, mask)
		m.ins("ADDQ %s, %d(BX)", mask, 8*i)
	}
}

// flags: FLAG sets bit 0 of the word at Q if an element at P is NaN or infinite.
func (m machine) flags() {
	for _, k := range []byte(m.memory()) {
		m.begin("FLAG", k, 'm')
		m.address(k, false)
		bytes := regs * m.lanes() * m.size(k)
		if m.size(k) == 2 {
			inf := uint32(infBF16)
			if k == 'h' {
				inf = infF16
			}
			m.flagWords(bytes/32, inf)
		} else {
			m.flagFloats(bytes/32, m.size(k) == 8)
		}
		m.next()
		m.raw("careful:")
		m.ins("MOVQ %d(SI), BX", qPtr)
		m.ins("ORL $1, (BX)")
		m.next()
	}
}

func (m machine) flagWords(n int, inf uint32) {
	for i := range n {
		m.ins("VMOVDQU %d(AX), Y%d", 32*i, 8+i)
	}
	m.inspect("W", n, inf, false)
}

// flagFloats multiplies by zero, which gives NaN for NaN and infinities.
func (m machine) flagFloats(n int, f64 bool) {
	t := machine{emitter: m.emitter, f64: f64}
	m.ins("VXORPS Y8, Y8, Y8")
	for i := range 4 {
		m.ins("%s %d(AX), Y8, Y%d", t.s("VMUL"), 32*i, 9+i)
	}
	for i := 4; i < n; i++ {
		m.ins("%s %d(AX), Y8, Y%d", t.s("VFMADD231"), 32*i, 9+i%4)
	}
	m.ins("%s $3, Y9, Y10, Y9", t.s("VCMP"))
	m.ins("%s $3, Y11, Y12, Y11", t.s("VCMP"))
	m.ins("VORPS Y11, Y9, Y9")
	m.jumpIfAny("Y9")
}
