package main

import "fmt"

// sums: SUM adds the accumulator to the 64 float64 lanes at P; SUMSQ adds its square, SUMP
// its product with Q, by fma of the exactly widened values.
func (m machine) sums() {
	m.begin("SUM", '-', '-')
	m.lanesAt()
	m.eachHalf(func(v, lane string) {
		m.ins("VADDPD %s, %s, %s", lane, v, v)
		m.ins("VMOVUPD %s, %s", v, lane)
	})
	m.next()
	m.begin("SUMSQ", '-', '-')
	m.lanesAt()
	m.eachHalf(func(v, lane string) {
		m.ins("VMOVUPD %s, Y10", lane)
		m.ins("VFMADD231PD %s, %s, Y10", v, v)
		m.ins("VMOVUPD Y10, %s", lane)
	})
	m.next()
	for _, k := range []byte(m.wide()) {
		if k != 'i' && k != 'p' {
			m.sumProduct(k)
			m.begin("SUM3", '-', k)
			m.prepare(k, true)
			m.sumThree(k, false)
			m.next()
			m.beginChecked("SUM3K", '-', k, true)
			m.sumThree(k, true)
			m.endChecked(true)
		}
	}
}

// lanesAt puts the address of the step's lanes into AX; a float64 step has half of them.
func (m machine) lanesAt() {
	m.ins("MOVQ %d(SI), AX", pPtr)
	if m.f64 {
		m.ins("MOVQ R9, CX")
		m.ins("ANDQ $32, CX")
		m.ins("LEAQ (AX)(CX*8), AX")
	}
}

// eachHalf visits the accumulator as float64 registers, with the memory of their lanes.
func (m machine) eachHalf(f func(v, lane string)) {
	for u := range regs {
		if m.f64 {
			m.ins("VMOVAPD %s, Y8", acc(u))
			f("Y8", fmt.Sprintf("%d(AX)", 32*u))
			continue
		}
		m.ins("VCVTPS2PD %s, Y8", xacc(u))
		m.ins("VEXTRACTF128 $1, %s, X9", acc(u))
		m.ins("VCVTPS2PD X9, Y9")
		f("Y8", fmt.Sprintf("%d(AX)", 64*u))
		f("Y9", fmt.Sprintf("%d(AX)", 64*u+32))
	}
}

func (m machine) sumProduct(k byte) {
	m.begin("SUMP", '-', k)
	m.prepare(k, true)
	m.lanesAt()
	for u := range regs {
		if m.f64 {
			m.ins("VMOVUPD %d(AX), Y8", 32*u)
			m.ins("VFMADD231PD %s, %s, Y8", m.at(k, "BX", u), acc(u))
			m.ins("VMOVUPD Y8, %d(AX)", 32*u)
			continue
		}
		m.load(k, "BX", u, 10)
		m.ins("VCVTPS2PD %s, Y8", xacc(u))
		m.ins("VCVTPS2PD X10, Y11")
		m.ins("VFMADD213PD %d(AX), Y11, Y8", 64*u)
		m.ins("VMOVUPD Y8, %d(AX)", 64*u)
		m.ins("VEXTRACTF128 $1, %s, X9", acc(u))
		m.ins("VEXTRACTF128 $1, Y10, X10")
		m.ins("VCVTPS2PD X9, Y9")
		m.ins("VCVTPS2PD X10, Y11")
		m.ins("VFMADD213PD %d(AX), Y11, Y9", 64*u+32)
		m.ins("VMOVUPD Y9, %d(AX)", 64*u+32)
	}
	m.next()
}

// sumThree: SUM3 adds acc*acc, acc*Q and Q*Q to three sets of lanes, one after the other in
// memory: what a cosine needs.
func (m machine) sumThree(k byte, checked bool) {
	m.lanesAt()
	for u := range regs {
		m.load(k, "BX", u, 10)
		if checked {
			m.check(u, "Y10")
		}
		if m.f64 {
			m.ins("VMOVAPD %s, Y8", acc(u))
			m.ins("VMOVAPD Y10, Y9")
			m.three(32 * u)
			continue
		}
		m.ins("VCVTPS2PD %s, Y8", xacc(u))
		m.ins("VCVTPS2PD X10, Y9")
		m.three(64 * u)
		m.ins("VEXTRACTF128 $1, %s, X8", acc(u))
		m.ins("VEXTRACTF128 $1, Y10, X10")
		m.ins("VCVTPS2PD X8, Y8")
		m.ins("VCVTPS2PD X10, Y9")
		m.three(64*u + 32)
	}
}

// three adds the products of Y8 and Y9 to the lanes at off.
func (m machine) three(off int) {
	m.ins("VMOVUPD %d(AX), Y14", off)
	m.ins("VMOVUPD %d(AX), Y15", off+512)
	m.ins("VFMADD231PD Y8, Y8, Y14")
	m.ins("VFMADD231PD Y9, Y8, Y15")
	m.ins("VFMADD213PD %d(AX), Y9, Y9", off+1024)
	m.ins("VMOVUPD Y14, %d(AX)", off)
	m.ins("VMOVUPD Y15, %d(AX)", off+512)
	m.ins("VMOVUPD Y9, %d(AX)", off+1024)
}

// fold writes the function that folds 64 lanes by halves and clears them.
func (e *emitter) fold() {
	e.raw("// func fold(lanes *[64]float64) float64")
	e.raw("TEXT ·fold(SB), NOSPLIT, $0-16")
	e.ins("MOVQ lanes+0(FP), AX")
	e.ins("VXORPS Y15, Y15, Y15")
	for i := range 8 {
		e.ins("VMOVUPD %d(AX), Y%d", 32*i, i)
		e.ins("VADDPD %d(AX), Y%d, Y%d", 256+32*i, i, i)
	}
	for i := range 16 {
		e.ins("VMOVUPS Y15, %d(AX)", 32*i)
	}
	for n := 4; n >= 1; n /= 2 {
		for i := range n {
			e.ins("VADDPD Y%d, Y%d, Y%d", i+n, i, i)
		}
	}
	e.ins("VEXTRACTF128 $1, Y0, X1")
	e.ins("VADDPD X1, X0, X0")
	e.ins("VUNPCKHPD X0, X0, X1")
	e.ins("VADDSD X1, X0, X0")
	e.ins("VMOVSD X0, ret+8(FP)")
	e.ins("VZEROUPPER")
	e.ins("RET")
	e.raw("")
}
