package kernels

import "math"

// results updates all results of the launch with its elements [at, at+n). Stores come
// first: flags and counts look at what was stored.
func (e *engine[F, W]) results(l *Launch, at int64, n int) {
	for i := range l.Prog.Results {
		if r := &l.Prog.Results[i]; r.Kind == Store {
			e.store(storedAt(l, i, at, n), e.num(r.V, n), r.DType)
		}
	}
	for i := range l.Prog.Results {
		r, out := &l.Prog.Results[i], l.Results[i].Bytes()
		switch r.Kind {
		case InFlag:
			if le.Uint32(out)&1 == 0 && l.anyNonFinite(r.Of, at, n) {
				le.PutUint32(out, le.Uint32(out)|1)
			}
		case OutCount:
			j := e.judge(l, r.Of, at, n)
			addUint64(out, j.nonFinite)
			addUint64(out[8:], j.overflow)
			addUint64(out[16:], j.underflow)
		case Count:
			addUint64(out, countSet(e.mask(r.V, n)))
		case Max:
			le.PutUint64(out, max(le.Uint64(out), maxKey(e.num(r.V, n), e.word(r.V, n))))
		case Hist:
			histogram(out, e.word(r.V, n), r, l.Prefixes[r.Of])
		case Sum:
			e.sum(l, i, at, n)
		}
	}
}

// storedAt returns the memory of store i for elements [at, at+n).
func storedAt(l *Launch, i int, at int64, n int) []byte {
	size := l.Prog.Results[i].DType.Size()
	return l.Results[i].Bytes()[at*size:][:int64(n)*size]
}

// addUint64 adds n to the number stored in b.
func addUint64(b []byte, n uint64) { le.PutUint64(b, le.Uint64(b)+n) }

// judge compares values with what store i made of them.
func (e *engine[F, W]) judge(l *Launch, i int, at int64, n int) verdict {
	r := &l.Prog.Results[i]
	return countStored[F, W](storedAt(l, i, at, n), r.DType, e.num(r.V, n))
}

func countSet(m []bool) (n uint64) {
	for _, set := range m {
		n += bit(set)
	}
	return n
}

// maxKey returns the largest OrderKey of the numbers x, of which there is at least one, with
// bits w. It compares keys of their own width: the sign flipped, or all bits of a negative
// number.
func maxKey[F float, W word](x []F, w []W) uint64 {
	inf, _ := infBits[W]()
	sign := signBit[W]()
	most, at := W(0), 0
	for i, b := range w {
		if b&^sign > inf {
			return OrderKey(math.NaN())
		}
		negative := -(b / sign) // all ones or 0
		if k := b ^ (negative | sign); k > most {
			most, at = k, i
		}
	}
	return OrderKey(float64(x[at]))
}

// histogram counts the magnitudes of x in the bins of r. A NaN counts as the canonical
// NaN without its sign.
func histogram[W word](out []byte, x []W, r *Result, prefix uint64) {
	inf, nan := infBits[W]()
	for _, b := range x {
		if b &^= signBit[W](); b > inf {
			b = nan
		}
		if uint64(b)>>(r.Shift+r.Width) == prefix {
			bin := uint64(b) >> r.Shift & (1<<r.Width - 1)
			addUint64(out[8*bin:], 1)
		}
	}
}

// oneBits returns the bits of 1.
func oneBits[W word]() W {
	if signBit[W]() == 1<<31 {
		return 0x3f800000
	}
	one64 := uint64(0x3ff << 52)
	return W(one64)
}

// infBits returns the bits of infinity and of the canonical NaN.
func infBits[W word]() (inf, nan W) {
	if signBit[W]() == 1<<31 {
		return 0x7f800000, nanF32
	}
	inf64, nan64 := uint64(0x7ff<<52), uint64(nanF64)
	return W(inf64), W(nan64)
}
