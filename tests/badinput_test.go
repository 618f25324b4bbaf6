package tests

import (
	"bytes"
	"context"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/mecha-gpu/mecha-gpu"
	"github.com/mecha-gpu/mecha-gpu/stream/memory"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// pickles are the beginnings of PyTorch checkpoints: a zip archive, and the format before.
var pickles = map[string]string{
	"zip": "PK\x03\x04\x00\x00\x08\x08\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x10\x00\x00\x00archive/data.pkl",
	"old": "\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.",
}

// What is wrong with the input is an error of the right class that says so, and nothing is
// written. (What needs a command line is tested with the command.)
func TestBadInputIsRefused(t *testing.T) {
	model := memory.Dict{"w": f32s(tensor.Shape{2}, 1, 2)}
	good := encode(t, model, nil)
	lerp := recipeFor("ab", `merge "weighted_sum" &0 &1 alpha=0.5`)
	for _, c := range []struct {
		name  string
		text  string
		b     []byte // the file b; nil: there is none
		o     mecha.Options
		class tensor.Class
		want  []string
	}{
		{"missing file", lerp, nil, mecha.Options{ModelDirs: []string{"/models"}}, tensor.ClassInput, []string{"b", "/models", "/in"}},
		{"folder without a model", recipeFor("a", `model "empty"`, `merge "weighted_sum" &0 &1`), good, mecha.Options{}, tensor.ClassInput, []string{"empty", "safetensors"}},
		{"truncated header", lerp, good[:20], mecha.Options{}, tensor.ClassInput, []string{"/in/b"}},
		{"truncated data", lerp, good[:len(good)-1], mecha.Options{}, tensor.ClassInput, []string{"/in/b"}},
		{"longer than its tensors", lerp, append(slices.Clone(good), 0), mecha.Options{}, tensor.ClassInput, []string{"/in/b"}},
		{"corrupt header", lerp, bytes.Replace(good, []byte("F32"), []byte("F3\xff"), 1), mecha.Options{}, tensor.ClassInput, []string{"/in/b"}},
		{"pickle in a zip archive", lerp, []byte(pickles["zip"]), mecha.Options{}, tensor.ClassInput, []string{"/in/b", "pickle", "safetensors"}},
		{"pickle of the old format", lerp, []byte(pickles["old"]), mecha.Options{}, tensor.ClassInput, []string{"/in/b", "pickle", "safetensors"}},
		{"unknown method", recipeFor("ab", `merge "slrp" &0 &1`), good, mecha.Options{}, tensor.ClassRecipe, []string{"slrp", "slerp", "test.mecha:4:"}},
		{"parameter of the wrong type", recipeFor("ab", `merge "weighted_sum" &0 &1 alpha="much"`), good, mecha.Options{}, tensor.ClassRecipe, []string{"alpha"}},
		{"unknown parameter", recipeFor("ab", `merge "slerp" &0 &1 beta=1.0`), good, mecha.Options{}, tensor.ClassRecipe, []string{"beta", "slerp"}},
		{"wrong merge space", "version 0.1.0\nmodel \"a\" merge_space=\"weight\"\nmodel \"b\" merge_space=\"weight\"\nmerge \"add_difference\" &0 &1\n", good, mecha.Options{}, tensor.ClassRecipe, []string{"weight", "delta"}},
		{"unknown merge space", lerp, good, mecha.Options{MergeSpace: "nowhere"}, tensor.ClassRecipe, []string{"nowhere"}},
		{"no key in common", lerp, encode(t, memory.Dict{"v": model["w"]}, nil), mecha.Options{}, tensor.ClassInput, []string{"nothing to merge", "a has 1 key, b"}},
		{"no keys at all", lerp, encode(t, memory.Dict{}, nil), mecha.Options{}, tensor.ClassInput, []string{"nothing to merge", "0 keys"}},
		{"budget too small", lerp, good, mecha.Options{MaxRAM: 4096}, tensor.ClassFit, []string{"4.0 KiB", "at least"}},
		{"fallback that is missing", lerp, good, mecha.Options{Fallback: "elsewhere"}, tensor.ClassInput, []string{"elsewhere"}},
		{"output type that is not floating", lerp, good, mecha.Options{OutputDType: tensor.I32}, tensor.ClassUsage, []string{"I32"}},
		{"merge type that cannot compute", lerp, good, mecha.Options{MergeDType: tensor.F8_E4M3}, tensor.ClassUsage, []string{"F8_E4M3"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, map[string]memory.Dict{"a": model})
			check(t, w.MkdirAll("/in/empty", 0o777))
			if c.b != nil {
				w.put("/in/b", c.b)
			}
			rep, err := merge(w.Mem, c.text, "/out/m", c.o)
			if rep != nil || tensor.ClassOf(err) != c.class {
				t.Fatalf("report %v, error %v of class %v, want %v", rep, err, tensor.ClassOf(err), c.class)
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%v does not hold %q", err, want)
				}
			}
			if files := w.files("/out"); len(files) != 0 {
				t.Errorf("left %v", files)
			}
		})
	}
}

// A pickle is known by its content, whatever its name.
func TestPickleIsKnownByItsContent(t *testing.T) {
	for _, name := range []string{"m.safetensors", "m.ckpt", "m.pt", "m.bin", "m"} {
		for kind, content := range pickles {
			w := newWorld(t, nil)
			w.put("/in/"+name, []byte(content))
			_, err := mecha.Inspect(context.Background(), "/in/"+name, mecha.Options{FS: w.Mem})
			if tensor.ClassOf(err) != tensor.ClassInput || !strings.Contains(err.Error(), "pickle") {
				t.Errorf("%s %s: %v", kind, name, err)
			}
		}
	}
}

// An input that changes while the merge runs, in any way, fails it: nothing is published.
func TestInputThatChangesFailsTheMerge(t *testing.T) {
	text := recipeFor("ab", `merge "weighted_sum" &0 &1 alpha=0.5`)
	models := map[string]memory.Dict{"a": {"w": weights(1, tensor.F32, 1000)}, "b": {"w": weights(2, tensor.F32, 1000)}}
	for name, change := range map[string]func(w world){
		"replaced":  func(w world) { w.put("/in/new", encode(t, models["a"], nil)); check(t, w.Rename("/in/new", "/in/b")) },
		"removed":   func(w world) { check(t, w.Remove("/in/b")) },
		"rewritten": func(w world) { check(t, w.Remove("/in/b")); w.put("/in/b", encode(t, models["b"], nil)) },
	} {
		w := newWorld(t, models)
		done := false
		_, err := merge(w.Mem, text, "/out/m", mecha.Options{Progress: func(p mecha.Progress) {
			if p.Stage == "merge" && !done {
				done = true
				change(w)
			}
		}})
		if tensor.ClassOf(err) != tensor.ClassInput || !strings.Contains(err.Error(), "/in/b") || !strings.Contains(err.Error(), "changed") {
			t.Errorf("%s: %v (class %v)", name, err, tensor.ClassOf(err))
		}
		if files := w.files("/out"); !done || len(files) != 0 {
			t.Errorf("%s: left %v", name, files)
		}
	}
}

// What cannot be written is refused before work starts, and says why.
func TestUnwritableTargetIsRefused(t *testing.T) {
	w := newWorld(t, map[string]memory.Dict{"a": {"w": f32s(tensor.Shape{1}, 1)}})
	w.put("/out/readonly", []byte("x"))
	f, err := w.Open("/out/readonly")
	check(t, err)
	check(t, f.Chmod(0o444))
	check(t, f.Close())
	for out, want := range map[string]string{"/nowhere/m": "does not exist", "/out": "folder", "/out/readonly": "read-only", "/in/a/m": "not a folder", "": "empty"} {
		rep, err := merge(w.Mem, recipeFor("a"), out, mecha.Options{})
		if rep != nil || tensor.ClassOf(err) != tensor.ClassIO || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v (class %v), want %q", out, err, tensor.ClassOf(err), want)
		}
	}
	if string(w.get("/out/readonly")) != "x" || len(w.files("/out")) != 1 {
		t.Error("the target was touched")
	}
}

// A merge that is cancelled publishes nothing and leaves nothing.
func TestCancelledMergeLeavesNothing(t *testing.T) {
	w := newWorld(t, map[string]memory.Dict{"a": {"w": weights(1, tensor.F32, 100_000)}, "b": {"w": weights(2, tensor.F32, 100_000)}})
	ctx, cancel := context.WithCancel(context.Background())
	o := mecha.Options{FS: w.Mem, ModelDirs: []string{"/in"}, UnitBytes: 4096, Threads: 1, Progress: func(p mecha.Progress) {
		if p.Stage == "merge" {
			cancel()
		}
	}}
	r, err := mecha.ParseRecipe([]byte(recipeFor("ab", `merge "slerp" &0 &1 alpha=0.5`)), "r", o)
	check(t, err)
	if rep, err := mecha.Merge(ctx, r, "/out/m", o); rep != nil || tensor.ClassOf(err) != tensor.ClassInterrupted {
		t.Errorf("report %v, error %v of class %v", rep, err, tensor.ClassOf(err))
	}
	if files := w.files("/out"); len(files) != 0 {
		t.Errorf("left %v", files)
	}
}

// Row 24 of the table: whether an input is finite is judged in its own precision, so that
// overflow in a half-precision merge drops no key.
func TestRow24FinitenessIsJudgedInTheSourcePrecision(t *testing.T) {
	w := newWorld(t, map[string]memory.Dict{"a": {"w": f32s(tensor.Shape{2}, 1e6, 1)}, "b": {"w": f32s(tensor.Shape{2}, 1e6, 3)}})
	got, rep := w.mustMerge(recipeFor("ab", `merge "weighted_sum" &0 &1 alpha=0.5`), mecha.Options{MergeDType: tensor.F16})
	if rep.Dropped.Count != 0 || len(got) != 1 {
		t.Fatalf("dropped %+v", rep.Dropped)
	}
	x := got["w"].Data
	if v := math.Float32frombits(uint32(x[4]) | uint32(x[5])<<8 | uint32(x[6])<<16 | uint32(x[7])<<24); v != 2 {
		t.Errorf("the second element is %v", v)
	}
	if rep.NonFinite.Elements != 1 {
		t.Errorf("non-finite %+v", rep.NonFinite)
	}
}
