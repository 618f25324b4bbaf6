package config

import (
	"slices"
	"strings"
	"testing"
)

// The digests are of the sorted lines "outputs, inputs, operation". They were made from the
// key relations of sd-mecha 1.1.5 by a Python program; those of Stable Diffusion 1 come with and
// without the four norms of the VAE that the reference forgets in either direction.
var conversionDigests = []struct {
	from, to string
	rules    int
	digest   string
	without  string // the norms
}{
	{"sd1-kohya", "sd1-ldm", 1130, "551718bef0f37d9cdd25e5cea12a6aca0061d27b2e0f6dbf18311a7325ae2d60", "50c30055a9a4147565e89fad647984dda401634e5a9e6cd40eea87d3382a540c"},
	{"sd1-ldm", "sd1-kohya", 1130, "2879c3fc0e09e657e6b11eda82891b153d32c605049e6c10fe35e44df52d2a87", "c204c4800638f2b7bd4c1afbc14379723e136c89d799eb90db0e5a542286e945"},
	{"sdxl-kohya", "sdxl-sgm", 2514, "4a8d800a3dabf19b93502f59a8a97a0b6049f86ec952b9f44ffc05b2634697cc", ""},
	{"sdxl-sgm", "sdxl-kohya", 2514, "a29f2965a725b628a3d89b149c2cdddb3e921220d7974f5ca51e09e58bc5e270", ""},
	{"sdxl-kohya_but_diffusers", "sdxl-sgm", 2514, "1376dc8f01ea7ee50a88ec2dcba69669a984469587099c59c9dff193ec787fa9", ""},
	{"sdxl-sgm", "sdxl-kohya_but_diffusers", 2514, "2c263be51c2f1ec9ea869687f911cc7e95a02b97f1121fc9fe5ea737e858458c", ""},
	{"sdxl-diffusers_unet_only", "sdxl-sgm", 1680, "b4d9cf96a436e76b91c86fe1f24d992342d1ffa15a5c479f447e01bac1435ff7", ""},
	{"sdxl-sgm", "sdxl-diffusers_unet_only", 1680, "bcc74d9570722173d7a2535d5cc7049f9012614ed20a077c9784460aadbfcb7a", ""},
	{"sd1-supermerger_blocks", "sd1-ldm", 1831, "4ace3ad933c36fa81051c9b775fbc45161019df7ab781ebe705ce0ed98a84bdf", ""},
	{"sdxl-supermerger_blocks", "sdxl-sgm", 2531, "f68b96e60068387abada6f373efa0eb9bde718ad828b7f82bc49af77e248c9b5", ""},
}

func TestConversionsAreThoseOfTheReference(t *testing.T) {
	all := Conversions()
	if len(all) != len(conversionDigests) {
		t.Errorf("%d conversions", len(all))
	}
	for i, want := range conversionDigests {
		c := all[i]
		var lines, without []string
		for _, r := range c.Rules() {
			line := strings.Join(r.Out, ",") + "\t" + strings.Join(r.In, ",") + "\t" + r.Op.String()
			lines = append(lines, line)
			if !strings.Contains(line, "attn_1.norm") {
				without = append(without, line)
			}
		}
		slices.Sort(lines)
		slices.Sort(without)
		if c.From != want.from || c.To != want.to || len(lines) != want.rules || sum(lines) != want.digest {
			t.Errorf("%s to %s: %d rules, digest %s", c.From, c.To, len(lines), sum(lines))
		}
		if want.without != "" && (len(without) != 1126 || sum(without) != want.without) {
			t.Errorf("%s to %s without norms: %d rules, digest %s", c.From, c.To, len(without), sum(without))
		}
	}
}

// TestConversionsMakeWhatTheConfigsHave checks names, shapes and coverage of every rule.
func TestConversionsMakeWhatTheConfigsHave(t *testing.T) {
	r := Builtin()
	for _, c := range Conversions() {
		from, _ := r.Get(c.From)
		to, _ := r.Get(c.To)
		made, read := map[string]bool{}, map[string]bool{}
		for _, rule := range c.Rules() {
			var in, out int64
			for _, k := range rule.In {
				key, _, ok := from.Make().Find(k)
				if !ok {
					t.Fatalf("%s to %s: %s has no key %s", c.From, c.To, c.From, k)
				}
				in += key.Shape.N()
				read[k] = true
			}
			for i, k := range rule.Out {
				key, _, ok := to.Make().Find(k)
				if !ok || made[k] {
					t.Fatalf("%s to %s: %s has no key %s, or it is made twice", c.From, c.To, c.To, k)
				}
				made[k] = true
				out += key.Shape.N()
				if found, part, ok := c.Find(k); !ok || part != i || !slices.Equal(found.In, rule.In) {
					t.Errorf("%s is not found", k)
				}
			}
			if in != out && !c.Blocks {
				t.Errorf("%s to %s: %v has %d elements, %v %d", c.From, c.To, rule.In, in, rule.Out, out)
			}
		}
		if c.Blocks && (len(made) != to.Make().Len() || len(read) != from.Make().Len()) {
			t.Errorf("%s to %s: %d keys from %d blocks", c.From, c.To, len(made), len(read))
		}
	}
}

func TestBlocksOfKeys(t *testing.T) {
	sd1, sdxl := Conversions()[8], Conversions()[9]
	for _, c := range []struct {
		c          *Conversion
		key, block string
	}{
		{sdxl, "model.diffusion_model.time_embed.0.weight", "BASE"}, {sdxl, "model.diffusion_model.label_emb.0.0.bias", "BASE"},
		{sdxl, "model.diffusion_model.input_blocks.8.1.norm.bias", "IN08"}, {sdxl, "model.diffusion_model.middle_block.1.norm.weight", "M00"},
		{sdxl, "model.diffusion_model.out.0.weight", "OUT08"}, {sdxl, "first_stage_model.decoder.conv_in.bias", "VAE"},
		{sdxl, "conditioner.embedders.1.model.logit_scale", "BASE"}, {sdxl, "v_pred", "BASE"}, {sdxl, "betas", "BASE"},
		{sd1, "model.diffusion_model.input_blocks.11.0.in_layers.0.bias", "IN11"}, {sd1, "model.diffusion_model.output_blocks.10.1.proj_in.weight", "OUT10"},
		{sd1, "model.diffusion_model.out.2.weight", "OUT11"}, {sd1, "first_stage_model.quant_conv.bias", "BASE"}, {sd1, "model_ema.diffusion_modelout2bias", "BASE"},
	} {
		if r, _, ok := c.c.Find(c.key); !ok || r.In[0] != c.block {
			t.Errorf("%s: %v, want %s", c.key, r.In, c.block)
		}
	}
	if _, _, ok := sdxl.Find("nope"); ok {
		t.Error("nope has a rule")
	}
}
