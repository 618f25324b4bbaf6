package methods

import (
	"fmt"
	"math"
	"testing"

	"github.com/mecha-gpu/mecha-gpu/kernels"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

func TestVectorsOfTheReference(t *testing.T) {
	for _, c := range []struct {
		id   string
		in   [][]input
		want []float64
	}{
		{"weighted_sum", one(vecA, vecB, num(.3)), []float64{1.3, -.8, 1.2, -3.1}},
		{"n_average", [][]input{{vecA, vecB, vecC}}, []float64{1.166667, 0, .3333333, -2.333333}},
		{"add_difference", one(vecA, vecB, num(.7)), []float64{2.4, -.6, .9, -4.7}},
		{"slerp", one(vecA, vecB, num(.3)), []float64{2.29322, -.5437919, .8156876, -4.456456}},
		{"perpendicular_component", one(vecA, vecB), []float64{2.233333, 1.533333, -2.3, -1.933333}},
		{"train_difference_mask", one(vecA, vecB, vecC), []float64{.72, 1.2, 1.08, 1.35}},
		{"add_opposite_mask", one(vecA, vecB, vecC), []float64{.6666667, 2, 1.5, 1.5}},
		{"add_strict_opposite_mask", one(vecA, vecB, vecC), []float64{0, 2, 1, 1}},
		{"clamp", [][]input{{f32s(5, -5, 0)}, {f32s(1, 1, 1), f32s(-1, 2, 3), f32s(0, 0, -4)}}, []float64{1, 0, 0}},
		{"clamp", [][]input{{f32s(5, -5, 0)}, {f32s(1, 1, 1), f32s(-1, 2, 3), f32s(0, 0, -4)}, {num(.5)}}, []float64{.5, .5, 0}},
	} {
		t.Run(c.id, func(t *testing.T) {
			wantNear(t, c.id, applyAll(t, &run{}, c.id, c.in...), c.want, 1e-6)
		})
	}
}

func TestWeightedSumIsOneFMAPerElement(t *testing.T) {
	a, b := randoms(1, 200), randoms(2, 200)
	for _, alpha := range []float64{.3, .5, .49999997, -.7, 1.5, 1e-30, .75} {
		want := make([]float64, len(a))
		for i := range a {
			want[i] = lerp32(a[i], b[i], f32(alpha))
		}
		wantExact(t, fmt.Sprintf("alpha %v", alpha), apply(t, "weighted_sum", f32s(a...), f32s(b...), num(alpha)), want)
	}
}

func TestMasksOfAllFormsInterpolateEachElement(t *testing.T) {
	a, b, w := randoms(1, 12), randoms(2, 12), []float64{0, .25, .5, 1, .75, -.2, 2, .1, .9, 1, 0, .3}
	for name, c := range map[string]struct {
		shape tensor.Shape
		n     int
		at    func(i int) int
	}{
		"full":    {tensor.Shape{3, 4}, 12, func(i int) int { return i }},
		"rows":    {tensor.Shape{3, 1}, 3, func(i int) int { return i / 4 }},
		"columns": {tensor.Shape{4}, 4, func(i int) int { return i % 4 }},
	} {
		want := make([]float64, 12)
		for i := range want {
			want[i] = lerp32(a[i], b[i], f32(w[c.at(i)]))
		}
		got := apply(t, "weighted_sum", f32s(a...).as(3, 4), f32s(b...).as(3, 4), f32s(w[:c.n]...).as(c.shape...))
		wantExact(t, name, got, want)
	}
}

func TestShortcutsDoNotReadWhatTheyDoNotNeed(t *testing.T) {
	odd := f32s(nan, inf, -inf, 0)
	for _, c := range []struct {
		id    string
		in    []input
		reads int
		want  []float64
	}{
		{"weighted_sum", []input{vecA, odd, num(0)}, 1, vecA.data},
		{"weighted_sum", []input{odd, vecB, num(1)}, 1, vecB.data},
		{"weighted_sum", []input{odd, vecB, num(1 - 1e-10)}, 1, vecB.data},
		{"weighted_sum", []input{odd, vecB, val(BoolOf(true))}, 1, vecB.data},
		{"add_difference", []input{vecA, odd, num(0)}, 1, vecA.data},
		{"scale", []input{odd, num(0)}, 0, []float64{0, 0, 0, 0}},
		{"scale", []input{vecA, num(1)}, 1, vecA.data},
	} {
		r := &run{}
		wantExact(t, c.id, applyAll(t, r, c.id, one(c.in...)...), c.want)
		if r.reads() != c.reads {
			t.Errorf("%s(alpha %v) reads %d tensors, want %d", c.id, c.in[len(c.in)-1].value, r.reads(), c.reads)
		}
	}
}

func TestShortcutsOfAStoredNumberSelect(t *testing.T) {
	odd := f32s(nan, inf, -inf, 0)
	for _, alpha := range []func(float64) input{cell, func(x float64) input { return f32s(x) }} {
		wantExact(t, "alpha 0", apply(t, "weighted_sum", vecA, odd, alpha(0)), vecA.data)
		wantExact(t, "alpha 1", apply(t, "weighted_sum", odd, vecB, alpha(1)), vecB.data)
		wantExact(t, "alpha inf", apply(t, "weighted_sum", f32s(1), f32s(2), alpha(inf)), []float64{inf})
		wantExact(t, "alpha nan", apply(t, "weighted_sum", f32s(1), f32s(2), alpha(nan)), []float64{nan})
		wantExact(t, "add 0", apply(t, "add_difference", vecA, odd, alpha(0)), vecA.data)
		wantExact(t, "scale 0", apply(t, "scale", odd, alpha(0)), []float64{0, 0, 0, 0})
	}
	got := applyAll(t, &run{compute: kernels.F64}, "weighted_sum", one(f64s(inf), f64s(2), f64s(1+1e-10).as())...)
	wantExact(t, "alpha 1 + 1e-10", got, []float64{2})
}

func TestIsOneIsThatOfPython(t *testing.T) {
	for x, want := range map[float64]bool{1: true, 1 + .99e-9: true, 1 + 1.1e-9: false, 1 - 1e-9: true, 1 - 1.1e-9: false,
		0: false, 1e300: false, inf: false, -inf: false, nan: false, -1: false} {
		tr := kernels.NewTrace(kernels.F64)
		x0 := tr.Leaf(0, tensor.F64, nil)
		parts, err := kernels.NewLowerer().Lower(where(isOne(x0), x0.Num(1), x0.Num(0)), tensor.F64)
		if err != nil {
			t.Fatal(err)
		}
		in := f64s(x)
		ev, err := kernels.Eval(parts, 1, tensor.F64, func(int) []byte { return in.bytes() })
		if err != nil {
			t.Fatal(err)
		}
		if got := ev.Bytes[7] == 0x3f; got != want {
			t.Errorf("isOne(%v) = %v", x, got)
		}
		_, known := shortcut(tr.Const(x), tr.Const(5), T{}, tr.Const(3)).Number()
		if y, _ := shortcut(tr.Const(x), tr.Const(5), T{}, tr.Const(3)).Number(); !known || (y == 3) != want {
			t.Errorf("known now: isOne(%v) = %v", x, y == 3)
		}
	}
}

func TestMasksAreNotShortCut(t *testing.T) {
	got := apply(t, "weighted_sum", f32s(1, 1), f32s(inf, 2), f32s(0, 0))
	wantExact(t, "0 times infinity", got, []float64{nan, 1})
}

func TestAverageIsTheRunningMean(t *testing.T) {
	models := make([]input, 7)
	for i := range models {
		models[i] = f32s(randoms(uint64(i), 50)...)
	}
	want := append([]float64(nil), models[0].data...)
	for i, m := range models[1:] {
		for k := range want {
			want[k] = lerp32(want[k], m.data[k], f32(1/float64(i+2)))
		}
	}
	wantExact(t, "n_average", applyAll(t, &run{}, "n_average", models), want)
	wantExact(t, "of one model", applyAll(t, &run{}, "n_average", models[:1]), models[0].data)
}

func TestDifferencesRoundOnce(t *testing.T) {
	a, b := randoms(3, 100), randoms(4, 100)
	sum, scaled, diff := make([]float64, 100), make([]float64, 100), make([]float64, 100)
	for i := range a {
		sum[i], scaled[i], diff[i] = fma32(b[i], f32(.7), a[i]), f32(a[i]*f32(.7)), f32(a[i]-b[i])
	}
	wantExact(t, "add_difference", apply(t, "add_difference", f32s(a...), f32s(b...), num(.7)), sum)
	wantExact(t, "scale", apply(t, "scale", f32s(a...), num(.7)), scaled)
	wantExact(t, "subtract", apply(t, "subtract", f32s(a...), f32s(b...)), diff)
}

func TestNumbersStandForFilledTensors(t *testing.T) {
	for _, c := range []struct {
		id   string
		in   []input
		want []float64
	}{
		{"weighted_sum", []input{num(3), vecB, num(0)}, []float64{3, 3, 3, 3}},
		{"weighted_sum", []input{vecA, num(3), num(1)}, []float64{3, 3, 3, 3}},
		{"weighted_sum", []input{vecA, num(3), num(.5)}, []float64{2, .5, 3, -.5}},
		{"add_difference", []input{vecA, num(2), num(.5)}, []float64{2, -1, 4, -3}},
		{"add_difference", []input{num(-1), vecB, num(0)}, []float64{-1, -1, -1, -1}},
		{"subtract", []input{vecA, num(1)}, []float64{0, -3, 2, -5}},
		{"scale", []input{num(2), num(.5)}, []float64{1}},
		{"weighted_sum", []input{cell(1), cell(3), num(.5)}, []float64{2}},
		{"perpendicular_component", []input{num(2), vecA}, []float64{1.5, -1.5, 3.5, -3.5}},
		{"perpendicular_component", []input{vecA, num(0)}, []float64{0, 0, 0, 0}},
	} {
		wantNear(t, c.id, apply(t, c.id, c.in...), c.want, 1e-6)
	}
}

func TestNegativeZeroSurvivesSpreading(t *testing.T) {
	got := apply(t, "weighted_sum", num(math.Copysign(0, -1)), vecB, num(0))
	for _, x := range got {
		if !math.Signbit(x) {
			t.Fatal("-0 became +0")
		}
	}
}

func TestCompatRoundsNumbersToFloat32(t *testing.T) {
	a, b := f64s(1, -2), f64s(3, 5)
	for compat, w := range map[bool]float64{false: .3, true: f32(.3)} {
		want := []float64{math.FMA(w, 2, 1), math.FMA(w, 7, -2)}
		got := applyAll(t, &run{compute: kernels.F64, compat: compat}, "weighted_sum", one(a, b, num(.3))...)
		wantExact(t, fmt.Sprintf("compat %v", compat), got, want)
	}
}
