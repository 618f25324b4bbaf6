package main

import (
	"context"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	mecha "github.com/mecha-gpu/mecha-gpu"
)

// sweepFlags are the flags that make several outputs of one command.
type sweepFlags struct{ sweeps []string }

// addSweep adds the flags to a command whose parameters are called what.
func (f *sweepFlags) addSweep(fs *pflag.FlagSet, what string) {
	fs.StringArrayVar(&f.sweeps, "sweep", nil, "`NAME=VALUE,...`: an output for each value of a parameter "+what+", or for START:END:STEP; several make a grid. {NAME} in OUT stands for the value")
}

// grid returns the combinations of all sweeps. A parameter that has a value already cannot be swept.
func (f *sweepFlags) grid(set map[string]string) ([]map[string]string, error) {
	var list []mecha.Sweep
	for _, text := range f.sweeps {
		s, err := mecha.ParseSweep(text)
		if err != nil {
			return nil, err
		}
		if v, ok := set[s.Name]; ok {
			return nil, usage("--sweep %s: the parameter is set to %s already", s.Name, v)
		}
		list = append(list, s)
	}
	return mecha.Grid(list)
}

// swept returns the recipes that arguments and flags name, all of which have parameters if there
// are sweeps.
func (f *sweepFlags) swept(ctx context.Context, a *app, source *sourceFlags, args []string) ([]input, error) {
	recipes, err := source.inputs(ctx, a, args)
	if err != nil {
		return nil, err
	}
	for _, in := range recipes {
		if len(f.sweeps) > 0 && in.path != "" && !in.program() {
			return nil, usage("--sweep %s: only a program (*%s) and an expression (-e) have parameters, %s has none", f.sweeps[0], mecha.ScriptSuffix, in.path)
		}
	}
	return recipes, nil
}

// recipeName is what stands in OUT for a recipe: in {recipe}.
const recipeName = "recipe"

// outputs makes the inputs and paths of all outputs: for every recipe every combination of the
// sweeps. Without sweeps, and with one recipe, OUT is taken as it is.
func (f *sweepFlags) outputs(recipes []input, grid []map[string]string, out string) (ins []input, paths []string, err error) {
	if len(recipes) == 1 && len(f.sweeps) == 0 && !strings.Contains(out, "{"+recipeName+"}") {
		return recipes, []string{out}, nil
	}
	seen := map[string]string{}
	for _, in := range recipes {
		for _, values := range grid {
			x, err := in.with(values)
			if err != nil {
				return nil, nil, err
			}
			names := maps.Clone(values)
			if _, taken := names[recipeName]; !taken {
				names[recipeName] = in.name()
			}
			path, err := mecha.FillPath(out, names)
			if err != nil {
				return nil, nil, err
			}
			what := x.label
			if other, twice := seen[filepath.Clean(path)]; twice {
				return nil, nil, usage("-o %s: the outputs of %s and of %s would be one file, %s%s", out, other, what, path, f.hint(out, len(recipes)))
			}
			seen[filepath.Clean(path)] = what
			ins, paths = append(ins, x), append(paths, path)
		}
	}
	return ins, paths, nil
}

// described writes a combination: "alpha=0.1".
func described(values map[string]string) (list []string) {
	for _, name := range slices.Sorted(maps.Keys(values)) {
		list = append(list, name+"="+values[name])
	}
	return list
}

// hint names what OUT lacks.
func (f *sweepFlags) hint(out string, recipes int) string {
	var lacks []string
	add := func(name string) {
		if !strings.Contains(out, "{"+name+"}") {
			lacks = append(lacks, "{"+name+"}")
		}
	}
	for _, text := range f.sweeps {
		name, _, _ := strings.Cut(text, "=")
		add(name)
	}
	if recipes > 1 {
		add(recipeName)
	}
	if len(lacks) == 0 {
		return ""
	}
	return "; put " + strings.Join(lacks, " and ") + " into it"
}

// with returns the input with more parameters set, as one of several.
func (in input) with(values map[string]string) (input, error) {
	in.label = strings.Join(append([]string{in.name()}, described(values)...), " ")
	if in.call != nil {
		c, err := in.call.with(values)
		in.call = c
		return in, err
	}
	set := map[string]string{}
	maps.Copy(set, in.script.Set)
	maps.Copy(set, values)
	in.script.Set = set
	return in, nil
}

// name is what {recipe} in OUT stands for: the name of the file without its ending.
func (in input) name() string {
	switch {
	case in.call != nil:
		return in.call.method.ID
	case in.path == "":
		return "expression"
	case in.path == "-":
		return "stdin"
	}
	base := filepath.Base(in.path)
	return strings.TrimSuffix(base, filepath.Ext(base))
}
