package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	mecha "github.com/mecha-gpu/mecha-gpu"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// planOptions are the flags of plan.
type planOptions struct {
	mergeFlags
	sweepFlags
}

const planLong = `Say what a merge would do: which files it would open, how many keys and bytes it would
read and write, how much memory it needs, and about how long it would take. Only the headers
of the models are read, and nothing is written.`

// newPlanCommand makes the command plan.
func newPlanCommand(a *app) *cobra.Command {
	o := planOptions{mergeFlags: mergeFlags{plans: true}}
	cmd := &cobra.Command{
		Use:   "plan RECIPE...",
		Short: "Say what a merge would do, from the headers of its models",
		Long:  planLong,
		Args:  o.recipeListArgs,
		RunE:  func(cmd *cobra.Command, args []string) error { return runPlan(a, cmd, &o, args) },
	}
	o.mergeFlags.add(cmd.Flags())
	o.addSweep(cmd.Flags(), "of a .star program, or a name in EXPR")
	a.helpWithParameters(cmd)
	a.addJSON(cmd.Flags(), "print the plan as JSON")
	return cmd
}

// runPlan plans a merge and prints the plan.
func runPlan(a *app, cmd *cobra.Command, o *planOptions, args []string) error {
	options, err := o.options(a, cmd)
	if err != nil {
		return err
	}
	ins, err := o.all(cmd.Context(), a, args)
	if err != nil {
		return err
	}
	a.limitMemory(options.MaxRAM)
	p, err := a.lib.PlanMerge(cmd.Context(), ins, options)
	if err != nil {
		return err
	}
	if o.device.kind == "auto" {
		p.Why = "plan opens no GPU unless --device asks for one; merge may choose one"
	}
	if a.json {
		return a.printJSON(p)
	}
	return a.print(planText(p))
}

// all returns the recipes of all outputs. There are no files, so that no name is wrong.
func (o *planOptions) all(ctx context.Context, a *app, args []string) ([]input, error) {
	recipes, err := o.swept(ctx, a, &o.sourceFlags, args)
	if err != nil {
		return nil, err
	}
	grid, err := o.grid(recipes[0].script.Set)
	if err != nil {
		return nil, err
	}
	var ins []input
	for _, in := range recipes {
		for _, values := range grid {
			x, err := in.with(values)
			if err != nil {
				return nil, err
			}
			ins = append(ins, x)
		}
	}
	return ins, nil
}

// inFiles says how many files there are, if it is not one.
func inFiles(n int) string {
	if n < 2 {
		return ""
	}
	return " of " + tensor.Count(n, "file")
}

// planText is a plan for people.
func planText(p *mecha.PlanReport) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Would write %s in %s%s.\n", tensor.Count(p.Keys.Written, "key"), tensor.Bytes(p.OutputBytes), inFiles(len(p.Outputs)))
	t := newTable(&b)
	t.row("  device", printable(joined(": ", p.Device, p.Why)))
	modelRows(t, p.Models)
	t.row("  keys", keysText(p.Keys))
	t.row("  read", tensor.Bytes(p.BytesRead))
	t.row("  write", tensor.Bytes(p.BytesWrite))
	t.row("  memory", fmt.Sprintf("%s of %s", tensor.Bytes(p.PlannedRAM), tensor.Bytes(p.MaxRAM)))
	if p.PlannedVRAM > 0 {
		t.row("  device memory", "planned "+tensor.Bytes(p.PlannedVRAM))
	}
	t.row("  work", fmt.Sprintf("%s, units of %s, %s", tensor.Count(p.Workers, "worker"), tensor.Bytes(p.UnitBytes), tensor.Count(p.Programs, "program")))
	t.row("  time", "about "+tensor.Seconds(p.Seconds))
	nameRow(t, "  missing", p.Missing)
	nameRow(t, "  shapes differ", p.Mismatched)
	warningRows(t, p.Warnings)
	t.flush()
	return b.String()
}
