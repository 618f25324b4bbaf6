package plan

import (
	"cmp"
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
	layouts    []layout // by target
	missing    []Names  // by target
	lacking    []Names  // by target: those that a complete model has
	mismatched []Names  // by target
	errs       []error
	nErrs      int
	totals     Totals
	jobs       int
	used       []int    // by source: its keys that a job reads
	read       [][]bool // by source and entry
	reps       map[*kernels.Lowered]*rep
	segs       []Segment           // of the job at hand
	again      map[jobMemory]int64 // bytes that jobs with several sweeps read again
	resident   int64               // bytes of the sources of all jobs with several sweeps
	host       int64               // bytes for routines, of the job that needs most
	hostKey    string              // its first key
	hostAll    int64               // of all jobs
	linked     linked
	over       bool // the memory is too small; outputs are only counted
}

// rep stands for all segments that run the same Lowered.
type rep struct {
	longest, widest, neediest Segment // by elements, by slot bytes wanted, by slot bytes needed
	want, need                int64   // slot bytes that widest wants, that neediest needs
	resident                  int64   // bytes of all sources of the largest job
}

// defaultUnit is a unit size at which segments are compared.
const defaultUnit = 512 << 10

// maxErrors is how many wrong keys an error lists.
const maxErrors = 1000

func (sv *survey) keys(ctx context.Context) error {
	n := len(sv.p.targets)
	sv.used = make([]int, len(sv.p.headers))
	sv.read = make([][]bool, len(sv.p.headers))
	for i, h := range sv.p.headers {
		sv.read[i] = make([]bool, h.Len())
	}
	sv.layouts, sv.missing, sv.lacking, sv.mismatched = make([]layout, n), make([]Names, n), make([]Names, n), make([]Names, n)
	for t := range sv.layouts {
		sv.layouts[t].Header = tensor.NewHeader(0)
		sv.layouts[t].Metadata = sv.p.targets[t].metadata
	}
	i := 0
	err := sv.p.candidates(func(key string, in []int) error {
		if i%1024 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		if i++; i%checkEvery == 0 {
			sv.checkRoom()
		}
		return sv.key(key, in)
	})
	if err != nil {
		return err
	}
	if err := sv.linked.each(sv); err != nil {
		return err
	}
	if sv.nErrs > maxErrors {
		sv.errs = append(sv.errs, fmt.Errorf("and %s", tensor.Count(sv.nErrs-maxErrors, "more key")))
	}
	if len(sv.errs) > 0 {
		return errors.Join(append(sv.errs, sv.mixtures()...)...)
	}
	return sv.complete()
}

// mixtures are the errors about models of different configs, the likely cause of those of many keys.
func (sv *survey) mixtures() (errs []error) {
	for t := range sv.p.targets {
		if m := sv.p.targets[t].e.s.Mixture; m != "" {
			errs = append(errs, sv.p.targets[t].named(&tensor.Error{Class: tensor.ClassInput, Err: errors.New(m)}))
		}
	}
	return errs
}

// wrong keeps an error of a key, so that all of them are reported together. What is not the
// fault of a key ends the survey.
func (sv *survey) wrong(err error) error {
	if err == nil || tensor.ClassOf(err) == tensor.ClassOther {
		return err
	}
	if sv.nErrs++; sv.nErrs <= maxErrors {
		sv.errs = append(sv.errs, err)
	}
	return nil
}

// complete checks the sets of output keys as a whole.
func (sv *survey) complete() error {
	for t, missing := range sv.lacking {
		s := sv.p.targets[t].e.s
		switch {
		case sv.o.StrictKeys && missing.Count > 0:
			return sv.p.targets[t].named(&tensor.Error{Class: tensor.ClassInput, Err: fmt.Errorf("%s cannot be produced: %s", tensor.Count(missing.Count, "key"), list(missing)),
				Got: lackedBy(s, missing.First[0]), Hint: "--fallback, or | in the recipe, takes what is missing from another model"})
		case sv.layouts[t].keys == 0:
			return sv.p.targets[t].named(&tensor.Error{Class: tensor.ClassInput, Err: fmt.Errorf("nothing to merge: no key can be produced"), Got: modelNames(s),
				Hint: cmp.Or(s.Mixture, "the models of the recipe have no key in common, or a parameter is given for other keys")})
		}
	}
	return nil
}

// named adds to an error which output it is about, if there are several.
func (t *target) named(err error) error {
	if t.name == "" || tensor.ClassOf(err) == tensor.ClassOther {
		return err
	}
	return fmt.Errorf("%s: %w", t.name, err)
}

func list(n Names) string {
	s := strings.Join(n.First[:min(len(n.First), 20)], ", ")
	if n.Count > 20 {
		s += fmt.Sprintf(", and %d more", n.Count-20)
	}
	return s
}

// key evaluates a candidate key of some targets. One that is made together with others waits
// until all of them are known.
func (sv *survey) key(key string, in []int) error {
	p := sv.p
	p.begin()
	p.made = p.made[:0]
	p.one[0] = key
	waits := false
	for _, t := range in {
		var err error
		if p.made, err = p.evaluate(p.made, t, p.one[:], nil); err != nil {
			return sv.wrong(p.targets[t].named(err))
		}
		if links := p.targets[t].e.links; len(links) > 0 {
			sv.linked.add(key, t, in, links)
			waits = true
		}
	}
	if waits {
		return nil
	}
	return sv.wrong(sv.job())
}

// job adds up what the job takes that was evaluated.
func (sv *survey) job() error {
	p := sv.p
	there := p.made[:0]
	for _, m := range p.made {
		if m.v.missing {
			s := p.targets[m.target].e.s
			if s.Expected(m.key) {
				sv.missing[m.target].add(m.key)
			}
			if s.Required(m.key) {
				sv.lacking[m.target].add(m.key)
			}
			continue
		}
		there = append(there, m)
	}
	if p.made = there; len(there) == 0 {
		return nil
	}
	var err error
	if sv.segs, err = p.segments(sv.segs, there); err != nil {
		return err
	}
	for i := range there {
		if err := sv.output(i, &there[i]); err != nil {
			return err
		}
	}
	sv.count(there)
	return nil
}

// output enters output i of a job.
func (sv *survey) output(i int, m *made) error {
	shape := m.v.T.Shape()
	size, err := shape.Bytes(m.dtype)
	if err != nil {
		return &tensor.Error{Class: tensor.ClassInput, Key: m.key, Err: err}
	}
	if m.v.note.Mismatch {
		sv.mismatched[m.target].add(m.key)
	}
	if err := sv.layouts[m.target].add(sv.p.targets[m.target].e.s.OutputName(m.key), m.dtype, shape); err != nil {
		return err
	}
	note := finalNote(m.v.note, sv.segs, i)
	t := &sv.totals
	t.BytesWrite += size
	t.Keys++
	t.Copied += btoi(note.Copied)
	t.Integers += btoi(note.Integer)
	t.FellBack += btoi(note.FellBack)
	return nil
}

// count adds the segments of a job to the totals.
func (sv *survey) count(there []made) {
	sv.jobs++
	several := false
	for i := range sv.segs {
		s := &sv.segs[i]
		sv.represent(s)
		sv.totals.BytesRead += s.bytesReadOnce()
		sv.totals.Ops += s.ops()
		several = several || len(s.Inst.Sweeps) > 1
	}
	sv.countUsed()
	host := sv.p.bufs.bytes()
	sv.totals.RoutineOps += sv.p.bufs.ops
	sv.hostAll += host
	if host > sv.host {
		sv.host, sv.hostKey = host, there[0].key
	}
	if !several {
		return
	}
	if m := memoryOf(sv.segs, there, host); m.again > 0 {
		sv.again[m] += m.again
		sv.resident += m.resident
		r := sv.reps[sv.segs[0].Inst.Lowered]
		r.resident = max(r.resident, m.resident)
	}
}

// countUsed counts the keys of sources that the job reads, if it is the first to do so.
func (sv *survey) countUsed() {
	for i := range sv.segs {
		for k := range sv.segs[i].Reads {
			sv.segs[i].Reads[k].Stored(sv.use)
		}
	}
}

func (sv *survey) use(r *Read) {
	if read := &sv.read[r.Model][r.Entry]; !*read {
		*read = true
		sv.used[r.Model]++
	}
}

// unread lists the keys of each source that no job reads.
func (sv *survey) unread() []Names {
	list := make([]Names, len(sv.read))
	for i, read := range sv.read {
		for k, ok := range read {
			if !ok {
				list[i].add(sv.p.headers[i].At(k).Key)
			}
		}
	}
	return list
}

// readAgain returns the bytes that jobs read more than once, because they have several
// sweeps and neither a unit nor the memory holds their sources.
func (sv *survey) readAgain(p *planner) int64 {
	var total int64
	for m, n := range sv.again {
		if m.resident+m.host > p.budget && !m.small(p.ring) {
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
				n += s.Reads[u.Leaf].bytes()
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
				switch {
				case st.Prog != nil:
					n += len(st.Prog.Code)
				case st.Product != nil:
					n += int(s.Inst.Domains[st.Product.X.Own].Cols)
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
		total += s.Reads[i].bytes()
	}
	return total
}

// bytes returns what is read of sources.
func (r *Read) bytes() int64 {
	if !r.Source() {
		return 0
	}
	return bytesOf(r.DType, r.N)
}

// represent keeps the segments of each kind that need most: the longest, the one that wants
// the largest slot, and the one that cannot do with less than all others.
func (sv *survey) represent(s *Segment) {
	r := sv.reps[s.Inst.Lowered]
	first := r == nil
	if first {
		r = &rep{}
		sv.reps[s.Inst.Lowered] = r
	} else if slices.Equal(s.Inst.Domains, r.longest.Inst.Domains) {
		return // as the last one, in nearly all checkpoints
	}
	want, need := s.SlotBytes(defaultUnit, false)
	if first || s.Inst.Elems(0) > r.longest.Inst.Elems(0) {
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
	return Segment{First: s.First, Inst: s.Inst.Clone(), Reads: slices.Clone(s.Reads), Stores: slices.Clone(s.Stores)}
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}
