package main

import (
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	mecha "github.com/mecha-gpu/mecha-gpu"
)

const showLong = `Print a recipe as .mecha text, in the one form that equal recipes share: arguments before
what uses them, defaults spelled out. FILE is a .mecha file, a .star program, a merged
.safetensors file, or - for standard input. A model is opened only if a program converts it and
does not name its model config; then its header is read. -e EXPR takes the place of FILE.`

const graphLong = `Draw a recipe: a box for each model and each merge, once, also if it is used often; values
are lines in the boxes. The picture is SVG, or text for Graphviz (DOT).`

const convertRecipeLong = `Write a recipe in another form: .mecha text, which sd-mecha reads, or a .star program
without loops. Both stand for the same recipe, with the same digest.`

// recipeForms are the forms of the commands that write a recipe, by the command.
var recipeForms = map[string][]string{"graph": {asDOT, asSVG}, "convert": {asText, asProgram}}

// newRecipeCommand makes the command recipe.
func newRecipeCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "recipe",
		Short: "Show, draw or convert a recipe",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usage("unknown command %q of recipe%s", args[0], meant(args[0], []string{"show", "format", "graph", "convert"}))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newRecipeShowCommand(a),
		newRecipeWriteCommand(a, "graph", "Draw a recipe as SVG or DOT", graphLong, "  mecha-gpu recipe graph mix.star -o mix.svg"),
		newRecipeWriteCommand(a, "convert", "Write a recipe as .mecha text or as a program", convertRecipeLong, "  mecha-gpu recipe convert mix.star -o mix.mecha"))
	return cmd
}

// newRecipeShowCommand makes the command recipe show.
func newRecipeShowCommand(a *app) *cobra.Command {
	var f sourceFlags
	cmd := &cobra.Command{
		Use:     "show FILE",
		Aliases: []string{"format"},
		Short:   "Print a recipe as .mecha text",
		Long:    showLong,
		Args:    f.recipeArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			return (&recipeWriter{sourceFlags: f, form: oneOf(named[string]{asText, asText})}).run(a, cmd, args)
		},
	}
	f.add(cmd.Flags())
	f.addConfigs(cmd.Flags())
	a.helpWithParameters(cmd)
	return cmd
}

// recipeWriter are the flags of the commands that write a recipe.
type recipeWriter struct {
	sourceFlags
	form   choice[string]
	paths  choice[mecha.Paths]
	dirs   []string
	output string
}

// newRecipeWriteCommand makes a command that writes a recipe in one of its forms.
func newRecipeWriteCommand(a *app, name, short, long, example string) *cobra.Command {
	var w recipeWriter
	for _, form := range recipeForms[name] {
		w.form.all = append(w.form.all, named[string]{form, form})
	}
	cmd := &cobra.Command{
		Use: name + " FILE", Short: short, Long: long, Example: example,
		Args: w.recipeArgs,
		RunE: func(cmd *cobra.Command, args []string) error { return w.run(a, cmd, args) },
	}
	w.sourceFlags.add(cmd.Flags())
	w.addConfigs(cmd.Flags())
	cmd.Flags().Var(&w.form, "to", "form to write; that of the suffix of OUT, if it has one")
	if name == "convert" {
		w.paths = oneOf(named[mecha.Paths]{"original", mecha.OriginalPaths}, named[mecha.Paths]{"absolute", mecha.AbsolutePaths},
			named[mecha.Paths]{"relative", mecha.RelativePaths})
		cmd.Flags().Var(&w.paths, "paths", "how paths of models are written, if the models are there; relative ones start from the folder of OUT")
		cmd.Flags().StringArrayVar(&w.dirs, "model-dir", nil, "`DIR` to search for models with a relative path; may be repeated")
	}
	cmd.Flags().StringVarP(&w.output, "output", "o", "", "`OUT` is the file to write; standard output if it is not given")
	a.helpWithParameters(cmd)
	return cmd
}

// run writes a recipe.
func (w *recipeWriter) run(a *app, cmd *cobra.Command, args []string) error {
	in, err := w.input(cmd.Context(), a, args)
	if err != nil {
		return err
	}
	if suffix := strings.TrimPrefix(filepath.Ext(w.output), "."); suffix != "" && !cmd.Flags().Changed("to") {
		if err := w.form.Set(suffix); err != nil {
			return usage("-o %s: %v", w.output, err)
		}
	}
	form := showForm{form: w.form.value(), dir: filepath.Dir(w.output)}
	if len(w.paths.all) > 0 {
		form.paths = w.paths.value()
	}
	text, err := a.lib.Show(cmd.Context(), in, form, mecha.Options{Configs: w.configs, ModelDirs: w.dirs})
	if err != nil {
		return err
	}
	stdout := w.output == "" || w.output == "-"
	text = strings.TrimRight(text, "\n")
	if w.form.value() != asText || stdout && a.outTerminal { // sd-mecha reads no text that ends with a line feed
		text += "\n"
	}
	if stdout {
		return a.print(text)
	}
	return writeText(w.output, text)
}
