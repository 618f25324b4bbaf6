package tests

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/mecha-gpu/mecha-gpu"
	"github.com/mecha-gpu/mecha-gpu/kernels"
	"github.com/mecha-gpu/mecha-gpu/methods"
	"github.com/mecha-gpu/mecha-gpu/recipe"
	"github.com/mecha-gpu/mecha-gpu/stream/memory"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// The tests here are named by the rows of the table of behaviour in which this program and
// the reference differ, as far as they concern the whole program.

// Row 4: 8-bit floating-point files are read and written.
func TestRow4EightBitFloats(t *testing.T) {
	for _, d := range []tensor.DType{tensor.F8_E4M3, tensor.F8_E5M2} {
		w := newWorld(t, map[string]memory.Dict{"a": {"w": floats(d, tensor.Shape{4}, 1, -2, 0.5, 0)}, "b": {"w": floats(d, tensor.Shape{4}, 3, 2, 0.5, 8)}})
		got, _ := w.mustMerge(recipeFor("ab", `merge "weighted_sum" &0 &1 alpha=0.5`), mecha.Options{})
		if x := got["w"]; x.DType != d || !bytes.Equal(x.Data, floats(d, nil, 2, 0, 0.5, 4).Data) {
			t.Errorf("%v: %v %x", d, x.DType, x.Data)
		}
	}
}

// Row 6: the header is a multiple of 8 long (decode checks it), and every tensor lies at a
// multiple of its element size. Row 8: so is the order, whatever the order of the input.
func TestRow6TensorsAreAligned(t *testing.T) {
	d := memory.Dict{}
	for i, dt := range []tensor.DType{tensor.U8, tensor.F16, tensor.F8_E4M3, tensor.F64, tensor.BF16, tensor.F32, tensor.I64, tensor.BOOL} {
		n := int64(2*i + 1)
		d[fmt.Sprintf("k%d", i)] = memory.Tensor{DType: dt, Shape: tensor.Shape{n}, Data: make([]byte, n*dt.Size())}
	}
	w := newWorld(t, map[string]memory.Dict{"a": d})
	got, _ := w.mustMerge(recipeFor("a"), mecha.Options{})
	file := w.get("/out/m")
	for key, x := range got {
		if at := cap(file) - cap(x.Data); int64(at)%x.DType.Size() != 0 {
			t.Errorf("%s of %v lies at %d", key, x.DType, at)
		}
	}
	if !maps.EqualFunc(got, d, func(x, y memory.Tensor) bool { return x.DType == y.DType && bytes.Equal(x.Data, y.Data) }) {
		t.Error("copies differ")
	}
}

// Row 10: a tensor that several methods use is read once.
func TestRow10SharedTensorsAreReadOnce(t *testing.T) {
	a := memory.Dict{"w": weights(1, tensor.F32, 1000)}
	w := newWorld(t, map[string]memory.Dict{"a": a, "b": {"w": weights(2, tensor.F32, 1000)}})
	_, rep := w.mustMerge(recipeFor("ab", `merge "subtract" &1 &0`, `merge "add_difference" &0 &2 alpha=0.5`), mecha.Options{})
	if rep.BytesRead != 8000 {
		t.Errorf("%d bytes were read", rep.BytesRead)
	}
}

// Rows 11 and 16: the output carries its format, the recipe with its fallback, and the options
// that decide its bytes; running the recipe in it gives the same tensors.
func TestRow16OutputCarriesTheRecipeThatRan(t *testing.T) {
	w := newWorld(t, map[string]memory.Dict{
		"a": {"w": f32s(tensor.Shape{1}, 1)}, "b": {"w": f32s(tensor.Shape{1}, 3)}, "c": {"w": f32s(tensor.Shape{1}, 9), "v": f32s(tensor.Shape{1}, 7)},
	})
	got, _ := w.mustMerge(recipeFor("ab", `merge "weighted_sum" &0 &1 alpha=0.5`), mecha.Options{Fallback: "c"})
	_, metadata, err := decode(w.get("/out/m"))
	check(t, err)
	if metadata["format"] != "pt" || !strings.Contains(metadata[mecha.RecipeKey], `model "c"`) || !strings.Contains(metadata["mecha_gpu"], `"merge_dtype":"float32"`) {
		t.Errorf("metadata %q", metadata)
	}
	o := mecha.Options{FS: w.Mem, ModelDirs: []string{"/in"}}
	r, err := mecha.LoadRecipe(context.Background(), "/out/m", o)
	check(t, err)
	_, err = mecha.Merge(context.Background(), r, "/out/again", o)
	check(t, err)
	again, _, err := decode(w.get("/out/again"))
	check(t, err)
	same := func(x, y memory.Tensor) bool { return bytes.Equal(x.Data, y.Data) }
	if !maps.EqualFunc(got, again, same) || !bytes.Equal(got["v"].Data, f32s(nil, 7).Data) || !bytes.Equal(got["w"].Data, f32s(nil, 2).Data) {
		t.Errorf("first %v, again %v", got, again)
	}
}

// Row 13: the output has the element type of the first model.
func TestRow13OutputKeepsTheFirstType(t *testing.T) {
	w := newWorld(t, map[string]memory.Dict{"a": {"w": floats(tensor.BF16, tensor.Shape{1}, 1)}, "b": {"w": f32s(tensor.Shape{1}, 3)}})
	for models, want := range map[string]tensor.DType{"ab": tensor.BF16, "ba": tensor.F32} {
		if got, _ := w.mustMerge(recipeFor(models, `merge "weighted_sum" &0 &1 alpha=0.5`), mecha.Options{}); got["w"].DType != want {
			t.Errorf("%s: %v", models, got["w"].DType)
		}
	}
}

// Rows 14, 15 and 53: a merge in memory gives tensors only, with the metadata apart, that can
// be merged again, and does not touch its inputs.
func TestRow14MergeInMemory(t *testing.T) {
	a, b := memory.Dict{"w": f32s(tensor.Shape{2}, 1, 2)}, memory.Dict{"w": f32s(tensor.Shape{2}, 3, 6)}
	src := func(name string, d memory.Dict) tensor.Source {
		s, err := memory.NewSource(name, d, nil)
		check(t, err)
		return s
	}
	o := mecha.Options{Sources: map[string]tensor.Source{"a": src("a", a), "b": src("b", b)}}
	r, err := mecha.ParseRecipe([]byte(recipeFor("ab", `merge "weighted_sum" &0 &1 alpha=0.5`)), "r", o)
	check(t, err)
	sink := memory.NewSink("out", nil)
	_, err = mecha.MergeInto(context.Background(), r, sink, o)
	check(t, err)
	got := sink.Dict()
	if len(got) != 1 || !bytes.Equal(got["w"].Data, f32s(nil, 2, 4).Data) || sink.Metadata()["format"] != "pt" {
		t.Errorf("%v, metadata %v", got, sink.Metadata())
	}
	o.Sources["a"] = src("a", got)
	again := memory.NewSink("again", nil)
	_, err = mecha.MergeInto(context.Background(), r, again, o)
	check(t, err)
	if !bytes.Equal(again.Dict()["w"].Data, f32s(nil, 2.5, 5).Data) || !bytes.Equal(b["w"].Data, f32s(nil, 3, 6).Data) || !bytes.Equal(a["w"].Data, f32s(nil, 1, 2).Data) {
		t.Errorf("again %v; a %v, b %v", again.Dict(), a, b)
	}
}

// Row 17: a recipe that text cannot carry is merged with a warning, and not embedded.
func TestRow17RecipeThatCannotBeWrittenIsAWarning(t *testing.T) {
	w := newWorld(t, map[string]memory.Dict{"a": {"w": f32s(tensor.Shape{1}, 1)}})
	env, err := mecha.Env(mecha.Options{})
	check(t, err)
	a, err := env.Model("a", recipe.Hints{})
	check(t, err)
	e, err := env.Merge("weighted_sum", []any{a, a, math.NaN()})
	check(t, err)
	g, err := env.Graph(e)
	check(t, err)
	rep, err := mecha.Merge(context.Background(), mecha.NewRecipe(g, "r"), "/out/m", mecha.Options{FS: w.Mem, ModelDirs: []string{"/in"}, NonFinite: mecha.KeepNonFinite})
	check(t, err)
	_, metadata, err := decode(w.get("/out/m"))
	check(t, err)
	if _, ok := metadata[mecha.RecipeKey]; ok || !slices.ContainsFunc(rep.Warnings, func(s string) bool { return strings.Contains(s, "cannot be stored") }) {
		t.Errorf("metadata %q, warnings %q", metadata, rep.Warnings)
	}
}

// Row 19: a diamond of 40 levels, which has 2^40 paths, is merged.
func TestRow19DiamondOf40Levels(t *testing.T) {
	d := memory.Dict{}
	for i := range 10 {
		d[fmt.Sprint(i)] = f32s(tensor.Shape{1}, float32(i))
	}
	lines := []string{`merge "weighted_sum" &0 &1 alpha=0.5`}
	for i := range 39 {
		lines = append(lines, fmt.Sprintf(`merge "weighted_sum" &%d &%d alpha=0.%d5`, i+2, i+2-i%2, i%9+1))
	}
	w := newWorld(t, map[string]memory.Dict{"a": d, "b": d})
	got, _ := w.mustMerge(recipeFor("ab", lines...), mecha.Options{})
	if !bytes.Equal(got["7"].Data, f32s(nil, 7).Data) || len(got) != 10 {
		t.Errorf("%d keys, 7 is %x", len(got), got["7"].Data)
	}
}

// Row 21: an error of a method is not hidden by a missing key of another argument, before it
// or after it, nor by a fallback.
func TestRow21RealErrorsAreNotHidden(t *testing.T) {
	errBroken := errors.New("it is broken")
	broken := methods.Plain("broken", "Fails.", kernels.CutAnywhere, func([]float32, [][]float32, int) error { return errBroken }, methods.Input("a", "model"))
	w := newWorld(t, map[string]memory.Dict{"a": {"w": f32s(tensor.Shape{1}, 1)}, "b": {"w": f32s(tensor.Shape{1}, 1)}})
	o := mecha.Options{Methods: []*methods.Method{broken}, MergeSpace: "any"}
	for _, last := range []string{`merge "weighted_sum" &2 &1`, `merge "weighted_sum" &1 &2`, `merge "fallback" &2 &1`} {
		if _, err := merge(w.Mem, recipeFor("ab", `merge "broken" &0`, last), "/out/m", o); !errors.Is(err, errBroken) || len(w.files("/out")) != 0 {
			t.Errorf("%s: error %v, files %v", last, err, w.files("/out"))
		}
	}
}

// Row 32: of models of unknown architecture, fallback gives the union of the keys, and
// arithmetic the keys that all have.
func TestRow32UnionOfKeys(t *testing.T) {
	w := newWorld(t, map[string]memory.Dict{"a": {"w": f32s(tensor.Shape{1}, 1), "x": f32s(tensor.Shape{1}, 2)}, "b": {"w": f32s(tensor.Shape{1}, 3), "y": f32s(tensor.Shape{1}, 4)}})
	got, _ := w.mustMerge(recipeFor("ab", `merge "fallback" &0 &1`), mecha.Options{})
	if len(got) != 3 || !bytes.Equal(got["w"].Data, f32s(nil, 1).Data) || !bytes.Equal(got["y"].Data, f32s(nil, 4).Data) {
		t.Errorf("fallback: %v", got)
	}
	got, rep := w.mustMerge(recipeFor("ab", `merge "weighted_sum" &0 &1`), mecha.Options{})
	if missing := slices.Sorted(slices.Values(rep.Missing.Names)); len(got) != 1 || !slices.Equal(missing, names("x", "y")) {
		t.Errorf("weighted_sum: %v, missing %v", got, missing)
	}
}

// Row 52: what is below a dict is shared as well: every tensor is read once.
func TestRow52DictsShareWhatIsBelow(t *testing.T) {
	w := newWorld(t, map[string]memory.Dict{"a": {"w": weights(1, tensor.F32, 100)}, "b": {"w": weights(2, tensor.F32, 100)}})
	got, rep := w.mustMerge(recipeFor("ab", `merge "weighted_sum" &0 &1 alpha=0.5`, "dict w=&2", "literal &3", `merge "weighted_sum" &4 &2 alpha=0.25`), mecha.Options{})
	want, _ := w.mustMerge(recipeFor("ab", `merge "weighted_sum" &0 &1 alpha=0.5`), mecha.Options{})
	if rep.BytesRead != 800 || !bytes.Equal(got["w"].Data, want["w"].Data) {
		t.Errorf("%d bytes read, %d keys", rep.BytesRead, len(got))
	}
}

// Row 55: a result that is a number has the shape of its key.
func TestRow55NumbersHaveTheShapeOfTheKey(t *testing.T) {
	w := newWorld(t, map[string]memory.Dict{"a": {"w": f32s(tensor.Shape{2, 2}, 1, 2, 3, 4), "v": f32s(tensor.Shape{3}, 1, 2, 3)}})
	got, _ := w.mustMerge(recipeFor("a", `merge "scale" &0 alpha=0.0`), mecha.Options{MergeSpace: "any"})
	if !got["w"].Shape.Equal(tensor.Shape{2, 2}) || !got["v"].Shape.Equal(tensor.Shape{3}) || !bytes.Equal(got["v"].Data, make([]byte, 12)) {
		t.Errorf("w has shape %v, v has %v: %x", got["w"].Shape, got["v"].Shape, got["v"].Data)
	}
}

// Row 56: numbers of the recipe are float64 in a float64 merge.
func TestRow56NumbersAreFloat64(t *testing.T) {
	f64 := func(x float64) memory.Tensor {
		return memory.Tensor{DType: tensor.F64, Shape: tensor.Shape{1}, Data: binary.LittleEndian.AppendUint64(nil, math.Float64bits(x))}
	}
	w := newWorld(t, map[string]memory.Dict{"a": {"w": f64(0)}, "b": {"w": f64(1)}})
	got, _ := w.mustMerge(recipeFor("ab", `merge "weighted_sum" &0 &1 alpha=0.1`), mecha.Options{MergeDType: tensor.F64})
	x := make([]float64, 1)
	kernels.Widen64(x, got["w"].Data, tensor.F64)
	if x[0] != 0.1 {
		t.Errorf("0.1 became %v", x[0])
	}
}

// Rows 62 to 64: models are looked for in the model folders in order; a link, and a name in
// capitals or without a suffix, is a model if its content is one.
func TestRow64ModelsAreKnownByTheirContent(t *testing.T) {
	dir := t.TempDir()
	check(t, os.Mkdir(filepath.Join(dir, "hub"), 0o755))
	content := encode(t, memory.Dict{"w": f32s(tensor.Shape{1}, 5)}, nil)
	for _, name := range []string{"hub/blob", "UPPER.SAFETENSORS"} {
		check(t, os.WriteFile(filepath.Join(dir, name), content, 0o600))
	}
	check(t, os.Symlink("blob", filepath.Join(dir, "hub", "link.safetensors")))
	for _, name := range []string{"blob", "link.safetensors", "UPPER.SAFETENSORS"} {
		o := mecha.Options{ModelDirs: []string{filepath.Join(dir, "nowhere"), filepath.Join(dir, "hub"), dir}}
		r, err := mecha.ParseRecipe([]byte("version 0.1.0\nmodel \""+name+"\"\n"), "r", o)
		check(t, err)
		sink := memory.NewSink("out", nil)
		_, err = mecha.MergeInto(context.Background(), r, sink, o)
		if err != nil || !bytes.Equal(sink.Dict()["w"].Data, f32s(nil, 5).Data) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Row 71: a recipe is written without a model being there, and reads back as itself.
func TestRow71TextNeedsNoFiles(t *testing.T) {
	r, err := mecha.ParseRecipe([]byte(recipeFor("ab", `merge "slerp" &0 &1 alpha=0.5`)), "r", mecha.Options{})
	check(t, err)
	text, err := r.Text()
	check(t, err)
	again, err := mecha.ParseRecipe([]byte(text), "again", mecha.Options{})
	check(t, err)
	if second, err := again.Text(); err != nil || second != text || !strings.Contains(text, `merge "slerp"`) {
		t.Errorf("%v: %s became %s", err, text, second)
	}
}
