package script

import (
	"errors"
	"fmt"
	"regexp"

	"go.starlark.net/starlark"
	"go.starlark.net/syntax"

	"github.com/mecha-gpu/mecha-gpu/methods"
	"github.com/mecha-gpu/mecha-gpu/recipe"
	"github.com/mecha-gpu/mecha-gpu/recipe/config"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// function is what a built-in does.
type function func(args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error)

// identifier is a method that can be called by its name.
var identifier = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// builtins returns all that a program finds defined: guards, the functions of Starlark
// (counted), the methods, the wrappers, and what makes models and literals.
func (m *machine) builtins() starlark.StringDict {
	names := starlark.StringDict{}
	m.guards(names)
	m.standard(names)
	for _, row := range m.env.Methods.All() {
		if identifier.MatchString(row.ID) && !reserved[row.ID] {
			names[row.ID] = m.counting(row.ID, m.methodFunction(row.ID))
		}
	}
	for _, w := range wrappers() {
		names[w.ID] = m.counting(w.ID, func(args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
			return m.expand(w, args, kwargs)
		})
	}
	names["model"] = m.counting("model", m.model)
	names["literal"] = m.counting("literal", m.literal)
	names["convert"] = m.counting("convert", m.convert)
	names["blocks"] = m.counting("blocks", m.blockWeights)
	names["method"] = m.counting("method", m.registered)
	return names
}

// reserved are names of Starlark that no method may take. (None of the catalogue does.)
var reserved = map[string]bool{"None": true, "True": true, "False": true}

// counting makes a built-in whose arguments are counted.
func (m *machine) counting(name string, f function) *starlark.Builtin {
	return starlark.NewBuiltin(name, func(_ *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
		if err := m.chargeCall(args, kwargs); err != nil {
			return nil, err
		}
		return f(args, kwargs)
	})
}

func (m *machine) chargeCall(args starlark.Tuple, kwargs []starlark.Tuple) error {
	if err := m.chargeAll(args...); err != nil {
		return err
	}
	for _, kv := range kwargs {
		if err := m.chargeAll(kv[1]); err != nil {
			return err
		}
	}
	return nil
}

// guards defines what guard.go calls.
func (m *machine) guards(names starlark.StringDict) {
	define := func(name string, f func(args starlark.Tuple) (starlark.Value, error)) {
		names[name] = starlark.NewBuiltin(name, func(_ *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
			return f(args)
		})
	}
	define(passGuard, func(a starlark.Tuple) (starlark.Value, error) { return a[0], m.chargeAll(a[0]) })
	define(dotGuard, func(a starlark.Tuple) (starlark.Value, error) { return m.method(a[0], string(a[1].(starlark.String))) })
	for _, op := range operators {
		define(op.String(), func(a starlark.Tuple) (starlark.Value, error) { return m.binary(op, a[0], a[1]) })
	}
	for op := syntax.PLUS_EQ; op <= syntax.GTGT_EQ; op++ {
		define(op.String(), func(a starlark.Tuple) (starlark.Value, error) { return a[1], m.chargeAssign(op, a[0], a[1]) })
	}
}

// chargeAssign counts x op= y. A list grows in place.
func (m *machine) chargeAssign(op syntax.Token, x, y starlark.Value) error {
	if _, list := x.(*starlark.List); list && op == syntax.PLUS_EQ {
		return m.chargeAll(y)
	}
	return m.chargeBinary(op-syntax.PLUS_EQ+syntax.PLUS, x, y)
}

// constant are functions of Starlark that look at one element only.
var constant = map[string]bool{"len": true, "type": true, "bool": true, "hasattr": true, "range": true}

// standard defines the functions of Starlark so that they are counted.
func (m *machine) standard(names starlark.StringDict) {
	for name, v := range starlark.Universe {
		f, ok := v.(*starlark.Builtin)
		if !ok || constant[name] {
			continue
		}
		names[name] = starlark.NewBuiltin(name, func(t *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
			if err := m.chargeCall(args, kwargs); err != nil {
				return nil, err
			}
			return f.CallInternal(t, args, kwargs)
		})
	}
	names["print"] = m.counting("print", func(starlark.Tuple, []starlark.Tuple) (starlark.Value, error) {
		return nil, errors.New("a recipe prints nothing; fail(...) shows a value and stops")
	})
	names["getattr"] = m.counting("getattr", m.getattr)
	names["int"] = m.counting("int", m.integer)
}

func (m *machine) getattr(args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var x, fallback starlark.Value
	var name string
	if err := starlark.UnpackPositionalArgs("getattr", args, kwargs, 2, &x, &name, &fallback); err != nil {
		return nil, err
	}
	v, err := m.method(x, name)
	if err != nil && fallback != nil {
		return fallback, nil
	}
	return v, err
}

// integer reads no more digits than an integer may have.
func (m *machine) integer(args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	if len(args) > 0 {
		if text, ok := starlark.AsString(args[0]); ok && len(text) > maxBits {
			return nil, fmt.Errorf("an integer has more than %d bits", maxBits)
		}
	}
	return starlark.Universe["int"].(*starlark.Builtin).CallInternal(m.thread, args, kwargs)
}

// methodFunction makes the function that applies a method.
func (m *machine) methodFunction(id string) function {
	return func(args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
		return m.merge(id, args, kwargs)
	}
}

// registered is method("id"): the method of the catalogue, also if a wrapper has its name.
func (m *machine) registered(args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var id string
	if err := starlark.UnpackArgs("method", args, kwargs, "id", &id); err != nil {
		return nil, err
	}
	if _, ok := m.env.Methods.Get(id); !ok {
		return nil, &tensor.Error{Class: tensor.ClassRecipe, Err: fmt.Errorf("unknown method %q", id), Hint: near(id, m.env.Methods.IDs())}
	}
	return m.counting(id, m.methodFunction(id)), nil
}

// optional reads a string that may be None.
func optional(name string, v starlark.Value) (string, error) {
	if v == nil || v == starlark.None {
		return "", nil
	}
	s, ok := starlark.AsString(v)
	if !ok {
		return "", fmt.Errorf("%s: found %s, expected a string or None", name, v.Type())
	}
	return s, nil
}

// hints reads the hints of a model or a literal.
func hints(cfg, space starlark.Value) (h recipe.Hints, err error) {
	if h.Config, err = optional("config", cfg); err != nil {
		return h, err
	}
	s, err := optional("merge_space", space)
	h.Space = methods.Space(s)
	return h, err
}

// escapedDrive is a path such as C:\new, of which Starlark has made a line feed.
var escapedDrive = regexp.MustCompile(`^[A-Za-z]:[[:cntrl:]]`)

// model is model(path, config=None, merge_space="weight"). A merge_space of None says nothing:
// the space follows from how the model is used.
func (m *machine) model(args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var path string
	var cfg, space starlark.Value = starlark.None, starlark.String(methods.Weight)
	if err := starlark.UnpackArgs("model", args, kwargs, "path", &path, "config?", &cfg, "merge_space?", &space); err != nil {
		return nil, err
	}
	h, err := hints(cfg, space)
	if err != nil {
		return nil, fmt.Errorf("model: %w", err)
	}
	if path == "" {
		return nil, errors.New("model: the path is empty")
	}
	if escapedDrive.MatchString(path) {
		return nil, &tensor.Error{Class: tensor.ClassRecipe, Err: fmt.Errorf("model: no path is %q", path), Hint: windowsPath}
	}
	return m.made(m.here().Model(path, h))
}

// literal is literal(value, config=None, merge_space=None): a dict is a state dict, any other
// value is that of every key.
func (m *machine) literal(args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var v, cfg, space starlark.Value
	if err := starlark.UnpackArgs("literal", args, kwargs, "value", &v, "config?", &cfg, "merge_space?", &space); err != nil {
		return nil, err
	}
	h, err := hints(cfg, space)
	if err != nil {
		return nil, fmt.Errorf("literal: %w", err)
	}
	if d, ok := v.(*starlark.Dict); ok {
		entries, err := m.entries(d)
		if err != nil {
			return nil, fmt.Errorf("literal: %w", err)
		}
		return m.made(m.here().Literal(entries, h))
	}
	x, err := plain(v)
	switch {
	case err != nil:
		return nil, fmt.Errorf("literal: %w", err)
	case h.Config == config.SingletonID:
		return m.made(m.here().Literal([]recipe.Entry{{Key: config.SingletonKey, Value: x}}, h))
	case h.Config != "":
		return nil, &tensor.Error{Class: tensor.ClassRecipe, Err: fmt.Errorf("literal: one value for all keys has no model config"), Got: h.Config, Hint: "a dict has one"}
	}
	return m.made(m.here().Value(x, h.Space))
}
