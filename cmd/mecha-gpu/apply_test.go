package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	mecha "github.com/mecha-gpu/mecha-gpu"
	"github.com/mecha-gpu/mecha-gpu/methods"
)

func TestApplyIsTheMergeOfTheRecipe(t *testing.T) {
	dir := folder(t, map[string][]byte{
		"a.safetensors": model{"w": vec(1, 2, 3, 4), "b": vec(1, -1)}.encode(t),
		"b.safetensors": model{"w": vec(5, 6, 7, 8), "b": vec(0, 3)}.encode(t),
		"m.safetensors": model{"w": vec(0, 0.25, 0.5, 1), "b": vec(1, 0)}.encode(t),
	})
	t.Chdir(dir)
	for args, program := range map[string]string{
		"weighted_sum a.safetensors b.safetensors --alpha 0.3":           "weighted_sum(a, b, alpha=0.3)",
		"weighted_sum --b b.safetensors a.safetensors --alpha 1":         "weighted_sum(a, b, alpha=1)",
		"weighted_sum a.safetensors b.safetensors --alpha m.safetensors": `weighted_sum(a, b, alpha=model("m.safetensors", merge_space="param"))`,
		"subtract a.safetensors b.safetensors":                           "a - b",
		"scale a.safetensors --alpha=-2":                                 `-2 * model("a.safetensors", merge_space="delta")`,
		"n_average a.safetensors b.safetensors a.safetensors":            "n_average(a, b, a)",
		"clamp a.safetensors b.safetensors m.safetensors --stiffness 0":  `clamp(a, b, model("m.safetensors"), stiffness=0)`,
		"cast a.safetensors --dtype float16 --p-device cpu":              `a.to("float16", device="cpu")`,
		"fallback a.safetensors b.safetensors":                           "a | b",
	} {
		c := cli{lib: facade{}}
		c.want(t, c.run(strings.Fields("apply "+args+" -o applied.safetensors")...), 0)
		program = "a, b = model('a.safetensors'), model('b.safetensors')\nout = " + program + "\n"
		if err := os.WriteFile("r.star", []byte(program), 0o600); err != nil {
			t.Fatal(err)
		}
		c = cli{lib: facade{}}
		c.want(t, c.run("merge", "r.star", "-o", "merged.safetensors", "--merge-space", "any"), 0)
		applied, err := os.ReadFile(filepath.Join(dir, "applied.safetensors"))
		merged, err2 := os.ReadFile(filepath.Join(dir, "merged.safetensors"))
		if err != nil || err2 != nil || !bytes.Equal(applied, merged) {
			t.Errorf("%s: another file than that of %s (%v, %v)", args, program, err, err2)
		}
	}
}

// A model of a method that wants a difference is one to the method: the report says so.
func TestReportsSayWhichModelsAreTakenAsDifferences(t *testing.T) {
	t.Chdir(folder(t, map[string][]byte{"a.safetensors": model{"w": vec(1, 2)}.encode(t), "b.safetensors": model{"w": vec(5, 6)}.encode(t)}))
	c := cli{lib: facade{}}
	c.want(t, c.run("apply", "add_difference", "a.safetensors", "b.safetensors", "--alpha", "0.5", "-o", "out.safetensors"), 0,
		"a.safetensors: 1 key, 1 used", "b.safetensors as delta: 1 key, 1 used")
}

func TestEveryMethodHasACommandWithFlagsForItsParameters(t *testing.T) {
	for _, m := range methods.Builtin().All() {
		c := cli{lib: &fakeLibrary{}}
		c.want(t, c.run("apply", m.ID, "--help"), 0)
		help := c.stdout.String()
		for _, p := range m.Params {
			name := strings.ReplaceAll(p.Name, "_", "-")
			if p.Variadic {
				name = strings.ToUpper(p.Name) + "..."
			} else if name = "--" + name; name == "--device" {
				name = "--p-device"
			}
			if !strings.Contains(help, name) || !strings.Contains(help, strings.Fields(p.Doc)[0]) {
				t.Errorf("help of %s lacks %s:\n%s", m.ID, name, help)
			}
		}
		for line := range strings.Lines(help) {
			if len(line) > 101 && !strings.Contains(line, m.ID) { // some identifiers are long
				t.Errorf("help of %s has a line of %d characters: %s", m.ID, len(line), line)
			}
		}
	}
}

func TestApplyGivesWhatIsTypedToParameters(t *testing.T) {
	lib := &fakeLibrary{report: &mecha.Report{}}
	c := cli{lib: lib}
	c.want(t, c.run(strings.Fields("apply ties_sum_with_dropout -o o d1 d2 --vote_sgn --seed null --apply-median=false --probability .5 --threads 3")...), 0)
	r, err := lib.in.call.recipe(t.Context(), mecha.Options{})
	if err != nil || lib.options.Threads != 3 || lib.output != "o" || lib.options.MergeSpace != "any" {
		t.Fatalf("%v, %+v", err, lib.options)
	}
	text, err := r.Text()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`model "d1" model_config=null merge_space="delta"`, "dict key=true", "dict key=null", "dict key=0.5", "dict key=false"} {
		if !strings.Contains(text, want) {
			t.Errorf("%s is not in:\n%s", want, text)
		}
	}
}

func TestWrongApplicationsSayWhatIsWanted(t *testing.T) {
	for args, words := range map[string]string{
		"apply":                                     "apply needs METHOD",
		"apply -o c weighted_sum a b":               "apply needs METHOD first",
		"apply wsum a b -o c":                       `unknown method "wsum"; did you mean "weighted_sum"?`,
		"apply weighted_sum a -o c":                 "weighted_sum needs B: apply weighted_sum A B",
		"apply weighted_sum a b c -o d":             `unexpected argument "c": apply weighted_sum A B; other parameters are flags`,
		"apply weighted_sum a b":                    "weighted_sum needs -o OUT",
		"apply weighted_sum a b -o c --alhpa 1":     `did you mean "--alpha"?`,
		"apply weighted_sum a b -o c --alpha null":  `found "null", expected NUMBER|MODEL`,
		"apply weighted_sum a b -o c --a x --a y":   "given twice",
		"apply ties_sum a b -o c --k x":             `parameter k: found "x", expected NUMBER`,
		"apply truncate_rank a -o c --rank 1.5":     `parameter rank: found "1.5", expected INTEGER`,
		"apply n_average -o c":                      "n_average needs at least 1 MODELS, got 0",
		"apply weighted_sum a b -o -":               "cannot be a pipe",
		"apply weighted_sum a b -o c --set alpha=1": "unknown flag: --set",
	} {
		c := cli{lib: &fakeLibrary{}}
		c.want(t, c.run(strings.Fields(args)...), 2, words)
	}
}

func TestApplyHelpListsTheMethods(t *testing.T) {
	c := cli{lib: &fakeLibrary{}}
	c.want(t, c.run("apply", "--help"), 0)
	for _, m := range methods.Builtin().All() {
		if !strings.Contains(c.stdout.String(), "\n  "+m.ID+" ") {
			t.Errorf("%s is not listed", m.ID)
		}
	}
}
