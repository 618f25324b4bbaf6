package script

import (
	"errors"
	"fmt"
	"math"

	"go.starlark.net/starlark"

	"github.com/mecha-gpu/mecha-gpu/methods"
	"github.com/mecha-gpu/mecha-gpu/recipe"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// value makes what recipe.Env takes of a value: a node, a plain value, or the entries of a dict.
func (m *machine) value(v starlark.Value) (any, error) {
	switch v := v.(type) {
	case *node:
		return v.e, nil
	case *starlark.Dict:
		return m.entries(v)
	case *weights: // perBlock makes them a node
		return nil, fmt.Errorf("%v are used beside no model", v)
	}
	return plain(v)
}

// plain makes a value that every key shares.
func plain(v starlark.Value) (methods.Value, error) {
	switch v := v.(type) {
	case starlark.NoneType:
		return methods.Null(), nil
	case starlark.Bool:
		return methods.BoolOf(bool(v)), nil
	case starlark.Int:
		if i, ok := v.Int64(); ok {
			return methods.IntOf(i), nil
		}
		return methods.Value{Kind: methods.BigIntValue, S: v.String()}, nil
	case starlark.Float:
		if math.IsNaN(float64(v)) {
			return methods.Value{}, errors.New("a recipe cannot hold nan")
		}
		return methods.FloatOf(float64(v)), nil
	case starlark.String:
		return methods.StringOf(string(v)), nil
	}
	e := &tensor.Error{Class: tensor.ClassRecipe, Err: fmt.Errorf("a %s cannot be part of a recipe", v.Type())}
	switch v.(type) {
	case *starlark.List, starlark.Tuple:
		e.Hint = "give its elements as arguments: f(*x)"
	case starlark.Callable:
		e.Hint = "is a call meant, with brackets?"
	}
	return methods.Value{}, e
}

// entries makes the entries of a literal, in the order of the dict.
func (m *machine) entries(d *starlark.Dict) ([]recipe.Entry, error) {
	list := make([]recipe.Entry, 0, d.Len())
	for _, kv := range d.Items() {
		key, ok := starlark.AsString(kv[0])
		if !ok {
			return nil, &tensor.Error{Class: tensor.ClassRecipe, Err: errors.New("the keys of a dict are names of tensors"), Got: kv[0].Type(), Want: "string"}
		}
		x := recipe.Entry{Key: key}
		if n, ok := kv[1].(*node); ok {
			x.Node = n.e
		} else if v, err := plain(kv[1]); err != nil {
			return nil, &tensor.Error{Class: tensor.ClassRecipe, Key: key, Err: err}
		} else {
			x.Value = v
		}
		list = append(list, x)
	}
	return list, nil
}

// arguments makes the arguments of a method.
func (m *machine) arguments(args starlark.Tuple, kwargs []starlark.Tuple) (pos []any, kw []methods.KW[any], err error) {
	for i, a := range args {
		x, err := m.argument(a)
		if err != nil {
			return nil, nil, fmt.Errorf("argument %d: %w", i+1, err)
		}
		pos = append(pos, x)
	}
	for _, kv := range kwargs {
		name := string(kv[0].(starlark.String))
		x, err := m.argument(kv[1])
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", name, err)
		}
		kw = append(kw, methods.KW[any]{Name: name, Value: x})
	}
	return pos, kw, m.perBlock(pos, kw)
}

// argument is value for an argument beside which there may be a model.
func (m *machine) argument(v starlark.Value) (any, error) {
	if w, ok := v.(*weights); ok {
		return w, nil
	}
	return m.value(v)
}
