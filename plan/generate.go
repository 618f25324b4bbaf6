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
	if v.missing {
		j.Dropped = true
		return j, nil
	}
	if !v.T.Shape().Equal(out.Shape) {
		return nil, &tensor.Error{Class: tensor.ClassInput, Key: out.Key,
			Err: errors.New("the alternative for a tensor with non-finite elements has another shape"),
			Got: v.T.Shape().String(), Want: out.Shape.String()}
	}
	segs, err := p.e.segments(nil, v.T, out.DType)
	if err != nil {
		return nil, &tensor.Error{Class: tensor.ClassRecipe, Path: p.e.s.Graph.Name(), Key: out.Key, Err: err}
	}
	for i := range segs {
		segs[i].Inst = segs[i].Inst.Clone()
	}
	j.Segments, j.Note = segs, finalNote(v.note, segs)
	need := memoryOf(segs)
	if need.several && need.resident <= p.budget && !need.small(j.DType, j.N, p.ring) {
		j.Resident, j.Lease = true, need.resident
	}
	return j, nil
}

// BatchBytes is what a batch of jobs takes in a slot beside the jobs: the gap after its output,
// and alignment.
const BatchBytes = gap + 4*align

// jobMemory is what decides whether the sources of a job are kept in memory between sweeps.
type jobMemory struct {
	several  bool  // some segment has several sweeps
	resident int64 // bytes of all sources
	batch    int64 // slot bytes in which the whole job fits, output apart, so that it is read once anyway
	again    int64 // bytes that are read again if they are neither
}

func memoryOf(segs []Segment) (m jobMemory) {
	m.batch = BatchBytes
	for i := range segs {
		s := &segs[i]
		m.several = m.several || len(s.Inst.Sweeps) > 1
		if m.several {
			m.again += s.bytesRead() - s.bytesReadOnce()
		}
		for k := range s.Reads {
			n := bytesOf(s.Reads[k].DType, s.Reads[k].N)
			m.resident += Align(n)
			m.batch += Joined(n)
		}
		var most int64
		for k := range s.Inst.Sweeps {
			most = max(most, s.scratch(k, s.Inst.Domains[s.Inst.Sweeps[k].Domain].N))
		}
		m.batch += Align(most)
	}
	return m
}

// small reports whether a unit is the whole job.
func (m *jobMemory) small(d tensor.DType, n int64, r Ring) bool {
	out := bytesOf(d, n)
	return out <= max(r.UnitBytes, 1) && m.batch+out <= r.SlotBytes
}

// bytesOf returns the bytes of n elements, which fill whole bytes.
func bytesOf(d tensor.DType, n int64) int64 {
	if size := d.Size(); size > 0 {
		return n * size
	}
	return n * int64(d.Bits()) / 8
}

// segments lowers an expression and says where its leaves are. The segments use memory of
// segs, and of the evaluator until the next call.
func (e *evaluator) segments(segs []Segment, t kernels.T, d tensor.DType) ([]Segment, error) {
	parts, err := e.lower.LowerInto(e.parts, []kernels.Output{{Root: t, DType: d}})
	if err != nil {
		return nil, err
	}
	e.parts = parts
	if cap(segs) < len(parts) {
		segs = make([]Segment, len(parts))
	}
	segs = segs[:len(parts)]
	for i := range parts {
		part := &parts[i]
		s := &segs[i]
		s.First, s.N, s.Inst = part.First, part.N, part.Inst
		if s.Reads, err = e.reads(s.Reads[:0], part.Inst.Leaves); err != nil {
			return nil, err
		}
	}
	return segs, nil
}

// reads says where leaves are.
func (e *evaluator) reads(reads []Read, leaves []kernels.LeafRef) ([]Read, error) {
	if reads == nil && len(leaves) > 0 {
		reads = make([]Read, 0, len(leaves))
	}
	for _, ref := range leaves {
		l := e.leaves[ref.Number]
		t := e.s.Models[l.model].Header.At(l.entry)
		if t.DType.Size() == 0 && (ref.Start != 0 || ref.N != t.Shape.N() || ref.Cols != 0) {
			return nil, fmt.Errorf("a tensor of %v cannot be cut", t.DType)
		}
		reads = append(reads, Read{Model: l.model, Entry: l.entry, Pos: t.Pos + ref.Start*t.DType.Size(), DType: t.DType, N: ref.N, Cols: ref.Cols})
	}
	return reads, nil
}

// finalNote completes the note of a key.
func finalNote(n Note, segs []Segment) Note {
	n.Copied = len(segs) > 0
	for i := range segs {
		n.Copied = n.Copied && segs[i].Inst.Kind == kernels.Copied
	}
	return n
}
