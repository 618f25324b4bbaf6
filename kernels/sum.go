package kernels

import "math"

// groupSum adds up one block after the other of a group by the sum rule (see Group).
type groupSum struct {
	lanes  [Lanes]float64
	chunks [BlockElems / ChunkElems]float64
	n      int     // elements of the block so far
	total  float64 // finished blocks of the group
}

// add adds elements that all lie in the current block: v, or v*w if w is not nil.
func (s *groupSum) add(v, w []float64) {
	for len(v) > 0 {
		n := min(len(v), ChunkElems-s.n%ChunkElems)
		lane := s.n % Lanes
		for i, x := range v[:n] {
			if w != nil {
				s.lanes[lane] = math.FMA(x, w[i], s.lanes[lane])
			} else {
				s.lanes[lane] += x
			}
			lane = (lane + 1) % Lanes
		}
		s.n += n
		if s.n%ChunkElems == 0 {
			s.endChunk()
		}
		v = v[n:]
		if w != nil {
			w = w[n:]
		}
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
	v := toWide(e.wide[0], e.num(r.V, n))
	var w []float64
	if r.Product {
		w = toWide(e.wide[1], e.num(r.W, n))
	}
	switch r.Group {
	case ByRow:
		s.byRow(out, v, w, at, l.Cols)
	case ByCol:
		byCol(out, v, w, at, l.Cols)
	default:
		s.whole(out, v, w, at, l.N)
	}
}

// toWide widens x into dst, exactly.
func toWide[F float](dst []float64, x []F) []float64 {
	for i, v := range x {
		dst[i] = float64(v)
	}
	return dst[:len(x)]
}

// whole writes the sum of each block. at is the position of v in the launch, which has
// n elements.
func (s *groupSum) whole(out []byte, v, w []float64, at, n int64) {
	pieces(v, w, at, BlockElems, func(v, w []float64, at int64) {
		s.add(v, w)
		if end := at + int64(len(v)); end%BlockElems == 0 || end == n {
			putSum(out[8*(at/BlockElems):], s.endBlock())
		}
	})
}

// byRow writes the sum of each row of cols elements.
func (s *groupSum) byRow(out []byte, v, w []float64, at, cols int64) {
	pieces(v, w, at, cols, func(v, w []float64, at int64) {
		pieces(v, w, at%cols, BlockElems, func(v, w []float64, at int64) {
			s.add(v, w)
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
func pieces(v, w []float64, at, period int64, f func(v, w []float64, at int64)) {
	for len(v) > 0 {
		n := min(int64(len(v)), period-at%period)
		var p []float64
		if w != nil {
			p, w = w[:n], w[n:]
		}
		f(v[:n], p, at)
		v, at = v[n:], at+n
	}
}

// byCol adds each element to its column's sum, which starts at +0 in every group of
// GroupRows rows.
func byCol(out []byte, v, w []float64, at, cols int64) {
	row, col := at/cols, at%cols
	for i, x := range v {
		slot := out[8*(row/GroupRows*cols+col):]
		acc := math.Float64frombits(le.Uint64(slot))
		if row%GroupRows == 0 {
			acc = 0
		}
		if w != nil {
			acc = math.FMA(x, w[i], acc)
		} else {
			acc += x
		}
		putSum(slot, acc)
		if col++; col == cols {
			row, col = row+1, 0
		}
	}
}

// putSum stores a sum; a NaN becomes the canonical one.
func putSum(b []byte, x float64) { le.PutUint64(b, bits64(x)) }
