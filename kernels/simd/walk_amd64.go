package simd

import "github.com/mecha-gpu/mecha-gpu/kernels"

// walk is one instruction that adds a block to the lanes of a sum, or of a triple of them. It
// reads the values v and w, which are numbers of value scratch, there or in place.
type walk struct {
	handler uint64
	lane    int
	v, w    int
}

// layWalks makes the walks: for Whole sums, or for those by row if there are none. A Program
// with both leaves the latter to Go.
func (c *Code) layWalks() {
	c.group = kernels.ByRow
	if c.hasSum(kernels.Whole) {
		c.group = kernels.Whole
	}
	c.layInPlace()
	for _, t := range c.triples {
		if c.prog.Results[t.vw].Group == c.group {
			c.addWalk(vmSUM3, t.vw, c.results[t.vv].lane)
		}
	}
	for _, r := range c.sums {
		res, way := &c.prog.Results[r], &c.results[r]
		switch {
		case way.part || res.Group != c.group:
		case !res.Product:
			c.addWalk(vmSUM, r, way.lane)
		case way.v == way.w:
			c.addWalk(vmSUMSQ, r, way.lane)
		default:
			c.addWalk(vmSUMP, r, way.lane)
		}
	}
}

// addWalk adds a walk for the values of result r.
func (c *Code) addWalk(op vmOp, r, lane int) {
	way := &c.results[r]
	id := handlerOf[c.prog.Compute][op][c.walkKind(way.v)][kNone]
	c.walks = append(c.walks, walk{handler: uint64(handlerAddr[id]), lane: lane, v: way.v, w: way.second()})
}

// second returns the value scratch of the second factor, or of the only value.
func (r *result) second() int {
	if r.w < 0 {
		return r.v
	}
	return r.w
}

// walkKind is how a walk finds value scratch n.
func (c *Code) walkKind(n int) kind {
	if op := c.inPlace[n]; op >= 0 {
		return c.operands[op].kind
	}
	return kMem
}

// layInPlace finds the values that nothing but walks needs and that are dense operands of a
// kind that walks read. Both values of a product are of one kind.
func (c *Code) layInPlace() {
	c.inPlace = make([]int, len(c.scratch))
	for n, v := range c.scratch {
		c.inPlace[n] = -1
		if in := &c.prog.Code[v]; in.Op == kernels.OpLoad {
			if k := c.operands[in.Imm].kind; handlerOf[c.prog.Compute][vmSUM][k][kNone] != 0 {
				c.inPlace[n] = int(in.Imm)
			}
		}
	}
	for i := range c.results {
		way, res := &c.results[i], &c.prog.Results[i]
		if way.v >= 0 && (res.Kind != kernels.Sum || res.Group != c.group) {
			c.inPlace[way.v] = -1
			if way.w >= 0 {
				c.inPlace[way.w] = -1
			}
		}
	}
	for again := true; again; { // what one product needs in scratch, another may too
		again = false
		for _, r := range c.sums {
			v, w := c.results[r].v, c.results[r].w
			if w < 0 || c.walkKind(v) == c.walkKind(w) {
				continue
			}
			again = true
			for _, n := range []int{v, w} {
				if c.walkKind(n) != kMem {
					c.inPlace[n] = -1
				}
			}
		}
	}
}

// walk adds the first n elements of the block at off, a positive multiple of the step.
func (m *Machine) walk(w *walk, off, n int64) {
	m.walkWords = [insWords]uint64{w.handler, m.addr(m.code.mem.lanes + laneBytes*int64(w.lane)),
		m.walked(w.v, off), m.walked(w.w, off), m.addr(m.code.mem.walk)}
	run(&m.walkWords[0], int(n))
}

// walked is the address of the values of the block at off.
func (m *Machine) walked(n int, off int64) uint64 {
	c := m.code
	if op := c.inPlace[n]; op >= 0 {
		return uint64(m.from[op]) + uint64(off*c.operands[op].size)
	}
	return m.addr(c.mem.values + int64(n)*c.block*c.esz)
}

// flagOdd sets the flags of the operands that sum i reads in place, if it has to: the chunk sum
// that ends at element end of the launch is NaN or infinite. That it always is if one of its
// values is, since what is not finite stays so, whatever is added or multiplied.
func (m *Machine) flagOdd(i int, end int64) {
	if m.mode() != withoutInPlace {
		return
	}
	c, start := m.code, int64(0)
	if c.group == kernels.ByRow {
		start = (end - 1) / m.live.Cols * m.live.Cols
	}
	start += (end - 1 - start) / kernels.ChunkElems * kernels.ChunkElems
	for _, n := range []int{c.results[i].v, c.results[i].second()} {
		if op := c.inPlace[n]; op >= 0 {
			size := c.operands[op].size
			m.formFlag(op, m.live.Args[op].Span.Bytes()[start*size:end*size], c.prog.Operands[op].DType)
		}
	}
}
