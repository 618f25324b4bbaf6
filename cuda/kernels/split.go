package ptx

import "github.com/mecha-gpu/mecha-gpu/kernels"

// Totals of one pass, so that what a block of threads keeps of them fits its shared memory
// beside 64 registers of float64.
const (
	maxSums    = 8
	maxTallies = 8
)

// work is what one pass makes: indices of results.
type work struct {
	walk    int
	free    []int // stores, flags, counts of stores, histograms
	sums    []int // all of one group
	tallies []int // counts and maxima
}

// split divides the results of a Program over passes: the sums of a pass go over one kind of
// group, because the walk follows it. Everything that needs no total is made by the first.
func split(p *kernels.Program) []work {
	var free, tallies []int
	var sums [walkColumns + 1][]int
	for i := range p.Results {
		switch r := &p.Results[i]; r.Kind {
		case kernels.Sum:
			w := walkOf(r.Group)
			sums[w] = append(sums[w], i)
		case kernels.Count, kernels.Max:
			tallies = append(tallies, i)
		default:
			free = append(free, i)
		}
	}
	var all []work
	for w := range sums {
		for list := sums[w]; len(list) > 0; {
			n := min(len(list), maxSums)
			all = append(all, work{walk: w, sums: list[:n]})
			list = list[n:]
		}
	}
	for i := 0; len(tallies) > 0 || i == 0 && len(free) > 0; i++ {
		if i == len(all) {
			all = append(all, work{walk: walkFlat})
		}
		n := min(len(tallies), maxTallies)
		all[i].tallies, tallies = tallies[:n], tallies[n:]
		if i == 0 {
			all[i].free = free
		}
	}
	return all
}

func walkOf(g kernels.Group) int {
	switch g {
	case kernels.ByRow:
		return walkRows
	case kernels.ByCol:
		return walkColumns
	}
	return walkRanges
}

// MaxShared is the dynamic shared memory that every GPU gives a block without being asked
// (CUDA C++ programming guide, technical specifications: 48 KB).
const MaxShared = 48 << 10

// shapes are the kernels and sizes of blocks, the fastest first. vec is how many elements a
// thread takes at a time.
var shapes = []struct{ vec, threads int }{{4, 256}, {4, 128}, {4, 64}, {1, 128}, {1, 64}}

// entries are the kernels by compute type and by vec.
var entries = map[kernels.Compute]map[int]string{
	kernels.F32: {4: "run_f32x4", 1: "run_f32x1"},
	kernels.F64: {4: "run_f64x4", 1: "run_f64x1"},
}

// fit chooses the first shape whose shared memory suffices; the last one always does. The
// memory holds the registers, then the totals.
func (w *work) fit(compute kernels.Compute, regs int) (p Pass, lanesWord int) {
	for _, s := range shapes {
		if w.walk == walkColumns && s.threads > 64 {
			continue // a thread has 256 rows to go: more blocks of fewer threads
		}
		lanes := s.vec * s.threads
		lanesWord = regs * lanes * int(compute.DType().Size()) / 8
		p = Pass{Entry: entries[compute][s.vec], Threads: s.threads, walk: w.walk, lanes: lanes}
		p.Shared = 8 * (lanesWord + len(w.sums)*(lanes+chunkSlots) + len(w.tallies)*s.threads)
		if p.Shared <= MaxShared {
			break
		}
	}
	return p, lanesWord
}
