package plan

import (
	"context"
	"sync"

	"github.com/mecha-gpu/mecha-gpu/device"
	"github.com/mecha-gpu/mecha-gpu/kernels"
	"github.com/mecha-gpu/mecha-gpu/recipe"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// Target is a recipe whose result is one of the outputs of a plan.
type Target struct {
	// Solved is the recipe with the headers of its models.
	Solved *recipe.Solved

	// Sources are the numbers of its models among the sources of the run; nil means 0, 1, 2, ...
	// Models of different targets with one number are one model.
	Sources []int

	// DType is the element type of the output; InvalidDType means that of the options.
	DType tensor.DType

	// Name is what errors call the output; "" if there is only one.
	Name string

	// Metadata goes into the header of the output.
	Metadata map[string]string
}

// planner holds what job generation needs after the plan is made.
type planner struct {
	mu sync.Mutex
	*desk
	targets []target
	jobs    []jobRef            // nil: job i makes entry i of the only layout
	group   map[string][]string // keys that are made together with a key, in order
	budget  int64               // what one job may lease
	ring    Ring

	// Memory that is used again.
	made   []made
	keys   []string
	one    [1]string
	roots  []kernels.Output
	stores [][]int
}

// target is a Target in the plan.
type target struct {
	e        *evaluator
	name     string
	dtype    tensor.DType
	metadata map[string]string
	layout   *tensor.Header
}

// entry returns where the layout has a key.
func (t *target) entry(key string) (int, bool) { return t.layout.Lookup(t.e.s.OutputName(key)) }

// key returns the key of an entry of the layout.
func (t *target) key(entry int) string { return t.e.s.KeyOf(t.layout.At(entry).Key) }

// jobRef is the first output of a job.
type jobRef struct{ target, entry int32 }

// New plans the merge of a solved recipe whose models have headers, on devices of one kind
// over which workers are spread. It fails if a key is wrong, if nothing comes out, or if the
// memory is too small.
func New(ctx context.Context, s *recipe.Solved, infos []device.Info, o Options) (*Plan, error) {
	return NewAll(ctx, []Target{{Solved: s, Metadata: o.Metadata}}, infos, o)
}

// NewAll plans the merge of several recipes in one pass: keys of one name are made in one job,
// which reads each of its tensors once and computes what they share once. Each output is what
// its recipe makes alone, byte for byte.
func NewAll(ctx context.Context, targets []Target, infos []device.Info, o Options) (*Plan, error) {
	switch {
	case len(infos) == 0:
		return nil, tensor.Errorf(tensor.ClassUsage, "plan: no device")
	case len(targets) == 0:
		return nil, tensor.Errorf(tensor.ClassUsage, "plan: no recipe")
	}
	p := newPlanner(targets, o)
	sv := &survey{p: p, o: o, reps: map[*kernels.Lowered]*rep{}, again: map[jobMemory]int64{}}
	if err := sv.keys(ctx); err != nil {
		return nil, err
	}
	plan := &Plan{Missing: sv.missing, Lacking: sv.lacking, Mismatched: sv.mismatched, Used: sv.used, Unread: sv.unread()}
	plan.Totals = sv.totals
	plan.Totals.Programs = p.lower.Programs()
	if err := sv.fit(plan, infos); err != nil {
		return nil, err
	}
	sv.finish(plan)
	plan.Jobs = p.order()
	p.ring = plan.Ring
	p.budget = plan.leasable
	plan.Totals.BytesRead += sv.readAgain(p)
	plan.Generate, plan.Guarded = p.job, p.guarded
	return plan, nil
}

// guarded finds the stored tensor of a guard by its number, as model numbers them.
func (p *planner) guarded(_ *Job, guard int) (source, entry int, ok bool) {
	for source = range p.headers {
		if guard < p.guards[source+1] {
			return source, guard - p.guards[source], true
		}
	}
	return 0, 0, false
}

// newPlanner numbers the sources and the guards of all targets.
func newPlanner(targets []Target, o Options) *planner {
	var headers []*tensor.Header
	for i := range targets {
		t := &targets[i]
		for m, ref := range t.Solved.Models {
			n := m
			if t.Sources != nil {
				n = t.Sources[m]
			}
			for len(headers) <= n {
				headers = append(headers, nil)
			}
			headers[n] = ref.Header
		}
	}
	for i := range headers { // a source that no recipe has
		if headers[i] == nil {
			headers[i] = tensor.NewHeader(0)
		}
	}
	p := &planner{desk: newDesk(headers, o)}
	base := p.guards[len(headers)]
	for _, t := range targets {
		sources := t.Sources
		for m := len(sources); m < len(t.Solved.Models); m++ {
			sources = append(sources, m)
		}
		x := target{e: newEvaluator(p.desk, t.Solved, sources, base), name: t.Name, dtype: t.DType, metadata: t.Metadata}
		if !x.dtype.Valid() {
			x.dtype = o.OutputDType
		}
		base += len(t.Solved.Nodes)
		p.targets = append(p.targets, x)
	}
	return p
}
