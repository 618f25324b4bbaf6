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
// tensors, so that the result is an expression. It is used by one goroutine.
type evaluator struct {
	s     *recipe.Solved
	o     Options
	trace *kernels.Trace
	lower *kernels.Lowerer
	memo  []memo
	other map[nodeKey]value // results for more keys of a node than memo holds
	epoch int
	gone  []int // guards, which are nodes, that do not hold for this key

	leaves []leaf // stored tensors of this key, by number of the leaf
	note   Note
}

type leaf struct{ model, entry int }

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

// value is what a node gives for a key. If it is not there, missing says why.
type value struct {
	methods.Arg
	raw     bool // a stored tensor that no arithmetic has touched
	missing error
}

var errMissing = errors.New("the key is not there")

func newEvaluator(s *recipe.Solved, o Options) *evaluator {
	c := kernels.F32
	if o.MergeDType == tensor.F64 {
		c = kernels.F64
	}
	return &evaluator{s: s, o: o, trace: kernels.NewTrace(c), lower: kernels.NewLowerer(),
		memo: make([]memo, len(s.Nodes)), other: map[nodeKey]value{}}
}

// output evaluates the root for a key. err is a failure; v.missing says that the key cannot be made.
func (e *evaluator) output(key string, gone []int) (v value, err error) {
	e.trace.Reset()
	e.leaves = e.leaves[:0]
	e.note = Note{}
	e.gone = gone
	e.epoch++
	clear(e.other)
	v, err = e.node(len(e.s.Nodes)-1, key)
	if err == nil && v.missing == nil {
		err = e.finish(&v, key)
	}
	return v, err
}

// finish turns a result into a tensor: a number gets the shape that the key has in the
// models.
func (e *evaluator) finish(v *value, key string) error {
	if v.T.Valid() {
		return e.trace.Err()
	}
	x, ok := v.Value.Number()
	if !ok {
		return &tensor.Error{Class: tensor.ClassRecipe, Key: key, Err: errors.New("the result is not a tensor")}
	}
	v.T = e.trace.Const(x)
	for _, m := range e.s.Models {
		if i, ok := m.Header.Lookup(key); ok {
			v.T = v.T.Spread(m.Header.At(i).Shape)
			break
		}
	}
	return nil
}

// node evaluates a node for a key, once.
func (e *evaluator) node(n int, key string) (value, error) {
	m := &e.memo[n]
	if m.epoch == e.epoch {
		if m.key == key {
			return m.v, nil
		}
		if v, ok := e.other[nodeKey{n, key}]; ok {
			return v, nil
		}
	}
	v, err := e.compute(n, key)
	if err != nil {
		return v, err
	}
	if m.epoch != e.epoch {
		*m = memo{e.epoch, key, v}
	} else {
		e.other[nodeKey{n, key}] = v
	}
	return v, nil
}

func (e *evaluator) compute(n int, key string) (value, error) {
	if slices.Contains(e.gone, n) { // a model, or a result that a method guards
		return value{missing: errMissing}, nil
	}
	switch node := &e.s.Nodes[n]; node.Kind {
	case recipe.ModelNode:
		return e.model(n, key)
	case recipe.LiteralNode:
		entry, ok := node.Entry(key)
		switch {
		case !ok:
			return value{missing: errMissing}, nil
		case entry.Node >= 0:
			return e.node(entry.Node, key)
		}
		return value{Arg: methods.Arg{Present: true, Value: entry.Value}}, nil
	default:
		return e.merge(n, key)
	}
}

// model gives a stored tensor.
func (e *evaluator) model(n int, key string) (value, error) {
	node := &e.s.Nodes[n]
	h := e.s.Models[node.Model].Header
	i, ok := e.s.Lookup(n, key)
	if !ok {
		return value{missing: errMissing}, nil
	}
	t := h.At(i)
	if !t.DType.Valid() {
		return value{}, &tensor.Error{Class: tensor.ClassInput, Path: e.s.Models[node.Model].Path, Key: t.Key,
			Err: errors.New("unknown element type"), Hint: "only the element types of safetensors 0.8 can be read"}
	}
	v := value{raw: true, Arg: methods.Arg{Present: true, DType: t.DType, T: e.trace.Leaf(e.leaf(node.Model, i), t.DType, t.Shape)}}
	if e.o.Guard && t.DType.IsFloat() {
		v.T = v.T.Guard(n)
	}
	return v, nil
}

// leaf returns the number of a stored tensor among those of this key.
func (e *evaluator) leaf(model, entry int) int {
	l := leaf{model, entry}
	if i := slices.Index(e.leaves, l); i >= 0 {
		return i
	}
	e.leaves = append(e.leaves, l)
	return len(e.leaves) - 1
}

// merge applies a method.
func (e *evaluator) merge(n int, key string) (value, error) {
	node := &e.s.Nodes[n]
	m := node.Method
	call := methods.Call{Method: m, Key: key, Trace: e.trace, Compat: e.o.Compat, Guard: n, Args: make([][]methods.Arg, len(m.Params))}
	raw := make([][]bool, len(m.Params))
	missing, err := e.arguments(n, key, &call, raw)
	if err != nil || missing != nil {
		return value{missing: missing}, err
	}
	if m.FirstAvailable || m.Broadcast {
		return firstOf(&call, raw), nil
	}
	if m.Control {
		return e.apply(&call, e.isRaw(&call, raw))
	}
	if v, ok := e.forward(&call); ok {
		return v, nil
	}
	if v, done, err := e.shapes(n, &call); done || err != nil {
		return v, err
	}
	e.roundInputs(&call, raw)
	return e.apply(&call, false)
}

// firstOf is the first argument that is there, whatever it is.
func firstOf(c *methods.Call, raw [][]bool) value {
	for p := range c.Args {
		for i := range c.Args[p] {
			return value{Arg: c.Args[p][i], raw: raw[p][i]}
		}
	}
	return value{missing: errMissing}
}

// isRaw reports whether the tensor arguments of a method that only chooses are stored
// tensors as they are.
func (e *evaluator) isRaw(c *methods.Call, raw [][]bool) bool {
	for p := range c.Args {
		for i := range c.Args[p] {
			if c.Args[p][i].T.Valid() {
				return raw[p][i]
			}
		}
	}
	return false
}

// arguments evaluates the arguments that the key map asks for. missing is not nil if the
// output key cannot be made.
func (e *evaluator) arguments(n int, key string, c *methods.Call, raw [][]bool) (missing, err error) {
	node := &e.s.Nodes[n]
	m := node.Method
	if m.FirstAvailable {
		return e.firstAvailable(n, key, c, raw)
	}
	if m.Broadcast {
		key = "key"
	}
	if node.Keys != nil {
		return e.related(n, key, c, raw)
	}
	for p := range m.Params {
		if missing, err = e.argument(n, p, key, c, raw); missing != nil || err != nil {
			return missing, err
		}
	}
	return nil, nil
}

// argument evaluates one parameter at a key.
func (e *evaluator) argument(n, p int, key string, c *methods.Call, raw [][]bool) (missing, err error) {
	for _, a := range e.s.Nodes[n].Args[p] {
		v, err := e.node(a, key)
		if err != nil {
			return nil, err
		}
		if v.missing != nil {
			return v.missing, nil
		}
		c.Args[p] = append(c.Args[p], v.Arg)
		raw[p] = append(raw[p], v.raw)
	}
	return nil, e.checkArgument(n, p, c)
}

// checkArgument refuses a tensor where a plain value is needed.
func (e *evaluator) checkArgument(n, p int, c *methods.Call) error {
	param := &c.Method.Params[p]
	if param.Type == methods.Tensor || param.Type == methods.Any {
		return nil
	}
	for i := range c.Args[p] {
		a := &c.Args[p][i]
		if !a.T.Valid() {
			continue
		}
		x, ok := a.T.Number()
		if a.T, a.Value = (methods.T{}), methods.FloatOf(x); !ok {
			return c.Errorf("parameter %s must be a %v that is known before the merge, not a tensor", param.Name, param.Type)
		}
	}
	return nil
}

// firstAvailable evaluates what is there of the parameters; one is enough.
func (e *evaluator) firstAvailable(n int, key string, c *methods.Call, raw [][]bool) (missing, err error) {
	found := 0
	for p := range c.Method.Params {
		missing, err := e.argument(n, p, key, c, raw)
		if err != nil {
			return nil, err
		}
		if missing != nil {
			c.Args[p], raw[p] = nil, nil
			continue
		}
		if found == 0 && p > 0 {
			e.note.FellBack = true
		}
		found++
	}
	if found == 0 {
		return errMissing, nil
	}
	return nil, nil
}

// related evaluates the first alternative of the key map that exists.
func (e *evaluator) related(n int, key string, c *methods.Call, raw [][]bool) (missing, err error) {
	rel, ok := e.s.Nodes[n].Keys(key)
	if !ok {
		return errMissing, nil
	}
	if len(rel.Outputs) != 1 {
		return nil, c.Errorf("methods that make several keys together are not available yet")
	}
alternatives:
	for _, clause := range rel.Alternatives {
		for p := range c.Method.Params {
			c.Args[p], raw[p] = nil, nil
			for _, k := range clause.Inputs[p] {
				missing, err := e.argument(n, p, k, c, raw)
				if err != nil {
					return nil, err
				}
				if missing != nil {
					continue alternatives
				}
			}
		}
		return nil, nil
	}
	return errMissing, nil
}

// forward returns the first operand if the operands are not arithmetic: integers, booleans
// and types that cannot be computed with pass through.
func (e *evaluator) forward(c *methods.Call) (value, bool) {
	var first *methods.Arg
	whole := false
	for p := range c.Args {
		if isParam(&c.Method.Params[p]) {
			continue
		}
		for i := range c.Args[p] {
			a := &c.Args[p][i]
			if !a.T.Valid() {
				continue
			}
			if first == nil {
				first = a
			}
			whole = whole || !a.DType.IsFloat() && !(e.o.Compat && a.DType.Computable())
		}
	}
	if first == nil || !whole {
		return value{}, false
	}
	e.note.Integer = true
	return value{Arg: *first, raw: true}, true
}

// isParam reports whether a parameter steers the method rather than being merged.
func isParam(p *methods.Param) bool {
	return p.Default != nil || !p.Spaces.Any() && p.Spaces.Has(methods.ParamSpace)
}

// roundInputs rounds stored tensors to a half-precision merge dtype where arithmetic starts.
func (e *evaluator) roundInputs(c *methods.Call, raw [][]bool) {
	d := e.o.MergeDType
	if d != tensor.F16 && d != tensor.BF16 {
		return
	}
	for p := range c.Args {
		for i := range c.Args[p] {
			if a := &c.Args[p][i]; a.T.Valid() && raw[p][i] {
				a.T = a.T.Round(d)
			}
		}
	}
}

// apply runs the formula.
func (e *evaluator) apply(c *methods.Call, raw bool) (value, error) {
	t, err := c.Method.Formula(c)
	if err == nil {
		err = e.trace.Err()
	}
	if err != nil {
		return value{}, &tensor.Error{Class: tensor.ClassRecipe, Key: c.Key, Err: fmt.Errorf("%s: %w", c.Method.ID, err)}
	}
	v := value{raw: raw, Arg: methods.Arg{Present: true, T: t}}
	if c.Method.DType != nil {
		v.DType, err = c.Method.DType(c)
		return v, err
	}
	for p := range c.Args {
		for i := range c.Args[p] {
			if a := &c.Args[p][i]; a.T.Valid() && a.DType.Valid() {
				v.DType = a.DType
				return v, nil
			}
		}
	}
	return v, nil
}
