package main

import (
	"context"
	"encoding/binary"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	mecha "github.com/mecha-gpu/mecha-gpu"
	"github.com/mecha-gpu/mecha-gpu/stream/vfs"
)

// zipHead is how a PyTorch checkpoint starts: a zip archive with data.pkl in it.
const zipHead = "PK\x03\x04\x00\x00\x08\x08\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x10\x00\x00\x00archive/data.pkl"

// recipeOf is a recipe of two models and one instruction.
func recipeOf(instruction string) string {
	return "version 0.1.0\nmodel \"a.safetensors\"\nmodel \"b.safetensors\"\n" + instruction + "\n"
}

// header makes a safetensors file of any header text and data.
func header(text, data string) []byte {
	return append(binary.LittleEndian.AppendUint64(nil, uint64(len(text))), text+data...)
}

func TestBadInputHasAClearMessageACodeAndNoFile(t *testing.T) {
	good := model{"w": vec(1, 2)}
	for _, c := range []struct {
		name   string
		recipe string
		b      []byte // b.safetensors; nil if it is missing
		flags  string
		code   int
		want   []string
	}{
		{"missing model", lerpRecipe, nil, "", 4, []string{"b.safetensors"}},
		{"truncated header", lerpRecipe, good.encode(t)[:40], "", 4, []string{"b.safetensors"}},
		{"truncated data", lerpRecipe, good.encode(t)[:len(good.encode(t))-1], "", 4, []string{"b.safetensors"}},
		{"empty file", lerpRecipe, []byte{}, "", 4, []string{"b.safetensors"}},
		{"header is not JSON", lerpRecipe, header("{\"w\":", ""), "", 4, []string{"b.safetensors"}},
		{"overlapping tensors", lerpRecipe, header(`{"w":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"v":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}}`, "abc"), "", 4, []string{"b.safetensors", `"`}},
		{"pickle in a zip archive", lerpRecipe, []byte(zipHead), "", 4, []string{"b.safetensors", "pickle", "safetensors"}},
		{"old pickle", lerpRecipe, []byte("\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03."), "", 4, []string{"b.safetensors", "pickle"}},
		{"unknown method", recipeOf(`merge "wieghted_sum" &0 &1`), good.encode(t), "", 3, []string{"wieghted_sum", "weighted_sum", "4"}},
		{"method that is not available", recipeOf(`merge "ties_sum" &0 &1`), good.encode(t), "--merge-space any", 3, []string{"ties_sum", "not available"}},
		{"unknown parameter", recipeOf(`merge "weighted_sum" &0 &1 alhpa=0.5`), good.encode(t), "", 3, []string{"alhpa"}},
		{"missing argument", recipeOf(`merge "weighted_sum" &0`), good.encode(t), "", 3, []string{"weighted_sum", "b"}},
		{"syntax", recipeOf(`merge "weighted_sum &0 &1`), good.encode(t), "", 3, []string{"r.mecha", "^"}},
		{"forward reference", recipeOf(`merge "weighted_sum" &0 &7`), good.encode(t), "", 3, []string{"7"}},
		{"not a recipe", "hello\n", good.encode(t), "", 3, []string{"r.mecha"}},
		{"wrong merge space of an argument", "version 0.1.0\nmodel \"a.safetensors\"\nmodel \"b.safetensors\" merge_space=\"weight\"\nmerge \"add_difference\" &0 &1\n", good.encode(t), "", 3, []string{"delta"}},
		{"wrong merge space of the result", recipeOf(`merge "subtract" &0 &1`), good.encode(t), "", 3, []string{"delta", "weight"}},
		{"mismatched shapes", lerpRecipe, model{"w": vec(1, 2, 3)}.encode(t), "", 4, []string{`"w"`, "[2]", "[3]"}},
		{"missing key and --strict-keys", lerpRecipe, model{"v": vec(1, 2)}.encode(t), "--strict-keys", 4, []string{`w`}},
		{"budget too small", lerpRecipe, good.encode(t), "--max-ram 1K", 5, []string{"memory"}},
		{"fallback that is missing", lerpRecipe, good.encode(t), "--fallback nowhere.safetensors", 4, []string{"nowhere.safetensors"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			files := map[string][]byte{"r.mecha": []byte(c.recipe), "a.safetensors": good.encode(t)}
			if c.b != nil {
				files["b.safetensors"] = c.b
			}
			dir := folder(t, files)
			before := names(t, dir)
			args := []string{"merge", filepath.Join(dir, "r.mecha"), "-o", filepath.Join(dir, "out.safetensors"), "--quiet"}
			r := cli{lib: facade{}}
			r.want(t, r.run(append(args, strings.Fields(c.flags)...)...), c.code, append(c.want, "mecha-gpu: ")...)
			if after := names(t, dir); !slices.Equal(before, after) {
				t.Errorf("files %q became %q", before, after)
			}
		})
	}
}

func TestAllMismatchedShapesAreListed(t *testing.T) {
	dir := folder(t, map[string][]byte{"r.mecha": []byte(lerpRecipe),
		"a.safetensors": model{"u": vec(1), "v": f32([]int64{2, 1}, 1, 2), "w": vec(1, 2)}.encode(t),
		"b.safetensors": model{"u": vec(1), "v": f32([]int64{1, 2}, 1, 2), "w": vec(1, 2, 3)}.encode(t)})
	c := cli{lib: facade{}}
	c.want(t, c.run("merge", filepath.Join(dir, "r.mecha"), "-o", filepath.Join(dir, "out.safetensors")), 4,
		`"v"`, "[2, 1]", "[1, 2]", `"w"`, "[2]", "[3]")
	if strings.Contains(c.stderr.String(), `"u"`) {
		t.Errorf("u is right:\n%s", &c.stderr)
	}
	c = cli{lib: facade{}}
	c.want(t, c.run("merge", filepath.Join(dir, "r.mecha"), "-o", filepath.Join(dir, "out.safetensors"), "--on-shape-mismatch", "first"), 0, "shapes differ")
}

func TestFolderWithoutAModelIsRefused(t *testing.T) {
	dir := folder(t, map[string][]byte{"r.mecha": []byte("version 0.1.0\nmodel \"m\"\n"), "m/readme.txt": []byte("x")})
	c := cli{lib: facade{}}
	c.want(t, c.run("merge", filepath.Join(dir, "r.mecha"), "-o", filepath.Join(dir, "out.safetensors")), 4, "m", "safetensors")
	c = cli{lib: facade{}}
	c.want(t, c.run("inspect", filepath.Join(dir, "m")), 4, "m")
}

func TestMissingRecipeIsARecipeError(t *testing.T) {
	for _, command := range []string{"vet", "plan", "merge -o out"} {
		args := strings.Fields(command)
		c := cli{lib: facade{}}
		c.want(t, c.run(append(args, filepath.Join(t.TempDir(), "nowhere.mecha"))...), 3, "nowhere.mecha")
	}
}

func TestAllErrorsOfARecipeAreListedWithCarets(t *testing.T) {
	dir := folder(t, map[string][]byte{"r.mecha": []byte("version 0.1.0\nmodel 7\nmerge \"nothing_like_it\" &0\n")})
	c := cli{lib: facade{}}
	c.want(t, c.run("vet", filepath.Join(dir, "r.mecha"), "--json"), 3, "r.mecha:2:", "r.mecha:3:", "^")
	if l := c.lines(t); l[len(l)-1]["class"] != "recipe" || l[len(l)-1]["exit"] != 3.0 {
		t.Errorf("stdout %v", l)
	}
}

func TestUnwritableTargets(t *testing.T) {
	dir := twoModels(t)
	before := names(t, dir)
	for _, c := range []struct{ out, want string }{
		{filepath.Join(dir, "nowhere", "out.safetensors"), "nowhere does not exist"},
		{filepath.Join(dir, "r.mecha", "out.safetensors"), "r.mecha"},
		{dir, dir},
	} {
		r := cli{lib: facade{}}
		r.want(t, r.run("merge", filepath.Join(dir, "r.mecha"), "-o", c.out), 6, c.want)
		if after := names(t, dir); !slices.Equal(before, after) {
			t.Errorf("files %q became %q", before, after)
		}
	}
}

// hooked is the library with something that happens while a merge runs.
type hooked struct {
	facade
	options func(*mecha.Options)
}

func (h hooked) Merge(ctx context.Context, ins []input, outputs []string, o mecha.Options) (*mecha.Report, error) {
	h.options(&o)
	return h.facade.Merge(ctx, ins, outputs, o)
}

func TestInputThatChangesDuringTheMergeIsAnError(t *testing.T) {
	dir := twoModels(t)
	before := names(t, dir)
	changed := false
	c := cli{lib: hooked{options: func(o *mecha.Options) {
		show := o.Progress
		o.Progress = func(p mecha.Progress) {
			if p.Stage == "merge" && !changed {
				changed = true
				later := time.Now().Add(time.Hour)
				if err := os.Chtimes(filepath.Join(dir, "b.safetensors"), later, later); err != nil {
					t.Error(err)
				}
			}
			show(p)
		}
	}}}
	c.want(t, c.run("merge", filepath.Join(dir, "r.mecha"), "-o", filepath.Join(dir, "out.safetensors")), 4, "b.safetensors", "changed")
	if after := names(t, dir); !changed || !slices.Equal(before, after) {
		t.Errorf("changed: %v; files %q became %q", changed, before, after)
	}
}

func TestInterruptedMergeLeavesNothing(t *testing.T) {
	dir := twoModels(t)
	before := names(t, dir)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	c := cli{ctx: ctx, lib: hooked{options: func(o *mecha.Options) {
		o.Progress = func(mecha.Progress) { cancel() }
	}}}
	c.want(t, c.run("merge", filepath.Join(dir, "r.mecha"), "-o", filepath.Join(dir, "out.safetensors")), 130, "interrupted")
	if after := names(t, dir); !slices.Equal(before, after) {
		t.Errorf("files %q became %q", before, after)
	}
}

// nearlyFull is the file system of the operating system with little room.
type nearlyFull struct{ vfs.OS }

func (nearlyFull) Free(string) (int64, error) { return 10, nil }

func TestFullDiskIsFoundBeforeWorkStarts(t *testing.T) {
	dir := twoModels(t)
	before := names(t, dir)
	c := cli{lib: hooked{options: func(o *mecha.Options) { o.FS = nearlyFull{} }}}
	c.want(t, c.run("merge", filepath.Join(dir, "r.mecha"), "-o", filepath.Join(dir, "out.safetensors")), 5, "10 bytes")
	if after := names(t, dir); !slices.Equal(before, after) {
		t.Errorf("files %q became %q", before, after)
	}
}
