package kernels

import (
	"slices"
	"testing"

	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// stridedViews are views of a matrix with 6 rows and 4 columns.
var stridedViews = map[string]struct {
	shape tensor.Shape
	start int64
	dims  []Dim
}{
	"a column":                 {tensor.Shape{6, 1}, 2, []Dim{{6, 4}}},
	"a row":                    {tensor.Shape{1, 4}, 8, []Dim{{4, 1}}},
	"the transpose":            {tensor.Shape{4, 6}, 0, []Dim{{4, 1}, {6, 4}}},
	"every element twice":      {tensor.Shape{6, 8}, 0, []Dim{{24, 1}, {2, 0}}},
	"a row for each of three":  {tensor.Shape{3, 4}, 4, []Dim{{3, 0}, {4, 1}}},
	"blocks of a block matrix": {tensor.Shape{2, 2, 3, 2}, 0, []Dim{{2, 2}, {2, 0}, {3, 4}, {2, 1}}},
}

func TestStridedViewsAreTheElementsOfTheDefinition(t *testing.T) {
	for name, v := range stridedViews {
		tr := NewTrace(F32)
		x, y := make([]float32, 24), make([]float32, 24)
		for i := range x {
			x[i], y[i] = float32(i), float32(100*i)
		}
		leaves := testLeaves{x, y}
		a, b := tr.Leaf(0, tensor.F32, tensor.Shape{6, 4}), tr.Leaf(1, tensor.F32, tensor.Shape{6, 4})
		var want []float32
		count := v.shape.N()
		for i := range count {
			at, rest := v.start, i
			for k := len(v.dims) - 1; k >= 0; k-- {
				at += rest % v.dims[k].N * v.dims[k].Stride
				rest /= v.dims[k].N
			}
			want = append(want, 2*(x[at]+y[at]))
		}
		sum := a.Guard(1).Add(b).Mul(tr.Const(2)).Strided(v.shape, v.start, v.dims...)
		if got, _ := evalF32(t, sum, leaves); !slices.Equal(got, want) || !sum.Shape().Equal(v.shape) {
			t.Errorf("%s: shape %v, %v, want %v", name, sum.Shape(), got, want)
		}
		if len(v.shape) == 2 { // rows of it, and its transpose
			last := v.shape[0] - 1
			cols := v.shape[1]
			if got, _ := evalF32(t, sum.Rows(last, 1), leaves); !slices.Equal(got, want[last*cols:]) {
				t.Errorf("%s: the last row is %v, want %v", name, got, want[last*cols:])
			}
			if name == "every element twice" {
				continue // an axis goes on over the end of a row
			}
			got, _ := evalF32(t, sum.Transpose(), leaves)
			for i, g := range got {
				if w := want[int64(i)%v.shape[0]*cols+int64(i)/v.shape[0]]; g != w {
					t.Errorf("%s: element %d of the transpose is %v, want %v", name, i, g, w)
				}
			}
		}
	}
}

func TestViewsWithoutGapsAreRanges(t *testing.T) {
	tr := NewTrace(F32)
	a := tr.Leaf(0, tensor.F16, tensor.Shape{6, 4})
	view := a.Strided(tensor.Shape{2, 2, 2}, 8, Dim{2, 4}, Dim{1, 99}, Dim{2, 2}, Dim{2, 1})
	parts, err := NewLowerer().Lower(view, tensor.F16)
	if err != nil || parts[0].Inst.Outs[0].Kind != Copied {
		t.Fatalf("%v %+v", err, parts)
	}
	if ref := parts[0].Inst.Leaves[0]; ref.Dims != nil || ref.Start != 8 || ref.N != 8 {
		t.Errorf("%+v", ref)
	}
}

func TestStridedViewsThatAreNotPossibleAreRefused(t *testing.T) {
	for name, f := range map[string]func(a, row T) T{
		"past the end": func(a, _ T) T {
			return a.Strided(tensor.Shape{6}, 1, Dim{6, 4}, Dim{1, 0}).Strided(tensor.Shape{7}, 0, Dim{7, 1})
		},
		"before the start":  func(a, _ T) T { return a.Strided(tensor.Shape{2}, -1, Dim{2, 1}) },
		"backwards":         func(a, _ T) T { return a.Strided(tensor.Shape{2}, 4, Dim{2, -1}) },
		"another size":      func(a, _ T) T { return a.Strided(tensor.Shape{3}, 0, Dim{2, 1}) },
		"of a spread value": func(a, row T) T { return a.Add(row).Strided(tensor.Shape{2}, 0, Dim{2, 1}) },
		"of a view":         func(a, _ T) T { return a.Transpose().Strided(tensor.Shape{2}, 0, Dim{2, 1}) },
	} {
		tr := NewTrace(F32)
		root := f(tr.Leaf(0, tensor.F32, tensor.Shape{6, 4}), tr.Leaf(1, tensor.F32, tensor.Shape{6, 1}))
		if _, err := NewLowerer().Lower(root, tensor.F32); err == nil {
			t.Errorf("%s is not refused", name)
		}
	}
}
