package mecha

import (
	"context"
	"errors"

	"github.com/mecha-gpu/mecha-gpu/recipe"
	"github.com/mecha-gpu/mecha-gpu/stream/safetensors"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// Vet checks a recipe without opening a file: its methods, parameters and merge spaces.
func Vet(ctx context.Context, r *Recipe, o Options) (*VetReport, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	g, err := o.effective(r)
	if err != nil {
		return nil, err
	}
	s, err := recipe.Solve(ctx, g, nil, o.solving())
	if err != nil {
		return nil, err
	}
	for _, path := range g.Models() {
		if path == "" {
			return nil, errEmptyPath
		}
	}
	v := &VetReport{Type: "vet", Schema: 1, Recipe: r.name, Nodes: g.Len(), Models: append([]string{}, g.Models()...),
		Methods: []string{}, MergeSpace: string(s.Space), Warnings: s.Warnings}
	for _, m := range g.Methods() {
		v.Methods = append(v.Methods, m.ID)
	}
	return v, nil
}

// PlanMerge reads the headers of the inputs and says what Merge would do: which keys come
// out, how much is read and written, how much memory that takes, and about how long.
func PlanMerge(ctx context.Context, r *Recipe, o Options) (*PlanReport, error) {
	return PlanAll(ctx, []Output{{Recipe: r}}, o)
}

// PlanAll says what MergeAll would do. Paths and sinks of outputs are not looked at.
func PlanAll(ctx context.Context, outs []Output, o Options) (rep *PlanReport, err error) {
	if len(outs) == 0 {
		return nil, tensor.Errorf(tensor.ClassUsage, "there is no output")
	}
	s, err := prepare(ctx, outs, o)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	p, t := s.plan, s.plan.Totals
	rep = &PlanReport{
		Type: "plan", Schema: 1, Models: s.modelReports(),
		Keys:       KeyReport{Written: t.Keys, Computed: t.Keys - t.Copied, Copied: t.Copied, Integers: t.Integers, FellBack: t.FellBack},
		Mismatched: s.names(p.Mismatched), Missing: s.names(p.Missing),
		BytesRead: t.BytesRead, BytesWrite: t.BytesWrite,
		Device: s.candidates[s.used].name(), Why: s.why,
		MaxRAM: s.o.MaxRAM, PlannedVRAM: p.DeviceBytes, PlannedRAM: min(p.HostBytes, s.o.MaxRAM), Workers: p.Ring.Workers, UnitBytes: p.Ring.UnitBytes,
		Programs: t.Programs, Seconds: p.Seconds(s.candidates[s.used].rates(s.o.Rates)), Warnings: s.allWarnings(s.modelReports()),
	}
	for i, l := range p.Layouts {
		size, err := safetensors.FileSize("", l)
		if err != nil {
			return nil, err
		}
		rep.OutputBytes += size
		if len(outs) > 1 {
			rep.Outputs = append(rep.Outputs, s.name(i))
		}
	}
	return rep, nil
}
