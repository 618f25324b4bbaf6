// Package extent keeps track of which bytes of an output were written.
//
// Glossary:
//
//   - extent: a range of positions [Start, End).
//   - gap: an extent that was not written.
//
// Example:
//
//	var s extent.Set
//	s.Add(0, 10)
//	s.Add(20, 30)
//	s.Gaps(30) // [10, 20)
//
// Writing the same bytes twice is no mistake: a tensor may be computed again. The
// package does not look at the bytes.
package extent

import (
	"slices"
	"sync"
)

// Extent is a range of positions: Start is in it, End is not.
type Extent struct{ Start, End int64 }

// Set is a set of positions. The zero Set is empty. It may be used from any goroutine.
// It takes 16 bytes for each run of positions; writers that work through a file in
// order leave about as many runs as there are writers.
type Set struct {
	mu   sync.Mutex
	runs []Extent // ascending, with gaps between them
}

// Add puts the positions from start up to end into the set.
func (s *Set) Add(start, end int64) {
	if start >= end {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	// The runs from i to j touch the new one and become one run with it.
	i, _ := slices.BinarySearchFunc(s.runs, start, func(r Extent, at int64) int {
		if r.End < at {
			return -1
		}
		return 1
	})
	j := i
	for j < len(s.runs) && s.runs[j].Start <= end {
		start, end = min(start, s.runs[j].Start), max(end, s.runs[j].End)
		j++
	}
	s.runs = slices.Replace(s.runs, i, j, Extent{start, end})
}

// Gaps returns the extents of [0, size) that are not in the set, in ascending order.
func (s *Set) Gaps(size int64) []Extent {
	s.mu.Lock()
	defer s.mu.Unlock()
	var gaps []Extent
	at := int64(0)
	for _, r := range s.runs {
		if r.Start >= size {
			break
		}
		if r.Start > at {
			gaps = append(gaps, Extent{at, r.Start})
		}
		at = max(at, r.End)
	}
	if at < size {
		gaps = append(gaps, Extent{at, size})
	}
	return gaps
}
