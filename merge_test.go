package mecha_test

import (
	"context"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/mecha-gpu/mecha-gpu"
	"github.com/mecha-gpu/mecha-gpu/kernels"
	"github.com/mecha-gpu/mecha-gpu/methods"
	"github.com/mecha-gpu/mecha-gpu/stream/memory"
	"github.com/mecha-gpu/mecha-gpu/stream/safetensors"
	"github.com/mecha-gpu/mecha-gpu/stream/vfs"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

var ctx = context.Background()

// file writes a safetensors file.
func file(t testing.TB, path string, d memory.Dict, metadata map[string]string) {
	t.Helper()
	src, err := memory.NewSource("m", d, metadata)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	sink := safetensors.Create(vfs.OS{}, path, safetensors.Options{})
	if err := sink.Begin(ctx, tensor.Layout{Header: src.Header()}); err != nil {
		t.Fatal(err)
	}
	for i := range src.Header().Len() {
		e := src.Header().At(i)
		if err := sink.WriteAt(d[e.Key].Data, e.Pos); err != nil {
			t.Fatal(err)
		}
	}
	if err := sink.Commit(ctx, nil); err != nil {
		t.Fatal(err)
	}
}

// lerp is the recipe that most tests use.
func lerp() *mecha.Expr {
	return mecha.Call("weighted_sum", mecha.Model("a.safetensors"), mecha.Model("b.safetensors"), mecha.Args{"alpha": 0.25})
}

// pair writes two files into a folder.
func pair(t testing.TB, metadata map[string]string) (dir string, o mecha.Options) {
	dir = t.TempDir()
	file(t, filepath.Join(dir, "a.safetensors"), memory.Dict{"w": vector(1, 2, 3), "only a": vector(1)}, metadata)
	file(t, filepath.Join(dir, "b.safetensors"), memory.Dict{"w": vector(5, 6, 7), "x": vector(1), "y": vector(1)}, nil)
	return dir, mecha.Options{ModelDirs: []string{dir}}
}

func TestWrongOptionsAreRefused(t *testing.T) {
	for name, o := range map[string]mecha.Options{
		"merge dtype":  {MergeDType: tensor.I32},
		"fp8 merge":    {MergeDType: tensor.F8_E4M3},
		"output dtype": {OutputDType: tensor.I64},
		"compat":       {Compat: "sd-mecha-9"},
		"memory":       {MaxRAM: -1},
		"threads":      {Threads: -1},
		"unit":         {UnitBytes: -1},
		"non-finite":   {NonFinite: 9},
		"extra keys":   {ExtraKeys: 9},
		"shapes":       {OnShapeMismatch: 9},
	} {
		r := build(t, mecha.Model("a"), mecha.Options{})
		if _, err := mecha.Vet(ctx, r, o); tensor.ClassOf(err) != tensor.ClassUsage {
			t.Errorf("%s: Vet: %v", name, err)
		}
		if _, err := mecha.MergeInto(ctx, r, memory.NewSink("out", nil), o); tensor.ClassOf(err) != tensor.ClassUsage {
			t.Errorf("%s: MergeInto: %v", name, err)
		}
	}
	if _, err := mecha.Vet(ctx, build(t, mecha.Model("a"), mecha.Options{}), mecha.Options{MergeSpace: "nowhere"}); err == nil {
		t.Error("an unknown merge space was accepted")
	}
}

// TestModelsAreSearchedInOrder puts models of one name into several folders.
func TestModelsAreSearchedInOrder(t *testing.T) {
	root := t.TempDir()
	t.Chdir(filepath.Join(root))
	for _, dir := range []string{"first", "second", ".", "recipes"} {
		file(t, filepath.Join(root, dir, "m.safetensors"), memory.Dict{"w": vector(1)}, nil)
	}
	file(t, filepath.Join(root, "recipes", "near.safetensors"), memory.Dict{"w": vector(1)}, nil)
	if err := os.WriteFile(filepath.Join(root, "blocked"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	abs := filepath.Join(root, "second", "m.safetensors")
	for _, c := range []struct {
		path string
		dirs []string
		want string
	}{
		{"m.safetensors", []string{"first", "second"}, "first/m.safetensors"},
		{"m.safetensors", []string{"none", "second"}, "second/m.safetensors"},
		{"m.safetensors", []string{"blocked", "second"}, "second/m.safetensors"},
		{"m.safetensors", nil, "m.safetensors"},
		{"near.safetensors", []string{"first"}, "recipes/near.safetensors"},
		{abs, []string{"first"}, abs},
	} {
		recipe := filepath.Join(root, "recipes", "r.mecha")
		if err := os.WriteFile(recipe, []byte("version 0.1.0\nmodel \""+c.path+"\"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		o := mecha.Options{ModelDirs: c.dirs}
		r, err := mecha.LoadRecipe(ctx, "recipes/r.mecha", o)
		if err != nil {
			t.Fatal(err)
		}
		p, err := mecha.PlanMerge(ctx, r, o)
		if err != nil {
			t.Fatal(err)
		}
		if m := p.Models[0]; m.Path != c.path || m.File != c.want || m.Keys != 1 || m.Used != 1 {
			t.Errorf("%+v: %+v", c, m)
		}
	}
	_, err := mecha.PlanMerge(ctx, build(t, mecha.Model("none.safetensors").Or(mecha.Model("")), mecha.Options{}), mecha.Options{ModelDirs: []string{"first"}})
	if tensor.ClassOf(err) != tensor.ClassInput && tensor.ClassOf(err) != tensor.ClassRecipe || !strings.Contains(err.Error(), "looked in: first, .") || !strings.Contains(err.Error(), "empty path") {
		t.Errorf("missing models: %v", err)
	}
}

// A model that is not there is one that a line of the recipe names.
func TestMissingModelsAreNamedWithTheirLine(t *testing.T) {
	for _, c := range []struct{ text, fallback, want string }{
		{"model \"a\\\\x\"\nmodel \"b/none\"\nmerge \"weighted_sum\" &0 &1", "", "b/none: there is no such model (named by r.mecha:3:1; looked in: b)"},
		{"model \"C:\\models\\a.safetensors\"", "", "C:modelsa.safetensors: there is no such model (named by r.mecha:2:1; looked in: .; in the text of a recipe, \\ is written \\\\ or /)"},
		{"dict x=1", "none", "none: there is no such model (looked in: .)"},
		{"model \"nil\"", "", "nil: the source of this model is nil"},
	} {
		o := mecha.Options{Fallback: c.fallback, Sources: map[string]tensor.Source{"nil": nil}}
		r, err := mecha.ParseRecipe([]byte("version 0.1.0\n"+c.text), "r.mecha", o)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := mecha.PlanMerge(context.Background(), r, o); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", c.text, err, c.want)
		}
	}
}

// TestTheOutputSaysHowItWasMade looks at the metadata of an output and makes it again.
func TestTheOutputSaysHowItWasMade(t *testing.T) {
	dir, o := pair(t, map[string]string{"modelspec.title": "A", "modelspec.hash_sha256": "1", "sshs_model_hash": "2", "mecha_recipe": "old", "format": "np"})
	o.OutputDType, o.NonFinite, o.OnShapeMismatch = tensor.BF16, mecha.KeepNonFinite, mecha.FirstShape
	out := filepath.Join(dir, "out.safetensors")
	r := build(t, lerp(), o)
	if _, err := mecha.Merge(ctx, r, out, o); err != nil {
		t.Fatal(err)
	}
	in, err := mecha.Inspect(ctx, out, o)
	if err != nil {
		t.Fatal(err)
	}
	keys := []string{}
	for k := range in.Metadata {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	if got := strings.Join(keys, " "); got != "format mecha_gpu mecha_recipe modelspec.title" || in.Metadata["format"] != "pt" {
		t.Errorf("metadata %v", in.Metadata)
	}
	var made map[string]string
	if err := json.Unmarshal([]byte(in.Metadata["mecha_gpu"]), &made); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"version": mecha.Version(), "merge_dtype": "float32", "output_dtype": "bfloat16", "non_finite": "keep", "on_shape_mismatch": "first"}
	for k, v := range want {
		if made[k] != v {
			t.Errorf("%s is %q, not %q", k, made[k], v)
		}
	}
	if in.Keys != 1 || in.Tensors[0].DType != "BF16" || in.Elements != 3 || in.Bytes != 6 || in.DTypes[0] != (mecha.DTypeCount{DType: "BF16", Keys: 1, Bytes: 6}) {
		t.Errorf("%+v", in)
	}

	again, err := mecha.LoadRecipe(ctx, out, o)
	if err != nil {
		t.Fatal(err)
	}
	copyOf := filepath.Join(dir, "again.safetensors")
	if _, err := mecha.Merge(ctx, again, copyOf, mecha.Options{OutputDType: o.OutputDType, NonFinite: o.NonFinite, OnShapeMismatch: o.OnShapeMismatch}); err != nil {
		t.Fatal(err) // the models are found in the folder of the file
	}
	x, _ := os.ReadFile(out)
	y, _ := os.ReadFile(copyOf)
	if len(x) == 0 || string(x) != string(y) {
		t.Errorf("%d and %d bytes differ", len(x), len(y))
	}
	if _, err := mecha.LoadRecipe(ctx, filepath.Join(dir, "b.safetensors"), o); tensor.ClassOf(err) != tensor.ClassRecipe || !strings.Contains(err.Error(), "carries no recipe") {
		t.Errorf("a model without a recipe: %v", err)
	}
}

// TestPlansSayWhatMergesDo compares the plan with the report of the merge, and with the file.
func TestPlansSayWhatMergesDo(t *testing.T) {
	for name, change := range map[string]func(*mecha.Options){
		"default":   func(*mecha.Options) {},
		"fallback":  func(o *mecha.Options) { o.Fallback = "b.safetensors" },
		"f16":       func(o *mecha.Options) { o.OutputDType = tensor.F16 },
		"f64 merge": func(o *mecha.Options) { o.MergeDType = tensor.F64 },
	} {
		dir, o := pair(t, nil)
		change(&o)
		for _, e := range []*mecha.Expr{lerp(), mecha.Call("slerp", mecha.Model("a.safetensors"), mecha.Model("b.safetensors"))} {
			r := build(t, e, o)
			p, err := mecha.PlanMerge(ctx, r, o)
			if err != nil {
				t.Fatal(err)
			}
			out := filepath.Join(dir, "out.safetensors")
			rep, err := mecha.Merge(ctx, r, out, o)
			if err != nil {
				t.Fatal(err)
			}
			info, err := os.Stat(out)
			if err != nil {
				t.Fatal(err)
			}
			if p.BytesRead != rep.BytesRead || p.BytesWrite != rep.BytesWritten || p.OutputBytes != info.Size() || p.PlannedRAM < rep.PeakRAM ||
				p.Missing.Count != rep.Missing.Count || p.Programs != rep.Programs || !reflect.DeepEqual(p.Models[1], rep.Models[1]) {
				t.Errorf("%s: plan %+v\nreport %+v, %d bytes", name, p, rep, info.Size())
			}
			k := rep.Keys
			k.Omitted = 0
			if p.Keys != k {
				t.Errorf("%s: keys %+v, report %+v", name, p.Keys, rep.Keys)
			}
		}
	}
}

func TestVetOpensNoFile(t *testing.T) {
	r, err := mecha.ParseRecipe([]byte("version 0.1.0\nmodel \"no such.safetensors\"\nmodel \"nor this\"\nmerge \"subtract\" &0 &1\n"), "r.mecha", mecha.Options{})
	if err != nil {
		t.Fatal(err)
	}
	v, err := mecha.Vet(ctx, r, mecha.Options{MergeSpace: "delta"})
	if err != nil || v.Recipe != "r.mecha" || v.MergeSpace != "delta" || !slices.Equal(v.Models, []string{"no such.safetensors", "nor this"}) || !slices.Equal(v.Methods, []string{"subtract"}) {
		t.Errorf("%+v, %v", v, err)
	}
	if _, err := mecha.Vet(ctx, r, mecha.Options{}); tensor.ClassOf(err) != tensor.ClassRecipe {
		t.Errorf("a difference as a model: %v", err)
	}
}

// TestCompatIsTheReferencesOutput looks at defaults of the reference.
func TestCompatIsTheReferencesOutput(t *testing.T) {
	ints := memory.Tensor{DType: tensor.I64, Shape: tensor.Shape{2}, Data: []byte{2, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0}}
	o := mecha.Options{Compat: mecha.CompatReference, Sources: sources(map[string]memory.Dict{"a.safetensors": {"w": vector(1), "i": ints}, "b.safetensors": {"w": vector(5), "i": ints}})}
	d, rep := into(t, build(t, lerp(), o), o)
	if d["w"].DType != tensor.F16 || d["i"].DType != tensor.F16 || rep.Keys.Integers != 0 || rep.Keys.Written != 2 {
		t.Errorf("%v %v, %+v", d["w"].DType, d["i"].DType, rep.Keys)
	}
	o.Compat = ""
	if d, rep := into(t, build(t, lerp(), o), o); d["w"].DType != tensor.F32 || d["i"].DType != tensor.I64 || rep.Keys.Integers != 1 || string(d["i"].Data) != string(ints.Data) {
		t.Errorf("%v %v, %+v", d["w"].DType, d["i"].DType, rep.Keys)
	}
}

// TestCancellingLeavesNothing ends the context while the merge tells how far it is.
func TestCancellingLeavesNothing(t *testing.T) {
	for _, stage := range []string{"plan", "merge"} {
		dir := t.TempDir()
		d := memory.Dict{}
		for i := range 64 {
			d[string(rune('A'+i))] = memory.Tensor{DType: tensor.F32, Shape: tensor.Shape{64 << 10}, Data: make([]byte, 256<<10)}
		}
		ctx, cancel := context.WithCancel(context.Background())
		o := mecha.Options{Sources: sources(map[string]memory.Dict{"a.safetensors": d, "b.safetensors": d}), Progress: func(p mecha.Progress) {
			if p.Stage == stage && p.KeysDone < p.Keys || stage == "plan" {
				cancel()
			}
		}}
		_, err := mecha.Merge(ctx, build(t, lerp(), o), filepath.Join(dir, "out.safetensors"), o)
		if tensor.ClassOf(err) != tensor.ClassInterrupted {
			t.Errorf("%s: class %v: %v", stage, tensor.ClassOf(err), err)
		}
		if left, _ := os.ReadDir(dir); len(left) != 0 {
			t.Errorf("%s: %v is left", stage, left)
		}
		cancel()
	}
}

// TestStrictChecksComeAfterTheOutput is complete, and an error.
func TestStrictChecksComeAfterTheOutput(t *testing.T) {
	inf := float32(math.Inf(1))
	o := mecha.Options{Strict: true, Sources: sources(map[string]memory.Dict{"a.safetensors": {"w": vector(1), "v": vector(inf), "a": vector(1)}, "b.safetensors": {"w": vector(1), "v": vector(1)}})}
	sink := memory.NewSink("out", nil)
	rep, err := mecha.MergeInto(ctx, build(t, lerp(), o), sink, o)
	if tensor.ClassOf(err) != tensor.ClassStrict || rep == nil || len(sink.Dict()) != 1 {
		t.Fatalf("%v, %v, %v", err, rep, sink.Dict())
	}
	for _, want := range []string{`"v"`, `"a"`} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%s is not in: %v", want, err)
		}
	}
	if rep.OmittedInputs.Count != 1 || rep.Dropped.Count != 1 || rep.Missing.Count != 1 || rep.Keys.Omitted != 1 {
		t.Errorf("%+v", rep)
	}
}

// TestResultsThatAreNumbers fills keys with a number.
func TestResultsThatAreNumbers(t *testing.T) {
	half := memory.Tensor{DType: tensor.F16, Shape: tensor.Shape{2, 1}, Data: []byte{0, 0x3c, 0, 0x3c}}
	o := mecha.Options{MergeSpace: "any", Sources: sources(map[string]memory.Dict{"a": {"w": vector(1, 2), "h": half}, "b": {"w": vector(1, 2), "v": vector(1)}})}
	a, b := mecha.Model("a"), mecha.Model("b")
	d, _ := into(t, build(t, mecha.Call("fallback", 0.5, a.Or(b)), o), o)
	if !slices.Equal(floats(d["w"]), []float32{0.5, 0.5}) || !slices.Equal(floats(d["v"]), []float32{0.5}) || d["h"].DType != tensor.F16 || string(d["h"].Data) != "\x00\x38\x00\x38" {
		t.Errorf("%v", d)
	}
	d, _ = into(t, build(t, a.Sub(b).Scale(0), o), o)
	if !slices.Equal(floats(d["w"]), []float32{0, 0}) || len(d) != 1 {
		t.Errorf("zeros: %v", d)
	}
}

// TestOwnMethodsBesideTheBuiltIn fuses one method with another, and refuses a taken name.
func TestOwnMethodsBesideTheBuiltIn(t *testing.T) {
	double := methods.Fused("double", "2 a", func(x ...methods.T) methods.T { return x[0].Add(x[0]) }, methods.Input("a", "a model"))
	neg := methods.Plain("negative", "-a", kernels.CutAnywhere, func(dst []float32, src [][]float32, _ int) error {
		for i, x := range src[0] {
			dst[i] = -x
		}
		return nil
	}, methods.Input("a", "a model"))
	o := mecha.Options{Methods: []*methods.Method{double, neg}, Sources: sources(map[string]memory.Dict{"a": {"w": vector(1, -2)}})}
	e := mecha.Call("double", mecha.Call("negative", mecha.Call("double", mecha.Model("a"))))
	if d, _ := into(t, build(t, e, o), o); !slices.Equal(floats(d["w"]), []float32{-4, 8}) {
		t.Errorf("%v", floats(d["w"]))
	}
	if _, err := mecha.Build(e, mecha.Options{}); tensor.ClassOf(err) != tensor.ClassRecipe {
		t.Errorf("without the methods: %v", err)
	}
	o.Methods = append(o.Methods, methods.Fused("slerp", "mine", func(x ...methods.T) methods.T { return x[0] }, methods.Input("a", "a model")))
	if _, err := mecha.Methods(o); tensor.ClassOf(err) != tensor.ClassRecipe || !strings.Contains(err.Error(), "slerp") {
		t.Errorf("a taken name: %v", err)
	}
}

func TestTheDefaultMemoryIsAPartOfTheMachines(t *testing.T) {
	o := mecha.Options{Sources: sources(map[string]memory.Dict{"a": {"w": vector(1)}})}
	_, rep := into(t, build(t, mecha.Model("a"), o), o)
	if rep.MaxRAM < 16<<20 || rep.MaxRAM > 1<<44 || rep.PeakRAM > rep.PlannedRAM || rep.PlannedRAM > rep.MaxRAM {
		t.Errorf("%d, planned %d, peak %d", rep.MaxRAM, rep.PlannedRAM, rep.PeakRAM)
	}
	o.MaxRAM = 100 << 10
	if _, err := mecha.PlanMerge(ctx, build(t, mecha.Model("a"), o), o); tensor.ClassOf(err) != tensor.ClassFit {
		t.Errorf("too little memory: %v", err)
	}
}
