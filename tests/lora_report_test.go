package tests

import (
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
		for _, alpha := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
			for _, dtype := range []tensor.DType{tensor.F32, tensor.F16, tensor.BF16, tensor.F64} {
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
}
