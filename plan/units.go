package plan

import (
	"github.com/mecha-gpu/mecha-gpu/kernels"
)

// align is the alignment of every span in a slot: a cache line.
const align = 64

// A span of a page or more is followed by a gap, so that spans of equal length do not have
// equal offsets in their pages: loads then wait for stores that only look as if they wrote the same
// memory (4 KiB aliasing), which took 40 % of the speed of an average of ten (measured on
// 2026-11-26).
const (
	page = 4096
	gap  = 17 * align
)

// Align returns how many bytes of a slot a span of n bytes takes.
func Align(n int64) int64 {
	a := (n + align - 1) &^ (align - 1)
	if n >= page {
		a += gap
	}
	return a
}

// Joined returns how many bytes of a slot a range of n bytes takes at most that may become
// one span with others: a range that is shorter than a page bears its part of the gap, since
// together they may fill a page.
func Joined(n int64) int64 {
	a := Align(n) + align // the ends of what it is joined with are not aligned
	if n < page {
		a += (n*gap + page - 1) / page
	}
	return a
}

// UnitBytes returns the slot bytes that a unit of count elements of a sweep needs: the
// leaves of its largest body, its temporaries, its output if it stores one, and its
// results. inPlace leaves out dense leaves (they are resident or in memory).
func (s *Segment) UnitBytes(sweep int, count int64, inPlace bool) int64 {
	sw := &s.Inst.Sweeps[sweep]
	d := s.Inst.Domains[sw.Domain]
	var most int64
	for i := range sw.Bodies {
		b := &sw.Bodies[i]
		var n int64
		for _, u := range b.Leaves {
			leaf := s.Inst.Leaves[u.Leaf]
			if u.Form == kernels.Dense && inPlace {
				continue
			}
			// A unit may start inside a row: one value more, or one row of a factor.
			lo, hi := s.Inst.Range(u, d, 0, count)
			more := int64(1)
			if u.Form == kernels.Rows {
				more = s.Inst.Domains[u.Own].Cols
			}
			n += Align(min(hi-lo+more, max(leaf.N, 1)) * s.Inst.Lowered.Leaves[u.Leaf].Size())
		}
		most = max(most, n+tempBytes(b, count))
	}
	copies := s.Inst.Copies()
	for _, k := range sw.Outs {
		if x := &s.Inst.Outs[k]; copies || x.Kind != kernels.Copied { // a copy is where its leaf is
			most += Align(count * x.DType.Size())
		}
	}
	return most + Align(s.ResultBytes(sweep, count))
}

// UnitElems returns how many elements of a sweep a unit takes so that it fits a slot and
// its outputs together are about unitBytes: a multiple of BlockElems for sums, of the row for GoFuncs on rows and for products, all
// elements for GoFuncs on whole tensors. It returns 0 if the slot is too small.
func (s *Segment) UnitElems(sweep int, r Ring, inPlace bool) int64 {
	sw := &s.Inst.Sweeps[sweep]
	d := s.Inst.Domains[sw.Domain]
	step := int64(1)
	switch {
	case sw.Cut == kernels.CutNever:
		step = max(d.N, 1)
	case sw.Cut == kernels.CutRows:
		step = max(d.Cols, 1)
		if sw.Sums && step < d.N {
			step = max(d.N, 1) // rows and blocks agree only on the whole
		}
	case sw.Sums:
		step = kernels.BlockElems
	default:
		step = s.productRow(sw)
	}
	if d.N <= step {
		step = max(d.N, 1)
	}
	size := s.storedBytes()
	n := max(r.UnitBytes/size/step*step, step)
	for n > step && s.UnitBytes(sweep, n, inPlace) > r.SlotBytes {
		n = max(n/2/step*step, step)
	}
	if s.UnitBytes(sweep, n, inPlace) > r.SlotBytes {
		return 0
	}
	return n
}

// productRow returns the length of a row of the products that a sweep computes, 1 if there are
// none: a product makes the end of a row and the start of the next one in two parts.
func (s *Segment) productRow(sw *kernels.Sweep) int64 {
	row := int64(1)
	for i := range sw.Bodies {
		for _, st := range sw.Bodies[i].Steps {
			if st.Product != nil {
				row = max(row, s.Inst.Domains[st.Product.Y.Own].Cols)
			}
		}
	}
	return row
}

// storedBytes returns how many bytes a sweep stores for an element, of the sweep that stores most.
func (s *Segment) storedBytes() int64 {
	most := int64(1)
	for i := range s.Inst.Sweeps {
		var n int64
		for _, k := range s.Inst.Sweeps[i].Outs {
			n += s.Inst.Outs[k].DType.Size()
		}
		most = max(most, n)
	}
	return most
}

// SlotBytes returns the slot bytes with which every sweep of the segment has units of the
// wanted size, and those without which it cannot run.
func (s *Segment) SlotBytes(unitBytes int64, inPlace bool) (want, need int64) {
	for i := range s.Inst.Sweeps {
		big := s.UnitElems(i, Ring{UnitBytes: unitBytes, SlotBytes: 1 << 62}, inPlace)
		small := s.UnitElems(i, Ring{UnitBytes: 1, SlotBytes: 1 << 62}, inPlace)
		n := s.Inst.Domains[s.Inst.Sweeps[i].Domain].N
		want = max(want, s.UnitBytes(i, min(big, max(n, 1)), inPlace))
		need = max(need, s.UnitBytes(i, min(small, max(n, 1)), inPlace))
	}
	return want, need
}
