package run

import (
	"github.com/mecha-gpu/mecha-gpu/kernels"
	"github.com/mecha-gpu/mecha-gpu/plan"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// maxBatchJobs bounds the memory that the jobs of a batch take while they are together.
const maxBatchJobs = 1024

// batch is jobs that one worker executes together in one slot. Their outputs lie next to
// each other in a sink. Sweeps run in rounds: round r is sweep r of every part.
type batch struct {
	jobs  []batchJob
	parts []part
	reads []joined
	last  []int32 // by source: index in reads of its last range + 1

	sink      int
	pos, size int64 // output in the sink
	cost      int64 // slot bytes, never less than what is laid out

	out    kernels.Span
	res    kernels.Span // results of all parts
	inView bool         // out is memory of the sink
	refs   arena[int32]
	g      gather
	nums   []float64
}

type batchJob struct {
	job   *plan.Job
	gone  []int
	parts int
	count Count
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

func (b *batch) reset(sources int) {
	clear(b.jobs) // let the jobs go
	clear(b.parts)
	b.jobs, b.parts, b.reads = b.jobs[:0], b.parts[:0], b.reads[:0]
	b.last = resize(b.last, sources)
	clear(b.last)
	b.refs.reset()
	b.size, b.cost = 0, plan.BatchBytes
}

// jobCost returns the slot bytes that a job takes in a batch at most.
func jobCost(j *plan.Job) int64 {
	n := bytesOf(j.DType, j.N)
	for i := range j.Segments {
		s := &j.Segments[i]
		for k := range s.Reads {
			n += plan.Joined(bytesOf(s.Reads[k].DType, s.Reads[k].N))
		}
		t, r := scratchBytes(s)
		n += plan.Align(t) + r
	}
	return n
}

// scratchBytes returns what temporaries and results of the largest sweep take if the
// sweep is one unit.
func scratchBytes(s *plan.Segment) (temps, res int64) {
	for k := range s.Inst.Sweeps {
		sw := &s.Inst.Sweeps[k]
		n := s.Inst.Domains[sw.Domain].N
		temps = max(temps, tempBytes(sw, n))
		res = max(res, resultBytes(s, k, n))
	}
	return temps, res
}

// small reports whether a job goes into a batch.
func (l *loop) small(j *plan.Job) bool {
	r := l.p.Ring
	return bytesOf(j.DType, j.N) <= max(r.UnitBytes, 1) && jobCost(j)+plan.BatchBytes <= r.SlotBytes
}

// room reports whether a small job can join a batch that is not empty.
func (b *batch) room(j *plan.Job, r plan.Ring) bool {
	return len(b.jobs) < maxBatchJobs && j.Sink == b.sink && j.Pos == b.pos+b.size &&
		b.size+bytesOf(j.DType, j.N) <= r.UnitBytes && b.cost+jobCost(j) <= r.SlotBytes
}

// add appends a job to the batch in a slot.
func (w *worker) add(s *slot, j *plan.Job, gone []int) {
	b := &s.batch
	if len(b.jobs) == 0 {
		b.sink, b.pos = j.Sink, j.Pos
	}
	b.cost += jobCost(j)
	b.size += bytesOf(j.DType, j.N)
	b.jobs = append(b.jobs, batchJob{job: j, gone: gone, parts: len(j.Segments), count: Count{Key: j.Key}})
	for i := range j.Segments {
		w.addPart(s, &j.Segments[i])
	}
}

func (w *worker) addPart(s *slot, seg *plan.Segment) {
	b := &s.batch
	p := part{unit: unit{seg: seg, count: seg.N}, sweeps: len(seg.Inst.Sweeps)}
	views := w.info.InHost
	if seg.Inst.Kind != kernels.Computed && !w.l.checks(seg) {
		p.sweeps, views = 0, true // no device is involved
	}
	p.nums = s.nums.take(seg.Inst.Slots)
	copy(p.nums, seg.Inst.Consts)
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
		if v := w.l.view(r); v != nil {
			w.bytesRead += n
			return s.wrap(v), -1
		}
	}
	i, off := s.batch.join(r, n)
	return kernels.Span{Mem: s.mem, Off: off, Len: n}, i
}

// join puts n bytes into the last range of their source if they touch it or lie within
// it, or else into a new one. A transpose has a range of its own.
func (b *batch) join(r *plan.Read, n int64) (index int32, off int64) {
	if i := b.last[r.Model]; i > 0 && r.Cols == 0 {
		if j := &b.reads[i-1]; r.Pos >= j.pos && r.Pos <= j.pos+j.n {
			off = r.Pos - j.pos
			j.n = max(j.n, off+n)
			return i - 1, off
		}
	}
	b.reads = append(b.reads, joined{pos: r.Pos, n: n, read: r})
	if r.Cols == 0 {
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
		temps, _ := scratchBytes(b.parts[i].seg)
		b.parts[i].space = s.take(temps)
	}
	w.layOut(s)
	from := s.used
	for i := range b.parts {
		_, res := scratchBytes(b.parts[i].seg)
		b.parts[i].res = kernels.Span{Mem: s.mem, Off: s.used, Len: res}
		s.used += res // a multiple of 8
	}
	b.res = kernels.Span{Mem: s.mem, Off: from, Len: s.used - from}
	b.resolve()
	return staged
}

// layOut finds the memory of the output.
func (w *worker) layOut(s *slot) {
	b := &s.batch
	b.inView = false
	if w.info.InHost && b.size > 0 {
		if v := w.l.sinks[b.sink].View(b.pos, b.size); v != nil {
			b.out, b.inView = s.wrap(v), true
			return
		}
	}
	b.out = s.take(b.size)
}

// resolve turns places in ranges and outputs into places in memory.
func (b *batch) resolve() {
	k := 0
	for i := range b.jobs {
		j := b.jobs[i].job
		for range b.jobs[i].parts {
			p := &b.parts[k]
			k++
			first := j.Pos - b.pos + bytesOf(j.DType, p.seg.First)
			p.out = b.out.Slice(first, bytesOf(j.DType, p.seg.N))
			for n, r := range p.refs {
				if r >= 0 {
					p.leaves[n].Off += b.reads[r].span.Off
				}
			}
		}
	}
}

// straight returns the bytes of the output if they are a range that was read: all parts
// are copied and in the same order in both.
func (b *batch) straight(s *slot) []byte {
	if b.inView || len(b.reads) != 1 || b.reads[0].n != b.size {
		return nil
	}
	for i := range b.parts {
		p := &b.parts[i]
		if p.seg.Inst.Kind != kernels.Copied || p.seg.N > 0 && p.leaves[0].Off-b.reads[0].span.Off != p.out.Off-b.out.Off {
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
func move(dst []byte, dd tensor.DType, src []byte, sd tensor.DType, k kernels.LoweredKind) {
	if k == kernels.IntCast {
		kernels.ConvertInts(dst, dd, src, sd)
	} else {
		copy(dst, src)
	}
}
