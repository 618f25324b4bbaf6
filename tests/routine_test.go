package tests

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/mecha-gpu/mecha-gpu"
	"github.com/mecha-gpu/mecha-gpu/kernels"
	"github.com/mecha-gpu/mecha-gpu/methods"
	"github.com/mecha-gpu/mecha-gpu/stream/memory"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// whole is a method of one model whose formula is a routine with results of the shape of its operand.
func whole(id string, r *kernels.Routine) *methods.Method {
	m := methods.Fused(id, "A routine for tests.", func(x ...methods.T) methods.T {
		return x[0].Trace().Routine(r, nil, []tensor.Shape{x[0].Shape()}, x[0])[0]
	}, methods.Input("a", "model"))
	return m
}

// backward turns the order of all elements around.
func backward(_ context.Context, w *kernels.RoutineWork) error {
	copy(w.Out[0].Data, w.In[0].Data)
	slices.Reverse(w.Out[0].Data)
	return nil
}

func routineWorld(t *testing.T) (world, memory.Dict, memory.Dict) {
	a, b := memory.Dict{}, memory.Dict{}
	for i := range 6 {
		key := fmt.Sprint("w", i)
		a[key], b[key] = weights(uint64(i), tensor.F32, 40, int64(100+i)), weights(uint64(i)+9, tensor.BF16, 40, int64(100+i))
	}
	return newWorld(t, map[string]memory.Dict{"a": a, "b": b}), a, b
}

// TestRowRoutinesBetweenOtherMethods: their operands may be anything that is computed, joined too, and
// their results are used as stored tensors are: by arithmetic, sums, views, and other routines.
func TestRowRoutinesBetweenOtherMethods(t *testing.T) {
	w, a, b := routineWorld(t)
	o := mecha.Options{Methods: []*methods.Method{whole("backward", &kernels.Routine{Name: "backward", Fn: backward})}, MergeSpace: "any"}
	run := func(lines ...string) memory.Dict {
		got, _ := w.mustMerge(recipeFor("ab", lines...), o)
		for _, unit := range []int64{64, 1000} {
			small := o
			small.UnitBytes = unit
			if again, _ := w.mustMerge(recipeFor("ab", lines...), small); !sameDict(again, got) {
				t.Errorf("%v: units of %d give other bytes", lines, unit)
			}
		}
		return got
	}
	reversed := func(x []float64) []float64 { x = slices.Clone(x); slices.Reverse(x); return x }
	for _, key := range []string{"w0", "w5"} {
		x, y := values(a[key]), values(b[key])
		mean := make([]float64, len(x))
		for i := range x {
			mean[i] = (x[i] + y[i]) / 2
		}
		near(t, "once", run(`merge "backward" &0`)[key], reversed(x))
		near(t, "twice", run(`merge "backward" &0`, `merge "backward" &2`)[key], x)
		near(t, "of a mean", run(`merge "weighted_sum" &0 &1`, `merge "backward" &2`)[key], reversed(mean))
		near(t, "joined", run(`merge "stack" &0 &1`, `merge "backward" &2`)[key], reversed(slices.Concat(x, y)))
		ab := run(`merge "backward" &0`, `merge "weighted_sum" &2 &1`, `merge "backward" &3`)[key]
		sum := slices.Clone(x)
		for i, v := range reversed(y) {
			sum[i] = (sum[i] + v) / 2
		}
		if ab.DType != tensor.F32 {
			t.Errorf("the type is %v", ab.DType)
		}
		near(t, "between", ab, sum)
	}
	plain := run(`merge "slerp" &0 &1 alpha=0.25`)
	turned := run(`merge "backward" &0`, `merge "backward" &1`, `merge "slerp" &2 &3 alpha=0.25`, `merge "backward" &4`)
	for key, x := range plain {
		near(t, "sums", turned[key], values(x))
	}
}

// TestSumsOverJoinedTensorsThatAreComputed: the parts are not in files, and sums, and functions that need
// all elements, are of the whole tensor. It is as if they had been written to a file before.
func TestSumsOverJoinedTensorsThatAreComputed(t *testing.T) {
	w, _, _ := routineWorld(t)
	mean, stacks := `merge "weighted_sum" &0 &1 alpha=0.25`, []string{`merge "stack" &2 &0`, `merge "stack" &1 &2`}
	turn := methods.Plain("turn", "A backward, plus b.", kernels.CutNever, func(dst []float32, src [][]float32, _ int) error {
		for i, x := range src[1] {
			dst[i] = src[0][len(dst)-1-i] + x
		}
		return nil
	}, methods.Input("a", "model"), methods.Input("b", "model"))
	o := mecha.Options{OutputDType: tensor.F32, Methods: []*methods.Method{turn}}
	for i, name := range []string{"c", "d"} {
		d, _ := w.mustMerge(recipeFor("ab", mean, stacks[i]), o)
		w.put("/in/"+name, encode(t, d, nil))
	}
	for _, last := range []string{`merge "slerp" &%d &%d alpha=0.3`, `merge "perpendicular_component" &%d &%d`, `merge "turn" &%d &%d`} {
		want, _ := w.mustMerge(recipeFor("cd", fmt.Sprintf(last, 0, 1)), o)
		lines := append([]string{mean}, stacks...)
		lines = append(lines, fmt.Sprintf(last, 3, 4))
		for _, unit := range []int64{0, 1000} {
			o.UnitBytes = unit
			if got, _ := w.mustMerge(recipeFor("ab", lines...), o); !sameDict(got, want) {
				t.Errorf("%s, units of %d: other bytes than of files with the joined tensors", last, unit)
			}
		}
	}
	o.MergeDType = tensor.F64
	_, err := merge(w.Mem, recipeFor("ab", append(append([]string{mean}, stacks...), `merge "slerp" &3 &4 alpha=0.3`)...), "/out/m", o)
	if tensor.ClassOf(err) != tensor.ClassRecipe || !strings.Contains(err.Error(), "float64") {
		t.Errorf("float64: %v", err)
	}
}

// TestRowRoutinesThatFail: the error names the routine and the key, and nothing is written; so it is if
// one panics.
func TestRowRoutinesThatFail(t *testing.T) {
	w, _, _ := routineWorld(t)
	cause := errors.New("sour milk")
	for name, fn := range map[string]func(context.Context, *kernels.RoutineWork) error{
		"fails":  func(context.Context, *kernels.RoutineWork) error { return cause },
		"panics": func(context.Context, *kernels.RoutineWork) error { panic("sour milk") },
	} {
		o := mecha.Options{Methods: []*methods.Method{whole("bad", &kernels.Routine{Name: "curdle", Fn: fn})}}
		_, err := merge(w.Mem, recipeFor("a", `merge "bad" &0`), "/out/m", o)
		if err == nil || len(w.files("/out")) != 0 {
			t.Fatalf("%s: error %v, files %v", name, err, w.files("/out"))
		}
		for _, word := range []string{"curdle", "sour milk", `"w`} {
			if !strings.Contains(err.Error(), word) {
				t.Errorf("%s: %q is not in %v", name, word, err)
			}
		}
	}
}

// TestRoutinesEndWithTheMerge: a routine at work sees that the merge was cancelled.
func TestRoutinesEndWithTheMerge(t *testing.T) {
	w, _, _ := routineWorld(t)
	ctx, cancel := context.WithCancel(t.Context())
	wait := func(ctx context.Context, _ *kernels.RoutineWork) error {
		cancel()
		<-ctx.Done()
		return ctx.Err()
	}
	o := mecha.Options{FS: w.Mem, ModelDirs: []string{"/in"}, Methods: []*methods.Method{whole("wait", &kernels.Routine{Name: "wait", Fn: wait})}}
	r, err := mecha.ParseRecipe([]byte(recipeFor("a", `merge "wait" &0`)), "r", o)
	check(t, err)
	if _, err := mecha.Merge(ctx, r, "/out/m", o); !errors.Is(err, context.Canceled) || len(w.files("/out")) != 0 {
		t.Errorf("error %v, files %v", err, w.files("/out"))
	}
}

// TestRoutinesRunSideBySide: as many as there are workers, if there is memory for them; one after the
// other, and with the same bytes, if there is not.
func TestRoutinesRunSideBySide(t *testing.T) {
	w, _, _ := routineWorld(t)
	const big = 1 << 20 // scratch
	var mu sync.Mutex
	cond := sync.NewCond(&mu)
	most, now, together := 0, 0, 0
	meet := func(ctx context.Context, r *kernels.RoutineWork) error {
		mu.Lock()
		defer mu.Unlock()
		now++
		most = max(most, now)
		cond.Broadcast()
		for most < together {
			cond.Wait()
		}
		now--
		return backward(ctx, r)
	}
	m := whole("meet", &kernels.Routine{Name: "meet", Fn: meet, Scratch: func(*kernels.RoutineWork) int64 { return big / 8 }})
	var first memory.Dict
	for _, c := range []struct {
		limit          int64
		together, most int
	}{{64 << 20, 3, 3}, {7 << 19, 0, 1}} {
		most, now, together = 0, 0, c.together
		o := mecha.Options{Threads: 3, UnitBytes: 512, MaxRAM: c.limit, Devices: only(tiers()[0]), Methods: []*methods.Method{m}}
		got, rep := w.mustMerge(recipeFor("a", `merge "meet" &0`), o)
		if first == nil {
			first = got
		}
		if !sameDict(got, first) || rep.PeakRAM > c.limit || rep.PeakRAM > rep.PlannedRAM || most != c.most {
			t.Errorf("limit %d: %d at a time, peak %d, planned %d", c.limit, most, rep.PeakRAM, rep.PlannedRAM)
		}
	}
}
