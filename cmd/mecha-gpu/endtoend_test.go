package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const lerpRecipe = "version 0.1.0\nmodel \"a.safetensors\"\nmodel \"b.safetensors\"\nmerge \"weighted_sum\" &0 &1 alpha=0.25\n"

// twoModels is a folder with two models and the recipe r.mecha that merges them.
func twoModels(t testing.TB) string {
	return folder(t, map[string][]byte{
		"r.mecha":       []byte(lerpRecipe),
		"a.safetensors": model{"w": f32([]int64{2, 2}, 1, 2, 3, 4), "ids": i64(7, 8)}.encode(t),
		"b.safetensors": model{"w": f32([]int64{2, 2}, 5, 6, 7, 8), "ids": i64(1, 2)}.encode(t),
	})
}

func TestMergeOfFilesEndToEnd(t *testing.T) {
	dir := twoModels(t)
	out := filepath.Join(dir, "out.safetensors")
	c := cli{lib: facade{}}
	c.want(t, c.run("merge", filepath.Join(dir, "r.mecha"), "-o", out), 0, "Wrote "+out+": 2 keys", "1 computed, 1 copied, 1 of them integers")
	got, metadata := readModel(t, out)
	// 1 + 0.25 (5 - 1) = 2 and so on: exact in float32.
	if want := f32(nil, 2, 3, 4, 5); len(got) != 2 || !bytes.Equal(got["w"].bytes, want.bytes) || got["w"].DType != "F32" {
		t.Errorf("w is %+v", got["w"])
	}
	if !bytes.Equal(got["ids"].bytes, i64(7, 8).bytes) {
		t.Errorf("integers changed: %+v", got["ids"])
	}
	if metadata["format"] != "pt" || metadata["made_by"] != "a test" || !strings.Contains(metadata["mecha_recipe"], "weighted_sum") {
		t.Errorf("metadata %q", metadata)
	}
}

func TestMergeInJSONEndsWithTheReport(t *testing.T) {
	dir := twoModels(t)
	c := cli{lib: facade{}, env: map[string]string{simdVariable: "portable"}}
	c.want(t, c.run("merge", filepath.Join(dir, "r.mecha"), "-o", filepath.Join(dir, "out.safetensors"), "--json", "--max-ram", "64MiB", "--threads", "1"), 0)
	lines := c.lines(t)
	r := lines[len(lines)-1]
	if r["type"] != "report" || r["schema"] != 1.0 || r["workers"] != 1.0 || r["max_ram"] != float64(64<<20) {
		t.Errorf("report %v", r)
	}
	if device, _ := r["device"].(string); !strings.Contains(device, "portable") {
		t.Errorf("device %q, want the tier that the environment asks for", device)
	}
	keys := r["keys"].(map[string]any)
	if keys["written"] != 2.0 || keys["computed"] != 1.0 || keys["integers_passed_through"] != 1.0 {
		t.Errorf("keys %v", keys)
	}
}

func TestMergedFileRunsItsRecipeAgain(t *testing.T) {
	dir := twoModels(t)
	first, second := filepath.Join(dir, "first.safetensors"), filepath.Join(dir, "second.safetensors")
	c := cli{lib: facade{}}
	c.want(t, c.run("merge", filepath.Join(dir, "r.mecha"), "-o", first), 0)
	c = cli{lib: facade{}}
	c.want(t, c.run("merge", first, "-o", second), 0)
	a, _ := os.ReadFile(first)
	b, _ := os.ReadFile(second)
	if len(a) == 0 || !bytes.Equal(a, b) {
		t.Errorf("%d and %d bytes differ", len(a), len(b))
	}
}

func TestMergeFromStandardInputFindsModelsInTheModelDir(t *testing.T) {
	dir := twoModels(t)
	c := cli{lib: facade{}, stdin: lerpRecipe}
	c.want(t, c.run("merge", "-", "-o", filepath.Join(dir, "out.safetensors"), "--model-dir", dir), 0, "Wrote")
}

// What begins as no .mecha text is a program, with parameters.
func TestStandardInputMayBeAProgram(t *testing.T) {
	dir := sweepFolder(t)
	t.Chdir(dir)
	const program = "# a program\nmodel_a = model('a.safetensors')\ndef recipe(alpha=0.5):\n    return weighted_sum(model_a, model('b.safetensors'), alpha=alpha)\n"
	c := cli{lib: facade{}, stdin: program}
	c.want(t, c.run("merge", "-", "-o", "out", "--set", "alpha=0.25"), 0, "Wrote")
	c = cli{lib: facade{}}
	c.want(t, c.run("merge", "one.mecha", "-o", "want"), 0)
	got, err := os.ReadFile("out")
	want, err2 := os.ReadFile("want")
	if err != nil || err2 != nil || !bytes.Equal(got, want) {
		t.Error("a program from standard input makes another file", err, err2)
	}
	c = cli{lib: facade{}, stdin: program}
	c.want(t, c.run("plan", "-", "--sweep", "alpha=0,1"), 0)
	for text, program := range map[string]bool{"": false, "version 0.1.0": false, "\ufeff\n version 0.2.0\n": false, "model \"a\"": false,
		"model = 3": true, "out = 1": true, "# version\n": true, "merge_all()": true} {
		if in := (input{path: "-", text: []byte(text)}); in.program() != program {
			t.Errorf("%q: a program is %t", text, !program)
		}
	}
	c = cli{lib: facade{}, stdin: lerpRecipe}
	c.want(t, c.run("plan", "-", "--set", "alpha=1"), 2, "only a program")
	c = cli{lib: facade{}, stdin: "out = modle('a')"}
	c.want(t, c.run("vet", "-"), 3, "standard input:1:7", "modle")
}

func TestOutputMayBeAnInput(t *testing.T) {
	dir := twoModels(t)
	out := filepath.Join(dir, "a.safetensors")
	c := cli{lib: facade{}}
	c.want(t, c.run("merge", filepath.Join(dir, "r.mecha"), "-o", out), 0)
	if got, _ := readModel(t, out); !bytes.Equal(got["w"].bytes, vec(2, 3, 4, 5).bytes) {
		t.Errorf("w is %+v", got["w"])
	}
}

func TestMkdirMakesTheFolderOfTheOutput(t *testing.T) {
	dir := twoModels(t)
	out := filepath.Join(dir, "x", "y", "out.safetensors")
	c := cli{lib: facade{}}
	c.want(t, c.run("merge", filepath.Join(dir, "r.mecha"), "-o", out, "--mkdir"), 0)
	if _, err := os.Stat(out); err != nil {
		t.Error(err)
	}
}

func TestCompatWritesFloat16UnlessAnotherTypeIsNamed(t *testing.T) {
	for _, c := range []struct{ flags, want string }{{"", "F16"}, {"--output-dtype float32", "F32"}} {
		dir := twoModels(t)
		out := filepath.Join(dir, "out.safetensors")
		r := cli{lib: facade{}}
		args := append([]string{"merge", filepath.Join(dir, "r.mecha"), "-o", out, "--compat", "sd-mecha-1.1.5"}, strings.Fields(c.flags)...)
		r.want(t, r.run(args...), 0)
		if got, _ := readModel(t, out); got["w"].DType != c.want {
			t.Errorf("%q: w is %s, want %s", c.flags, got["w"].DType, c.want)
		}
	}
}

func TestVetOpensNoModel(t *testing.T) {
	dir := folder(t, map[string][]byte{"r.mecha": []byte(lerpRecipe)})
	c := cli{lib: facade{}}
	c.want(t, c.run("vet", filepath.Join(dir, "r.mecha")), 0)
	for _, want := range []string{"ok", "weight", "a.safetensors, b.safetensors", "weighted_sum"} {
		if !strings.Contains(c.stdout.String(), want) {
			t.Errorf("stdout lacks %q:\n%s", want, &c.stdout)
		}
	}
}

func TestPlanSaysWhatAMergeWouldDo(t *testing.T) {
	dir := twoModels(t)
	c := cli{lib: facade{}}
	c.want(t, c.run("plan", filepath.Join(dir, "r.mecha"), "--json"), 0)
	p := c.lines(t)[0]
	// w is read from both (32 bytes), ids from the first (16 bytes); 32 bytes are written.
	if p["type"] != "plan" || p["bytes_read"] != 48.0 || p["bytes_written"] != 32.0 {
		t.Errorf("plan %v", p)
	}
	if got := names(t, dir); len(got) != 3 {
		t.Errorf("plan wrote a file: %q", got)
	}
	c = cli{lib: facade{}}
	c.want(t, c.run("plan", filepath.Join(dir, "r.mecha")), 0)
	if !strings.Contains(c.stdout.String(), "Would write 2 keys") {
		t.Errorf("stdout:\n%s", &c.stdout)
	}
}

func TestInspectShowsTensorsMetadataAndRecipe(t *testing.T) {
	dir := twoModels(t)
	out := filepath.Join(dir, "out.safetensors")
	c := cli{lib: facade{}}
	c.want(t, c.run("merge", filepath.Join(dir, "r.mecha"), "-o", out), 0)
	c = cli{lib: facade{}}
	c.want(t, c.run("inspect", out), 0)
	for _, want := range []string{"2 keys, 6 elements, 32 B", "KEY", "[2, 2]", "F32", "I64", "made_by: a test", "Recipe that made it:", `merge "weighted_sum"`} {
		if !strings.Contains(c.stdout.String(), want) {
			t.Errorf("stdout lacks %q:\n%s", want, &c.stdout)
		}
	}
	c = cli{lib: facade{}}
	c.want(t, c.run("inspect", out, "--json"), 0)
	i := c.lines(t)[0]
	if i["type"] != "inspect" || i["keys"] != 2.0 || len(i["tensors"].([]any)) != 2 || !strings.Contains(i["recipe"].(string), "weighted_sum") {
		t.Errorf("inspection %v", i)
	}
}

func TestMethodsListsAndDescribes(t *testing.T) {
	c := cli{lib: facade{}}
	c.want(t, c.run("methods"), 0)
	for _, want := range []string{"linear:\n", "  weighted_sum ", "[not available yet]"} {
		if !strings.Contains(c.stdout.String(), want) {
			t.Errorf("list lacks %q:\n%s", want, &c.stdout)
		}
	}
	c = cli{lib: facade{}}
	c.want(t, c.run("methods", "weighted_sum"), 0)
	for _, want := range []string{"weighted_sum(a, b, alpha=0.5)\n", "space param", "Source: "} {
		if !strings.Contains(c.stdout.String(), want) {
			t.Errorf("description lacks %q:\n%s", want, &c.stdout)
		}
	}
	c = cli{lib: facade{}}
	c.want(t, c.run("methods", "slerp", "--json"), 0)
	if l := c.lines(t)[0]; l["type"] != "methods" || len(l["methods"].([]any)) != 1 {
		t.Errorf("methods %v", l)
	}
}

func TestVersionNamesTheTier(t *testing.T) {
	c := cli{lib: facade{}, env: map[string]string{simdVariable: "portable"}}
	c.want(t, c.run("version"), 0)
	if got := c.stdout.String(); !strings.HasPrefix(got, "mecha-gpu ") || !strings.Contains(got, "go1.") || !strings.Contains(got, "simd portable") {
		t.Errorf("version %q", got)
	}
}
