package run_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/mecha-gpu/mecha-gpu/device"
	"github.com/mecha-gpu/mecha-gpu/kernels"
	"github.com/mecha-gpu/mecha-gpu/plan"
	"github.com/mecha-gpu/mecha-gpu/stream/run"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// firstOr is the first input as it is, copied or converted, if it has the shape of the key, or else
// what the key is.
func firstOr(k *key) formula {
	return func(t *kernels.Trace, x []kernels.T) kernels.T {
		if len(x) > 0 && x[0].Shape().Equal(k.shape) {
			return x[0]
		}
		return k.f(t, x)
	}
}

// together makes every key of a world three times in one job: as it is, from its first input
// alone, and as it is once more.
func (w *world) together(sinks int) *plan.Plan {
	p := w.plan()
	for range sinks - 1 {
		p.Layouts = append(p.Layouts, p.Layouts[0])
	}
	p.Totals.Keys, p.Totals.BytesWrite = 3*p.Totals.Keys, 3*p.Totals.BytesWrite
	p.Generate = func(i int, gone []int) (*plan.Job, error) {
		w.mu.Lock()
		defer w.mu.Unlock()
		e, k := w.layout.At(i), &w.keys[i]
		j := &plan.Job{Index: i}
		for s := range sinks {
			j.Outputs = append(j.Outputs, plan.Output{Sink: s, Entry: i, Key: e.Key, Pos: e.Pos, DType: e.DType, N: e.Shape.N()})
		}
		x := w.leaves(k)
		outs := []kernels.Output{{Root: k.f(w.trace, x), DType: k.out}}
		stores := [][]int{{0, 2}}
		if f := (kernels.Output{Root: firstOr(k)(w.trace, x), DType: k.out}); f == outs[0] {
			stores[0] = []int{0, 1, 2}
		} else {
			outs, stores = append(outs, f), append(stores, []int{1})
		}
		parts, err := w.low.LowerInto(nil, outs)
		if err != nil {
			return nil, err
		}
		again := false
		for _, p := range parts {
			s := w.segment(k, &p)
			for n, o := range p.Outs {
				s.Stores[n] = stores[o]
			}
			again = again || len(p.Inst.Sweeps) > 1
			for _, r := range s.Reads {
				j.Lease += plan.Align(r.N * int64(r.DType.Bits()) / 8)
			}
			j.Segments = append(j.Segments, s)
		}
		if j.Resident = again && !w.noKeep; !j.Resident {
			j.Lease = 0
		}
		return j, nil
	}
	if w.slot == 0 {
		w.fitSlots(p)
	}
	return p
}

// fitSlots makes slots as large as the segments of all jobs want.
func (w *world) fitSlots(p *plan.Plan) {
	for i := range p.Jobs {
		j, err := p.Generate(i, nil)
		if err != nil {
			w.t.Fatal(err)
		}
		for k := range j.Segments {
			want, _ := j.Segments[k].SlotBytes(w.ring.UnitBytes, false)
			p.Ring.SlotBytes = max(p.Ring.SlotBytes, want)
		}
	}
}

// TestOutputsTogetherAreThoseOfSingleJobs compares outputs that share a job with the definition,
// on devices with and without their own memory, with and without views and resident tensors.
func TestOutputsTogetherAreThoseOfSingleJobs(t *testing.T) {
	w := variety(t)
	w.same("integers", tensor.I32, tensor.Shape{40_003}, lerp).out = tensor.I16 // converted on the host beside arithmetic
	w.same("few integers", tensor.I32, tensor.Shape{13}, lerp).out = tensor.I16
	w.same("wide", tensor.F64, tensor.Shape{301, 101}, scaled).out = tensor.F16 // converted in F64 beside arithmetic in F32
	plain := w.want(nil)
	keys := slices.Clone(w.keys)
	for i := range w.keys {
		w.keys[i].f = firstOr(&keys[i])
	}
	want := [][]byte{plain, w.want(nil), plain}
	w.keys = keys
	for _, workers := range []int{1, 3} {
		for _, unit := range []int64{64 << 10, 3_001} {
			for _, way := range ways {
				for _, views := range []int{0, 1, 7} { // which sinks are in memory
					if race && (workers == 1 || views == 1 || unit > 64<<9) {
						continue // slow, and nothing to find
					}
					w.ring = plan.Ring{Workers: workers, Depth: way.depth, UnitBytes: unit}
					w.noKeep = !way.keep
					for _, s := range w.sources {
						s.view = way.view
					}
					d := newTestDevice(way.async, uint64(unit))
					var sinks []tensor.Sink
					var mem []*memSink
					for s := range want {
						mem = append(mem, &memSink{view: views>>s&1 != 0})
						sinks = append(sinks, mem[s])
					}
					name := fmt.Sprintf("%d workers, units of %d, %+v, views %b", workers, unit, way, views)
					rep, err := run.Run(inTime(t), w.together(len(want)), w.tensorSources(), sinks, []device.Device{d}, run.Options{CheckOutput: workers == 3})
					if err != nil {
						t.Fatalf("%s: %v", name, err)
					}
					if err := d.Close(); err != nil {
						t.Fatal(err)
					}
					for s := range want {
						if i := firstDifference(mem[s].data, want[s]); i >= 0 {
							t.Fatalf("%s: sink %d: byte %d (key %s) differs", name, s, i, w.keyAt(int64(i)))
						}
						if mem[s].prepared != 1 || mem[s].committed != 1 || rep.Sinks[s].Keys != len(w.keys) {
							t.Errorf("%s: sink %d: %+v, prepared %d times", name, s, rep.Sinks[s], mem[s].prepared)
						}
					}
				}
			}
		}
	}
}

// segment is what a job does for a part of a key.
func (w *world) segment(k *key, p *kernels.Part) plan.Segment {
	s := plan.Segment{First: p.First, Inst: p.Inst, Stores: make([][]int, len(p.Outs))}
	for i := range s.Stores {
		s.Stores[i] = []int{0}
	}
	for _, ref := range p.Inst.Leaves {
		in := k.in[ref.Number]
		n, _ := w.sources[in.model].header.Lookup(in.key)
		e := w.entry(in)
		s.Reads = append(s.Reads, plan.Read{Model: in.model, Entry: n, DType: e.DType, N: ref.N,
			Pos: e.Pos + ref.Start*int64(e.DType.Bits())/8})
	}
	return s
}
