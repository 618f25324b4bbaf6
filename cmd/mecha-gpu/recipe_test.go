package main

import (
	"encoding/xml"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestRecipesAreDrawn(t *testing.T) {
	dir := withProgram(t)
	merged(t, dir, filepath.Join(dir, "mix.star"))
	mix := filepath.Join(dir, "mix.star")
	for _, args := range []string{mix, mix + " --to dot", filepath.Join(dir, "out.safetensors"), "-e weighted_sum(a,b,alpha=0.5) -m a=a.safetensors -m b=b.safetensors"} {
		c := cli{lib: facade{}}
		c.want(t, c.run(strings.Fields("recipe graph "+args)...), 0)
		got := c.stdout.String()
		for _, want := range []string{"digraph", `label="a.safetensors`, `label="weighted_sum\nalpha = 0.5"`, `label="b"`} {
			if !strings.Contains(got, want) {
				t.Errorf("%s: no %s in\n%s", args, want, got)
			}
		}
	}
	picture := filepath.Join(dir, "mix.svg")
	c := cli{lib: facade{}}
	c.want(t, c.run("recipe", "graph", mix, "--set", "alpha=0.25", "-o", picture), 0)
	svg, err := os.ReadFile(picture)
	if err != nil || xml.Unmarshal(svg, new(struct{})) != nil || !strings.Contains(string(svg), "alpha = 0.25") || c.stdout.Len() > 0 {
		t.Errorf("%v\n%s", err, svg)
	}
}

func TestRecipesAreConvertedBothWays(t *testing.T) {
	dir := withProgram(t)
	path := func(name string) string { return filepath.Join(dir, name) }
	for _, args := range [][]string{
		{"mix.star", "-o", path("one.mecha"), "--set", "alpha=0.25"},
		{"one.mecha", "-o", path("two.star")},
		{"two.star", "-o", path("three.txt"), "--to", "mecha"},
	} {
		c := cli{lib: facade{}}
		c.want(t, c.run(append([]string{"recipe", "convert", path(args[0])}, args[1:]...)...), 0)
	}
	read := func(name string) string {
		b, err := os.ReadFile(path(name))
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	if read("one.mecha") != read("three.txt") || !strings.Contains(read("one.mecha"), "key=0.25") || strings.HasSuffix(read("one.mecha"), "\n") {
		t.Errorf("%s\n%s", read("one.mecha"), read("three.txt"))
	}
	if got := read("two.star"); !strings.Contains(got, "= weighted_sum(a, b, alpha=0.25)\n") {
		t.Error(got)
	}
	for _, name := range names(t, dir) {
		if strings.HasSuffix(name, ".tmp") {
			t.Errorf("%s is left", name)
		}
	}
}

func TestPathsOfModelsAreWrittenAsAsked(t *testing.T) {
	dir := withProgram(t)
	for paths, want := range map[string]string{
		"original": `model "a.safetensors"`,
		"absolute": `model "` + filepath.Join(dir, "a.safetensors") + `"`,
		"relative": `model "../a.safetensors"`,
	} {
		out := filepath.Join(dir, paths, "mix.mecha")
		if err := os.Mkdir(filepath.Dir(out), 0o755); err != nil {
			t.Fatal(err)
		}
		c := cli{lib: facade{}}
		c.want(t, c.run("recipe", "convert", filepath.Join(dir, "mix.star"), "-o", out, "--paths", paths), 0)
		if b, err := os.ReadFile(out); err != nil || !strings.Contains(string(b), want) {
			t.Errorf("%s: %v\n%s", paths, err, b)
		}
		if paths != "original" { // and the models are found from there
			c = cli{lib: facade{}}
			c.want(t, c.run("plan", out), 0)
		}
	}
}

func TestWrongConversionsOfRecipesAreRefused(t *testing.T) {
	for args, words := range map[string]string{
		"recipe graph":                           "graph needs RECIPE or -e EXPR",
		"recipe graph r.mecha -o r.png":          `-o r.png: "png" is not one of dot, svg`,
		"recipe graph r.mecha --to mecha":        `"mecha" is not one of dot, svg`,
		"recipe convert r.mecha -o r.safetensor": `is not one of mecha, star`,
		"recipe grpah r.mecha":                   `did you mean "graph"?`,
	} {
		c := cli{lib: &fakeLibrary{}}
		c.want(t, c.run(strings.Fields(args)...), 2, words)
	}
	c := cli{lib: &fakeLibrary{}}
	c.want(t, c.run("recipe", "convert", "r.mecha", "-o", filepath.Join(t.TempDir(), "no", "folder.mecha")), 6, "folder.mecha")
}
