package kernels

import (
	"math"

	"github.com/mecha-gpu/mecha-gpu/tensor"
)

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
			o := &l.Prog.Operands[r.Of]
			if le.Uint32(out)&1 == 0 && NonFinite(gather(e.raw, o, &l.Args[r.Of], l.First, at, n), o.DType) {
				le.PutUint32(out, le.Uint32(out)|1)
			}
		case OutFlag:
			le.PutUint32(out, le.Uint32(out)|e.judge(l, r.Of, at, n).flags())
		case OutCount:
			j := e.judge(l, r.Of, at, n)
			addUint64(out, j.nonFinite)
			addUint64(out[8:], j.overflow)
			addUint64(out[16:], j.underflow)
		case Count:
			addUint64(out, countSet(e.mask(r.V, n)))
		case Max:
			le.PutUint64(out, max(le.Uint64(out), maxKey(e.num(r.V, n))))
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

// verdict counts what became of stored elements.
type verdict struct {
	nonFinite uint64 // stored NaN or infinite
	overflow  uint64 // finite and stored NaN or infinite; integers: out of range or NaN
	underflow uint64 // not zero and stored zero; floats only
}

func (v verdict) flags() (f uint32) {
	if v.nonFinite > 0 {
		f = 1
	}
	if v.overflow > 0 || v.underflow > 0 {
		f |= 2
	}
	return f
}

// judge compares values with what store i made of them.
func (e *engine[F, W]) judge(l *Launch, i int, at int64, n int) (v verdict) {
	r := &l.Prog.Results[i]
	if r.DType.IsInteger() {
		v.overflow = countOutside(e.num(r.V, n), r.DType)
		return v
	}
	stored := e.back[:n]
	e.widen(stored, storedAt(l, i, at, n), r.DType)
	for k, x := range e.num(r.V, n) {
		s := stored[k]
		bad := !(s-s == 0)
		switch {
		case bad:
			v.nonFinite++
			if x-x == 0 {
				v.overflow++
			}
		case s == 0 && x != 0:
			v.underflow++
		}
	}
	return v
}

// countOutside counts the values that an integer type has no value for once their
// fraction is cut off, and NaNs. BOOL takes every value but NaN.
func countOutside[F float](x []F, d tensor.DType) (n uint64) {
	least, above := math.Inf(-1), math.Inf(1)
	switch d.Kind() {
	case tensor.KindInt:
		above = math.Ldexp(1, d.Bits()-1)
		least = -above
	case tensor.KindUint:
		least, above = 0, math.Ldexp(1, d.Bits())
	}
	for _, f := range x {
		v := math.Trunc(float64(f))
		if v != v || d != tensor.BOOL && (v < least || v >= above) {
			n++
		}
	}
	return n
}

func countSet(m []bool) (n uint64) {
	for _, set := range m {
		if set {
			n++
		}
	}
	return n
}

func maxKey[F float](x []F) (k uint64) {
	for _, v := range x {
		k = max(k, OrderKey(float64(v)))
	}
	return k
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

// infBits returns the bits of infinity and of the canonical NaN.
func infBits[W word]() (inf, nan W) {
	if signBit[W]() == 1<<31 {
		return 0x7f800000, nanF32
	}
	inf64, nan64 := uint64(0x7ff<<52), uint64(nanF64)
	return W(inf64), W(nan64)
}
