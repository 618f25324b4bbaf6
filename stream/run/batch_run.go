package run

import (
	"fmt"

	"github.com/mecha-gpu/mecha-gpu/kernels"
	"github.com/mecha-gpu/mecha-gpu/plan"
)

// startBatch reads what the batch in a slot needs and launches its first round.
func (w *worker) startBatch(s *slot) error {
	b := &s.batch
	w.onUnit(Unit{Key: b.jobs[0].job.Key(), Jobs: len(b.jobs)})
	staged := w.lay(s)
	for i := range b.reads {
		r := &b.reads[i]
		if err := w.read(nil, r.read, s.bytes(r.span), r.pos); err != nil {
			return err
		}
	}
	w.lap(&w.stages.Read)
	if staged.Len > 0 && b.anyReady() { // else no event would be waited for
		if err := w.q.Push(staged); err != nil {
			return w.batchError(b, err)
		}
	}
	return w.round(s)
}

func (w *worker) batchError(b *batch, err error) error {
	return w.deviceError(b.jobs[0].job.Key(), fmt.Sprintf("a batch of %d keys that starts with it", len(b.jobs)), err)
}

// ready reports whether the part has a sweep to run.
func (p *part) ready() bool { return p.found == nil && p.sweep < p.sweeps }

func (b *batch) anyReady() bool {
	for i := range b.parts {
		if b.parts[i].ready() {
			return true
		}
	}
	return false
}

// round launches the next sweep of all parts.
func (w *worker) round(s *slot) error {
	b := &s.batch
	if s.ev = nil; !b.anyReady() {
		return nil
	}
	if err := w.q.Clear(b.res); err != nil {
		return w.batchError(b, err)
	}
	for i := range b.parts {
		if p := &b.parts[i]; p.ready() {
			if err := w.launchPart(s, p); err != nil {
				return err
			}
		}
	}
	err := w.q.Pull(kernels.Span{Mem: s.mem, Off: b.outs.Off, Len: b.res.Off + b.res.Len - b.outs.Off})
	if err == nil {
		s.ev, err = w.q.Record()
	}
	w.lap(&w.stages.Compute)
	if err != nil {
		return w.batchError(b, err)
	}
	return nil
}

// launchPart launches a sweep of a part as one unit.
func (w *worker) launchPart(s *slot, p *part) error {
	p.count = p.domain().N
	body, ok := p.sw().Select(p.nums)
	if !ok {
		return planError(p.jobIn(&s.batch), "no alternative of sweep %d is chosen", p.sweep)
	}
	p.body = body
	p.layTemps(s, p.space)
	if p.count == 0 {
		return nil
	}
	if err := w.launch(&p.unit); err != nil {
		return w.deviceError(p.jobIn(&s.batch).Key(), p.what(), err)
	}
	return nil
}

// jobIn finds the job of a part, for messages.
func (p *part) jobIn(b *batch) *plan.Job {
	for j, other := range b.all() {
		if other == p {
			return j.job
		}
	}
	return b.jobs[0].job
}

// finishBatch waits for a round. It launches the next one and returns false, or writes
// the output and returns true.
func (w *worker) finishBatch(s *slot) (done bool, err error) {
	b := &s.batch
	if s.ev != nil {
		err := s.ev.Wait()
		w.lap(&w.stages.Wait)
		if err != nil {
			return false, w.batchError(b, err)
		}
		if w.examine(s) {
			return false, w.round(s)
		}
	}
	if err := w.writeBatch(s); err != nil {
		return false, err
	}
	return true, w.endBatch(b)
}

// examine looks at the results of a round, and reports whether there is another one.
func (w *worker) examine(s *slot) (more bool) {
	for j, p := range s.batch.all() {
		if !p.ready() {
			continue
		}
		w.examinePart(s, p, j)
		p.sweep++
		more = more || p.ready()
	}
	return more
}

func (w *worker) examinePart(s *slot, p *part, j *batchJob) {
	b := &s.batch
	b.g.open(p.seg, p.sweep)
	res := s.bytes(p.res)
	if p.count > 0 {
		b.g.add(&p.unit, res)
	}
	if w.l.guarding() {
		if p.found = b.g.found(); p.found != nil {
			return
		}
	}
	b.nums = resize(b.nums, len(b.g.ints))
	b.g.finish(p.nums, b.nums)
	if p.count == 0 || !w.l.o.CheckOutput {
		return
	}
	for _, k := range p.sw().Outs {
		c := p.counted(res, k, func(leaf int) []byte { return s.hostBytes(p.leaves[leaf]) })
		for _, o := range p.seg.Stores[k] {
			j.counts[o].add(c)
		}
	}
}

// writeBatch finishes what is not computed and writes the outputs.
func (w *worker) writeBatch(s *slot) error {
	b := &s.batch
	data := b.straight(s)
	if data == nil {
		b.spread(s)
	}
	for i := range b.ranges {
		r := &b.ranges[i]
		if r.n == 0 {
			continue
		}
		p := data
		if p == nil {
			p = s.hostBytes(r.span)
		}
		if err := w.write(r.sink, r.key, p, r.pos, r.inView); err != nil {
			return err
		}
	}
	return nil
}

// spread copies and converts what no device makes, and copies what is more than one output.
func (b *batch) spread(s *slot) {
	for j, p := range b.all() {
		for n, outs := range p.seg.Stores {
			x := &p.seg.Inst.Outs[n]
			if p.outs[n].Len == 0 {
				continue
			}
			dst := s.hostBytes(p.outs[n])
			if x.Kind != kernels.Computed {
				move(dst, x.DType, s.hostBytes(p.leaves[x.Leaf]), p.seg.Reads[x.Leaf].DType, x.Kind)
			}
			for _, o := range outs[1:] {
				copy(s.hostBytes(b.span(j, p, n, o)), dst)
			}
		}
	}
}

// endBatch enters the jobs of a batch as done, or as to be made again.
func (w *worker) endBatch(b *batch) error {
	l := w.l
	l.mu.Lock()
	defer l.mu.Unlock()
	k := 0
	for i := range b.jobs {
		j := &b.jobs[i]
		parts := b.parts[k : k+j.parts]
		k += j.parts
		if p := firstFound(parts); p != nil {
			a, err := l.restart(j.job, p.seg, j.again, p.found)
			if err != nil {
				return err
			}
			l.again(a)
			continue
		}
		if err := l.finished(j.job, j.counts, j.again); err != nil {
			return err
		}
	}
	l.leave()
	return nil
}

func firstFound(parts []part) *part {
	for i := range parts {
		if parts[i].found != nil {
			return &parts[i]
		}
	}
	return nil
}
