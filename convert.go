package mecha

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/mecha-gpu/mecha-gpu/methods"
	"github.com/mecha-gpu/mecha-gpu/recipe"
	"github.com/mecha-gpu/mecha-gpu/recipe/config"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// Convert takes a model to another model config and writes it to a safetensors file: keys are
// renamed, and tensors joined, cut, transposed or reshaped, byte for byte. The report names the
// keys of the model that the other config has no place for (Models[0].Unread). The config of the
// model is found from its keys; see ConvertRecipe if it is known. Options.MergeSpace and
// Options.NonFinite have no effect: nothing is merged, and nothing left out.
func Convert(ctx context.Context, model, to, output string, o Options) (*Report, error) {
	r, err := ConvertRecipe(ctx, model, "", to, o)
	if err != nil {
		return nil, err
	}
	o.MergeSpace, o.NonFinite = "any", KeepNonFinite
	return Merge(ctx, r, output, o)
}

// ConvertRecipe makes the recipe that takes a model to another model config, by the fewest
// conversions. from is the config of the model; if it is empty, the header of the model is read,
// and of the configs that know the most keys, that is taken from which the way is shortest. Of a
// model that has the config already, keys with another name get that of the config.
//
// Merge runs the recipe. A conversion is no reason to leave out tensors that hold NaN or infinite
// elements, so Options.NonFinite is KeepNonFinite for it, and Options.MergeSpace "any".
func ConvertRecipe(ctx context.Context, path, from, to string, o Options) (*Recipe, error) {
	env, err := Env(o)
	if err != nil {
		return nil, err
	}
	if to, err = configID(env.Configs, to); err != nil {
		return nil, err
	}
	var sources []string
	if from != "" {
		if from, err = configID(env.Configs, from); err != nil {
			return nil, err
		}
		sources = []string{from}
	} else if sources, err = configsOf(ctx, env, path, &o); err != nil {
		return nil, err
	}
	from, steps, ok := env.Methods.Shortest(sources, to)
	if !ok {
		return nil, noWay(env.Methods, path, sources, to)
	}
	e, err := env.Model(path, recipe.Hints{Config: from, Space: methods.Weight})
	for i := 0; i < len(steps) && err == nil; i++ {
		e, err = env.Merge(steps[i].ID, []any{e})
	}
	if err != nil {
		return nil, err
	}
	g, err := env.Graph(e)
	if err != nil {
		return nil, err
	}
	r := NewRecipe(g, "")
	r.conversion = true
	return r, nil
}

// configID returns the identifier of a config by any of its identifiers.
func configID(r config.Registry, id string) (string, error) {
	row, ok := r.Get(id)
	if !ok {
		e := &tensor.Error{Class: tensor.ClassUsage, Err: fmt.Errorf("unknown model config %q", id)}
		if what := config.Special(id); what != "" {
			e.Err = fmt.Errorf("%s is no config to convert from or to: %s", id, what)
		} else if near := r.Nearest(id); len(near) > 0 {
			e.Hint = "did you mean " + strings.Join(near, " or ") + "?"
		}
		return "", e
	}
	return row.ID, nil
}

// configsOf returns the configs that know the most keys of a model, the best first.
func configsOf(ctx context.Context, env recipe.Env, path string, o *Options) ([]string, error) {
	h, err := headerOf(ctx, &Recipe{}, path, o)
	if err != nil {
		return nil, err
	}
	keys := config.Header(h)
	ids := env.Configs.Likeliest(keys)
	if len(ids) == 0 {
		return nil, &tensor.Error{Class: tensor.ClassInput, Path: path, Err: errors.New("no model config fits the keys of this model"),
			Hint: cmp.Or(config.Unfit(keys), "configs detect shows what is compared")}
	}
	return ids, nil
}

// noWay is the error for a conversion that there is not.
func noWay(set methods.Set, path string, sources []string, to string) error {
	e := &tensor.Error{Class: tensor.ClassInput, Path: path, Err: fmt.Errorf("no conversion leads from %s to %s", strings.Join(sources, " or "), to)}
	if all := set.Ways(sources[0]).Targets(); len(all) > 0 {
		e.Hint = sources[0] + " converts to " + strings.Join(all, ", ")
	}
	return e
}
