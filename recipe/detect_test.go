package recipe

import (
	"slices"
	"strings"
	"testing"
)

// Models in two layouts have hardly a key in common. That is not refused, because partial models
// and odd ones are merged as well, but it is said, with the conversion that helps.
func TestModelsOfDifferentConfigsAreWarnedOf(t *testing.T) {
	const sgm, kohya = "model.diffusion_model.label_emb.0.0.bias", "te2.text_model.final_layer_norm.bias"
	const vae = "first_stage_model.decoder.conv_in.bias" // sdxl-sgm and sdxl-kohya have it
	for name, c := range map[string]struct {
		a, b []string
		want []string // parts of the warning; none if there is none
	}{
		"two layouts":             {[]string{sgm, vae}, []string{kohya, vae}, []string{`"a" has sdxl-sgm; "b" has sdxl-kohya`, "convert_'sdxl-kohya'_to_'sdxl-sgm'"}},
		"no key in common":        {[]string{sgm}, []string{kohya}, []string{`"a" has sdxl-sgm; "b" has sdxl-kohya`}},
		"a model of another kind": {[]string{sgm}, []string{"x"}, []string{`"a" has sdxl-sgm; "b" has none that is known`}},
		"a part of a model":       {[]string{sgm, vae}, []string{vae}, nil},
		"keys that are not known": {[]string{sgm, "x"}, []string{sgm, "y"}, nil},
		"nothing is known":        {[]string{"x"}, []string{"y"}, nil},
	} {
		s := mustSolve(t, "model \"a\"\nmodel \"b\"\nmerge \"fallback\" &0 &1", map[string][]string{"a": c.a, "b": c.b}, Options{})
		at := slices.IndexFunc(s.Warnings, func(w string) bool { return strings.Contains(w, "different configs") })
		if (at >= 0) != (c.want != nil) {
			t.Errorf("%s: %q", name, s.Warnings)
			continue
		}
		for _, want := range c.want {
			if !strings.Contains(s.Warnings[at], want) {
				t.Errorf("%s: %q is not in %q", name, want, s.Warnings[at])
			}
		}
	}
}

// Methods for certain architectures say which, and are not refused where no model was opened.
func TestMethodsOfOtherArchitecturesSayForWhich(t *testing.T) {
	const text = "model \"a\"\nmerge \"exchange_ema\" &0"
	for key, want := range map[string]string{
		"model.diffusion_model.label_emb.0.0.bias": "found model of config sdxl-sgm, in the space weight, expected config sd1-ldm",
		"x": "found model of no config that is known, in the space weight, expected config sd1-ldm",
	} {
		if _, err := solve(t, text, map[string][]string{"a": {key}}, Options{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", key, err)
		}
	}
	mustSolve(t, text, map[string][]string{"a": {"model_ema.decay"}}, Options{})
	if _, err := vet(t, text, Options{}); err != nil {
		t.Errorf("vet: %v", err)
	}
	if _, err := vet(t, "model \"a\" model_config=\"sdxl-sgm\"\nmerge \"exchange_ema\" &0", Options{}); err == nil {
		t.Error("vet takes a model of a config that is named and wrong")
	}
}

// An error about a config that was named says what named it.
func TestForeignKeysNameWhatAskedForTheConfig(t *testing.T) {
	_, err := solve(t, "model \"a\" model_config=\"sdxl-kohya\"\nmodel \"b\"\nmerge \"weighted_sum\" &0 &1 0.5",
		map[string][]string{"a": {"te2.text_model.final_layer_norm.bias"}, "b": {"model.diffusion_model.label_emb.0.0.bias"}}, Options{})
	for _, want := range []string{`model "b"`, `model "a" (line 2) has config sdxl-kohya by its hint`, "keys of sdxl-sgm", "convert_'sdxl-sgm'_to_'sdxl-kohya'"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in: %v", want, err)
		}
	}
}

// TestModelsAreOfTheConfigThatIsNamed: block weights, or a hint, say what a model is to be taken as; one
// that is something else shares a part with it at best.
func TestModelsAreOfTheConfigThatIsNamed(t *testing.T) {
	const sgm, kohya, vae = "model.diffusion_model.label_emb.0.0.bias", "te2.text_model.final_layer_norm.bias", "first_stage_model.decoder.conv_in.bias"
	models := map[string][]string{"sgm": {sgm, vae}, "kohya": {kohya, vae}, "vae": {vae}}
	const call = "\ndict VAE=0.5\nliteral &2 model_config=\"sdxl-supermerger_blocks\" merge_space=\"param\"\nmerge \"convert_sdxl_blocks_to_sgm\" &3"
	for text, want := range map[string]string{
		"model \"sgm\"\nmodel \"kohya\"" + call + "\nmerge \"weighted_sum\" &0 &1 alpha=&4":        `taken as sdxl-sgm, key by key, and not all are of it: "sgm" has sdxl-sgm; "kohya" has sdxl-kohya; convert_sdxl_blocks_to_sgm (line 6) gives config sdxl-sgm (a conversion is missing: convert_'sdxl-kohya'_to_'sdxl-sgm')`,
		"model \"kohya\"\nmodel \"kohya\"" + call + "\nmerge \"weighted_sum\" &0 &1 alpha=&4":      `taken as sdxl-sgm, key by key, and not all are of it: "kohya" has sdxl-kohya;`,
		"model \"sgm\"\nmodel \"vae\"" + call + "\nmerge \"weighted_sum\" &0 &1 alpha=&4":          "",
		"model \"sgm\"\nmodel \"sgm\" model_config=\"sdxl-sgm\"\nmerge \"weighted_sum\" &0 &1":     "",
		"model \"kohya\"\nmodel \"kohya\" model_config=\"sdxl-sgm\"\nmerge \"weighted_sum\" &0 &1": `"kohya" has sdxl-kohya; model "kohya" (line 3) has config sdxl-sgm by its hint`,
	} {
		s := mustSolve(t, text, models, Options{})
		at := slices.IndexFunc(s.Warnings, func(w string) bool { return strings.Contains(w, "taken as") })
		if (at >= 0) != (want != "") || at >= 0 && !strings.Contains(s.Warnings[at], want) {
			t.Errorf("%s:\n%q, want %q", text, s.Warnings, want)
		}
	}
}

// TestAResultHasTheKeysThatConversionsMake: and those that no config knows, whether a hint names the
// config as well or not.
func TestAResultHasTheKeysThatConversionsMake(t *testing.T) {
	const made = "model.diffusion_model.label_emb.0.0.bias"
	models := map[string][]string{"a": {"first_stage_model.conv_in.bias", "odd", "model.diffusion_model.out.0.bias"}, "k": {"unet.label_emb.0.0.bias"}}
	for _, hint := range []string{"", ` model_config="sdxl-sgm"`} {
		s := mustSolve(t, "model \"a\""+hint+"\nmodel \"k\" model_config=\"sdxl-kohya\"\nmerge \"convert_'sdxl-kohya'_to_'sdxl-sgm'\" &1\nmerge \"fallback\" &0 &2", models, Options{})
		for _, key := range []string{made, "odd", "model.diffusion_model.out.0.bias"} {
			if !slices.Contains(keysOf(s), key) || !s.Exists(len(s.Nodes)-1, key, nil) {
				t.Errorf("hint %q: %s is not in the result", hint, key)
			}
		}
	}
}
