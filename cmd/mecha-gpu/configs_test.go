package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	mecha "github.com/mecha-gpu/mecha-gpu"
)

func TestConfigsListNamesAllOfThem(t *testing.T) {
	c := cli{lib: facade{}}
	c.want(t, c.run("configs", "list", "--json"), 0)
	list := c.lines(t)[0]
	if all := list["configs"].([]any); list["type"] != "configs" || len(all) != 17 || all[0].(map[string]any)["id"] != "flux-flux" {
		t.Errorf("%v", list)
	}
	c = cli{lib: facade{}}
	c.want(t, c.run("configs", "list"), 0)
	if !strings.Contains(c.stdout.String(), "sdxl-kohya_kohya_lora") {
		t.Error(c.stdout.String())
	}
}

func TestConfigsShowIsReadAgain(t *testing.T) {
	dir := t.TempDir()
	c := cli{lib: facade{}}
	c.want(t, c.run("configs", "show", "sd1-supermerger_blocks"), 0)
	file := filepath.Join(dir, "my-blocks.yaml")
	if err := os.WriteFile(file, c.stdout.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	again := cli{lib: facade{}}
	again.want(t, again.run("configs", "show", "my-blocks", "--config", dir), 0)
	if again.stdout.String() != c.stdout.String() || !strings.HasPrefix(c.stdout.String(), "identifier: sd1-supermerger_blocks\ncomponents:\n  blocks:\n    BASE: {shape: [], dtype: float32}\n") {
		t.Errorf("%s", &again.stdout)
	}
}

// TestConfigOfACheckpointEndToEnd makes a config of a model, gives it an alias by hand, and merges a
// model with it in which the key has its other name.
func TestConfigOfACheckpointEndToEnd(t *testing.T) {
	dir := folder(t, map[string][]byte{
		"r.mecha":       []byte(strings.Replace(lerpRecipe, `"a.safetensors"`, `"a.safetensors" model_config="my-toy"`, 1)),
		"a.safetensors": model{"w": f32([]int64{2}, 1, 2), "v": f32([]int64{1}, 7)}.encode(t),
		"b.safetensors": model{"w.old": f32([]int64{2}, 5, 6), "v": f32([]int64{1}, 7)}.encode(t),
	})
	path := func(name string) string { return filepath.Join(dir, name) }
	c := cli{lib: facade{}}
	c.want(t, c.run("configs", "new", "my-toy", path("a.safetensors"), "-o", path("my-toy.yaml")), 0)
	text, err := os.ReadFile(path("my-toy.yaml"))
	if want := "identifier: my-toy\ncomponents:\n  model:\n    v: {shape: [1], dtype: float32}\n    w: {shape: [2], dtype: float32}\n"; err != nil || string(text) != want {
		t.Fatalf("%v: %s", err, text)
	}
	edited := strings.Replace(string(text), "[2], dtype: float32", "[2], dtype: float32, aliases: [w.old]", 1)
	if err := os.WriteFile(path("my-toy.yaml"), []byte(edited), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, command := range [][]string{{"vet", path("r.mecha")}, {"merge", path("r.mecha"), "-o", path("out.safetensors")}, {"recipe", "show", path("r.mecha")}} {
		c = cli{lib: facade{}}
		c.want(t, c.run(append(command, "--config", path("my-toy.yaml"))...), 0)
		c = cli{lib: facade{}}
		c.want(t, c.run(command...), 3, "my-toy")
	}
	got, _ := readModel(t, path("out.safetensors"))
	if want := f32(nil, 2, 3); len(got) != 2 || string(got["w"].bytes) != string(want.bytes) {
		t.Errorf("%v", got)
	}

	c = cli{lib: facade{}}
	c.want(t, c.run("configs", "detect", path("b.safetensors"), "--config", path("my-toy.yaml"), "--json"), 0)
	d := c.lines(t)[0]
	best := d["candidates"].([]any)[0].(map[string]any)
	if d["config"] != "my-toy" || best["known_keys"] != 2.0 || best["unknown_keys"] != 0.0 || best["missing_keys"] != 0.0 || best["shapes_compared"] != 2.0 {
		t.Errorf("%v", d)
	}
	c = cli{lib: facade{}}
	c.want(t, c.run("configs", "detect", path("b.safetensors")), 0)
	if !strings.Contains(c.stdout.String(), "no model config knows a tenth of its 2 keys") {
		t.Errorf("%s", &c.stdout)
	}
	if text := detectionText(&mecha.Detection{Path: "none"}); text != "none: it has no keys\n" {
		t.Error(text)
	}
}

func TestDetectionShowsItsNumbers(t *testing.T) {
	const unet = "model.diffusion_model."
	dir := folder(t, map[string][]byte{"a.safetensors": model{unet + "out.2.bias": f32([]int64{4}, 1, 2, 3, 4), unet + "out.0.bias": f32([]int64{2}, 1, 2), "more": f32([]int64{1}, 1)}.encode(t)})
	c := cli{lib: facade{}}
	c.want(t, c.run("configs", "detect", filepath.Join(dir, "a.safetensors")), 0)
	for _, word := range []string{"a.safetensors: sd1-ldm", "sd1-ldm   2 of 3", "1 (33.3 %)", "1 of 2", "1128 (61.6 %)", "unknown keys  1 key: more", "out.0.bias [2], not [320]", "1123 more"} {
		if !strings.Contains(c.stdout.String(), word) {
			t.Errorf("%q is not in\n%s", word, &c.stdout)
		}
	}
}

func TestConfigsSayWhatIsWrong(t *testing.T) {
	dir := folder(t, map[string][]byte{
		"a.safetensors": model{"w": f32([]int64{1}, 1)}.encode(t),
		"r.mecha":       []byte("version 0.1.0\nmodel \"a.safetensors\""),
		"my-bad.yaml":   []byte("identifier: my-bad\ncomponents:\n  c:\n    w: {shape: [1], dtpe: float32}\n"),
		"sdxl-sgm.yaml": []byte("identifier: sdxl-sgm\ncomponents: {c: {w: {}}}\n"),
	})
	path := func(name string) string { return filepath.Join(dir, name) }
	for _, x := range []struct {
		code  int
		texts []string
		args  []string
	}{
		{2, []string{`unknown command "lst"`, `"list"`}, []string{"configs", "lst"}},
		{2, []string{`unknown model config "sdxl_kohya"`, `"sdxl-kohya"`}, []string{"configs", "show", "sdxl_kohya"}},
		{2, []string{"show needs ID"}, []string{"configs", "show"}},
		{2, []string{"structural cannot be shown", "keys of the models"}, []string{"configs", "show", "structural"}},
		{2, []string{"infer is no config to convert from or to", "hint"}, []string{"convert", path("a.safetensors"), "--to", "infer", "-o", path("out")}},
		{2, []string{`model config "sd1-ldm" is defined already`, "choose another identifier, such as sd1-ldm.mine"}, []string{"configs", "new", "sd1-ldm", path("a.safetensors")}},
		{2, []string{"architecture-implementation"}, []string{"configs", "new", "Mine", path("a.safetensors")}},
		{2, []string{"no.yaml", "cannot read the model config"}, []string{"vet", path("r.mecha"), "--config", path("no.yaml")}},
		{2, []string{"holds no model config", "*.yaml"}, []string{"vet", path("r.mecha"), "--config", t.TempDir()}},
		{3, []string{"my-bad.yaml:4", `key "w"`, `"dtpe"`, "dtype"}, []string{"vet", path("r.mecha"), "--config", path("my-bad.yaml")}},
		{3, []string{`sdxl-sgm.yaml: model config "sdxl-sgm" is defined already`}, []string{"configs", "list", "--config", path("sdxl-sgm.yaml")}},
		{4, []string{"r.mecha"}, []string{"configs", "detect", path("r.mecha")}},
	} {
		c := cli{lib: facade{}}
		c.want(t, c.run(x.args...), x.code, x.texts...)
	}
}

// TestATextReplacesNoCheckpoint: a mistyped OUT of a command that writes a text costs nothing.
func TestATextReplacesNoCheckpoint(t *testing.T) {
	checkpoint := model{"w": f32([]int64{1}, 1)}.encode(t)
	dir := folder(t, map[string][]byte{"a.safetensors": checkpoint, "r.mecha": []byte("version 0.1.0\nmodel \"a.safetensors\""), "old.yaml": []byte("old"), "empty.yaml": nil})
	path := func(name string) string { return filepath.Join(dir, name) }
	for _, args := range [][]string{
		{"configs", "new", "x-y", path("a.safetensors"), "-o", path("a.safetensors")},
		{"recipe", "convert", path("r.mecha"), "--to", "mecha", "-o", path("a.safetensors")},
	} {
		c := cli{lib: facade{}}
		c.want(t, c.run(args...), 6, "a.safetensors", "not a text")
		if now, err := os.ReadFile(path("a.safetensors")); err != nil || string(now) != string(checkpoint) {
			t.Fatalf("%v: the checkpoint is gone", args)
		}
	}
	c := cli{lib: facade{}}
	c.want(t, c.run("configs", "new", "x-y", path("a.safetensors"), "-o", dir), 6, "is a folder")
	for _, name := range []string{"old.yaml", "empty.yaml", "new.yaml"} {
		c := cli{lib: facade{}}
		c.want(t, c.run("configs", "new", "x-y", path("a.safetensors"), "-o", path(name)), 0)
		if text, err := os.ReadFile(path(name)); err != nil || !strings.HasPrefix(string(text), "identifier: x-y\n") {
			t.Errorf("%s: %q, %v", name, text, err)
		}
	}
}

func TestAModelWithoutKeysHasNoConfig(t *testing.T) {
	dir := folder(t, map[string][]byte{"a.safetensors": model{}.encode(t)})
	c := cli{lib: facade{}}
	c.want(t, c.run("configs", "new", "x-y", filepath.Join(dir, "a.safetensors")), 4, "a.safetensors", "it has no keys")
}
