package run

import (
	"iter"

	"github.com/mecha-gpu/mecha-gpu/kernels"
	"github.com/mecha-gpu/mecha-gpu/plan"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// maxBatchJobs bounds the memory that the jobs of a batch take while they are together.
const maxBatchJobs = 1024

// batch is jobs that one worker executes together in one slot. Sweeps run in rounds: round r
// is sweep r of every part.
type batch struct {
	jobs  []batchJob
	parts []part
	reads []joined
	last  []int32 // by source: index in reads of its last range + 1

	ranges []outRange
	open   []int32 // by sink: index in ranges of its last range + 1
	size   int64   // bytes of all outputs
	cost   int64   // slot bytes, never less than what is laid out

	outs   kernels.Span // what of the ranges is in the slot
	res    kernels.Span // results of all parts
	refs   arena[int32]
	places arena[place]
	counts arena[Count]
	g      gather
	nums   []float64
}

// outRange is outputs that lie next to each other in a sink, written with one call.
type outRange struct {
	sink   int
	pos, n int64  // in the sink
	key    string // the first of them, for messages
	span   kernels.Span
	inView bool // the span is memory of the sink
}

// place is where an output is in a range.
type place struct {
	in  int32
	off int64
}

type batchJob struct {
	job    *plan.Job
	again  *again // how it came to be made again; nil if it was not
	parts  int
	places []place // by output
	counts []Count // by output
}

// part is a segment of a job of a batch.
type part struct {
	unit
	refs   []int32 // by leaf: index in batch.reads, or -1
	sweeps int
	space  kernels.Span // for temporaries
	found  []int        // guards that were set; it stops there
}

// joined is source ranges that touch, read with one call.
type joined struct {
	pos, n int64
	read   *plan.Read // the first of them, for messages
	span   kernels.Span
}

func (b *batch) reset(sources, sinks int) {
	clear(b.jobs) // let the jobs go
	clear(b.parts)
	clear(b.ranges)
	b.jobs, b.parts, b.reads, b.ranges = b.jobs[:0], b.parts[:0], b.reads[:0], b.ranges[:0]
	b.last, b.open = resize(b.last, sources), resize(b.open, sinks)
	clear(b.last)
	clear(b.open)
	b.refs.reset()
	b.places.reset()
	b.counts.reset()
	b.size, b.cost = 0, plan.BatchBytes(0)
}

// outBytes returns the bytes of the outputs that a job makes, and how many they are.
func outBytes(j *plan.Job) (n int64, outputs int) {
	for i := range j.Outputs {
		if o := &j.Outputs[i]; !o.Dropped {
			n += o.Bytes()
			outputs++
		}
	}
	return n, outputs
}

// small reports whether a job goes into a batch.
func (l *loop) small(j *plan.Job) bool {
	if len(j.Calls) > 0 {
		return false
	}
	outs, outputs := outBytes(j)
	return l.p.Ring.Small(outs, plan.BatchCost(j.Segments), outputs)
}

// room reports whether a small job can join a batch that is not empty.
func (l *loop) room(b *batch, j *plan.Job) bool {
	n := 0 // new ranges, at most
	for i := range j.Outputs {
		if o := &j.Outputs[i]; !o.Dropped && b.touching(o) == nil {
			n++
		}
	}
	outs, _ := outBytes(j)
	return len(b.jobs) < maxBatchJobs && b.size+outs <= l.p.Ring.UnitBytes &&
		b.cost+outs+plan.BatchCost(j.Segments)+plan.BatchBytes(n)-plan.BatchBytes(0) <= l.p.Ring.SlotBytes
}

// touching returns the range that an output goes on, or nil.
func (b *batch) touching(o *plan.Output) *outRange {
	if i := b.open[o.Sink]; i > 0 {
		if r := &b.ranges[i-1]; r.pos+r.n == o.Pos {
			return r
		}
	}
	return nil
}

// add appends a job to the batch in a slot.
func (w *worker) add(s *slot, j *plan.Job, a *again) {
	b := &s.batch
	outs, _ := outBytes(j)
	b.cost += outs + plan.BatchCost(j.Segments)
	b.size += outs
	x := batchJob{job: j, again: a, parts: len(j.Segments), places: b.places.take(len(j.Outputs)), counts: b.counts.take(len(j.Outputs))}
	for i := range j.Outputs {
		if o := &j.Outputs[i]; !o.Dropped {
			x.places[i] = b.place(o)
		}
	}
	b.jobs = append(b.jobs, x)
	for i := range j.Segments {
		w.addPart(s, &j.Segments[i])
	}
}

// place finds a place for an output, in the last range of its sink if it goes on there.
func (b *batch) place(o *plan.Output) place {
	r := b.touching(o)
	if r == nil {
		b.ranges = append(b.ranges, outRange{sink: o.Sink, pos: o.Pos, key: o.Key})
		b.open[o.Sink] = int32(len(b.ranges))
		b.cost += plan.BatchBytes(1) - plan.BatchBytes(0)
		r = &b.ranges[len(b.ranges)-1]
	}
	p := place{in: b.open[o.Sink] - 1, off: r.n}
	r.n += o.Bytes()
	return p
}

func (w *worker) addPart(s *slot, seg *plan.Segment) {
	b := &s.batch
	p := part{unit: unit{seg: seg}, sweeps: len(seg.Inst.Sweeps)}
	views := w.info.InHost
	if seg.Inst.Copies() && !w.l.checks(seg) {
		p.sweeps, views = 0, true // no device is involved
	}
	p.nums = s.nums.take(seg.Inst.Slots)
	copy(p.nums, seg.Inst.Consts)
	p.outs = s.spans.take(len(seg.Inst.Outs))
	p.leaves = s.spans.take(len(seg.Reads))
	p.refs = b.refs.take(len(seg.Reads))
	for i := range seg.Reads {
		p.leaves[i], p.refs[i] = w.leaf(s, &seg.Reads[i], views)
	}
	b.parts = append(b.parts, p)
}

// leaf finds the memory of a leaf: where it is, or a place in a range to be read.
func (w *worker) leaf(s *slot, r *plan.Read, views bool) (kernels.Span, int32) {
	n := bytesOf(r.DType, r.N)
	if n == 0 {
		return kernels.Span{Mem: s.mem}, -1
	}
	if views {
		if v := w.l.view(nil, r); v != nil {
			w.bytesRead += n
			return s.wrap(v), -1
		}
	}
	i, off := s.batch.join(r, n)
	return kernels.Span{Mem: s.mem, Off: off, Len: n}, i
}

// join puts n bytes into the last range of their source if they touch it or lie within
// it, or else into a new one. What is read in another order has a range of its own.
func (b *batch) join(r *plan.Read, n int64) (index int32, off int64) {
	if i := b.last[r.Model]; i > 0 && r.Plain() {
		if j := &b.reads[i-1]; r.Pos >= j.pos && r.Pos <= j.pos+j.n {
			off = r.Pos - j.pos
			j.n = max(j.n, off+n)
			return i - 1, off
		}
	}
	b.reads = append(b.reads, joined{pos: r.Pos, n: n, read: r})
	if r.Plain() {
		b.last[r.Model] = int32(len(b.reads))
	}
	return int32(len(b.reads) - 1), 0
}

// lay gives everything in the batch its place in the slot.
func (w *worker) lay(s *slot) (staged kernels.Span) {
	b := &s.batch
	for i := range b.reads {
		b.reads[i].span = s.take(b.reads[i].n)
	}
	staged = kernels.Span{Mem: s.mem, Len: s.used}
	for i := range b.parts {
		temps, _ := b.parts[i].seg.Scratch()
		b.parts[i].space = s.take(temps)
	}
	w.layOut(s)
	from := s.used
	for i := range b.parts {
		_, res := b.parts[i].seg.Scratch()
		b.parts[i].res = kernels.Span{Mem: s.mem, Off: s.used, Len: res}
		s.used += res // a multiple of 8
	}
	b.res = kernels.Span{Mem: s.mem, Off: from, Len: s.used - from}
	b.resolve()
	return staged
}

// layOut finds the memory of the outputs.
func (w *worker) layOut(s *slot) {
	b := &s.batch
	from := s.used
	for i := range b.ranges {
		r := &b.ranges[i]
		if w.info.InHost && r.n > 0 {
			if v := w.l.sinks[r.sink].View(r.pos, r.n); v != nil {
				r.span, r.inView = s.wrap(v), true
				continue
			}
		}
		r.span = s.take(r.n)
	}
	b.outs = kernels.Span{Mem: s.mem, Off: from, Len: s.used - from}
}

// resolve turns places in ranges into places in memory.
func (b *batch) resolve() {
	for j, p := range b.all() {
		for n, outs := range p.seg.Stores {
			p.outs[n] = b.span(j, p, n, outs[0])
		}
		for n, r := range p.refs {
			if r >= 0 {
				p.leaves[n].Off += b.reads[r].span.Off
			}
		}
	}
}

// all iterates over the parts, each with its job.
func (b *batch) all() iter.Seq2[*batchJob, *part] {
	return func(yield func(*batchJob, *part) bool) {
		k := 0
		for i := range b.jobs {
			for range b.jobs[i].parts {
				if !yield(&b.jobs[i], &b.parts[k]) {
					return
				}
				k++
			}
		}
	}
}

// span returns where store n of a part goes in output o of its job.
func (b *batch) span(j *batchJob, p *part, n, o int) kernels.Span {
	d := p.seg.Inst.Outs[n].DType
	at := j.places[o]
	return b.ranges[at.in].span.Slice(at.off+bytesOf(d, p.seg.First), bytesOf(d, p.seg.Inst.Elems(n)))
}

// straight returns the bytes of the only range of outputs if they are a range that was read: all
// parts are copied and in the same order in both.
func (b *batch) straight(s *slot) []byte {
	if len(b.ranges) != 1 || b.ranges[0].inView || len(b.reads) != 1 || b.reads[0].n != b.size {
		return nil
	}
	for i := range b.parts {
		p := &b.parts[i]
		if len(p.outs) != 1 || len(p.seg.Stores[0]) != 1 || p.seg.Inst.Outs[0].Kind != kernels.Copied ||
			p.outs[0].Len > 0 && p.leaves[0].Off-b.reads[0].span.Off != p.outs[0].Off-b.ranges[0].span.Off {
			return nil
		}
	}
	return s.bytes(b.reads[0].span)
}

// hostBytes returns the host bytes of a span, which may be of the slot or in memory.
func (s *slot) hostBytes(sp kernels.Span) []byte {
	if sp.Mem == s.mem {
		return s.bytes(sp)
	}
	return sp.Bytes()
}

// move copies or converts a part that is not computed.
func move(dst []byte, dd tensor.DType, src []byte, sd tensor.DType, k kernels.OutKind) {
	if k == kernels.IntCast {
		kernels.ConvertInts(dst, dd, src, sd)
	} else {
		copy(dst, src)
	}
}
