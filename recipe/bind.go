package recipe

import (
	"errors"
	"fmt"

	"github.com/mecha-gpu/mecha-gpu/methods"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// Merge makes a node that applies a method. Arguments are what Convert takes. It fails,
// with all reasons joined, if the method is unknown or an argument does not fit. Whether
// merge spaces and model configs fit is found by Solve.
func (e Env) Merge(id string, pos []any, kw ...methods.KW[any]) (*Expr, error) {
	m, err := e.method(id)
	if err != nil {
		return nil, err
	}
	var errs []error
	args := make([]argument, 0, len(pos)+len(kw))
	add := func(name string, x any) {
		n, err := e.Convert(x)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: argument %d: %w", id, len(args)+1, err))
		}
		args = append(args, argument{name: name, node: n})
	}
	for _, x := range pos {
		add("", x)
	}
	for _, k := range kw {
		add(k.Name, k.Value)
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	n, bad := e.apply(m, args, e.at)
	for _, b := range bad {
		errs = append(errs, b.err)
	}
	return n, errors.Join(errs...)
}

func (e Env) method(id string) (*methods.Method, error) {
	m, ok := e.Methods.Get(id)
	if !ok {
		return nil, unknown("method", id, e.Methods.Nearest(id))
	}
	return m, nil
}

// argument is an argument of a merge; name is "" if it is given by position.
type argument struct {
	name string
	node *Expr
}

// badArgument is an argument that does not fit; -1 if one is missing.
type badArgument struct {
	arg int
	err error
}

// apply binds the arguments and makes the node.
func (e Env) apply(m *methods.Method, args []argument, at place) (*Expr, []badArgument) {
	bound, bad := bind(m, args)
	if bad != nil {
		return nil, bad
	}
	n := &Expr{kind: MergeNode, method: m, args: make([][]*Expr, len(m.Params)), at: at}
	for p := range m.Params {
		for _, i := range bound[p] {
			n.args[p] = append(n.args[p], args[i].node)
			if err := refuseText(m, p, args[i].node); err != nil {
				bad = append(bad, badArgument{i, err})
			}
		}
		if def := m.Params[p].Default; def != nil && len(bound[p]) == 0 {
			d, err := e.value(*def, "", at)
			if err != nil {
				return nil, []badArgument{{-1, err}}
			}
			n.args[p] = []*Expr{d}
		}
	}
	if bad != nil {
		return nil, bad
	}
	return n.seal(), nil
}

// refuseText refuses a string in the place of a tensor: nearly always a path that was
// meant to be a model.
func refuseText(m *methods.Method, p int, n *Expr) error {
	v, ok := n.constant()
	if !ok || v.Kind != methods.StringValue || m.Params[p].Type != methods.Tensor {
		return nil
	}
	if err := m.Params[p].Check(v); err != nil {
		return fmt.Errorf("%s: %w", m.ID, err)
	}
	return nil
}

// bind gives the arguments, by number, to parameters.
func bind(m *methods.Method, args []argument) ([][]int, []badArgument) {
	var pos []int
	var kw []methods.KW[int]
	for i := range args {
		if args[i].name == "" {
			pos = append(pos, i)
		} else {
			kw = append(kw, methods.KW[int]{Name: args[i].name, Value: i})
		}
	}
	bound, err := methods.Bind(m, pos, kw)
	if err == nil {
		return bound, nil
	}
	var bad []badArgument
	for _, err := range unjoin(err) {
		b := badArgument{-1, err}
		var be *methods.BindError
		if errors.As(err, &be) && be.Index >= 0 {
			if be.ByName {
				b.arg = kw[be.Index].Value
			} else {
				b.arg = pos[be.Index]
			}
			if be.Kind == methods.Unknown && (be.Param == configHint || be.Param == spaceHint) {
				b.err = tensor.Errorf(tensor.ClassRecipe, "%w (a merge has no hints: they follow from its arguments; give them to a model or a literal)", err)
			}
		}
		bad = append(bad, b)
	}
	return nil, bad
}

// unjoin lists the errors that errors.Join joined.
func unjoin(err error) []error {
	if j, ok := err.(interface{ Unwrap() []error }); ok {
		return j.Unwrap()
	}
	return []error{err}
}

// Names of the arguments that are hints.
const (
	configHint = "model_config"
	spaceHint  = "merge_space"
)
