package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	mecha "github.com/mecha-gpu/mecha-gpu"
	"github.com/mecha-gpu/mecha-gpu/methods"
)

const applyLong = `Apply one merge method to models, and write the result to OUT. MODEL... are the arguments of
METHOD that are required, in order; its other parameters are flags, which

  mecha-gpu apply METHOD --help

lists; --sweep takes them as well. A parameter whose flag would be that of the command has --p- before its name. Where a
tensor is expected, a number is that number for every key, and anything else is the path of a
model (./0.5 is a file). The result is that of a recipe with this one method.`

// newApplyCommand makes the command apply. The command of a method is added when it is needed
// (see addMethodCommand).
func newApplyCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "apply METHOD MODEL... -o OUT",
		Short:   "Apply one merge method to models",
		Long:    applyLong,
		Example: "  mecha-gpu apply weighted_sum a.safetensors b.safetensors --alpha 0.3 -o out.safetensors",
		RunE:    func(cmd *cobra.Command, _ []string) error { return usage("apply needs METHOD: %s", cmd.UseLine()) },
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			set, err := a.lib.Methods(mecha.Options{})
			if err != nil || len(args) > 0 {
				return nil, cobra.ShellCompDirectiveDefault
			}
			return set.IDs(), cobra.ShellCompDirectiveNoFileComp
		},
	}
	cmd.SetFlagErrorFunc(func(*cobra.Command, error) error {
		return usage("apply needs METHOD first, then models and flags: %s", cmd.UseLine())
	})
	return cmd
}

// addMethodCommand adds the command of the method that `apply METHOD` names. Commands for all
// methods, each with the flags of merge, would be made in vain nearly always.
func (a *app) addMethodCommand(root *cobra.Command, args []string) error {
	if len(args) < 2 || args[0] != "apply" {
		return nil
	}
	apply, _, err := root.Find(args[:1])
	if err != nil {
		return err
	}
	set, err := a.lib.Methods(mecha.Options{})
	if err != nil {
		return err
	}
	apply.SetHelpFunc(func(cmd *cobra.Command, args []string) {
		cmd.Root().HelpFunc()(cmd, args)
		if cmd == apply {
			fmt.Fprint(a.stdout, "\nMethods:\n\n"+clipLines(methodList(set.All())))
		}
	})
	m, ok := set.Get(args[1])
	switch {
	case ok:
		apply.AddCommand(newMethodCommand(a, m))
	case !strings.HasPrefix(args[1], "-"):
		return usage("unknown method %q%s", args[1], meant(args[1], set.IDs()))
	}
	return nil
}

// newMethodCommand makes the command that applies a method.
func newMethodCommand(a *app, m *methods.Method) *cobra.Command {
	var o mergeOptions
	cmd := &cobra.Command{
		Use:                   m.ID + required(m) + " -o OUT",
		Short:                 firstSentence(m.Doc),
		DisableFlagsInUseLine: true,
	}
	o.addRun(a, cmd, "of METHOD")
	o.blocks.add(cmd.Flags(), "of METHOD")
	o.space.at = len(o.space.all) - 1 // any: a difference is a result as well
	if f := cmd.Flags().Lookup("merge-space"); f != nil {
		f.DefValue = o.space.String()
	}
	flags := newMethodFlags(m, cmd.Flags())
	cmd.Long = m.ID + "(" + signature(m.Params) + ")" + unavailable(m) + "\n\n" + wrap(m.Doc, "  ") + "\nResult: " + describeReturn(m.Return) +
		"\n\nParameters:\n" + strings.TrimRight(flags.usage(), "\n")
	cmd.RunE = func(cmd *cobra.Command, args []string) error { return runApply(a, cmd, &o, flags, args) }
	cmd.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		flags.own.VisitAll(func(f *pflag.Flag) { f.Hidden = false }) // one of them may have been meant
		return flagError(cmd, err)
	})
	return cmd
}

// required writes the arguments of a method: " A B", " MODELS...".
func required(m *methods.Method) string {
	var b strings.Builder
	for i := range m.Params {
		switch p := &m.Params[i]; {
		case p.Variadic:
			b.WriteString(" " + strings.ToUpper(p.Name) + "...")
		case byPosition(p):
			b.WriteString(" " + strings.ToUpper(p.Name))
		}
	}
	return b.String()
}

// byPosition reports whether an argument without a flag is given to the parameter.
func byPosition(p *methods.Param) bool { return p.Default == nil && !p.Keyword }

// runApply applies a method.
func runApply(a *app, cmd *cobra.Command, o *mergeOptions, flags *methodFlags, args []string) error {
	if err := o.checkOutput(cmd); err != nil {
		return err
	}
	options, err := o.options(a, cmd)
	if err != nil {
		return err
	}
	c, err := flags.call(args)
	if err != nil {
		return err
	}
	weights, err := o.blocks.read(cmd.Context())
	if err == nil {
		err = flags.perBlock(c, weights)
	}
	if err != nil {
		return err
	}
	grid, err := o.grid(nil)
	if err != nil {
		return err
	}
	ins, paths, err := o.outputs([]input{{call: c}}, grid, o.output)
	if err != nil {
		return err
	}
	return o.run(a, cmd, ins, paths, options)
}

// columns is the width of help.
const columns = 100

// wrap breaks a text into lines that start with indent.
func wrap(text, indent string) string {
	var b strings.Builder
	line := indent
	for _, word := range strings.Fields(text) {
		if len(line)+1+len(word) > columns && line != indent {
			b.WriteString(line + "\n")
			line = indent
		}
		if line != indent {
			line += " "
		}
		line += word
	}
	return b.String() + line + "\n"
}

// clipLines cuts lines that are wider than help.
func clipLines(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if r := []rune(strings.TrimRight(line, "\n")); len(r) > columns {
			line = string(r[:columns-3]) + "...\n"
		}
		b.WriteString(line)
	}
	return b.String()
}
