package run_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/mecha-gpu/mecha-gpu/kernels"
	"github.com/mecha-gpu/mecha-gpu/plan"
	"github.com/mecha-gpu/mecha-gpu/stream/run"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// spoiled is a world where the last element of a large tensor is NaN: one of them has a
// fallback of another type, one has none. A tiny one has a NaN too.
func spoiled(t testing.TB) *world {
	w := newWorld(t, 2)
	w.ring.UnitBytes = 2 << 10
	shape := tensor.Shape{101, 401} // 80 KiB, more than ten slots
	w.same("tiny", tensor.F16, tensor.Shape{4}, lerp)
	w.sources[1].add(t, "other", tensor.F32, shape, random(shape.N(), 77))
	fallback := &key{out: tensor.F16, shape: shape, in: []input{{1, "other"}}, f: first, note: plan.Note{FellBack: true}}
	k := w.same("falls back", tensor.F16, shape, lerp)
	k.guard, k.alt = true, func([]int) *key { return fallback }
	w.same("dropped", tensor.F16, shape, lerp).guard = true
	w.same("tiny dropped", tensor.F16, tensor.Shape{5}, lerp).guard = true
	w.same("kept", tensor.F16, shape, lerp).guard = true
	w.same("copied", tensor.F16, shape, first).guard = true
	w.spoil(input{0, "falls back"}, shape.N()-1)
	w.spoil(input{1, "dropped"}, shape.N()-1)
	w.spoil(input{0, "tiny dropped"}, 3)
	w.spoil(input{0, "copied"}, shape.N()-1)
	return w
}

// sinkWithout clears the bytes of dropped entries, which nobody will see.
func (w *world) sinkWithout(s *memSink) []byte {
	b := slices.Clone(s.data)
	for _, i := range s.drop {
		e := w.layout.At(i)
		clear(b[e.Pos : e.Pos+e.Size])
	}
	return b
}

func eachSetting(t *testing.T, w *world, f func(name string, out outcome), o run.Options) {
	t.Helper()
	for _, workers := range []int{1, 2, 5} {
		for _, depth := range []int{1, 3} {
			for _, async := range []bool{false, true} {
				w.ring.Workers, w.ring.Depth = workers, depth
				name := fmt.Sprintf("%d workers, depth %d, async %v", workers, depth, async)
				f(name, w.run(inTime(t), newTestDevice(async, 3), &memSink{}, o))
			}
		}
	}
}

func TestGuardsRestartOrDrop(t *testing.T) {
	w := spoiled(t)
	want := w.want(map[string][]int{"falls back": {100}, "dropped": {101}, "tiny dropped": {100}, "copied": {100}})
	eachSetting(t, w, func(name string, out outcome) {
		if out.err != nil {
			t.Fatalf("%s: %v", name, out.err)
		}
		if !slices.Equal(out.sink.drop, []int{2, 3, 5}) {
			t.Fatalf("%s: dropped %v", name, out.sink.drop)
		}
		if i := firstDifference(w.sinkWithout(out.sink), want); i >= 0 {
			t.Fatalf("%s: byte %d (key %s) differs", name, i, w.keyAt(int64(i)))
		}
		r := out.report
		if r.Keys != 3 || r.FellBack != 1 || r.Restarts != 4 || r.Drops != 3 {
			t.Errorf("%s: %d keys, %d fell back, %d restarts, %d drops", name, r.Keys, r.FellBack, r.Restarts, r.Drops)
		}
		for _, d := range r.Dropped {
			if d.Key == "dropped" && (d.Source != "model1" || d.Input != "dropped" || !slices.Equal(d.Guards, []int{101})) {
				t.Errorf("%s: %+v", name, d)
			}
		}
		if r.BytesWritten < int64(len(want))/3 {
			t.Errorf("%s: wrote %d bytes", name, r.BytesWritten)
		}
	}, run.Options{})
}

func TestKeepComputesAndCounts(t *testing.T) {
	w := spoiled(t)
	want := w.want(nil)
	eachSetting(t, w, func(name string, out outcome) {
		if out.err != nil {
			t.Fatalf("%s: %v", name, out.err)
		}
		if i := firstDifference(out.sink.data, want); i >= 0 {
			t.Fatalf("%s: byte %d (key %s) differs", name, i, w.keyAt(int64(i)))
		}
		if r := out.report; r.Flags != 4 || r.Total.NonFinite != 4 || r.Restarts != 0 {
			t.Errorf("%s: %d flags %+v, %d restarts", name, r.Flags, r.Flagged, r.Restarts)
		}
	}, run.Options{NonFinite: run.Keep, CheckOutput: true})
}

func TestRefuseNamesKeyAndInput(t *testing.T) {
	w := newWorld(t, 2)
	w.same("a", tensor.F16, tensor.Shape{35, 1000}, lerp).guard = true
	w.spoil(input{1, "a"}, 34_999)
	out := w.run(inTime(t), newTestDevice(false, 1), &memSink{}, run.Options{NonFinite: run.Refuse})
	if out.err == nil || !strings.Contains(out.err.Error(), "model1") || !strings.Contains(out.err.Error(), `input "a"`) {
		t.Errorf("error %v", out.err)
	}
	if tensor.ClassOf(out.err) != tensor.ClassInput {
		t.Errorf("class %v", tensor.ClassOf(out.err))
	}
}

// TestGuardsOfComputedTensors spoils a leaf and thereby what is computed from it: the
// guard of the computed tensor must not be blamed, whatever is found first.
func TestGuardsOfComputedTensors(t *testing.T) {
	w := newWorld(t, 2)
	w.ring.UnitBytes = 4 << 10
	shape := tensor.Shape{100, 301}
	var asked [][]int
	k := w.same("a", tensor.F16, shape, func(t *kernels.Trace, x []kernels.T) kernels.T {
		return x[0].Guard(100).Mul(x[1].Guard(101)).Guard(7)
	})
	fallback := &key{out: tensor.F16, shape: shape, in: k.in, f: func(t *kernels.Trace, x []kernels.T) kernels.T {
		return x[1].Guard(101).Mul(t.Const(3e38)).Guard(7)
	}}
	last := &key{out: tensor.F16, shape: shape, in: k.in, f: func(t *kernels.Trace, x []kernels.T) kernels.T { return x[1].Guard(101) }}
	k.alt = func(gone []int) *key {
		asked = append(asked, gone)
		if slices.Contains(gone, 7) {
			return last
		}
		return fallback
	}
	w.spoil(input{0, "a"}, shape.N()-1)
	want := w.want(map[string][]int{"a": {7, 100}})
	eachSetting(t, w, func(name string, out outcome) {
		if out.err != nil {
			t.Fatalf("%s: %v", name, out.err)
		}
		if i := firstDifference(out.sink.data, want); i >= 0 {
			t.Fatalf("%s: byte %d differs", name, i)
		}
		if n := len(asked); !slices.Equal(asked[n-2], []int{100}) || !slices.Equal(asked[n-1], []int{7, 100}) {
			t.Errorf("%s: asked for %v", name, asked)
		}
	}, run.Options{})
}

// TestLossesAreCounted compares the counts of a cast with ones made by hand.
func TestLossesAreCounted(t *testing.T) {
	for _, n := range []int64{5, 100_000} {
		w := newWorld(t, 1)
		w.same("a", tensor.F32, tensor.Shape{n}, func(t *kernels.Trace, x []kernels.T) kernels.T {
			return x[0].Mul(t.Const(1))
		}).out = tensor.F16
		x := w.bytes(input{0, "a"})
		kernels.Narrow(x, make([]float32, n), tensor.F32)
		kernels.Narrow(x, []float32{1e30, 1e-30, -1e-30}, tensor.F32)
		w.spoil(input{0, "a"}, n-1)
		eachSetting(t, w, func(name string, out outcome) {
			want := run.Count{Key: "a", NonFinite: 2, Overflow: 1, Underflow: 2}
			if out.err != nil || len(out.report.Flagged) != 1 || out.report.Flagged[0] != want {
				t.Errorf("%s: error %v, counted %+v, expected %+v", name, out.err, out.report, want)
			}
		}, run.Options{CheckOutput: true})
	}
}

func TestGuardThatStaysIsAnError(t *testing.T) {
	w := newWorld(t, 1)
	k := w.same("a", tensor.F16, tensor.Shape{9}, first)
	k.guard, k.alt = true, func([]int) *key { return k }
	w.spoil(input{0, "a"}, 0)
	out := w.run(inTime(t), newTestDevice(false, 1), &memSink{}, run.Options{})
	if out.err == nil || !strings.Contains(out.err.Error(), "still there") {
		t.Errorf("error %v", out.err)
	}
}
