package config

import (
	"slices"
	"strings"
	"testing"
)

// TestFormsOfAdaptersAreTriedInTheOrderOfTheReference lists them as its specification does.
func TestFormsOfAdaptersAreTriedInTheOrderOfTheReference(t *testing.T) {
	want := strings.Split(strings.TrimSpace(`
mid up down alpha
mid up down
up down alpha
up down
w1 w2_a w2_b t2 alpha
w1 w2_a w2_b t2
w1 w2 alpha
w1 w2
w1 w2_a w2_b alpha
w1 w2_a w2_b
w1_a w1_b w2_a w2_b t2 alpha
w1_a w1_b w2_a w2_b t2
w1_a w1_b w2 alpha
w1_a w1_b w2
w1_a w1_b w2_a w2_b alpha
w1_a w1_b w2_a w2_b`), "\n")
	short := strings.NewReplacer("lora_", "", "lokr_", "", ".weight", "")
	forms := AdapterForms()
	if len(forms) != len(want) {
		t.Fatalf("%d forms", len(forms))
	}
	for i, f := range forms {
		got := short.Replace(strings.Join(f.Suffixes, " "))
		if got != want[i] || f.Lokr != strings.Contains(got, "w2") || f.Alpha != strings.Contains(got, "alpha") || f.Tucker != (strings.Contains(got, "mid") || strings.Contains(got, "t2")) {
			t.Errorf("form %d: %q %+v, want %q", i+1, got, f, want[i])
		}
	}
}

func TestTargetsKnowTheirKeys(t *testing.T) {
	row, _ := Builtin().Get("sdxl-kohya")
	adapters, _ := Builtin().Get("sdxl-kohya_kohya_lora")
	for _, target := range Targets(row.Make(), AdapterKind{"kohya", "lora"}) {
		for _, f := range AdapterForms() {
			for _, key := range target.Keys(f.Suffixes...) {
				if k, _, ok := adapters.Make().Find(key); !ok || !k.Optional || (k.Shape != nil) != strings.HasSuffix(key, ".alpha") {
					t.Fatalf("%s is no key", key)
				}
			}
		}
	}
	kohya := AdapterConfigs()[5]
	if stems := kohya.ID(); stems != "sd1-kohya_kohya_lora" {
		t.Error(stems)
	}
	sd1, _ := Builtin().Get("sd1-kohya")
	targets := Targets(sd1.Make(), kohya.Kind)
	i := slices.IndexFunc(targets, func(x Target) bool { return x.Base.Name == "vae.encoder.mid_block.attentions.0.to_q.weight" })
	if i < 0 || targets[i].Stem != "lora_vae_encoder_mid_block_attentions_0_to_q" {
		t.Error("the stem of to_q")
	}
}

// TestAdaptersRankAsWhatTheyAreFor: where the keys leave open for which layout a LoRA is, it is for
// that which a model with keys of both would have.
func TestAdaptersRankAsWhatTheyAreFor(t *testing.T) {
	for key, want := range map[string][]string{
		"lora_te1_text_model_encoder_layers_0_mlp_fc1.alpha":                   {"sdxl-kohya_kohya_lora", "sdxl-kohya_but_diffusers_kohya_lora"},
		"lycoris_te2_text_projection.lokr_w1":                                  {"sdxl-kohya_lycoris_lora", "sdxl-kohya_but_diffusers_lycoris_lora"},
		"lora_unet_conv_in.alpha":                                              {"sd1-kohya_kohya_lora", "sdxl-kohya_but_diffusers_kohya_lora"},
		"te1.text_model.encoder.layers.0.mlp.fc1.weight":                       {"sdxl-kohya", "sdxl-kohya_but_diffusers"},
		"lora_te_text_model_encoder_layers_0_mlp_fc1.lora_up.weight":           {"sd1-kohya_kohya_lora"},
		"lora_unet_input_blocks_4_1_transformer_blocks_0_attn2_to_k.lokr_w2_a": {"sdxl-kohya_kohya_lora"},
	} {
		if got := ids(Builtin().Detect([]Keys{list{key}})); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", key, got, want)
		}
	}
}

// TestKeysOfAdaptersAreFoundWhereTheyAre: all names are different, and in the components of the base.
func TestKeysOfAdaptersAreFoundWhereTheyAre(t *testing.T) {
	for _, a := range AdapterConfigs() {
		row, _ := Builtin().Get(a.ID())
		c, n := row.Make(), 0
		for _, part := range c.Components() {
			for _, k := range part.Keys {
				got, i, ok := c.Find(k.Name)
				name, _ := c.Component(k.Name)
				if !ok || i != n || c.Name(n) != k.Name || got.Name != k.Name || got.DType != k.DType || got.Finite != k.Finite || name != part.Name {
					t.Fatalf("%s: %s is found as %+v at %d of %s", a.ID(), k.Name, got, i, name)
				}
				n++
			}
		}
		if n != c.Len() {
			t.Errorf("%s: %d keys, want %d", a.ID(), n, c.Len())
		}
		for _, name := range []string{"", ".", "lora_unet_conv_in", "lora_unet_conv_in.", "lora_unet_conv_in.alpha.x", "unet.conv_in.weight"} {
			if _, ok := c.Canonical(name); ok {
				t.Errorf("%s knows %q", a.ID(), name)
			}
		}
	}
}
