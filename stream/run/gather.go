package run

import (
	"math"
	"slices"

	"github.com/mecha-gpu/mecha-gpu/kernels"
	"github.com/mecha-gpu/mecha-gpu/plan"
)

// gather collects the results of the units of a sweep. Which unit comes first does not
// matter: sums are kept by block and added at the end, everything else is order-free.
type gather struct {
	seg   *plan.Segment
	sweep int
	sums  [][]float64 // by reduction: block sums in element order
	ints  []uint64    // by reduction: count, or largest order key
	marks []bool      // by guard: set by the stored bits of a leaf
}

// open makes ready for a sweep. Memory is used again.
func (g *gather) open(seg *plan.Segment, sweep int) {
	g.seg, g.sweep = seg, sweep
	sw := &seg.Inst.Sweeps[sweep]
	n := seg.Inst.Domains[sw.Domain].N
	g.sums = resize(g.sums, len(sw.Reduces))
	g.ints = resize(g.ints, len(sw.Reduces))
	g.marks = resize(g.marks, seg.Inst.Lowered.Guards)
	clear(g.ints)
	clear(g.marks)
	for i, r := range sw.Reduces {
		if r.Kind == kernels.Sum {
			g.sums[i] = resize(g.sums[i], int((n+kernels.BlockElems-1)/kernels.BlockElems))
		}
	}
}

func resize[T any](s []T, n int) []T { return slices.Grow(s[:0], n)[:n] }

// add takes the results of a unit.
func (g *gather) add(u *unit, res []byte) {
	guards := res[u.seg.GuardsAt(u.sweep):]
	for i := range g.marks {
		if le.Uint32(guards[4*i:]) != 0 {
			g.marks[i] = true
		}
	}
	at := u.seg.ReducesAt(u.sweep)
	for i, r := range u.sw().Reduces {
		b := res[at : at+plan.ReduceBytes(r.Kind, u.count)]
		at += int64(len(b))
		switch r.Kind {
		case kernels.Sum:
			first := u.first / kernels.BlockElems
			for k := range len(b) / 8 {
				g.sums[i][first+int64(k)] = math.Float64frombits(le.Uint64(b[8*k:]))
			}
		case kernels.Max:
			g.ints[i] = max(g.ints[i], le.Uint64(b))
		default:
			g.ints[i] += le.Uint64(b)
		}
	}
}

// finish fills the numbers that the sweep makes: sums are added left to right from +0.
func (g *gather) finish(nums, scratch []float64) {
	sw := &g.seg.Inst.Sweeps[g.sweep]
	for i, r := range sw.Reduces {
		switch r.Kind {
		case kernels.Sum:
			scratch[i] = 0
			for _, x := range g.sums[i] {
				scratch[i] += x
			}
		case kernels.Max:
			scratch[i] = kernels.FromOrderKey(g.ints[i])
		default:
			scratch[i] = float64(g.ints[i])
		}
	}
	sw.Finish(nums, scratch)
}

// found returns the guards that are set, as indices: those of leaves; if there is none,
// the first one of a computed tensor. That one may be set only because of an earlier one,
// and what it protects depends on which leaves are there, so it is alone and comes last.
func (g *gather) found() []int {
	var set []int
	for i, m := range g.marks {
		if m {
			set = append(set, i)
		}
	}
	if set != nil {
		return set
	}
	first := -1
	for i, r := range g.seg.Inst.Sweeps[g.sweep].Reduces {
		if r.Guard >= 0 && g.ints[i] != 0 && (first < 0 || r.Guard < first) {
			first = r.Guard
		}
	}
	if first < 0 {
		return nil
	}
	return []int{first}
}

// confluent reports whether a segment's guards are all of leaves: then whichever of them
// are found first, the job ends in the same alternative, and a sweep can be left early.
func confluent(s *plan.Segment) bool {
	for i := range s.Inst.Sweeps {
		for _, r := range s.Inst.Sweeps[i].Reduces {
			if r.Guard >= 0 {
				return false
			}
		}
	}
	return true
}
