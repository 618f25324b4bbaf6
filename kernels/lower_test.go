package kernels

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// testLeaves are stored float32 tensors by number.
type testLeaves [][]float32

func (l testLeaves) bytes(number int) []byte {
	b := make([]byte, 4*len(l[number]))
	Narrow(b, l[number], tensor.F32)
	return b
}

// evalF32 lowers and runs an expression over float32 leaves.
func evalF32(t *testing.T, root T, leaves testLeaves) ([]float32, *Evaluated) {
	t.Helper()
	parts, err := NewLowerer().Lower(root, tensor.F32)
	if err != nil {
		t.Fatal(err)
	}
	n := root.Shape().N()
	ev, err := Eval(parts, n, tensor.F32, leaves.bytes)
	if err != nil {
		t.Fatal(err)
	}
	out := make([]float32, n)
	Widen(out, ev.Bytes, tensor.F32)
	return out, ev
}

func randoms(seed uint64, n int) []float32 {
	r := rand.New(rand.NewPCG(seed, 1))
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(r.NormFloat64())
	}
	return x
}

func TestLoweringAnElementwiseExpressionMakesOneSweepAndOneProgram(t *testing.T) {
	tr := NewTrace(F32)
	s := tensor.Shape{3, 5}
	a, b, m := tr.Leaf(0, tensor.F32, s).Guard(7), tr.Leaf(1, tensor.F32, s).Guard(8), tr.Leaf(2, tensor.F32, tensor.Shape{3, 1})
	root := a.Lerp(b, m).Add(a)
	l := testLeaves{randoms(1, 15), randoms(2, 15), {0, 0.25, 1}}
	got, ev := evalF32(t, root, l)
	for i := range got {
		x, y, w := l[0][i], l[1][i], l[2][i/5]
		d := y - x
		want := float32(math.FMA(float64(w), float64(d), float64(x)))
		if w >= 0.5 {
			want = float32(math.FMA(float64(w-1), float64(d), float64(y)))
		}
		if want += x; got[i] != want {
			t.Fatalf("element %d is %v, not %v", i, got[i], want)
		}
	}
	if len(ev.Guards) != 0 {
		t.Fatalf("guards %v of finite leaves are set", ev.Guards)
	}
	parts, _ := NewLowerer().Lower(root, tensor.F32)
	if s := parts[0].Inst.Sweeps; len(parts) != 1 || len(s) != 1 || len(s[0].Bodies) != 1 || len(s[0].Bodies[0].Steps) != 1 {
		t.Fatalf("%d parts, sweeps %+v", len(parts), s)
	}
}

func TestGuardsOfLeavesAndOfExpressions(t *testing.T) {
	inf := float32(math.Inf(1))
	for _, c := range []struct {
		a, b float32
		want []int
	}{{1, 2, nil}, {inf, 2, []int{5, 9}}, {1, 0, []int{9}}} {
		tr := NewTrace(F32)
		a, b := tr.Leaf(0, tensor.F32, tensor.Shape{2}).Guard(5), tr.Leaf(1, tensor.F32, tensor.Shape{2})
		_, ev := evalF32(t, a.Div(b).Guard(9).Add(b), testLeaves{{1, c.a}, {1, c.b}})
		slices.Sort(ev.Guards)
		if !slices.Equal(ev.Guards, c.want) {
			t.Errorf("%v / %v: guards %v, not %v", c.a, c.b, ev.Guards, c.want)
		}
	}
}

var normalise = &HostFunc{Name: "normalise", Outs: 2, Fn: func(in, out []float64) {
	out[0] = 0
	if in[0] == 0 {
		out[0] = 1
	}
	out[1] = 1 / math.Sqrt(in[0])
}}

func TestReductionsHostFunctionsAndChoices(t *testing.T) {
	for _, x := range [][]float32{{3, 4}, {0, 0}} {
		tr := NewTrace(F32)
		a, b := tr.Leaf(0, tensor.F32, tensor.Shape{2}), tr.Leaf(1, tensor.F32, tensor.Shape{2})
		o := tr.Host(normalise, a.Dot(a))
		got, _ := evalF32(t, tr.Choose(o[0], a.Mul(o[1]), b), testLeaves{x, {7, 8}})
		want := []float32{7, 8}
		if x[0] != 0 {
			k := float32(1 / math.Sqrt(25))
			want = []float32{3 * k, 4 * k}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%v gives %v, not %v", x, got, want)
		}
	}
}

func TestSameStructureIsLoweredOnce(t *testing.T) {
	l := NewLowerer()
	tr := NewTrace(F32)
	make := func(n int64, w float64, d tensor.DType) *Lowered {
		tr.Reset()
		s := tensor.Shape{n}
		parts, err := l.Lower(tr.Leaf(0, d, s).Lerp(tr.Leaf(1, d, s), tr.Const(w)), tensor.F16)
		if err != nil {
			t.Fatal(err)
		}
		return parts[0].Inst.Lowered
	}
	a := make(10, 0.25, tensor.F16)
	if make(999, 0.125, tensor.F16) != a {
		t.Error("sizes and numbers made another program")
	}
	if make(10, 0.75, tensor.F16) == a || make(10, 0.25, tensor.BF16) == a {
		t.Error("another formula or element type made the same program")
	}
}

func TestNothingOfAnExpressionIsLostWhenItIsCut(t *testing.T) {
	// A running mean of 150 tensors has more operands than a Program may have; the sums of
	// all pairs of 20 have more values alive.
	tr := NewTrace(F32)
	var l testLeaves
	var leaves []T
	for i := range 150 {
		l = append(l, randoms(uint64(i), 6))
		leaves = append(leaves, tr.Leaf(i, tensor.F32, tensor.Shape{6}).Guard(i))
	}
	root := leaves[0]
	want := slices.Clone(l[0])
	for i := 1; i < 150; i++ {
		root = root.Add(leaves[i])
		for k := range want {
			want[k] += l[i][k]
		}
	}
	l[149][5] = float32(math.NaN())
	want[5] = l[149][5]
	got, ev := evalF32(t, root, l)
	for k := range want {
		if got[k] != want[k] && want[k] == want[k] {
			t.Fatalf("element %d is %v, not %v", k, got[k], want[k])
		}
	}
	if !slices.Equal(ev.Guards, []int{149}) {
		t.Errorf("guards %v", ev.Guards)
	}
}

func TestWideExpressionsAreCutThroughTemporaries(t *testing.T) {
	tr := NewTrace(F32)
	a := tr.Leaf(0, tensor.F32, tensor.Shape{4})
	x := []float32{1.5, -2, 0.25, 3}
	var vals []T
	var refs [][]float32
	for i := range 120 { // all alive until the end
		v := a.Mul(tr.Const(float64(i)/64 + 1)).Sqrt().IsNaN()
		v = Where(v, tr.Num(float64(i)), a)
		vals = append(vals, v)
		ref := slices.Clone(x)
		ref[1] = float32(i)
		refs = append(refs, ref)
	}
	root := vals[0]
	want := slices.Clone(refs[0])
	for i := len(vals) - 1; i > 0; i-- {
		root = root.Add(vals[i])
		for k := range want {
			want[k] += refs[i][k]
		}
	}
	got, _ := evalF32(t, root, testLeaves{x})
	if !slices.Equal(got, want) {
		t.Errorf("%v, not %v", got, want)
	}
}

var scaled = &GoFunc{Name: "scaled", Fn: func(dst []float32, src [][]float32, cols int) error {
	for i := range dst {
		dst[i] = src[0][i]*10 + src[1][i]
	}
	return nil
}}

func TestGoFunctionsRunBetweenPrograms(t *testing.T) {
	for _, c := range []Compute{F32, F64} {
		tr := NewTrace(c)
		a, b := tr.Leaf(0, tensor.F32, tensor.Shape{3}), tr.Leaf(1, tensor.F32, tensor.Shape{3})
		y := tr.Call(scaled, a.Add(b), a)
		got, _ := evalF32(t, tr.Call(scaled, y, b).Add(y), testLeaves{{1, 2, 3}, {4, 5, 6}})
		want := make([]float32, 3)
		for i := range want {
			p, q := float32(i+1), float32(i+4)
			y := (p+q)*10 + p
			want[i] = y*10 + q + y
		}
		if !slices.Equal(got, want) {
			t.Errorf("%v: %v, not %v", c, got, want)
		}
	}
}

func TestStacksAreCutIntoParts(t *testing.T) {
	tr := NewTrace(F32)
	a, b := tr.Leaf(0, tensor.F32, tensor.Shape{2}), tr.Leaf(1, tensor.F32, tensor.Shape{2})
	c := tr.Leaf(2, tensor.F32, tensor.Shape{2, 2})
	got, _ := evalF32(t, tr.Stack(a, b.Mul(b)).Mul(tr.Const(2)).Add(c), testLeaves{{1, 2}, {3, 4}, {100, 200, 300, 400}})
	if want := []float32{102, 204, 318, 432}; !slices.Equal(got, want) {
		t.Errorf("%v, not %v", got, want)
	}
	sum := Output{Root: tr.Stack(a, b.Neg()).Sum(), DType: tensor.F32}
	if calls := tr.AppendCalls(nil, []Output{sum}); len(calls) != 1 || !calls[0].In[0].Shape().Equal(tensor.Shape{2, 2}) {
		t.Errorf("a stack of what is computed is summed after the calls %v", calls)
	}
}

func TestCopiesKeepPayloadsAndConversionsRoundOnce(t *testing.T) {
	tr := NewTrace(F32)
	nan := make([]byte, 8)
	binary.LittleEndian.PutUint64(nan, 0x7ff8_0000_dead_beef)
	leaf := tr.Leaf(0, tensor.F64, tensor.Shape{1})
	parts, err := NewLowerer().Lower(leaf.Guard(1), tensor.F64)
	if err != nil {
		t.Fatal(err)
	}
	ev, err := Eval(parts, 1, tensor.F64, func(int) []byte { return nan })
	if err != nil || !slices.Equal(ev.Bytes, nan) || !slices.Equal(ev.Guards, []int{1}) {
		t.Errorf("a copy of a NaN: %x, guards %v, %v", ev.Bytes, ev.Guards, err)
	}
	// 1 + 2^-11 + 2^-40 rounds up to f16 in one rounding; via f32 it would tie to even.
	x := make([]byte, 8)
	binary.LittleEndian.PutUint64(x, math.Float64bits(1+0x1p-11+0x1p-40))
	parts, _ = NewLowerer().Lower(leaf, tensor.F16)
	ev, err = Eval(parts, 1, tensor.F16, func(int) []byte { return x })
	if err != nil || binary.LittleEndian.Uint16(ev.Bytes) != 0x3c01 {
		t.Errorf("f64 to f16: %x, %v", ev.Bytes, err)
	}
}

func TestReductionsOfScalarsHaveTheirOwnSweep(t *testing.T) {
	tr := NewTrace(F32)
	a, w := tr.Leaf(0, tensor.F32, tensor.Shape{3}), tr.Leaf(1, tensor.F32, tensor.Shape{})
	o := tr.Host(normalise, w)
	got, _ := evalF32(t, a.Mul(o[1]), testLeaves{{1, 2, 3}, {4}})
	if want := []float32{0.5, 1, 1.5}; !slices.Equal(got, want) {
		t.Errorf("%v, not %v", got, want)
	}
}

func TestUnusedLeavesAreNotRead(t *testing.T) {
	tr := NewTrace(F32)
	a, b := tr.Leaf(0, tensor.F32, tensor.Shape{3}), tr.Leaf(1, tensor.F32, tensor.Shape{3}).Guard(1)
	_ = a.Add(b)
	parts, err := NewLowerer().Lower(a.Mul(tr.Num(2)), tensor.F32)
	if err != nil || len(parts[0].Inst.Leaves) != 1 || len(parts[0].Inst.Guards) != 0 {
		t.Errorf("%+v %v", parts, err)
	}
}

func TestAPowerOfItself(t *testing.T) {
	tr := NewTrace(F32)
	a := tr.Leaf(0, tensor.F32, tensor.Shape{2})
	got, _ := evalF32(t, a.Pow(a), testLeaves{{2, 3}})
	if want := []float32{4, 27}; !slices.Equal(got, want) {
		t.Errorf("%v, not %v", got, want)
	}
}

func TestHostFunctionsKeepTheirMachines(t *testing.T) {
	if thin > 1 {
		t.Skip("the race detector drops what is pooled")
	}
	HostSin(1)
	if n := testing.AllocsPerRun(100, func() { HostSin(0.5) }); n > 1 {
		t.Errorf("%v allocations for a sine", n)
	}
}

func TestStacksOfStacksHaveALimit(t *testing.T) {
	tr := NewTrace(F32)
	x := tr.Leaf(0, tensor.F32, tensor.Shape{1})
	for range 40 {
		x = tr.Stack(x, x)
	}
	if _, err := NewLowerer().Lower(x, tensor.F32); err == nil || !strings.Contains(err.Error(), "4096 parts") {
		t.Errorf("2^40 parts: %v", err)
	}
}
