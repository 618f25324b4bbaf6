package main

import (
	"strings"

	"github.com/spf13/cobra"

	mecha "github.com/mecha-gpu/mecha-gpu"
	"github.com/mecha-gpu/mecha-gpu/methods"
)

const methodsLong = `List the merge methods that recipes can name, by family; with ID, describe one: what it
computes, its parameters with their types, defaults and merge spaces, and its source.
A method that is known, but not available yet, can be named in a recipe, not run.`

// newMethodsCommand makes the command methods.
func newMethodsCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "methods [ID]",
		Short:   "List the merge methods, or describe one",
		Long:    methodsLong,
		Example: "  mecha-gpu methods\n  mecha-gpu methods weighted_sum",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return exactly("ID")(cmd, args)
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error { return runMethods(a, args) },
	}
	a.addJSON(cmd.Flags(), "print the methods as JSON")
	return cmd
}

// runMethods lists the methods, or describes the one that is asked for.
func runMethods(a *app, args []string) error {
	set, err := a.lib.Methods(mecha.Options{})
	if err != nil {
		return err
	}
	if len(args) == 0 {
		if a.json {
			return a.printJSON(methodListJSON(set.All()))
		}
		return a.print(methodList(set.All()))
	}
	m, ok := set.Get(args[0])
	if !ok {
		return usage("unknown method %q%s", args[0], meant(args[0], set.IDs()))
	}
	if a.json {
		return a.printJSON(methodListJSON([]*methods.Method{m}))
	}
	return a.print(methodText(m))
}

// methodList is the list of methods for people, by family in order of first appearance.
func methodList(all []*methods.Method) string {
	var families []string
	members := map[string][]*methods.Method{}
	for _, m := range all {
		if members[m.Family] == nil {
			families = append(families, m.Family)
		}
		members[m.Family] = append(members[m.Family], m)
	}
	var b strings.Builder
	t := newTable(&b)
	for i, f := range families {
		if i > 0 {
			t.row("")
		}
		t.row(f + ":")
		for _, m := range members[f] {
			t.row("  "+m.ID, firstSentence(m.Doc)+unavailable(m))
		}
	}
	t.flush()
	return b.String()
}

// unavailable marks methods that cannot run.
func unavailable(m *methods.Method) string {
	if m.Status == methods.Known {
		return " [not available yet]"
	}
	return ""
}

// firstSentence returns the start of a doc text, on one line.
func firstSentence(doc string) string {
	doc = strings.Join(strings.Fields(doc), " ")
	if i := strings.Index(doc, ". "); i >= 0 {
		return doc[:i+1]
	}
	return doc
}
