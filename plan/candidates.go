package plan

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
	has := make([]map[string]bool, len(p.targets))
	for t := range p.targets {
		s := p.targets[t].e.s
		has[t] = make(map[string]bool, s.NumKeys())
		for i := range s.NumKeys() {
			has[t][s.Key(i)] = true
		}
	}
	for t := range p.targets {
		s := p.targets[t].e.s
		for i := range s.NumKeys() {
			key := s.Key(i)
			if !has[t][key] {
				continue // an earlier target had it
			}
			in := all[:0:0]
			for k := t; k < len(has); k++ {
				if has[k][key] {
					in = append(in, k)
					delete(has[k], key)
				}
			}
			if err := f(key, in); err != nil {
				return err
			}
		}
	}
	return nil
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
