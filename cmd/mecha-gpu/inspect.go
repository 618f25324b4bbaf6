package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	mecha "github.com/mecha-gpu/mecha-gpu"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

const inspectLong = `Show what a checkpoint holds: its tensors, its metadata, and the recipe that made it.
PATH is a .safetensors file or a folder that holds a model. Only headers are read.`

// newInspectCommand makes the command inspect.
func newInspectCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "inspect PATH",
		Short: "Show the tensors, the metadata and the recipe of a checkpoint",
		Long:  inspectLong,
		Args:  exactly("PATH"),
		RunE:  func(cmd *cobra.Command, args []string) error { return runInspect(a, cmd, args[0]) },
	}
	a.addJSON(cmd.Flags(), "print everything as one JSON object")
	return cmd
}

// runInspect describes a checkpoint.
func runInspect(a *app, cmd *cobra.Command, path string) error {
	i, err := a.lib.Inspect(cmd.Context(), path, mecha.Options{})
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(i)
	}
	return a.print(inspectText(i))
}

// inspectText is the description of a checkpoint for people.
func inspectText(i *mecha.Inspection) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s, %s, %s\n", printable(i.Path), tensor.Count(i.Keys, "key"), tensor.Count(i.Elements, "element"), tensor.Bytes(i.Bytes))
	if len(i.Files) > 1 {
		fmt.Fprintf(&b, "%s: %s\n", tensor.Count(len(i.Files), "file"), printable(strings.Join(i.Files, ", ")))
	}
	tensorTable(&b, i)
	if len(i.Metadata) > 0 {
		b.WriteString("\nMetadata:\n")
	}
	for _, k := range slices.Sorted(maps.Keys(i.Metadata)) {
		if k != mecha.RecipeKey || i.Recipe == "" {
			fmt.Fprintf(&b, "  %s: %s\n", printable(k), indented(i.Metadata[k]))
		}
	}
	if i.Recipe != "" {
		fmt.Fprintf(&b, "\nRecipe that made it:\n  %s\n", indented(strings.TrimRight(i.Recipe, "\n")))
	}
	return b.String()
}

// tensorTable writes the counts of the element types and a row for each tensor.
func tensorTable(b *strings.Builder, i *mecha.Inspection) {
	t := newTable(b)
	for _, d := range i.DTypes {
		t.row("  "+d.DType, tensor.Count(d.Keys, "key"), tensor.Bytes(d.Bytes))
	}
	t.flush()
	if len(i.Tensors) == 0 {
		return
	}
	b.WriteString("\n")
	t = newTable(b)
	t.row("KEY", "DTYPE", "SHAPE", "BYTES")
	for _, e := range i.Tensors {
		key := strings.NewReplacer("\t", `\t`, "\n", `\n`).Replace(printable(e.Key))
		t.row(key, e.DType, tensor.Shape(e.Shape).String(), fmt.Sprint(e.Bytes))
	}
	t.flush()
}

// indented makes text of several lines printable below a two-space margin.
func indented(s string) string { return strings.ReplaceAll(printable(s), "\n", "\n  ") }
