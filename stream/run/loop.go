package run

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mecha-gpu/mecha-gpu/device"
	"github.com/mecha-gpu/mecha-gpu/plan"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// loop is what the workers of a run share: who does what next. Everything below mu is
// guarded by it, except where it says otherwise.
type loop struct {
	p       *plan.Plan
	sources []tensor.Source
	sinks   []tensor.Sink
	o       Options
	devices []*dev // the last one rescues the others, if there is one more than asked for
	budget  *device.Budget
	ctx     context.Context // ends when the run fails
	cancel  context.CancelFunc

	written atomic.Int64
	tell    sync.Mutex // held while Progress is called
	told    time.Time

	mu   sync.Mutex
	cond *sync.Cond // work may have come, or ended
	err  error      // the first one

	// busy counts batches and large jobs at work, and workers that are making some. As
	// long as it is not 0, more work may come.
	busy    int
	active  []*large // in order of seq
	seq     int
	held    []*large // wait for their leases, in order; no job is started before them
	retries []again

	// feeding says that a worker makes jobs; that worker alone uses peek and next.
	feeding   bool
	peek      *plan.Job // made, but not started
	next      int
	exhausted bool // all jobs were made

	committed int // sinks

	rep   Report
	drops [][]int // by sink: entries without a job
}

// task is what a worker gets.
type task uint8

const (
	taskNone  task = iota // nothing now
	taskBatch             // the slot holds a batch to start
	taskUnit              // the slot holds a unit to start
	taskEnd               // all is done, or the run has failed
)

// take gives a worker something to do, in an empty slot. With wait it waits for it; a
// worker waits only if it has no unfinished work, so somebody always makes progress.
func (l *loop) take(w *worker, s *slot, wait bool) task {
	l.mu.Lock()
	defer l.mu.Unlock()
	for {
		switch {
		case l.err != nil:
			return taskEnd
		case l.claim(w, s):
			return taskUnit
		case len(l.held) > 0 && l.startHeld(w):
			continue
		case len(l.held) == 0 && (len(l.retries) > 0 || !l.feeding && !l.exhausted):
			if l.open(w, s) {
				return taskBatch
			}
			continue
		case l.busy == 0 && len(l.held) == 0 && l.exhausted:
			l.cond.Broadcast()
			return taskEnd
		}
		if !wait {
			return taskNone
		}
		l.cond.Wait()
	}
}

// claim takes a unit of the first large job that has some.
func (l *loop) claim(w *worker, s *slot) bool {
	for _, g := range l.active {
		if !g.open || g.stop || g.next == g.n || !l.may(w, g) {
			continue
		}
		n := min(g.step, g.n-g.next)
		s.reset()
		s.job = g
		s.unit = unit{seg: g.seg(), sweep: g.sweep, body: g.body, first: g.next, count: n, nums: g.nums}
		g.next += n
		g.inFlight++
		return true
	}
	return false
}

// leave says that something counted by busy has ended. The caller holds mu.
func (l *loop) leave() {
	l.busy--
	l.cond.Broadcast()
}

// again puts a job back to be generated without its guards. The caller holds mu.
func (l *loop) again(a again) {
	l.rep.Restarts++
	l.rep.omit(a.omitted)
	l.retries = append(l.retries, a)
}

func (l *loop) forget(g *large) {
	l.active = slices.DeleteFunc(l.active, func(x *large) bool { return x == g })
}

// fail ends the run. Only the first error counts.
func (l *loop) fail(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.failLocked(err)
	l.cond.Broadcast()
}

func (l *loop) failLocked(err error) {
	if l.err == nil {
		l.err = err
		l.cancel()
	}
}

// open makes jobs and starts them: a batch in the slot (true), or a large job. The
// caller holds mu, which is free meanwhile.
func (l *loop) open(w *worker, s *slot) (batch bool) {
	var retry *again
	if n := len(l.retries); n > 0 {
		a := l.retries[0]
		retry, l.retries = &a, l.retries[1:]
	} else {
		l.feeding = true
	}
	l.busy++
	l.mu.Unlock()
	w.lap(&w.stages.Idle)
	var job *plan.Job
	var err error
	if retry != nil {
		batch, job, err = l.redo(w, s, retry)
	} else {
		batch, job, err = l.feed(w, s)
	}
	w.lap(&w.stages.Plan)
	l.mu.Lock()
	if retry == nil {
		l.feeding = false
		l.exhausted = l.next == l.p.Jobs && l.peek == nil
	}
	switch {
	case err != nil:
		l.failLocked(err)
		l.leave()
	case job != nil:
		l.begin(w, job, retry)
	case !batch:
		l.leave()
	default:
		l.cond.Broadcast()
	}
	return batch && err == nil
}

// feed makes jobs until a batch in the slot is full, or a large job comes.
func (l *loop) feed(w *worker, s *slot) (batch bool, big *plan.Job, err error) {
	b := &s.batch
	s.reset()
	b.reset(len(l.sources), len(l.sinks))
	for {
		if l.peek == nil {
			if l.peek, err = l.generate(); l.peek == nil || err != nil {
				return len(b.jobs) > 0, nil, err
			}
		}
		j := l.peek
		small := l.small(j)
		switch {
		case len(b.jobs) > 0 && !(small && l.room(b, j)):
			return true, nil, nil
		case !small:
			l.peek = nil
			return false, j, nil
		}
		l.peek = nil
		w.add(s, j, nil)
	}
}

// generate makes the next job that is not dropped; nil after the last one.
func (l *loop) generate() (*plan.Job, error) {
	for l.next < l.p.Jobs {
		if l.ctx.Err() != nil {
			return nil, l.ctx.Err()
		}
		j, err := l.p.Generate(l.next, nil)
		if err == nil {
			err = l.checkJob(j)
		}
		if err != nil {
			return nil, fmt.Errorf("job %d: %w", l.next, err)
		}
		l.next++
		if !j.Dropped() {
			return j, nil
		}
		l.mu.Lock()
		err = l.finished(j, nil, nil)
		l.mu.Unlock()
		if err != nil {
			return nil, err
		}
	}
	return nil, nil
}

// redo makes a job again without the guards that were set.
func (l *loop) redo(w *worker, s *slot, a *again) (batch bool, big *plan.Job, err error) {
	j, err := l.p.Generate(a.index, a.gone)
	if err == nil {
		err = l.checkJob(j)
	}
	switch {
	case err != nil:
		return false, nil, fmt.Errorf("job %d without %v: %w", a.index, a.gone, err)
	case j.Dropped():
		l.mu.Lock()
		defer l.mu.Unlock()
		return false, nil, l.finished(j, nil, a)
	case !l.small(j):
		return false, j, nil
	}
	s.reset()
	s.batch.reset(len(l.sources), len(l.sinks))
	w.add(s, j, a)
	return true, nil, nil
}

// begin starts a large job, or lets it wait for its lease. The caller holds mu.
func (l *loop) begin(w *worker, j *plan.Job, a *again) {
	g := &large{job: j, dev: -1, segment: -1, counts: make([]Count, len(j.Outputs)), again: a}
	if j.Resident {
		g.dev = w.dev
	}
	l.held = append(l.held, g)
	l.busy-- // waiting is not work
	l.startHeld(w)
	l.cond.Broadcast()
}

// startHeld starts the first job that waits for its lease, if there is memory. If nobody else
// works, waiting for memory is all that is left. The caller holds mu, which is free
// meanwhile. It returns false if the job goes on waiting.
func (l *loop) startHeld(w *worker) bool {
	g := l.held[0]
	if g.dev >= 0 && g.dev != w.dev {
		g.dev = w.dev
	}
	n := l.leaseBytes(w, g.job)
	ok := l.tryLease(g, n)
	if !ok && l.busy > 0 {
		return false
	}
	l.held = l.held[1:]
	l.busy++
	g.seq = l.seq
	l.seq++
	l.active = append(l.active, g)
	l.mu.Unlock()
	err := l.setUp(w, g, n, ok)
	l.mu.Lock()
	if err != nil {
		l.failLocked(err)
		l.leave()
	}
	return true
}

// setUp takes the lease of a job if it has none yet, and opens its first sweep.
func (l *loop) setUp(w *worker, g *large, n int64, leased bool) error {
	if !leased {
		if have := l.budget.Total() - l.ringBytes(); n+g.job.Host > have {
			return &tensor.Error{Class: tensor.ClassFit, Key: g.job.Key(), Err: errors.New("the memory limit is too small for the tensors of this key"),
				Want: fmt.Sprintf("at least %d bytes beside the rings", n+g.job.Host), Got: fmt.Sprintf("%d bytes", have)}
		}
		lease, err := l.budget.Take(l.ctx, "resident tensors", n+g.job.Host)
		if err != nil {
			return err
		}
		g.lease = lease
		if err := l.leaseDevice(g, n); err != nil {
			return err
		}
	}
	if len(g.job.Segments) == 0 {
		return w.endLarge(g, nil)
	}
	if err := g.mapBuffers(); err != nil {
		return err
	}
	if _, err := w.next(g); err != nil {
		return err
	}
	return w.goOn(g)
}

// ringBytes returns the size of all rings.
func (l *loop) ringBytes() int64 {
	r := l.p.Ring
	return int64(max(r.Workers, 1)) * int64(max(r.Depth, 1)) * r.SlotBytes
}
