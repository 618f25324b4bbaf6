package run_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/mecha-gpu/mecha-gpu/device"
	"github.com/mecha-gpu/mecha-gpu/device/cpu"
	"github.com/mecha-gpu/mecha-gpu/kernels"
	"github.com/mecha-gpu/mecha-gpu/plan"
	"github.com/mecha-gpu/mecha-gpu/stream/run"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// ready makes the jobs of a plan in advance, so that a benchmark measures the run alone.
func ready(b *testing.B, p *plan.Plan) {
	jobs := make([]*plan.Job, p.Jobs)
	for i := range jobs {
		var err error
		if jobs[i], err = p.Generate(i, nil); err != nil {
			b.Fatal(err)
		}
	}
	p.Generate = func(i int, _ []int) (*plan.Job, error) { return jobs[i], nil }
}

func benchRun(b *testing.B, w *world, p *plan.Plan, sink *memSink) *run.Report {
	d, err := cpu.Open(cpu.Options{})
	if err != nil {
		b.Fatal(err)
	}
	rep, err := run.Run(context.Background(), p, w.tensorSources(), []tensor.Sink{sink}, []device.Device{d}, run.Options{})
	if err != nil {
		b.Fatal(err)
	}
	return rep
}

// keepSink does not clear its memory when it begins.
func keepSink(p *plan.Plan) *memSink {
	return &memSink{view: true, data: make([]byte, p.Layouts[0].DataSize()), keep: true}
}

// BenchmarkLerp measures the engine alone: two sources and a sink in memory, used in
// place, compared with copying as many bytes as are read and written.
func BenchmarkLerp(b *testing.B) {
	w := newWorld(b, 2)
	w.ring = plan.Ring{Workers: 2, Depth: 1, UnitBytes: 512 << 10}
	for i := range 16 {
		shape := tensor.Shape{2048, 2048}
		k := key{name: fmt.Sprint("w", i), out: tensor.F16, shape: shape, f: lerp}
		for m, s := range w.sources {
			s.view = true
			s.add(b, k.name, tensor.F16, shape, random(1000, uint64(i*2+m)))
			k.in = append(k.in, input{m, k.name})
		}
		w.keys = append(w.keys, k)
	}
	p := w.plan()
	ready(b, p)
	sink := keepSink(p)
	b.Run("run", func(b *testing.B) {
		b.SetBytes(3 * int64(len(sink.data)))
		var rep *run.Report
		for b.Loop() {
			rep = benchRun(b, w, p, sink)
		}
		b.ReportMetric(100*float64(rep.Stages.Compute)/float64(2*rep.Wall), "%compute")
	})
	b.Run("read and write", func(b *testing.B) {
		sink.view = false
		for _, s := range w.sources {
			s.view = false
		}
		b.SetBytes(3 * int64(len(sink.data)))
		for b.Loop() {
			benchRun(b, w, p, sink)
		}
	})
	b.Run("copy", func(b *testing.B) {
		b.SetBytes(2 * int64(len(sink.data)))
		for b.Loop() {
			copy(sink.data, w.sources[0].data)
		}
	})
}

// BenchmarkTinyKeys merges 100,000 keys of 16 elements from three sources.
func BenchmarkTinyKeys(b *testing.B) {
	const n = 100_000
	w := newWorld(b, 3)
	w.ring = plan.Ring{Workers: 2, Depth: 1, UnitBytes: 512 << 10}
	shape := tensor.Shape{2, 8}
	for i := range n {
		k := key{name: fmt.Sprintf("model.diffusion_model.blocks.%d.bias", i), out: tensor.F16, shape: shape,
			f: func(t *kernels.Trace, x []kernels.T) kernels.T { return x[0].Add(x[1].Sub(x[2]).Mul(t.Const(0.5))) }}
		for m, s := range w.sources {
			s.add(b, k.name, tensor.F16, shape, random(16, uint64(m)))
			k.in = append(k.in, input{m, k.name})
		}
		w.keys = append(w.keys, k)
	}
	w.slot = 2 << 20
	p := w.plan()
	ready(b, p)
	sink := keepSink(p)
	for _, view := range []bool{false, true} {
		sink.view = view
		for _, s := range w.sources {
			s.view = view
		}
		b.Run(fmt.Sprintf("view=%v", view), func(b *testing.B) {
			b.ReportAllocs()
			var st run.Stages
			for b.Loop() {
				st = benchRun(b, w, p, sink).Stages
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/key")
			b.ReportMetric(float64(st.Compute.Nanoseconds())/n, "compute-ns/key")
		})
	}
}
