package kernels

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/mecha-gpu/mecha-gpu/tensor"
)

func TestStacksOfStacksHaveAllParts(t *testing.T) {
	tr := NewTrace(F32)
	var l testLeaves
	leaf := func(x ...float32) T {
		l = append(l, x)
		return tr.Leaf(len(l)-1, tensor.F32, tensor.Shape{int64(len(x))})
	}
	inner := tr.Stack(leaf(1, 2), leaf(3, 4))
	other := tr.Stack(leaf(5, 6), leaf(7, 8).Neg())
	both := tr.Stack(inner, other)
	for name, c := range map[string]struct {
		root T
		want []float32
	}{
		"alone":    {both, []float32{1, 2, 3, 4, 5, 6, -7, -8}},
		"computed": {both.Mul(tr.Const(2)), []float32{2, 4, 6, 8, 10, 12, -14, -16}},
		"twice":    {both.Add(both), []float32{2, 4, 6, 8, 10, 12, -14, -16}},
		"concat":   {tr.Concat(inner, other), []float32{1, 2, 3, 4, 5, 6, -7, -8}},
	} {
		if got, _ := evalF32(t, c.root, l); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, not %v", name, got, c.want)
		}
	}
}

// TestPartsOfAStackMayHaveSums joins what is chosen by a sum, alone and in arithmetic.
func TestPartsOfAStackMayHaveSums(t *testing.T) {
	tr := NewTrace(F32)
	a, b := tr.Leaf(0, tensor.F32, tensor.Shape{2, 1}), tr.Leaf(1, tensor.F32, tensor.Shape{2, 1})
	unit := func(x T) T {
		o := tr.Host(normalise, x.Dot(x))
		return tr.Choose(o[0], x.Mul(o[1]), x)
	}
	l := testLeaves{{3, 4}, {0, 0}}
	stacked := tr.Stack(unit(a), unit(b))
	k := float32(1 / 5.0)
	if got, _ := evalF32(t, stacked, l); !slices.Equal(got, []float32{3 * k, 4 * k, 0, 0}) {
		t.Errorf("%v", got)
	}
	if got, _ := evalF32(t, stacked.Neg(), l); !slices.Equal(got[:2], []float32{-3 * k, -4 * k}) {
		t.Errorf("%v", got)
	}
}

func TestWhatCannotBeCutIsRefused(t *testing.T) {
	rows := &GoFunc{Name: "rows", Cut: CutRows, Fn: func(dst []float32, src [][]float32, cols int) error { copy(dst, src[0]); return nil }}
	for name, c := range map[string]struct {
		make func(tr *Trace, a, b T) T
		want string
	}{
		"sum":         {func(tr *Trace, a, b T) T { return tr.Stack(a, b.Neg()).Sum() }, "cannot be summed"},
		"seen before": {func(tr *Trace, a, b T) T { s := tr.Stack(a.Neg(), b); return s.Add(s.Sum()) }, "cannot be summed"},
		"whole rows":  {func(tr *Trace, a, b T) T { return tr.Call(rows, tr.Stack(a.Neg(), b)) }, "cannot be summed, or given to a function"},
		"rows":        {func(tr *Trace, a, b T) T { return tr.Stack(tr.Call(rows, a), b).Neg() }, "needs whole rows"},
		"shape":       {func(tr *Trace, a, b T) T { return tr.Stack(a, b.Sum()) }, "do not stack"},
		"huge": {func(tr *Trace, a, b T) T {
			h := tr.Leaf(2, tensor.F32, tensor.Shape{1 << 62, 0})
			return tr.Stack(h, h, h, h)
		}, "more elements than"},
	} {
		tr := NewTrace(F64) // in F32, what has to be there as a whole is computed before
		a, b := tr.Leaf(0, tensor.F32, tensor.Shape{2}), tr.Leaf(1, tensor.F32, tensor.Shape{2})
		_, err := NewLowerer().Lower(c.make(tr, a, b), tensor.F32)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	tr := NewTrace(F32)
	a, b := tr.Leaf(0, tensor.F32, tensor.Shape{1, 2}), tr.Leaf(1, tensor.F32, tensor.Shape{1, 2})
	if got, _ := evalF32(t, tr.Stack(tr.Call(rows, a), b), testLeaves{{1, 2}, {3, 4}}); !slices.Equal(got, []float32{1, 2, 3, 4}) {
		t.Errorf("a function as a part of a stack: %v", got)
	}
}

func TestEmptyStacksHaveAPart(t *testing.T) {
	tr := NewTrace(F32)
	a, b := tr.Leaf(0, tensor.F32, tensor.Shape{0}), tr.Leaf(1, tensor.F32, tensor.Shape{0})
	for _, root := range []T{tr.Stack(a, b), tr.Stack(a, b).Neg()} {
		parts, err := NewLowerer().Lower(root, tensor.F32)
		if err != nil || len(parts) != 1 || parts[0].N != 0 {
			t.Errorf("%+v, %v", parts, err)
		}
	}
}

// TestSumsOverJoinedTensorsAreThoseOfTheWhole: stored tensors that are joined are one leaf where all
// elements are needed at once, also together with arithmetic, and under all their guards.
func TestSumsOverJoinedTensorsAreThoseOfTheWhole(t *testing.T) {
	x := make([]float32, 6*50)
	for i := range x {
		x[i] = float32(i%37) / 7
	}
	f := func(s T) T { return s.Rows(1, 4).Mul(s.Dot(s)).Add(s.Rows(2, 4)).Reshape(tensor.Shape{200}) }
	tr := NewTrace(F32)
	want, _ := evalF32(t, f(tr.Leaf(0, tensor.F32, tensor.Shape{6, 50})), testLeaves{x})
	tr = NewTrace(F32)
	part := func(i int, rows int64) T { return tr.Leaf(i, tensor.F32, tensor.Shape{rows, 50}).Guard(10 + i) }
	got, _ := evalF32(t, f(tr.Concat(part(0, 1), part(1, 3), part(2, 2))), testLeaves{x[:50], x[50:200], x[200:]})
	if !slices.Equal(got, want) {
		t.Errorf("%v, not %v", got[:5], want[:5])
	}
	bad := slices.Clone(x)
	bad[60] = float32(math.NaN())
	_, ev := evalF32(t, f(tr.Concat(part(0, 1), part(1, 3), part(2, 2))), testLeaves{bad[:50], bad[50:200], bad[200:]})
	slices.Sort(ev.Guards)
	if set := slices.Compact(ev.Guards); !slices.Equal(set, []int{10, 11, 12}) { // which part it was is not known
		t.Errorf("guards %v", set)
	}
}
