package tests

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"

	"gonum.org/v1/gonum/mat"

	"github.com/mecha-gpu/mecha-gpu"
	"github.com/mecha-gpu/mecha-gpu/device"
	"github.com/mecha-gpu/mecha-gpu/stream/memory"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// Keys of SD 1 that are factored: a matrix, a convolution, and a convolution with few rows.
const (
	sd1Matrix = "te.text_model.encoder.layers.0.mlp.fc1.weight"
	sd1Conv   = "unet.down_blocks.0.resnets.0.conv1.weight"
	sd1Thin   = "unet.conv_out.weight"
	sd1Bias   = "te.text_model.encoder.layers.0.mlp.fc1.bias"
)

// stemOf is the stem of the keys of a LoRA, with its dot.
func stemOf(prefix, key string) string {
	return prefix + "_" + strings.ReplaceAll(strings.TrimSuffix(key, ".weight"), ".", "_") + "."
}

// extracted is two models of SD 1 whose differences are any.
func extracted(d tensor.DType) map[string]memory.Dict {
	models := map[string]memory.Dict{}
	for i, name := range []string{"a", "b"} {
		seed := uint64(100 * i)
		models[name] = memory.Dict{sd1Matrix: weights(seed+1, d, 70, 50), sd1Conv: weights(seed+2, d, 24, 10, 3, 3),
			sd1Thin: weights(seed+3, d, 4, 6, 3, 3), sd1Bias: weights(seed+4, d, 70)}
	}
	return models
}

// change is a - b of a key, in float64.
func change(models map[string]memory.Dict, key string) []float64 {
	x, y := values(models["a"][key]), values(models["b"][key])
	for i := range x {
		x[i] -= y[i]
	}
	return x
}

// leastDistance is how near a matrix of the rank can come, by gonum's singular values.
func leastDistance(t *testing.T, rows int, x []float64, rank int) float64 {
	t.Helper()
	var svd mat.SVD
	if !svd.Factorize(mat.NewDense(rows, len(x)/rows, x), mat.SVDNone) {
		t.Fatal("no singular values")
	}
	sum := 0.0
	for _, s := range svd.Values(nil)[min(rank, rows, len(x)/rows):] {
		sum += s * s
	}
	return math.Sqrt(sum)
}

// length is the root of the sum of squares of x - y.
func length(x, y []float64) float64 {
	sum := 0.0
	for i := range x {
		sum += (x[i] - y[i]) * (x[i] - y[i])
	}
	return math.Sqrt(sum)
}

const subtractModels = `merge "subtract" &0 &1`

// TestExtractedLoRAsAreNearest: the product of the factors is as near to the difference as singular
// values allow, within 1 % by projections and to rounding if it is asked to be exact, with the shapes that
// other tools load. A rank above that of the matrix is that of the matrix, in alpha too.
func TestExtractedLoRAsAreNearest(t *testing.T) {
	for _, d := range []tensor.DType{tensor.F32, tensor.F16} {
		models := extracted(d)
		w := newWorld(t, models)
		for options, more := range map[string]float64{"": 0.01, " use_approximate_basis=false": 1e-5} {
			got, rep := w.mustMerge(recipeFor("ab", subtractModels, `merge "extract_kohya_lora" &2 rank=5`+options), mecha.Options{OutputDType: tensor.F32})
			if len(got) != 9 || rep.Missing.Count != 0 || rep.Keys.Copied != 0 {
				t.Errorf("%d keys, missing %v, %d copied", len(got), rep.Missing, rep.Keys.Copied)
			}
			for key, shapes := range map[string][2]tensor.Shape{
				sd1Matrix: {{70, 5}, {5, 50}}, sd1Conv: {{24, 5, 1, 1}, {5, 10, 3, 3}}, sd1Thin: {{4, 4, 1, 1}, {4, 6, 3, 3}}} {
				s := stemOf("lora", key)
				up, down, alpha := got[s+"lora_up.weight"], got[s+"lora_down.weight"], got[s+"alpha"]
				rank := shapes[0][1]
				if !up.Shape.Equal(shapes[0]) || !down.Shape.Equal(shapes[1]) || len(alpha.Shape) != 0 || values(alpha)[0] != float64(rank) {
					t.Errorf("%s: up %v, down %v, alpha %v %v", key, up.Shape, down.Shape, alpha.Shape, values(alpha))
				}
				x := change(models, key)
				_, _, product := difference(got, s)
				if least, dist := leastDistance(t, int(shapes[0][0]), x, int(rank)), length(x, product); !(dist <= least*(1+more)+1e-6) {
					t.Errorf("%v %s%s: distance %g, least %g", d, key, options, dist, least)
				}
			}
		}
		got, _ := w.mustMerge(recipeFor("ab", subtractModels, `merge "extract_kohya_lora" &2`), mecha.Options{})
		for key, x := range got {
			if x.DType != d {
				t.Errorf("%s is stored as %v, the models as %v", key, x.DType, d)
			}
		}
	}
}

// TestExtractedFactorsExpandToWhatTheyWereMadeOf: what is a product comes back from its factors, for
// LoRA and LoKr, both namings, matrices and convolutions; also in one recipe, where factors are used as
// they are made.
func TestExtractedFactorsExpandToWhatTheyWereMadeOf(t *testing.T) {
	b := extracted(tensor.F32)["b"]
	for name, suffix := range map[string]string{"lora": "lora_%s.weight", "lokr": "lokr_%s"} {
		a := maps.Clone(b)
		for i, key := range []string{sd1Matrix, sd1Conv} {
			factors := memory.Dict{}
			one, two, s := "up", "down", b[key].Shape
			shapes := [2]tensor.Shape{{s[0], 3}, append(tensor.Shape{3}, s[1:]...)}
			if name == "lokr" { // as kronecker_ratio=0.5 chooses them
				one, two = "w1", "w2"
				shapes = [][2]tensor.Shape{{{10, 5}, {7, 10}}, {{24, 2}, {1, 5, 3, 3}}}[i]
			}
			factors[fmt.Sprintf("x."+suffix, one)] = weights(uint64(i)+50, tensor.F32, shapes[0]...)
			factors[fmt.Sprintf("x."+suffix, two)] = weights(uint64(i)+60, tensor.F32, shapes[1]...)
			_, _, d := difference(factors, "x.")
			sum := make([]float32, len(d))
			for k, x := range values(b[key]) {
				sum[k] = float32(x + d[k])
			}
			a[key] = f32s(s, sum...)
		}
		models := map[string]memory.Dict{"a": a, "b": b}
		w := newWorld(t, models)
		for _, kind := range []string{"kohya", "lycoris"} {
			extract := fmt.Sprintf(`merge "extract_%s_%s" &2`, kind, name)
			expand := fmt.Sprintf(`merge "convert_'sd1-kohya_%s_lora'_to_base" &3`, kind)
			if name == "lora" {
				extract += " rank=3"
			}
			l, _ := w.mustMerge(recipeFor("ab", subtractModels, extract), mecha.Options{})
			if prefix := map[string]string{"kohya": "lora", "lycoris": "lycoris"}[kind]; len(l[stemOf(prefix, sd1Matrix)+fmt.Sprintf(suffix, map[string]string{"lora": "up", "lokr": "w1"}[name])].Data) == 0 {
				t.Errorf("%s %s: keys %v", kind, name, slices.Sorted(maps.Keys(l)))
			}
			two := newWorld(t, map[string]memory.Dict{"l": l})
			later, _ := two.mustMerge(recipeFor("l", strings.Replace(expand, "&3", "&0", 1)), mecha.Options{MergeSpace: "delta"})
			once, _ := w.mustMerge(recipeFor("ab", subtractModels, extract, expand), mecha.Options{MergeSpace: "delta"})
			for _, got := range []memory.Dict{later, once} {
				for _, key := range []string{sd1Matrix, sd1Conv} {
					x := change(models, key)
					if dist := length(x, values(got[key])); !got[key].Shape.Equal(b[key].Shape) || !(dist <= 1e-5*length(x, make([]float64, len(x)))) {
						t.Errorf("%s %s %s: shape %v, distance %g", kind, name, key, got[key].Shape, dist)
					}
				}
			}
			if !sameDict(later, once) {
				t.Errorf("%s %s: one recipe and two give different bytes", kind, name)
			}
		}
	}
}

// TestExtractedBytesDependOnNothingElse: on the number of threads, the size of units, the memory, the
// instructions of the processor, or on what is merged in the same pass.
func TestExtractedBytesDependOnNothingElse(t *testing.T) {
	w := newWorld(t, extracted(tensor.F16))
	text := recipeFor("ab", `merge "slerp" &0 &1 alpha=0.3`, `merge "subtract" &2 &1`, `merge "extract_kohya_lora" &3 rank=4`)
	first, _ := w.mustMerge(text, mecha.Options{})
	for i, o := range []mecha.Options{{Threads: 1}, {Threads: 4}, {UnitBytes: 64}, {UnitBytes: 100, Threads: 4}, {MaxRAM: 6 << 20}} {
		if got, _ := w.mustMerge(text, o); !sameDict(got, first) {
			t.Errorf("setting %d: other bytes", i)
		}
	}
	for _, tier := range tiers() {
		if got, _ := w.mustMerge(text, mecha.Options{UnitBytes: 1000, Devices: only(tier)}); !sameDict(got, first) {
			t.Errorf("%s: other bytes", tier)
		}
	}
	var texts []string
	for _, rank := range []int{2, 4, 9} {
		texts = append(texts, strings.Replace(text, "rank=4", fmt.Sprintf("rank=%d", rank), 1))
	}
	var o mecha.Options
	outs := outputs(t, w.Mem, texts, &o)
	_, err := mecha.MergeAll(t.Context(), outs, o)
	check(t, err)
	for i, text := range texts {
		alone, _ := w.mustMerge(text, mecha.Options{})
		got, _, err := decode(w.get(outs[i].Path))
		if check(t, err); !sameDict(got, alone) {
			t.Errorf("%s: other bytes than alone", text)
		}
	}
	if got, _ := w.mustMerge(strings.Replace(text, "rank=4", "rank=4 approximate_basis_seed=7", 1), mecha.Options{}); sameDict(got, first) {
		t.Error("another seed gives the same bytes")
	}
}

// TestExtractedRanksMayDifferFromKeyToKey: options are those of the base key.
func TestExtractedRanksMayDifferFromKeyToKey(t *testing.T) {
	w := newWorld(t, extracted(tensor.F32))
	got, _ := w.mustMerge(recipeFor("ab", subtractModels, fmt.Sprintf("dict %q=2 %q=7", sd1Matrix, sd1Conv), "literal &3", `merge "extract_kohya_lora" &2 rank=&4`), mecha.Options{})
	if len(got) != 6 || got[stemOf("lora", sd1Matrix)+"lora_up.weight"].Shape[1] != 2 || got[stemOf("lora", sd1Conv)+"lora_down.weight"].Shape[0] != 7 {
		t.Errorf("%d keys: %v", len(got), got)
	}
}

// TestExtractedKeysWithoutADifferenceAreZero: and the others are what they are alone.
func TestExtractedKeysWithoutADifferenceAreZero(t *testing.T) {
	models := extracted(tensor.F32)
	want, _ := newWorld(t, models).mustMerge(recipeFor("ab", subtractModels, `merge "extract_kohya_lora" &2`), mecha.Options{})
	models["a"][sd1Matrix] = models["b"][sd1Matrix]
	w := newWorld(t, models)
	got, _ := w.mustMerge(recipeFor("ab", subtractModels, `merge "extract_kohya_lora" &2`), mecha.Options{})
	s := stemOf("lora", sd1Matrix)
	for key, x := range got {
		switch {
		case key == s+"alpha":
			if values(x)[0] != 8 {
				t.Errorf("alpha is %v", values(x))
			}
		case strings.HasPrefix(key, s):
			if !bytes.Equal(x.Data, make([]byte, len(x.Data))) {
				t.Errorf("%s is not zero", key)
			}
		case !bytes.Equal(x.Data, want[key].Data):
			t.Errorf("%s has changed", key)
		}
	}
	kron, _ := w.mustMerge(recipeFor("ab", subtractModels, `merge "extract_kohya_lokr" &2`), mecha.Options{})
	for _, suffix := range []string{"lokr_w1", "lokr_w2"} {
		if x := kron[s+suffix]; len(x.Data) == 0 || !bytes.Equal(x.Data, make([]byte, len(x.Data))) {
			t.Errorf("%s: %v", suffix, values(x))
		}
	}
}

// TestExtractedNaN: of a matrix that is not finite no key is made, and the report says why; if it is
// kept, its factors are NaN and counted.
func TestExtractedNaN(t *testing.T) {
	models := extracted(tensor.F32)
	x := models["b"][sd1Conv]
	binary.LittleEndian.PutUint32(x.Data[44:], math.Float32bits(float32(math.Inf(-1))))
	w := newWorld(t, models)
	text := recipeFor("ab", subtractModels, `merge "extract_kohya_lora" &2`)
	got, rep := w.mustMerge(text, mecha.Options{})
	if len(got) != 6 || rep.Dropped.Count != 3 {
		t.Errorf("%d keys, dropped %v", len(got), rep.Dropped)
	}
	got, rep = w.mustMerge(text, mecha.Options{NonFinite: mecha.KeepNonFinite})
	if up := values(got[stemOf("lora", sd1Conv)+"lora_up.weight"]); len(got) != 9 || rep.NonFinite.Keys != 2 || up[0] == up[0] {
		t.Errorf("%d keys, %d not finite", len(got), rep.NonFinite.Keys)
	}
	if _, err := merge(w.Mem, text, "/out/x", mecha.Options{NonFinite: mecha.RefuseNonFinite}); tensor.ClassOf(err) != tensor.ClassInput || !strings.Contains(err.Error(), sd1Conv) {
		t.Error(err)
	}
}

// TestExtractedByInterface: the recipe in the output names the interface, runs again with the same
// bytes, and is what the implementation gives; a model of a config without one, and options that cannot
// be, are errors that say what is possible.
func TestExtractedByInterface(t *testing.T) {
	models := extracted(tensor.F32)
	models["c"] = memory.Dict{"conditioner.embedders.0.transformer.text_model.encoder.layers.0.mlp.fc1.weight": weights(1, tensor.F32, 5, 4),
		"model.diffusion_model.input_blocks.4.1.transformer_blocks.0.attn1.to_q.weight": weights(2, tensor.F32, 5, 4)}
	w := newWorld(t, models)
	text := recipeFor("ab", subtractModels, `merge "extract_lycoris_lokr" &2 kronecker_ratio=0.75`)
	first, _ := w.mustMerge(text, mecha.Options{})
	_, metadata, err := decode(w.get("/out/m"))
	if check(t, err); !strings.Contains(metadata[mecha.RecipeKey], `merge "extract_lycoris_lokr"`) {
		t.Errorf("recipe %s", metadata[mecha.RecipeKey])
	}
	for _, text := range []string{metadata[mecha.RecipeKey], strings.Replace(text, "extract_lycoris_lokr", "extract_lokr_'sd1-kohya_lycoris_lora'", 1)} {
		if got, _ := w.mustMerge(text, mecha.Options{}); !sameDict(got, first) {
			t.Errorf("%s gives other bytes", text)
		}
	}
	for _, c := range []struct {
		text  string
		class tensor.Class
		words []string
	}{
		{recipeFor("cc", `merge "subtract" &0 &0`, `merge "extract_kohya_lora" &2`), tensor.ClassRecipe, []string{"extract_kohya_lora", "sdxl-sgm", "sd1-kohya", "sdxl-kohya_but_diffusers"}},
		{recipeFor("ab", subtractModels, `merge "extract_kohya_lora" &2 rank=0`), tensor.ClassRecipe, []string{"rank", "1 or more"}},
		{recipeFor("ab", subtractModels, `merge "extract_kohya_lora" &2 approximate_basis_iters=-1`), tensor.ClassRecipe, []string{"approximate_basis_iters", "0 or more"}},
		{recipeFor("ab", subtractModels, `merge "extract_kohya_lokr" &2 kronecker_ratio=1.5`), tensor.ClassRecipe, []string{"kronecker_ratio", "0 to 1"}},
	} {
		_, err := merge(w.Mem, c.text, "/out/x", mecha.Options{})
		if tensor.ClassOf(err) != c.class {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		for _, word := range c.words {
			if !strings.Contains(err.Error(), word) {
				t.Errorf("%q is not in %v", word, err)
			}
		}
	}
}

// TestExtractedLoRAsNeedMemoryForAMatrix: a merge whose largest matrix does not fit is refused, with
// what it needs, and runs with exactly that; it leases no more than it was given.
func TestExtractedLoRAsNeedMemoryForAMatrix(t *testing.T) {
	const rows, cols = 700, 500 // 1.4 MB
	models := map[string]memory.Dict{}
	for i, name := range []string{"a", "b"} {
		models[name] = memory.Dict{sd1Matrix: weights(uint64(i), tensor.F16, rows, cols), "te.text_model.encoder.layers.1.mlp.fc1.weight": weights(uint64(i)+5, tensor.F16, rows, cols)}
	}
	w := newWorld(t, models)
	text := recipeFor("ab", subtractModels, `merge "extract_kohya_lora" &2 rank=4`)
	want, _ := w.mustMerge(text, mecha.Options{})
	need := func(limit int64) (n float64) {
		_, err := merge(w.Mem, text, "/out/x", mecha.Options{MaxRAM: limit})
		if err == nil {
			return 0
		}
		if tensor.ClassOf(err) != tensor.ClassFit || !strings.Contains(err.Error(), sd1Matrix[3:20]) && !strings.Contains(err.Error(), "fc1") {
			t.Fatalf("limit %d: %v", limit, err)
		}
		text := err.Error()
		if _, e := fmt.Sscanf(text[strings.Index(text, "at least"):], "at least %f MiB", &n); e != nil {
			t.Fatalf("%v in %q", e, text)
		}
		return n
	}
	n := need(2 << 20)
	if n < 1.3 || n > 9 {
		t.Fatalf("it needs %g MiB", n)
	}
	limit := int64(n*(1<<20)) + 1
	got, rep := w.mustMerge(text, mecha.Options{MaxRAM: limit})
	if !sameDict(got, want) || rep.PeakRAM > limit || rep.PeakRAM > rep.PlannedRAM {
		t.Errorf("limit %d: peak %d, planned %d", limit, rep.PeakRAM, rep.PlannedRAM)
	}
	if n := need(limit - 300<<10); n == 0 {
		t.Error("less is enough as well")
	}
}

// TestExtractedLoRAsOfIntegers: an integer difference is a matrix like others.
func TestExtractedLoRAsOfIntegers(t *testing.T) {
	x := memory.Tensor{DType: tensor.I64, Shape: tensor.Shape{2, 2}}
	for _, v := range []uint64{2, 4, 4, 8} {
		x.Data = binary.LittleEndian.AppendUint64(x.Data, v)
	}
	w := newWorld(t, map[string]memory.Dict{"a": {sd1Matrix: x}})
	w.settle()
	got, _ := w.mustMerge("version 0.1.0\nmodel \"a\" model_config=\"sd1-kohya\" merge_space=\"delta\"\nmerge \"extract_kohya_lora\" &0 rank=1\n", mecha.Options{Devices: []device.Opener(nil)})
	s := stemOf("lora", sd1Matrix)
	_, _, d := difference(got, s)
	if got[s+"lora_up.weight"].DType != tensor.F32 || length(d, []float64{2, 4, 4, 8}) > 1e-5 {
		t.Errorf("%v gives %v", got, d)
	}
}

// TestExtractedFromAnotherLayout: a difference in another layout is converted first. What a fused tensor
// holds are matrices of their own, and one that is the transpose of what is stored is factored as it is
// called. Factors of the full rank are the difference.
func TestExtractedFromAnotherLayout(t *testing.T) {
	const fused, turned = textG + "transformer.resblocks.3.attn.in_proj_weight", textG + "text_projection"
	const conv = "model.diffusion_model.input_blocks.1.0.in_layers.2.weight"
	models := map[string]memory.Dict{}
	for i, name := range []string{"a", "b"} {
		seed := uint64(i * 10)
		models[name] = memory.Dict{fused: weights(seed, tensor.F16, 12, 3), turned: weights(seed+1, tensor.F16, 12, 10), conv: weights(seed+2, tensor.F32, 6, 5, 3, 3)}
	}
	w := newWorld(t, models)
	got, _ := w.mustMerge(recipeFor("ab", subtractModels, `merge "convert_'sdxl-sgm'_to_'sdxl-kohya'" &2`, `merge "extract_lycoris_lora" &3 rank=50`), mecha.Options{OutputDType: tensor.F32})
	qkv, p := change(models, fused), change(models, turned)
	transpose := make([]float64, 0, len(p))
	for c := range 10 {
		for r := range 12 {
			transpose = append(transpose, p[r*10+c])
		}
	}
	for key, want := range map[string][]float64{
		fusedKey + "q_proj": qkv[:12], fusedKey + "k_proj": qkv[12:24], fusedKey + "v_proj": qkv[24:],
		"te2.text_projection": transpose, convKey: change(models, conv)} {
		_, _, d := difference(got, stemOf("lycoris", key))
		if dist := length(want, d); len(d) != len(want) || !(dist <= 1e-5) {
			t.Errorf("%s: %d elements, distance %g", key, len(d), dist)
		}
	}
	if len(got) != 15 {
		t.Errorf("%d keys", len(got))
	}
}
