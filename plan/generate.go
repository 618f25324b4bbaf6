package plan

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/mecha-gpu/mecha-gpu/kernels"
	"github.com/mecha-gpu/mecha-gpu/recipe"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// made is an output key that was evaluated.
type made struct {
	target int
	key    string
	v      *value
	dtype  tensor.DType // of the result, if there is one
}

// evaluate evaluates keys for a target, and appends what came out. It goes on until no guard
// is gone that stands in the way of these keys: one that only other outputs of the job have
// does not matter, because these keys would not know of it if they were made alone.
func (p *planner) evaluate(list []made, target int, keys []string, gone []int) ([]made, error) {
	t := &p.targets[target]
	first := len(list)
	var left []int // guards that are gone for these keys
	for {
		t.e.begin(left)
		list = list[:first]
		for _, key := range keys {
			v, err := t.e.output(key)
			if err != nil {
				return list, err
			}
			m := made{target: target, key: key, v: v}
			if !v.missing {
				m.dtype = outputDType(v.DType, t.dtype, &p.o, p.trace.Compute())
			}
			list = append(list, m)
		}
		n := len(left)
		if len(gone) > 0 {
			left = slices.Clone(left)
			for _, g := range p.guardsOf(list[first:]) {
				if slices.Contains(gone, g) && !slices.Contains(left, g) {
					left = append(left, g)
				}
			}
		}
		if len(left) == n {
			return list, nil
		}
	}
}

// guardsOf returns the guards of what was evaluated.
func (p *planner) guardsOf(list []made) []int {
	p.roots = p.roots[:0]
	for _, m := range list {
		if !m.v.missing {
			p.roots = append(p.roots, kernels.Output{Root: m.v.T, DType: m.dtype})
		}
	}
	p.calls = p.trace.AppendCalls(p.calls[:0], p.roots)
	for _, c := range p.calls {
		for _, x := range c.In {
			p.roots = append(p.roots, kernels.Output{Root: x, DType: tensor.F32})
		}
	}
	return p.lower.Guards(p.roots)
}

// segments lowers what was evaluated and says where its leaves are. The segments use memory of
// segs, and of the desk until the next call.
func (p *planner) segments(segs []Segment, list []made) ([]Segment, error) {
	p.roots = p.roots[:0]
	stores := p.stores[:0] // by root
	for i, m := range list {
		if m.v.missing {
			continue
		}
		o := kernels.Output{Root: m.v.T, DType: m.dtype}
		k := slices.Index(p.roots, o)
		if k < 0 {
			k = len(p.roots)
			p.roots = append(p.roots, o)
			stores = append(stores, nil)
		}
		if len(list) > 1 {
			stores[k] = append(stores[k], i)
		}
	}
	p.stores = stores
	segs, p.bufs = segs[:0], buffers{}
	if len(p.roots) == 0 {
		return segs, nil
	}
	segs, err := p.routines(segs)
	if err != nil {
		return nil, p.cannot(list, err)
	}
	parts, err := p.lower.LowerInto(p.parts, p.roots)
	if err != nil {
		return nil, p.cannot(list, err)
	}
	p.parts = parts
	if segs, err = p.place(segs, parts, stores, len(list) > 1); err != nil {
		return nil, p.cannot(list, err)
	}
	return segs, nil
}

// place appends the segments of parts, and says where their leaves are. own says that the lists of
// stores are made for them, and not used again.
func (p *planner) place(segs []Segment, parts []kernels.Part, stores [][]int, own bool) (_ []Segment, err error) {
	first := len(segs)
	if segs = slices.Grow(segs, len(parts)); segs != nil {
		segs = segs[:first+len(parts)]
	}
	for i := range parts {
		part, s := &parts[i], &segs[first+i]
		s.First, s.Inst = part.First, part.Inst
		if s.Stores = onlyStore; own {
			s.Stores = make([][]int, len(part.Outs))
			for n, k := range part.Outs {
				s.Stores[n] = stores[k]
			}
		}
		if s.Reads, err = p.reads(s.Reads[:0], part.Inst.Leaves); err != nil {
			return nil, err
		}
	}
	return segs, nil
}

// onlyStore is what the segments of a job with one output store.
var onlyStore = [][]int{{0}}

// cannot is the error for a job that cannot be lowered.
func (p *planner) cannot(list []made, err error) error {
	return &tensor.Error{Class: tensor.ClassRecipe, Path: p.targets[list[0].target].e.s.Graph.Name(), Key: list[0].key, Err: err}
}

// reads says where leaves are.
func (d *desk) reads(reads []Read, leaves []kernels.LeafRef) ([]Read, error) {
	if reads == nil && len(leaves) > 0 {
		reads = make([]Read, 0, len(leaves))
	}
	for _, ref := range leaves {
		if ref.Parts != nil {
			parts, err := d.reads(nil, ref.Parts)
			if err != nil {
				return nil, err
			}
			one := &parts[0]
			reads = append(reads, Read{Model: one.Model, Entry: one.Entry, Pos: ref.Start * one.DType.Size(), DType: one.DType, N: ref.N, Parts: parts})
			continue
		}
		if ref.Number < 0 {
			n := d.bufs.result[ref.Number]
			reads = append(reads, Read{Model: -1 - n, Pos: ref.Start * tensor.F32.Size(), DType: tensor.F32, N: ref.N, Dims: ref.Dims})
			continue
		}
		l := d.leaves[ref.Number]
		t := d.headers[l.source].At(l.entry)
		if t.DType.Size() == 0 && (ref.Start != 0 || ref.N != t.Shape.N() || ref.Dims != nil) {
			return nil, fmt.Errorf("a tensor of %v cannot be cut", t.DType)
		}
		reads = append(reads, Read{Model: l.source, Entry: l.entry, Pos: t.Pos + ref.Start*t.DType.Size(), DType: t.DType, N: ref.N, Dims: ref.Dims})
	}
	return reads, nil
}

// finalNote completes the note of output i of a job.
func finalNote(n Note, segs []Segment, i int) Note {
	n.Copied = true
	for s := range segs {
		for k, outs := range segs[s].Stores {
			if slices.Contains(outs, i) {
				x := &segs[s].Inst.Outs[k]
				n.Copied = n.Copied && x.Kind == kernels.Copied && segs[s].Reads[x.Leaf].Source()
			}
		}
	}
	return n
}

// job makes job i of the plan.
func (p *planner) job(i int, gone []int) (*Job, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.begin()
	var err error
	p.made = p.made[:0]
	keys := p.keysOf(i)
	for t := range p.targets {
		p.keys = p.keys[:0]
		for _, key := range keys {
			if _, ok := p.targets[t].entry(key); ok {
				p.keys = append(p.keys, key)
			}
		}
		if len(p.keys) > 0 {
			if p.made, err = p.evaluate(p.made, t, p.keys, gone); err != nil {
				return nil, err
			}
		}
	}
	j := &Job{Index: i}
	if j.Outputs = j.only[:]; len(p.made) > 1 {
		j.Outputs = make([]Output, len(p.made))
	}
	for k := range p.made {
		if err := p.output(&j.Outputs[k], &p.made[k]); err != nil {
			return nil, err
		}
	}
	segs, err := p.segments(nil, p.made)
	if err != nil {
		return nil, err
	}
	for s := range segs {
		segs[s].Inst = segs[s].Inst.Clone()
	}
	for k := range j.Outputs {
		if o := &j.Outputs[k]; !o.Dropped {
			o.Note = finalNote(p.made[k].v.note, segs, k)
		}
	}
	j.Segments = segs
	j.Calls, j.Buffers, j.Host = p.bufs.calls, p.bufs.list, p.bufs.bytes()
	need := memoryOf(segs, p.made, j.Host)
	if need.again > 0 && need.resident+need.host <= p.budget && !need.small(p.ring) {
		j.Resident, j.Lease = true, need.resident
	}
	return j, nil
}

// output fills in an output of a job: where its layout has it. An alternative for a tensor that
// is left out has to fit there.
func (p *planner) output(o *Output, m *made) error {
	t := &p.targets[m.target]
	n, _ := t.entry(m.key)
	e := t.layout.At(n)
	*o = Output{Sink: m.target, Entry: n, Key: e.Key, Pos: e.Pos, DType: e.DType, N: e.Shape.N(), Dropped: m.v.missing}
	if m.dtype = e.DType; o.Dropped {
		return nil
	}
	if !m.v.T.Shape().Equal(e.Shape) {
		return &tensor.Error{Class: tensor.ClassInput, Key: m.key,
			Err: errors.New("the alternative for a tensor with non-finite elements has another shape"),
			Got: m.v.T.Shape().String(), Want: e.Shape.String()}
	}
	return nil
}

// outputDType is the element type under which a result is stored, if the user asks for want.
func outputDType(d, want tensor.DType, o *Options, c kernels.Compute) tensor.DType {
	switch {
	case !d.Valid() && want.Valid():
		return want
	case !d.Valid():
		return c.DType()
	case want.Valid() && (d.IsFloat() || o.Compat && d.Computable()):
		return want
	}
	return d
}

// modelNames lists the models of a recipe with their numbers of keys.
func modelNames(s *recipe.Solved) string {
	text := ""
	for i, m := range s.Models {
		if i > 0 {
			text += ", "
		}
		text += m.Path + " has " + tensor.Count(m.Header.Len(), "key")
	}
	return text
}

// lackedBy names the models that do not have a key, for the error about a key that cannot be
// produced. It is "" if all have it: a value or a method is the reason then.
func lackedBy(s *recipe.Solved, key string) string {
	var lacking []string
	for _, m := range s.Models {
		_, ok := m.Header.Lookup(s.OutputName(key))
		if !ok {
			_, ok = m.Header.Lookup(key)
		}
		if !ok {
			lacking = append(lacking, m.Path)
		}
	}
	if len(lacking) == 0 {
		return ""
	}
	return "no " + key + " in " + strings.Join(lacking, ", ")
}
