package plan

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/mecha-gpu/mecha-gpu/device"
	"github.com/mecha-gpu/mecha-gpu/kernels"
	"github.com/mecha-gpu/mecha-gpu/recipe"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// planner holds what job generation needs after the plan is made.
type planner struct {
	mu     sync.Mutex
	e      *evaluator
	layout *tensor.Header
	budget int64 // what one job may lease
	ring   Ring
}

// New plans the merge of a solved recipe whose models have headers, on the first of the
// devices. It fails if a key is wrong, if nothing comes out, or if the memory is too
// small.
func New(ctx context.Context, s *recipe.Solved, infos []device.Info, o Options) (*Plan, error) {
	p := &planner{e: newEvaluator(s, o)}
	sv := &survey{p: p, o: o, reps: map[*kernels.Lowered]*rep{}}
	if err := sv.keys(ctx); err != nil {
		return nil, err
	}
	layout, err := sv.layout()
	if err != nil {
		return nil, err
	}
	p.layout = layout.Header
	plan := &Plan{Layouts: []tensor.Layout{layout}, Jobs: layout.Len(), Totals: sv.totals, Missing: sv.missing,
		Mismatched: sv.mismatched, Used: sv.used}
	plan.Totals.Programs = p.e.lower.Programs()
	if err := sv.fit(plan, infos[0]); err != nil {
		return nil, err
	}
	p.ring = plan.Ring
	p.budget = o.MaxRAM - plan.Standing
	plan.Generate = p.job
	return plan, nil
}

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
	reps       map[*kernels.Lowered]*rep
}

// output is a key that comes out.
type output struct {
	key   string
	dtype tensor.DType
	shape tensor.Shape
}

// rep stands for all segments that run the same Lowered.
type rep struct {
	longest, widest Segment
	want            int64 // slot bytes that widest wants
	resident        int64 // bytes of all leaves of the largest
}

// defaultUnit is a unit size at which segments are compared.
const defaultUnit = 512 << 10

// maxErrors is how many wrong keys an error lists.
const maxErrors = 50

func (sv *survey) keys(ctx context.Context) error {
	s := sv.p.e.s
	sv.used = make([]int, len(s.Models))
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
	case v.missing != nil:
		sv.missing.add(key)
		return nil
	}
	d := outputDType(v.DType, sv.o, e.trace.Compute())
	segs, err := e.segments(v.T, d)
	if err != nil {
		return &tensor.Error{Class: tensor.ClassRecipe, Key: key, Err: err}
	}
	shape := v.T.Shape()
	if e.note.Mismatch {
		sv.mismatched.add(key)
	}
	sv.outs = append(sv.outs, output{key, d, shape})
	sv.count(segs, d, shape)
	return nil
}

// outputDType is the element type under which a result is stored.
func outputDType(d tensor.DType, o Options, c kernels.Compute) tensor.DType {
	switch {
	case !d.Valid() && o.OutputDType.Valid():
		return o.OutputDType
	case !d.Valid():
		return c.DType()
	case o.OutputDType.Valid() && (d.IsFloat() || o.Compat && d.Computable()):
		return o.OutputDType
	}
	return d
}

// count adds a key to the totals.
func (sv *survey) count(segs []Segment, d tensor.DType, shape tensor.Shape) {
	t := &sv.totals
	note := sv.p.e.finalNote(segs)
	t.Keys++
	t.Copied += btoi(note.Copied)
	t.Integers += btoi(note.Integer)
	t.FellBack += btoi(note.FellBack)
	size, _ := shape.Bytes(d)
	t.BytesWrite += size
	for i := range segs {
		s := &segs[i]
		sv.represent(s)
		for k := range s.Reads {
			sv.used[s.Reads[k].Model]++
		}
		t.BytesRead += s.bytesRead()
	}
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
				n += s.Reads[u.Leaf].N * s.Reads[u.Leaf].DType.Size()
			}
			most = max(most, n)
		}
		total += most
	}
	return total
}

// represent keeps the segments of each kind that need most: the longest, and the one that
// wants the largest slot.
func (sv *survey) represent(s *Segment) {
	r := sv.reps[s.Inst.Lowered]
	if r == nil {
		r = &rep{}
		sv.reps[s.Inst.Lowered] = r
	}
	want, _ := s.SlotBytes(defaultUnit, false)
	if s.N > r.longest.N || r.want == 0 {
		r.longest = *s
	}
	if want > r.want {
		r.want, r.widest = want, *s
	}
	if len(s.Inst.Sweeps) > 1 {
		r.resident = max(r.resident, s.residentBytes())
	}
}

// residentBytes is what it takes to keep all leaves in memory.
func (s *Segment) residentBytes() int64 {
	var n int64
	for i := range s.Reads {
		n += Align(s.Reads[i].N * s.Reads[i].DType.Size())
	}
	return n
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// layout sorts the outputs into file order and gives each its position.
func (sv *survey) layout() (tensor.Layout, error) {
	slices.SortFunc(sv.outs, func(a, b output) int { return FileOrder(a.dtype, a.key, b.dtype, b.key) })
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

// FileOrder compares tensors as they are ordered in a file: more bytes per element first
// (sub-byte types last), so that every tensor is aligned; then by key, byte by byte.
func FileOrder(da tensor.DType, a string, db tensor.DType, b string) int {
	if x, y := da.Size(), db.Size(); x != y {
		return int(y - x)
	}
	return strings.Compare(a, b)
}
