package plan

import (
	"context"
	"sync"

	"github.com/mecha-gpu/mecha-gpu/device"
	"github.com/mecha-gpu/mecha-gpu/kernels"
	"github.com/mecha-gpu/mecha-gpu/recipe"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// planner holds what job generation needs after the plan is made.
type planner struct {
	mu     sync.Mutex
	e      *evaluator
	layout *tensor.Header
	budget int64 // what one job may lease
	ring   Ring
}

// New plans the merge of a solved recipe whose models have headers, on devices of one kind
// over which workers are spread. It fails if a key is wrong, if nothing comes out, or if the
// memory is too small.
func New(ctx context.Context, s *recipe.Solved, infos []device.Info, o Options) (*Plan, error) {
	if len(infos) == 0 {
		return nil, tensor.Errorf(tensor.ClassUsage, "plan: no device")
	}
	p := &planner{e: newEvaluator(s, o)}
	sv := &survey{p: p, o: o, reps: map[*kernels.Lowered]*rep{}, again: map[sharing]int64{}}
	if err := sv.keys(ctx); err != nil {
		return nil, err
	}
	layout, err := sv.layout()
	if err != nil {
		return nil, err
	}
	p.layout = layout.Header
	plan := &Plan{Layouts: []tensor.Layout{layout}, Jobs: layout.Len(), Totals: sv.totals, Missing: sv.missing,
		Mismatched: sv.mismatched, Used: sv.used}
	plan.Totals.Programs = p.e.lower.Programs()
	if err := sv.fit(plan, infos); err != nil {
		return nil, err
	}
	p.ring = plan.Ring
	p.budget = plan.leasable
	plan.Totals.BytesRead += sv.readAgain(p)
	plan.Generate = p.job
	return plan, nil
}

// outputDType is the element type under which a result is stored.
func outputDType(d tensor.DType, o Options, c kernels.Compute) tensor.DType {
	switch {
	case !d.Valid() && o.OutputDType.Valid():
		return o.OutputDType
	case !d.Valid():
		return c.DType()
	case o.OutputDType.Valid() && (d.IsFloat() || o.Compat && d.Computable()):
		return o.OutputDType
	}
	return d
}
