package plan

import "github.com/mecha-gpu/mecha-gpu/tensor"

// order numbers the jobs in the order of the files, as far as these agree, so that neighbours
// can be written together. It returns how many there are.
func (p *planner) order() int {
	if len(p.targets) == 1 && p.group == nil {
		return p.targets[0].layout.Len()
	}
	done := make([][]bool, len(p.targets))
	next := make([]int, len(p.targets))
	for t := range p.targets {
		done[t] = make([]bool, p.targets[t].layout.Len())
	}
	for {
		t := p.head(next, done)
		if t < 0 {
			return len(p.jobs)
		}
		p.jobs = append(p.jobs, jobRef{int32(t), int32(next[t])})
		for _, key := range p.keysOf(len(p.jobs) - 1) {
			for k := range p.targets {
				if n, ok := p.targets[k].entry(key); ok {
					done[k][n] = true
				}
			}
		}
	}
}

// head returns the target whose next entry that has no job comes first in the order of files;
// -1 if there is none.
func (p *planner) head(next []int, done [][]bool) int {
	best := -1
	var first tensor.Entry
	for t := range p.targets {
		for next[t] < len(done[t]) && done[t][next[t]] {
			next[t]++
		}
		if next[t] == len(done[t]) {
			continue
		}
		if e := p.targets[t].layout.At(next[t]); best < 0 || tensor.FileOrder(e, first) < 0 {
			best, first = t, e
		}
	}
	return best
}

// keysOf returns the keys of a job.
func (p *planner) keysOf(job int) []string {
	ref := jobRef{entry: int32(job)}
	if p.jobs != nil {
		ref = p.jobs[job]
	}
	key := p.targets[ref.target].key(int(ref.entry))
	if all := p.group[key]; all != nil {
		return all
	}
	p.one[0] = key
	return p.one[:]
}
