package script

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"go.starlark.net/starlark"
	"go.starlark.net/syntax"

	"github.com/mecha-gpu/mecha-gpu/methods"
	"github.com/mecha-gpu/mecha-gpu/recipe"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// Param is a parameter of a program.
type Param struct {
	Name    string
	Default methods.Value // its kind is the type: a number, an integer, a boolean or a string
}

// Type names the type of the parameter.
func (p Param) Type() string {
	switch p.Default.Kind {
	case methods.FloatValue:
		return "a number"
	case methods.BoolValue:
		return "true or false"
	case methods.StringValue:
		return "a string"
	}
	return "an integer"
}

// Params returns the parameters of a program, in order: those of its function recipe. There
// are none without it. Names that are not defined are taken for models that Options.Models
// would name.
func Params(src []byte, name string, env recipe.Env) ([]Param, error) {
	m, globals, err := load(src, name, env, Options{}, true)
	if err != nil {
		return nil, err
	}
	if fn, ok := globals[entry].(*starlark.Function); ok {
		return m.params(fn)
	}
	return nil, nil
}

func (m *machine) params(fn *starlark.Function) ([]Param, error) {
	if fn.HasVarargs() || fn.HasKwargs() {
		return nil, m.fail(fn.Position(), fmt.Errorf("the parameters of %s are named one by one", entry))
	}
	list := make([]Param, fn.NumParams())
	for i := range list {
		name, pos := fn.Param(i)
		list[i].Name = name
		def := fn.ParamDefault(i)
		var err error
		switch def.(type) {
		case nil:
			err = &tensor.Error{Class: tensor.ClassRecipe, Err: fmt.Errorf("parameter %s has no default, which says its type", name), Hint: "write " + name + "=0.5"}
		case starlark.Float, starlark.Int, starlark.Bool, starlark.String:
			list[i].Default, err = plain(def)
		default:
			err = fmt.Errorf("parameter %s: the default is a %s, expected a number, a boolean or a string", name, def.Type())
		}
		if err != nil {
			return nil, m.fail(pos, err)
		}
	}
	return list, nil
}

// call calls the function recipe with what is set.
func (m *machine) call(fn *starlark.Function, o Options) (starlark.Value, error) {
	params, err := m.params(fn)
	if err != nil {
		return nil, err
	}
	names := make([]string, len(params))
	for i, p := range params {
		names[i] = p.Name
	}
	perBlock, err := m.setBlocks(o, names)
	if err != nil {
		return nil, err
	}
	var kwargs []starlark.Tuple
	for i, p := range params {
		if w := perBlock[p.Name]; w != nil {
			kwargs = append(kwargs, starlark.Tuple{starlark.String(p.Name), w})
			continue
		}
		text, ok := o.Set[p.Name]
		if !ok {
			continue
		}
		v, err := p.parse(text)
		if err != nil {
			_, pos := fn.Param(i)
			return nil, m.fail(pos, err)
		}
		kwargs = append(kwargs, starlark.Tuple{starlark.String(p.Name), v})
	}
	for _, name := range slices.Sorted(maps.Keys(o.Set)) {
		if !slices.Contains(names, name) {
			return nil, m.fail(fn.Position(), &tensor.Error{Class: tensor.ClassRecipe, Err: fmt.Errorf("there is no parameter %s", name), Want: strings.Join(names, ", "), Hint: near(name, names)})
		}
	}
	v, err := starlark.Call(m.thread, fn, nil, kwargs)
	if err != nil {
		return nil, m.wrap(err)
	}
	return v, nil
}

// booleans are the words for true and false.
var booleans = map[string]starlark.Bool{"true": true, "True": true, "false": false, "False": false}

// parse reads a value of the parameter's type.
func (p Param) parse(text string) (starlark.Value, error) {
	wrong := &tensor.Error{Class: tensor.ClassRecipe, Err: errors.New("parameter " + p.Name), Got: strconv.Quote(text), Want: p.Type()}
	switch p.Default.Kind {
	case methods.StringValue:
		return starlark.String(text), nil
	case methods.BoolValue:
		if b, ok := booleans[text]; ok {
			return b, nil
		}
	case methods.FloatValue:
		if x, err := strconv.ParseFloat(text, 64); err == nil && x == x {
			return starlark.Float(x), nil
		}
	default:
		if i, err := strconv.ParseInt(text, 10, 64); err == nil {
			return starlark.MakeInt64(i), nil
		}
	}
	return nil, wrong
}

// setNames gives free names of an expression values: a number, true or false, or else a string.
// Each of them must be in the expression.
func (m *machine) setNames(e syntax.Expr, o Options) error {
	if len(o.Set) == 0 && len(o.Blocks) == 0 {
		return nil
	}
	names := m.freeNames(e)
	perBlock, err := m.setBlocks(o, names)
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(o.Set)) {
		if !slices.Contains(names, name) {
			return m.fail(m.end(), &tensor.Error{Class: tensor.ClassRecipe, Err: fmt.Errorf("the expression has no free name %s", name), Hint: near(name, names)})
		}
	}
	for name, text := range o.Set {
		m.names[name] = plainText(text)
	}
	for name, w := range perBlock {
		m.names[name] = w
	}
	return nil
}

// freeNames returns the names in an expression that mean nothing yet.
func (m *machine) freeNames(e syntax.Expr) (names []string) {
	var visit func(n syntax.Node) bool
	visit = func(n syntax.Node) bool {
		switch n := n.(type) {
		case *syntax.Ident:
			if m.names[n.Name] == nil && starlark.Universe[n.Name] == nil && !slices.Contains(names, n.Name) {
				names = append(names, n.Name)
			}
		case *syntax.DotExpr: // the name of a method
			syntax.Walk(n.X, visit)
			return false
		case *syntax.BinaryExpr:
			if n.Op == syntax.EQ { // the name of an argument
				syntax.Walk(n.Y, visit)
				return false
			}
		}
		return true
	}
	syntax.Walk(e, visit)
	return names
}

// plainText reads a value whose type is not known.
func plainText(text string) starlark.Value {
	if b, ok := booleans[text]; ok {
		return b
	}
	if i, err := strconv.ParseInt(text, 10, 64); err == nil {
		return starlark.MakeInt64(i)
	}
	if x, err := strconv.ParseFloat(text, 64); err == nil && x == x {
		return starlark.Float(x)
	}
	return starlark.String(text)
}
