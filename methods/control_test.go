package methods

import (
	"slices"
	"strings"
	"testing"

	"github.com/mecha-gpu/mecha-gpu/kernels"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

func TestCastRoundsToTheElementType(t *testing.T) {
	x := f32s(1.0009765625, 65520, 1e-8, -2.7, nan)
	for name, want := range map[string][]float64{
		"float16":  {1.0009765625, inf, 0, -2.69921875, nan},
		"bfloat16": {1, 65536, 1.00117176818e-8, -2.703125, nan},
		"int8":     {1, 127, 0, -2, 0},
		"bool":     {1, 1, 1, 1, 1},
	} {
		r := &run{}
		got := applyAll(t, r, "cast", []input{x}, []input{val(Null())}, []input{val(StringOf(name))})
		wantNear(t, name, got, f32All(want), 0)
		d, err := row(t, "cast").DType(r.call)
		if want, _ := tensor.ParseRecipeDType(name); err != nil || d != want {
			t.Errorf("%s: stored as %v, error %v", name, d, err)
		}
	}
}

func TestCastToNothingIsTheTensor(t *testing.T) {
	r := &run{}
	wantExact(t, "cast", applyAll(t, r, "cast", one(vecA, val(StringOf("cuda")), val(Null()))...), vecA.data)
	if d, err := row(t, "cast").DType(r.call); err != nil || d != tensor.F32 {
		t.Errorf("stored as %v, error %v", d, err)
	}
	if r.parts[0].Inst.Outs[0].Kind != kernels.Copied {
		t.Error("the bytes are not copied")
	}
}

func TestCastOfIntegersIsExact(t *testing.T) {
	big := float64(1<<53 - 1) // not a float32
	x := input{shape: tensor.Shape{2}, dtype: tensor.I64, data: []float64{big, -5}}
	r := &run{out: tensor.I64}
	wantExact(t, "int64", applyAll(t, r, "cast", one(x, val(Null()), val(StringOf("int64")))...), x.data)
}

func TestCastToAnUnknownTypeNamesTheKnownOnes(t *testing.T) {
	_, err := (&run{}).do(row(t, "cast"), one(vecA, val(Null()), val(StringOf("float17")))...)
	if err == nil || tensor.ClassOf(err) != tensor.ClassRecipe {
		t.Fatalf("error %v", err)
	}
	for _, want := range []string{"cast", "dtype", "float17", "bfloat16", `key "k"`} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error %q does not name %s", err, want)
		}
	}
}

func TestFallbackTakesTheFirstThatIsThere(t *testing.T) {
	gone := input{absent: true}
	wantExact(t, "both", apply(t, "fallback", vecA, vecB), vecA.data)
	wantExact(t, "second", apply(t, "fallback", gone, vecB), vecB.data)
	wantExact(t, "first", apply(t, "fallback", vecA, gone), vecA.data)
}

func TestOmitNonFiniteSetsItsGuard(t *testing.T) {
	for _, c := range []struct {
		x    input
		want []int
	}{{vecA, nil}, {f32s(1, nan), []int{7}}, {f32s(inf, 1), []int{7}}} {
		r := &run{}
		got := applyAll(t, r, "omit_non_finite", []input{c.x})
		wantExact(t, "elements", got, c.x.data)
		if !slices.Equal(r.raw.Guards, c.want) {
			t.Errorf("guards %v, want %v", r.raw.Guards, c.want)
		}
	}
}

func TestStackAddsAnAxis(t *testing.T) {
	r := &run{}
	got := applyAll(t, r, "stack", []input{f32s(1, 2, 3), f32s(4, 5, 6)})
	wantExact(t, "stack", got, []float64{1, 2, 3, 4, 5, 6})
	if want := (tensor.Shape{2, 3}); !r.root.Shape().Equal(want) {
		t.Errorf("shape %v, want %v", r.root.Shape(), want)
	}
	r = &run{}
	wantExact(t, "numbers", applyAll(t, r, "stack", []input{cell(1), cell(2)}), []float64{1, 2})
}

func TestStackRefusesWhatDoesNotFit(t *testing.T) {
	ints := input{shape: tensor.Shape{3}, dtype: tensor.I64, data: []float64{1, 2, 3}}
	for what, in := range map[string][]input{
		"[2]": {f32s(1, 2, 3), f32s(1, 2)},
		"I64": {f32s(1, 2, 3), ints},
	} {
		_, err := (&run{}).do(row(t, "stack"), in)
		if tensor.ClassOf(err) != tensor.ClassRecipe || !strings.Contains(err.Error(), what) {
			t.Errorf("error %v, want one about %s", err, what)
		}
	}
}

func TestSingletonsGoToEveryKey(t *testing.T) {
	m := row(t, "convert_singleton")
	if !m.Broadcast || !m.Conversion || !m.Params[0].Nullable {
		t.Error("convert_singleton does not broadcast any value")
	}
	r := &run{}
	r.args(m, one(num(.5)))
	root, err := m.Formula(r.call)
	if x, known := root.Number(); err != nil || !known || x != .5 {
		t.Errorf("number %v, known %v, error %v", x, known, err)
	}
}
