package simd

import "github.com/mecha-gpu/mecha-gpu/kernels"

// walk is one instruction that adds a block to the lanes of a sum, or of a triple of them. It
// reads the values v and w, which are numbers of value scratch, there or in place.
type walk struct {
	handler uint64
	chunks  uint64 // handler of its twin, which sums whole chunks; 0: this processor cannot
	sums    []int  // results, in the order of their lanes
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
			c.addWalk(walkSum3, t.vw, t.vv, t.vw, t.ww)
		}
	}
	for _, r := range c.sums {
		res, way := &c.prog.Results[r], &c.results[r]
		switch {
		case way.part || res.Group != c.group:
		case !res.Product:
			c.addWalk(walkSum, r, r)
		case way.v == way.w:
			c.addWalk(walkSumSq, r, r)
		default:
			c.addWalk(walkSumP, r, r)
		}
	}
}

// walkOp is a walk, and its twin for whole chunks.
type walkOp struct{ lanes, chunks vmOp }

var (
	walkSum   = walkOp{vmSUM, vmSUMW}
	walkSumSq = walkOp{vmSUMSQ, vmSUMSQW}
	walkSumP  = walkOp{vmSUMP, vmSUMPW}
	walkSum3  = walkOp{vmSUM3, vmSUM3W}
)

// addWalk adds a walk for the values of result r.
func (c *Code) addWalk(op walkOp, r int, sums ...int) {
	way := &c.results[r]
	k := c.walkKind(way.v)
	handler := func(op vmOp) uint64 { return uint64(handlerAddr[handlerOf[c.prog.Compute][op][k][kNone]]) }
	w := walk{handler: handler(op.lanes), sums: sums, v: way.v, w: way.second()}
	if c.features.avx512 {
		w.chunks = handler(op.chunks)
	}
	c.walks = append(c.walks, w)
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
	lane := int64(m.code.results[w.sums[0]].lane)
	m.walkWords = [insWords]uint64{w.handler, m.addr(m.code.mem.lanes + laneBytes*lane),
		m.walked(w.v, off), m.walked(w.w, off), m.addr(m.code.mem.walk)}
	run(&m.walkWords[0], int(n))
}

// walkChunks sums the block at off, of n elements, which are whole chunks of one block of sums.
func (m *Machine) walkChunks(w *walk, off, n int64) {
	m.walkWords = [insWords]uint64{w.chunks, m.addr(m.code.mem.walk), m.walked(w.v, off), m.walked(w.w, off)}
	run(&m.walkWords[0], int(n))
	sums := floats[float64](m.bytes(m.code.mem.walk, 8*int64(len(w.sums))*(n/kernels.ChunkElems)))
	for end := off + kernels.ChunkElems; end <= off+n; end += kernels.ChunkElems {
		for _, i := range w.sums {
			m.sums[i].addChunk(sums[0], end-m.groupStart(end))
			m.flagIfOdd(i, end)
			sums = sums[1:]
		}
	}
}

// wholeChunks reports whether a block of n elements at off is whole chunks, and all walks can
// sum these.
func (m *Machine) wholeChunks(off, n int64) bool {
	return m.code.features.avx512 && n%kernels.ChunkElems == 0 && (off-m.groupStart(off+1))%kernels.ChunkElems == 0
}

// longBlock returns the length of a block at off, the start of a chunk, where there is nothing
// but walks to do: as many chunks as there are, up to the end of the block of sums.
func (m *Machine) longBlock(off, end int64) int64 {
	rest := end - off
	if rest < kernels.ChunkElems {
		return rest
	}
	return min(rest&^(kernels.ChunkElems-1), kernels.BlockElems-(off-m.groupStart(off+1))%kernels.BlockElems)
}

// groupStart is the first element of the group in which element end-1 is.
func (m *Machine) groupStart(end int64) int64 {
	if m.code.group == kernels.ByRow {
		return (end - 1) / m.live.Cols * m.live.Cols
	}
	return 0
}

// onlyWalks reports whether walks that read operands in place make all results.
func (c *Code) onlyWalks() bool {
	if c.direct == nil || len(c.direct.words) > insWords || c.buffers > 0 || c.reduce != nil || len(c.witnesses) > 0 {
		return false
	}
	for _, r := range c.sums {
		if c.prog.Results[r].Group != c.group {
			return false
		}
	}
	return true
}

// walked is the address of the values of the block at off.
func (m *Machine) walked(n int, off int64) uint64 {
	c := m.code
	if op := c.inPlace[n]; op >= 0 {
		return uint64(m.from[op]) + uint64(off*c.operands[op].size)
	}
	return m.addr(c.mem.values + int64(n)*c.block*c.esz)
}

// flagIfOdd calls flagOdd if a chunk sum was odd.
func (m *Machine) flagIfOdd(i int, end int64) {
	if s := &m.sums[i]; s.odd {
		s.odd = false
		m.flagOdd(i, end)
	}
}

// flagOdd sets the flags of the operands that sum i reads in place, if it has to: the chunk sum
// that ends at element end of the launch is NaN or infinite. That it always is if one of its
// values is, since what is not finite stays so, whatever is added or multiplied.
func (m *Machine) flagOdd(i int, end int64) {
	if m.mode() != withoutInPlace {
		return
	}
	c, start := m.code, m.groupStart(end)
	start += (end - 1 - start) / kernels.ChunkElems * kernels.ChunkElems
	for _, n := range []int{c.results[i].v, c.results[i].second()} {
		if op := c.inPlace[n]; op >= 0 {
			size := c.operands[op].size
			m.formFlag(op, m.live.Args[op].Span.Bytes()[start*size:end*size], c.prog.Operands[op].DType)
		}
	}
}
