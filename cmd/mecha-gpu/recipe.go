package main

import (
	"strings"

	"github.com/spf13/cobra"

	mecha "github.com/mecha-gpu/mecha-gpu"
)

const showLong = `Print a recipe as .mecha text, in the one form that equal recipes share: arguments before
what uses them, defaults spelled out. FILE is a .mecha file, a .star program, a merged
.safetensors file, or - for standard input. No model is opened.`

// newRecipeCommand makes the command recipe.
func newRecipeCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "recipe",
		Short: "Show a recipe as text",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usage("unknown command %q of recipe%s", args[0], meant(args[0], []string{"show", "format"}))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newRecipeShowCommand(a))
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
		Args:    exactly("FILE"),
		RunE:    func(cmd *cobra.Command, args []string) error { return runRecipeShow(a, cmd, &f, args) },
	}
	f.addScript(cmd.Flags())
	a.helpWithParameters(cmd)
	return cmd
}

// runRecipeShow prints the text of a recipe.
func runRecipeShow(a *app, cmd *cobra.Command, f *sourceFlags, args []string) error {
	in, err := f.input(a, args)
	if err != nil {
		return err
	}
	text, err := a.lib.RecipeText(cmd.Context(), in, mecha.Options{})
	if err != nil {
		return err
	}
	return a.print(strings.TrimRight(text, "\n") + "\n")
}
