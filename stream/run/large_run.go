package run

import (
	"errors"

	"github.com/mecha-gpu/mecha-gpu/device"
	"github.com/mecha-gpu/mecha-gpu/kernels"
	"github.com/mecha-gpu/mecha-gpu/plan"
)

// startUnit reads what the unit in a slot needs and launches it.
func (w *worker) startUnit(s *slot) error {
	g, u := s.job, &s.unit
	w.onUnit(Unit{Key: g.job.Key(), Sweep: u.sweep, First: u.first, N: u.count})
	u.leaves = s.spans.take(len(g.leaves))
	var err error
	if !g.seg().Inst.Copies() {
		err = w.fill(s)
	} else {
		err = w.fillCopy(s)
	}
	w.lap(&w.stages.Read)
	if err != nil || u.body == nil {
		return err
	}
	if err := w.launchUnit(s); err != nil {
		return w.deviceError(g.job.Key(), u.what(), err)
	}
	return nil
}

// fill reads the leaves of a computed unit and lays out the rest.
func (w *worker) fill(s *slot) error {
	g, u := s.job, &s.unit
	for _, use := range u.body.Leaves {
		if err := w.fillLeaf(s, g, use); err != nil {
			return err
		}
	}
	if s.used > 0 {
		if err := w.q.Push(kernels.Span{Mem: s.mem, Len: s.used}); err != nil {
			return w.deviceError(g.job.Key(), u.what(), err)
		}
	}
	u.outs = s.spans.take(len(u.seg.Inst.Outs))
	w.fillCasts(s)
	u.layTemps(s, kernels.Span{})
	for _, k := range u.sw().Outs {
		x := &u.seg.Inst.Outs[k]
		view := w.stores(s, k, w.info.InHost)
		switch {
		case x.Kind == kernels.Copied:
			u.outs[k] = u.leaves[x.Leaf]
			s.made(k, w.leafBytes(s, x.Leaf))
			continue
		case x.Kind == kernels.Computed && view != nil:
			u.outs[k] = s.wrap(view)
		case x.Kind == kernels.Computed:
			u.outs[k] = s.take(bytesOf(x.DType, u.count))
		}
		if s.used > int64(len(s.host)) {
			return s.overflow(g.job)
		}
		s.made(k, s.hostBytes(u.outs[k]))
	}
	return nil
}

// fillLeaf finds or reads the part of a leaf that the unit needs.
func (w *worker) fillLeaf(s *slot, g *large, use kernels.LeafUse) error {
	u := &s.unit
	r, m := &u.seg.Reads[use.Leaf], &g.leaves[use.Leaf]
	lo, hi := u.seg.Inst.Range(use, u.domain(), u.first, u.count)
	pos, n := bytesOf(r.DType, lo), bytesOf(r.DType, hi-lo)
	sp := &u.leaves[use.Leaf]
	switch {
	case m.span.Mem != nil && (m.loaded || use.Form == kernels.Dense):
		if *sp = m.span.Slice(pos, n); s.rescued() && m.twin != nil {
			*sp = s.wrap(m.twin[pos : pos+n])
		}
		if m.loaded {
			if m.inHost && r.Source() {
				w.bytesRead += n
			}
			return nil
		}
		if err := w.read(g, r, w.q.Host(*sp), r.Pos+pos); err != nil {
			return err
		}
		if err := w.q.Push(*sp); err != nil {
			return w.deviceError(g.job.Key(), u.what(), err)
		}
		return nil
	default:
		if *sp = s.take(n); s.used > int64(len(s.host)) {
			return s.overflow(g.job)
		}
		return w.read(g, r, s.bytes(*sp), r.Pos+pos)
	}
}

// overflow is the error for a slot that is smaller than what the plan put into it.
func (s *slot) overflow(j *plan.Job) error {
	return planError(j, "a unit takes %d bytes of a slot of %d", s.used, len(s.host))
}

// launchUnit launches the body and asks for output and results.
func (w *worker) launchUnit(s *slot) error {
	u := &s.unit
	from := s.used
	u.res = s.take(u.seg.ResultBytes(u.sweep, u.count))
	if s.used > int64(len(s.host)) {
		return s.overflow(s.job.job)
	}
	if err := w.q.Clear(u.res); err != nil {
		return err
	}
	if err := w.launch(u); err != nil {
		return err
	}
	for _, k := range u.sw().Outs { // outputs and results lie next to each other
		if u.seg.Inst.Outs[k].Kind == kernels.Computed && u.outs[k].Mem == s.mem {
			from = min(from, u.outs[k].Off)
		}
	}
	err := w.q.Pull(kernels.Span{Mem: s.mem, Off: from, Len: u.res.Off + u.res.Len - from})
	if err == nil {
		s.ev, err = w.q.Record()
	}
	w.lap(&w.stages.Compute)
	return err
}

// finishUnit waits for a unit, takes its results, and writes what it stores.
func (w *worker) finishUnit(s *slot) error {
	g, u := s.job, &s.unit
	bad := false
	if s.ev != nil {
		err := s.ev.Wait()
		w.lap(&w.stages.Wait)
		if err != nil {
			return w.deviceError(g.job.Key(), u.what(), err)
		}
		res := s.bytes(u.res)
		bad = w.l.guarding() && guarded(u, res)
		g.take(w.l, u, res, bad)
		if !bad && w.l.o.CheckOutput {
			for _, k := range u.sw().Outs {
				s.counts = append(s.counts, u.counted(res, k, func(leaf int) []byte { return w.leafBytes(s, leaf) }))
			}
		}
	}
	if !bad {
		for i := range s.stores {
			if err := w.storeUnit(&s.stores[i]); err != nil {
				return err
			}
		}
	}
	return w.handIn(s)
}

// guarded reports whether a leaf's guard was set in the unit.
func guarded(u *unit, res []byte) bool {
	guards := res[u.seg.GuardsAt(u.sweep):]
	for i := range u.seg.Inst.Lowered.Guards {
		if le.Uint32(guards[4*i:]) != 0 {
			return true
		}
	}
	return false
}

// take adds the results of a unit. A guard that was set ends the handing out of units, if
// what else would be found does not matter.
func (g *large) take(l *loop, u *unit, res []byte, bad bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	g.g.add(u, res)
	if bad && confluent(u.seg) {
		g.stop = true
	}
}

// handIn ends a unit. The last one of a sweep goes on with the job.
func (w *worker) handIn(s *slot) error {
	l, g := w.l, s.job
	l.mu.Lock()
	for i, c := range s.counts {
		for _, o := range s.unit.seg.Stores[s.unit.sw().Outs[i]] {
			if o >= 0 {
				g.counts[o].add(c)
			}
		}
	}
	g.inFlight--
	last := g.inFlight == 0 && (g.stop || g.next == g.n)
	if last {
		g.open = false
	}
	l.mu.Unlock()
	if !last {
		return nil
	}
	return w.proceed(g)
}

// proceed ends a sweep: its job is made again, goes on, or is done.
func (w *worker) proceed(g *large) error {
	l := w.l
	if g.body != nil && l.guarding() {
		if found := g.g.found(); found != nil {
			a, err := l.restart(g.job, g.seg(), g.again, found)
			if err != nil {
				return err
			}
			return w.endLarge(g, &a)
		}
	}
	g.finishSweep()
	return w.goOn(g)
}

// goOn opens the next sweep, or ends the job.
func (w *worker) goOn(g *large) error {
	done, err := w.advance(g)
	if err != nil {
		return err
	}
	if done {
		return w.endLarge(g, nil)
	}
	l := w.l
	l.mu.Lock()
	defer l.mu.Unlock()
	g.open, g.stop, g.next, g.inFlight = true, false, 0, 0
	l.cond.Broadcast()
	return nil
}

// endLarge gives the memory of a job back and enters it as done, or as to be made again.
func (w *worker) endLarge(g *large, a *again) error {
	l := w.l
	err := g.free(l)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.forget(g)
	if a != nil {
		l.again(*a)
	} else {
		err = errors.Join(err, l.finished(g.job, g.counts, g.again))
	}
	l.leave()
	return err
}

// free gives resident memory and the lease back.
func (g *large) free(l *loop) error {
	var first error
	for _, m := range g.held {
		d := l.devices[g.dev]
		if err := d.free(m); err != nil && first == nil && !l.tolerate(d.info.Name, err) {
			first = err
		}
	}
	g.held = nil
	if err := g.unmapBuffers(); err != nil && first == nil {
		first = err
	}
	for _, lease := range []*device.Lease{g.lease, g.vram} {
		if lease != nil {
			lease.Release()
		}
	}
	g.lease, g.vram = nil, nil
	return first
}
