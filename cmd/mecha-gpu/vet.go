package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	mecha "github.com/mecha-gpu/mecha-gpu"
)

// vetOptions are the flags of vet.
type vetOptions struct{ recipeFlags }

const vetLong = `Check RECIPE, or the expression of -e, without opening a model: its text, the methods and
parameters it names, and the merge spaces. All errors are listed, with line and column.
(Where a program converts a model and does not name its model config, its header is read.)`

// newVetCommand makes the command vet.
func newVetCommand(a *app) *cobra.Command {
	var o vetOptions
	cmd := &cobra.Command{
		Use:   "vet RECIPE",
		Short: "Check a recipe without opening a model",
		Long:  vetLong,
		Args:  o.recipeArgs,
		RunE:  func(cmd *cobra.Command, args []string) error { return runVet(a, cmd, &o, args) },
	}
	o.add(cmd.Flags())
	a.helpWithParameters(cmd)
	a.addJSON(cmd.Flags(), "print the result as JSON")
	return cmd
}

// runVet checks a recipe and says what it is.
func runVet(a *app, cmd *cobra.Command, o *vetOptions, args []string) error {
	in, err := o.input(cmd.Context(), a, args)
	if err != nil {
		return err
	}
	var options mecha.Options
	o.options(&options)
	v, err := a.lib.Vet(cmd.Context(), in, options)
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(v)
	}
	return a.print(vetText(v))
}

// vetText is the result of vet for people.
func vetText(v *mecha.VetReport) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: ok\n", printable(v.Recipe))
	t := newTable(&b)
	t.row("  nodes", fmt.Sprint(v.Nodes))
	t.row("  result", "merge space "+v.MergeSpace)
	t.row("  models", printable(strings.Join(v.Models, ", ")))
	t.row("  methods", strings.Join(v.Methods, ", "))
	t.flush()
	return b.String()
}
