package mecha

import (
	"errors"
	"maps"
	"slices"

	"github.com/mecha-gpu/mecha-gpu/methods"
	"github.com/mecha-gpu/mecha-gpu/recipe"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// Expr is a recipe in the making: a model, or a merge method applied to others. It is made
// by Model and Call and by its methods, which are the operators of recipes, and becomes a
// Recipe by Build. It is immutable; using one several times means the same node.
//
//	a, b, c := mecha.Model("a.safetensors"), mecha.Model("b.safetensors"), mecha.Model("c.safetensors")
//	r, err := mecha.Build(a.Add(b.Sub(c).Scale(0.5)), mecha.Options{})
type Expr struct {
	method string // of a merge; "" for a model
	args   []any
	path   string
	space  string
}

// Args are arguments of Call by name.
type Args map[string]any

// Model is a model: a file or a folder, or one of Options.Sources by its name.
func Model(path string) *Expr { return &Expr{path: path} }

// In says in which merge space a model is: "weight" if nothing is said, "delta" or "param".
// It has no effect on merges, whose space follows from their arguments.
func (e *Expr) In(space string) *Expr {
	m := *e
	m.space = space
	return &m
}

// Call applies a merge method. Arguments are Exprs, numbers, booleans, strings, nil, maps from
// keys to any of these (a state dict, such as a factor for each key), and Args for arguments by
// name. Whether they fit is found by Build.
func Call(method string, args ...any) *Expr {
	return &Expr{method: method, args: slices.Clone(args)}
}

// Add is e + delta: add_difference with factor 1.
func (e *Expr) Add(delta any) *Expr { return Call("add_difference", e, delta, 1.0) }

// Sub is the difference e - base of two models.
func (e *Expr) Sub(base any) *Expr { return Call("subtract", e, base) }

// Scale is a difference times a number, or times a factor for each key.
func (e *Expr) Scale(factor any) *Expr { return Call("scale", e, factor) }

// Neg is minus a difference: Scale(-1).
func (e *Expr) Neg() *Expr { return e.Scale(-1.0) }

// Or is e where it has a key, and other elsewhere.
func (e *Expr) Or(other any) *Expr { return Call("fallback", e, other) }

// To is e rounded to an element type, such as "float16".
func (e *Expr) To(dtype any) *Expr { return Call("cast", e, Args{"dtype": dtype}) }

// Build makes a recipe of an expression, with the methods of the options. All arguments that
// do not fit are reported together.
func Build(root *Expr, o Options) (*Recipe, error) {
	env, err := Env(o)
	if err != nil {
		return nil, err
	}
	b := builder{env: env, done: map[*Expr]*recipe.Expr{}}
	n := b.node(root)
	if len(b.errs) > 0 {
		return nil, errors.Join(b.errs...)
	}
	g, err := env.Graph(n)
	if err != nil {
		return nil, err
	}
	return NewRecipe(g, ""), nil
}

// builder turns Exprs into nodes, each once.
type builder struct {
	env  recipe.Env
	done map[*Expr]*recipe.Expr
	errs []error
}

// node returns nil if the node, or one below it, could not be made.
func (b *builder) node(e *Expr) *recipe.Expr {
	if e == nil {
		b.errs = append(b.errs, tensor.Errorf(tensor.ClassRecipe, "an expression is nil"))
		return nil
	}
	n, ok := b.done[e]
	if !ok {
		var err error
		if e.method == "" {
			n, err = b.env.Model(e.path, recipe.Hints{Space: methods.Space(e.space)})
		} else {
			n, err = b.merge(e)
		}
		if err != nil {
			b.errs = append(b.errs, err)
		}
		b.done[e] = n
	}
	return n
}

func (b *builder) merge(e *Expr) (*recipe.Expr, error) {
	var pos []any
	var kw []methods.KW[any]
	bad := len(b.errs)
	for _, a := range e.args {
		named, ok := a.(Args)
		if !ok {
			pos = append(pos, b.value(a))
			continue
		}
		for _, name := range slices.Sorted(maps.Keys(named)) {
			kw = append(kw, methods.KW[any]{Name: name, Value: b.value(named[name])})
		}
	}
	if len(b.errs) > bad {
		return nil, nil // an argument is missing, and was reported
	}
	return b.env.Merge(e.method, pos, kw...)
}

// value replaces the Exprs in an argument by nodes.
func (b *builder) value(a any) any {
	switch a := a.(type) {
	case *Expr:
		return b.node(a)
	case map[string]any:
		m := make(map[string]any, len(a))
		for k, v := range a {
			m[k] = b.value(v)
		}
		return m
	}
	return a
}
