package simd

import "unsafe"

// tail runs the last n elements of a block, fewer than a step. off is their position in
// the launch and rel that in the block. Dense operands are copied to scratch and padded
// with copies of their last element, so that what happens in the padding happens to a true
// element too: no flag is set by it. It is not counted.
func (m *Machine) tail(off, rel, n int64) {
	c, l := m.code, m.live
	for i := range c.operands {
		o := &c.operands[i]
		switch entry := c.entry(moveOperand, i); {
		case !o.loaded || o.scalar:
		case o.kind != kNone:
			at := c.mem.tailsIn + tailBytes*int64(i)
			buf := m.bytes(at, tailBytes)
			copy(buf, l.Args[i].Span.Bytes()[off*o.size:][:n*o.size])
			pad(buf, o.size, n)
			m.table[entry] = m.addr(at)
		case m.table[c.entry(moveMask, i)] != 0:
			m.table[entry] += uint64(rel * c.esz)
		}
	}
	stores := m.table[c.entry(moveStore, 0):]
	for i := range c.results {
		stores[i] = m.addr(c.mem.tailsOut + tailBytes*int64(i))
	}
	m.aimValues(rel)
	m.table[c.entry(moveLive, 0)] = c.live(n)
	m.exec(allValues, stepElems, false)
	for i := range c.results {
		if r := &c.results[i]; r.kind != kNone {
			dst := l.Results[i].Bytes()[off*r.size:][:n*r.size]
			copy(dst, m.bytes(c.mem.tailsOut+tailBytes*int64(i), tailBytes))
		}
	}
}

// everyElem is the mask of all elements of a step.
const everyElem = ^uint64(0)

// live is the mask of the first n elements of a step: a bit for each lane of the accumulator,
// in which pairs have the even and the odd elements of 16 apart.
func (c *Code) live(n int64) (mask uint64) {
	if !c.pairs {
		return 1<<n - 1
	}
	for i := range n {
		mask |= 1 << (i&^15 + i%2*8 + i%16/2)
	}
	return mask
}

// pad repeats element n-1 up to the end of a step.
func pad(buf []byte, size, n int64) {
	p := unsafe.Pointer(&buf[0])
	switch size {
	case 2:
		padWith(unsafe.Slice((*uint16)(p), stepElems), n)
	case 4:
		padWith(unsafe.Slice((*uint32)(p), stepElems), n)
	case 8:
		padWith(unsafe.Slice((*uint64)(p), stepElems), n)
	}
}

func padWith[W any](x []W, n int64) {
	last := x[n-1]
	for i := n; i < int64(len(x)); i++ {
		x[i] = last
	}
}
