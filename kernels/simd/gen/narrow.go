package main

// The careful path from a register of the compute type to a stored type, in two steps: the
// value with its NaN made canonical is in Y9, narrow makes the stored bits in register 10,
// and widen makes the compute type of them in Y10. Y12 and Y13 are kept.

// canonical replaces NaN in register u by the canonical NaN; result in Y9.
func (m machine) canonical(u int) {
	m.ins("%s $3, %s, %s, Y8", m.s("VCMP"), acc(u), acc(u))
	m.ins("%s Y8, %s, %s, Y9", m.s("VBLENDV"), m.splat(0x7fc00000, 0x7ff8000000000000), acc(u))
}

// narrow leaves the stored form of Y9 in X10 (float16: words; float32: elements) or, for
// bfloat16, in the upper halves of the float32 lanes of register 10.
func (m machine) narrow(k byte) {
	if m.f64 {
		m.narrow64(k)
		return
	}
	switch k {
	case 'h':
		m.ins("VCVTPS2PH $0, Y9, X10")
	case 'b', 'p':
		m.bfloat("Y9", "Y10")
	case 'm', 'x':
		m.ins("VMOVAPS Y9, Y10")
	}
}

func (m machine) narrow64(k byte) {
	switch k {
	case 'h':
		m.toOdd("Y9")
		m.ins("VCVTPS2PH $0, X10, X10")
	case 'b':
		m.toOdd("Y9")
		m.bfloat("X10", "X10")
	case 'x':
		m.ins("VCVTPD2PSY Y9, X10")
	case 'm':
		m.ins("VMOVAPD Y9, Y10")
	}
}

// bfloat rounds float32 bits to nearest even at bit 16 and clears the bits below; src must
// not be a NaN whose sum overflows. Uses register 11.
func (m machine) bfloat(src, dst string) {
	t := dst[:1] + "11"
	m.ins("VPSRLD $16, %s, %s", src, t)
	m.ins("VPAND %s, %s, %s", m.constant32(1), t, t)
	m.ins("VPADDD %s, %s, %s", m.constant32(0x7fff), t, t)
	m.ins("VPADDD %s, %s, %s", src, t, dst)
	m.ins("VPAND %s, %s, %s", m.constant32(0xffff0000), dst, dst)
}

// toOdd rounds four float64 of src to float32 in X10 so that a later rounding to a type of
// at most 22 bits rounds once (round to odd: toward zero, with the last bit set if inexact;
// Boldo and Melquiond, "Emulation of FMA and correctly rounded sums", 2008). Uses Y11, Y14
// and Y15.
func (m machine) toOdd(src string) {
	m.ins("VCVTPD2PSY %s, X10", src)
	m.ins("VCVTPS2PD X10, Y11")
	m.ins("VCMPPD $4, %s, Y11, Y14", src) // inexact
	m.ins("VANDPD %s, Y11, Y11", m.constant(0x7fffffffffffffff))
	m.ins("VANDPD %s, %s, Y15", m.constant(0x7fffffffffffffff), src)
	m.ins("VCMPPD $0x1e, Y15, Y11, Y11") // rounded away from zero
	m.ins("VEXTRACTF128 $1, Y14, X15")
	m.ins("VSHUFPS $0x88, X15, X14, X14")
	m.ins("VEXTRACTF128 $1, Y11, X15")
	m.ins("VSHUFPS $0x88, X15, X11, X11")
	m.ins("VPADDD X11, X10, X10")
	m.ins("VPAND %s, X14, X14", m.constant32(1))
	m.ins("VPOR X14, X10, X10")
}

// put writes the stored form of register u to memory at AX. Uses registers 11 and 15.
func (m machine) put(k byte, u int) {
	at := m.at(k, "AX", u)
	switch {
	case k == 'm':
		m.ins("VMOVUPS Y10, %s", at)
	case k == 'p' && u%2 == 0: // lower halves of the words; the odd elements join them
		m.ins("VPSRLD $16, Y10, Y11")
		m.ins("VMOVDQU Y11, %d(AX)", u/2*32)
	case k == 'p':
		m.ins("VPOR %d(AX), Y10, Y11", u/2*32)
		m.ins("VMOVDQU Y11, %d(AX)", u/2*32)
	case k == 'h' && !m.f64:
		m.ins("VMOVUPS X10, %s", at)
	case k == 'h':
		m.ins("VMOVQ X10, %s", at)
	case k == 'b' && !m.f64:
		m.ins("VPSRLD $16, Y10, Y11")
		m.ins("VEXTRACTI128 $1, Y11, X15")
		m.ins("VPACKUSDW X15, X11, X11")
		m.ins("VMOVUPS X11, %s", at)
	case k == 'b':
		m.ins("VPSRLD $16, X10, X11")
		m.ins("VPACKUSDW X11, X11, X11")
		m.ins("VMOVQ X11, %s", at)
	case !m.f64: // float64 from float32
		m.ins("VCVTPS2PD X10, Y11")
		m.ins("VMOVUPD Y11, %s", at)
		m.ins("VEXTRACTF128 $1, Y10, X11")
		m.ins("VCVTPS2PD X11, Y11")
		m.ins("VMOVUPD Y11, %d(AX)", u*64+32)
	default: // float32 from float64
		m.ins("VMOVUPS X10, %s", at)
	}
}

// widen turns the stored form in register 10 into the compute type.
func (m machine) widen(k byte) {
	switch {
	case k == 'h' && !m.f64:
		m.ins("VCVTPH2PS X10, Y10")
	case k == 'h':
		m.ins("VCVTPH2PS X10, X10")
		m.ins("VCVTPS2PD X10, Y10")
	case m.f64 && k != 'm':
		m.ins("VCVTPS2PD X10, Y10")
	}
}

// lossy reports whether storing kind k can lose range.
func (m machine) lossy(k byte) bool { return m.size(k) == 2 || (k == 'x' && m.f64) }
