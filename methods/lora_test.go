package methods

import (
	"strings"
	"testing"

	"github.com/mecha-gpu/mecha-gpu/kernels"
	"github.com/mecha-gpu/mecha-gpu/recipe/config"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// expanded calls the conversion of an adapter for one target with factors of the given shapes.
func expanded(t *testing.T, form int, shapes map[string]tensor.Shape) (T, error) {
	t.Helper()
	m, ok := Builtin().Get("convert_'sd1-kohya_kohya_lora'_to_base")
	row, known := config.Builtin().Get("sd1-kohya")
	if !ok || !known {
		t.Fatal("the catalogue lacks the conversion")
	}
	c := &Call{Method: m, Key: "unet.down_blocks.0.resnets.0.conv1.weight", Trace: kernels.NewTrace(kernels.F32), Config: row.Make(), Clause: form, Args: [][]Arg{nil}}
	for i, suffix := range config.AdapterForms()[form].Suffixes {
		c.Args[0] = append(c.Args[0], Arg{Present: true, DType: tensor.F16, T: c.Trace.Leaf(i, tensor.F16, shapes[suffix])})
	}
	d, err := m.Formula(c)
	if err == nil {
		err = c.Trace.Err()
	}
	return d, err
}

// TestAdaptersHaveTheShapeOfTheTarget: also if the factors are matrices of the flattened kernel.
func TestAdaptersHaveTheShapeOfTheTarget(t *testing.T) {
	target := tensor.Shape{320, 320, 3, 3}
	one := tensor.Shape{}
	for form, f := range config.AdapterForms() {
		shapes := map[string]tensor.Shape{
			config.LoraUp: {320, 4, 1, 1}, config.LoraMid: {4, 5, 3, 3}, config.LoraDown: {5, 320, 1, 1}, config.Alpha: one,
			config.LokrW1: {8, 5}, config.LokrW1A: {8, 2}, config.LokrW1B: {2, 5}, config.LokrW2: {40, 64, 3, 3},
			config.LokrW2A: {40, 3}, config.LokrW2B: {3, 64, 3, 3}, config.LokrT2: {2, 3, 3, 3},
		}
		switch {
		case f.Tucker && f.Lokr:
			shapes[config.LokrW2A], shapes[config.LokrW2B] = tensor.Shape{2, 40}, tensor.Shape{3, 64}
		case !f.Tucker && !f.Lokr:
			shapes[config.LoraDown] = tensor.Shape{4, 320 * 9}
		}
		d, err := expanded(t, form, shapes)
		if err != nil || !d.Shape().Equal(target) {
			t.Errorf("%v: %v, %v", f.Suffixes, d.Valid(), err)
			continue
		}
		if _, err := kernels.NewLowerer().Lower(d, tensor.F32); err != nil {
			t.Errorf("%v: %v", f.Suffixes, err)
		}
	}
}

func TestFactorsThatDoNotFitAreRefused(t *testing.T) {
	const lora, mid, full, factored, tucker = 3, 1, 7, 9, 5
	const big = 1 << 40
	for name, c := range map[string]struct {
		form   int
		shapes map[string]tensor.Shape
	}{
		"ranks differ":           {lora, map[string]tensor.Shape{config.LoraUp: {4, 2}, config.LoraDown: {3, 4}}},
		"a vector":               {lora, map[string]tensor.Shape{config.LoraUp: {4}, config.LoraDown: {4}}},
		"rank 0":                 {lora, map[string]tensor.Shape{config.LoraUp: {4, 0}, config.LoraDown: {0, 4}}},
		"a kernel of up":         {lora, map[string]tensor.Shape{config.LoraUp: {4, 2, 3, 3}, config.LoraDown: {2, 4}}},
		"a rank out of range":    {lora, map[string]tensor.Shape{config.LoraUp: {0, big}, config.LoraDown: {big, 0}}},
		"more elements than fit": {lora, map[string]tensor.Shape{config.LoraUp: {big, 1}, config.LoraDown: {1, big}}},
		"ranks of mid":           {mid, map[string]tensor.Shape{config.LoraUp: {4, 2}, config.LoraMid: {3, 2, 3, 3}, config.LoraDown: {2, 4}}},
		"mid out of range":       {mid, map[string]tensor.Shape{config.LoraUp: {0, big}, config.LoraMid: {big, big, 0}, config.LoraDown: {big, 0}}},
		"a number as w1":         {full, map[string]tensor.Shape{config.LokrW1: {}, config.LokrW2: {4, 4}}},
		"w1 and w2 out of range": {full, map[string]tensor.Shape{config.LokrW1: {big, 1}, config.LokrW2: {big, 1}}},
		"ranks of w2":            {factored, map[string]tensor.Shape{config.LokrW1: {2, 2}, config.LokrW2A: {4, 3}, config.LokrW2B: {2, 4}}},
		"ranks of t2":            {tucker, map[string]tensor.Shape{config.LokrW1: {2, 2}, config.LokrW2A: {3, 4}, config.LokrW2B: {2, 4}, config.LokrT2: {2, 3, 3, 3}}},
		"too many axes":          {lora, map[string]tensor.Shape{config.LoraUp: {4, 2}, config.LoraDown: {2, 4, 1, 1, 2}}},
	} {
		_, err := expanded(t, c.form, c.shapes)
		if tensor.ClassOf(err) != tensor.ClassInput || !strings.Contains(err.Error(), "conv1.weight") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
