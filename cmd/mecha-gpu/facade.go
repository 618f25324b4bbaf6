package main

import (
	"context"
	"fmt"

	mecha "github.com/mecha-gpu/mecha-gpu"
	"github.com/mecha-gpu/mecha-gpu/methods"
	"github.com/mecha-gpu/mecha-gpu/recipe/config"
)

// facade is the library of the program.
type facade struct{}

// load reads and parses a recipe.
func load(ctx context.Context, in input, o mecha.Options) (*mecha.Recipe, error) {
	switch {
	case in.call != nil:
		return in.call.recipe(ctx, o)
	case in.convert != nil:
		return mecha.ConvertRecipe(ctx, in.convert.path, in.convert.from, in.convert.to, o)
	case in.path == "":
		return mecha.ParseExprWith(ctx, in.expr, in.script, o)
	case in.path == "-" && in.program():
		return mecha.ParseScript(ctx, in.text, stdinName, in.script, o)
	case in.path == "-":
		return mecha.ParseRecipe(in.text, stdinName, o)
	case in.program():
		return mecha.LoadScript(ctx, in.path, in.script, o)
	}
	return mecha.LoadRecipe(ctx, in.path, o)
}

func (facade) Vet(ctx context.Context, in input, o mecha.Options) (*mecha.VetReport, error) {
	r, err := load(ctx, in, o)
	if err != nil {
		return nil, err
	}
	return mecha.Vet(ctx, r, o)
}

func (facade) PlanMerge(ctx context.Context, ins []input, o mecha.Options) (*mecha.PlanReport, error) {
	outs, err := loadAll(ctx, ins, make([]string, len(ins)), o)
	if err != nil {
		return nil, err
	}
	return mecha.PlanAll(ctx, outs, o)
}

func (facade) Merge(ctx context.Context, ins []input, outputs []string, o mecha.Options) (*mecha.Report, error) {
	outs, err := loadAll(ctx, ins, outputs, o)
	if err != nil {
		return nil, err
	}
	return mecha.MergeAll(ctx, outs, o)
}

// loadAll reads and parses the recipes of outputs.
func loadAll(ctx context.Context, ins []input, paths []string, o mecha.Options) ([]mecha.Output, error) {
	outs := make([]mecha.Output, len(ins))
	for i, in := range ins {
		r, err := load(ctx, in, o)
		if err != nil && in.label != "" {
			err = fmt.Errorf("%s: %w", in.label, err)
		}
		if err != nil {
			return nil, err
		}
		outs[i] = mecha.Output{Recipe: r, Path: paths[i], Name: in.label}
	}
	return outs, nil
}

func (facade) Inspect(ctx context.Context, path string, o mecha.Options) (*mecha.Inspection, error) {
	return mecha.Inspect(ctx, path, o)
}

func (facade) Methods(o mecha.Options) (methods.Set, error) { return mecha.Methods(o) }

func (facade) Configs(o mecha.Options) (config.Registry, error) { return mecha.Configs(o) }

func (facade) DetectConfig(ctx context.Context, path string, o mecha.Options) (*mecha.Detection, error) {
	return mecha.DetectConfig(ctx, path, o)
}

func (facade) NewConfig(ctx context.Context, id, path string, o mecha.Options) (string, error) {
	return mecha.NewConfig(ctx, id, path, o)
}

// Forms in which a recipe is shown.
const (
	asText    = "mecha"
	asProgram = "star"
	asDOT     = "dot"
	asSVG     = "svg"
)

// showForm says how a recipe is shown.
type showForm struct {
	form  string
	paths mecha.Paths
	dir   string // where the text will be
}

func (facade) Show(ctx context.Context, in input, f showForm, o mecha.Options) (string, error) {
	r, err := load(ctx, in, o)
	if err == nil {
		r, err = r.WithPaths(f.paths, f.dir, o)
	}
	if err != nil {
		return "", err
	}
	switch f.form {
	case asProgram:
		return r.Program()
	case asDOT:
		return r.DOT(), nil
	case asSVG:
		return r.SVG()
	}
	return r.Text()
}

func (facade) ScriptParams(ctx context.Context, path string) ([]mecha.ScriptParam, error) {
	return mecha.ScriptParams(ctx, path, mecha.Options{})
}
