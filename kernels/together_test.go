package kernels

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// manyRoots makes outputs of all kinds over a few stored tensors: copies, conversions, joins,
// sums, choices, functions, guards, and shapes that differ.
func manyRoots(r *rand.Rand, tr *Trace) (outs []Output, leaves map[int][]byte) {
	leaves = map[int][]byte{}
	leaf := func(n int, d tensor.DType, shape ...int64) T {
		x := make([]float32, tensor.Shape(shape).N())
		for i := range x {
			x[i] = float32(r.IntN(64)-32) / 8
		}
		leaves[n] = make([]byte, int64(len(x))*d.Size())
		Narrow(leaves[n], x, d)
		return tr.Leaf(n, d, shape).Guard(n)
	}
	a, b, w := leaf(0, tensor.F16, 6, 5), leaf(1, tensor.F16, 6, 5), leaf(2, tensor.F64, 6, 5)
	i, c := leaf(3, tensor.I32, 6, 5), leaf(4, tensor.BF16, 7)
	o := tr.Host(normalise, a.Dot(b))
	all := []T{a, b, w, i, c, a.Lerp(b, tr.Const(0.25)), a.Lerp(b, tr.Const(0.5)), a.Mul(o[1]), b.Mul(o[1]).Add(w),
		tr.Choose(o[0], a.Sub(b), b), tr.Call(scaled, a, b), c.Mul(c).Guard(9), w.Round(tensor.F16), i.Round(tensor.I16),
		tr.Concat(a, b.Mul(tr.Const(2)), a.Add(b)), tr.Concat(b, a, a.Lerp(b, tr.Const(0.5))), tr.Concat(c, c.Neg()),
		w.Round(tensor.F64).Guard(8), tr.Const(0.5).Spread(tensor.Shape{6, 5})}
	types := []tensor.DType{tensor.F16, tensor.F32, tensor.BF16, tensor.F64, tensor.I32, tensor.I16}
	for range 1 + r.IntN(7) {
		outs = append(outs, Output{all[r.IntN(len(all))], types[r.IntN(len(types))]})
	}
	return outs, leaves
}

// TestOutputsTogetherAreWhatTheyAreAlone lowers outputs together and each by itself.
func TestOutputsTogetherAreWhatTheyAreAlone(t *testing.T) {
	l := NewLowerer()
	var parts []Part
	for seed := range uint64(600) {
		r := rand.New(rand.NewPCG(seed, 3))
		tr := NewTrace(Compute(seed % 2))
		outs, leaves := manyRoots(r, tr)
		read := func(n int) []byte { return leaves[n] }
		var want []byte
		var guards []int
		var sizes []int64
		for _, o := range outs {
			sizes = append(sizes, o.Root.Shape().N()*o.DType.Size())
			alone, err := l.Lower(o.Root, o.DType)
			if err != nil {
				t.Fatal(err)
			}
			ev, err := Eval(alone, o.Root.Shape().N(), o.DType, read)
			if err != nil {
				t.Fatal(err)
			}
			want, guards = append(want, ev.Bytes...), append(guards, ev.Guards...)
		}
		var err error
		if parts, err = l.LowerInto(parts, outs); err != nil {
			t.Fatal(err)
		}
		ev, err := EvalAll(parts, sizes, read)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(ev.Bytes, want) {
			t.Fatalf("seed %d: %d outputs in %d parts differ", seed, len(outs), len(parts))
		}
		if a, b := set(ev.Guards), set(guards); !slices.Equal(a, b) {
			t.Fatalf("seed %d: guards %v, alone %v", seed, a, b)
		}
	}
}

func set(x []int) []int {
	x = slices.Clone(x)
	slices.Sort(x)
	return slices.Compact(x)
}

// TestWhatOutputsShareIsLoadedOnce looks at the Program of a sweep over factors: one load of
// each tensor, one difference, and a store for each factor; and one sum for all of them.
func TestWhatOutputsShareIsLoadedOnce(t *testing.T) {
	tr := NewTrace(F32)
	s := tensor.Shape{6, 5}
	a, b := tr.Leaf(0, tensor.F16, s), tr.Leaf(1, tensor.F16, s)
	var outs []Output
	for i := range 5 {
		outs = append(outs, Output{a.Sub(b).Mul(tr.Const(float64(i) + 0.5)).Add(b.Mul(a.Dot(b))), tensor.F16})
	}
	outs = append(outs, Output{a, tensor.F16})
	parts, err := NewLowerer().LowerInto(nil, outs)
	if err != nil || len(parts) != 1 || len(parts[0].Inst.Sweeps) != 2 {
		t.Fatalf("%d parts, %v", len(parts), err)
	}
	n := map[Op]int{}
	sw := parts[0].Inst.Sweeps
	for _, in := range sw[1].Bodies[0].Steps[0].Prog.Code {
		n[in.Op]++
	}
	if len(sw[0].Reduces) != 1 || n[OpLoad] != 2 || n[OpSub] != 1 || len(sw[1].Outs) != 5 || !slices.Equal(sw[0].Outs, []int{5}) {
		t.Errorf("%d sums, %v, stores %v and %v", len(sw[0].Reduces), n, sw[0].Outs, sw[1].Outs)
	}
}

// TestMoreOutputsThanAProgramHasResults cuts them into several Programs.
func TestMoreOutputsThanAProgramHasResults(t *testing.T) {
	tr := NewTrace(F32)
	s := tensor.Shape{3}
	a, b := tr.Leaf(0, tensor.F32, s), tr.Leaf(1, tensor.F32, s)
	l := testLeaves{{1, 2, 3}, {4, 6, 8}}
	var outs []Output
	var want []float32
	var sizes []int64
	for i := range 500 {
		outs = append(outs, Output{a.Sub(b).Mul(tr.Const(float64(i))), tensor.F32})
		sizes = append(sizes, 12)
		for k := range l[0] {
			want = append(want, (l[0][k]-l[1][k])*float32(i))
		}
	}
	parts, err := NewLowerer().LowerInto(nil, outs)
	if err != nil {
		t.Fatal(err)
	}
	ev, err := EvalAll(parts, sizes, l.bytes)
	if err != nil {
		t.Fatal(err)
	}
	got := make([]float32, len(want))
	Widen(got, ev.Bytes, tensor.F32)
	if !slices.Equal(got, want) {
		t.Errorf("%d outputs in %d steps differ", len(outs), len(parts[0].Inst.Sweeps[0].Bodies[0].Steps))
	}
}

// TestListsOfArgumentsAreShared makes a node again, alone and among many others.
func TestListsOfArgumentsAreShared(t *testing.T) {
	for _, others := range []int{0, 3 * fewNodes} {
		tr := NewTrace(F32)
		a, b := tr.Leaf(0, tensor.F32, tensor.Shape{2}), tr.Leaf(1, tensor.F32, tensor.Shape{2})
		for i := range others {
			a.Mul(tr.Const(float64(i + 2)))
		}
		make := func() string {
			o := tr.Host(normalise, a.Dot(b))
			return fmt.Sprint(o, tr.Choose(o[0], a, b), tr.Call(scaled, a, b), tr.Concat(a, b))
		}
		if x, y := make(), make(); x != y {
			t.Errorf("with %d other nodes: %s and %s", others, x, y)
		}
		if tr.Call(scaled, a, b) == tr.Call(scaled, b, a) || tr.Call(scaled, a, b) == tr.Call(halved, a, b) {
			t.Error("different calls are one node")
		}
	}
}

var halved = &GoFunc{Name: "halved", Fn: func(dst []float32, src [][]float32, _ int) error { return nil }}
