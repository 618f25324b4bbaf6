package main

import (
	"context"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	mecha "github.com/mecha-gpu/mecha-gpu"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// mergeOptions are the flags of merge.
type mergeOptions struct {
	mergeFlags
	sweepFlags
	output string
	strict bool
	mkdir  bool
}

const mergeLong = `Merge models as RECIPE says, and write the result to OUT.

Several recipes, or one with --sweep, make several outputs in one pass: every input tensor is
read once. OUT then has a name in braces for each sweep, {alpha}, and {recipe} for the name of
the recipe. Each output is the file that its merge alone would write. All of them are complete
before the first one appears; if the program is killed just then, some may be in place and
others not.

RECIPE is a .mecha file, a .star program, a merged .safetensors file (the recipe stored in it
runs again), or - for standard input, which holds .mecha text or a program; -e EXPR takes its
place. OUT appears complete or not at all; it may be one of the inputs. The recipe is stored in
its metadata.

Progress and the report go to standard error. With --json, standard output has one JSON
object on each line: progress, then the report or the error.`

// newMergeCommand makes the command merge.
func newMergeCommand(a *app) *cobra.Command {
	var o mergeOptions
	cmd := &cobra.Command{
		Use:   "merge RECIPE... -o OUT",
		Short: "Merge models by a recipe",
		Long:  mergeLong,
		Example: "  mecha-gpu merge half.mecha -o half.safetensors --model-dir models --max-ram 1GiB\n" +
			"  mecha-gpu merge mix.star -o mix.safetensors --set alpha=0.3\n" +
			"  mecha-gpu merge -e 'a + 0.5*(b - c) | a' -o out.safetensors \\\n" +
			"    -m a=A.safetensors -m b=B.safetensors -m c=C.safetensors\n" +
			"  mecha-gpu merge mix.star -o 'out-{alpha}.safetensors' --sweep alpha=0.1:0.5:0.1\n" +
			"  mecha-gpu merge one.mecha two.mecha -o 'out-{recipe}.safetensors'",
		Args: o.recipeListArgs,
		RunE: func(cmd *cobra.Command, args []string) error { return runMerge(a, cmd, &o, args) },
	}
	o.sourceFlags.add(cmd.Flags())
	o.addRun(a, cmd, "of a .star program, or a name in EXPR")
	a.helpWithParameters(cmd)
	return cmd
}

// addRun adds the flags of commands that merge, except those that name the recipe.
// A parameter that can be swept is one of the kind that parameter says.
func (o *mergeOptions) addRun(a *app, cmd *cobra.Command, parameter string) {
	fs := cmd.Flags()
	fs.StringVarP(&o.output, "output", "o", "", "`FILE` to write (required)")
	o.addSweep(fs, parameter)
	o.addOptions(fs)
	o.addFinish(a, fs)
}

// addFinish adds the flags about how a merge ends.
func (o *mergeOptions) addFinish(a *app, fs *pflag.FlagSet) {
	fs.BoolVar(&o.strict, "strict", false, "exit with 8 if the output has non-finite elements, casts lost range, or keys were dropped or matched nothing; the output is written all the same")
	fs.BoolVar(&o.mkdir, "mkdir", false, "make the missing folders of OUT")
	fs.BoolVarP(&a.quiet, "quiet", "q", false, "no progress and no report, only errors")
	a.addJSON(fs, "print JSON lines on standard output")
}

// checkOutput demands an output that can be written at any position.
func (o *mergeOptions) checkOutput(cmd *cobra.Command) error {
	switch o.output {
	case "":
		return usage("%s needs -o OUT, the file to write", cmd.Name())
	case "-":
		return usage("-o -: the output cannot be a pipe, because tensors are written in any order; name a file")
	}
	return nil
}

// runMerge merges what the arguments name.
func runMerge(a *app, cmd *cobra.Command, o *mergeOptions, args []string) error {
	if err := o.checkOutput(cmd); err != nil {
		return err
	}
	options, err := o.options(a, cmd)
	if err != nil {
		return err
	}
	ins, paths, err := o.jobs(cmd.Context(), a, args)
	if err != nil {
		return err
	}
	return o.run(a, cmd, ins, paths, options)
}

// jobs returns the recipes and files of all outputs.
func (o *mergeOptions) jobs(ctx context.Context, a *app, args []string) ([]input, []string, error) {
	recipes, err := o.swept(ctx, a, &o.sourceFlags, args)
	if err != nil {
		return nil, nil, err
	}
	grid, err := o.grid(recipes[0].script.Set)
	if err != nil {
		return nil, nil, err
	}
	return o.outputs(recipes, grid, o.output)
}

// run merges. A report is shown also if a strict check failed.
func (o *mergeOptions) run(a *app, cmd *cobra.Command, ins []input, paths []string, options mecha.Options) error {
	options.Strict = o.strict
	options.MakeDirs = o.mkdir
	a.limitMemory(options.MaxRAM)
	options.Heap = a.limitMemory
	p := a.newProgress()
	options.Progress = p.update
	report, err := a.lib.Merge(cmd.Context(), ins, paths, options)
	p.end()
	if report == nil {
		return err
	}
	if err != nil && tensor.ClassOf(err) != tensor.ClassStrict {
		return err
	}
	if showErr := a.showReport(report); showErr != nil {
		return showErr
	}
	return err
}
