package mecha

import (
	"context"
	"errors"

	"github.com/mecha-gpu/mecha-gpu/recipe"
	"github.com/mecha-gpu/mecha-gpu/stream/safetensors"
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
func PlanMerge(ctx context.Context, r *Recipe, o Options) (rep *PlanReport, err error) {
	s, err := prepare(ctx, r, o)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	p, t := s.plan, s.plan.Totals
	size, err := safetensors.FileSize("", p.Layouts[0])
	if err != nil {
		return nil, err
	}
	return &PlanReport{
		Type: "plan", Schema: 1, Models: s.modelReports(),
		Keys:       KeyReport{Written: t.Keys, Computed: t.Keys - t.Copied, Copied: t.Copied, Integers: t.Integers, FellBack: t.FellBack},
		Mismatched: names(p.Mismatched[0]), Missing: names(p.Missing[0]),
		BytesRead: t.BytesRead, BytesWrite: t.BytesWrite, OutputBytes: size,
		Device: s.candidates[s.used].name(), Why: s.why,
		MaxRAM: s.o.MaxRAM, PlannedVRAM: p.DeviceBytes, PlannedRAM: min(p.HostBytes, s.o.MaxRAM), Workers: p.Ring.Workers, UnitBytes: p.Ring.UnitBytes,
		Programs: t.Programs, Seconds: p.Seconds(s.candidates[s.used].rates(s.o.Rates)), Warnings: s.allWarnings(s.modelReports()),
	}, nil
}
