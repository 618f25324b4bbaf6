package mecha

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"github.com/mecha-gpu/mecha-gpu/device"
	"github.com/mecha-gpu/mecha-gpu/plan"
	"github.com/mecha-gpu/mecha-gpu/recipe"
	"github.com/mecha-gpu/mecha-gpu/stream/run"
	"github.com/mecha-gpu/mecha-gpu/stream/safetensors"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// Merge runs a recipe and writes the result to a safetensors file. The file appears
// complete or not at all; it may be one of the inputs. The report may come with an
// error: of class strict, after the output was published, or of any class if nothing was.
func Merge(ctx context.Context, r *Recipe, output string, o Options) (*Report, error) {
	return MergeAll(ctx, []Output{{Recipe: r, Path: output}}, o)
}

// MergeInto runs a recipe and gives the result to a sink: a file, tensors in memory (see
// stream/memory), or anything else.
func MergeInto(ctx context.Context, r *Recipe, sink tensor.Sink, o Options) (*Report, error) {
	return MergeAll(ctx, []Output{{Recipe: r, Sink: sink}}, o)
}

// Output is a recipe and where its result goes.
type Output struct {
	Recipe *Recipe
	Path   string       // safetensors file to write
	Sink   tensor.Sink  // takes the result if it is not nil; Path is then not used
	Name   string       // what it is made of, for errors if there are several: alpha=0.1
	DType  tensor.DType // element type of the output; InvalidDType: that of the options
}

// MergeAll runs recipes in one pass: every input tensor that several of them need is read once,
// and what their formulas share is computed once. Each output is what its recipe makes alone,
// byte for byte. An output may be one of the inputs, but no two outputs may be the same file.
//
// All outputs are completed, synced and validated before the first one is published, and an
// error before that leaves none. Publishing is one renaming for each file: if the program is
// killed, or a renaming fails, between the first and the last of them, the outputs renamed so far
// are in place, each complete, and the others are what they were.
func MergeAll(ctx context.Context, outs []Output, o Options) (rep *Report, err error) {
	start := time.Now()
	if o.Progress != nil {
		o.Progress(Progress{Stage: "plan"})
	}
	sinks, err := o.sinks(outs)
	if err != nil {
		return nil, err
	}
	s, err := prepare(ctx, outs, o)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	if err := s.checkOpenFiles(); err != nil {
		return nil, err
	}
	rep = s.report()
	rep.Time.Plan = time.Since(start)
	headers, err := s.budget.Take(ctx, "headers and layout", s.plan.Standing-s.plan.Ring.Bytes())
	if err != nil {
		return nil, err
	}
	defer headers.Release()
	if o.Heap != nil {
		o.Heap(s.o.MaxRAM - (s.plan.HostBytes - s.plan.Standing) - s.plan.Ring.Bytes())
	}
	done, err := run.Run(ctx, s.plan, s.models.sources, sinks, s.candidates[s.used].devices, run.Options{
		Budget: s.budget, NonFinite: o.NonFinite.guards(), CheckOutput: true, Progress: s.progress(), Rescue: s.rescue})
	if err != nil {
		return nil, err
	}
	s.finish(rep, done)
	if err := s.closeDevices(); err != nil { // the outputs are there
		rep.Warnings = append(rep.Warnings, fmt.Sprintf("after the merge: %v", err))
	}
	rep.Time.Total = time.Since(start)
	return rep, strictly(rep, outs, &o)
}

// sinks makes the sinks of outputs. It refuses two outputs with the same file.
func (o *Options) sinks(outs []Output) ([]tensor.Sink, error) {
	if len(outs) == 0 {
		return nil, tensor.Errorf(tensor.ClassUsage, "there is no output")
	}
	sinks := make([]tensor.Sink, len(outs))
	files := map[string]string{} // path by what it leads to
	for i, out := range outs {
		if sinks[i] = out.Sink; out.Sink != nil {
			continue
		}
		sinks[i] = safetensors.Create(o.fs(), out.Path, safetensors.Options{MkdirAll: o.MakeDirs})
		if len(outs) == 1 {
			break
		}
		file, err := o.fs().Resolve(out.Path)
		if err == nil {
			file, err = filepath.Abs(file)
		}
		if err != nil {
			return nil, &tensor.Error{Class: tensor.ClassIO, Path: out.Path, Err: fmt.Errorf("following the path of an output: %w", err)}
		}
		if other, twice := files[file]; twice {
			return nil, &tensor.Error{Class: tensor.ClassUsage, Path: out.Path, Err: fmt.Errorf("two outputs have the same file"), Got: other + " and " + out.Path}
		}
		files[file] = out.Path
	}
	return sinks, nil
}

// session is a merge that is ready to run.
type session struct {
	o        Options
	outs     []Output
	models   *models
	solved   []*recipe.Solved // by output
	adapters map[int]*adapter // by source: the LoRAs
	plan     *plan.Plan
	budget   *device.Budget
	warnings []string

	candidates []candidate   // what was opened
	used       int           // the one that runs the merge; the others are closed
	rescue     device.Device // the CPU, if it stands in for GPUs that fail; nil if not
	why        string        // it is used
	reasons    []error       // why others are not
}

// prepare opens the models, solves, opens devices and plans.
func prepare(ctx context.Context, outs []Output, o Options) (s *session, err error) {
	s = &session{o: o, outs: outs, models: &models{}}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
			s = nil
		}
	}()
	if err = s.o.check(); err != nil {
		return s, err
	}
	var targets []plan.Target
	po := s.o.planning()
	seen := map[*Recipe]bool{}
	for i := range outs {
		t, err := s.target(ctx, &outs[i], &po)
		t.Name = s.called(i)
		if err != nil && t.Name != "" {
			err = fmt.Errorf("%s: %w", t.Name, err)
		}
		if err != nil {
			return s, err
		}
		targets = append(targets, t)
		if r := outs[i].Recipe; !seen[r] {
			seen[r] = true
			po.Fixed += max(r.bytes, graphBytes(len(t.Metadata[RecipeKey])))
		}
	}
	po.Fixed += s.tableBytes()
	if err = s.open(ctx); err != nil {
		return s, err
	}
	s.budget = device.NewBudget("host memory", s.o.MaxRAM)
	s.checkDirs()
	if err = s.place(ctx, targets, po); err != nil {
		return s, err
	}
	return s, s.placeAdapters(targets)
}

// target opens the models of an output that are not open yet, which po counts, and solves its
// recipe.
func (s *session) target(ctx context.Context, out *Output, po *plan.Options) (t plan.Target, err error) {
	switch {
	case out.Recipe == nil:
		return t, tensor.Errorf(tensor.ClassUsage, "an output has no recipe")
	case out.DType != tensor.InvalidDType && !out.DType.IsFloat():
		return t, tensor.Errorf(tensor.ClassUsage, "output dtype %v: expected a floating-point type", out.DType)
	}
	g, err := s.o.effective(out.Recipe)
	if err != nil {
		return t, err
	}
	if t.Sources, err = s.models.open(ctx, out.Recipe, g.Models(), &s.o, po); err != nil {
		return t, err
	}
	how := s.o.solving()
	how.Canonical = out.Recipe.conversion
	if t.Solved, err = recipe.Solve(ctx, g, s.models.bind(g.Models(), t.Sources), how); err != nil {
		return t, err
	}
	if err = s.findAdapters(&t); err != nil {
		return t, err
	}
	s.models.in(&t)
	s.solved = append(s.solved, t.Solved)
	t.DType = out.DType
	t.Metadata = s.metadata(t)
	return t, nil
}

// checkDirs warns of model folders that are not there: a typing error would otherwise look
// like a missing model, or let another one be taken.
func (s *session) checkDirs() {
	for _, dir := range s.o.ModelDirs {
		if _, err := s.o.fs().Stat(dir); err != nil {
			s.warnings = append(s.warnings, fmt.Sprintf("the model folder %s was left out: %v", dir, err))
		}
	}
}

func (s *session) close() error {
	var errs []error
	errs = append(errs, s.closeDevices())
	if s.models != nil {
		errs = append(errs, s.models.close())
	}
	return errors.Join(errs...)
}

func (s *session) progress() func(run.Progress) {
	if s.o.Progress == nil {
		return nil
	}
	return func(p run.Progress) {
		s.o.Progress(Progress{Stage: "merge", KeysDone: p.Keys, Keys: p.TotalKeys, BytesDone: p.Bytes, BytesTotal: p.TotalBytes})
	}
}

// strictly turns what the report holds into an error, if strict checks were asked for.
func strictly(r *Report, outs []Output, o *Options) error {
	if !o.Strict {
		return nil
	}
	var errs []error
	check := func(n int, one, many, what string, names []string) {
		if n > 0 {
			errs = append(errs, fmt.Errorf("%s %s%s, the first is %q", tensor.Count(n, "key"), tensor.Number(n, one, many), what, append(names, "?")[0]))
		}
	}
	first := func(c []KeyCount) []string {
		if len(c) == 0 {
			return nil
		}
		return []string{c[0].Key}
	}
	check(r.NonFinite.Keys, "has", "have", " NaN or infinite elements", first(r.NonFinite.First))
	check(r.Lossy.Keys, "lost", "lost", " range in the cast to the output type", first(r.Lossy.First))
	check(r.Dropped.Count, "was", "were", " dropped", r.Dropped.Names)
	check(r.Missing.Count, "of the inputs is", "of the inputs are", " not in the output", r.Missing.Names)
	conversions := !slices.ContainsFunc(outs, func(out Output) bool { return !out.Recipe.conversion })
	for _, m := range r.Models {
		if m.Adapter == nil && conversions {
			check(m.Unread.Count, "is", "are", " left behind", m.Unread.Names)
		}
		if m.Adapter != nil {
			lists, what := m.Adapter.withoutEffect()
			for i, l := range lists {
				check(l.Count, "is", "are", " "+what[i], l.Names)
			}
		}
	}
	check(r.Mismatched.Count, "has", "have", " different shapes in the models", r.Mismatched.Names)
	if len(errs) == 0 {
		return nil
	}
	return &tensor.Error{Class: tensor.ClassStrict, Err: fmt.Errorf("the output is complete, but: %w", errors.Join(errs...))}
}
