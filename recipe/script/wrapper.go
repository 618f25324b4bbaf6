package script

import (
	"errors"
	"fmt"

	"go.starlark.net/starlark"

	"github.com/mecha-gpu/mecha-gpu/methods"
	"github.com/mecha-gpu/mecha-gpu/recipe"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// wrapper is a function of the Python library (sd-mecha 1.1.5, merge_methods/wrappers) that
// makes several nodes. Its parameters are declared as those of methods are.
type wrapper struct {
	methods.Method
	nodes func(x *expansion) *recipe.Expr
}

// expansion is one call of a wrapper. Its functions do nothing after the first error.
type expansion struct {
	id   string
	m    *machine
	env  recipe.Env
	args map[string][]any
	err  error
}

// expand binds arguments as for a method, and makes the nodes.
func (m *machine) expand(w wrapper, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	pos, kw, err := m.arguments(args, kwargs)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", w.ID, err)
	}
	bound, err := methods.Bind(&w.Method, pos, kw)
	if err != nil {
		return nil, err
	}
	x := &expansion{id: w.ID, m: m, env: m.here(), args: map[string][]any{}}
	for i := range w.Params {
		p := &w.Params[i]
		if bound[i] == nil && p.Default != nil {
			bound[i] = []any{*p.Default}
		}
		x.args[p.Name] = bound[i]
	}
	e := w.nodes(x)
	if x.err != nil {
		return nil, x.err
	}
	return m.made(e, nil)
}

// fail records an error about a parameter.
func (x *expansion) fail(param string, err error) {
	if x.err == nil {
		x.err = fmt.Errorf("%s: parameter %s: %w", x.id, param, err)
	}
}

// nodesOf returns the arguments of a parameter as nodes.
func (x *expansion) nodesOf(param string) []*recipe.Expr {
	list := make([]*recipe.Expr, 0, len(x.args[param]))
	for _, a := range x.args[param] {
		n, err := x.env.Convert(a)
		if err != nil {
			x.fail(param, err)
			return nil
		}
		list = append(list, n)
	}
	return list
}

func (x *expansion) node(param string) *recipe.Expr {
	if list := x.nodesOf(param); x.err == nil {
		return list[0]
	}
	return nil
}

// third returns the model c of a wrapper; nil if it is not given. A number there is an alpha
// that was given by position, as the method of the same name takes it.
func (x *expansion) third() *recipe.Expr {
	if v, plain := x.args["c"][0].(methods.Value); plain {
		if v.Kind != methods.NullValue {
			x.fail("c", &tensor.Error{Class: tensor.ClassRecipe, Err: errors.New("wrong kind"), Got: v.String(), Want: "a model or None",
				Hint: "options are given by name, such as alpha=0.5"})
		}
		return nil
	}
	return x.node("c")
}

// flag returns a boolean that decides which nodes there are.
func (x *expansion) flag(param string) bool {
	v, _ := x.args[param][0].(methods.Value)
	b, ok := v.Boolean()
	if !ok {
		x.fail(param, errors.New("expected True or False"))
	}
	return b
}

// merge applies a method. named are parameters that the wrapper passes on.
func (x *expansion) merge(id string, pos []*recipe.Expr, named ...string) *recipe.Expr {
	var kw []methods.KW[any]
	for _, name := range named {
		kw = append(kw, methods.KW[any]{Name: name, Value: x.args[name][0]})
	}
	if x.err != nil {
		return nil
	}
	args := make([]any, len(pos))
	for i, n := range pos {
		args[i] = n
	}
	e, err := x.env.Merge(id, args, kw...)
	x.err = err
	return e
}

func (x *expansion) subtract(a, b *recipe.Expr) *recipe.Expr {
	return x.merge("subtract", []*recipe.Expr{a, b})
}

// add is add_difference with the alpha of the wrapper, if it has one.
func (x *expansion) add(a, delta *recipe.Expr) *recipe.Expr {
	if _, ok := x.args["alpha"]; ok {
		return x.merge("add_difference", []*recipe.Expr{a, delta}, "alpha")
	}
	return x.addWhole(a, delta)
}

// addWhole is add_difference with alpha 1.
func (x *expansion) addWhole(a, delta *recipe.Expr) *recipe.Expr {
	return x.merge("add_difference", []*recipe.Expr{a, delta})
}

// or is a | b.
func (x *expansion) or(a, b *recipe.Expr) *recipe.Expr {
	return x.merge("fallback", []*recipe.Expr{a, b})
}

// deltas returns the models of a wrapper as differences from base. Those that are known to be
// weights are subtracted. (The reference knows it of models only, SM-45.)
func (x *expansion) deltas(base *recipe.Expr) []*recipe.Expr {
	list := x.nodesOf("models")
	for i, n := range list {
		if x.m.space(n) == methods.Weight {
			list[i] = x.subtract(n, base)
		}
	}
	return list
}
