package kernels

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// stepsOf counts the steps of an expression that are products, and its Programs.
func stepsOf(t *testing.T, root T) (products, programs int) {
	t.Helper()
	parts, err := NewLowerer().Lower(root, tensor.F32)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range parts[0].Inst.Sweeps[0].Bodies[0].Steps {
		if s.Product != nil {
			products++
		} else {
			programs++
		}
	}
	return products, programs
}

// TestAProductIsAStepWithTheBitsOfItsExpression: the sum over columns of one factor times rows of
// the other, by the same rule.
func TestAProductIsAStepWithTheBitsOfItsExpression(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, c := range []struct{ rows, n, cols int64 }{{1, 1, 1}, {5, 3, 4}, {3, 255, 2}, {2, 256, 3}, {2, 257, 3}, {7, 600, 5}, {1, 40, 9}, {9, 40, 1}} {
		l := testLeaves{make([]float32, c.rows*c.n), make([]float32, c.n*c.cols), make([]float32, c.rows*c.cols)}
		for _, x := range l {
			for i := range x {
				x[i] = float32(r.NormFloat64())
			}
		}
		tr, shape := NewTrace(F32), tensor.Shape{c.rows, c.cols}
		x, y, d := tr.Leaf(0, tensor.F32, tensor.Shape{c.rows, c.n}), tr.Leaf(1, tensor.F32, tensor.Shape{c.n, c.cols}), tr.Leaf(2, tensor.F32, shape)
		product := d.Add(x.MatMul(y, shape))
		expression := d.Add(SumOfProducts(c.n, shape, func(r int64) (T, T) {
			return x.Strided(ColumnOf(shape), r, Dim{c.rows, c.n}), y.Strided(RowOf(shape), r*c.cols, Dim{c.cols, 1})
		}))
		if products, programs := stepsOf(t, product); products != 1 || programs != 1 {
			t.Errorf("%v: %d products and %d programs", c, products, programs)
		}
		got, _ := evalF32(t, product, l)
		want, _ := evalF32(t, expression, l)
		for i := range want {
			if math.Float32bits(got[i]) != math.Float32bits(want[i]) {
				t.Errorf("%v: element %d is %v, want %v", c, i, got[i], want[i])
				break
			}
		}
	}
}

// TestRangesOfFactors: the rows of one in which elements are, all of the other.
func TestRangesOfFactors(t *testing.T) {
	const rows, k, cols = 5, 3, 4
	tr, shape := NewTrace(F32), tensor.Shape{rows, cols, 1, 1}
	parts, err := NewLowerer().Lower(tr.Leaf(0, tensor.F32, tensor.Shape{rows, k}).MatMul(tr.Leaf(1, tensor.F32, tensor.Shape{k, cols}), shape), tensor.F32)
	if err != nil {
		t.Fatal(err)
	}
	in := &parts[0].Inst
	body := &in.Sweeps[0].Bodies[0]
	p := body.Steps[0].Product
	for first := range int64(rows * cols) {
		for n := int64(1); first+n <= rows*cols; n++ {
			lo, hi := in.Range(body.Leaves[p.X.Use], in.Domains[in.Sweeps[0].Domain], first, n)
			if wantLo, wantHi := first/cols*k, ((first+n-1)/cols+1)*k; lo != wantLo || hi != wantHi {
				t.Fatalf("elements [%d, +%d) read [%d, %d) of the first factor, want [%d, %d)", first, n, lo, hi, wantLo, wantHi)
			}
			if lo, hi := in.Range(body.Leaves[p.Y.Use], in.Domains[in.Sweeps[0].Domain], first, n); lo != 0 || hi != k*cols {
				t.Fatalf("elements [%d, +%d) read [%d, %d) of the second factor", first, n, lo, hi)
			}
		}
	}
}

// TestProductsThatAreNoSteps: of computed factors, and in float64; a square is refused.
func TestProductsThatAreNoSteps(t *testing.T) {
	shape := tensor.Shape{2, 2}
	for name, root := range map[string]func(tr *Trace) T{
		"computed": func(tr *Trace) T {
			return tr.Leaf(0, tensor.F32, shape).Neg().MatMul(tr.Leaf(1, tensor.F32, shape), shape)
		},
		"guarded twice": func(tr *Trace) T {
			return tr.Leaf(0, tensor.F32, shape).Guard(1).Guard(2).MatMul(tr.Leaf(1, tensor.F32, shape), shape)
		},
	} {
		if products, _ := stepsOf(t, root(NewTrace(F32))); products != 0 {
			t.Errorf("%s: %d products", name, products)
		}
	}
	wide := NewTrace(F64)
	if products, _ := stepsOf(t, wide.Leaf(0, tensor.F32, shape).MatMul(wide.Leaf(1, tensor.F32, shape), shape)); products != 0 {
		t.Error("a product in float64 is a step")
	}
	tr := NewTrace(F32)
	a := tr.Leaf(0, tensor.F32, shape)
	if _, err := NewLowerer().Lower(a.MatMul(a, shape), tensor.F32); err == nil {
		t.Error("a square is a product of one tensor in two forms")
	}
	if a.MatMul(tr.Leaf(1, tensor.F32, tensor.Shape{3, 2}), shape); tr.TakeErr() == nil {
		t.Error("factors that do not fit have a product")
	}
}

// TestAGuardOfAFactorIsSetByItsStoredBits: by any element, and not by a product that overflows.
func TestAGuardOfAFactorIsSetByItsStoredBits(t *testing.T) {
	for i := range 2*3 + 3*4 + 1 {
		l := testLeaves{{1, 2, 3, 4, 5, 6}, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}}
		want := "[]"
		switch {
		case i < 6:
			l[0][i], want = float32(math.NaN()), "[7]"
		case i < 18:
			l[1][i-6], want = float32(math.Inf(-1)), "[8]"
		default:
			l[0][0], l[1][0] = math.MaxFloat32, math.MaxFloat32
		}
		tr := NewTrace(F32)
		x, y := tr.Leaf(0, tensor.F32, tensor.Shape{2, 3}).Guard(7), tr.Leaf(1, tensor.F32, tensor.Shape{3, 4}).Guard(8)
		if _, ev := evalF32(t, x.MatMul(y, tensor.Shape{2, 4}), l); fmt.Sprint(ev.Guards) != want {
			t.Errorf("value %d: guards %v, want %s", i, ev.Guards, want)
		}
	}
}

// TestCutsOfAProductChangeNothing: elements, and which flags are set by which of them.
func TestCutsOfAProductChangeNothing(t *testing.T) {
	const rows, k, cols = 4, 3, 5
	r := rand.New(rand.NewPCG(3, 4))
	values := func(n int) []byte {
		b, x := make([]byte, 4*n), make([]float32, n)
		for i := range x {
			if x[i] = float32(r.NormFloat64()); r.IntN(12) == 0 {
				x[i] = float32(math.Inf(1))
			}
		}
		Narrow(b, x, tensor.F32)
		return b
	}
	span := func(b []byte) Span { return Span{HostMem(b), 0, int64(len(b))} }
	for range 20 {
		x, y, flags := values(rows*k), values(k*cols), make([]byte, 8)
		run := func(first, n int64) (dst []byte, odd [2]bool) {
			dst = make([]byte, 4*n)
			clear(flags)
			p := &Product{First: first, N: n, Cols: cols, K: k, Dst: span(dst),
				X: Factor{span(x).Slice(first/cols*k*4, (rows-first/cols)*k*4), tensor.F32, span(flags).Slice(0, 4)}, Y: Factor{span(y), tensor.F32, span(flags).Slice(4, 4)}}
			if err := RunProduct(p); err != nil {
				t.Fatal(err)
			}
			return dst, [2]bool{flags[0] != 0, flags[4] != 0}
		}
		all, _ := run(0, rows*cols)
		for first := range int64(rows * cols) {
			for n := int64(1); first+n <= rows*cols; n++ {
				got, odd := run(first, n)
				var want [2]bool
				for e := first; e < first+n; e++ {
					for r := range int64(k) {
						want[0] = want[0] || NonFinite(x[4*(e/cols*k+r):][:4], tensor.F32)
						want[1] = want[1] || NonFinite(y[4*(r*cols+e%cols):][:4], tensor.F32)
					}
				}
				if odd != want || !bytes.Equal(got, all[4*first:4*(first+n)]) {
					t.Fatalf("elements [%d, +%d): flags %v, want %v; or other elements", first, n, odd, want)
				}
			}
		}
	}
}
