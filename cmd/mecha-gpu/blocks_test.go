package main

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// inOrder are keys of SDXL and the blocks that they are in.
var inOrder = []struct{ key, block string }{
	{"model.diffusion_model.time_embed.0.bias", "BASE"}, {"model.diffusion_model.input_blocks.0.0.bias", "IN00"},
	{"model.diffusion_model.input_blocks.8.0.in_layers.2.bias", "IN08"}, {"model.diffusion_model.middle_block.1.norm.bias", "M00"},
	{"model.diffusion_model.out.2.bias", "OUT08"}, {"first_stage_model.quant_conv.bias", "VAE"},
	{"conditioner.embedders.1.model.ln_final.bias", "BASE"},
}

// xl is a little of an SDXL model, with one value everywhere.
func xl(t testing.TB, x float32) []byte {
	m := model{}
	for _, k := range inOrder {
		m[k.key] = f32([]int64{1}, x)
	}
	return m.encode(t)
}

func TestBlockWeightsEndToEnd(t *testing.T) {
	dir := folder(t, map[string][]byte{"a.safetensors": xl(t, 0), "b.safetensors": xl(t, 8), "w.yaml": []byte("BASE: 0.25\nIN00-IN08: 0.5\nVAE: 1\n")})
	t.Chdir(dir)
	const apply = "apply weighted_sum a.safetensors b.safetensors -o out.safetensors "
	const expr = "merge -m a=a.safetensors -m b=b.safetensors -o out.safetensors -e weighted_sum(a,b,alpha=x) "
	for args, want := range map[string][]float32{
		apply + "--alpha 0.75 --blocks alpha=w.yaml":                   {2, 4, 4, 6, 6, 8, 2},
		apply + "--blocks alpha=IN00-IN08=0.5,VAE=0 --alpha=1":         {8, 4, 4, 8, 8, 0, 8},
		apply + "--blocks alpha=WRAP08":                                {0, 8, 0, 0, 8, 0, 0},
		apply + "--blocks alpha=ALL_B":                                 {8, 8, 8, 8, 8, 0, 8},
		apply + "--blocks alpha=" + strings.Repeat("0.5,", 21):         {4, 4, 4, 4, 4, 4, 4},
		expr + "--set x=0.75 --blocks x=w.yaml":                        {2, 4, 4, 6, 6, 8, 2},
		expr + "--set x=0.125 --blocks x=0" + strings.Repeat(",1", 19): {0, 8, 8, 8, 8, 1, 0},
	} {
		c := cli{lib: facade{}}
		c.want(t, c.run(strings.Fields(args)...), 0)
		got, meta := readModel(t, filepath.Join(dir, "out.safetensors"))
		for i, k := range inOrder {
			if !bytes.Equal(got[k.key].bytes, f32(nil, want[i]).bytes) {
				t.Errorf("%s: %s is %x, not %v", args, k.block, got[k.key].bytes, want[i])
			}
		}
		if r := meta["mecha_recipe"]; !strings.Contains(r, `model_config="sdxl-supermerger_blocks"`) || !strings.Contains(r, "convert_sdxl_blocks_to_sgm") {
			t.Errorf("%s: recipe %s", args, r)
		}
	}

	// A program, a sweep over the other blocks, and the text of the recipe.
	if err := os.WriteFile("r.star", []byte("def recipe(x=0.0):\n  return weighted_sum(model('a.safetensors'), model('b.safetensors'), alpha=x)\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := cli{lib: facade{}}
	c.want(t, c.run("merge", "r.star", "--blocks", "x=M00=0.5", "--sweep", "x=0,1", "-o", "s{x}.safetensors"), 0)
	for name, want := range map[string]float32{"s0.safetensors": 0, "s1.safetensors": 8} {
		got, _ := readModel(t, name)
		if !bytes.Equal(got[inOrder[0].key].bytes, f32(nil, want).bytes) || !bytes.Equal(got[inOrder[3].key].bytes, f32(nil, 4).bytes) {
			t.Errorf("%s: %v", name, got)
		}
	}
	c = cli{lib: facade{}}
	c.want(t, c.run("recipe", "show", "r.star", "--blocks", "x=M00=0.5", "--set", "x=0"), 0)
	if text := c.stdout.String(); !strings.Contains(text, "M00=0.5") || strings.Count(text, "fallback") != 1 {
		t.Errorf("recipe show: %s", text)
	}
}

func TestBlockWeightsSayWhatIsWrong(t *testing.T) {
	t.Chdir(folder(t, map[string][]byte{"a.safetensors": xl(t, 0), "bad.yaml": []byte("BASE: 1\nIN99: 2\n"), "plain.safetensors": model{"w": vec(1)}.encode(t)}))
	const apply = "apply weighted_sum a.safetensors a.safetensors -o out.safetensors "
	for args, texts := range map[string][]string{
		apply + "--blocks alpha=IN00-IN08=0.5":                   {"there is none for BASE, M00", "VAE"},
		apply + "--blocks alpa=GRAD_V":                           {"no such parameter", "alpha"},
		apply + "--blocks alpha=GRAD_V --blocks alpha=GRAD_A":    {"given twice"},
		apply + "--blocks a=GRAD_V":                              {"takes no weights"},
		apply + "--blocks alpha=GRAD_V --alpha a.safetensors":    {"--alpha has a model"},
		apply + "--blocks alpha=none.yaml":                       {"mecha-gpu: --blocks alpha: none.yaml: cannot read the file of block weights: "},
		apply + "--blocks alpha=bad.yaml":                        {"bad.yaml:2", `no block "IN99"`},
		apply + "--blocks alpha=IN11=1 --alpha 0":                {"no block IN11"},
		"merge r.mecha -o out.safetensors --blocks alpha=GRAD_V": {"only a program"},
		"blocks shwo": {"unknown command"}, "blocks show GRAD_X": {"did you mean"},
	} {
		c := cli{lib: facade{}}
		c.want(t, c.run(strings.Fields(args)...), 2, texts...)
	}
	c := cli{lib: facade{}}
	c.want(t, c.run(strings.Fields("apply weighted_sum plain.safetensors plain.safetensors -o out.safetensors --blocks alpha=GRAD_V")...), 3, "no model config is known that has the keys of the model beside them", "configs detect")
	if _, err := os.Stat("out.safetensors"); err == nil {
		t.Error("a file was written")
	}
}

func TestBlocksAreListedAndShown(t *testing.T) {
	c := cli{lib: facade{}}
	c.want(t, c.run("blocks", "list"), 0)
	if text := c.stdout.String(); strings.Count(text, "\n") != 39 || !strings.Contains(text, "WRAP08") {
		t.Errorf("blocks list: %s", text)
	}
	c = cli{lib: facade{}}
	c.want(t, c.run("blocks", "show", "m00=.5"), 0)
	if text := c.stdout.String(); text != "M00: 0.5\n" {
		t.Errorf("blocks show: %q", text)
	}
	c = cli{lib: facade{}}
	c.want(t, c.run("blocks", "list", "--json"), 0)
	if lines := c.lines(t); len(lines) != 38 || !slices.ContainsFunc(lines, func(l map[string]any) bool { return l["name"] == "COSINE" }) {
		t.Errorf("blocks list --json has %d lines", len(lines))
	}
}

func TestStringsAreQuotedAsProgramsReadThem(t *testing.T) {
	dir := folder(t, map[string][]byte{"a\"\\ é\n1.safetensors": xl(t, 0), "b.safetensors": xl(t, 8)})
	t.Chdir(dir)
	c := cli{lib: facade{}}
	c.want(t, c.run("apply", "weighted_sum", "a\"\\ é\n1.safetensors", "b.safetensors", "-o", "out.safetensors", "--blocks", "alpha=ALL_B"), 0)
}

// TestKeysInNoBlockHaveTheWeightOfBASE: also those that no config knows, in every layout; they are
// merged like all others and not left out.
func TestKeysInNoBlockHaveTheWeightOfBASE(t *testing.T) {
	for _, unet := range []string{"model.diffusion_model.", "unet."} {
		a, b := model{}, model{}
		for _, key := range []string{unet + "input_blocks.8.1.norm.bias", "denoiser.sigmas"} {
			a[key], b[key] = f32([]int64{1}, 0), f32([]int64{1}, 8)
		}
		t.Chdir(folder(t, map[string][]byte{"a.safetensors": a.encode(t), "b.safetensors": b.encode(t)}))
		for args, want := range map[string]float32{"BASE=0.5,IN08=1 --alpha 0": 4, "IN08=1 --alpha 0.25": 2, "ALL_B": 8} {
			c := cli{lib: facade{}}
			c.want(t, c.run(strings.Fields("apply weighted_sum a.safetensors b.safetensors -o out.safetensors --strict --blocks alpha="+args)...), 0)
			got, _ := readModel(t, "out.safetensors")
			if len(got) != 2 || !bytes.Equal(got["denoiser.sigmas"].bytes, f32(nil, want).bytes) || !bytes.Equal(got[unet+"input_blocks.8.1.norm.bias"].bytes, f32(nil, 8).bytes) {
				t.Errorf("%s, %s: %v", unet, args, got)
			}
		}
	}
}

// TestKeysThatNoConfigKnowsArePartOfTheResult: also where a conversion says which config it has, as
// of a LoRA or of block weights. What lacks a value is missing.
func TestKeysThatNoConfigKnowsArePartOfTheResult(t *testing.T) {
	const key = "model.diffusion_model.input_blocks.8.1.norm.bias"
	t.Chdir(folder(t, map[string][]byte{"a.safetensors": model{key: f32([]int64{1}, 1), "odd": f32([]int64{1}, 2)}.encode(t),
		"k.safetensors": model{"unet.input_blocks.8.1.norm.bias": f32([]int64{1}, 3)}.encode(t)}))
	merge := func(expr, flag string, code int, texts ...string) map[string]*testTensor {
		t.Helper()
		c := cli{lib: facade{}}
		c.want(t, c.run("merge", "-e", expr, "-m", "a=a.safetensors", "-m", "k=k.safetensors", "-o", "out.safetensors", flag), code, texts...)
		got, _ := readModel(t, "out.safetensors")
		return got
	}
	if got := merge("a + (convert(k, a) - a) | a", "--strict", 0); len(got) != 2 || !bytes.Equal(got["odd"].bytes, f32(nil, 2).bytes) || !bytes.Equal(got[key].bytes, f32(nil, 3).bytes) {
		t.Errorf("%v", got)
	}
	if got := merge("weighted_sum(a, convert(k, a))", "--strict", 8, "missing", "odd"); len(got) != 1 {
		t.Errorf("%v", got)
	}
	if got := merge("weighted_sum(a, convert(k, a)) | a", "--extra-keys=drop", 0); len(got) != 1 {
		t.Errorf("%v", got)
	}
}
