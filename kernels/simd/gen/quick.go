package main

import "fmt"

// The quick paths to types narrower than the compute type.

// outAll stores Y8-Y11.
func (m machine) outAll() {
	for i := range 4 {
		m.out(fmt.Sprintf("Y%d", 8+i), fmt.Sprintf("%d(AX)", 32*i))
	}
}

// quickF16: float16 from float32.
func (m machine) quickF16(counted bool) {
	for i := range 4 {
		m.ins("VCVTPS2PH $0, %s, X%d", acc(2*i), 8+i)
		m.ins("VCVTPS2PH $0, %s, X12", acc(2*i+1))
		m.ins("VINSERTI128 $1, X12, Y%d, Y%d", 8+i, 8+i)
	}
	m.inspect("W", 4, infF16, counted)
	m.outAll()
}

// quickBF16: bfloat16 from float32. A NaN rounds to infinity, to another NaN or, if the sum
// overflows, to zero, so looking at the stored words finds it.
func (m machine) quickBF16(k byte, counted bool) {
	if !counted {
		m.anyNaN()
	}
	switch {
	case m.bf16:
		m.convertBF16(k)
	case k == 'p':
		m.roundPairs()
	default:
		m.roundBF16()
	}
	if counted {
		m.inspect("W", 4, infBF16, true)
	}
	m.outAll()
}

// roundBF16 rounds the accumulator to nearest even, to words in Y8-Y11: it adds half of the
// last place, or a bit less if the last bit is even.
func (m machine) roundBF16() {
	m.ins("VMOVDQU %s, Y14", m.constant32(1))
	m.ins("VMOVDQU %s, Y15", m.constant32(0x7fff))
	for i := range 4 {
		for j, t := range []string{"Y12", "Y13"} {
			src := acc(2*i + j)
			m.ins("VPSRLD $16, %s, %s", src, t)
			m.ins("VPAND Y14, %s, %s", t, t)
			m.ins("VPADDD Y15, %s, %s", t, t)
			m.ins("VPADDD %s, %s, %s", src, t, t)
			m.ins("VPSRLD $16, %s, %s", t, t)
		}
		m.ins("VPACKUSDW Y13, Y12, Y%d", 8+i)
		m.ins("VPERMQ $0xd8, Y%d, Y%d", 8+i, 8+i)
	}
}

// roundPairs is roundBF16 for pairs. It adds half of the last place always. Where that leaves
// zeros below (it was a tie), the last bit has to be even: low words become masks that clear
// it, 0xfffe where they are zero and 0xffff elsewhere.
func (m machine) roundPairs() {
	m.ins("VMOVDQU %s, Y14", m.constant32(0x8000))
	m.ins("VMOVDQU %s, Y15", m.constant16(0xfffe))
	for i := range 4 {
		low := fmt.Sprintf("Y%d", 8+i)
		m.ins("VPADDD Y14, %s, Y12", acc(2*i))
		m.ins("VPADDD Y14, %s, Y13", acc(2*i+1))
		m.ins("VPSLLD $16, Y13, %s", low)
		m.ins("VPBLENDW $0xaa, %s, Y12, %s", low, low)
		m.ins("VPSRLD $16, Y12, Y12")
		m.ins("VPBLENDW $0xaa, Y13, Y12, Y12")
		m.ins("VPADDUSW Y15, %s, %s", low, low)
		m.ins("VPAND Y12, %s, %s", low, low)
	}
}

// quickF32: float32 from float64.
func (m machine) quickF32(counted bool) {
	for i := range 4 {
		m.ins("VCVTPD2PSY %s, X%d", acc(2*i), 8+i)
		m.ins("VCVTPD2PSY %s, X12", acc(2*i+1))
		m.ins("VINSERTF128 $1, X12, Y%d, Y%d", 8+i, 8+i)
	}
	m.inspect("D", 4, infF32, counted)
	m.outAll()
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
	inf := uint32(infF16)
	if k == 'h' {
		m.halvesF16()
	} else {
		inf = infBF16
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
