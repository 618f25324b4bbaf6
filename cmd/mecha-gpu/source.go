package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	mecha "github.com/mecha-gpu/mecha-gpu"
)

// sourceFlags are the flags that say what the recipe is, beside the argument RECIPE.
type sourceFlags struct {
	expr   string
	models []string
	set    []string
	blocks blockFlags

	configs []string
}

// add adds the flags to a command.
func (f *sourceFlags) add(fs *pflag.FlagSet) {
	fs.StringVarP(&f.expr, "expr", "e", "", "`EXPR` that is the recipe, such as 'a + 0.5*(b - c) | a'")
	f.addScript(fs)
}

// addScript adds the flags for programs.
func (f *sourceFlags) addScript(fs *pflag.FlagSet) {
	fs.StringArrayVarP(&f.models, "model", "m", nil, "`NAME=FILE`: a model by the name that EXPR, or a .star program, has for it; may be repeated")
	fs.StringArrayVar(&f.set, "set", nil, "`NAME=VALUE`: a parameter of a .star program, or a name in EXPR; may be repeated")
	f.blocks.add(fs, "of a .star program, or a name in EXPR")
}

// addConfigs adds --config.
func (f *sourceFlags) addConfigs(fs *pflag.FlagSet) {
	fs.StringArrayVar(&f.configs, "config", nil, "`FILE` with a model config (YAML as of sd-mecha), or a folder of them; may be repeated")
}

// recipeArgs demands RECIPE or -e.
func (f *sourceFlags) recipeArgs(cmd *cobra.Command, args []string) error {
	given := cmd.Flags().Changed("expr")
	switch {
	case given && len(args) > 0:
		return usage("%s: -e takes the place of RECIPE, but there is %q", cmd.Name(), args[0])
	case given:
		return nil
	case len(args) == 0:
		return usage("%s needs RECIPE or -e EXPR: %s", cmd.Name(), cmd.UseLine())
	}
	return exactly("RECIPE")(cmd, args)
}

// recipeListArgs demands at least one RECIPE, or -e.
func (f *sourceFlags) recipeListArgs(cmd *cobra.Command, args []string) error {
	if len(args) < 2 || cmd.Flags().Changed("expr") {
		return f.recipeArgs(cmd, args)
	}
	for i, arg := range args {
		if arg == "-" {
			return usage("%s: standard input can only be the only recipe", cmd.Name())
		}
		if slices.Contains(args[:i], arg) {
			return usage("%s: the recipe %s is given twice", cmd.Name(), arg)
		}
	}
	return nil
}

// inputs returns the recipes that arguments and flags name.
func (f *sourceFlags) inputs(ctx context.Context, a *app, args []string) (list []input, err error) {
	for i := range max(len(args), 1) {
		in, err := f.input(ctx, a, args[min(i, len(args)):min(i+1, len(args))])
		if err != nil {
			return nil, err
		}
		list = append(list, in)
	}
	return list, nil
}

// input returns the recipe that arguments and flags name.
func (f *sourceFlags) input(ctx context.Context, a *app, args []string) (in input, err error) {
	if len(args) == 0 {
		in.expr = f.expr
	} else if in, err = a.readInput(args[0]); err != nil {
		return in, err
	}
	program := in.program()
	switch {
	case len(f.set) > 0 && !program && len(args) > 0:
		return in, usage("--set %s: only a program (*%s) and an expression (-e) have parameters", f.set[0], mecha.ScriptSuffix)
	case len(f.blocks.list) > 0 && !program && len(args) > 0:
		return in, usage("--blocks %s: only a program (*%s) and an expression (-e) have parameters", f.blocks.list[0], mecha.ScriptSuffix)
	case len(f.models) > 0 && !program && len(args) > 0:
		return in, usage("-m %s: only an expression (-e) and a program (*%s) have models by name", f.models[0], mecha.ScriptSuffix)
	}
	if in.script.Models, err = pairs("-m", "NAME=FILE", f.models); err != nil {
		return in, err
	}
	if in.script.Blocks, err = f.blocks.read(ctx); err != nil {
		return in, err
	}
	in.script.Set, err = pairs("--set", "NAME=VALUE", f.set)
	return in, err
}

// pairs splits NAME=VALUE arguments of a flag.
func pairs(flag, form string, list []string) (map[string]string, error) {
	m := make(map[string]string, len(list))
	for _, arg := range list {
		name, value, ok := strings.Cut(arg, "=")
		if _, twice := m[name]; twice {
			return nil, usage("%s %s: %s is given twice", flag, arg, name)
		}
		if !ok || name == "" || flag == "-m" && value == "" {
			return nil, usage("%s %s: expected %s", flag, arg, form)
		}
		m[name] = value
	}
	return m, nil
}

// helpWithParameters makes `--help` of a command list the parameters of the program that is
// among its arguments.
func (a *app) helpWithParameters(cmd *cobra.Command) {
	cmd.SetHelpFunc(func(cmd *cobra.Command, args []string) {
		cmd.Root().HelpFunc()(cmd, args)
		for _, arg := range args {
			if mecha.IsScript(arg) {
				fmt.Fprint(a.stdout, "\n"+a.parametersText(cmd.Context(), arg))
			}
		}
	})
}

// parametersText lists the parameters of a program.
func (a *app) parametersText(ctx context.Context, path string) string {
	params, err := a.lib.ScriptParams(ctx, path)
	if err != nil {
		return printable(err.Error()) + "\n"
	}
	if len(params) == 0 {
		return printable(path) + " has no parameters.\n"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "Parameters of %s:\n", printable(path))
	t := newTable(&b)
	for _, p := range params {
		t.row("  --set "+p.Name+"="+p.Default.String(), p.Type())
	}
	t.flush()
	return b.String()
}
