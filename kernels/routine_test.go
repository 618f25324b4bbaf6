package kernels

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// half is a routine that gives half of its operand, and how many elements that has, times a number.
var half = &Routine{
	Name:    "half",
	Scratch: func(w *RoutineWork) int64 { return w.In[0].Shape.N() },
	Fn: func(ctx context.Context, w *RoutineWork) error {
		copy32(w.Scratch, w.In[0].Data)
		for i, x := range w.Scratch {
			w.Out[0].Data[i] = float32(x / 2)
		}
		w.Out[1].Data[0] = float32(len(w.Scratch)) * float32(w.Nums[0])
		return ctx.Err()
	},
}

func copy32(dst []float64, src []float32) {
	for i := range dst {
		dst[i] = float64(src[i])
	}
}

func applyHalf(t *Trace, f float64, x T) []T {
	return t.Routine(half, []float64{f}, []tensor.Shape{x.Shape(), {}}, x)
}

func TestEqualCallsOfRoutinesAreOne(t *testing.T) {
	tr := NewTrace(F32)
	x := tr.Leaf(0, tensor.F16, tensor.Shape{4, 3})
	a, b, c := applyHalf(tr, 2, x), applyHalf(tr, 2, x), applyHalf(tr, 3, x)
	if a[0] != b[0] || a[1] != b[1] || a[0] == c[0] {
		t.Error("equal calls have different results, or different ones equal results")
	}
	if n, ok := a[1].IsLeaf(); !ok || n != -2 {
		t.Errorf("the second result is %d", n)
	}
	tr.Reset()
	if d := applyHalf(tr, 5, tr.Leaf(0, tensor.F32, tensor.Shape{2})); len(tr.AppendCalls(nil, []Output{{d[0], tensor.F32}})) != 1 {
		t.Error("calls outlive a reset")
	}
}

// TestCallsThatOutputsNeed: those of operands come first, those of other outputs not at all, however
// much else the trace holds, and also through views.
func TestCallsThatOutputsNeed(t *testing.T) {
	for _, extra := range []int{0, 2 * fewNodes} {
		tr := NewTrace(F32)
		x := tr.Leaf(0, tensor.F16, tensor.Shape{4, 3})
		for i := range extra {
			x.Mul(tr.Num(float64(i)))
		}
		first := applyHalf(tr, 1, x)
		other := applyHalf(tr, 2, x)
		second := applyHalf(tr, 3, first[0].Add(x))
		for _, root := range []T{second[1], second[0].Rows(1, 2), second[0].Transpose().Exp(), tr.Concat(x, second[0])} {
			calls := tr.AppendCalls(nil, []Output{{root, tensor.F32}})
			if len(calls) != 2 || calls[0].Nums[0] != 1 || calls[1].Nums[0] != 3 {
				t.Errorf("%d calls", len(calls))
			}
		}
		if calls := tr.AppendCalls(nil, []Output{{x, tensor.F32}}); calls != nil {
			t.Error("a stored tensor needs calls")
		}
		if calls := tr.AppendCalls(nil, []Output{{other[1].Add(x), tensor.F32}}); len(calls) != 1 || calls[0].First != -3 {
			t.Errorf("%d calls", len(calls))
		}
	}
}

func TestRoutinesRunOnMemory(t *testing.T) {
	tr := NewTrace(F32)
	x := tr.Leaf(0, tensor.F32, tensor.Shape{3})
	call := tr.AppendCalls(nil, []Output{{applyHalf(tr, 10, x)[1], tensor.F32}})[0]
	in, out := [][]byte{make([]byte, 12)}, [][]byte{make([]byte, 12), make([]byte, 4)}
	Narrow(in[0], []float32{1, -4, 6}, tensor.F32)
	run := func(r *Routine, scratch int) error {
		return RunRoutine(context.Background(), r, call.Work(), in, out, make([]byte, scratch))
	}
	if err := run(half, 24); err != nil {
		t.Fatal(err)
	}
	got := make([]float32, 3)
	if Widen(got, out[0], tensor.F32); got[0] != 0.5 || got[1] != -2 || got[2] != 3 {
		t.Error(got)
	}
	if Widen(got[:1], out[1], tensor.F32); got[0] != 30 {
		t.Error(got[0])
	}
	cause := errors.New("sour milk")
	bad := &Routine{Name: "bad", Fn: func(context.Context, *RoutineWork) error { return cause }}
	if err := run(bad, 0); !errors.Is(err, cause) || !strings.Contains(err.Error(), "bad") {
		t.Error(err)
	}
	wild := &Routine{Name: "wild", Fn: func(_ context.Context, w *RoutineWork) error { w.Out[7] = Array{}; return nil }}
	if err := run(wild, 0); err == nil || !strings.Contains(err.Error(), "wild") {
		t.Errorf("a panic is the error %v", err)
	}
	if err := run(half, 16); err == nil {
		t.Error("too little scratch is no error")
	}
	if out[1] = make([]byte, 8); run(half, 24) == nil {
		t.Error("a result of another size is no error")
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if out[1] = make([]byte, 4); RunRoutine(ctx, half, call.Work(), in, out, make([]byte, 24)) != context.Canceled {
		t.Error("the end of the context is not the error")
	}
}
