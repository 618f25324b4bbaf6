package run

import (
	"context"
	"fmt"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/mecha-gpu/mecha-gpu/device"
	"github.com/mecha-gpu/mecha-gpu/plan"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// Run does what a plan says: it begins all sinks, makes every key, checks that no source
// has changed meanwhile, and prepares and commits all sinks. After any error, or when ctx ends,
// all sinks are aborted, all memory is given back, and no goroutine is left. The error is the
// first one, with its class; when ctx ends it is ctx.Err(). Nothing is committed before all
// sinks are prepared; if then a commit fails, the sinks before it stay committed, and the error
// says so.
//
// sources are numbered as in the plan, sinks like its layouts. Workers are spread over
// the devices in turn. The sources stay open.
func Run(ctx context.Context, p *plan.Plan, sources []tensor.Source, sinks []tensor.Sink, devices []device.Device, o Options) (*Report, error) {
	start := time.Now()
	switch {
	case len(devices) == 0:
		return nil, tensor.Errorf(tensor.ClassUsage, "run: no device")
	case len(sinks) != len(p.Layouts):
		return nil, tensor.Errorf(tensor.ClassUsage, "run: %d sinks for %d outputs", len(sinks), len(p.Layouts))
	}
	l := newLoop(ctx, p, sources, sinks, o)
	defer l.cancel()
	begun := 0
	defer func() { // also if something panics
		for _, s := range sinks[l.committed:begun] {
			_ = s.Abort()
		}
	}()
	for i, s := range sinks {
		begun++
		if err := s.Begin(ctx, p.Layouts[i]); err != nil {
			return nil, l.writeError(i, "", err)
		}
	}
	if err := l.work(ctx, devices); err != nil {
		return nil, err
	}
	worked := time.Now()
	if err := l.commit(ctx); err != nil {
		return nil, err
	}
	l.rep.Publish = time.Since(worked)
	l.progress(true)
	l.rep.Wall = time.Since(start)
	return &l.rep, nil
}

func newLoop(ctx context.Context, p *plan.Plan, sources []tensor.Source, sinks []tensor.Sink, o Options) *loop {
	l := &loop{p: p, sources: sources, sinks: sinks, o: o, budget: o.Budget,
		exhausted: p.Jobs == 0, drops: make([][]int, len(sinks))}
	l.cond = sync.NewCond(&l.mu)
	l.rep.Again, l.rep.Sinks = make([]int, len(sources)), make([]Tally, len(sinks))
	l.ctx, l.cancel = context.WithCancel(ctx)
	if l.budget == nil {
		l.budget = device.NewBudget("host memory", math.MaxInt64)
	}
	return l
}

// work runs the workers, and gives all memory back.
func (l *loop) work(ctx context.Context, devices []device.Device) error {
	lease, err := l.budget.Take(ctx, "rings", l.ringBytes())
	if err != nil {
		return err
	}
	defer lease.Release()
	defer l.releaseRings()
	workers := make([]*worker, max(l.p.Ring.Workers, 1))
	err = l.openDevices(ctx, devices, len(workers))
	for i := range workers {
		workers[i] = &worker{l: l, index: i}
		if err == nil {
			err = workers[i].open(i%len(devices), l.p.Ring)
		}
	}
	if err == nil {
		l.runAll(ctx, workers)
		err = l.failed()
	}
	if cerr := l.close(workers); err == nil {
		err = cerr
	}
	for _, w := range workers {
		l.rep.BytesRead += w.bytesRead
		l.rep.Units += w.units
		l.rep.Stages.add(w.stages)
	}
	l.rep.BytesWritten = l.written.Load()
	l.rep.PeakLeased = l.budget.Peak()
	for _, d := range l.devices {
		l.rep.PeakDevice = max(l.rep.PeakDevice, d.peak())
	}
	return err
}

// runAll runs all workers until they have ended.
func (l *loop) runAll(ctx context.Context, workers []*worker) {
	watched := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(watched)
		l.fail(ctx.Err())
	})
	var wg sync.WaitGroup
	for _, w := range workers {
		wg.Go(w.run)
	}
	wg.Wait()
	if !stop() {
		<-watched
	}
}

// close frees what jobs of a failed run have left, the rings and the queues.
func (l *loop) close(workers []*worker) error {
	var first error
	keep := func(err error) {
		if err != nil && first == nil {
			first = err
		}
	}
	for _, g := range l.active {
		keep(g.free(l))
	}
	for _, w := range workers {
		keep(w.close())
	}
	for _, d := range l.devices {
		if err := d.close(); err != nil && !l.tolerate(d.info.Name, err) {
			keep(err)
		}
	}
	return first
}

// failed returns the first error of the run.
func (l *loop) failed() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err
}

// commit makes the outputs visible, without the keys that could not be made.
func (l *loop) commit(ctx context.Context) error {
	for _, s := range l.sources {
		if err := s.Unchanged(); err != nil {
			return &tensor.Error{Class: classOr(err, tensor.ClassInput), Path: s.Name(), Err: fmt.Errorf("the input changed during the run: %w", err)}
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	for i, s := range l.sinks {
		slices.Sort(l.drops[i])
		if err := s.Prepare(ctx, l.drops[i]); err != nil {
			return l.writeError(i, "", err)
		}
	}
	ctx = context.WithoutCancel(ctx) // all or none
	for i, s := range l.sinks {
		if err := s.Commit(ctx, l.drops[i]); err != nil {
			err = l.writeError(i, "", err)
			if i > 0 {
				err = fmt.Errorf("%w (%d of %d outputs are in place already, the first is %s)", err, i, len(l.sinks), l.sinks[0].Name())
			}
			return err
		}
		l.committed++
	}
	return nil
}

// progressEvery is how often Progress is called at most: faster than people read.
const progressEvery = 100 * time.Millisecond

// progress tells how far the run is, if somebody wants to know and it was a while ago.
func (l *loop) progress(last bool) {
	if l.o.Progress == nil || !l.tell.TryLock() {
		return
	}
	defer l.tell.Unlock()
	if now := time.Now(); last || now.Sub(l.told) >= progressEvery {
		l.told = now
		l.mu.Lock()
		keys := l.rep.Keys
		l.mu.Unlock()
		l.o.Progress(Progress{Keys: keys, TotalKeys: l.p.Totals.Keys, Bytes: l.written.Load(), TotalBytes: l.p.Totals.BytesWrite})
	}
}
