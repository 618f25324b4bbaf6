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
	m.prepare(k, false)
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
// or infinite, or (zeros) zero. Twice the bits, compared unsigned, leave the sign out. w is
// W or D, nonFinite the doubled bits of infinity. Uses Y12-Y15.
func (m machine) inspect(w string, n int, nonFinite string, zeros bool) {
	m.ins("VPADD%s Y8, Y8, Y12", w)
	if zeros {
		m.ins("VMOVDQA Y12, Y13")
	}
	for i := 1; i < n; i++ {
		m.ins("VPADD%s Y%d, Y%d, Y14", w, 8+i, 8+i)
		m.ins("VPMAXU%s Y14, Y12, Y12", w)
		if zeros {
			m.ins("VPMINU%s Y14, Y13, Y13", w)
		}
	}
	m.ins("VPMAXU%s %s, Y12, Y14", w, nonFinite)
	m.ins("VPCMPEQ%s Y12, Y14, Y14", w)
	if zeros {
		m.ins("VPXOR Y15, Y15, Y15")
		m.ins("VPCMPEQ%s Y15, Y13, Y13", w)
		m.ins("VPOR Y13, Y14, Y14")
	}
	m.jumpIfAny("Y14")
}

// quickF16: float16 from float32.
func (m machine) quickF16(counted bool) {
	for i := range 4 {
		m.ins("VCVTPS2PH $0, %s, X%d", acc(2*i), 8+i)
		m.ins("VCVTPS2PH $0, %s, X12", acc(2*i+1))
		m.ins("VINSERTI128 $1, X12, Y%d, Y%d", 8+i, 8+i)
	}
	m.inspect("W", 4, m.constant16(0xf800), counted)
	for i := range 4 {
		m.out(fmt.Sprintf("Y%d", 8+i), fmt.Sprintf("%d(AX)", 32*i))
	}
}

// quickBF16: bfloat16 from float32. A NaN rounds to infinity, to another NaN or, if the sum
// overflows, to zero, so looking at the stored words finds it.
func (m machine) quickBF16(k byte, counted bool) {
	if !counted {
		m.anyNaN()
	}
	m.ins("VMOVDQU %s, Y14", m.constant32(1))
	m.ins("VMOVDQU %s, Y15", m.constant32(0x7fff))
	for i := range 4 {
		for j, t := range []string{"Y12", "Y13"} {
			src := acc(2*i + j)
			m.ins("VPSRLD $16, %s, %s", src, t)
			m.ins("VPAND Y14, %s, %s", t, t)
			m.ins("VPADDD Y15, %s, %s", t, t)
			m.ins("VPADDD %s, %s, %s", src, t, t)
			if k == 'b' || j == 0 {
				m.ins("VPSRLD $16, %s, %s", t, t)
			}
		}
		if k == 'p' {
			m.ins("VPBLENDW $0xaa, Y13, Y12, Y%d", 8+i)
			continue
		}
		m.ins("VPACKUSDW Y13, Y12, Y%d", 8+i)
		m.ins("VPERMQ $0xd8, Y%d, Y%d", 8+i, 8+i)
	}
	if counted {
		m.inspect("W", 4, m.constant16(0xff00), true)
	}
	for i := range 4 {
		m.out(fmt.Sprintf("Y%d", 8+i), fmt.Sprintf("%d(AX)", 32*i))
	}
}

// quickF32: float32 from float64.
func (m machine) quickF32(counted bool) {
	for i := range 4 {
		m.ins("VCVTPD2PSY %s, X%d", acc(2*i), 8+i)
		m.ins("VCVTPD2PSY %s, X12", acc(2*i+1))
		m.ins("VINSERTF128 $1, X12, Y%d, Y%d", 8+i, 8+i)
	}
	m.inspect("D", 4, m.constant32(0xff000000), counted)
	for i := range 4 {
		m.out(fmt.Sprintf("Y%d", 8+i), fmt.Sprintf("%d(AX)", 32*i))
	}
}

// quickHalf64: float16 or bfloat16 from float64, by way of float32 rounded to odd: the bits
// that float32 has no room for are cleared, and the last one that is left is set if one of
// them was. That is exact but for float32 subnormals, which only bfloat16 can tell from zero.
func (m machine) quickHalf64(k byte, counted bool) {
	if !counted { // otherwise NaN shows in the stored words
		m.anyNaN()
	}
	m.ins("VMOVDQU %s, Y13", m.constant(1<<29-1))
	m.ins("VPXOR Y15, Y15, Y15")
	for u := range regs {
		m.ins("VPAND Y13, %s, Y12", acc(u))
		m.ins("VPCMPEQQ Y15, Y12, Y12")
		m.ins("VPANDN %s, Y12, Y12", m.constant(1<<29))
		m.ins("VPANDN %s, Y13, Y14", acc(u))
		m.ins("VPOR Y12, Y14, Y14")
		if u%2 == 0 {
			m.ins("VCVTPD2PSY Y14, X%d", 8+u/2)
			continue
		}
		m.ins("VCVTPD2PSY Y14, X12")
		m.ins("VINSERTF128 $1, X12, Y%d, Y%d", 8+u/2, 8+u/2)
	}
	inf := m.constant16(0xf800)
	if k == 'h' {
		m.halvesF16()
	} else {
		inf = m.constant16(0xff00)
		m.anySubnormal()
		m.halvesBF16()
	}
	if counted {
		m.inspect("W", 2, inf, true)
	}
	m.ins("VMOVDQU Y8, (AX)")
	m.ins("VMOVDQU Y9, 32(AX)")
}

// anySubnormal jumps to the careful path if one of the float32 in Y8-Y11 is: its doubled
// bits less one are below those of the smallest normal number, and zero is above all.
func (m machine) anySubnormal() {
	m.ins("VPCMPEQD Y15, Y15, Y15")
	for i := range 4 {
		t := 12 + min(i, 1)
		m.ins("VPADDD Y%d, Y%d, Y%d", 8+i, 8+i, t)
		m.ins("VPADDD Y15, Y%d, Y%d", t, t)
		if i > 0 {
			m.ins("VPMINUD Y13, Y12, Y12")
		}
	}
	m.ins("VPMINUD %s, Y12, Y13", m.constant32(0x00fffffe))
	m.ins("VPCMPEQD Y12, Y13, Y13")
	m.jumpIfAny("Y13")
}

// halvesF16 packs the float32 in Y8-Y11 into words in Y8 and Y9.
func (m machine) halvesF16() {
	for i := range 2 {
		m.ins("VCVTPS2PH $0, Y%d, X12", 8+2*i)
		m.ins("VCVTPS2PH $0, Y%d, X13", 9+2*i)
		m.ins("VINSERTI128 $1, X13, Y12, Y%d", 8+i)
	}
}

// halvesBF16 rounds the float32 in Y8-Y11, which are not NaN, to words in Y8 and Y9.
func (m machine) halvesBF16() {
	for i := range 4 {
		r := fmt.Sprintf("Y%d", 8+i)
		m.ins("VPSRLD $16, %s, Y12", r)
		m.ins("VPAND %s, Y12, Y12", m.constant32(1))
		m.ins("VPADDD %s, Y12, Y12", m.constant32(0x7fff))
		m.ins("VPADDD Y12, %s, %s", r, r)
		m.ins("VPSRLD $16, %s, %s", r, r)
	}
	m.ins("VPACKUSDW Y9, Y8, Y8")
	m.ins("VPACKUSDW Y11, Y10, Y9")
	m.ins("VPERMQ $0xd8, Y8, Y8")
	m.ins("VPERMQ $0xd8, Y9, Y9")
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
		m.prepare(k, false)
		bytes := regs * m.lanes() * m.size(k)
		if m.size(k) == 2 {
			inf := m.constant16(0xff00)
			if k == 'h' {
				inf = m.constant16(0xf800)
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

func (m machine) flagWords(n int, inf string) {
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
