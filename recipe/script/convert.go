package script

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"go.starlark.net/starlark"

	"github.com/mecha-gpu/mecha-gpu/recipe"
	"github.com/mecha-gpu/mecha-gpu/recipe/config"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// convert is convert(recipe, config): the recipe under the keys of another model config, by the
// fewest conversions that lead there. config is an identifier, or a node that has the config.
func (m *machine) convert(args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var v, to starlark.Value
	if err := starlark.UnpackArgs("convert", args, kwargs, "recipe", &v, "config", &to); err != nil {
		return nil, err
	}
	x, err := m.value(v)
	if err != nil {
		return nil, fmt.Errorf("convert: %w", err)
	}
	e, err := m.here().Convert(x)
	if err != nil {
		return nil, fmt.Errorf("convert: %w", err)
	}
	if m.listing {
		return m.made(e, nil) // which conversions depends on models that are not at hand
	}
	targets, err := m.targets(to)
	if err != nil {
		return nil, fmt.Errorf("convert: %w", err)
	}
	sources, err := m.candidates(e)
	if err == nil {
		e, err = m.converted(e, sources, targets)
	}
	if err != nil {
		return nil, fmt.Errorf("convert: %w", err)
	}
	return m.made(e, nil)
}

// targets are the configs that a conversion may lead to, the best one first.
func (m *machine) targets(to starlark.Value) ([]string, error) {
	if n, ok := to.(*node); ok {
		list, err := m.candidates(n.e)
		if err == nil && len(list) == 0 {
			err = &tensor.Error{Class: tensor.ClassRecipe, Err: fmt.Errorf("the model config of %v is not known", n), Hint: `name it, such as convert(x, "sdxl-sgm")`}
		}
		return list, err
	}
	id, ok := starlark.AsString(to)
	if !ok {
		return nil, fmt.Errorf("config: found %s, expected the identifier of a model config, or a node that has it", to.Type())
	}
	row, ok := m.env.Configs.Get(id)
	if !ok {
		return nil, &tensor.Error{Class: tensor.ClassRecipe, Err: fmt.Errorf("unknown model config %q", id), Hint: near(id, m.configIDs())}
	}
	return []string{row.ID}, nil
}

func (m *machine) configIDs() []string {
	var ids []string
	for _, row := range m.env.Configs.All() {
		ids = append(ids, row.ID)
	}
	return ids
}

// converted applies the fewest conversions that lead to the first target that is reached from one
// of the configs that e may have. What is one value for all keys has every config.
func (m *machine) converted(e *recipe.Expr, sources, targets []string) (*recipe.Expr, error) {
	switch {
	case broadcast(e):
		return e, nil
	case e.Kind() == recipe.LiteralNode && e.Hints().Config == config.SingletonID: // a value for all keys, of any config
		return m.here().Merge("convert_singleton", []any{e})
	}
	for _, to := range targets {
		_, way, ok := m.env.Methods.Shortest(sources, to)
		if !ok {
			continue
		}
		for _, method := range way {
			var err error
			if e, err = m.here().Merge(method.ID, []any{e}); err != nil {
				return nil, err
			}
		}
		return e, nil
	}
	return nil, m.noWay(e, sources, targets)
}

// broadcast reports whether a node is one value for all keys.
func broadcast(e *recipe.Expr) bool { return e.Kind() == recipe.MergeNode && e.Method().Broadcast }

// noWay is the error for a conversion that there is not.
func (m *machine) noWay(e *recipe.Expr, sources, targets []string) error {
	what := (&node{m, e}).String()
	if len(sources) == 0 {
		return m.noConfig(e, what)
	}
	if err := m.noBlock(e, targets); err != nil {
		return err
	}
	var ways []string
	for _, from := range sources {
		to := m.env.Methods.Ways(from).Targets()
		if len(to) == 0 {
			to = []string{"nothing"}
		}
		ways = append(ways, from+" converts to "+strings.Join(to, ", "))
	}
	return &tensor.Error{Class: tensor.ClassRecipe, Err: fmt.Errorf("no conversion leads from %s (%s) to %s", strings.Join(sources, " or "), what, strings.Join(targets, " or ")),
		Hint: strings.Join(ways, "; ")}
}

// noConfig is the error for a value of which is not known what keys it has, or of which no config
// has them.
func (m *machine) noConfig(e *recipe.Expr, what string) error {
	hint := `say it where the value is made: model(path, config="sdxl-kohya")`
	if e.Kind() != recipe.ModelNode || m.keys == nil {
		return &tensor.Error{Class: tensor.ClassRecipe, Err: fmt.Errorf("the model config of %s is not known", what), Hint: hint}
	}
	keys, err := m.keys(e.Path())
	if err != nil {
		return err
	}
	return &tensor.Error{Class: tensor.ClassInput, Err: fmt.Errorf("no model config fits the keys of %s", what), Hint: cmp.Or(config.Unfit(keys), hint)}
}

// candidates returns the configs that a node may have, the most likely first: what its hint or
// its method says, what its keys fit, or what its first argument with a config has. It is empty
// if nothing tells.
func (m *machine) candidates(e *recipe.Expr) ([]string, error) {
	if list, ok := m.configs[e.Digest()]; ok {
		return list, nil
	}
	list, err := m.guess(e)
	if err == nil {
		m.configs[e.Digest()] = list
	}
	return list, err
}

func (m *machine) guess(e *recipe.Expr) ([]string, error) {
	if id := e.Hints().Config; id != "" && id != config.InferID {
		return []string{id}, nil
	}
	switch e.Kind() {
	case recipe.ModelNode:
		if m.keys == nil {
			return nil, nil
		}
		keys, err := m.keys(e.Path())
		if err != nil {
			return nil, err
		}
		return m.env.Configs.Likeliest(keys), nil
	case recipe.LiteralNode:
		return m.ofEntries(e.Entries())
	}
	return m.ofArguments(e)
}

// ofEntries judges the values of a literal, or else its nodes.
func (m *machine) ofEntries(entries []recipe.Entry) ([]string, error) {
	values := entryKeys(entries)
	if len(values) > 0 {
		return m.env.Configs.Likeliest(values), nil
	}
	for i := range entries {
		if list, err := m.candidates(entries[i].Node); err != nil || len(list) > 0 {
			return list, err
		}
	}
	return nil, nil
}

func (m *machine) ofArguments(e *recipe.Expr) ([]string, error) {
	if id := e.Method().Return.Config; id != "" {
		return []string{id}, nil
	}
	if broadcast(e) {
		return nil, nil
	}
	for p, list := range e.Args() {
		for _, a := range list {
			if e.Method().Params[p].Config != "" {
				continue
			}
			if found, err := m.candidates(a); err != nil || len(found) > 0 {
				return found, err
			}
		}
	}
	return nil, nil
}

// keyNames are the keys of a literal that have values.
type keyNames []string

func entryKeys(entries []recipe.Entry) keyNames {
	var k keyNames
	for i := range entries {
		if entries[i].Node == nil {
			k = append(k, entries[i].Key)
		}
	}
	return k
}

func (k keyNames) Len() int             { return len(k) }
func (k keyNames) Name(i int) string    { return k[i] }
func (k keyNames) Has(name string) bool { return slices.Contains(k, name) }
