package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	mecha "github.com/mecha-gpu/mecha-gpu"
)

// sweepFolder is a folder with two models and recipes of all kinds over them.
func sweepFolder(t *testing.T) string {
	return folder(t, map[string][]byte{
		"a.safetensors": model{"w": vec(1, 2, 3, 4), "b": vec(1, -1)}.encode(t),
		"b.safetensors": model{"w": vec(5, 6, 7, 8), "b": vec(0, 3)}.encode(t),
		"mix.star":      []byte("a, b = model('a.safetensors'), model('b.safetensors')\ndef recipe(alpha=0.5, k=1, plain=False):\n    x = weighted_sum(a, b, alpha=alpha)\n    return a + k * (b - a) if plain else x\n"),
		"one.mecha":     []byte("version 0.1.0\nmodel \"a.safetensors\"\nmodel \"b.safetensors\"\nmerge \"weighted_sum\" &0 &1 alpha=0.25\n"),
		"two.mecha":     []byte("version 0.1.0\nmodel \"b.safetensors\"\n"),
	})
}

// Every file of a command that makes several is the file of a command for it alone.
func TestSweepsMakeTheFilesOfSingleMerges(t *testing.T) {
	t.Chdir(sweepFolder(t))
	const expr = "merge -e weighted_sum(a,b,alpha=x).to(d) -m a=a.safetensors -m b=b.safetensors"
	for args, singles := range map[string]map[string]string{
		"merge mix.star --sweep alpha=0:1:0.5 --sweep k=1,2 --set plain=true -o g-{k}-{alpha}": {
			"g-1-0.0": "merge mix.star --set alpha=0.0 --set k=1 --set plain=true", "g-2-0.5": "merge mix.star --set alpha=0.5 --set k=2 --set plain=true",
			"g-2-1.0": "merge mix.star --set alpha=1.0 --set k=2 --set plain=true"},
		"merge mix.star --sweep alpha=0.25,0.75 -o {recipe}-{alpha}": {"mix-0.25": "merge mix.star --set alpha=0.25", "mix-0.75": "merge mix.star --set alpha=0.75"},
		expr + " --sweep x=0.1,0.2 --sweep d=float16,float32 -o e-{x}-{d}": {
			"e-0.1-float16": expr + " --set x=0.1 --set d=float16", "e-0.2-float32": expr + " --set x=0.2 --set d=float32"},
		"apply weighted_sum a.safetensors b.safetensors --sweep alpha=0.3,0.6 -o p-{alpha}": {
			"p-0.3": "apply weighted_sum a.safetensors b.safetensors --alpha 0.3", "p-0.6": "apply weighted_sum a.safetensors b.safetensors --alpha 0.6"},
		"merge one.mecha two.mecha mix.star -o r-{recipe}": {"r-one": "merge one.mecha", "r-two": "merge two.mecha", "r-mix": "merge mix.star"},
	} {
		c := cli{lib: facade{}}
		c.want(t, c.run(strings.Fields(args)...), 0, "files: ")
		for file, single := range singles {
			s := cli{lib: facade{}}
			s.want(t, s.run(append(strings.Fields(single), "-o", "single")...), 0)
			got, err := os.ReadFile(file)
			want, err2 := os.ReadFile("single")
			if err != nil || err2 != nil || !bytes.Equal(got, want) {
				t.Errorf("%s: %s is not the file of %s (%v, %v)", args, file, single, err, err2)
			}
			if !strings.Contains(c.stderr.String(), file+": ") {
				t.Errorf("%s: %s is not in the report:\n%s", args, file, &c.stderr)
			}
		}
	}
}

func TestAnOutputOfASweepMayBeAnInput(t *testing.T) {
	dir := sweepFolder(t)
	t.Chdir(dir)
	c := cli{lib: facade{}}
	c.want(t, c.run("merge", "-e", "weighted_sum(x, y, alpha=n)", "-m", "x=a.safetensors", "-m", "y=b.safetensors", "--sweep", "n=0.5,a", "-o", "{n}.safetensors"), 3)
	if names := names(t, dir); len(names) != 5 {
		t.Errorf("after an error there are %v", names)
	}
	c = cli{lib: facade{}}
	c.want(t, c.run("merge", "-e", "weighted_sum(x, y, alpha=0.5).to(t)", "-m", "x=a.safetensors", "-m", "y=b.safetensors", "--sweep", "t=float16,float32", "-o", "./{t}/../a.safetensors"), 2, "would be one file")
	before, err := os.ReadFile("a.safetensors")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Rename("one.mecha", "a.mecha"); err != nil {
		t.Fatal(err)
	}
	c = cli{lib: facade{}}
	c.want(t, c.run("merge", "a.mecha", "two.mecha", "-o", "{recipe}.safetensors"), 0)
	if after, err := os.ReadFile("a.safetensors"); err != nil || bytes.Equal(before, after) {
		t.Errorf("the input is not replaced: %v", err)
	}
}

func TestWrongSweepsSayWhatIsWanted(t *testing.T) {
	t.Chdir(sweepFolder(t))
	if err := os.Symlink("b.safetensors", "l-0.1"); err != nil {
		t.Fatal(err)
	}
	for args, want := range map[string]struct {
		code  int
		words string
	}{
		"merge mix.star --sweep alpha=0.1,0.2 -o out":                     {2, "would be one file, out; put {alpha} into it"},
		"merge mix.star --sweep alpha=1,2 --sweep k=1,2 -o o{k}":          {2, "put {alpha} into it"},
		"merge mix.star --sweep alpha=1,2 -o o{beta}":                     {2, "nothing is called {beta}"},
		"merge mix.star --sweep alhpa=1,2 -o o{alhpa}":                    {3, "did you mean alpha?"},
		"merge mix.star --sweep alpha=1,x -o o{alpha}":                    {3, "parameter alpha"},
		"merge mix.star --sweep alpha=1,2 --set alpha=1 -o o{alpha}":      {2, "set to 1 already"},
		"merge mix.star --sweep alpha=1,2 --sweep alpha=3 -o o{alpha}":    {2, "two sweeps of alpha"},
		"merge mix.star --sweep alpha -o o{alpha}":                        {2, "expected NAME="},
		"merge one.mecha --sweep alpha=1,2 -o o{alpha}":                   {2, "one.mecha has none"},
		"merge one.mecha two.mecha -o out":                                {2, "put {recipe} into it"},
		"merge one.mecha one.mecha -o o{recipe}":                          {2, "given twice"},
		"merge one.mecha - -o o{recipe}":                                  {2, "standard input"},
		"merge -e a*x -m a=a.safetensors --sweep y=1,2 -o o{y}":           {3, "no free name y"},
		"apply weighted_sum a b --alpha 1 --sweep alpha=1,2 -o o{alpha}":  {2, "argument already"},
		"apply weighted_sum a b --sweep alhpa=1,2 -o o{alhpa}":            {2, `did you mean "alpha"?`},
		"apply weighted_sum a b --sweep alpha=,2 -o o{alpha}":             {2, "a value is empty"},
		"merge mix.star --sweep alpha=0.1,0.2 -o l-{alpha} --threads 1":   {0, "2 files"},
		"plan mix.star --sweep alhpa=1,2":                                 {3, "did you mean alpha?"},
		"merge mix.star --sweep alpha=0.10,0.1 -o x-{alpha} --max-ram 1K": {5, "--max-ram"},
	} {
		before := len(names(t, "."))
		c := cli{lib: facade{}}
		c.want(t, c.run(strings.Fields(args)...), want.code, want.words)
		if after := len(names(t, ".")); want.code != 0 && after != before {
			t.Errorf("%s: %d files became %d", args, before, after)
		}
	}
	if err := os.Symlink(filepath.Join(".", "z-0.2"), "z-0.1"); err != nil {
		t.Fatal(err)
	}
	c := cli{lib: facade{}}
	c.want(t, c.run("merge", "mix.star", "--sweep", "alpha=0.1,0.2", "-o", "z-{alpha}"), 2, "two outputs have the same file")
}

// An error is about one of the files, and says which.
func TestErrorsOfSweepsNameTheOutput(t *testing.T) {
	t.Chdir(folder(t, map[string][]byte{"a": model{"w": vec(1)}.encode(t), "b": model{"w": vec(1)}.encode(t), "c": model{"x": vec(1)}.encode(t),
		"mix.star": []byte("def recipe(other='b'):\n    return weighted_sum(model('a'), model(other))\n")}))
	c := cli{lib: facade{}}
	c.want(t, c.run("merge", "mix.star", "--sweep", "other=b,c", "-o", "out-{other}"), 4, "out-c (mix other=c): nothing to merge")
	c = cli{lib: facade{}}
	c.want(t, c.run("plan", "mix.star", "--sweep", "other=b,c"), 4, "mix other=c: nothing to merge")
	c = cli{lib: facade{}}
	c.want(t, c.run("merge", "mix.star", "--sweep", "other=b,no", "-o", "out-{other}"), 4, "out-no (mix other=no): no: there is no such model")
}

func TestPlansOfSweepsAreThoseOfAllFiles(t *testing.T) {
	t.Chdir(sweepFolder(t))
	c := cli{lib: facade{}}
	c.want(t, c.run("plan", "mix.star", "--sweep", "alpha=0.1,0.2,0.3", "--json"), 0)
	p := c.lines(t)[0]
	if list, _ := p["outputs"].([]any); len(list) != 3 || p["bytes_read"] != 48.0 || p["bytes_written"] != 72.0 {
		t.Errorf("%v", p)
	}
}

func TestBracesAreTakenAsTheyAreWithoutSweeps(t *testing.T) {
	lib := &fakeLibrary{report: &mecha.Report{}}
	c := cli{lib: lib}
	c.want(t, c.run("merge", "r.mecha", "-o", "out{1}.safetensors"), 0)
	if len(lib.outputs) != 1 || lib.output != "out{1}.safetensors" {
		t.Errorf("%v", lib.outputs)
	}
}
