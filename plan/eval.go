package plan

import (
	"errors"
	"fmt"
	"slices"

	"github.com/mecha-gpu/mecha-gpu/kernels"
	"github.com/mecha-gpu/mecha-gpu/methods"
	"github.com/mecha-gpu/mecha-gpu/recipe"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// evaluator runs a solved recipe for one key at a time: not on numbers but on lazy
// tensors, so that the result is an expression. It is used by one goroutine, and keeps its
// memory from key to key.
type evaluator struct {
	s     *recipe.Solved
	o     Options
	trace *kernels.Trace
	lower *kernels.Lowerer
	parts []kernels.Part // of the key that was lowered last

	memo  []memo
	other map[nodeKey]*value // results for more keys of a node than memo holds
	fixed []*value           // by node: values that are the same for every key
	epoch int
	gone  []int // guards, which are nodes, that do not hold for this key

	stack []input // arguments of the merges that are being evaluated
	call  methods.Call

	leaves []leaf // stored tensors of this key, by number of the leaf
	last   []lastLeaf
}

// leaf is a stored tensor.
type leaf struct{ model, entry int }

// lastLeaf is the leaf of a model that was asked for last.
type lastLeaf struct{ epoch, entry, number int }

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

func newEvaluator(s *recipe.Solved, o Options) *evaluator {
	c := kernels.F32
	if o.MergeDType == tensor.F64 {
		c = kernels.F64
	}
	e := &evaluator{s: s, o: o, trace: kernels.NewTrace(c), lower: kernels.NewLowerer(),
		memo: make([]memo, len(s.Nodes)), other: map[nodeKey]*value{}, fixed: make([]*value, len(s.Nodes)),
		last: make([]lastLeaf, len(s.Models))}
	e.call = methods.Call{Trace: e.trace, Compat: o.Compat}
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

// output evaluates the root for a key. The value says if the key cannot be made.
func (e *evaluator) output(key string, gone []int) (*value, error) {
	e.trace.Reset()
	e.leaves = e.leaves[:0]
	e.gone = gone
	e.epoch++
	if len(e.other) > 0 {
		clear(e.other)
	}
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
	for _, m := range e.s.Models {
		i, ok := m.Header.Lookup(key)
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
	if slices.Contains(e.gone, n) { // a model, or a result that a method guards
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
	t := m.Header.At(i)
	if !t.DType.Valid() {
		v.err = &tensor.Error{Class: tensor.ClassInput, Path: m.Path, Key: t.Key,
			Err: fmt.Errorf("unknown element type %q", m.Header.DTypeName(i)), Hint: "only the element types of safetensors 0.8 can be read"}
		return
	}
	v.raw, v.from = true, m.Index+1
	v.Arg = methods.Arg{Present: true, DType: t.DType, T: e.trace.Leaf(e.leaf(m.Index, i), t.DType, t.Shape)}
	if e.o.Guard && t.DType.IsFloat() {
		v.T = v.T.Guard(n)
	}
}

// leaf returns the number of a stored tensor among those of this key.
func (e *evaluator) leaf(model, entry int) int {
	l := &e.last[model]
	if l.epoch == e.epoch {
		if l.entry == entry {
			return l.number
		}
		if i := slices.Index(e.leaves, leaf{model, entry}); i >= 0 {
			return i
		}
	}
	*l = lastLeaf{e.epoch, entry, len(e.leaves)}
	e.leaves = append(e.leaves, leaf{model, entry})
	return l.number
}
