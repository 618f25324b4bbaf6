package plan

import (
	"errors"
	"fmt"

	"github.com/mecha-gpu/mecha-gpu/kernels"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// job makes job i of the plan.
func (p *planner) job(i int, gone []int) (*Job, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := p.layout.At(i)
	j := &Job{Index: i, Entry: i, Key: out.Key, Pos: out.Pos, DType: out.DType, N: out.Shape.N()}
	v, err := p.e.output(out.Key, gone)
	if err != nil {
		return nil, err
	}
	if v.missing != nil {
		j.Dropped = true
		return j, nil
	}
	if !v.T.Shape().Equal(out.Shape) {
		return nil, &tensor.Error{Class: tensor.ClassInput, Key: out.Key,
			Err: errors.New("the alternative for a tensor with non-finite elements has another shape"),
			Got: v.T.Shape().String(), Want: out.Shape.String()}
	}
	if j.Segments, err = p.e.segments(v.T, out.DType); err != nil {
		return nil, &tensor.Error{Class: tensor.ClassRecipe, Key: out.Key, Err: err}
	}
	j.Note = p.e.finalNote(j.Segments)
	p.residence(j)
	return j, nil
}

// residence decides whether the sources of a job are kept in memory between sweeps.
func (p *planner) residence(j *Job) {
	var n int64
	several := false
	for i := range j.Segments {
		s := &j.Segments[i]
		several = several || len(s.Inst.Sweeps) > 1
		n += s.residentBytes()
	}
	if several && n <= p.budget && !p.small(j) {
		j.Resident, j.Lease = true, n
	}
}

// small reports whether a slot holds the whole job, so that it is resident anyway.
func (p *planner) small(j *Job) bool {
	var n int64
	for i := range j.Segments {
		s := &j.Segments[i]
		var most int64
		for k := range s.Inst.Sweeps {
			most = max(most, s.UnitBytes(k, s.Inst.Domains[s.Inst.Sweeps[k].Domain].N, false))
		}
		n += most
	}
	return n <= p.ring.SlotBytes
}

// segments lowers an expression and says where its leaves are.
func (e *evaluator) segments(t kernels.T, d tensor.DType) ([]Segment, error) {
	parts, err := e.lower.Lower(t, d)
	if err != nil {
		return nil, err
	}
	segs := make([]Segment, len(parts))
	for i, part := range parts {
		s := Segment{First: part.First, N: part.N, Inst: part.Inst, Reads: make([]Read, len(part.Inst.Leaves))}
		for k, ref := range part.Inst.Leaves {
			l := e.leaves[ref.Number]
			t := e.s.Models[l.model].Header.At(l.entry)
			s.Reads[k] = Read{Model: l.model, Entry: l.entry, Pos: t.Pos + ref.Start*t.DType.Size(), DType: t.DType, N: ref.N}
			if t.DType.Size() == 0 && (ref.Start != 0 || ref.N != t.Shape.N()) {
				return nil, fmt.Errorf("a tensor of %v cannot be cut", t.DType)
			}
		}
		segs[i] = s
	}
	return segs, nil
}

// finalNote completes the note of the key that was evaluated last.
func (e *evaluator) finalNote(segs []Segment) Note {
	n := e.note
	n.Copied = len(segs) > 0
	for i := range segs {
		n.Copied = n.Copied && segs[i].Inst.Kind == kernels.Copied
	}
	return n
}
