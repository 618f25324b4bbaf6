package plan

import (
	"slices"
	"strings"

	"github.com/mecha-gpu/mecha-gpu/recipe"
)

// candidates calls f for every key that some target may have, with the targets: those of the
// first one in its order, then those that only later ones have.
func (p *planner) candidates(f func(key string, in []int) error) error {
	all := make([]int, len(p.targets))
	for t := range all {
		all[t] = t
	}
	if p.sameKeys() {
		s := p.targets[0].e.s
		for i := range s.NumKeys() {
			if err := f(s.Key(i), all); err != nil {
				return err
			}
		}
		return nil
	}
	sets := make([]keySet, len(p.targets))
	for t := range p.targets {
		sets[t] = newKeySet(p.targets[t].e.s)
	}
	for t := range sets {
		s := sets[t].s
		for i := range s.NumKeys() {
			if sets[t].done[i] {
				continue // an earlier target had it
			}
			key := s.Key(i)
			in := []int{t}
			for k := t + 1; k < len(sets); k++ {
				if n, ok := sets[k].find(key); ok {
					in = append(in, k)
					sets[k].done[n] = true
				}
			}
			if err := f(key, in); err != nil {
				return err
			}
		}
	}
	return nil
}

// keySet is the keys that a target may have, in 5 bytes each: there may be 100,000 of them, and as
// many in each target.
type keySet struct {
	s     *recipe.Solved
	order []int32 // numbers of the keys in the order of their bytes
	done  []bool  // by number: an earlier target has the key as well
}

func newKeySet(s *recipe.Solved) keySet {
	k := keySet{s, make([]int32, s.NumKeys()), make([]bool, s.NumKeys())}
	for i := range k.order {
		k.order[i] = int32(i)
	}
	slices.SortFunc(k.order, func(a, b int32) int { return strings.Compare(s.Key(int(a)), s.Key(int(b))) })
	return k
}

// find returns the number of a key.
func (k *keySet) find(key string) (n int, ok bool) {
	i, ok := slices.BinarySearchFunc(k.order, key, func(n int32, key string) int { return strings.Compare(k.s.Key(int(n)), key) })
	if !ok {
		return 0, false
	}
	return int(k.order[i]), true
}

// sameKeys reports whether all targets may have the same keys, in the same order, as the
// targets of a sweep do.
func (p *planner) sameKeys() bool {
	s := p.targets[0].e.s
	for _, t := range p.targets[1:] {
		if t.e.s.NumKeys() != s.NumKeys() {
			return false
		}
		for i := range s.NumKeys() {
			if t.e.s.Key(i) != s.Key(i) {
				return false
			}
		}
	}
	return true
}
