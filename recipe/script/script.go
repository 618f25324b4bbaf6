package script

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"

	"go.starlark.net/starlark"
	"go.starlark.net/syntax"

	"github.com/mecha-gpu/mecha-gpu/recipe"
	"github.com/mecha-gpu/mecha-gpu/recipe/blocks"
	"github.com/mecha-gpu/mecha-gpu/recipe/config"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// Options are what a program is given.
type Options struct {
	Set    map[string]string // values of parameters, as text, by name; in an expression, of free names
	Models map[string]string // paths of models, by the name that the program has for them

	// Blocks are parameters, or free names, that have a weight for each block of the model that
	// they are used with. The value in Set is the weight of the blocks that are not listed.
	Blocks map[string]blocks.Weights

	// Keys gives the keys of a model by its path. It is asked only for models without a config
	// hint that are converted, or that block weights are for. If it is nil, nothing is known of
	// such models.
	Keys func(path string) (config.Keys, error)
}

// Names in a program that make its result.
const (
	entry  = "recipe" // function
	result = "out"    // variable
)

// Run runs a program and returns the recipe that it makes: what the function recipe returns, or
// else the variable out. name is the name of the file, for messages.
func Run(src []byte, name string, env recipe.Env, o Options) (*recipe.Graph, error) {
	m, globals, err := load(src, name, env, o, false)
	if err != nil {
		return nil, err
	}
	fn, isFunction := globals[entry].(*starlark.Function)
	out := globals[result]
	switch {
	case isFunction && out != nil:
		return nil, m.fail(fn.Position(), fmt.Errorf("both the function %s and the variable %s say what the result is", entry, result))
	case !isFunction && out == nil:
		return nil, m.fail(m.end(), &tensor.Error{Class: tensor.ClassRecipe, Err: errors.New("the program has no result"),
			Want: fmt.Sprintf("a variable %s, or a function %s that returns it", result, entry)})
	case !isFunction && len(o.Blocks) > 0:
		_, err := m.setBlocks(o, nil)
		return nil, err
	case !isFunction && len(o.Set) > 0:
		first := slices.Sorted(maps.Keys(o.Set))[0]
		return nil, m.fail(m.end(), fmt.Errorf("there is no parameter %s: the program has no function %s", first, entry))
	}
	if isFunction {
		if out, err = m.call(fn, o); err != nil {
			return nil, err
		}
	}
	return m.graph(out, o.Models)
}

// Expr evaluates an expression, such as "a + 0.5*(b - c) | a". Each of the models of the options
// must have a part in the result; there are no parameters.
func Expr(expr string, env recipe.Env, o Options) (*recipe.Graph, error) {
	m, err := newMachine([]byte(expr), "expression", env, o)
	if err != nil {
		return nil, err
	}
	e, err := dialect.ParseExpr(sourceName, expr, 0)
	if err != nil {
		return nil, m.wrap(err)
	}
	if err := m.setNames(e, o); err != nil {
		return nil, err
	}
	g := guard{m: m}
	e = g.expr(e)
	if g.err != nil {
		return nil, g.err
	}
	v, err := starlark.EvalExprOptions(dialect, m.thread, e, m.names)
	if err != nil {
		return nil, m.wrap(err)
	}
	return m.graph(v, o.Models)
}

// dialect is Starlark with loops outside functions, names that may change, and sets. It has
// neither while nor recursion.
var dialect = &syntax.FileOptions{Set: true, TopLevelControl: true, GlobalReassign: true}

// load runs the statements of a program and returns its names. With anyModel, names that are
// not defined stand for models.
func load(src []byte, name string, env recipe.Env, o Options, anyModel bool) (*machine, starlark.StringDict, error) {
	src = bytes.TrimPrefix(src, []byte("\ufeff")) // a byte order mark, which editors of Windows write
	m, err := newMachine(src, name, env, o)
	if err != nil {
		return nil, nil, err
	}
	f, err := dialect.Parse(sourceName, src, 0)
	if err != nil {
		return nil, nil, m.wrap(err)
	}
	g := guard{m: m}
	g.stmts(f.Stmts)
	if g.err != nil {
		return nil, nil, g.err
	}
	known := m.names.Has
	if m.listing = anyModel; anyModel {
		known = m.assume
	}
	prog, err := starlark.FileProgram(f, known)
	if err != nil {
		return nil, nil, m.wrap(err)
	}
	globals, err := prog.Init(m.thread, m.names)
	if err != nil {
		return nil, nil, m.wrap(err)
	}
	return m, globals, nil
}

// graph makes the recipe of a result. Models that were named from outside must be part of it, or say
// which config something is converted to: one that does neither was mistyped somewhere.
func (m *machine) graph(v starlark.Value, models map[string]string) (*recipe.Graph, error) {
	if v == starlark.None {
		return nil, m.fail(m.end(), errors.New("the result is None, expected a node (a function gives what it returns)"))
	}
	x, err := m.value(v)
	if err != nil {
		return nil, m.fail(m.end(), fmt.Errorf("the result: %w", err))
	}
	g, err := m.env.Graph(x)
	if err != nil {
		return nil, m.fail(m.end(), fmt.Errorf("the result: %w", err))
	}
	used := map[recipe.Digest]bool{}
	for _, n := range g.Nodes() {
		used[n.Digest()] = true
	}
	for _, name := range slices.Sorted(maps.Keys(models)) {
		n, ok := m.names[name].(*node)
		if !ok || used[n.e.Digest()] {
			continue
		}
		if _, asked := m.configs[n.e.Digest()]; !asked {
			return nil, m.fail(m.end(), fmt.Errorf("the model %s (%s) has no part in the result", name, models[name]))
		}
	}
	return g.Named(m.file), nil
}
