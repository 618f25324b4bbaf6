package plan

import (
	"errors"
	"fmt"

	"github.com/mecha-gpu/mecha-gpu/methods"
	"github.com/mecha-gpu/mecha-gpu/recipe/config"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// singletonKey is the key of a state dict that is one value for every key.
const singletonKey = config.SingletonKey

// merge applies a method.
func (e *evaluator) merge(n int, key string, v *value) {
	m := e.s.Nodes[n].Method
	if m.FirstAvailable {
		e.firstAvailable(n, key, v)
		return
	}
	base := len(e.stack)
	clause, missing, err := e.inputs(n, key)
	if v.missing, v.err = missing, err; !missing && err == nil {
		e.apply(n, key, clause, e.stack[base:], v)
	}
	e.stack = e.stack[:base]
}

// apply gives the arguments, which are those of an alternative of the key map, to the method.
func (e *evaluator) apply(n int, key string, clause int, ins []input, v *value) {
	m := e.s.Nodes[n].Method
	if m.Broadcast {
		*v = *ins[0].v
		return
	}
	for i := range ins {
		note := ins[i].v.note
		note.FellBack = note.FellBack && !isParam(&m.Params[ins[i].param]) // a factor for other keys is no fallback of the result
		v.note.add(note)
	}
	if v.err = e.bind(n, key, ins); v.err != nil {
		return
	}
	e.call.Clause = clause
	switch {
	case m.Forward != nil:
		e.forward(n, ins, v)
		return
	case m.Control:
		e.formula(n, v)
		v.raw = firstIsRaw(ins)
		return
	}
	if m.AnyShape {
		e.roundInputs(ins)
		e.formula(n, v)
		return
	}
	if a := e.forwarded(); a >= 0 {
		v.note.Integer = true
		v.Arg, v.raw = ins[a].v.Arg, ins[a].v.raw
		return
	}
	first, fits := e.shapes()
	switch {
	case fits:
		e.roundInputs(ins)
		e.formula(n, v)
	case e.o.FirstShape:
		v.note.Mismatch = true
		v.Arg, v.raw = ins[first].v.Arg, ins[first].v.raw
	default:
		v.err = e.shapeError(n, ins)
	}
}

// forward takes the argument that the method chooses.
func (e *evaluator) forward(n int, ins []input, v *value) {
	c := &e.call
	a, err := c.Method.Forward(c)
	if v.missing = errors.Is(err, methods.ErrNoKey); v.missing {
		return
	}
	if v.Arg = a; err != nil {
		v.err = e.wrong(n, c.Key, err)
	}
	for i := range ins {
		if x := ins[i].v; a.T.Valid() && x.T == a.T {
			v.raw, v.from = x.raw, x.from
			return
		}
	}
}

// firstIsRaw reports whether the first tensor argument of a method that only chooses is a
// stored tensor as it is.
func firstIsRaw(ins []input) bool {
	for i := range ins {
		if v := ins[i].v; v.T.Valid() {
			return v.raw
		}
	}
	return false
}

// firstAvailable takes the first parameter that has the key. Those after it are not asked.
func (e *evaluator) firstAvailable(n int, key string, v *value) {
	for p, args := range e.s.Nodes[n].Args {
		var first *value
		for _, a := range args {
			x := e.node(a, key)
			if first = x; x.err != nil || x.missing {
				break
			}
			first = e.node(args[0], key)
		}
		switch {
		case first == nil || first.missing:
		case first.err != nil:
			v.err = first.err
			return
		default:
			*v = *first
			v.note.FellBack = v.note.FellBack || p > 0
			return
		}
	}
	v.missing = true
}

// inputs evaluates the arguments that the key map asks for, and pushes them on the stack. A
// key cannot be made if one of them is missing, whatever is wrong with the others.
func (e *evaluator) inputs(n int, key string) (clause int, missing bool, err error) {
	node := &e.s.Nodes[n]
	if node.Keys != nil {
		return e.related(n, key)
	}
	if node.Method.Broadcast {
		key = singletonKey
	}
	for p := range node.Args {
		if missing, err = e.push(n, p, key, err); missing {
			return 0, true, nil
		}
	}
	return 0, false, err
}

// push evaluates the arguments of a parameter at a key and pushes them on the stack, unless one
// of them is missing. The error is the one given, or else the first of the arguments'.
func (e *evaluator) push(n, p int, key string, err error) (missing bool, first error) {
	for _, a := range e.s.Nodes[n].Args[p] {
		v := e.node(a, key)
		switch {
		case v.missing:
			return true, nil
		case err == nil:
			err = v.err
		}
		e.stack = append(e.stack, input{p, v})
	}
	return false, err
}

// related evaluates the first alternative of the key map that exists, and returns its number.
func (e *evaluator) related(n int, key string) (number int, missing bool, err error) {
	node := &e.s.Nodes[n]
	rel, ok := node.Keys(key)
	if !ok {
		return 0, true, nil
	}
	if len(rel.Outputs) > 1 {
		e.links = append(e.links, link{n, rel.Outputs[0]})
	}
	base := len(e.stack)
	for i, clause := range rel.Alternatives {
		e.stack = e.stack[:base]
		if missing, err = e.clause(n, clause); !missing {
			return i, false, err
		}
	}
	return 0, true, nil
}

// clause evaluates one alternative of a key map.
func (e *evaluator) clause(n int, c methods.Clause) (missing bool, err error) {
	for p, keys := range c.Inputs {
		if len(keys) > 0 && len(e.s.Nodes[n].Args[p]) == 0 {
			return true, nil // nobody can have the keys
		}
		for _, k := range keys {
			if missing, err = e.push(n, p, k, err); missing {
				return true, nil
			}
		}
	}
	return false, err
}

// bind fills in the call.
func (e *evaluator) bind(n int, key string, ins []input) error {
	m := e.s.Nodes[n].Method
	c := &e.call
	c.Method, c.Key, c.Guard = m, key, e.base+n
	c.Config, c.Space = e.s.Nodes[n].Config, e.s.Nodes[n].Space
	for len(c.Args) < len(m.Params) {
		c.Args = append(c.Args, nil)
	}
	c.Args = c.Args[:len(m.Params)]
	for p := range c.Args {
		c.Args[p] = c.Args[p][:0]
	}
	for i := range ins {
		p := ins[i].param
		c.Args[p] = append(c.Args[p], ins[i].v.Arg)
		if err := checkArgument(&m.Params[p], &c.Args[p][len(c.Args[p])-1], e.o.Compat); err != nil {
			return e.wrong(n, key, fmt.Errorf("%s: %w", m.ID, err))
		}
	}
	return nil
}

// checkArgument refuses a tensor where a plain value is needed, and makes values what the
// parameter takes.
func checkArgument(p *methods.Param, a *methods.Arg, compat bool) (err error) {
	switch {
	case p.Type == methods.Any || p.Type == methods.Tensor && a.T.Valid():
		return nil
	case a.T.Valid():
		x, ok := a.T.Number()
		if !ok {
			return fmt.Errorf("parameter %s must be a %v that is known before the merge, not a tensor", p.Name, p.Type)
		}
		a.T, a.Value = methods.T{}, methods.FloatOf(x)
	case p.Type == methods.Tensor || p.Type == methods.Float:
		if a.Value.Kind == methods.FloatValue { // nearly always
			return nil
		}
	}
	a.Value, err = p.Coerce(a.Value, compat)
	return err
}

// forwarded returns the index of the first tensor operand if the operands are not
// arithmetic, and else -1: integers, booleans and types that cannot be computed with pass
// through.
func (e *evaluator) forwarded() int {
	first, whole := -1, false
	e.each(func(i int, p *methods.Param, a *methods.Arg) {
		if isParam(p) {
			return
		}
		if first < 0 {
			first = i
		}
		whole = whole || !a.DType.IsFloat() && a.DType.Valid() && !(e.o.Compat && a.DType.Computable())
	})
	if !whole {
		return -1
	}
	return first
}

// each calls f for every tensor argument of the call, with its number among all arguments.
func (e *evaluator) each(f func(i int, p *methods.Param, a *methods.Arg)) {
	i := 0
	for p := range e.call.Args {
		for k := range e.call.Args[p] {
			if a := &e.call.Args[p][k]; a.T.Valid() {
				f(i, &e.call.Method.Params[p], a)
			}
			i++
		}
	}
}

// isParam reports whether a parameter steers the method rather than being merged.
func isParam(p *methods.Param) bool {
	return p.Default != nil || !p.Spaces.Any() && p.Spaces.Has(methods.ParamSpace)
}

// roundInputs rounds stored tensors to a half-precision merge dtype where arithmetic starts.
func (e *evaluator) roundInputs(ins []input) {
	d := e.o.MergeDType
	if d != tensor.F16 && d != tensor.BF16 {
		return
	}
	e.each(func(i int, _ *methods.Param, a *methods.Arg) {
		if ins[i].v.raw {
			a.T = a.T.Round(d)
		}
	})
}

// formula runs the formula of the call.
func (e *evaluator) formula(n int, v *value) {
	c := &e.call
	v.Present = true
	v.T, v.err = c.Method.Formula(c)
	err := e.trace.TakeErr()
	if v.missing = errors.Is(v.err, methods.ErrNoKey); v.missing {
		v.err = nil
		return
	}
	if v.err == nil && err != nil {
		v.err = fmt.Errorf("%s: %w", c.Method.ID, err)
	}
	if v.err == nil {
		v.DType, v.err = e.resultDType()
	}
	if v.err != nil {
		v.err = e.wrong(n, c.Key, v.err)
	}
}

// resultDType is the element type under which a result is kept: what the method says, or
// that of its first model, or of its first tensor if it has no model.
func (e *evaluator) resultDType() (d tensor.DType, err error) {
	if f := e.call.Method.DType; f != nil {
		return f(&e.call)
	}
	model := false
	e.each(func(_ int, p *methods.Param, a *methods.Arg) {
		if m := !isParam(p); a.DType.Valid() && (!d.Valid() || m && !model) {
			d, model = a.DType, m
		}
	})
	return d, nil
}

// wrong adds to an error where the recipe has the node and which key it is about.
func (e *evaluator) wrong(n int, key string, err error) error {
	t := &tensor.Error{Class: tensor.ClassRecipe, Key: key, Err: err}
	var have *tensor.Error
	if errors.As(err, &have) && have == err {
		c := *have
		t = &c
		if t.Key == "" {
			t.Key = key
		}
	}
	if t.Path == "" {
		t.Path = e.place(n)
	}
	return t
}

// place is where the recipe has a node: "recipe.mecha:4", or "mix.star:4:7".
func (e *evaluator) place(n int) string {
	name, node := e.s.Graph.Name(), &e.s.Nodes[n]
	switch {
	case node.Line == 0:
		return name
	case name == "":
		name = fmt.Sprintf("line %d", node.Line)
	default:
		name += fmt.Sprintf(":%d", node.Line)
	}
	if node.Column > 0 {
		name += fmt.Sprintf(":%d", node.Column)
	}
	return name
}
