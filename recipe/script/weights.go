package script

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"go.starlark.net/starlark"

	"github.com/mecha-gpu/mecha-gpu/recipe"
	"github.com/mecha-gpu/mecha-gpu/recipe/blocks"
	"github.com/mecha-gpu/mecha-gpu/recipe/config"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// weights are block weights that come from outside the program. Which model they are for is not
// known before they are used beside one: then they become a literal of its blocks.
type weights struct {
	m    *machine
	name string // of the parameter
	blocks.Weights
	rest *float64 // of the blocks that are not listed; nil: an error
}

// String names the parameter.
func (w *weights) String() string { return "blocks(" + w.name + ")" }

// Type returns "block weights".
func (w *weights) Type() string { return "block weights" }

// Freeze does nothing: weights do not change.
func (w *weights) Freeze() {}

// Truth is true.
func (w *weights) Truth() starlark.Bool { return true }

// Hash fails: weights are no key of a dict.
func (w *weights) Hash() (uint32, error) { return 0, errors.New("block weights cannot be hashed") }

// families returns the configs of block weights that have all blocks that are listed.
func (w *weights) families() []string {
	return slices.DeleteFunc(w.m.blockConfigs(), func(id string) bool { return !w.Fits(w.m.blockNames(id)) })
}

// blockConfigs lists the configs of block weights.
func (m *machine) blockConfigs() (ids []string) {
	for _, row := range m.env.Configs.All() {
		if strings.HasSuffix(row.ID, blockSuffix) && row.Make != nil {
			ids = append(ids, row.ID)
		}
	}
	return ids
}

// way returns the first target that is reached from one of the families.
func (w *weights) way(families, targets []string) (family, target string) {
	for _, to := range targets {
		for _, id := range families {
			if _, ok := w.m.env.Methods.Ways(id).To(to); ok {
				return id, to
			}
		}
	}
	return "", ""
}

// blockNames lists the blocks of a config.
func (m *machine) blockNames(id string) []string {
	row, ok := m.env.Configs.Get(id)
	if !ok || row.Make == nil {
		return nil
	}
	c := row.Make()
	names := make([]string, c.Len())
	for i := range names {
		names[i] = c.Name(i)
	}
	return names
}

// convert makes the literal of a family, converted to the first target that one leads to. If
// there is no target, the names of the blocks decide.
func (w *weights) convert(targets []string) (*recipe.Expr, error) {
	families := w.families()
	if len(targets) == 0 {
		if len(families) > 1 {
			return nil, &tensor.Error{Class: tensor.ClassRecipe, Err: fmt.Errorf("%s may be weights of %s: no model config is known that has the keys of the model beside them", w, strings.Join(families, " or of ")),
				Hint: `configs detect says what a model is; a program can say it, as in model(path, config="sdxl-sgm")`}
		}
		targets = w.m.blockTargets(families)
	}
	family, to := w.way(families, targets)
	if family == "" {
		family, to = w.way(w.m.blockConfigs(), targets) // the error names the blocks
	}
	if family != "" {
		e, err := w.literal(family)
		if err != nil {
			return nil, err
		}
		if e, err = w.m.converted(e, []string{family}, []string{to}); err != nil {
			return nil, err
		}
		return w.orBase(e, family)
	}
	return nil, &tensor.Error{Class: tensor.ClassRecipe, Err: fmt.Errorf("%s: models of %s have no block weights", w, strings.Join(targets, " or "))}
}

// orBase gives keys that no config knows the weight of BASE, as those that are in no other block
// have. Without a weight they would be left out.
func (w *weights) orBase(e *recipe.Expr, family string) (*recipe.Expr, error) {
	list, err := w.For(w.m.blockNames(family), w.rest)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", w.name, err)
	}
	for _, x := range list {
		if x.Block == config.BaseBlock {
			return w.m.here().Merge("fallback", []any{e, x.X})
		}
	}
	return e, nil
}

// literal makes a literal with a value for each block of a family.
func (w *weights) literal(family string) (*recipe.Expr, error) {
	list, err := w.For(w.m.blockNames(family), w.rest)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", w.name, err)
	}
	entries := make([]recipe.Entry, len(list))
	for i, x := range list {
		v, err := plain(starlark.Float(x.X))
		if err != nil {
			return nil, err
		}
		entries[i] = recipe.Entry{Key: x.Block, Value: v}
	}
	return w.m.here().Literal(entries, recipe.Hints{Config: family})
}

// setBlocks gives names weights, with the values that they have in set for the rest. Each of them
// must be among those that the program takes.
func (m *machine) setBlocks(o Options, taken []string) (map[string]*weights, error) {
	all := map[string]*weights{}
	for _, name := range slices.Sorted(maps.Keys(o.Blocks)) {
		if !slices.Contains(taken, name) {
			return nil, m.fail(m.end(), &tensor.Error{Class: tensor.ClassRecipe, Err: fmt.Errorf("block weights for %s, but there is no such parameter or free name", name),
				Hint: cmp.Or(near(name, taken), "they stand for a free name of an expression, as x in alpha=x, or for a parameter of a program's recipe")})
		}
		w := &weights{m: m, name: name, Weights: o.Blocks[name]}
		if text, ok := o.Set[name]; ok {
			x, err := strconv.ParseFloat(text, 64)
			if err != nil || x-x != 0 {
				return nil, m.fail(m.end(), &tensor.Error{Class: tensor.ClassRecipe, Err: fmt.Errorf("parameter %s is the weight of the blocks that are not listed", name), Got: strconv.Quote(text), Want: "a number"})
			}
			w.rest = &x
		}
		all[name] = w
	}
	return all, nil
}
