package run

import (
	"errors"
	"fmt"
	"slices"

	"github.com/mecha-gpu/mecha-gpu/plan"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// again is a job that has to be generated without some guards.
type again struct {
	index int
	gone  []int
	why   *plan.Read // the leaf of the first guard that was found last; nil if it was computed

	omitted []Omission // what the guards that were found last protect
}

// restart turns the guards that were found set in a segment (indices of its guards) into
// what to do about them. before says how the job came to be made again, if it was.
func (l *loop) restart(j *plan.Job, s *plan.Segment, before *again, found []int) (again, error) {
	var gone []int
	if before != nil {
		gone = before.gone
	}
	a := again{index: j.Index, gone: slices.Clone(gone), why: l.judged(j, s, found[0])}
	if l.o.NonFinite == Refuse {
		return a, l.refused(j, a.why)
	}
	for _, g := range found {
		if n := s.Inst.Guards[g]; !slices.Contains(a.gone, n) { // views of a leaf have one guard each
			a.gone = append(a.gone, n)
			a.omitted = append(a.omitted, l.omission(j, l.judged(j, s, g)))
		}
	}
	slices.Sort(a.gone)
	if len(a.gone) == len(gone) { // it would go on forever
		return a, planError(j, "guards %v are still there", gone)
	}
	return a, nil
}

// omission names a leaf, or what was computed for a job if there is no leaf.
func (l *loop) omission(j *plan.Job, leaf *plan.Read) Omission {
	if leaf == nil {
		return Omission{Key: j.Key()}
	}
	return Omission{Source: l.sources[leaf.Model].Name(), Key: l.inputKey(leaf)}
}

// refused is the error for a non-finite element under the policy Refuse.
func (l *loop) refused(j *plan.Job, why *plan.Read) error {
	e := &tensor.Error{Class: tensor.ClassInput, Key: j.Key(), Hint: "the policy for non-finite values is to refuse them",
		Err: errors.New("an intermediate result has elements that are NaN or infinite")}
	if why != nil {
		e.Path = l.sources[why.Model].Name()
		e.Err = fmt.Errorf("input %q has elements that are NaN or infinite", l.inputKey(why))
	}
	return e
}

// judged returns the stored tensor that guard g of a segment judges, or nil if that is computed.
func (l *loop) judged(j *plan.Job, s *plan.Segment, g int) *plan.Read {
	source, entry, ok := l.p.Guarded(j, s.Inst.Guards[g])
	if !ok {
		return nil
	}
	return &plan.Read{Model: source, Entry: entry}
}

// finished enters the outputs of a job: those that were made, and those that cannot be made. a
// says how the job came to be made again, if it was. The caller holds mu.
func (l *loop) finished(j *plan.Job, counts []Count, a *again) error {
	for i := range j.Outputs {
		o := &j.Outputs[i]
		if !o.Dropped {
			l.rep.done(o, counts[i])
			continue
		}
		d := Drop{Sink: o.Sink, Key: o.Key}
		if a != nil {
			d.Guards = a.gone
			if a.why != nil {
				d.Source, d.Input = l.sources[a.why.Model].Name(), l.inputKey(a.why)
			}
		}
		l.rep.drop(d)
		l.drops[o.Sink] = append(l.drops[o.Sink], o.Entry)
	}
	if a == nil {
		return nil
	}
	return l.remade(j)
}

// checks reports whether the sweep of a copied or converted segment is wanted.
func (l *loop) checks(s *plan.Segment) bool {
	return len(s.Inst.Sweeps) > 0 && len(s.Inst.Sweeps[0].Bodies[0].Steps) > 0 && (l.o.CheckOutput || l.guarding() && s.Inst.Lowered.Guards > 0)
}

// guarding reports whether guards are looked at.
func (l *loop) guarding() bool { return l.o.NonFinite != Keep }
