package run_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/mecha-gpu/mecha-gpu/device"
	"github.com/mecha-gpu/mecha-gpu/plan"
	"github.com/mecha-gpu/mecha-gpu/stream/run"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// faulty is a small world where everything happens.
func faulty(t testing.TB) *world {
	w := newWorld(t, 2)
	w.ring.UnitBytes = 16 << 10
	w.same("tiny", tensor.F16, tensor.Shape{4}, lerp)
	k := w.same("spoiled", tensor.F16, tensor.Shape{3}, lerp)
	k.guard, k.alt = true, func([]int) *key { return &key{out: tensor.F16, shape: k.shape, in: k.in, f: first} }
	w.spoil(input{1, "spoiled"}, 1)
	w.same("large", tensor.F16, tensor.Shape{25_000}, lerp)
	w.same("sum", tensor.F32, tensor.Shape{70_000}, scaled)
	w.same("copied", tensor.F32, tensor.Shape{9_000}, first)
	w.same("lost", tensor.F16, tensor.Shape{9_000}, lerp)
	w.spoil(input{0, "lost"}, 5)
	return w
}

func TestEveryFaultEndsTheRun(t *testing.T) {
	for _, async := range []bool{false, true} {
		w := faulty(t)
		w.ring.Depth = 1
		if async {
			w.ring.Depth = 3
		}
		try := func(at int64) (int64, outcome) {
			f := &faults{at: at}
			d := newTestDevice(async, uint64(at))
			d.faults = f
			for _, s := range w.sources {
				s.faults = f
			}
			out := w.run(inTime(t), d, &memSink{faults: f}, run.Options{CheckOutput: true})
			return f.calls.Load(), out
		}
		n, out := try(-1)
		if out.err != nil {
			t.Fatal(out.err)
		}
		if n < 50 {
			t.Fatalf("only %d calls", n)
		}
		step := int64(1)
		if race {
			step = 7 // slow
		}
		for i := int64(1); i <= n; i += step {
			if _, out := try(i); !errors.Is(out.err, errInjected) {
				t.Errorf("async %v, call %d of %d failed, but the run returned %v", async, i, n, out.err)
			}
		}
	}
}

func TestErrorsNameWhatFailed(t *testing.T) {
	w := newWorld(t, 2)
	w.same("a.weight", tensor.F16, tensor.Shape{90_000}, lerp)
	for name, c := range map[string]struct {
		set   func(s *memSource, k *memSink, d *testDevice)
		class tensor.Class
		words string
	}{
		"source": {func(s *memSource, _ *memSink, _ *testDevice) { s.faults = &faults{at: 1} }, tensor.ClassIO, `model1: key "a.weight": reading`},
		"sink":   {func(_ *memSource, k *memSink, _ *testDevice) { k.faults = &faults{at: 2} }, tensor.ClassIO, `out: key "a.weight": writing`},
		"device": {func(_ *memSource, _ *memSink, d *testDevice) { d.faults = &faults{at: 4} }, tensor.ClassDevice, `test: key "a.weight": sweep 0, elements [0, 32768)`},
		"changed": {func(s *memSource, _ *memSink, _ *testDevice) { s.changed = errors.New("other size") }, tensor.ClassInput,
			"model1: the input changed during the run: other size"},
	} {
		w.ring.Workers = 1
		w.sources[1].faults, w.sources[1].changed = nil, nil
		sink, d := &memSink{}, newTestDevice(false, 1)
		c.set(w.sources[1], sink, d)
		out := w.run(inTime(t), d, sink, run.Options{})
		if out.err == nil || !strings.Contains(out.err.Error(), c.words) || tensor.ClassOf(out.err) != c.class {
			t.Errorf("%s: error %q of class %v, expected %q of class %v", name, out.err, tensor.ClassOf(out.err), c.words, c.class)
		}
	}
}

func TestCancelStopsTheRun(t *testing.T) {
	for _, async := range []bool{false, true} {
		w := faulty(t)
		for n := 1; n <= 12; n++ {
			left := n
			ctx, cancel := context.WithCancel(inTime(t))
			hook := func(run.Unit) {
				if left--; left == 0 {
					cancel()
				}
			}
			w.ring.Workers = 1
			out := w.run(ctx, newTestDevice(async, 2), &memSink{}, run.Options{OnUnit: hook})
			if left <= 0 && (!errors.Is(out.err, context.Canceled) || tensor.ClassOf(out.err) != tensor.ClassInterrupted) {
				t.Errorf("async %v: cancelled, but the run returned %v", async, out.err)
			}
			cancel()
		}
	}
}

// TestWrongPlansAreErrors changes jobs so that they cannot be right.
func TestWrongPlansAreErrors(t *testing.T) {
	for name, spoil := range map[string]func(j *plan.Job){
		"sink":    func(j *plan.Job) { j.Outputs[0].Sink = 1 },
		"source":  func(j *plan.Job) { j.Segments[0].Reads[1].Model = 2 },
		"reads":   func(j *plan.Job) { j.Segments[0].Reads = j.Segments[0].Reads[:1] },
		"gap":     func(j *plan.Job) { j.Segments[0].First = 1 },
		"length":  func(j *plan.Job) { j.Outputs[0].N++ },
		"type":    func(j *plan.Job) { j.Outputs[0].DType = tensor.BF16 },
		"missing": func(j *plan.Job) { j.Segments = nil },
		"stores":  func(j *plan.Job) { j.Segments[0].Stores = nil },
		"output":  func(j *plan.Job) { j.Segments[0].Stores = [][]int{{1}} },
		"outputs": func(j *plan.Job) { j.Outputs = nil },
	} {
		w := newWorld(t, 2)
		w.same("a", tensor.F16, tensor.Shape{9}, lerp)
		p, sink := w.plan(), &memSink{}
		generate := p.Generate
		p.Generate = func(i int, gone []int) (*plan.Job, error) {
			j, err := generate(i, gone)
			spoil(j)
			return j, err
		}
		_, err := run.Run(inTime(t), p, w.tensorSources(), []tensor.Sink{sink}, []device.Device{newTestDevice(false, 1)}, run.Options{})
		if err == nil || !strings.Contains(err.Error(), "plan: ") || sink.aborted != 1 {
			t.Errorf("%s: error %v, %d aborts", name, err, sink.aborted)
		}
	}
}
