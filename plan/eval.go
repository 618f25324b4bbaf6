package plan

import (
	"errors"
	"fmt"
	"slices"

	"github.com/mecha-gpu/mecha-gpu/kernels"
	"github.com/mecha-gpu/mecha-gpu/methods"
	"github.com/mecha-gpu/mecha-gpu/recipe"
	"github.com/mecha-gpu/mecha-gpu/recipe/config"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// desk is what the evaluators of a plan work on: one expression for all outputs of a job, so
// that what they share is one node. It is used by one goroutine, and keeps its memory from job
// to job.
type desk struct {
	o     Options
	trace *kernels.Trace
	lower *kernels.Lowerer
	parts []kernels.Part // that were lowered last
	jobs  int            // how many were begun

	headers []*tensor.Header // by source
	guards  []int            // by source: number of the guard of its first tensor

	leaves []leaf     // stored tensors of this job, by number of the leaf
	last   []lastLeaf // by source

	calls []*kernels.RoutineCall // that outputs need
	bufs  buffers                // of the segments that were made last
}

// evaluator runs a solved recipe for one key at a time: not on numbers but on lazy
// tensors, so that the result is an expression.
type evaluator struct {
	*desk
	s       *recipe.Solved
	sources []int // by model of the recipe

	memo  []memo
	other map[nodeKey]*value // results for more keys of a node than memo holds
	fixed []*value           // by node: values that are the same for every key
	epoch int
	base  int   // number of the guard of node 0
	gone  []int // guards that do not hold
	links []link

	stack []input // arguments of the merges that are being evaluated
	call  methods.Call
}

// link says that a key is made together with others: those of a relation of a node.
type link struct {
	node int
	out  string // the first output of the relation
}

// leaf is a stored tensor.
type leaf struct{ source, entry int }

// lastLeaf is the leaf of a source that was asked for last.
type lastLeaf struct{ job, entry, number int }

type nodeKey struct {
	node int
	key  string
}

// memo is the result of a node for a key; a node is nearly always asked for one key.
type memo struct {
	epoch int
	key   string
	v     value
}

// value is what a node gives for a key.
type value struct {
	methods.Arg
	raw     bool // a stored tensor that no arithmetic has touched
	missing bool // the node does not have the key
	note    Note // how it came to be, Copied apart
	from    int  // index of the model + 1 that the tensor is stored in, if it is raw
	err     error
}

// input is an argument of a merge.
type input struct {
	param int
	v     *value
}

// maxDepth is how deep evaluation recurses. Arguments have smaller numbers than their users,
// so that evaluating every 500th node first bounds it; what is not needed does no harm.
const maxDepth = 500

func newDesk(sources []*tensor.Header, o Options) *desk {
	c := kernels.F32
	if o.MergeDType == tensor.F64 {
		c = kernels.F64
	}
	d := &desk{o: o, trace: kernels.NewTrace(c), lower: kernels.NewLowerer(), headers: sources, last: make([]lastLeaf, len(sources))}
	n := 0
	for _, h := range sources {
		d.guards = append(d.guards, n)
		n += h.Len()
	}
	d.guards = append(d.guards, n)
	return d
}

// begin empties the desk for another job.
func (d *desk) begin() {
	d.trace.Reset()
	d.leaves = d.leaves[:0]
	d.jobs++
}

// newEvaluator makes the evaluator of a recipe. Guards of what it computes are numbered from
// base.
func newEvaluator(d *desk, s *recipe.Solved, sources []int, base int) *evaluator {
	e := &evaluator{desk: d, s: s, sources: sources, base: base,
		memo: make([]memo, len(s.Nodes)), other: map[nodeKey]*value{}, fixed: make([]*value, len(s.Nodes))}
	e.call = methods.Call{Trace: e.trace, Compat: d.o.Compat}
	for n := range s.Nodes {
		e.fixed[n] = e.constant(n)
	}
	return e
}

// constant returns the value of a node that is one plain value for every key.
func (e *evaluator) constant(n int) *value {
	node := &e.s.Nodes[n]
	if node.Kind != recipe.MergeNode || !node.Method.Broadcast {
		return nil
	}
	lit := &e.s.Nodes[node.Args[0][0]]
	if lit.Kind != recipe.LiteralNode {
		return nil
	}
	entry, ok := lit.Entry(singletonKey)
	if !ok || entry.Node >= 0 {
		return nil
	}
	return &value{Arg: methods.Arg{Present: true, Value: entry.Value}}
}

// begin forgets all results. The guards that are gone do not hold from now on.
func (e *evaluator) begin(gone []int) {
	e.gone = gone
	e.epoch++
	e.links = e.links[:0]
	if len(e.other) > 0 {
		clear(e.other)
	}
}

// output evaluates the root for a key. The value says if the key cannot be made.
func (e *evaluator) output(key string) (*value, error) {
	for n := maxDepth; n < len(e.s.Nodes); n += maxDepth {
		e.node(n, key)
	}
	v := e.node(len(e.s.Nodes)-1, key)
	if v.err == nil && !v.missing {
		return e.finish(v, key)
	}
	return v, v.err
}

// finish turns a result into a tensor: a number gets the shape that the key has in the first
// model that has it, and its element type if that is a floating-point type.
func (e *evaluator) finish(v *value, key string) (*value, error) {
	if v.T.Valid() && (v.DType.Valid() || len(v.T.Shape()) > 0) {
		return v, nil
	}
	r := *v
	if !v.T.Valid() {
		x, ok := v.Value.Number()
		if !ok {
			return v, &tensor.Error{Class: tensor.ClassRecipe, Path: e.s.Graph.Name(), Key: key,
				Err: errors.New("the result is not a tensor"), Got: v.Value.String()}
		}
		r.T = e.trace.Const(x)
	}
	name := e.s.OutputName(key)
	for _, m := range e.s.Models {
		i, ok := m.Header.Lookup(name)
		if !ok {
			i, ok = m.Header.Lookup(key)
		}
		if !ok {
			continue
		}
		t := m.Header.At(i)
		if r.T = spread(e.trace, r.T, t.Shape); t.DType.IsFloat() {
			r.DType = t.DType
		}
		break
	}
	return &r, e.trace.TakeErr()
}

// spread gives a number a shape, also one that is computed.
func spread(t *kernels.Trace, x kernels.T, shape tensor.Shape) kernels.T {
	if _, ok := x.Number(); ok {
		return x.Spread(shape)
	}
	zeros := t.Num(0).Spread(shape)
	return kernels.Where(zeros.Equal(t.Num(0)), x, zeros)
}

// node evaluates a node for a key, once.
func (e *evaluator) node(n int, key string) *value {
	if v := e.fixed[n]; v != nil {
		return v
	}
	m := &e.memo[n]
	v := &m.v
	if m.epoch != e.epoch {
		m.epoch, m.key = e.epoch, key
	} else if m.key == key {
		return v
	} else if v = e.other[nodeKey{n, key}]; v != nil {
		return v
	} else {
		v = &value{}
		e.other[nodeKey{n, key}] = v
	}
	*v = value{}
	if len(e.gone) > 0 && slices.Contains(e.gone, e.base+n) { // a result that a method guards
		v.missing = true
		return v
	}
	switch node := &e.s.Nodes[n]; node.Kind {
	case recipe.ModelNode:
		e.model(n, key, v)
	case recipe.LiteralNode:
		e.literal(node, key, v)
	default:
		e.merge(n, key, v)
	}
	return v
}

func (e *evaluator) literal(node *recipe.Node, key string, v *value) {
	entry, ok := node.Entry(key)
	switch {
	case !ok:
		v.missing = true
	case entry.Node >= 0:
		*v = *e.node(entry.Node, key)
	default:
		v.Arg = methods.Arg{Present: true, Value: entry.Value}
	}
}

// model gives a stored tensor.
func (e *evaluator) model(n int, key string, v *value) {
	m := &e.s.Models[e.s.Nodes[n].Model]
	i, ok := e.s.Lookup(n, key)
	if !ok {
		v.missing = true
		return
	}
	src := e.sources[m.Index]
	guard := e.guards[src] + i
	if len(e.gone) > 0 && slices.Contains(e.gone, guard) {
		v.missing = true
		return
	}
	t := m.Header.At(i)
	if !t.DType.Valid() {
		v.err = &tensor.Error{Class: tensor.ClassInput, Path: m.Path, Key: t.Key,
			Err: fmt.Errorf("unknown element type %q", m.Header.DTypeName(i)), Hint: "only the element types of safetensors 0.8 can be read"}
		return
	}
	v.raw, v.from = true, m.Index+1
	v.Arg = methods.Arg{Present: true, DType: t.DType, T: e.trace.Leaf(e.leaf(src, i), t.DType, t.Shape)}
	if t.DType.IsFloat() && (e.o.Guard || finite(e.s.Nodes[n].Config, key)) {
		v.T = v.T.Guard(guard)
	}
}

// finite reports whether a key is guarded also if inputs are not.
func finite(c *config.Config, key string) bool {
	k, _, ok := c.Find(key)
	return ok && k.Finite
}

// leaf returns the number of a stored tensor among those of this job.
func (d *desk) leaf(source, entry int) int {
	l := &d.last[source]
	if l.job == d.jobs {
		if l.entry == entry {
			return l.number
		}
		if i := slices.Index(d.leaves, leaf{source, entry}); i >= 0 {
			return i
		}
	}
	*l = lastLeaf{d.jobs, entry, len(d.leaves)}
	d.leaves = append(d.leaves, leaf{source, entry})
	return l.number
}
