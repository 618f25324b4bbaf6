package run_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/mecha-gpu/mecha-gpu/kernels"
	"github.com/mecha-gpu/mecha-gpu/plan"
	"github.com/mecha-gpu/mecha-gpu/stream/run"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

func lerp(t *kernels.Trace, x []kernels.T) kernels.T { return x[0].Lerp(x[1], t.Const(0.3)) }

func first(_ *kernels.Trace, x []kernels.T) kernels.T { return x[0] }

// scaled needs a sweep for the sum and one for the output.
func scaled(t *kernels.Trace, x []kernels.T) kernels.T {
	return x[0].Sub(x[1]).Mul(x[0].Dot(x[1]))
}

var halve = &kernels.GoFunc{Name: "halve", Cut: kernels.CutRows, Fn: func(dst []float32, src [][]float32, cols int) error {
	for i, x := range src[0] {
		dst[i] = x * 0.5 * float32(i%cols%3)
	}
	return nil
}}

var pick = &kernels.HostFunc{Name: "pick", Outs: 1, Fn: func(in, out []float64) { out[0] = float64(int(math.Abs(in[0])) % 2) }}

// variety is keys of all kinds: tiny, large, empty, 0-d, constant, copied, converted,
// joined, with several sweeps, alternatives and forms.
func variety(t testing.TB) *world {
	w := newWorld(t, 2)
	for i := range 40 {
		w.same(fmt.Sprintf("tiny%d", i), tensor.F16, tensor.Shape{int64(i % 7), 3}, lerp)
	}
	w.same("large", tensor.F16, tensor.Shape{101, 501}, lerp)
	w.same("scalar", tensor.F32, tensor.Shape{}, lerp)
	w.same("empty", tensor.F32, tensor.Shape{4, 0}, lerp)
	w.same("emptysum", tensor.F32, tensor.Shape{0}, scaled)
	w.same("sum", tensor.F32, tensor.Shape{331, 401}, scaled)
	w.same("smallsum", tensor.BF16, tensor.Shape{11, 13}, scaled)
	w.same("copied", tensor.F32, tensor.Shape{50_001}, first)
	w.same("sub-byte", tensor.F4, tensor.Shape{400_002}, first)
	w.same("tinycopied", tensor.I64, tensor.Shape{3}, first)
	w.same("tinycopied2", tensor.I64, tensor.Shape{4}, first)
	w.same("cast", tensor.I32, tensor.Shape{40_003}, first).out = tensor.I16
	w.same("tinycast", tensor.I32, tensor.Shape{5}, first).out = tensor.U8
	w.same("constant", tensor.F16, tensor.Shape{70_001}, func(t *kernels.Trace, x []kernels.T) kernels.T {
		return t.Const(0.25).Spread(tensor.Shape{70_001})
	}).in = nil
	w.same("rows", tensor.F32, tensor.Shape{300, 70}, func(t *kernels.Trace, x []kernels.T) kernels.T { return t.Call(halve, x[0].Add(x[1])) })
	w.same("choice", tensor.F32, tensor.Shape{120, 301}, func(t *kernels.Trace, x []kernels.T) kernels.T {
		return t.Choose(t.Host(pick, x[0].Sum())[0], x[0].Add(x[1]), x[0].Sub(x[1]))
	})
	w.same("joined", tensor.F16, tensor.Shape{60, 301}, func(t *kernels.Trace, x []kernels.T) kernels.T {
		return t.Concat(x[0], x[1].Mul(t.Const(2)), x[0].Add(x[1]))
	}).shape = tensor.Shape{180, 301}
	for _, e := range []struct {
		key   string
		shape tensor.Shape
	}{{"row", tensor.Shape{101, 1}}, {"col", tensor.Shape{501}}, {"one", tensor.Shape{}}} {
		w.sources[0].add(t, e.key, tensor.F32, e.shape, random(e.shape.N(), 5))
	}
	w.keys = append(w.keys, key{name: "forms", out: tensor.F32, shape: tensor.Shape{101, 501},
		in: []input{{0, "large"}, {0, "row"}, {0, "col"}, {0, "one"}},
		f: func(t *kernels.Trace, x []kernels.T) kernels.T {
			return x[0].Mul(x[1]).Add(x[2]).Mul(x[3]).Mul(x[1].Sum()).Add(x[2].Largest())
		}})
	w.same("last", tensor.BF16, tensor.Shape{9}, lerp)
	return w
}

// way is how a device, sources and sink hold memory.
type way struct {
	depth             int
	async, view, keep bool
}

var ways = []way{
	{1, false, false, false}, // read, compute, write; every sweep reads again
	{1, false, true, false},  // everything in place
	{3, false, false, true},
	{3, true, false, false},
	{3, true, true, true}, // views that the device cannot use
	{1, true, false, true},
}

func TestBytesDoNotDependOnSettings(t *testing.T) {
	w := variety(t)
	want := w.want(nil)
	for _, workers := range []int{1, 2, 5} {
		for _, unit := range []int64{64 << 10, 512 << 10, 3_001} {
			for _, way := range ways {
				if race && workers == 1 {
					continue // slow, and nothing to find
				}
				w.ring = plan.Ring{Workers: workers, Depth: way.depth, UnitBytes: unit}
				w.noKeep = !way.keep
				for _, s := range w.sources {
					s.view = way.view
				}
				d := newTestDevice(way.async, uint64(unit))
				out := w.run(inTime(t), d, &memSink{view: way.view}, run.Options{CheckOutput: way.depth == 3})
				w.compare(fmt.Sprintf("%d workers, units of %d, %+v", workers, unit, way), out, want)
			}
		}
	}
}

func (w *world) compare(name string, out outcome, want []byte) {
	w.t.Helper()
	if out.err != nil {
		w.t.Fatalf("%s: %v", name, out.err)
	}
	if i := firstDifference(out.sink.data, want); i >= 0 {
		w.t.Fatalf("%s: byte %d (key %s) differs", name, i, w.keyAt(int64(i)))
	}
	if out.report.Keys != len(w.keys) || out.report.BytesWritten != int64(len(want)) {
		w.t.Errorf("%s: %d keys and %d bytes, expected %d and %d", name, out.report.Keys, out.report.BytesWritten, len(w.keys), len(want))
	}
}

// keyAt names the key of an output byte.
func (w *world) keyAt(pos int64) string {
	for i := range w.layout.Len() {
		if e := w.layout.At(i); pos >= e.Pos && pos < e.Pos+e.Size {
			return e.Key
		}
	}
	return "none"
}
