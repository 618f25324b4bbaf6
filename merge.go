package mecha

import (
	"context"
	"errors"
	"fmt"
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
	rep, err := MergeInto(ctx, r, safetensors.Create(o.fs(), output, safetensors.Options{MkdirAll: o.MakeDirs}), o)
	if rep != nil {
		rep.Output = output
	}
	return rep, err
}

// MergeInto runs a recipe and gives the result to a sink: a file, tensors in memory (see
// stream/memory), or anything else.
func MergeInto(ctx context.Context, r *Recipe, sink tensor.Sink, o Options) (rep *Report, err error) {
	start := time.Now()
	if o.Progress != nil {
		o.Progress(Progress{Stage: "plan"})
	}
	s, err := prepare(ctx, r, o)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	rep = s.report()
	rep.Time.Plan = time.Since(start)
	headers, err := s.budget.Take(ctx, "headers and layout", s.plan.Standing-s.plan.Ring.Bytes())
	if err != nil {
		return nil, err
	}
	defer headers.Release()
	done, err := run.Run(ctx, s.plan, s.models.sources, []tensor.Sink{sink}, s.candidates[s.used].devices, run.Options{
		Budget: s.budget, NonFinite: o.NonFinite.guards(), CheckOutput: true, Progress: s.progress()})
	if err != nil {
		return nil, err
	}
	s.finish(rep, done)
	rep.Time.Total = time.Since(start)
	return rep, strictly(rep, &o)
}

// session is a merge that is ready to run.
type session struct {
	o        Options
	graph    *recipe.Graph // with the fallback
	models   *models
	solved   *recipe.Solved
	plan     *plan.Plan
	budget   *device.Budget
	warnings []string

	candidates []candidate // what was opened
	used       int         // the one that runs the merge; the others are closed
	why        string      // it is used
	reasons    []error     // why others are not
}

// prepare opens the models, solves, opens devices and plans.
func prepare(ctx context.Context, r *Recipe, o Options) (s *session, err error) {
	s = &session{o: o}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
			s = nil
		}
	}()
	if err = s.o.check(); err != nil {
		return s, err
	}
	if s.graph, err = s.o.effective(r); err != nil {
		return s, err
	}
	if s.models, err = openModels(ctx, r, s.graph.Models(), &s.o); err != nil {
		return s, err
	}
	if s.solved, err = recipe.Solve(ctx, s.graph, s.models.bind(), s.o.solving()); err != nil {
		return s, err
	}
	if err = s.open(ctx); err != nil {
		return s, err
	}
	s.budget = device.NewBudget("host memory", s.o.MaxRAM)
	po := s.o.planning()
	po.Fixed = s.models.headerBytes() + r.bytes
	s.checkDirs()
	po.Metadata = s.metadata()
	return s, s.place(ctx, po)
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
	for i := range s.candidates {
		errs = append(errs, s.candidates[i].close())
	}
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
func strictly(r *Report, o *Options) error {
	if !o.Strict {
		return nil
	}
	var errs []error
	check := func(n int, what string, names []string) {
		if n > 0 {
			errs = append(errs, fmt.Errorf("%d keys %s, the first is %q", n, what, append(names, "?")[0]))
		}
	}
	first := func(c []KeyCount) []string {
		if len(c) == 0 {
			return nil
		}
		return []string{c[0].Key}
	}
	check(r.NonFinite.Keys, "have NaN or infinite elements", first(r.NonFinite.First))
	check(r.Lossy.Keys, "lost range in the cast to the output type", first(r.Lossy.First))
	check(r.Dropped.Count, "were dropped", r.Dropped.Names)
	check(r.Missing.Count, "of the inputs are not in the output", r.Missing.Names)
	check(r.Mismatched.Count, "have different shapes in the models", r.Mismatched.Names)
	if len(errs) == 0 {
		return nil
	}
	return &tensor.Error{Class: tensor.ClassStrict, Err: fmt.Errorf("the output is complete, but: %w", errors.Join(errs...))}
}
