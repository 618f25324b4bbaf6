package mecha_test

import (
	"context"
	"fmt"
	"log"
	"strings"
	"testing"

	"github.com/mecha-gpu/mecha-gpu"
	"github.com/mecha-gpu/mecha-gpu/stream/memory"
	"github.com/mecha-gpu/mecha-gpu/stream/vfs"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// ExampleParseExpr adds half of a difference to a model in memory.
func ExampleParseExpr() {
	o := mecha.Options{Sources: sources(map[string]memory.Dict{
		"base": {"w": vector(1, 1)}, "tuned": {"w": vector(2, 3)}, "target": {"w": vector(10, 20)}})}
	r, err := mecha.ParseExpr(context.Background(), "t + 0.5*(b - c)", map[string]string{"t": "target", "b": "tuned", "c": "base"}, o)
	if err != nil {
		log.Fatal(err)
	}
	sink := memory.NewSink("out", nil)
	if _, err := mecha.MergeInto(context.Background(), r, sink, o); err != nil {
		log.Fatal(err)
	}
	fmt.Println(floats(sink.Dict()["w"]))
	// Output: [10.5 21]
}

// write puts a file into a file system in memory.
func write(t *testing.T, fsys vfs.FS, path, text string) {
	t.Helper()
	f, err := fsys.Create(path, 0o600)
	if err == nil {
		_, err = f.WriteAt([]byte(text), 0)
	}
	if err == nil {
		err = f.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestScriptsAreRecipes(t *testing.T) {
	fsys := vfs.NewMem()
	write(t, fsys, "mix.star", "def recipe(alpha=0.5):\n    return weighted_sum(model('a'), b, alpha=alpha)\n")
	write(t, fsys, "plain.star", "out = model('a')\n")
	write(t, fsys, "wrong.star", "out = 1 +\n")
	o := mecha.Options{FS: fsys}
	ctx := context.Background()
	r, err := mecha.LoadScript(ctx, "mix.star", mecha.ScriptOptions{Set: map[string]string{"alpha": "0.25"}, Models: map[string]string{"b": "B"}}, o)
	if err != nil {
		t.Fatal(err)
	}
	if text, err := r.Text(); err != nil || !strings.Contains(text, `model "B"`) || !strings.Contains(text, "key=0.25") || r.Name() != "mix.star" {
		t.Errorf("%s %v", text, err)
	}
	if r, err = mecha.LoadRecipe(ctx, "plain.star", o); err != nil || r.Name() != "plain.star" {
		t.Errorf("%v", err)
	}
	if params, err := mecha.ScriptParams(ctx, "mix.star", o); err != nil || len(params) != 1 || params[0].Name != "alpha" {
		t.Errorf("%v %v", params, err)
	}
	for _, name := range []string{"wrong.star", "missing.star"} {
		if _, err := mecha.LoadRecipe(ctx, name, o); tensor.ClassOf(err) != tensor.ClassRecipe || !strings.Contains(err.Error(), name) {
			t.Errorf("%v", err)
		}
	}
	if _, err := mecha.ParseExpr(context.Background(), "a", nil, o); tensor.ClassOf(err) != tensor.ClassRecipe {
		t.Errorf("%v", err)
	}
}

// Windows does not tell the case of names apart, and other programs write names in capitals.
func TestProgramsAreKnownByTheirSuffix(t *testing.T) {
	for path, want := range map[string]bool{"a.star": true, "b/MIX.STAR": true, "star": false, "a.star.mecha": false, "a.stars": false} {
		if mecha.IsScript(path) != want {
			t.Errorf("%s: %v", path, !want)
		}
	}
}
