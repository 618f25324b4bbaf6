package main

// Instructions whose name ends in K check a dense operand on the way: if an element is NaN
// or infinite they set bit 0 of a flag word, whose address takes the place of the index
// mask. 0*x is NaN for these elements and 0 for all others, and is added up in Y12 and
// Y13; Y11 is zero.

// beginChecked starts a handler that checks P, or Q if isQ, and prepares both operands.
func (m machine) beginChecked(op string, p, q byte, isQ bool) {
	m.begin(op, p, q)
	if isQ {
		m.prepare(p, false)
		m.ins("MOVQ %d(SI), BX", qPtr)
		m.ins("LEAQ (BX)(R9*%d), BX", m.size(q))
		m.source(q, true)
	} else {
		m.ins("MOVQ %d(SI), AX", pPtr)
		m.ins("LEAQ (AX)(R9*%d), AX", m.size(p))
		m.source(p, false)
		m.prepare(q, true)
	}
	m.ins("VXORPS Y11, Y11, Y11")
}

// check adds the elements in reg, the u-th register of the operand.
func (m machine) check(u int, reg string) {
	op := m.s("VFMADD231")
	if u < 2 {
		op = m.s("VMUL")
	}
	m.ins("%s Y11, %s, Y%d", op, reg, 12+u%2)
}

// endChecked ends the handler.
func (m machine) endChecked(isQ bool) {
	m.ins("%s $3, Y12, Y13, Y12", m.s("VCMP"))
	m.jumpIfAny("Y12")
	m.next()
	m.raw("careful:")
	extra := pExtra
	if isQ {
		extra = qExtra
	}
	m.ins("MOVQ %d(SI), BX", extra)
	m.ins("ORL $1, (BX)")
	m.next()
}
