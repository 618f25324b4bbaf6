package kernels

import (
	"math"
	"unsafe"
)

// groupSum adds up one block after the other of a group by the sum rule (see Group).
type groupSum struct {
	lanes  [Lanes]float64
	chunks [BlockElems / ChunkElems]float64
	n      int     // elements of the block so far
	total  float64 // finished blocks of the group
}

// addTo adds elements that all lie in the current block: v, or v*w if w is not nil.
func addTo[F float](s *groupSum, v, w []F) {
	for len(v) > 0 {
		lane := s.n % Lanes
		n := min(len(v), Lanes-lane)
		if lanes := s.lanes[lane:][:n]; w == nil {
			addLanes(lanes, v)
		} else {
			addProducts(lanes, v, w)
			w = w[n:]
		}
		if s.n += n; s.n%ChunkElems == 0 {
			s.endChunk()
		}
		v = v[n:]
	}
}

func addLanes[F float](lanes []float64, v []F) {
	v = v[:len(lanes)]
	for k := range lanes {
		lanes[k] += float64(v[k])
	}
}

// addProducts adds products with one rounding. That of two float32 is exact in float64,
// so that any way of adding it rounds once.
func addProducts[F float](lanes []float64, v, w []F) {
	v, w = v[:len(lanes)], w[:len(lanes)]
	if unsafe.Sizeof(F(0)) == 4 {
		for k := range lanes {
			lanes[k] += float64(v[k]) * float64(w[k])
		}
		return
	}
	for k := range lanes {
		lanes[k] = math.FMA(float64(v[k]), float64(w[k]), lanes[k])
	}
}

func (s *groupSum) endChunk() {
	s.chunks[(s.n-1)/ChunkElems] = foldHalves(s.lanes[:])
	clear(s.lanes[:])
}

// endBlock returns the sum of the block and starts the next one.
func (s *groupSum) endBlock() float64 {
	if s.n%ChunkElems != 0 {
		s.endChunk()
	}
	sum := foldHalves(s.chunks[:])
	clear(s.chunks[:])
	s.n = 0
	return sum
}

// foldHalves adds the upper half of x to the lower half until one number is left. It
// overwrites x, whose length is a power of two.
func foldHalves(x []float64) float64 {
	for h := len(x) / 2; h > 0; h /= 2 {
		for k := range h {
			x[k] += x[k+h]
		}
	}
	return x[0]
}

// sum updates result i, a Sum, with the elements [at, at+n) of the launch.
func (e *engine[F, W]) sum(l *Launch, i int, at int64, n int) {
	r, s, out := &l.Prog.Results[i], &e.sums[i], l.Results[i].Bytes()
	v, w := e.num(r.V, n), []F(nil)
	if r.Product {
		w = e.num(r.W, n)
	}
	switch r.Group {
	case ByRow:
		sumRows(s, out, v, w, at, l.Cols)
	case ByCol:
		sumCols(out, v, w, at, l.Cols)
	default:
		sumBlocks(s, out, v, w, at, l.N)
	}
}

// sumBlocks writes the sum of each block. at is the position of v in the launch, which has
// n elements.
func sumBlocks[F float](s *groupSum, out []byte, v, w []F, at, n int64) {
	pieces(v, w, at, BlockElems, func(v, w []F, at int64) {
		addTo(s, v, w)
		if end := at + int64(len(v)); end%BlockElems == 0 || end == n {
			putSum(out[8*(at/BlockElems):], s.endBlock())
		}
	})
}

// sumRows writes the sum of each row of cols elements.
func sumRows[F float](s *groupSum, out []byte, v, w []F, at, cols int64) {
	pieces(v, w, at, cols, func(v, w []F, at int64) {
		pieces(v, w, at%cols, BlockElems, func(v, w []F, at int64) {
			addTo(s, v, w)
			if end := at + int64(len(v)); end%BlockElems == 0 || end == cols {
				s.total += s.endBlock()
			}
		})
		if (at+int64(len(v)))%cols == 0 {
			putSum(out[8*(at/cols):], s.total)
			s.total = 0
		}
	})
}

// pieces calls f for the parts of v and w that lie in the same multiple of period
// elements. at is the position of v.
func pieces[F float](v, w []F, at, period int64, f func(v, w []F, at int64)) {
	for len(v) > 0 {
		n := min(int64(len(v)), period-at%period)
		var p []F
		if w != nil {
			p, w = w[:n], w[n:]
		}
		f(v[:n], p, at)
		v, at = v[n:], at+n
	}
}

// sumCols adds each element to its column's sum, which starts at +0 in every group of
// GroupRows rows.
func sumCols[F float](out []byte, v, w []F, at, cols int64) {
	pieces(v, w, at, cols, func(v, w []F, at int64) {
		row, col := at/cols, at%cols
		slots := out[8*(row/GroupRows*cols+col):][:8*len(v)]
		for i, x := range v {
			slot, acc := slots[8*i:][:8], 0.0
			if row%GroupRows != 0 {
				acc = math.Float64frombits(le.Uint64(slot))
			}
			if w != nil {
				acc = math.FMA(float64(x), float64(w[i]), acc)
			} else {
				acc += float64(x)
			}
			putSum(slot, acc)
		}
	})
}

// putSum stores a sum; a NaN becomes the canonical one.
func putSum(b []byte, x float64) { le.PutUint64(b, bits64(x)) }
