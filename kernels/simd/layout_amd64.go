package simd

import "github.com/mecha-gpu/mecha-gpu/kernels"

// layout holds the offsets of parts of the scratch memory.
type layout struct {
	tallies, lanes, walk, tailsIn, tailsOut, rows, expand, values int64
	size                                                          int64
}

const (
	tailBytes    = 8 * stepElems // a step of elements of the largest type
	laneBytes    = 8 * kernels.Lanes
	tallyBytes   = 24        // a flag in the first four, or three counts
	walkBytes    = 8 << 10   // buffer of a walk: four runs; or the sums of 16 chunks of each of its sets
	scratchBytes = 256 << 10 // for expanded operands and values: half of a usual L2 cache
	longBlock    = 4 * kernels.ChunkElems
	minBlock     = 256     // so that 64 operands and the values of 160 results still fit
	callBytes    = 1 << 20 // memory that one call of assembly may touch
)

// layScratch sizes the block so that its scratch stays in the cache, and lays out the
// scratch memory.
func (c *Code) layScratch() {
	buffers, perElem := int64(c.buffers+len(c.scratch)), int64(0)
	for i := range c.operands {
		if o := &c.operands[i]; o.kind != kNone {
			perElem += o.size
		}
	}
	for i := range c.results {
		perElem += c.results[i].size
	}
	c.block = kernels.ChunkElems
	if len(c.sums) == 0 {
		c.block = longBlock
	}
	switch {
	case buffers > 0:
		for c.block > minBlock && buffers*c.block*c.esz > scratchBytes {
			c.block /= 2
		}
	case perElem > 0:
		c.block = max(kernels.ChunkElems, callBytes/perElem&^(kernels.ChunkElems-1))
	}
	m, at := &c.mem, int64(c.slots)*slotBytes
	take := func(n int64) int64 {
		off := at
		at += (n + 63) &^ 63
		return off
	}
	m.tallies = take(tallyBytes * int64(len(c.results)))
	m.lanes = take(laneBytes * int64(len(c.sums)))
	if len(c.walks) > 0 {
		m.walk = take(walkBytes)
	}
	m.tailsIn = take(tailBytes * int64(len(c.operands)))
	m.tailsOut = take(tailBytes * int64(len(c.results)))
	if buffers > 0 {
		m.rows = take(c.esz * c.block)
		m.expand = take(c.esz * c.block * int64(c.buffers))
		m.values = take(c.esz * c.block * int64(len(c.scratch)))
	}
	m.size = at
}

// layOperands decides how operands are bound.
func (c *Code) layOperands() {
	p := c.prog
	c.operands = make([]operand, len(p.Operands))
	for i, o := range p.Operands {
		op := &c.operands[i]
		op.size = o.DType.Size()
		op.scalar = o.Form == kernels.Scalar
		if o.Form == kernels.Dense {
			op.kind = nativeKind(p.Compute, o.DType)
		}
	}
	for i := range p.Code {
		if in := &p.Code[i]; in.Op == kernels.OpLoad {
			c.operands[in.Imm].loaded = true
		}
	}
	for i := range p.Results {
		if r := &p.Results[i]; r.Kind == kernels.InFlag {
			c.operands[r.Of].loaded = true
		}
	}
	for i := range c.operands {
		op := &c.operands[i]
		op.buffer = -1
		if op.loaded && op.kind == kNone && !op.scalar {
			op.buffer = c.buffers
			c.buffers++
		}
	}
}

// pair changes bfloat16 to pairs where the order of elements inside of a step shows nowhere:
// all memory that moves with the elements is bfloat16. Registers then hold even and odd
// elements apart, which is how two of them come out of 32 bits.
func (c *Code) pair() {
	if c.prog.Compute != kernels.F32 || len(c.scratch) > 0 {
		return
	}
	for i := range c.operands {
		if o := &c.operands[i]; o.loaded && !o.scalar && o.kind != kBF16 {
			return
		}
	}
	for i := range c.results {
		if r := &c.results[i]; r.size > 0 && r.kind != kBF16 {
			return
		}
	}
	c.pairs = true
	for i := range c.operands {
		if o := &c.operands[i]; o.kind == kBF16 {
			o.kind = kPair
		}
	}
	for i := range c.results {
		if r := &c.results[i]; r.kind == kBF16 {
			r.kind = kPair
		}
	}
}

// layResults decides how results are delivered.
func (c *Code) layResults() {
	p := c.prog
	c.results = make([]result, len(p.Results))
	countOf := map[int]int{} // store -> the OutCount that its instruction adds to
	for i := range p.Results {
		r, pr := &c.results[i], &p.Results[i]
		*r = result{tally: -1, v: -1, w: -1}
		switch pr.Kind {
		case kernels.Store:
			r.size, r.kind = pr.DType.Size(), nativeKind(p.Compute, pr.DType)
			if r.kind == kNone {
				r.v = c.value(pr.V)
			}
		case kernels.InFlag:
			if c.operands[pr.Of].kind != kNone {
				r.tally = c.firstFlag(i)
			}
		case kernels.OutCount:
			c.layOutCount(i, countOf)
		case kernels.Sum:
			c.sums = append(c.sums, i)
			r.v = c.value(pr.V)
			if pr.Product {
				r.w = c.value(pr.W)
			}
		default:
			r.v = c.value(pr.V)
		}
	}
}

// firstFlag returns the first result that is the flag of the same operand as result i.
func (c *Code) firstFlag(i int) int {
	for r := range i {
		if p := &c.prog.Results[r]; p.Kind == kernels.InFlag && p.Of == c.prog.Results[i].Of {
			return r
		}
	}
	return i
}

func (c *Code) layOutCount(i int, countOf map[int]int) {
	of := c.prog.Results[i].Of
	store := &c.prog.Results[of]
	if nativeKind(c.prog.Compute, store.DType) == kNone {
		c.results[i].v = c.value(store.V)
		return
	}
	if _, ok := countOf[of]; !ok {
		countOf[of] = i
	}
	c.results[i].tally = countOf[of]
}

// layLanes numbers the lanes of sums and finds triples. Sums by column have no lanes.
func (c *Code) layLanes() {
	at := 0
	for _, vw := range c.sums {
		mixed := &c.prog.Results[vw]
		if !mixed.Product || mixed.V == mixed.W || c.results[vw].part {
			continue
		}
		vv, ww := c.square(mixed.V, mixed.Group), c.square(mixed.W, mixed.Group)
		if vv < 0 || ww < 0 {
			continue
		}
		c.triples = append(c.triples, triple{vv, vw, ww})
		for _, r := range []int{vv, vw, ww} {
			c.results[r].part, c.results[r].lane = true, at
			at++
		}
	}
	for _, r := range c.sums {
		if !c.results[r].part {
			c.results[r].lane = at
			at++
		}
	}
}

// square returns the sum of v*v over g that belongs to no triple yet, or -1.
func (c *Code) square(v kernels.Val, g kernels.Group) int {
	for _, r := range c.sums {
		if p := &c.prog.Results[r]; p.Product && p.V == v && p.W == v && p.Group == g && !c.results[r].part {
			return r
		}
	}
	return -1
}

// value returns the number of the value scratch of v.
func (c *Code) value(v kernels.Val) int {
	for i, s := range c.scratch {
		if s == v {
			return i
		}
	}
	c.scratch = append(c.scratch, v)
	return len(c.scratch) - 1
}
