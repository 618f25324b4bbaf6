package simd

import (
	"unsafe"

	"github.com/mecha-gpu/mecha-gpu/kernels"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// expand writes the elements [off, off+n) of operands that the code cannot read in place
// to scratch, in the compute type, and points the table at them.
func (m *Machine) expand(off, n int64) {
	c := m.code
	if c.buffers == 0 {
		return
	}
	for i := range c.operands {
		o := &c.operands[i]
		if o.buffer < 0 {
			continue
		}
		at := c.mem.expand + int64(o.buffer)*c.block*c.esz
		mask := everyIndex
		switch form := c.prog.Operands[i].Form; form {
		case kernels.Dense:
			m.denseElems(i, at, off, n)
		case kernels.Row:
			mask = m.rowElems(i, at, off, n)
		case kernels.Col:
			m.colElems(i, at, off, n)
		}
		if mask != 0 && n%stepElems != 0 { // padding repeats the last element
			last := m.bytes(at+(n-1)*c.esz, c.esz)
			m.fill(at+n*c.esz, elemBits(last), stepElems-n%stepElems)
		}
		m.table[c.entry(moveOperand, i)] = m.addr(at)
		m.table[c.entry(moveMask, i)] = mask
	}
}

// elemBits returns the element in b, of 4 or 8 bytes.
func elemBits(b []byte) uint64 {
	if len(b) == 4 {
		return uint64(*(*uint32)(unsafe.Pointer(&b[0])))
	}
	return *(*uint64)(unsafe.Pointer(&b[0]))
}

// denseElems converts dense elements.
func (m *Machine) denseElems(i int, at, off, n int64) {
	o := &m.code.operands[i]
	src := m.live.Args[i].Span.Bytes()[off*o.size:][:n*o.size]
	d := m.code.prog.Operands[i].DType
	m.widenGo(m.bytes(at, n*m.code.esz), src, d, n)
	m.formFlag(i, src, d)
}

// rowElems repeats the value of each row. If all elements are in one row, a step of them
// is enough, and the index mask is 0.
func (m *Machine) rowElems(i int, at, off, n int64) (mask uint64) {
	c, a := m.code, &m.live.Args[i]
	first := m.live.First + off
	row := first / a.Period
	rows := (first+n-1)/a.Period - row + 1
	src := a.Span.Bytes()[(row-m.live.First/a.Period)*c.operands[i].size:]
	m.widen(c.mem.rows, src, c.prog.Operands[i].DType, rows)
	if rows == 1 {
		m.fill(at, elemBits(m.bytes(c.mem.rows, c.esz)), stepElems)
		return 0
	}
	pos := first % a.Period
	for r, k := int64(0), int64(0); k < n; r++ {
		run := min(a.Period-pos, n-k)
		m.fill(at+k*c.esz, elemBits(m.bytes(c.mem.rows+r*c.esz, c.esz)), run)
		k, pos = k+run, 0
	}
	return everyIndex
}

// colElems repeats the values of the columns.
func (m *Machine) colElems(i int, at, off, n int64) {
	c, a := m.code, &m.live.Args[i]
	size, d, src := c.operands[i].size, c.prog.Operands[i].DType, a.Span.Bytes()
	pos := (m.live.First + off) % a.Period
	for k := int64(0); k < n; {
		if k >= a.Period { // seen before
			have := m.bytes(at, n*c.esz)
			k += int64(copy(have[k*c.esz:], have[(k-a.Period)*c.esz:k*c.esz])) / c.esz
			continue
		}
		run := min(a.Period-pos, n-k, a.Period-k)
		m.widen(at+k*c.esz, src[pos*size:], d, run)
		k, pos = k+run, (pos+run)%a.Period
	}
}

// fill writes n elements of the given bits to scratch.
func (m *Machine) fill(at int64, bits uint64, n int64) {
	whole := n &^ (stepElems - 1)
	if whole > 0 {
		m.copyRun(kImm, bits, 0, at, whole)
	}
	dst := m.bytes(at+whole*m.code.esz, (n-whole)*m.code.esz)
	if len(dst) == 0 {
		return
	}
	if m.code.esz == 4 {
		for k, d := 0, floats[uint32](dst); k < len(d); k++ {
			d[k] = uint32(bits)
		}
		return
	}
	for k, d := 0, floats[uint64](dst); k < len(d); k++ {
		d[k] = bits
	}
}

// floats views scratch as elements of four or eight bytes.
func floats[E any](b []byte) []E {
	var e E
	return unsafe.Slice((*E)(unsafe.Pointer(unsafe.SliceData(b))), len(b)/int(unsafe.Sizeof(e)))
}

// widen converts n elements of type d to the compute type, to scratch.
func (m *Machine) widen(at int64, src []byte, d tensor.DType, n int64) {
	whole := int64(0)
	if k := nativeKind(m.code.prog.Compute, d); k != kNone {
		if whole = n &^ (stepElems - 1); whole > 0 {
			m.copyRun(k, 0, uint64(uintptr(unsafe.Pointer(&src[0]))), at, whole)
		}
	}
	if rest := n - whole; rest > 0 {
		esz := m.code.esz
		m.widenGo(m.bytes(at+whole*esz, rest*esz), src[whole*d.Size():], d, rest)
	}
}

// copyRun runs the two instructions that bring n elements from an immediate or from memory
// to scratch.
func (m *Machine) copyRun(k kind, bits, src uint64, at, n int64) {
	h := &handlerOf[m.code.prog.Compute]
	extra := everyIndex
	if k == kImm {
		extra = bits
	}
	m.copyWords = [3 * insWords]uint64{
		uint64(handlerAddr[h[vmLD][k][kNone]]), src, extra, 0, 0,
		uint64(handlerAddr[h[vmST][kMem][kNone]]), m.addr(at), everyIndex, 0, 0,
		uint64(handlerAddr[h[vmEND][kNone][kNone]]),
	}
	run(&m.copyWords[0], int(n))
}

// widenGo converts n elements in portable Go.
func (m *Machine) widenGo(dst, src []byte, d tensor.DType, n int64) {
	if m.code.esz == 8 {
		kernels.Widen64(floats[float64](dst)[:n], src, d)
		return
	}
	kernels.Widen(floats[float32](dst)[:n], src, d)
}

// formFlags sets the flags of operands that are not dense; those of dense operands of other
// than native kinds are set block by block.
func (m *Machine) formFlags() {
	l := m.live
	for i := range m.code.prog.Operands {
		o, a := &m.code.prog.Operands[i], &l.Args[i]
		if o.Form == kernels.Dense || !m.code.operands[i].loaded {
			continue
		}
		size, src := o.DType.Size(), a.Span.Bytes()
		switch o.Form {
		case kernels.Row:
			src = src[:((l.First+l.N-1)/a.Period-l.First/a.Period+1)*size]
		case kernels.Scalar:
			src = src[:size]
		case kernels.Col:
			pos := l.First % a.Period
			m.formFlag(i, src[pos*size:min(a.Period, pos+l.N)*size], o.DType)
			src = src[:max(0, min(pos, pos+l.N-a.Period))*size]
		}
		m.formFlag(i, src, o.DType)
	}
}

// formFlag sets the flags of operand i if one of the elements is NaN or infinite.
func (m *Machine) formFlag(i int, src []byte, d tensor.DType) {
	for r := range m.code.results {
		res := &m.code.prog.Results[r]
		if res.Kind != kernels.InFlag || res.Of != i {
			continue
		}
		flag := (*uint32)(unsafe.Pointer(&m.live.Results[r].Bytes()[0]))
		if *flag&1 == 0 && kernels.NonFinite(src, d) {
			*flag |= 1
		}
	}
}
