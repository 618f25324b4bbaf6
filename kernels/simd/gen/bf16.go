package main

// Stores whose name ends in B round to bfloat16 with AVX512-BF16, which takes two operations for
// pairs instead of eight. The instruction has no subnormal numbers, which it takes for zeros,
// and its NaN is not canonical; both show in the stored words, since these stores count what
// is zero, infinite or NaN, and are stored again with care.

// storesBF16: OUTCB and OUTSCB.
func (m machine) storesBF16() {
	if m.f64 {
		return
	}
	m.bf16 = true
	past := m // the cache
	past.stream = true
	for _, k := range []byte("bp") {
		m.store("OUTCB", k, true)
		past.store("OUTSCB", k, true)
	}
}

// convertBF16 rounds the accumulator to words in Y8-Y11.
func (m machine) convertBF16(k byte) {
	if k == 'p' {
		m.ins("VMOVDQU zip<>(SB), Y14")
	}
	for i := range 4 {
		m.convertTwo(2*i+1, 2*i, 8+i)
		if k == 'p' {
			m.ins("VPERMW Y%d, Y14, Y%d", 8+i, 8+i)
		}
	}
}

// convertTwo is VCVTNE2PS2BF16 Ylow, Yhigh, Ydst, which the assembler does not know. The numbers
// of the sources are below 8, that of dst is not. (Intel 64 manual, volume 2, 2.7: EVEX; the
// instruction is EVEX.256.F2.0F38.W0 72 /r.)
func (m machine) convertTwo(high, low, dst int) {
	m.ins("BYTE $0x62; BYTE $0x72; BYTE $%#02x; BYTE $0x28; BYTE $0x72; BYTE $%#x // VCVTNE2PS2BF16 Y%d, Y%d, Y%d",
		(15-high)<<3|7, 0xc0|(dst-8)<<3|low, low, high, dst)
}

// zip writes the order that makes pairs of the words of two halves.
func (e *emitter) zip() {
	for i := range uint64(4) {
		e.raw("DATA zip<>+%d(SB)/8, $%#x", 8*i, 2*i|(2*i+8)<<16|(2*i+1)<<32|(2*i+9)<<48)
	}
	e.raw("GLOBL zip<>(SB), RODATA|NOPTR, $32\n")
}
