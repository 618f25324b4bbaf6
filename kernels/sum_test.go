package kernels

import (
	"bytes"
	"math"
	"testing"

	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// ruleSum is the sum rule written down element by element, for a whole group.
func ruleSum(x []float64, add func(acc float64, i int) float64) float64 {
	total := 0.0
	for block := 0; block < len(x); block += BlockElems {
		var chunks [16]float64
		for c := range chunks {
			var lanes [64]float64
			for i := block + c*ChunkElems; i < min(len(x), block+(c+1)*ChunkElems); i++ {
				lanes[i%64] = add(lanes[i%64], i)
			}
			for _, h := range []int{32, 16, 8, 4, 2, 1} {
				for k := 0; k < h; k++ {
					lanes[k] = lanes[k] + lanes[k+h]
				}
			}
			chunks[c] = lanes[0]
		}
		for _, h := range []int{8, 4, 2, 1} {
			for k := 0; k < h; k++ {
				chunks[k] = chunks[k] + chunks[k+h]
			}
		}
		total += chunks[0]
	}
	return total
}

func sumProgram(c Compute, g Group, product bool) *Program {
	b := Builder{Compute: c}
	v, w := b.Load(0), b.Load(1)
	return &Program{Compute: c, Operands: []Operand{{tensor.F32, Dense}, {tensor.F32, Dense}}, Code: b.Code,
		Results: []Result{{Kind: Sum, Group: g, Product: product, V: v, W: w}}}
}

// noise returns numbers of very different sizes, so that the order of additions shows.
func noise(n int, seed uint64) []float64 {
	rnd := newRand(seed)
	x := make([]float64, n)
	for i := range x {
		x[i] = float64(float32(math.Ldexp(rnd.Float64()-0.5, rnd.IntN(80)-40)))
	}
	return x
}

// runSums runs a sum over elements [first, first+n) and returns its memory.
func runSums(t *testing.T, p *Program, x, y []float64, first, n, cols int64) []float64 {
	t.Helper()
	out := make([]byte, ResultBytes(&p.Results[0], n, cols))
	for i := range out {
		out[i] = 0xa5 // sums overwrite
	}
	l := &Launch{Prog: p, First: first, N: n, Cols: cols, Results: []Span{spanOf(out)},
		Args: []Arg{{Span: spanOf(bytesOf(tensor.F32, x[first:first+n]...))}, {Span: spanOf(bytesOf(tensor.F32, y[first:first+n]...))}}}
	if err := Run(l); err != nil {
		t.Fatal(err)
	}
	got := make([]float64, len(out)/8)
	Widen64(got, out, tensor.F64)
	return got
}

func adder(x, y []float64, product bool) func(float64, int) float64 {
	if product {
		return func(acc float64, i int) float64 { return math.FMA(x[i], y[i], acc) }
	}
	return func(acc float64, i int) float64 { return acc + x[i] }
}

func TestWholeSumsFollowTheSumRule(t *testing.T) {
	for _, n := range []int{0, 1, 63, 64, 65, 511, 513, 4095, 4096, 4097, 65535, 65536, 65537, 200001} {
		x, y := noise(n, 1), noise(n, 2)
		for _, product := range []bool{false, true} {
			for _, c := range []Compute{F32, F64} {
				total := 0.0
				for _, s := range runSums(t, sumProgram(c, Whole, product), x, y, 0, int64(n), 0) {
					total += s
				}
				if want := ruleSum(x, adder(x, y, product)); total != want {
					t.Errorf("%d elements, product %v: %v, want %v", n, product, total, want)
				}
			}
		}
	}
}

func TestRowSumsFollowTheSumRule(t *testing.T) {
	for _, c := range []struct{ rows, cols int }{{1, 1}, {700, 1}, {5, 63}, {9, 65}, {3, 513}, {4, 5000}, {2, 70000}, {1, 140000}} {
		x, y := noise(c.rows*c.cols, 3), noise(c.rows*c.cols, 4)
		for _, product := range []bool{false, true} {
			got := runSums(t, sumProgram(F32, ByRow, product), x, y, 0, int64(len(x)), int64(c.cols))
			for r := range c.rows {
				xs, ys := x[r*c.cols:(r+1)*c.cols], y[r*c.cols:(r+1)*c.cols]
				if want := ruleSum(xs, adder(xs, ys, product)); got[r] != want {
					t.Fatalf("%d x %d: row %d is %v, want %v", c.rows, c.cols, r, got[r], want)
				}
			}
		}
	}
}

func TestColumnSumsAddRowsInOrder(t *testing.T) {
	for _, c := range []struct{ rows, cols int }{{1, 1}, {255, 3}, {256, 3}, {257, 7}, {1000, 1}, {3, 5000}, {600, 100}} {
		x, y := noise(c.rows*c.cols, 5), noise(c.rows*c.cols, 6)
		for _, product := range []bool{false, true} {
			add := adder(x, y, product)
			got := runSums(t, sumProgram(F32, ByCol, product), x, y, 0, int64(len(x)), int64(c.cols))
			for g := 0; g*GroupRows < c.rows; g++ {
				for col := range c.cols {
					want := 0.0
					for r := g * GroupRows; r < min(c.rows, (g+1)*GroupRows); r++ {
						want = add(want, r*c.cols+col)
					}
					if got[g*c.cols+col] != want {
						t.Fatalf("%d x %d: group %d column %d is %v, want %v", c.rows, c.cols, g, col, got[g*c.cols+col], want)
					}
				}
			}
		}
	}
}

func TestCutsDoNotChangeSums(t *testing.T) {
	x := noise(3*BlockElems+100, 7)
	cols := int64(BlockElems / GroupRows)
	for _, c := range []struct {
		g    Group
		n    int64
		cuts []int64
	}{
		{Whole, int64(len(x)), []int64{BlockElems, 2 * BlockElems, 3 * BlockElems}},
		{ByRow, 2 * BlockElems, []int64{cols, 5 * cols, 300 * cols}},
		{ByCol, 2*BlockElems + 3*cols, []int64{BlockElems, 2 * BlockElems}},
	} {
		p := sumProgram(F32, c.g, false)
		want := runSums(t, p, x, x, 0, c.n, cols)
		var got []float64
		at := int64(0)
		for _, cut := range append(c.cuts, c.n) {
			got = append(got, runSums(t, p, x, x, at, cut-at, cols)...)
			at = cut
		}
		if !bytes.Equal(bytesOf(tensor.F64, got...), bytesOf(tensor.F64, want...)) {
			t.Errorf("group %d: cut launches give other sums", c.g)
		}
	}
}

func TestASumThatIsNaNIsTheCanonicalNaN(t *testing.T) {
	x := []float64{math.Inf(1), math.Inf(-1), 1}
	for g := range numGroups {
		p := sumProgram(F32, g, false)
		out := make([]byte, 8)
		l := &Launch{Prog: p, N: 3, Cols: 3, Results: []Span{spanOf(out)}}
		if g == ByCol {
			l.Cols = 1
		}
		l.Args = []Arg{{Span: spanOf(bytesOf(tensor.F32, x...))}, {Span: spanOf(bytesOf(tensor.F32, x...))}}
		if err := Run(l); err != nil {
			t.Fatal(err)
		}
		if le.Uint64(out) != nanF64 {
			t.Errorf("group %d: sum is %#x", g, le.Uint64(out))
		}
	}
}
