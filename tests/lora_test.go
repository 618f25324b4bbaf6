package tests

import (
	"bytes"
	"encoding/binary"
	"maps"
	"math"
	"math/big"
	"slices"
	"strings"
	"testing"

	"github.com/mecha-gpu/mecha-gpu"
	"github.com/mecha-gpu/mecha-gpu/kernels"
	"github.com/mecha-gpu/mecha-gpu/stream/memory"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// values returns the elements of a tensor.
func values(x memory.Tensor) []float64 {
	f := make([]float32, x.Shape.N())
	kernels.Widen(f, x.Data, x.DType)
	out := make([]float64, len(f))
	for i := range f {
		out[i] = float64(f[i])
	}
	return out
}

// difference is what a target's factors stand for, by the definitions, in float64: rows, columns,
// and the elements. base is the stem with its dot.
func difference(d memory.Dict, base string) (rows, cols int64, out []float64) {
	get := func(suffix string) ([]float64, tensor.Shape) {
		x, ok := d[base+suffix]
		if !ok {
			return nil, nil
		}
		return values(x), x.Shape
	}
	product := func(a []float64, s tensor.Shape, b []float64, t tensor.Shape) ([]float64, int64, int64) {
		n, k, m := s[0], s[1], t[1:].N()
		c := make([]float64, n*m)
		for i := range n {
			for j := range m {
				for r := range k {
					c[i*m+j] += a[i*k+r] * b[r*m+j]
				}
			}
		}
		return c, n, m
	}
	scale := 1.0
	alpha, _ := get("alpha")
	if up, s := get("lora_up.weight"); up != nil {
		down, t := get("lora_down.weight")
		if alpha != nil {
			scale = alpha[0] / float64(t[0])
		}
		out, rows, cols = product(up, s, down, t)
	} else {
		matrix := func(name string) (x []float64, s tensor.Shape, rank int64) { // rank 0: it is stored
			if x, s = get(name); x != nil {
				return x, s, 0
			}
			a, sa := get(name + "_a")
			b, sb := get(name + "_b")
			x, n, m := product(a, sa, b, sb)
			return x, tensor.Shape{n, m}, sb[0]
		}
		w1, s, rank := matrix("lokr_w1")
		w2, t, _ := matrix("lokr_w2")
		if alpha != nil && rank > 0 {
			scale = alpha[0] / float64(rank)
		}
		rows, cols = s[0]*t[0], s[1]*t[1:].N()
		out = make([]float64, rows*cols)
		for r := range rows {
			for c := range cols {
				k := t[1:].N()
				out[r*cols+c] = w1[r/t[0]*s[1]+c/k] * w2[r%t[0]*k+c%k]
			}
		}
	}
	for i := range out {
		out[i] *= scale
	}
	return rows, cols, out
}

// near fails unless a float32 tensor has the elements, but for rounding.
func near(t *testing.T, what string, got memory.Tensor, want []float64) {
	t.Helper()
	most := 0.0
	for _, x := range want {
		most = max(most, math.Abs(x))
	}
	if got.Data == nil || int(got.Shape.N()) != len(want) {
		t.Errorf("%s has shape %v, want %d elements", what, got.Shape, len(want))
		return
	}
	for i, x := range values(got) {
		if math.Abs(x-want[i]) > 2e-6*most {
			t.Errorf("%s: element %d is %v, want %v", what, i, x, want[i])
			return
		}
	}
}

const (
	linearKey = "unet.input_blocks.4.1.transformer_blocks.0.attn1.to_q"
	convKey   = "unet.input_blocks.1.0.in_layers.2"
	fusedKey  = "te2.text_model.encoder.layers.3.self_attn."
	loraTo    = `merge "convert_'sdxl-kohya_kohya_lora'_to_base" `
)

// lora is a LoRA file for some keys of SDXL: LoRA with and without alpha, of a convolution, of two
// of three matrices that are one in another layout, and LoKr. The ranks are below and above what
// one Program takes.
func lora(d tensor.DType) memory.Dict {
	stem := func(key string) string { return "lora_" + strings.ReplaceAll(key, ".", "_") + "." }
	l := memory.Dict{}
	low := func(key string, seed uint64, rank int64, rows int64, rest ...int64) {
		ones := make([]int64, len(rest)-1)
		for i := range ones {
			ones[i] = 1
		}
		l[stem(key)+"lora_up.weight"] = weights(seed, d, append([]int64{rows, rank}, ones...)...)
		l[stem(key)+"lora_down.weight"] = weights(seed+1, d, append([]int64{rank}, rest...)...)
	}
	low(linearKey, 1, 3, 10, 7)
	l[stem(linearKey)+"alpha"] = floats(d, nil, 1.5)
	low(convKey, 3, 300, 6, 5, 3, 3)
	low(fusedKey+"q_proj", 5, 40, 4, 3)
	low(fusedKey+"v_proj", 7, 2, 4, 3)
	l[stem(fusedKey+"v_proj")+"alpha"] = floats(d, nil, 1)
	l[stem("te2.text_projection")+"lokr_w1"] = weights(9, d, 2, 3)
	l[stem("te2.text_projection")+"lokr_w2_a"], l[stem("te2.text_projection")+"lokr_w2_b"] = weights(10, d, 5, 3), weights(14, d, 3, 4)
	k := stem("te1.text_model.encoder.layers.0.mlp.fc1")
	l[k+"lokr_w1_a"], l[k+"lokr_w1_b"], l[k+"lokr_w2"] = weights(11, d, 3, 2), weights(12, d, 2, 2), weights(13, d, 4, 5)
	l[k+"alpha"] = floats(d, nil, 5)
	return l
}

// TestLoRAsAreAddedToModels adds a LoRA to a model in another layout. The result is that of the
// definitions, and the same bytes in units of any size.
func TestLoRAsAreAddedToModels(t *testing.T) {
	l := lora(tensor.F16)
	of := func(key string) []float64 {
		_, _, x := difference(l, "lora_"+strings.ReplaceAll(key, ".", "_")+".")
		return x
	}
	q, v := of(fusedKey+"q_proj"), of(fusedKey+"v_proj")
	turned := make([]float64, 0, 10*12)
	p := of("te2.text_projection")
	for c := range 12 {
		for r := range 10 {
			turned = append(turned, p[r*12+c])
		}
	}
	const layer = "conditioner.embedders.0.transformer.text_model.encoder.layers.0.mlp.fc1.weight"
	want := map[string][]float64{
		"model.diffusion_model.input_blocks.4.1.transformer_blocks.0.attn1.to_q.weight": of(linearKey),
		"model.diffusion_model.input_blocks.1.0.in_layers.2.weight":                     of(convKey),
		textG + "transformer.resblocks.3.attn.in_proj_weight":                           slices.Concat(q, make([]float64, 12), v),
		textG + "text_projection": turned,
		layer:                     of("te1.text_model.encoder.layers.0.mlp.fc1"),
	}
	shapes := map[string]tensor.Shape{
		"model.diffusion_model.input_blocks.4.1.transformer_blocks.0.attn1.to_q.weight": {10, 7},
		"model.diffusion_model.input_blocks.1.0.in_layers.2.weight":                     {6, 5, 3, 3},
		textG + "transformer.resblocks.3.attn.in_proj_weight":                           {12, 3},
		textG + "text_projection": {12, 10}, layer: {12, 10},
	}
	a := memory.Dict{"model.diffusion_model.out.2.bias": f32s(tensor.Shape{2}, 1, 2)}
	for i, key := range slices.Sorted(maps.Keys(want)) {
		a[key] = weights(uint64(100+i), tensor.F32, shapes[key]...)
	}
	w := newWorld(t, map[string]memory.Dict{"a": a, "b": l})
	text := recipeFor("ab", loraTo+"&1", kohyaTo+"&2", `merge "add_difference" &0 &3 0.5`, `merge "fallback" &4 &0`)
	first, rep := w.mustMerge(text, mecha.Options{})
	for key, d := range want {
		sum := values(a[key])
		for i := range sum {
			sum[i] += 0.5 * d[i]
		}
		near(t, key, first[key], sum)
		if !first[key].Shape.Equal(shapes[key]) {
			t.Errorf("%s has shape %v", key, first[key].Shape)
		}
	}
	if rep.Models[1].Unread.Count != 0 || len(first) != len(a) {
		t.Errorf("%v of the LoRA are not read", rep.Models[1].Unread)
	}
	for _, unit := range []int64{1, 100, 4096} {
		for _, tier := range tiers() {
			if got, _ := w.mustMerge(text, mecha.Options{UnitBytes: unit, Devices: only(tier)}); !sameDict(got, first) {
				t.Errorf("units of %d on %s: other bytes", unit, tier)
			}
		}
	}
}

// TestALoRAThatIsNotFiniteIsLeftOut: whichever factor of a target has a NaN, and wherever.
func TestALoRAThatIsNotFiniteIsLeftOut(t *testing.T) {
	const stem, key = "lora_te1_text_model_encoder_layers_0_mlp_fc1.", "te1.text_model.encoder.layers.0.mlp.fc1.weight"
	a := memory.Dict{key: weights(1, tensor.F32, 20, 30)}
	for _, suffix := range []string{"lora_up.weight", "lora_down.weight"} {
		for at := range 2 {
			l := memory.Dict{stem + "lora_up.weight": weights(2, tensor.F16, 20, 3), stem + "lora_down.weight": weights(3, tensor.F16, 3, 30)}
			data := l[stem+suffix].Data
			copy(data[at*(len(data)-2):], "\x01\x7c")
			w := newWorld(t, map[string]memory.Dict{"a": a, "b": l})
			for _, unit := range []int64{1, 100, 4096} {
				got, _ := w.mustMerge(recipeFor("ab", loraTo+"&1", `merge "add_difference" &0 &2`, `merge "fallback" &3 &0`), mecha.Options{UnitBytes: unit})
				if !sameDict(got, a) {
					t.Errorf("%s, place %d, units of %d: the model changed", suffix, at, unit)
				}
			}
		}
	}
}

// TestTheFirstCompleteFormOfATargetIsTaken: LoRA before LoKr, and an alpha that is not finite is as
// none.
func TestTheFirstCompleteFormOfATargetIsTaken(t *testing.T) {
	const stem = "lora_te1_text_model_encoder_layers_0_mlp_fc1."
	both := memory.Dict{
		stem + "lora_up.weight": f32s(tensor.Shape{2, 1}, 1, 2), stem + "lora_down.weight": f32s(tensor.Shape{1, 2}, 3, 4),
		stem + "lokr_w1": f32s(tensor.Shape{1, 1}, 5), stem + "lokr_w2": f32s(tensor.Shape{2, 2}, 1, 2, 3, 4), stem + "alpha": f32s(nil, 2),
	}
	half := maps.Clone(both)
	delete(half, stem+"lora_down.weight")
	odd := maps.Clone(both)
	odd[stem+"alpha"] = f32s(nil, float32(math.NaN()))
	for name, c := range map[string]struct {
		lora memory.Dict
		want []float32
	}{"both": {both, []float32{6, 8, 12, 16}}, "half": {half, []float32{5, 10, 15, 20}}, "odd": {odd, []float32{3, 4, 6, 8}}} {
		w := newWorld(t, map[string]memory.Dict{"a": c.lora})
		for _, policy := range []mecha.NonFinite{mecha.OmitNonFinite, mecha.KeepNonFinite} {
			got, rep := w.mustMerge(recipeFor("a", loraTo+"&0"), mecha.Options{MergeSpace: "delta", NonFinite: policy})
			x := got["te1.text_model.encoder.layers.0.mlp.fc1.weight"]
			if len(got) != 1 || !bytes.Equal(x.Data, f32s(nil, c.want...).Data) {
				t.Errorf("%s: %v, want %v", name, values(x), c.want)
			}
			if name == "half" && !slices.Contains(rep.Models[0].Unread.Names, stem+"lora_up.weight") {
				t.Errorf("not read: %v", rep.Models[0].Unread)
			}
		}
	}
}

// TestLoRAsThatMatchNothingAreRefused: all keys are named that have no place, and a LoRA of which
// nothing is used is an error before anything is written.
func TestLoRAsThatMatchNothingAreRefused(t *testing.T) {
	a := memory.Dict{"unet.out.2.bias": f32s(tensor.Shape{1}, 1), "te1.text_model.encoder.layers.0.mlp.fc1.weight": weights(1, tensor.F32, 2, 2)}
	const stem = "lora_te1_text_model_encoder_layers_0_mlp_fc1."
	good := memory.Dict{stem + "lora_up.weight": f32s(tensor.Shape{2, 1}, 1, 2), stem + "lora_down.weight": f32s(tensor.Shape{1, 2}, 3, 4), "lora_unet_nowhere.lora_up.weight": f32s(tensor.Shape{1}, 1)}
	bad := memory.Dict{stem + "lora_up.weight": f32s(tensor.Shape{2, 1}, 1, 2), "lora_unet_nowhere.lora_up.weight": f32s(tensor.Shape{1}, 1)}
	misfit := memory.Dict{stem + "lora_up.weight": f32s(tensor.Shape{2, 2}, 1, 2, 3, 4), stem + "lora_down.weight": f32s(tensor.Shape{1, 2}, 3, 4)}
	w := newWorld(t, map[string]memory.Dict{"a": a, "b": good, "c": bad, "d": misfit})
	text := func(models string) string {
		return recipeFor(models, loraTo+"&1", `merge "add_difference" &0 &2`, `merge "fallback" &3 &0`)
	}
	w.put("/in/e", encode(t, good, map[string]string{"ss_tag_frequency": "x", "modelspec.title": "y"}))
	if _, err := merge(w.Mem, recipeFor("e", loraTo+"&0"), "/out/d", mecha.Options{MergeSpace: "delta"}); err != nil {
		t.Fatal(err)
	}
	if _, m, err := decode(w.get("/out/d")); err != nil || m["ss_tag_frequency"] != "" || m["modelspec.title"] != "y" {
		t.Errorf("metadata of a LoRA that is none anymore: %v, %v", m, err)
	}
	_, rep := w.mustMerge(text("ab"), mecha.Options{})
	if u := rep.Models[1].Unread; !slices.Equal(u.Names, []string{"lora_unet_nowhere.lora_up.weight"}) {
		t.Errorf("keys without a place: %v", u)
	}
	for models, words := range map[string][]string{"ac": {"nothing of this LoRA", "1 key for no tensor of sdxl-kohya", "lora_unet_nowhere", "1 key of factors that are not complete", "fc1.lora_up"}, "ad": {"do not fit each other", "[2,2]", "fc1.weight"}} {
		_, err := merge(w.Mem, text(models), "/out/x", mecha.Options{})
		if tensor.ClassOf(err) != tensor.ClassInput {
			t.Errorf("%s: class %v: %v", models, tensor.ClassOf(err), err)
			continue
		}
		for _, word := range words {
			if !strings.Contains(strings.ReplaceAll(err.Error(), " ", ""), strings.ReplaceAll(word, " ", "")) {
				t.Errorf("%q is not in %v", word, err)
			}
		}
		if w.get("/out/x") != nil {
			t.Error("a file was written")
		}
	}
}

// TestProductsAddInBlocks is the product rule: products are added by fma, in order, in blocks of
// 256, whose sums add in order. Sums of these numbers depend on it.
func TestProductsAddInBlocks(t *testing.T) {
	const rank, stem = 600, "lora_te1_text_model_encoder_layers_0_mlp_fc1."
	up, down := weights(1, tensor.F32, 2, rank), weights(2, tensor.F32, rank, 1)
	w := newWorld(t, map[string]memory.Dict{"a": {stem + "lora_up.weight": up, stem + "lora_down.weight": down}})
	got, _ := w.mustMerge(recipeFor("a", loraTo+"&0"), mecha.Options{MergeSpace: "delta"})
	x := got["te1.text_model.encoder.layers.0.mlp.fc1.weight"]
	u, d := values(up), values(down)
	for row := range 2 {
		var sum, block float32
		for r := range rank {
			if r%256 == 0 {
				sum, block = sum+block, 0
			}
			block = fma32(u[row*rank+r], d[r], block)
		}
		sum += block
		if have := math.Float32frombits(binary.LittleEndian.Uint32(x.Data[4*row:])); have != sum {
			t.Errorf("row %d is %v, want %v", row, have, sum)
		}
	}
}

// fma32 is x*y + z, rounded once.
func fma32(x, y float64, z float32) float32 {
	exact := func(v float64) *big.Float { return new(big.Float).SetPrec(500).SetFloat64(v) }
	r, _ := new(big.Float).SetPrec(500).Add(new(big.Float).SetPrec(500).Mul(exact(x), exact(y)), exact(float64(z))).Float32()
	return r
}
