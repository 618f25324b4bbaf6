package tests

import (
	"bytes"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/mecha-gpu/mecha-gpu"
	"github.com/mecha-gpu/mecha-gpu/stream/memory"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

const (
	textG   = "conditioner.embedders.1.model."
	layerG  = "te2.text_model.encoder.layers.3."
	vaeMid  = "first_stage_model.decoder.mid.attn_1."
	kohyaTo = `merge "convert_'sdxl-kohya'_to_'sdxl-sgm'" `
	sgmTo   = `merge "convert_'sdxl-sgm'_to_'sdxl-kohya'" `
)

// kohya is an SDXL model in small: every way in which a key is converted, and every size of
// element.
func kohya(seed uint64, d tensor.DType) memory.Dict {
	return memory.Dict{
		"unet.input_blocks.4.1.transformer_blocks.0.attn1.to_q.weight": weights(seed, d, 5, 5),
		layerG + "self_attn.q_proj.weight":                             weights(seed+1, d, 4, 3),
		layerG + "self_attn.k_proj.weight":                             weights(seed+2, d, 4, 3),
		layerG + "self_attn.v_proj.weight":                             weights(seed+3, d, 4, 3),
		layerG + "self_attn.q_proj.bias":                               weights(seed+4, d, 4),
		layerG + "self_attn.k_proj.bias":                               weights(seed+5, d, 4),
		layerG + "self_attn.v_proj.bias":                               weights(seed+6, d, 4),
		"te2.text_projection.weight":                                   weights(seed+7, d, 70, 90),
		"te1.text_model.embeddings.position_ids":                       i64s(0, 1, 2),
		vaeMid + "q.weight":                                            weights(seed+8, d, 3, 3, 1, 1),
	}
}

func sameDict(a, b memory.Dict) bool {
	return maps.EqualFunc(a, b, func(x, y memory.Tensor) bool {
		return x.DType == y.DType && x.Shape.Equal(y.Shape) && bytes.Equal(x.Data, y.Data)
	})
}

// TestConversionsThereAndBackAreTheSameBytes takes a model to another config and back, in units of
// several sizes, once and through a file.
func TestConversionsThereAndBackAreTheSameBytes(t *testing.T) {
	for _, d := range []tensor.DType{tensor.F16, tensor.BF16, tensor.F32, tensor.F64, tensor.F8_E4M3} {
		a := kohya(1, d)
		w := newWorld(t, map[string]memory.Dict{"a": a})
		for i, unit := range []int64{0, 100, 4096} {
			o := mecha.Options{UnitBytes: unit}
			sgm, rep := w.mustMerge(recipeFor("a", kohyaTo+"&0"), o)
			p, q := sgm[textG+"text_projection"], a["te2.text_projection.weight"]
			if !p.Shape.Equal(tensor.Shape{90, 70}) || !bytes.Equal(p.Data, transpose(q.Data, 90, d.Size())) {
				t.Errorf("%v, units of %d: text_projection %v is not the transpose", d, unit, p.Shape)
			}
			if in := sgm[textG+"transformer.resblocks.3.attn.in_proj_weight"]; !in.Shape.Equal(tensor.Shape{12, 3}) {
				t.Errorf("in_proj_weight has shape %v", in.Shape)
			}
			if rep.Keys.Copied != 6 || len(sgm) != 6 {
				t.Errorf("%v: %d of %d keys are copied", d, rep.Keys.Copied, len(sgm))
			}
			b := string(rune('b' + i))
			w.put("/in/"+b, encode(t, sgm, nil))
			for _, recipe := range []string{recipeFor(b, sgmTo+"&0"), recipeFor("a", kohyaTo+"&0", sgmTo+"&1")} {
				if got, _ := w.mustMerge(recipe, o); !sameDict(got, a) {
					t.Errorf("%v, units of %d: %v", d, unit, slices.Sorted(maps.Keys(got)))
				}
			}
		}
	}
}

// transpose is written without regard to how the program does it.
func transpose(data []byte, cols int, size int64) (out []byte) {
	rows := len(data) / cols / int(size)
	for c := range cols {
		for r := range rows {
			at := (r*cols + c) * int(size)
			out = append(out, data[at:at+int(size)]...)
		}
	}
	return out
}

// TestArithmeticOnConvertedModels merges a converted model with one that is there already, with
// sums over whole tensors: the views below them are cut, transposed and reshaped.
func TestArithmeticOnConvertedModels(t *testing.T) {
	a, b := kohya(1, tensor.F16), kohya(20, tensor.F32)
	w := newWorld(t, map[string]memory.Dict{"a": a, "b": b})
	step := func(models, out string, instructions ...string) memory.Dict {
		d, _ := w.mustMerge(recipeFor(models, instructions...), mecha.Options{})
		w.put("/in/"+out, encode(t, d, nil))
		return d
	}
	step("a", "c", kohyaTo+"&0")
	step("b", "d", kohyaTo+"&0")
	want := step("cd", "e", `merge "weighted_sum" &0 &1 0.3`)
	if got := step("ad", "f", kohyaTo+"&0", `merge "weighted_sum" &2 &1 0.3`); !sameDict(got, want) {
		t.Error("a sum with a converted model differs from that with the file that the conversion makes")
	}
	want = step("ab", "g", `merge "slerp" &0 &1 0.3`)
	if got := step("cb", "h", sgmTo+"&0", `merge "slerp" &2 &1 0.3`); !sameDict(got, want) {
		t.Error("slerp of a converted model differs from slerp of the model")
	}
	want = step("cd", "k", `merge "slerp" &0 &1 0.3`)
	for unit, out := range map[int64]string{0: "l", 100: "m"} {
		got, _ := w.mustMerge(recipeFor("ad", kohyaTo+"&0", `merge "slerp" &2 &1 0.3`), mecha.Options{UnitBytes: unit})
		if !sameDict(got, want) {
			t.Errorf("units of %d, %s: slerp of joined tensors differs from slerp of the file that the conversion makes", unit, out)
		}
	}
	want = step("g", "i", kohyaTo+"&0")
	if got := step("ab", "j", `merge "slerp" &0 &1 0.3`, kohyaTo+"&2"); !sameDict(got, want) {
		t.Error("a converted slerp differs from the conversion of its file")
	}
}

// TestAttentionOfTheVAEGetsAndLosesItsAxes is the part of Stable Diffusion 1 in which shapes differ,
// and the norms that the reference forgets.
func TestAttentionOfTheVAEGetsAndLosesItsAxes(t *testing.T) {
	k := memory.Dict{
		"vae.decoder.mid_block.attentions.0.to_q.weight":     weights(1, tensor.F16, 3, 3),
		"vae.decoder.mid_block.attentions.0.to_out.0.bias":   weights(2, tensor.F16, 3),
		"vae.decoder.mid_block.attentions.0.group_norm.bias": weights(3, tensor.F16, 3),
		"vae.quant_conv.weight":                              weights(4, tensor.F16, 2, 2, 1, 1),
	}
	w := newWorld(t, map[string]memory.Dict{"a": k})
	ldm, _ := w.mustMerge(recipeFor("a", `merge "convert_'sd1-kohya'_to_'sd1-ldm'" &0`), mecha.Options{})
	if q := ldm[vaeMid+"q.weight"]; len(ldm) != 4 || !q.Shape.Equal(tensor.Shape{3, 3, 1, 1}) || ldm[vaeMid+"norm.bias"].Data == nil {
		t.Errorf("%v", ldm)
	}
	w.put("/in/b", encode(t, ldm, nil))
	if got, _ := w.mustMerge(recipeFor("b", `merge "convert_'sd1-ldm'_to_'sd1-kohya'" &0`), mecha.Options{}); !sameDict(got, k) {
		t.Errorf("back: %v", got)
	}
}

// TestPartsOfAFusedTensorMayBeMissingInDifferences: nothing says that they change. A model without
// them is incomplete.
func TestPartsOfAFusedTensorMayBeMissingInDifferences(t *testing.T) {
	d := memory.Dict{
		layerG + "self_attn.v_proj.bias": f32s(tensor.Shape{2}, 5, 6),
		layerG + "self_attn.q_proj.bias": f32s(tensor.Shape{2}, 1, 2),
		layerG + "layer_norm1.bias":      f32s(tensor.Shape{2}, 7, 8),
	}
	w := newWorld(t, map[string]memory.Dict{"a": d})
	key := textG + "transformer.resblocks.3.attn.in_proj_bias"
	recipe := strings.Replace(recipeFor("a", kohyaTo+"&0"), `"a"`, `"a" merge_space="delta"`, 1)
	got, _ := w.mustMerge(recipe, mecha.Options{MergeSpace: "delta"})
	if !bytes.Equal(got[key].Data, f32s(nil, 1, 2, 0, 0, 5, 6).Data) || len(got) != 2 {
		t.Errorf("difference: %v", got)
	}
	got, rep := w.mustMerge(recipeFor("a", kohyaTo+"&0"), mecha.Options{})
	if len(got) != 1 || !slices.Contains(rep.Missing.Names, key) {
		t.Errorf("model: %v, missing %d", got, rep.Missing.Count)
	}
	if u := rep.Models[0].Unread; u.Count != 2 || !slices.Contains(u.Names, layerG+"self_attn.q_proj.bias") {
		t.Errorf("keys that nothing is made from: %v", u)
	}
}

// TestOutputsHaveTheNamesOfTheFirstModel: aliases included, unless the reference's names are asked
// for, or another config.
func TestOutputsHaveTheNamesOfTheFirstModel(t *testing.T) {
	const alias, canonical = "cond_stage_model.transformer.encoder.layers.0.mlp.fc1.bias", "cond_stage_model.transformer.text_model.encoder.layers.0.mlp.fc1.bias"
	a := memory.Dict{alias: f32s(tensor.Shape{1}, 1), "model.diffusion_model.out.0.bias": f32s(tensor.Shape{1}, 1)}
	b := memory.Dict{canonical: f32s(tensor.Shape{1}, 3), "model.diffusion_model.out.0.bias": f32s(tensor.Shape{1}, 3)}
	w := newWorld(t, map[string]memory.Dict{"a": a, "b": b})
	half := `merge "weighted_sum" &0 &1 alpha=0.5`
	for _, c := range []struct {
		recipe, want string
		o            mecha.Options
	}{
		{recipeFor("ab", half), alias, mecha.Options{}},
		{recipeFor("ba", half), canonical, mecha.Options{}},
		{recipeFor("ab", half), canonical, mecha.Options{Compat: "sd-mecha-1.1.5", OutputDType: tensor.F32}},
		{recipeFor("ab", half, `merge "convert_'sd1-ldm'_to_'sd1-kohya'" &2`), "te.text_model.encoder.layers.0.mlp.fc1.bias", mecha.Options{}},
	} {
		got, _ := w.mustMerge(c.recipe, c.o)
		if x := got[c.want]; len(got) != 2 || !bytes.Equal(x.Data, f32s(nil, 2).Data) {
			t.Errorf("%s is not in %v", c.want, slices.Sorted(maps.Keys(got)))
		}
	}
}

func TestStrictKeysAskForMandatoryKeysOnly(t *testing.T) {
	w := newWorld(t, map[string]memory.Dict{"a": {"BASE": f32s(nil, 1), "IN00": f32s(nil, 2)}})
	hint := ` model_config="sd1-supermerger_blocks"`
	_, err := merge(w.Mem, strings.Replace(recipeFor("a"), `"a"`, `"a"`+hint, 1), "/out/m", mecha.Options{StrictKeys: true})
	if tensor.ClassOf(err) != tensor.ClassInput || !strings.Contains(err.Error(), "24 keys") {
		t.Errorf("24 blocks are missing: %v", err)
	}
	keys := mecha.Options{StrictKeys: true, MergeSpace: "any"}
	lora := memory.Dict{"lora_unet_conv_in.alpha": f32s(nil, 1)} // all keys of it are optional
	w.put("/in/b", encode(t, lora, nil))
	if all, _ := w.mustMerge(recipeFor("b"), keys); !sameDict(all, lora) {
		t.Errorf("%v", all)
	}
}

func TestComponentsBlocksAndAverages(t *testing.T) {
	const unet, text, vae = "model.diffusion_model.input_blocks.1.0.in_layers.0.bias", "cond_stage_model.transformer.text_model.final_layer_norm.bias", "first_stage_model.quant_conv.bias"
	const average = "model_ema.diffusion_modelinput_blocks10in_layers0bias"
	dict := func(x float32) memory.Dict {
		return memory.Dict{unet: f32s(tensor.Shape{1}, x), text: f32s(tensor.Shape{1}, x+1), vae: f32s(tensor.Shape{1}, x+2), average: f32s(tensor.Shape{1}, x+3)}
	}
	w := newWorld(t, map[string]memory.Dict{"a": dict(0), "b": dict(10)})
	for recipe, want := range map[string][4]float32{
		recipeFor("ab", `merge "pick_component" &0 "clip_l"`, `merge "fallback" &2 &1`):                                                      {10, 1, 12, 13},
		recipeFor("ab", `merge "omit_component" &0 "clip_l"`, `merge "fallback" &2 &1`):                                                      {0, 11, 2, 3},
		recipeFor("a", `merge "exchange_ema" &0`):                                                                                            {3, 1, 2, 0},
		recipeFor("ab", "dict BASE=1.0 IN01=0.5", `merge "convert_sd1_blocks_to_ldm" &2`, `merge "weighted_sum" &0 &1 &3`):                   {5, 11, 12, 13},
		recipeFor("ab", "dict IN01=0.5", `merge "convert_sd1_blocks_to_ldm" &2`, `merge "fallback" &3 0.0`, `merge "weighted_sum" &0 &1 &4`): {5, 1, 2, 3},
		recipeFor("ab", `merge "get_dtype" &0`, `merge "cast" &0 null &2`):                                                                   {0, 1, 2, 3},
	} {
		got, _ := w.mustMerge(recipe, mecha.Options{})
		for i, key := range []string{unet, text, vae, average} {
			if !bytes.Equal(got[key].Data, f32s(nil, want[i]).Data) {
				t.Errorf("%s\n%s is %x, not %v", recipe, key, got[key].Data, want[i])
			}
		}
	}
	_, err := merge(w.Mem, recipeFor("a", `merge "pick_component" &0 "clip"`), "/out/m", mecha.Options{})
	if err == nil || strings.Count(err.Error(), "clip_l") != 1 {
		t.Errorf("the error about a component is %v", err)
	}
}

// TestBlockWeightsReachOtherLayouts: a number goes through every kind of rule as it is.
func TestBlockWeightsReachOtherLayouts(t *testing.T) {
	a, b := memory.Dict{}, memory.Dict{}
	for key, x := range kohya(1, tensor.F32) {
		if x.DType == tensor.F32 {
			n := make([]float32, x.Shape.N())
			a[key] = f32s(x.Shape, n...)
			for i := range n {
				n[i] = 8
			}
			b[key] = f32s(x.Shape, n...)
		}
	}
	w := newWorld(t, map[string]memory.Dict{"a": a, "b": b})
	got, _ := w.mustMerge(recipeFor("ab", "dict BASE=0.5 IN04=0.25", `merge "convert_sdxl_blocks_to_sgm" &2`, sgmTo+"&3",
		`merge "fallback" &4 0.125`, `merge "weighted_sum" &0 &1 &5`), mecha.Options{})
	for key, want := range map[string]float32{
		"unet.input_blocks.4.1.transformer_blocks.0.attn1.to_q.weight": 2, layerG + "self_attn.k_proj.weight": 4, "te2.text_projection.weight": 4, vaeMid + "q.weight": 1,
	} {
		if x := got[key]; len(got) != len(a) || !bytes.Equal(x.Data[:4], f32s(nil, want).Data) {
			t.Errorf("%s starts with %x, not %v", key, x.Data[:4], want)
		}
	}
}
