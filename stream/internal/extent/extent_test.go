package extent

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// The set agrees with one flag per position, whatever is added in whatever order.
func TestSetAgreesWithOneFlagPerPosition(t *testing.T) {
	const size = 60
	rng := rand.New(rand.NewPCG(1, 2))
	for range 500 {
		var s Set
		var written [size]bool
		for range rng.IntN(25) {
			start := rng.Int64N(size)
			end := min(size, start+rng.Int64N(9))
			s.Add(start, end)
			for i := start; i < end; i++ {
				written[i] = true
			}
			if got, want := s.Gaps(size), gapsOf(written[:]); !slices.Equal(got, want) {
				t.Fatalf("gaps %v, want %v", got, want)
			}
		}
		for i, r := range s.runs {
			if r.Start >= r.End || i > 0 && s.runs[i-1].End >= r.Start {
				t.Fatalf("runs are not apart: %v", s.runs)
			}
		}
	}
}

func gapsOf(written []bool) []Extent {
	var gaps []Extent
	for i, w := range written {
		switch n := len(gaps); {
		case w:
		case n > 0 && gaps[n-1].End == int64(i):
			gaps[n-1].End++
		default:
			gaps = append(gaps, Extent{int64(i), int64(i) + 1})
		}
	}
	return gaps
}

func TestWritersInOrderLeaveFewRuns(t *testing.T) {
	var s Set
	for i := int64(0); i < 1000; i += 2 { // pairs of writers that overtake each other
		s.Add((i+1)*10, (i+2)*10)
		s.Add(i*10, (i+1)*10)
		if len(s.runs) != 1 {
			t.Fatalf("%d runs after pair %d", len(s.runs), i)
		}
	}
}
