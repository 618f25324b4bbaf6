package plan

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/mecha-gpu/mecha-gpu/kernels"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// survey goes over all keys once, before anything is laid out.
type survey struct {
	p          *planner
	o          Options
	outs       []output
	missing    Names
	mismatched Names
	errs       []error
	nErrs      int
	totals     Totals
	used       []int // keys read, by model
	usedBy     []int // by model: the last key that reads it, counted from 1
	reps       map[*kernels.Lowered]*rep
	segs       []Segment         // of the key at hand
	again      map[sharing]int64 // bytes that jobs with several sweeps read again
	resident   int64             // bytes of the sources of all jobs with several sweeps
}

// output is a key that comes out.
type output struct {
	key   string
	dtype tensor.DType
	shape tensor.Shape
}

// rep stands for all segments that run the same Lowered.
type rep struct {
	longest, widest, neediest Segment // by elements, by slot bytes wanted, by slot bytes needed
	want, need                int64   // slot bytes that widest wants, that neediest needs
	resident                  int64   // bytes of all sources of the largest job
}

// sharing is what decides whether a job with several sweeps reads its sources again.
type sharing struct {
	mem   jobMemory
	dtype tensor.DType
	n     int64
}

// defaultUnit is a unit size at which segments are compared.
const defaultUnit = 512 << 10

// maxErrors is how many wrong keys an error lists.
const maxErrors = 1000

func (sv *survey) keys(ctx context.Context) error {
	s := sv.p.e.s
	sv.used, sv.usedBy = make([]int, len(s.Models)), make([]int, len(s.Models))
	n := s.NumKeys()
	sv.outs = make([]output, 0, n)
	for i := range n {
		if i%1024 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		if err := sv.key(s.Key(i)); err != nil {
			if tensor.ClassOf(err) == tensor.ClassOther {
				return err
			}
			if sv.nErrs++; sv.nErrs <= maxErrors {
				sv.errs = append(sv.errs, err)
			}
		}
	}
	if sv.nErrs > maxErrors {
		sv.errs = append(sv.errs, fmt.Errorf("and %d more keys", sv.nErrs-maxErrors))
	}
	if len(sv.errs) > 0 {
		return errors.Join(sv.errs...)
	}
	return sv.complete()
}

// complete checks the set of output keys as a whole.
func (sv *survey) complete() error {
	if sv.o.StrictKeys && sv.missing.Count > 0 {
		return &tensor.Error{Class: tensor.ClassInput, Err: fmt.Errorf("%d keys cannot be produced: %s", sv.missing.Count, list(sv.missing))}
	}
	if len(sv.outs) > 0 {
		return nil
	}
	var b strings.Builder
	for i, m := range sv.p.e.s.Models {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%s has %d keys", m.Path, m.Header.Len())
	}
	return &tensor.Error{Class: tensor.ClassInput, Err: fmt.Errorf("nothing to merge: no key can be produced"), Got: b.String(),
		Hint: "the models of the recipe have no key in common, or a parameter is given for other keys"}
}

func list(n Names) string {
	s := strings.Join(n.First[:min(len(n.First), 20)], ", ")
	if n.Count > 20 {
		s += fmt.Sprintf(", and %d more", n.Count-20)
	}
	return s
}

// key evaluates one candidate key and adds up what it takes.
func (sv *survey) key(key string) error {
	e := sv.p.e
	v, err := e.output(key, nil)
	switch {
	case err != nil:
		return err
	case v.missing:
		sv.missing.add(key)
		return nil
	}
	d := outputDType(v.DType, sv.o, e.trace.Compute())
	if sv.segs, err = e.segments(sv.segs, v.T, d); err != nil {
		return &tensor.Error{Class: tensor.ClassRecipe, Path: e.s.Graph.Name(), Key: key, Err: err}
	}
	shape := v.T.Shape()
	size, err := shape.Bytes(d)
	if err != nil {
		return &tensor.Error{Class: tensor.ClassInput, Key: key, Err: err}
	}
	if v.note.Mismatch {
		sv.mismatched.add(key)
	}
	sv.outs = append(sv.outs, output{key, d, shape})
	sv.totals.BytesWrite += size
	sv.count(finalNote(v.note, sv.segs), d, shape.N())
	return nil
}

// count adds the segments of a key to the totals.
func (sv *survey) count(note Note, d tensor.DType, n int64) {
	t := &sv.totals
	t.Keys++
	t.Copied += btoi(note.Copied)
	t.Integers += btoi(note.Integer)
	t.FellBack += btoi(note.FellBack)
	several := false
	for i := range sv.segs {
		s := &sv.segs[i]
		sv.represent(s)
		t.BytesRead += s.bytesReadOnce()
		t.Ops += s.ops()
		several = several || len(s.Inst.Sweeps) > 1
	}
	sv.countUsed()
	if several {
		m := memoryOf(sv.segs)
		sv.again[sharing{m, d, n}] += m.again
		sv.resident += m.resident
		r := sv.reps[sv.segs[0].Inst.Lowered]
		r.resident = max(r.resident, m.resident)
	}
}

// countUsed counts the key for every model that it reads.
func (sv *survey) countUsed() {
	for i := range sv.segs {
		for _, r := range sv.segs[i].Reads {
			if sv.usedBy[r.Model] != sv.totals.Keys {
				sv.usedBy[r.Model] = sv.totals.Keys
				sv.used[r.Model]++
			}
		}
	}
}

// readAgain returns the bytes that jobs read more than once, because they have several
// sweeps and neither a unit nor the memory holds their sources.
func (sv *survey) readAgain(p *planner) int64 {
	var total int64
	for s, n := range sv.again {
		if s.mem.resident > p.budget && !s.mem.small(s.dtype, s.n, p.ring) {
			total += n
		}
	}
	return total
}

// bytesRead returns the bytes that the sweeps of a segment read from sources, each sweep
// counted, its largest body.
func (s *Segment) bytesRead() int64 {
	var total int64
	for i := range s.Inst.Sweeps {
		var most int64
		for b := range s.Inst.Sweeps[i].Bodies {
			var n int64
			for _, u := range s.Inst.Sweeps[i].Bodies[b].Leaves {
				n += bytesOf(s.Reads[u.Leaf].DType, s.Reads[u.Leaf].N)
			}
			most = max(most, n)
		}
		total += most
	}
	return total
}

// ops returns how many instructions run on how many elements, the largest body of each sweep.
func (s *Segment) ops() float64 {
	var total float64
	for i := range s.Inst.Sweeps {
		sw := &s.Inst.Sweeps[i]
		most := 0
		for b := range sw.Bodies {
			n := 0
			for _, st := range sw.Bodies[b].Steps {
				if st.Prog != nil {
					n += len(st.Prog.Code)
				}
			}
			most = max(most, n)
		}
		total += float64(most) * float64(s.Inst.Domains[sw.Domain].N)
	}
	return total
}

// bytesReadOnce returns the bytes of all sources.
func (s *Segment) bytesReadOnce() int64 {
	var total int64
	for i := range s.Reads {
		total += bytesOf(s.Reads[i].DType, s.Reads[i].N)
	}
	return total
}

// represent keeps the segments of each kind that need most: the longest, the one that wants
// the largest slot, and the one that cannot do with less than all others.
func (sv *survey) represent(s *Segment) {
	r := sv.reps[s.Inst.Lowered]
	first := r == nil
	if first {
		r = &rep{}
		sv.reps[s.Inst.Lowered] = r
	} else if s.N == r.longest.N && slices.Equal(s.Inst.Domains, r.longest.Inst.Domains) {
		return // as the last one, in nearly all checkpoints
	}
	want, need := s.SlotBytes(defaultUnit, false)
	if first || s.N > r.longest.N {
		r.longest = s.clone()
	}
	if first || want > r.want {
		r.want, r.widest = want, s.clone()
	}
	if first || need > r.need {
		r.need, r.neediest = need, s.clone()
	}
}

// clone returns a segment that shares no memory with s.
func (s *Segment) clone() Segment {
	return Segment{First: s.First, N: s.N, Inst: s.Inst.Clone(), Reads: slices.Clone(s.Reads)}
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// layout sorts the outputs into file order and gives each its position.
func (sv *survey) layout() (tensor.Layout, error) {
	slices.SortFunc(sv.outs, func(a, b output) int {
		return tensor.FileOrder(tensor.Entry{Key: a.key, DType: a.dtype}, tensor.Entry{Key: b.key, DType: b.dtype})
	})
	h := tensor.NewHeader(len(sv.outs))
	h.Metadata = sv.o.Metadata
	var pos int64
	for i := range sv.outs {
		o := &sv.outs[i]
		if err := h.Add(o.key, o.dtype, o.shape, pos); err != nil {
			return tensor.Layout{}, err
		}
		pos += h.At(i).Size
	}
	sv.outs = nil
	return tensor.Layout{Header: h}, nil
}
