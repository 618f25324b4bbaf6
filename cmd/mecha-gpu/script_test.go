package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const mixProgram = `
def recipe(alpha=0.5, swap=False):
    a, b = model("a.safetensors"), model("b.safetensors")
    return weighted_sum(b, a, alpha=alpha) if swap else weighted_sum(a, b, alpha=alpha)
`

// withProgram is a folder with two models, their recipe as text and as a program.
func withProgram(t testing.TB) string {
	dir := twoModels(t)
	if err := os.WriteFile(filepath.Join(dir, "mix.star"), []byte(mixProgram), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// merged returns the bytes of what a merge writes.
func merged(t *testing.T, dir string, args ...string) []byte {
	t.Helper()
	out := filepath.Join(dir, "out.safetensors")
	c := cli{lib: facade{}}
	c.want(t, c.run(append([]string{"merge", "-o", out}, args...)...), 0)
	b, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestProgramsMergeAsTheirTextDoes(t *testing.T) {
	dir := withProgram(t)
	w := func(b []byte) float32 {
		path := filepath.Join(dir, "w.safetensors")
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		m, _ := readModel(t, path)
		for x := float32(0); x < 10; x += 0.25 {
			if bytes.HasPrefix(m["w"].bytes, vec(x).bytes) {
				return x
			}
		}
		return -1
	}
	program := filepath.Join(dir, "mix.star")
	// The first element of w is 1 in a and 5 in b.
	for _, c := range []struct {
		flags string
		want  float32
	}{{"", 3}, {"--set alpha=0.25", 2}, {"--set alpha=0.25 --set swap=true", 4}} {
		if got := w(merged(t, dir, append([]string{program}, strings.Fields(c.flags)...)...)); got != c.want {
			t.Errorf("%q: w starts with %v, want %v", c.flags, got, c.want)
		}
	}
}

func TestExpressionsMergeModelsByName(t *testing.T) {
	dir := withProgram(t)
	a, b := filepath.Join(dir, "a.safetensors"), filepath.Join(dir, "b.safetensors")
	got := merged(t, dir, "-e", "x + 0.25*(y - x) | x", "-m", "x="+a, "-m", "y="+b)
	path := filepath.Join(dir, "out.safetensors")
	m, metadata := readModel(t, path)
	if !bytes.Equal(m["w"].bytes, vec(2, 3, 4, 5).bytes) || !strings.Contains(metadata["mecha_recipe"], `merge "add_difference"`) {
		t.Errorf("w %v, metadata %q", m["w"], metadata)
	}
	if again := merged(t, dir, path); !bytes.Equal(got, again) {
		t.Error("the recipe in the file gives other bytes")
	}
	c := cli{lib: facade{}}
	c.want(t, c.run("plan", "-e", "weighted_sum(x, y)", "-m", "x="+a, "-m", "y="+b), 0)
	if !strings.Contains(c.stdout.String(), "Would write 2 keys") {
		t.Errorf("stdout:\n%s", &c.stdout)
	}
}

func TestWrongProgramsAreReportedWithTheirPlace(t *testing.T) {
	dir := folder(t, map[string][]byte{
		"wrong.star":  []byte("a = model('a')\nout = 0.5 * a\n"),
		"spaces.star": []byte("a = model('a')\nb = model('b')\nout = a + b\n"),
		"bytes.star":  model{"w": vec(1)}.encode(t),
	})
	for name, words := range map[string][]string{
		"wrong.star":   {"wrong.star:2:11: ", "cannot be scaled", "\n\tout = 0.5 * a\n\t          ^"},
		"spaces.star":  {"spaces.star:3:9: ", "the merge spaces do not agree"},
		"bytes.star":   {"this is no program"},
		"missing.star": {"cannot read the recipe"},
	} {
		c := cli{lib: facade{}}
		c.want(t, c.run("vet", filepath.Join(dir, name)), 3, words...)
	}
	c := cli{lib: facade{}}
	c.want(t, c.run("vet", "-e", "a + q", "-m", "a=a"), 3, "expression:1:5: undefined: q (a model is named with -m q=FILE)")
	c = cli{lib: facade{}}
	c.want(t, c.run("vet", "-e", "", "-m", "a=a"), 3, "expression:1:1: ")
}

func TestSourcesOfRecipesExcludeEachOther(t *testing.T) {
	for args, words := range map[string]string{
		"vet r.mecha -e a":                   `-e takes the place of RECIPE, but there is "r.mecha"`,
		"vet r.mecha --set x=1":              "--set x=1: only a program (*.star) and an expression (-e) have parameters",
		"vet r.mecha -m a=A":                 "-m a=A: only an expression (-e) and a program (*.star)",
		"vet r.star -m a":                    "-m a: expected NAME=FILE",
		"vet r.star -m =a":                   "expected NAME=FILE",
		"vet r.star -m a=":                   "expected NAME=FILE",
		"vet r.star --set a":                 "--set a: expected NAME=VALUE",
		"vet r.star --set a=1 --set a=2":     "a is given twice",
		"vet":                                "vet needs RECIPE or -e EXPR",
		"recipe shwo":                        `unknown command "shwo" of recipe; did you mean "show"?`,
		"recipe show":                        "show needs RECIPE or -e EXPR",
		"recipe show r.mecha --set alpha=.5": "only a program",
	} {
		c := cli{lib: &fakeLibrary{}}
		c.want(t, c.run(strings.Fields(args)...), 2, words)
	}
}

func TestRecipeShowPrintsTheTextOfAnyRecipe(t *testing.T) {
	dir := withProgram(t)
	merged(t, dir, filepath.Join(dir, "mix.star"), "--set", "alpha=0.25")
	const want = `version 0.1.0
model "a.safetensors" model_config=null merge_space="weight"
model "b.safetensors" model_config=null merge_space="weight"
dict key=0.25
literal &2 model_config="singleton-mecha" merge_space=null
merge "convert_singleton" &3
merge "weighted_sum" &0 &1 &4`
	if err := os.WriteFile(filepath.Join(dir, "shown.mecha"), []byte(want), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range []string{"show mix.star --set alpha=0.25", "format mix.star --set alpha=0.25", "show shown.mecha"} {
		f := strings.Fields(args)
		f[1] = filepath.Join(dir, f[1])
		for _, terminal := range []bool{false, true} {
			c := cli{lib: facade{}, terminal: terminal}
			c.want(t, c.run(append([]string{"recipe"}, f...)...), 0)
			end := map[bool]string{true: "\n"}[terminal] // sd-mecha reads no text that ends with a line feed
			if got := c.stdout.String(); got != want+end {
				t.Errorf("%s:\n%s", args, got)
			}
		}
	}
	c := cli{lib: facade{}}
	c.want(t, c.run("recipe", "show", "-e", "weighted_sum(a, b, alpha=x)", "-m", "a=a.safetensors", "-m", "b=b.safetensors", "--set", "x=0.25"), 0)
	if got := c.stdout.String(); got != want {
		t.Errorf("of an expression:\n%s", got)
	}
	c = cli{lib: facade{}}
	c.want(t, c.run("recipe", "show", filepath.Join(dir, "out.safetensors")), 0)
	if got := c.stdout.String(); !strings.HasPrefix(got, "version 0.1.0\n") || !strings.Contains(got, `merge "weighted_sum"`) {
		t.Errorf("of a merged file:\n%s", got)
	}
}

func TestHelpListsTheParametersOfAProgram(t *testing.T) {
	dir := withProgram(t)
	c := cli{lib: facade{}}
	c.want(t, c.run("merge", filepath.Join(dir, "mix.star"), "--help"), 0)
	for _, want := range []string{"mecha-gpu merge RECIPE", "Parameters of", "--set alpha=0.5   a number", "--set swap=false  true or false"} {
		if !strings.Contains(c.stdout.String(), want) {
			t.Errorf("help lacks %q:\n%s", want, &c.stdout)
		}
	}
}
