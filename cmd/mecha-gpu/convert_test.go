package main

import (
	"bytes"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const (
	sgmUNet   = "model.diffusion_model.input_blocks.0.0.bias"
	kohyaUNet = "unet.input_blocks.0.0.bias"
)

// kohyaModel is a little of an SDXL model in the layout of kohya; a NaN is converted like all else.
func kohyaModel(t testing.TB, x float32) []byte {
	return model{kohyaUNet: f32([]int64{2}, x, float32(math.NaN())), "te1.text_model.final_layer_norm.bias": f32([]int64{1}, 3),
		"te2.text_model.final_layer_norm.bias": f32([]int64{1}, 4), "te2.text_projection.weight": f32([]int64{2, 2}, 1, 2, 3, 4)}.encode(t)
}

func TestConvertEndToEnd(t *testing.T) {
	dir := folder(t, map[string][]byte{"a.safetensors": kohyaModel(t, 1), "b.safetensors": kohyaModel(t, 2)})
	path := func(name string) string { return filepath.Join(dir, name) }
	c := cli{lib: facade{}}
	c.want(t, c.run("convert", path("a.safetensors"), "--to", "sdxl-sgm", "-o", path("sgm.safetensors")), 0, "4 copied")
	got, metadata := readModel(t, path("sgm.safetensors"))
	if x := got[sgmUNet]; len(got) != 4 || !bytes.Equal(x.bytes, f32(nil, 1, float32(math.NaN())).bytes) {
		t.Errorf("%v", got)
	}
	if p := got["conditioner.embedders.1.model.text_projection"]; !bytes.Equal(p.bytes, f32(nil, 1, 3, 2, 4).bytes) {
		t.Errorf("text_projection is %+v", p)
	}
	if !strings.Contains(metadata["mecha_recipe"], `merge "convert_'sdxl-kohya'_to_'sdxl-sgm'" &0`) {
		t.Errorf("recipe %q", metadata["mecha_recipe"])
	}

	// Two steps; what the UNet alone has no place for is named.
	c = cli{lib: facade{}}
	c.want(t, c.run("convert", path("a.safetensors"), "--to", "sdxl-diffusers_unet_only", "-o", path("unet.safetensors")), 0, "not read", "te2.text_projection.weight")
	if got, _ := readModel(t, path("unet.safetensors")); len(got) != 1 || got["conv_in.bias"].bytes == nil {
		t.Errorf("%v", got)
	}

	// Several models in one pass, and back again.
	c = cli{lib: facade{}}
	c.want(t, c.run("convert", path("a.safetensors"), path("b.safetensors"), "--to", "sdxl-sgm", "--from", "sdxl-kohya", "--out-dir", path("out"), "--mkdir"), 0)
	again, err := os.ReadFile(path("out/a.safetensors"))
	one, err2 := os.ReadFile(path("sgm.safetensors"))
	if err != nil || err2 != nil || !bytes.Equal(again, one) {
		t.Errorf("%v, %v: converted with another one, a model is not the same", err, err2)
	}
	c = cli{lib: facade{}}
	c.want(t, c.run("convert", path("out/b.safetensors"), "--to", "sdxl-kohya", "-o", path("back.safetensors")), 0)
	want, _ := readModel(t, path("b.safetensors"))
	got, _ = readModel(t, path("back.safetensors"))
	for key, x := range want {
		if !bytes.Equal(got[key].bytes, x.bytes) {
			t.Errorf("%s changed", key)
		}
	}
}

func TestConvertSaysWhatIsWrong(t *testing.T) {
	dir := folder(t, map[string][]byte{"a.safetensors": kohyaModel(t, 1), "x.safetensors": model{"w": f32([]int64{1}, 1)}.encode(t)})
	a, x, out := filepath.Join(dir, "a.safetensors"), filepath.Join(dir, "x.safetensors"), filepath.Join(dir, "out.safetensors")
	for _, w := range []struct {
		code  int
		texts []string
		args  []string
	}{
		{2, []string{"convert needs IN"}, []string{"convert", "--to", "sdxl-sgm"}},
		{2, []string{"--to CONFIG"}, []string{"convert", a, "-o", out}},
		{2, []string{"-o OUT"}, []string{"convert", a, "--to", "sdxl-sgm"}},
		{2, []string{"--out-dir"}, []string{"convert", a, x, "--to", "sdxl-sgm", "-o", out}},
		{2, []string{"would both be written"}, []string{"convert", a, a, "--to", "sdxl-sgm", "--out-dir", dir}},
		{2, []string{`unknown model config "sdxl_sgm"`, "sdxl-sgm"}, []string{"convert", a, "--to", "sdxl_sgm", "-o", out}},
		{4, []string{"no conversion leads from sdxl-kohya", "to sd1-ldm", "converts to"}, []string{"convert", a, "--to", "sd1-ldm", "-o", out}},
		{4, []string{"no model config fits"}, []string{"convert", x, "--to", "sdxl-sgm", "-o", out}},
		{4, []string{"none of its keys"}, []string{"convert", x, "--to", "sdxl-sgm", "--from", "sdxl-kohya", "-o", out}},
	} {
		c := cli{lib: facade{}}
		c.want(t, c.run(w.args...), w.code, w.texts...)
		if _, err := os.Stat(out); err == nil {
			t.Errorf("%v wrote a file", w.args)
		}
	}
}

// TestAModelInTheWorkingFolderKeepsItsName: "." is a folder of shards with a name like any other.
func TestAModelInTheWorkingFolderKeepsItsName(t *testing.T) {
	dir := folder(t, map[string][]byte{"My Model/1.safetensors": kohyaModel(t, 1), "x/a.safetensors": kohyaModel(t, 1)})
	t.Chdir(filepath.Join(dir, "My Model"))
	for _, in := range []string{".", "../My Model", "./../My Model/"} {
		c := cli{lib: facade{}}
		c.want(t, c.run("convert", in, "--to", "sdxl-sgm", "--out-dir", "../out", "--mkdir"), 0)
		if got, _ := readModel(t, "../out/My Model.safetensors"); len(got) != 4 {
			t.Errorf("%s: %v", in, got)
		}
		if err := os.RemoveAll("../out"); err != nil {
			t.Fatal(err)
		}
	}
	c := cli{lib: facade{}}
	c.want(t, c.run("convert", ".", "../My Model", "--to", "sdxl-sgm", "--out-dir", "../out"), 2, "would both be written")
}

// TestTooLittleMemoryForAHeaderSaysHowMuchIsNeeded: also where the header is read before there is a
// plan, because a config has to be found.
func TestTooLittleMemoryForAHeaderSaysHowMuchIsNeeded(t *testing.T) {
	t.Chdir(folder(t, map[string][]byte{"a.safetensors": kohyaModel(t, 1), "r.star": []byte("out = convert(model('a.safetensors'), 'sdxl-sgm')\n")}))
	for _, args := range []string{"convert a.safetensors --to sdxl-sgm", "merge r.star", "merge -e convert(a,'sdxl-sgm') -m a=a.safetensors"} {
		c := cli{lib: facade{}}
		c.want(t, c.run(append(strings.Fields(args), "-o", "out.safetensors", "--max-ram", "1MiB")...), 5, "found 1.0 MiB, expected at least", "raise --max-ram")
	}
}

// TestStrictConversionsLoseNothing: the report names what is left behind, and --strict makes it count.
func TestStrictConversionsLoseNothing(t *testing.T) {
	kohya := model{kohyaUNet: f32([]int64{1}, 1)}
	sgm := model{sgmUNet: f32([]int64{1}, 1), "v_pred": f32([]int64{1}, 1), "odd": f32([]int64{1}, 1)}
	t.Chdir(folder(t, map[string][]byte{"kohya.safetensors": kohya.encode(t), "sgm.safetensors": sgm.encode(t)}))
	for args, code := range map[string]int{
		"kohya.safetensors --to sdxl-sgm": 0, "sgm.safetensors --to sdxl-kohya": 8,
		"sgm.safetensors --to sdxl-sgm": 0, "sgm.safetensors --to sdxl-sgm --extra-keys drop": 8, // "odd"
	} {
		c := cli{lib: facade{}}
		texts := []string{}
		if code != 0 {
			texts = []string{"left behind, the first is"}
		}
		c.want(t, c.run(append(append([]string{"convert"}, strings.Fields(args)...), "-o", "out.safetensors", "--strict")...), code, texts...)
		if len(texts) == 0 && strings.Contains(c.stderr.String(), "left behind") {
			t.Errorf("%s: %s", args, &c.stderr)
		}
		if err := os.Remove("out.safetensors"); err != nil { // it is written in any case
			t.Error(err)
		}
	}
	c := cli{lib: facade{}}
	c.want(t, c.run("convert", "sgm.safetensors", "--to", "sdxl-kohya", "-o", "out.safetensors"), 0, "not read", "v_pred")
}

// TestConvertedModelsHaveTheNamesOfTheConfig: a config knows keys by other names as well, and a model
// that has those is not converted by a merge, which keeps the names of its models.
func TestConvertedModelsHaveTheNamesOfTheConfig(t *testing.T) {
	const name, other = "model.diffusion_model.img_in.bias", "img_in.bias"
	t.Chdir(folder(t, map[string][]byte{"raw.safetensors": model{other: f32([]int64{1}, 1), "guidance_in.in_layer.bias": f32([]int64{1}, 1)}.encode(t)}))
	for _, args := range [][]string{{"convert", "raw.safetensors", "--to", "flux-flux"}, {"merge", "-e", "a", "-m", "a=raw.safetensors"}} {
		c := cli{lib: facade{}}
		c.want(t, c.run(append(args, "-o", "out.safetensors")...), 0)
		got, _ := readModel(t, "out.safetensors")
		if converted := args[0] == "convert"; len(got) != 2 || (got[name] != nil) != converted || (got[other] != nil) == converted {
			t.Errorf("%s: %v", args[0], got)
		}
	}
}
