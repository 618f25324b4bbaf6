package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/mecha-gpu/mecha-gpu/tensor"
)

const rootLong = `mecha-gpu merges checkpoints of AI models (.safetensors files and folders of shards) by
recipe. It works piece by piece: no model has to fit into memory.

A first merge, of two models with equal keys:

  printf '%s\n' 'version 0.1.0' 'model "a.safetensors"' 'model "b.safetensors"' \
    'merge "weighted_sum" &0 &1 alpha=0.5' > half.mecha
  mecha-gpu merge half.mecha -o half.safetensors
`

// newRootCommand returns the command line of the program.
func newRootCommand(a *app) *cobra.Command {
	root := &cobra.Command{
		Use:           "mecha-gpu",
		Short:         "Merge checkpoints of AI models by recipe",
		Long:          rootLong + "\n" + exitCodes(),
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.ArbitraryArgs,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetIn(a.stdin)
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	root.SetFlagErrorFunc(flagError)
	root.SetUsageTemplate(strings.ReplaceAll(root.UsageTemplate(), ".FlagUsages", ".FlagUsagesWrapped 100"))
	root.CompletionOptions.DisableDefaultCmd = true
	root.AddCommand(newMergeCommand(a), newApplyCommand(a), newConvertCommand(a), newVetCommand(a), newPlanCommand(a), newRecipeCommand(a), newInspectCommand(a),
		newMethodsCommand(a), newConfigsCommand(a), newBlocksCommand(a), newDevicesCommand(a), newBenchCommand(a), newVersionCommand(a), newCompletionCommand(a))
	root.InitDefaultHelpCmd()
	return root
}

// exitCodes is the table of exit codes in the help.
func exitCodes() string {
	var b strings.Builder
	b.WriteString("Exit codes:\n    0  done\n")
	for _, c := range tensor.Classes() {
		fmt.Fprintf(&b, "  %3d  %s\n", c.ExitCode(), c.Doc())
	}
	return strings.TrimRight(b.String(), "\n")
}

// checkCommandName finds a wrong command name before cobra does, because it would complain
// about the flags of the command first.
func checkCommandName(root *cobra.Command, args []string) error {
	if len(args) == 0 || strings.HasPrefix(args[0], "-") ||
		args[0] == cobra.ShellCompRequestCmd || args[0] == cobra.ShellCompNoDescRequestCmd {
		return nil
	}
	var names []string
	for _, c := range root.Commands() {
		if c.Name() == args[0] {
			return nil
		}
		names = append(names, c.Name())
	}
	return usage("unknown command %q%s", args[0], meant(args[0], names))
}

// flagError gives errors of flags their class, and an unknown flag the nearest known one.
func flagError(cmd *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	if !errors.As(err, &unknown) {
		return asUsage(err)
	}
	var names []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			names = append(names, "--"+f.Name)
		}
	})
	return usage("%v of command %s%s", err, cmd.Name(), meant("--"+unknown.GetSpecifiedName(), names))
}

// exactly demands the arguments that are named, such as "RECIPE".
func exactly(names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) < len(names) {
			return usage("%s needs %s: %s", cmd.Name(), strings.Join(names[len(args):], " and "), cmd.UseLine())
		}
		if len(args) > len(names) {
			return usage("%s: unexpected argument %q (quote paths that hold spaces): %s", cmd.Name(), args[len(names)], cmd.UseLine())
		}
		return nil
	}
}
