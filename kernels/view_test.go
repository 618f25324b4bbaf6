package kernels

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// viewed are expressions of shape [4, 3] that use every kind of operand.
func viewed(tr *Trace) (map[string]T, testLeaves) {
	var l testLeaves
	leaf := func(shape ...int64) T {
		x := make([]float32, tensor.Shape(shape).N())
		for i := range x {
			x[i] = float32(i+1) + 100*float32(len(l))
		}
		l = append(l, x)
		return tr.Leaf(len(l)-1, tensor.F32, shape)
	}
	add := &GoFunc{Name: "add", Fn: func(dst []float32, src [][]float32, _ int) error {
		for i := range dst {
			dst[i] = src[0][i] + src[1][i]
		}
		return nil
	}}
	d, e, row, col, ones, scalar := leaf(4, 3), leaf(4, 3), leaf(4, 1), leaf(3), leaf(1, 1), leaf()
	o := tr.Host(normalise, d.Dot(e))
	shape := tensor.Shape{4, 3}
	spread := leaf(1, 2).Strided(tensor.Shape{4, 2}, 0, Dim{4, 0}, Dim{2, 1})
	return map[string]T{
		"product":  leaf(4, 2).MatMul(leaf(2, 3), shape),
		"products": leaf(4, 2).Guard(4).MatMul(leaf(2, 3).Guard(5), shape).Add(d.Mul(spread.MatMul(leaf(2, 1).Strided(tensor.Shape{2, 3}, 0, Dim{2, 1}, Dim{3, 0}), shape))),
		"in part":  tr.Concat(leaf(3, 3), leaf(1, 3)).Add(leaf(4, 2).MatMul(leaf(2, 3), shape)),
		"parts":    tr.Concat(leaf(3, 2).MatMul(leaf(2, 3), tensor.Shape{3, 3}), leaf(1, 3)),
		"computed": leaf(4, 2).Neg().MatMul(leaf(2, 3), shape),
		"leaf":     d,
		"dense":    d.Mul(e).Add(d),
		"same":     d.Exp().Mul(d.Exp()),
		"row":      d.Sub(row.Mul(row)),
		"column":   d.Add(col.Neg()),
		"scalar":   d.Mul(scalar).Add(ones).Sub(tr.Const(0.5)),
		"sum":      d.Mul(o[1]).Add(e.Sum()),
		"choice":   tr.Choose(o[0], d.Mul(o[1]), e),
		"guard":    d.Guard(3).Add(e),
		"function": tr.Call(add, d, e.Mul(tr.Const(2))),
		"number":   tr.Num(7).Spread(tensor.Shape{4, 3}).Add(row),
		"joined":   tr.Concat(leaf(1, 3), leaf(2, 3).Neg(), leaf(1, 3)),
		"in sum":   tr.Concat(leaf(3, 3), leaf(1, 3)).Mul(d),
		"in rows":  tr.Concat(leaf(3, 3), leaf(1, 3)).FMA(row, leaf(1, 3)).Sub(row.Neg()),
		"outer":    leaf(4, 1).FMA(leaf(1, 3), tr.Num(1).Spread(tensor.Shape{4, 3})),
	}, l
}

// TestViewsAreTheSameElementsElsewhere compares views with the elements of the whole tensor.
func TestViewsAreTheSameElementsElsewhere(t *testing.T) {
	views := map[string]struct {
		of    func(T) T
		shape tensor.Shape
		at    func(i int) int // which element of the whole tensor element i is
	}{
		"rows 1 to 3":    {func(a T) T { return a.Rows(1, 2) }, tensor.Shape{2, 3}, func(i int) int { return i + 3 }},
		"the last row":   {func(a T) T { return a.Rows(3, 1) }, tensor.Shape{1, 3}, func(i int) int { return i + 9 }},
		"all rows":       {func(a T) T { return a.Rows(0, 4) }, tensor.Shape{4, 3}, func(i int) int { return i }},
		"more axes":      {func(a T) T { return a.Reshape(tensor.Shape{4, 3, 1, 1}) }, tensor.Shape{4, 3, 1, 1}, func(i int) int { return i }},
		"and fewer":      {func(a T) T { return a.Reshape(tensor.Shape{4, 3, 1, 1}).Reshape(tensor.Shape{4, 3}) }, tensor.Shape{4, 3}, func(i int) int { return i }},
		"transpose":      {T.Transpose, tensor.Shape{3, 4}, func(i int) int { return i%4*3 + i/4 }},
		"transposed":     {func(a T) T { return a.Transpose().Transpose() }, tensor.Shape{4, 3}, func(i int) int { return i }},
		"rows of it":     {func(a T) T { return a.Transpose().Rows(1, 2) }, tensor.Shape{2, 4}, func(i int) int { return i%4*3 + i/4 + 1 }},
		"rows of rows":   {func(a T) T { return a.Rows(1, 3).Rows(1, 1) }, tensor.Shape{1, 3}, func(i int) int { return i + 6 }},
		"its transpose":  {func(a T) T { return a.Rows(2, 1).Transpose() }, tensor.Shape{3, 1}, func(i int) int { return i + 6 }},
		"rows and shape": {func(a T) T { return a.Rows(2, 2).Reshape(tensor.Shape{2, 3, 1}) }, tensor.Shape{2, 3, 1}, func(i int) int { return i + 6 }},
	}
	for name, v := range views {
		tr := NewTrace(F32)
		roots, l := viewed(tr)
		for what, root := range roots {
			if joined := what == "joined" || strings.HasPrefix(what, "in ") || what == "parts"; joined && (v.shape[0] == 3 || name == "transposed" || name == "rows of it") {
				continue // joined tensors are not transposed
			}
			whole, _ := evalF32(t, root, l)
			view := v.of(root)
			got, _ := evalF32(t, view, l)
			want := make([]float32, v.shape.N())
			for i := range want {
				want[i] = whole[v.at(i)]
			}
			if !view.Shape().Equal(v.shape) || !slices.Equal(got, want) {
				t.Errorf("%s, %s: shape %v, %v, want %v", what, name, view.Shape(), got, want)
			}
		}
	}
}

func TestViewsOfStoredTensorsAreCopies(t *testing.T) {
	tr := NewTrace(F32)
	a := tr.Leaf(0, tensor.F16, tensor.Shape{6, 4}).Guard(1)
	for name, c := range map[string]struct {
		view T
		want LeafRef
	}{
		"rows":      {a.Rows(2, 2), LeafRef{Start: 8, N: 8}},
		"reshape":   {a.Reshape(tensor.Shape{6, 4, 1, 1}), LeafRef{N: 24}},
		"transpose": {a.Transpose(), LeafRef{N: 24, Dims: []Dim{{4, 1}, {6, 4}}}},
	} {
		parts, err := NewLowerer().Lower(c.view, tensor.F16)
		if err != nil || len(parts) != 1 || parts[0].Inst.Outs[0].Kind != Copied || !reflect.DeepEqual(parts[0].Inst.Leaves[0], c.want) {
			t.Errorf("%s: %v %+v", name, err, parts)
		}
	}
}

func TestViewsThatAreNotPossibleAreRefused(t *testing.T) {
	rows := &GoFunc{Name: "rows", Cut: CutRows}
	for name, f := range map[string]func(tr *Trace, a T) T{
		"rows of a scalar":      func(tr *Trace, a T) T { return tr.Leaf(1, tensor.F32, nil).Rows(0, 0) },
		"rows past the end":     func(_ *Trace, a T) T { return a.Rows(3, 2) },
		"negative rows":         func(_ *Trace, a T) T { return a.Rows(-1, 2) },
		"another size":          func(_ *Trace, a T) T { return a.Reshape(tensor.Shape{5, 3}) },
		"a size out of range":   func(_ *Trace, a T) T { return a.Reshape(tensor.Shape{1 << 40, 1 << 40}) },
		"transpose of a vector": func(_ *Trace, a T) T { return a.Reshape(tensor.Shape{12}).Transpose() },
		"rows under a function": func(tr *Trace, a T) T { return tr.Call(rows, a).Rows(0, 1) },
		"rows in a flat tensor": func(tr *Trace, a T) T {
			return a.Add(tr.Leaf(1, tensor.F32, tensor.Shape{4, 1})).Reshape(tensor.Shape{12})
		},
		"transpose of a join":     func(tr *Trace, a T) T { return tr.Concat(a, a).Transpose() },
		"half of what is stacked": func(tr *Trace, a T) T { return tr.Stack(a, a).Reshape(tensor.Shape{24}).Rows(1, 2) },
	} {
		tr := NewTrace(F32)
		root := f(tr, tr.Leaf(0, tensor.F32, tensor.Shape{4, 3}))
		if _, err := NewLowerer().Lower(root, tensor.F32); err == nil {
			t.Errorf("%s is not refused", name)
		}
	}
	tr := NewTrace(F32)
	two := tensor.Shape{2}
	if s := tr.Stack(tr.Num(1).Spread(two), tr.Num(2).Spread(two)).Rows(1, 1).Shape(); !s.Equal(tensor.Shape{1, 2}) {
		t.Errorf("a row of a stack has shape %v", s)
	}
	if s := tr.Leaf(0, tensor.F32, tensor.Shape{4, 3}).Rows(4, 0).Shape(); !s.Equal(tensor.Shape{0, 3}) {
		t.Errorf("no rows have shape %v", s)
	}
}
