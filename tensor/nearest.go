package tensor

import (
	"slices"
	"strings"
	"unicode"
)

// Nearest returns at most n of the candidates that name may have been meant to be,
// nearest first, for messages such as `unknown method "wieghted_sum"`. Nearness is the
// number of typing mistakes (a letter too many, too few, another one, or two exchanged;
// optimal string alignment), ignoring case. An abbreviation (beginnings of words, in order:
// "wsum" for "weighted_sum") counts as two mistakes. All else that is further off than a third
// of the name, or one mistake if that is more, is left out.
func Nearest(name string, candidates []string, n int) []string {
	type hit struct {
		name string
		d    int
	}
	want := []rune(strings.ToLower(name))
	limit := min(max(1, (len(want)+1)/3), len(want)/2)
	var hits []hit
	var rows [3][]int
	for _, c := range candidates {
		got := []rune(strings.ToLower(c))
		d := distance(want, got, limit, &rows)
		switch {
		case d <= limit:
			hits = append(hits, hit{c, d})
		case abbreviates(want, got):
			hits = append(hits, hit{c, 2})
		}
	}
	slices.SortFunc(hits, func(a, b hit) int {
		if a.d != b.d {
			return a.d - b.d
		}
		return strings.Compare(a.name, b.name)
	})
	names := make([]string, 0, min(n, len(hits)))
	for _, h := range hits[:min(max(n, 0), len(hits))] {
		names = append(names, h.name)
	}
	return slices.Compact(names)
}

// abbreviates reports whether b has the letters of a, at least three, in order, where each of
// them follows the one before it or begins a word; the first one begins b.
func abbreviates(a, b []rune) bool {
	if len(a) < 3 || len(b) < len(a) || a[0] != b[0] {
		return false
	}
	ends := []int{1} // where the letters so far may end in b
	for _, r := range a[1:] {
		var next []int
		for j := ends[0]; j < len(b); j++ {
			if b[j] == r && (slices.Contains(ends, j) || beginsWord(b, j)) {
				next = append(next, j+1)
			}
		}
		if ends = next; len(ends) == 0 {
			return false
		}
	}
	return true
}

// beginsWord reports whether a word begins at b[j]: after a sign such as _ or -.
func beginsWord(b []rune, j int) bool {
	return j == 0 || !unicode.IsLetter(b[j-1]) && !unicode.IsDigit(b[j-1])
}

// distance is the optimal string alignment distance of a and b, or any number above limit
// if it is above limit. rows is scratch: the last three rows of the table of distances
// between prefixes.
func distance(a, b []rune, limit int, rows *[3][]int) int {
	if d := len(a) - len(b); d > limit || -d > limit {
		return limit + 1
	}
	for i := range rows {
		rows[i] = slices.Grow(rows[i][:0], len(b)+1)[:len(b)+1]
	}
	before, last, now := rows[0], rows[1], rows[2]
	for j := range now {
		now[j] = j
	}
	for i := 1; i <= len(a); i++ {
		before, last, now = last, now, before
		now[0] = i
		least := i
		for j := 1; j <= len(b); j++ {
			d := last[j-1]
			if a[i-1] != b[j-1] {
				d++
			}
			d = min(d, last[j]+1, now[j-1]+1)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				d = min(d, before[j-2]+1)
			}
			now[j] = d
			least = min(least, d)
		}
		if least > limit+1 { // an exchange may still save one
			return limit + 1
		}
	}
	return now[len(b)]
}
