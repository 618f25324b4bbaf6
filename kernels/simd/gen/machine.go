package main

import "fmt"

// machine emits the handlers of one compute type. A step is 64 elements of float32 or 32
// of float64: the eight registers of the accumulator.
type machine struct {
	*emitter
	f64    bool
	stream bool // stores bypass the cache
	bf16   bool // stores use AVX512-BF16
}

const regs = 8

func (m machine) compute() int {
	if m.f64 {
		return 1
	}
	return 0
}

// s completes a mnemonic with the suffix of the type: VADD gives VADDPS or VADDPD.
func (m machine) s(op string) string {
	if m.f64 {
		return op + "PD"
	}
	return op + "PS"
}

// i completes an integer mnemonic: VPADD gives VPADDD or VPADDQ.
func (m machine) i(op string) string {
	if m.f64 {
		return op + "Q"
	}
	return op + "D"
}

// splat returns the constant for this type: its float32 or its float64 bits.
func (m machine) splat(f32 uint32, f64 uint64) string {
	if m.f64 {
		return m.constant(f64)
	}
	return m.constant32(f32)
}

func (m machine) begin(op string, p, q byte) { m.emitter.begin(m.compute(), op, p, q) }

// acc is register u of the accumulator.
func acc(u int) string { return fmt.Sprintf("Y%d", u) }

// Memory kinds: m is the compute type (a slot, scratch, or dense elements), h float16, b
// bfloat16, x the other of float32 and float64. p is bfloat16 in pairs: register 2i holds the
// even and 2i+1 the odd elements of 32 bytes, which saves moving them to their places. It
// works in float32 programs where every operand and every store is of this kind.

// size returns the bytes of an element of a memory kind.
func (m machine) size(kind byte) int {
	switch {
	case kind == 'h' || kind == 'b' || kind == 'p':
		return 2
	case (kind == 'm') == m.f64:
		return 8
	}
	return 4
}

// lanes is the number of elements in a register.
func (m machine) lanes() int {
	if m.f64 {
		return 4
	}
	return 8
}

// at returns the memory operand of register u of a memory operand.
func (m machine) at(kind byte, base string, u int) string {
	return fmt.Sprintf("%d(%s)", u*m.lanes()*m.size(kind), base)
}

// prepare makes operand P or Q ready: a broadcast in Y15 or Y14, or the address of its
// first element in AX or BX and what loads of it need.
func (m machine) prepare(kind byte, isQ bool) {
	switch kind {
	case '-':
	case 'i':
		op := "VBROADCASTSS"
		if m.f64 {
			op = "VBROADCASTSD"
		}
		extra := pExtra
		if isQ {
			extra = qExtra
		}
		m.ins("%s %d(SI), %s", op, extra, spare(isQ))
	default:
		m.address(kind, isQ)
		m.source(kind, isQ)
	}
}

// address leaves the address of the first element of P or Q in AX or BX. Only the compute type
// has an index mask: other kinds are dense operands and stores, which always move.
func (m machine) address(kind byte, isQ bool) {
	ptr, extra, base, idx := pPtr, pExtra, "AX", "CX"
	if isQ {
		ptr, extra, base, idx = qPtr, qExtra, "BX", "DI"
	}
	m.ins("MOVQ %d(SI), %s", ptr, base)
	if kind != 'm' {
		idx = "R9"
	} else {
		m.ins("MOVQ %d(SI), %s", extra, idx)
		m.ins("ANDQ R9, %s", idx)
	}
	m.ins("LEAQ (%s)(%s*%d), %s", base, idx, m.size(kind), base)
}

// prefetchBytes is how far ahead elements of two bytes are asked for. Three sources run 1.1
// times as fast with it, two 1.04 times; with 576 bytes, 0.9 and 0.8 times (Zen 4, 2026-11-26).
// Wider elements gain nothing.
const prefetchBytes = 448

// source prepares loads from the address of P or Q.
func (m machine) source(kind byte, isQ bool) {
	base := "AX"
	if isQ {
		base = "BX"
	}
	if m.size(kind) == 2 {
		for at := 0; at < regs*m.lanes()*2; at += 64 {
			m.ins("PREFETCHT0 %d(%s)", prefetchBytes+at, base)
		}
	}
	if kind == 'p' {
		m.ins("VMOVDQU %s, %s", m.constant32(0xffff0000), spare(isQ))
	}
}

// spare is the register of an operand: its broadcast, or a constant that its loads need.
func spare(isQ bool) string {
	if isQ {
		return "Y14"
	}
	return "Y15"
}

// load reads register u of memory into dst, converted to the compute type. dst may not
// be Y13, which is used on the way.
func (m machine) load(kind byte, base string, u, dst int) {
	at := m.at(kind, base, u)
	if m.f64 {
		m.load64(kind, at, dst)
		return
	}
	switch kind {
	case 'm':
		m.ins("VMOVUPS %s, Y%d", at, dst)
	case 'h':
		m.ins("VCVTPH2PS %s, Y%d", at, dst)
	case 'b':
		m.ins("VPMOVZXWD %s, Y%d", at, dst)
		m.ins("VPSLLD $16, Y%d, Y%d", dst, dst)
	case 'p':
		if u%2 == 0 {
			m.ins("VMOVDQU %d(%s), Y%d", u/2*32, base, dst)
			m.ins("VPSLLD $16, Y%d, Y%d", dst, dst)
		} else {
			m.ins("VPAND %d(%s), %s, Y%d", u/2*32, base, spare(base == "BX"), dst)
		}
	case 'x':
		m.ins("VCVTPD2PSY %s, X%d", at, dst)
		m.ins("VCVTPD2PSY %d(%s), X13", u*64+32, base)
		m.ins("VINSERTF128 $1, X13, Y%d, Y%d", dst, dst)
	}
}

func (m machine) load64(kind byte, at string, dst int) {
	switch kind {
	case 'm':
		m.ins("VMOVUPD %s, Y%d", at, dst)
	case 'x':
		m.ins("VCVTPS2PD %s, Y%d", at, dst)
	case 'h':
		m.ins("VCVTPH2PS %s, X%d", at, dst)
		m.ins("VCVTPS2PD X%d, Y%d", dst, dst)
	case 'b':
		m.ins("VPMOVZXWD %s, X%d", at, dst)
		m.ins("VPSLLD $16, X%d, X%d", dst, dst)
		m.ins("VCVTPS2PD X%d, Y%d", dst, dst)
	}
}

// operand returns a register or memory operand that holds register u of P or Q; other
// kinds than the compute type are converted into tmp first.
func (m machine) operand(kind byte, isQ bool, u, tmp int) string {
	base := "AX"
	if isQ {
		base = "BX"
	}
	switch kind {
	case 'i':
		return spare(isQ)
	case 'm':
		return m.at('m', base, u)
	}
	m.load(kind, base, u, tmp)
	return fmt.Sprintf("Y%d", tmp)
}

// register is operand, but never a memory operand.
func (m machine) register(kind byte, isQ bool, u, tmp int) string {
	o := m.operand(kind, isQ, u, tmp)
	if kind == 'm' {
		m.ins("%s %s, Y%d", m.s("VMOVU"), o, tmp)
		return fmt.Sprintf("Y%d", tmp)
	}
	return o
}

// end emits the last instruction of every program: the next step, or back to Go.
func (m machine) end() {
	m.begin("END", '-', '-')
	m.ins("ADDQ $%d, R9", regs*m.lanes())
	m.ins("CMPQ R9, DX")
	m.ins("JGE done")
	m.ins("MOVQ R8, SI")
	m.ins("JMP (SI)")
	m.raw("done:")
	m.ins("VZEROUPPER")
	m.ins("RET")
	m.raw("")
}
