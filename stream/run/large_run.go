package run

import (
	"errors"

	"github.com/mecha-gpu/mecha-gpu/kernels"
	"github.com/mecha-gpu/mecha-gpu/plan"
)

// startUnit reads what the unit in a slot needs and launches it.
func (w *worker) startUnit(s *slot) error {
	g, u := s.job, &s.unit
	w.onUnit(Unit{Key: g.job.Key, Sweep: u.sweep, First: u.first, N: u.count})
	u.leaves = s.spans.take(len(g.leaves))
	var err error
	if g.seg().Inst.Kind == kernels.Computed {
		err = w.fill(s)
	} else {
		err = w.fillCopy(s)
	}
	w.lap(&w.stages.Read)
	if err != nil || u.body == nil {
		return err
	}
	if err := w.launchUnit(s); err != nil {
		return w.deviceError(g.job.Key, u.what(), err)
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
			return w.deviceError(g.job.Key, u.what(), err)
		}
	}
	u.layTemps(s, kernels.Span{})
	if u.sw().Stores {
		s.store.pos = g.outPos(u)
		n := bytesOf(g.job.DType, u.count)
		if s.store.view = w.sinkView(g.job.Sink, s.store.pos, n, w.info.InHost); s.store.view != nil {
			u.out, s.store.whole = s.wrap(s.store.view), true
		} else {
			if u.out = s.take(n); s.used > int64(len(s.host)) {
				return s.overflow(g.job)
			}
		}
		s.store.bytes = s.hostBytes(u.out)
	}
	return nil
}

// outPos returns where the elements of a unit are in the sink.
func (g *large) outPos(u *unit) int64 {
	return g.job.Pos + bytesOf(g.job.DType, g.seg().First) + bytesOf(g.job.DType, u.first)
}

func (w *worker) sinkView(sink int, pos, n int64, allowed bool) []byte {
	if !allowed || n == 0 {
		return nil
	}
	return w.l.sinks[sink].View(pos, n)
}

// fillLeaf finds or reads the part of a leaf that the unit needs.
func (w *worker) fillLeaf(s *slot, g *large, use kernels.LeafUse) error {
	u := &s.unit
	r, m := &u.seg.Reads[use.Leaf], &g.leaves[use.Leaf]
	lo, hi := plan.LeafRange(use.Form, u.domain(), r.N, u.first, u.count)
	pos, n := bytesOf(r.DType, lo), bytesOf(r.DType, hi-lo)
	sp := &u.leaves[use.Leaf]
	switch {
	case m.span.Mem != nil && (m.loaded || use.Form == kernels.Dense):
		*sp = m.span.Slice(pos, n)
		if m.loaded {
			if m.inHost {
				w.bytesRead += n
			}
			return nil
		}
		if err := w.read(r, w.q.Host(*sp), r.Pos+pos); err != nil {
			return err
		}
		if err := w.q.Push(*sp); err != nil {
			return w.deviceError(g.job.Key, u.what(), err)
		}
		return nil
	default:
		if *sp = s.take(n); s.used > int64(len(s.host)) {
			return s.overflow(g.job)
		}
		return w.read(r, s.bytes(*sp), r.Pos+pos)
	}
}

// overflow is the error for a slot that is smaller than what the plan put into it.
func (s *slot) overflow(j *plan.Job) error {
	return planError(j, "a unit takes %d bytes of a slot of %d", s.used, len(s.host))
}

// fillCopy reads a unit that is copied or converted: if possible right to where its bytes
// belong.
func (w *worker) fillCopy(s *slot) error {
	g, u := s.job, &s.unit
	r, m, sp := &u.seg.Reads[0], &g.leaves[0], &u.leaves[0]
	pos, n := bytesOf(r.DType, u.first), bytesOf(r.DType, u.count)
	st := &s.store
	st.pos = g.outPos(u)
	same := u.seg.Inst.Kind == kernels.Copied
	st.view = w.sinkView(g.job.Sink, st.pos, bytesOf(g.job.DType, u.count), w.info.InHost || u.body == nil)
	switch {
	case m.loaded:
		*sp = m.span.Slice(pos, n)
		st.bytes = sp.Bytes()
		w.bytesRead += n
	case same && st.view != nil:
		*sp = s.wrap(st.view)
		st.bytes, st.whole = st.view, true
	default:
		*sp = s.take(n)
		st.bytes = s.bytes(*sp)
	}
	if !m.loaded {
		if err := w.read(r, st.bytes, r.Pos+pos); err != nil {
			return err
		}
		if u.body != nil && !st.whole {
			if err := w.q.Push(*sp); err != nil {
				return w.deviceError(g.job.Key, u.what(), err)
			}
		}
	}
	if !same {
		dst := st.view
		if dst == nil {
			dst = s.bytes(s.take(bytesOf(g.job.DType, u.count)))
		}
		move(dst, g.job.DType, st.bytes, r.DType, kernels.IntCast)
		st.bytes, st.whole = dst, st.view != nil
	}
	return nil
}

// launchUnit launches the body and asks for output and results.
func (w *worker) launchUnit(s *slot) error {
	u := &s.unit
	from := s.used
	u.res = s.take(resultBytes(u.seg, u.sweep, u.count))
	if s.used > int64(len(s.host)) {
		return s.overflow(s.job.job)
	}
	if err := w.q.Clear(u.res); err != nil {
		return err
	}
	if err := w.launch(u); err != nil {
		return err
	}
	if u.out.Mem == s.mem { // output and results lie next to each other
		from = u.out.Off
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
	var c Count
	bad := false
	if s.ev != nil {
		err := s.ev.Wait()
		w.lap(&w.stages.Wait)
		if err != nil {
			return w.deviceError(g.job.Key, u.what(), err)
		}
		res := s.bytes(u.res)
		bad = w.l.guarding() && guarded(u, res)
		g.take(w.l, u, res, bad)
		if !bad && u.sw().Stores && w.l.o.CheckOutput {
			c = u.counted(s, res)
		}
	}
	if !bad && s.store.bytes != nil {
		if err := w.storeUnit(s); err != nil {
			return err
		}
	}
	return w.handIn(s, c)
}

// guarded reports whether a leaf's guard was set in the unit.
func guarded(u *unit, res []byte) bool {
	for i := range u.seg.Inst.Lowered.Guards {
		if le.Uint32(res[guardsAt+4*i:]) != 0 {
			return true
		}
	}
	return false
}

// storeUnit brings the output of a unit into the sink.
func (w *worker) storeUnit(s *slot) error {
	st := &s.store
	if st.view != nil && !st.whole {
		copy(st.view, st.bytes)
		st.whole = true
	}
	return w.write(s.job.job.Sink, s.job.job.Key, st.bytes, st.pos, st.whole)
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
func (w *worker) handIn(s *slot, c Count) error {
	l, g := w.l, s.job
	l.mu.Lock()
	g.count.add(c)
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
			a, err := l.restart(g.job, g.seg(), g.gone, found)
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
	err := g.free(w)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.forget(g)
	if a != nil {
		l.again(*a)
	} else {
		l.rep.done(g.job.Note, g.count)
		err = errors.Join(err, l.remade(g.job, g.gone))
	}
	l.leave()
	return err
}

// free gives resident memory and the lease back.
func (g *large) free(w *worker) error {
	var first error
	for _, m := range g.held {
		if err := w.q.Free(m); err != nil && first == nil {
			first = w.deviceError(g.job.Key, "giving memory back", err)
		}
	}
	g.held = nil
	if g.lease != nil {
		g.lease.Release()
		g.lease = nil
	}
	return first
}
