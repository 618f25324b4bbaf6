package tests

import (
	"bytes"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/mecha-gpu/mecha-gpu"
	"github.com/mecha-gpu/mecha-gpu/stream/memory"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// Stems of two matrices of a text encoder of SDXL, and the keys that they are for.
const (
	fc1Stem = "lora_te1_text_model_encoder_layers_0_mlp_fc1."
	fc2Stem = "lora_te1_text_model_encoder_layers_0_mlp_fc2."
	fc1Key  = "te1.text_model.encoder.layers.0.mlp.fc1.weight"
	fc2Key  = "te1.text_model.encoder.layers.0.mlp.fc2.weight"
)

// rankOne is a LoRA of rank 1 for a matrix with two rows and two columns.
func rankOne(stem string) memory.Dict {
	return memory.Dict{stem + "lora_up.weight": f32s(tensor.Shape{2, 1}, 1, 2), stem + "lora_down.weight": f32s(tensor.Shape{1, 2}, 3, 4)}
}

// TestADifferenceMayBeOfAnyKeys: a LoRA alone lacks nothing but what its own keys should have given,
// in its layout and in another one.
func TestADifferenceMayBeOfAnyKeys(t *testing.T) {
	half := rankOne(fc1Stem)
	maps.Copy(half, memory.Dict{fc2Stem + "lora_up.weight": f32s(tensor.Shape{2, 1}, 1, 2)})
	w := newWorld(t, map[string]memory.Dict{"a": rankOne(fc1Stem), "b": half})
	const inSGM = "conditioner.embedders.0.transformer.text_model.encoder.layers.0.mlp.fc2.weight"
	for _, c := range []struct{ model, key, to string }{{"a", "", ""}, {"a", "", kohyaTo}, {"b", fc2Key, ""}, {"b", inSGM, kohyaTo}} {
		steps := []string{loraTo + "&0"}
		if c.to != "" {
			steps = append(steps, c.to+"&1")
		}
		text := recipeFor(c.model, steps...)
		_, rep := w.mustMerge(text, mecha.Options{MergeSpace: "delta"})
		if got := strings.Join(rep.Missing.Names, " "); got != c.key {
			t.Errorf("%s %s: missing %q, want %q", c.model, c.to, got, c.key)
		}
		_, err := merge(w.Mem, text, "/out/s", mecha.Options{MergeSpace: "delta", StrictKeys: true})
		if (err != nil) != (c.key != "") || err != nil && !strings.Contains(err.Error(), "1 key cannot be produced: "+c.key) {
			t.Errorf("%s %s, strict: %v", c.model, c.to, err)
		}
	}
}

// TestWhatNoModelHasIsNotMissing: of a part of a model, another layout has that part. Only strict
// keys ask for all of it.
func TestWhatNoModelHasIsNotMissing(t *testing.T) {
	a := memory.Dict{fc1Key: weights(1, tensor.F32, 2, 2), fusedKey + "q_proj.weight": weights(2, tensor.F32, 2, 2)}
	w := newWorld(t, map[string]memory.Dict{"a": a})
	text := recipeFor("a", kohyaTo+"&0")
	got, rep := w.mustMerge(text, mecha.Options{})
	if want := []string{textG + "transformer.resblocks.3.attn.in_proj_weight"}; len(got) != 1 || !slices.Equal(rep.Missing.Names, want) {
		t.Errorf("%d keys, missing %v, want %v", len(got), rep.Missing, want)
	}
	if _, err := merge(w.Mem, text, "/out/s", mecha.Options{StrictKeys: true}); err == nil || !strings.Contains(err.Error(), "keys cannot be produced: ") {
		t.Errorf("a part of a model is complete: %v", err)
	}
}

// TestAnAlphaThatIsNotFiniteIsNone, and is named, whatever is done about other inputs, and also if
// the file is cast before it is expanded.
func TestAnAlphaThatIsNotFiniteIsNone(t *testing.T) {
	lokr := memory.Dict{fc1Stem + "lokr_w1": f32s(tensor.Shape{1, 1}, 1),
		fc1Stem + "lokr_w2_a": f32s(tensor.Shape{2, 1}, 1, 2), fc1Stem + "lokr_w2_b": f32s(tensor.Shape{1, 2}, 3, 4)}
	for name, d := range map[string]memory.Dict{"LoRA": rankOne(fc1Stem), "LoKr": lokr} {
		for alpha, dtype := range map[float64]tensor.DType{math.NaN(): tensor.F16, math.Inf(1): tensor.F32, math.Inf(-1): tensor.F64} {
			d[fc1Stem+"alpha"] = floats(dtype, nil, float32(alpha))
			w := newWorld(t, map[string]memory.Dict{"a": d})
			for _, steps := range [][]string{{loraTo + "&0"}, {`merge "cast" &0 dtype="float32"`, loraTo + "&1"}} {
				for _, policy := range []mecha.NonFinite{mecha.OmitNonFinite, mecha.KeepNonFinite} {
					got, rep := w.mustMerge(recipeFor("a", steps...), mecha.Options{MergeSpace: "delta", NonFinite: policy, OutputDType: tensor.F32})
					if x := values(got[fc1Key]); !slices.Equal(x, []float64{3, 4, 6, 8}) {
						t.Errorf("%s, alpha %v: %v", name, alpha, x)
					}
					if o := rep.OmittedInputs; len(o.Names) != 1 || !strings.HasSuffix(o.Names[0], ": "+fc1Stem+"alpha") {
						t.Errorf("%s, alpha %v, policy %d: omitted %v", name, alpha, policy, o)
					}
				}
			}
			if _, err := merge(w.Mem, recipeFor("a", loraTo+"&0"), "/out/s", mecha.Options{MergeSpace: "delta", NonFinite: mecha.RefuseNonFinite}); tensor.ClassOf(err) != tensor.ClassInput || !strings.Contains(err.Error(), fc1Stem+"alpha") {
				t.Errorf("%s, refused: %v", name, err)
			}
		}
	}
}

// TestTheReportNamesWhatOfALoRAIsWithoutEffect: the keys of each kind, in the report, in warnings,
// and as errors if checks are strict. An alpha that a LoKr does not need is none of them.
func TestTheReportNamesWhatOfALoRAIsWithoutEffect(t *testing.T) {
	l := rankOne(fc1Stem)
	one := f32s(tensor.Shape{1, 1}, 1)
	lists := map[string][]string{
		"unknown":    {"dora", "lora_unet_nowhere.lora_up.weight", "lora_unet_nowhere.lora_down.weight"},
		"incomplete": {fc2Stem + "alpha", fc2Stem + "lora_down.weight", "lora_te2_text_projection.hada_w1_a"},
		"leftover":   {fc1Stem + "lokr_w1", fc1Stem + "dora_scale"},
		"unplaced":   {"lora_unet_out_2.lora_up.weight", "lora_unet_out_2.lora_down.weight"},
	}
	for _, keys := range lists {
		for _, key := range keys {
			l[key] = one
		}
	}
	const full = "lora_te1_text_model_encoder_layers_1_mlp_fc1."
	l[full+"lokr_w1"], l[full+"lokr_w2"], l[full+"alpha"] = one, weights(1, tensor.F32, 2, 2), f32s(nil, 7)
	a := memory.Dict{fc1Key: weights(1, tensor.F32, 2, 2), fc2Key: weights(1, tensor.F32, 2, 2), strings.Replace(fc1Key, ".0.", ".1.", 1): weights(1, tensor.F32, 2, 2)}
	w := newWorld(t, map[string]memory.Dict{"a": a, "b": l})
	text := recipeFor("ab", loraTo+"&1", `merge "add_difference" &0 &2`, `merge "fallback" &3 &0`)
	_, rep := w.mustMerge(text, mecha.Options{})
	r := rep.Models[1].Adapter
	if r == nil || rep.Models[0].Adapter != nil || r.Config != "sdxl-kohya_kohya_lora" || r.Base != "sdxl-kohya" || r.Targets != 2 {
		t.Fatalf("%+v", r)
	}
	for name, got := range map[string]mecha.NameList{"unknown": r.Unknown, "incomplete": r.Incomplete, "leftover": r.Leftover, "unplaced": r.Unplaced} {
		if want := slices.Sorted(slices.Values(lists[name])); !slices.Equal(slices.Sorted(slices.Values(got.Names)), want) || got.Count != len(want) {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
	for _, want := range []string{"model \"b\" (line 3): 5 of 15 keys are not keys of model config sdxl-kohya_kohya_lora: dora, ", "b: 3 keys are of factors that are not complete", "b: 2 keys are beside factors that are complete", "b: 2 keys are for tensors that the rest of the recipe lacks"} {
		if !slices.ContainsFunc(rep.Warnings, func(w string) bool { return strings.HasPrefix(w, want) }) {
			t.Errorf("%q begins no warning of %q", want, rep.Warnings)
		}
	}
	_, err := merge(w.Mem, text, "/out/s", mecha.Options{Strict: true})
	if tensor.ClassOf(err) != tensor.ClassStrict || !strings.Contains(err.Error(), `2 keys are for tensors that the rest of the recipe lacks, the first is "lora_unet_out_2.`) || w.get("/out/s") == nil {
		t.Errorf("strict: %v", err)
	}
}

// TestALoRAAtStrengthZeroHasItsPlace: it is not read, but for this model.
func TestALoRAAtStrengthZeroHasItsPlace(t *testing.T) {
	w := newWorld(t, map[string]memory.Dict{"a": {fc1Key: weights(1, tensor.F32, 2, 2)}, "b": rankOne(fc1Stem)})
	_, rep := w.mustMerge(recipeFor("ab", loraTo+"&1", `merge "add_difference" &0 &2 0.0`), mecha.Options{Strict: true})
	if m := rep.Models[1]; m.Used != 0 || m.Adapter.Targets != 1 {
		t.Errorf("%+v", m)
	}
}

// TestLoRAsThatMatchNothingAreRefusedWhereverTheyAre: also if a LoRA is cast before it is expanded,
// and where another one has what it lacks, it has to have something of its own.
func TestLoRAsThatMatchNothingAreRefusedWhereverTheyAre(t *testing.T) {
	other := rankOne(strings.Replace(fc1Stem, "_0_", "_1_", 1))
	w := newWorld(t, map[string]memory.Dict{"a": {fc1Key: weights(1, tensor.F32, 2, 2)}, "b": other, "c": rankOne(fc1Stem)})
	for name, c := range map[string]struct {
		models string
		steps  []string
		fails  bool
	}{
		"cast":          {"ab", []string{`merge "cast" &1 dtype="float32"`, loraTo + "&2", `merge "add_difference" &0 &3`, `merge "fallback" &4 &0`}, true},
		"first of two":  {"abc", []string{`merge "fallback" &1 &2`, loraTo + "&3", `merge "add_difference" &0 &4`, `merge "fallback" &5 &0`}, true},
		"second of two": {"abc", []string{`merge "fallback" &2 &1`, loraTo + "&3", `merge "add_difference" &0 &4`, `merge "fallback" &5 &0`}, false},
	} {
		_, err := merge(w.Mem, recipeFor(c.models, c.steps...), "/out/x", mecha.Options{})
		if (err != nil) != c.fails || err != nil && (tensor.ClassOf(err) != tensor.ClassInput || !strings.Contains(err.Error(), "nothing of this LoRA")) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestFactorsAreNumbersOfFloatingPoint: integers would pass through, and the LoRA be without effect.
func TestFactorsAreNumbersOfFloatingPoint(t *testing.T) {
	l := rankOne(fc1Stem)
	l[fc1Stem+"lora_up.weight"] = memory.Tensor{DType: tensor.U8, Shape: tensor.Shape{2, 1}, Data: []byte{1, 2}}
	whole := rankOne(fc1Stem)
	whole[fc1Stem+"alpha"] = memory.Tensor{DType: tensor.U8, Data: []byte{3}}
	w := newWorld(t, map[string]memory.Dict{"a": l, "b": whole})
	if _, err := merge(w.Mem, recipeFor("a", loraTo+"&0"), "/out/x", mecha.Options{MergeSpace: "delta"}); tensor.ClassOf(err) != tensor.ClassInput || !strings.Contains(err.Error(), "lora_up.weight of U8") {
		t.Errorf("%v", err)
	}
	got, _ := w.mustMerge(recipeFor("b", loraTo+"&0"), mecha.Options{MergeSpace: "delta"})
	if x := values(got[fc1Key]); !slices.Equal(x, []float64{9, 12, 18, 24}) {
		t.Errorf("an alpha that is an integer: %v", x)
	}
}

// TestAFactorThatIsOmittedIsNamedOnce, though it is read once for each of its ranks, and also if what
// it is for is a part of a tensor of another layout.
func TestAFactorThatIsOmittedIsNamedOnce(t *testing.T) {
	const rank, fused = 5, textG + "transformer.resblocks.3.attn.in_proj_weight"
	for key, c := range map[string]struct {
		stem, base string
		shape      tensor.Shape
		steps      []string
	}{
		"of its own": {fc1Stem, fc1Key, tensor.Shape{2, 2}, []string{loraTo + "&1", `merge "add_difference" &0 &2`, `merge "fallback" &3 &0`}},
		"a part": {"lora_" + strings.ReplaceAll(fusedKey+"q_proj", ".", "_") + ".", fused, tensor.Shape{6, 2},
			[]string{loraTo + "&1", kohyaTo + "&2", `merge "add_difference" &0 &3`, `merge "fallback" &4 &0`}},
	} {
		nan := weights(1, tensor.F32, 2, rank)
		copy(nan.Data, f32s(nil, float32(math.NaN())).Data)
		l := memory.Dict{c.stem + "lora_up.weight": nan, c.stem + "lora_down.weight": weights(2, tensor.F32, rank, 2)}
		if v := strings.Replace(c.stem, "q_proj", "v_proj", 1); v != c.stem {
			maps.Copy(l, rankOne(v))
		}
		w := newWorld(t, map[string]memory.Dict{"a": {c.base: weights(3, tensor.F32, c.shape...)}, "b": l})
		_, rep := w.mustMerge(recipeFor("ab", c.steps...), mecha.Options{})
		if o := rep.OmittedInputs; o.Count != 1 || !strings.HasSuffix(o.Names[0], "b: "+c.stem+"lora_up.weight") {
			t.Errorf("%s: omitted %v", key, o)
		}
	}
}

// TestLoRAsThatAreNotConvertedAreRefused: they have no key in common with a model, and a fallback
// would hide it. LoRAs may be merged with one another.
func TestLoRAsThatAreNotConvertedAreRefused(t *testing.T) {
	w := newWorld(t, map[string]memory.Dict{"a": {fc1Key: weights(1, tensor.F32, 2, 2)}, "b": rankOne(fc1Stem), "c": rankOne(fc1Stem)})
	for models, c := range map[string]struct {
		steps []string
		want  string
	}{
		"ab": {[]string{`merge "weighted_sum" &0 &1`, `merge "fallback" &2 &0`}, "b: nothing of this LoRA has a place in the result (convert makes it a difference"},
		"ba": {[]string{`merge "weighted_sum" &1 &0`}, "a conversion is missing: convert_'sdxl-kohya_kohya_lora'_to_base"},
		"bc": {[]string{`merge "weighted_sum" &0 &1 0.0`}, ""},
	} {
		_, err := merge(w.Mem, recipeFor(models, c.steps...), "/out/x", mecha.Options{})
		if (err != nil) != (c.want != "") || err != nil && (tensor.ClassOf(err) != tensor.ClassInput || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v", models, err)
		}
	}
}

// TestALoRAMayStandInForAnother: it is used for what is not finite in the first one, or not at all.
func TestALoRAMayStandInForAnother(t *testing.T) {
	odd := rankOne(fc1Stem)
	odd[fc1Stem+"lora_up.weight"] = f32s(tensor.Shape{2, 1}, float32(math.NaN()), 2)
	other := rankOne(fc1Stem)
	other[fc1Stem+"lora_up.weight"] = f32s(tensor.Shape{2, 1}, 5, 6)
	w := newWorld(t, map[string]memory.Dict{"a": {fc1Key: f32s(tensor.Shape{2, 2}, 0, 0, 0, 0)}, "b": rankOne(fc1Stem), "c": odd, "d": other})
	for models, want := range map[string][]float32{"abd": {3, 4, 6, 8}, "acd": {15, 20, 18, 24}} {
		got, _ := w.mustMerge(recipeFor(models, loraTo+"&1", loraTo+"&2", `merge "fallback" &3 &4`, `merge "add_difference" &0 &5`), mecha.Options{})
		if x := got[fc1Key]; !bytes.Equal(x.Data, f32s(nil, want...).Data) {
			t.Errorf("%s: %v, want %v", models, values(x), want)
		}
	}
}

// TestPartsOfAFusedTensorHaveEqualShapes: two that differ may fill as much as three that do not, at
// wrong rows.
func TestPartsOfAFusedTensorHaveEqualShapes(t *testing.T) {
	d := memory.Dict{}
	for part, rows := range map[string]int64{"q": 1, "k": 2, "v": 3} {
		d[fusedKey+part+"_proj.weight"] = weights(1, tensor.F32, rows, 2)
	}
	w := newWorld(t, map[string]memory.Dict{"a": d})
	if _, err := merge(w.Mem, recipeFor("a", kohyaTo+"&0"), "/out/x", mecha.Options{}); tensor.ClassOf(err) != tensor.ClassInput || !strings.Contains(err.Error(), "as the others") {
		t.Errorf("%v", err)
	}
}
