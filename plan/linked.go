package plan

import "slices"

// linked is the keys that methods make together with others. Which those are is found key by
// key; two keys are in one job if they are outputs of one relation of one node, directly or by
// way of others.
type linked struct {
	keys  []string       // in order
	at    map[string]int // by key: its number
	in    [][]int        // by number: the targets that may have it
	up    []int          // by number: another number of its job; itself at the top
	first map[relation]int
}

// relation is a relation of a node of a target.
type relation struct {
	target int
	link
}

// add enters a key of a target and the relations that it depends on.
func (l *linked) add(key string, target int, in []int, links []link) {
	if l.at == nil {
		l.at, l.first = map[string]int{}, map[relation]int{}
	}
	n, ok := l.at[key]
	if !ok {
		n = len(l.keys)
		l.at[key] = n
		l.keys, l.in, l.up = append(l.keys, key), append(l.in, in), append(l.up, n)
	}
	for _, x := range links {
		r := relation{target, x}
		if m, ok := l.first[r]; ok {
			l.up[l.top(n)] = l.top(m)
		} else {
			l.first[r] = n
		}
	}
}

func (l *linked) top(n int) int {
	for l.up[n] != n {
		l.up[n] = l.up[l.up[n]]
		n = l.up[n]
	}
	return n
}

// each makes the jobs of linked keys and adds up what they take.
func (l *linked) each(sv *survey) error {
	p := sv.p
	groups := make([][]string, len(l.keys))
	for n, key := range l.keys {
		groups[l.top(n)] = append(groups[l.top(n)], key)
	}
	for _, keys := range groups {
		if len(keys) == 0 {
			continue
		}
		if len(keys) > 1 {
			if p.group == nil {
				p.group = map[string][]string{}
			}
			for _, key := range keys {
				p.group[key] = keys
			}
		}
		if err := sv.wrong(l.job(sv, keys)); err != nil {
			return err
		}
	}
	return nil
}

// job evaluates the keys of a job and adds up what they take.
func (l *linked) job(sv *survey, keys []string) (err error) {
	p := sv.p
	p.begin()
	p.made = p.made[:0]
	for t := range p.targets {
		var mine []string
		for _, key := range keys {
			if slices.Contains(l.in[l.at[key]], t) {
				mine = append(mine, key)
			}
		}
		if p.made, err = p.evaluate(p.made, t, mine, nil); err != nil {
			return err
		}
	}
	return sv.job()
}
