package simd

import (
	"math"
	"math/bits"
	"unsafe"

	"github.com/mecha-gpu/mecha-gpu/kernels"
)

// groupSum is a sum between its blocks: the chunk sums of the current block of 65,536
// elements of its group, and the blocks of the group so far. Its lanes are in scratch.
type groupSum struct {
	chunks [kernels.BlockElems / kernels.ChunkElems]float64
	total  float64
	odd    bool // a chunk sum was NaN or infinite
}

// addSums brings all sums up to date with the elements [off, off+n) of the launch, whose
// values are in scratch, but for the first full of those that walks read in place.
func (m *Machine) addSums(off, full, n int64) {
	chunks := m.walking && m.wholeChunks(off, n)
	if m.walking && full > 0 {
		for i := range m.code.walks {
			if w := &m.code.walks[i]; chunks {
				m.walkChunks(w, off, full)
			} else {
				m.walk(w, off, full)
			}
		}
	}
	for _, i := range m.code.sums {
		from := int64(0)
		if m.walking && m.code.prog.Results[i].Group == m.code.group {
			from = full
		}
		switch {
		case from == n: // walked
			m.endSum(i, off+n, chunks)
		case m.code.esz == 8:
			addSum[float64](m, i, off, from, n)
		default:
			addSum[float32](m, i, off, from, n)
		}
		m.flagIfOdd(i, off+n)
	}
}

// addSum adds the elements from..n of a block, whose first is off, to result i, a sum.
func addSum[F float32 | float64](m *Machine, i int, off, from, n int64) {
	res, r := &m.code.prog.Results[i], &m.code.results[i]
	v := valuesOf[F](m, r.v, n)
	w := v
	if res.Product {
		w = valuesOf[F](m, r.w, n)
	}
	out := floats[float64](m.live.Results[i].Bytes())
	g := adder[F]{v: v, w: w, product: res.Product, sum: &m.sums[i], lanes: m.lanes(i)}
	switch res.Group {
	case kernels.Whole:
		g.whole(out, off, from, m.live.N)
	case kernels.ByRow:
		g.byRow(out, off, from, m.live.Cols)
	case kernels.ByCol:
		g.byCol(out, off, m.live.Cols)
	}
}

// endSum closes what ends at element end of the launch of result i, a walked sum: not its
// chunk, if whole chunks were summed.
func (m *Machine) endSum(i int, end int64, chunks bool) {
	s, out := &m.sums[i], floats[float64](m.live.Results[i].Bytes())
	switch whole := m.code.group == kernels.Whole; {
	case chunks && whole:
		s.closeWhole(out, end, m.live.N)
	case chunks:
		s.closeRow(out, end, m.live.Cols)
	case whole:
		s.endWhole(m.lanes(i), out, end, m.live.N)
	default:
		s.endRow(m.lanes(i), out, end, m.live.Cols)
	}
}

// lanes returns the lanes of result i.
func (m *Machine) lanes(i int) *[kernels.Lanes]float64 {
	at := m.code.mem.lanes + laneBytes*int64(m.code.results[i].lane)
	return (*[kernels.Lanes]float64)(unsafe.Pointer(&m.bytes(at, laneBytes)[0]))
}

// valuesOf views the first n elements of value scratch k.
func valuesOf[F float32 | float64](m *Machine, k int, n int64) []F {
	c := m.code
	return floats[F](m.bytes(c.mem.values+int64(k)*c.block*c.esz, n*c.esz))
}

// adder adds the values of a block to a sum.
type adder[F float32 | float64] struct {
	v, w    []F
	product bool
	sum     *groupSum
	lanes   *[kernels.Lanes]float64
}

// add adds values [from, to) to the lanes; lane is that of the first.
func (g *adder[F]) add(from, to, lane int64) {
	if !g.product {
		for _, x := range g.v[from:to] {
			g.lanes[lane%kernels.Lanes] += float64(x)
			lane++
		}
		return
	}
	w := g.w[from:to]
	for k, x := range g.v[from:to] {
		l := &g.lanes[lane%kernels.Lanes]
		*l = math.FMA(float64(x), float64(w[k]), *l)
		lane++
	}
}

// whole adds values from.. of a block at off; a block never crosses a chunk.
func (g *adder[F]) whole(out []float64, off, from, end int64) {
	n := int64(len(g.v))
	for k := from; k < n; { // one piece, unless Go adds a long block alone
		piece := min(n-k, kernels.ChunkElems-(off+k)%kernels.ChunkElems)
		g.add(k, k+piece, off+k)
		k += piece
	}
	g.sum.endWhole(g.lanes, out, off+n, end)
}

// byRow adds values from.. of a block at off, which may hold many rows or a part of one; it
// never crosses a chunk of a row longer than itself.
func (g *adder[F]) byRow(out []float64, off, from, cols int64) {
	n := int64(len(g.v))
	for k := from; k < n; {
		pos := (off + k) % cols
		piece := min(n-k, cols-pos, kernels.ChunkElems-pos%kernels.ChunkElems)
		if piece == cols && cols <= kernels.Lanes {
			out[(off+k)/cols] = canonical(g.shortRow(k, cols))
		} else {
			g.add(k, k+piece, pos)
			g.sum.endRow(g.lanes, out, off+k+piece, cols)
		}
		k += piece
	}
}

// shortRow sums a row of at most 64 values from k. Lanes that no value reaches are +0, so
// the fold starts at the next power of two: adding +0 only matters to a sum of -0 (which
// products that underflow leave), and that becomes +0 in the end.
func (g *adder[F]) shortRow(k, cols int64) float64 {
	var x [kernels.Lanes]float64
	for i := range cols {
		if v := float64(g.v[k+i]); g.product {
			x[i] = math.FMA(v, float64(g.w[k+i]), x[i])
		} else {
			x[i] += v // -0 becomes +0
		}
	}
	for h := 1 << bits.Len64(uint64(cols-1)) / 2; h > 0; h /= 2 {
		for i := range h {
			x[i] += x[i+h]
		}
	}
	return g.sum.total + x[0] // total is +0 between rows
}

// byCol adds each value to its column's sum in the memory of the result.
func (g *adder[F]) byCol(out []float64, off, cols int64) {
	row, col := off/cols, off%cols
	for k := int64(0); k < int64(len(g.v)); row, col = row+1, 0 {
		n := min(cols-col, int64(len(g.v))-k)
		acc := out[row/kernels.GroupRows*cols+col:][:n]
		if row%kernels.GroupRows == 0 {
			clear(acc)
		}
		for i, x := range g.v[k : k+n] {
			s := acc[i]
			if g.product {
				s = math.FMA(float64(x), float64(g.w[k+int64(i)]), s)
			} else {
				s += float64(x)
			}
			acc[i] = canonical(s)
		}
		k += n
	}
}

// endWhole closes the chunk and the block that end at element pos of a launch of end elements.
func (s *groupSum) endWhole(lanes *[kernels.Lanes]float64, out []float64, pos, end int64) {
	if pos%kernels.ChunkElems == 0 || pos == end {
		s.addChunk(fold(lanes), pos)
	}
	s.closeWhole(out, pos, end)
}

// closeWhole is endWhole without the chunk.
func (s *groupSum) closeWhole(out []float64, pos, end int64) {
	if pos%kernels.BlockElems == 0 || pos == end {
		out[(pos-1)/kernels.BlockElems] = canonical(s.endBlock())
	}
}

// endRow closes the chunk, the block and the row that end at element end of the launch.
func (s *groupSum) endRow(lanes *[kernels.Lanes]float64, out []float64, end, cols int64) {
	pos := (end-1)%cols + 1
	if pos%kernels.ChunkElems == 0 || pos == cols {
		s.addChunk(fold(lanes), pos)
	}
	s.closeRow(out, end, cols)
}

// closeRow is endRow without the chunk.
func (s *groupSum) closeRow(out []float64, end, cols int64) {
	pos := (end-1)%cols + 1
	if pos%kernels.BlockElems == 0 || pos == cols {
		s.total += s.endBlock()
	}
	if pos == cols {
		out[(end-1)/cols] = canonical(s.total)
		s.total = 0
	}
}

// addChunk adds the sum of the chunk that ends at element end of the group.
func (s *groupSum) addChunk(x float64, end int64) {
	s.chunks[(end-1)%kernels.BlockElems/kernels.ChunkElems] = x
	s.odd = s.odd || x-x != 0
}

// endBlock folds the chunk sums of a block and clears them.
func (s *groupSum) endBlock() float64 {
	x := s.chunks
	clear(s.chunks[:])
	for h := len(x) / 2; h > 0; h /= 2 {
		for i := range h {
			x[i] += x[i+h]
		}
	}
	return x[0]
}

// canonical returns x, or the canonical NaN if x is a NaN.
func canonical(x float64) float64 {
	if x != x {
		return math.Float64frombits(0x7ff8000000000000)
	}
	return x
}
