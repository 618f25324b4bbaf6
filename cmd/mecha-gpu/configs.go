package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	mecha "github.com/mecha-gpu/mecha-gpu"
	"github.com/mecha-gpu/mecha-gpu/recipe/config"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

const configsLong = `A model config is the list of keys that a kind of model has, with shapes, element types and
other names. It says which inputs fit together, and what can be converted. Configs are found from
the keys of a model; more of them are loaded with --config.`

const configsDetectLong = `Say which model configs fit a checkpoint, the best first, and how it differs from the one that
is taken. A config fits if it knows a tenth of the keys. The best one has the fewest unknown keys,
then the fewest tensors of other shapes, then the fewest missing keys.`

const configsNewLong = `Make a model config of a checkpoint, named ID, such as llama-mine: its keys with shapes and
element types, in one component. Which keys are optional, other names and components can be
added by hand. The file is as sd-mecha reads it.`

// configsFlags are the flags of the commands about model configs.
type configsFlags struct {
	sourceFlags
	output string
}

func (f *configsFlags) library() mecha.Options { return mecha.Options{Configs: f.configs} }

// newConfigsCommand makes the command configs.
func newConfigsCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "configs",
		Short: "List, show, make or detect model configs",
		Long:  configsLong,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usage("unknown command %q of configs%s", args[0], meant(args[0], []string{"list", "show", "new", "detect"}))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	sub := func(use, short, long string, run func(f *configsFlags, cmd *cobra.Command, args []string) error) *cobra.Command {
		f := &configsFlags{}
		name, args, _ := strings.Cut(use, " ")
		c := &cobra.Command{Use: use, Short: short, Long: long, Args: exactly(strings.Fields(args)...),
			RunE: func(cmd *cobra.Command, args []string) error { return run(f, cmd, args) }}
		if name == "new" {
			c.Flags().StringVarP(&f.output, "output", "o", "", "`OUT` is the file to write, such as ID.yaml; standard output if it is not given")
		} else {
			f.addConfigs(c.Flags())
		}
		cmd.AddCommand(c)
		return c
	}
	a.addJSON(sub("list", "List the model configs", configsLong, a.listConfigs).Flags(), "print the configs as JSON")
	sub("show ID", "Print a model config as YAML", "Print a model config in the YAML format of sd-mecha.", a.showConfig)
	sub("new ID FILE", "Make a model config of a checkpoint", configsNewLong, a.newConfig)
	a.addJSON(sub("detect FILE", "Say which model config a checkpoint has", configsDetectLong, a.detectConfig).Flags(), "print the result as JSON")
	return cmd
}

// configsJSON is the list of configs as JSON.
type configsJSON struct {
	Type    string       `json:"type"` // "configs"
	Schema  int          `json:"schema"`
	Configs []configJSON `json:"configs"`
}

// configJSON is a config as JSON, without its keys.
type configJSON struct {
	ID         string          `json:"id"`
	Adapter    bool            `json:"adapter"`
	Keys       int             `json:"keys"`
	Components []componentJSON `json:"components"`
}

type componentJSON struct {
	Name string `json:"name"`
	Keys int    `json:"keys"`
}

func (a *app) listConfigs(f *configsFlags, _ *cobra.Command, _ []string) error {
	r, err := a.lib.Configs(f.library())
	if err != nil {
		return err
	}
	list := configsJSON{Type: "configs", Schema: 1}
	for _, row := range r.All() {
		c := row.Make()
		j := configJSON{ID: row.ID, Adapter: row.Adapter, Keys: c.Len()}
		for _, part := range c.Components() {
			j.Components = append(j.Components, componentJSON{part.Name, len(part.Keys)})
		}
		list.Configs = append(list.Configs, j)
	}
	if a.json {
		return a.printJSON(list)
	}
	return a.print(configList(list.Configs))
}

// configList is the list of configs for people.
func configList(all []configJSON) string {
	var b strings.Builder
	t := newTable(&b)
	t.row("CONFIG", "KEYS", "COMPONENTS")
	for _, c := range all {
		var parts []string
		for _, p := range c.Components {
			parts = append(parts, p.Name)
		}
		t.row(printable(c.ID), fmt.Sprint(c.Keys), printable(strings.Join(parts, ", ")))
	}
	t.flush()
	return b.String()
}

func (a *app) showConfig(f *configsFlags, _ *cobra.Command, args []string) error {
	r, err := a.lib.Configs(f.library())
	if err != nil {
		return err
	}
	row, ok := r.Get(args[0])
	if what := config.Special(args[0]); what != "" {
		return usage("%s cannot be shown: %s", args[0], what)
	}
	if !ok {
		return usage("unknown model config %q%s", args[0], meantConfig(r, args[0]))
	}
	text, err := config.WriteYAML(row.FileID(), row.Make())
	if err != nil {
		return err
	}
	return a.print(string(text))
}

// meantConfig returns a question about the config nearest to id, or "".
func meantConfig(r config.Registry, id string) string {
	if near := r.Nearest(id); len(near) > 0 {
		return fmt.Sprintf("; did you mean %q?", near[0])
	}
	return ""
}

func (a *app) newConfig(f *configsFlags, cmd *cobra.Command, args []string) error {
	text, err := a.lib.NewConfig(cmd.Context(), args[0], args[1], mecha.Options{})
	if err != nil {
		return err
	}
	if f.output == "" || f.output == "-" {
		return a.print(text)
	}
	return writeText(f.output, text)
}

func (a *app) detectConfig(f *configsFlags, cmd *cobra.Command, args []string) error {
	d, err := a.lib.DetectConfig(cmd.Context(), args[0], f.library())
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(d)
	}
	return a.print(detectionText(d))
}

// detectionText is the result of configs detect for people.
func detectionText(d *mecha.Detection) string {
	var b strings.Builder
	if d.Config == "" && d.Keys == 0 {
		return printable(d.Path) + ": it has no keys\n"
	}
	if d.Config == "" {
		fmt.Fprintf(&b, "%s: no model config knows a tenth of its %s; they are merged as they are\n", printable(d.Path), tensor.Count(d.Keys, "key"))
		return b.String()
	}
	fmt.Fprintf(&b, "%s: %s\n\n", printable(d.Path), printable(d.Config))
	t := newTable(&b)
	t.row("CONFIG", "KNOWN KEYS", "UNKNOWN", "OTHER SHAPES", "MISSING")
	for _, c := range d.Candidates {
		t.row(printable(c.Config), fmt.Sprintf("%d of %d", c.Known, d.Keys), fmt.Sprintf("%d (%.1f %%)", c.Unknown, 100*c.UnknownShare),
			fmt.Sprintf("%d of %d", c.OtherShapes, c.Compared), fmt.Sprintf("%d (%.1f %%)", c.Missing, 100*c.MissingShare))
	}
	t.flush()
	if d.Unknown.Count+d.Shapes.Count+d.Missing.Count > 0 {
		fmt.Fprintf(&b, "\nCompared with %s:\n", printable(d.Config))
	}
	t = newTable(&b)
	nameRow(t, "  unknown keys", d.Unknown)
	nameRow(t, "  other shapes", d.Shapes)
	nameRow(t, "  missing keys", d.Missing)
	t.flush()
	return b.String()
}
