package tests

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/mecha-gpu/mecha-gpu"
	"github.com/mecha-gpu/mecha-gpu/kernels"
	"github.com/mecha-gpu/mecha-gpu/methods"
	"github.com/mecha-gpu/mecha-gpu/recipe"
	"github.com/mecha-gpu/mecha-gpu/recipe/config"
	"github.com/mecha-gpu/mecha-gpu/stream/memory"
	"github.com/mecha-gpu/mecha-gpu/stream/vfs"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// readLog is a file system that keeps the positions of reads.
type readLog struct {
	vfs.FS
	mu    sync.Mutex
	reads map[string][][2]int64 // from and to, by path
}

type loggedFile struct {
	vfs.File
	log  *readLog
	path string
}

func (l *readLog) Open(path string) (vfs.File, error) {
	f, err := l.FS.Open(path)
	return &loggedFile{f, l, path}, err
}

func (f *loggedFile) ReadAt(p []byte, off int64) (int, error) {
	f.log.mu.Lock()
	f.log.reads[f.path] = append(f.log.reads[f.path], [2]int64{off, off + int64(len(p))})
	f.log.mu.Unlock()
	return f.File.ReadAt(p, off)
}

// Row 9: keys are made in the order of the output file, so that a file that this program wrote
// is read from its start to its end, and no byte of tensors twice. Reads wait for no lock of the
// file: they carry their position.
func TestRow9FilesAreReadInOrder(t *testing.T) {
	d := memory.Dict{}
	for i := range 40 {
		d[fmt.Sprintf("k%02d", i)] = weights(uint64(i), []tensor.DType{tensor.F16, tensor.F32}[i%2], int64(100*i+1))
	}
	w := newWorld(t, map[string]memory.Dict{"a": d, "b": d})
	w.mustMerge(recipeFor("a"), mecha.Options{})
	w.put("/in/c", w.get("/out/m"))
	log := &readLog{FS: w.Mem, reads: map[string][][2]int64{}}
	_, err := merge(log, recipeFor("cb", `merge "weighted_sum" &0 &1`), "/out/again", mecha.Options{Threads: 1, UnitBytes: 4096})
	check(t, err)
	for _, path := range []string{"/in/c", "/in/b"} {
		file := w.get(path)
		start := int64(8 + int(file[0]) + int(file[1])<<8)
		data := slices.DeleteFunc(log.reads[path], func(r [2]int64) bool { return r[0] < start })
		if path == "/in/c" && !slices.IsSortedFunc(data, func(a, b [2]int64) int { return int(a[0] - b[0]) }) {
			t.Errorf("%s is read at %v", path, data)
		}
		slices.SortFunc(data, func(a, b [2]int64) int { return int(a[0] - b[0]) })
		at := start
		for _, r := range data {
			if r[0] != at {
				t.Errorf("%s: bytes from %d to %d are read twice, or not at all", path, min(at, r[0]), max(at, r[0]))
			}
			at = r[1]
		}
		if at != int64(len(file)) {
			t.Errorf("%s: read to %d of %d", path, at, len(file))
		}
	}
}

// Row 20: values are computed a piece at a time, so that the order of arguments decides neither
// what is live nor the result: a deep argument costs as much in the second place as in the first.
func TestRow20OrderOfArgumentsCostsNothing(t *testing.T) {
	w := newWorld(t, map[string]memory.Dict{"a": {"w": weights(1, tensor.F32, 100_000)}, "b": {"w": weights(2, tensor.F32, 100_000)}})
	deep := []string{`merge "weighted_sum" &0 &1 alpha=0.5`}
	for i := range 20 {
		deep = append(deep, fmt.Sprintf(`merge "weighted_sum" &%d &1 alpha=0.5`, i+2))
	}
	last := len(deep) + 1
	first, rep := w.mustMerge(recipeFor("ab", append(deep, fmt.Sprintf(`merge "weighted_sum" &%d &0 alpha=0.5`, last))...), mecha.Options{})
	second, rep2 := w.mustMerge(recipeFor("ab", append(deep, fmt.Sprintf(`merge "weighted_sum" &0 &%d alpha=0.5`, last))...), mecha.Options{})
	if rep.PlannedRAM != rep2.PlannedRAM || rep.BytesRead != rep2.BytesRead || rep.BytesRead != 800_000 {
		t.Errorf("first: %d bytes planned, %d read; second: %d and %d", rep.PlannedRAM, rep.BytesRead, rep2.PlannedRAM, rep2.BytesRead)
	}
	if len(first["w"].Data) != len(second["w"].Data) {
		t.Error("lengths differ")
	}
}

// toyConfig makes a model config of keys, which are mandatory unless they end in "?". A key may
// have a shape: "k:2,3".
func toyConfig(t *testing.T, id string, keys ...string) *config.Config {
	t.Helper()
	var list []config.Key
	for _, text := range keys {
		name, optional := strings.CutSuffix(text, "?")
		name, shape, shaped := strings.Cut(name, ":")
		k := config.Key{Name: name, Optional: optional}
		for _, n := range strings.Split(shape, ",") {
			var size int64
			if _, err := fmt.Sscan(n, &size); shaped && err == nil {
				k.Shape = append(k.Shape, size)
			}
		}
		list = append(list, k)
	}
	c, err := config.New(id, config.Component{Name: "m", Keys: list})
	check(t, err)
	return c
}

// detected returns the configs that fit a state dict, best first.
func detected(t *testing.T, d memory.Dict, configs ...*config.Config) []string {
	t.Helper()
	r, err := config.Registry{}.With(configs...)
	check(t, err)
	src, err := memory.NewSource("m", d, nil)
	check(t, err)
	var ids []string
	for _, m := range r.Detect([]config.Keys{config.Header(src.Header())}) {
		ids = append(ids, m.Config.ID())
	}
	return ids
}

var toyModel = memory.Dict{"x": f32s(tensor.Shape{2}, 1, 2), "y": f32s(tensor.Shape{1}, 3)}

// Row 28: of configs that know as many keys, the one with the fewest shapes that differ comes
// first, then the one of whose keys the fewest are missing, then the first identifier.
func TestRow28ConfigsAreOrderedByWhatFits(t *testing.T) {
	got := detected(t, toyModel, toyConfig(t, "toy-missing", "x", "y", "z"), toyConfig(t, "toy-z", "x", "y"), toyConfig(t, "toy-a", "x", "y", "o?"),
		toyConfig(t, "toy-less", "x"), toyConfig(t, "toy-shape", "x:3", "y:1"))
	if want := names("toy-a", "toy-z", "toy-missing", "toy-shape", "toy-less"); !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// Row 29: ties are decided by the identifier, in whichever order the configs were registered.
func TestRow29TiesAreDecidedByTheIdentifier(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	configs := []*config.Config{toyConfig(t, "toy-a", "x", "y"), toyConfig(t, "toy-b", "x", "y"), toyConfig(t, "toy-c", "y", "x"), toyConfig(t, "toy-d", "x", "y", "o?")}
	for range 100 {
		r.Shuffle(len(configs), func(i, j int) { configs[i], configs[j] = configs[j], configs[i] })
		if got := detected(t, toyModel, configs...); !slices.Equal(got, names("toy-a", "toy-b", "toy-c", "toy-d")) {
			t.Fatalf("%v", got)
		}
	}
}

// Row 30: shapes decide between configs that know the same keys; those that differ are counted.
func TestRow30ShapesCount(t *testing.T) {
	got := detected(t, toyModel, toyConfig(t, "toy-half", "x:3", "y:1"), toyConfig(t, "toy-wrong", "x:3", "y:4"), toyConfig(t, "toy-right", "x:2", "y:1"))
	if !slices.Equal(got, names("toy-right", "toy-half", "toy-wrong")) {
		t.Errorf("%v", got)
	}
}

// Row 36: a model that has a key under another name has the key.
func TestRow36AliasesAreTheirKeys(t *testing.T) {
	w := newWorld(t, map[string]memory.Dict{
		"a": {"x1": f32s(tensor.Shape{1}, 1), "y": f32s(tensor.Shape{1}, 1)},
		"b": {"x": f32s(tensor.Shape{1}, 3), "y": f32s(tensor.Shape{1}, 3)},
	})
	w.put("/in/toy.yaml", []byte("identifier: toy-a\ncomponents:\n  m:\n    x: {shape: [1], dtype: float32, aliases: [x1]}\n    y: {shape: [1], dtype: float32}\n"))
	for models, name := range map[string]string{"ab": "x1", "ba": "x"} {
		for _, method := range []string{"weighted_sum", "fallback"} {
			got, _ := w.mustMerge(recipeFor(models, `merge "`+method+`" &0 &1`), mecha.Options{Configs: []string{"/in/toy.yaml"}})
			if _, ok := got[name]; !ok || len(got) != 2 {
				t.Errorf("%s of %s: %v", method, models, got)
			}
		}
	}
}

// Rows 46 and 47: a key map names the keys of every parameter, one for each. A value that is read
// per key has the key that is named for it, a number needs none, and all arguments of a variadic
// parameter are asked for the keys that are named for it.
func TestRow46ParametersGetTheKeysThatTheKeyMapNames(t *testing.T) {
	same := &methods.Symbol{Name: "any"}
	total := &methods.Method{ID: "total", Doc: "The sum of other keys, times alpha.", Source: "this test", Family: "own",
		Params: []methods.Param{methods.Input("models", "models").Tied(same).Many(1), methods.Factor("alpha", 1, "a factor").ByName()},
		Return: methods.Return{Symbol: same},
		Keys: func(string, []string) (methods.KeyMap, error) {
			return func(out string) (methods.Relation, bool) {
				return methods.Relation{Outputs: []string{out}, Alternatives: []methods.Clause{{Inputs: [][]string{{"in." + out}, {"alpha." + out}}}}}, !strings.Contains(out, ".")
			}, nil
		},
		Formula: func(c *methods.Call) (methods.T, error) {
			sum := c.Ts("models")[0]
			for _, x := range c.Ts("models")[1:] {
				sum = sum.Add(x)
			}
			return sum.Mul(c.T("alpha")), nil
		}}
	dict := func(x float32) memory.Dict {
		return memory.Dict{"in.w": f32s(tensor.Shape{1}, x), "w": f32s(tensor.Shape{1}, 100), "alpha.w": f32s(tensor.Shape{1}, 7)}
	}
	w := newWorld(t, map[string]memory.Dict{"a": dict(1), "b": dict(2)})
	o := mecha.Options{Methods: []*methods.Method{total}}
	for alpha, want := range map[string]float32{"": 3, " alpha=2": 6, " alpha=&2": 15} {
		got, _ := w.mustMerge(recipeFor("ab", "dict alpha.w=5 w=9", `merge "total" &0 &1`+alpha), o)
		if len(got) != 1 || !bytes.Equal(got["w"].Data, f32s(nil, want).Data) {
			t.Errorf("alpha%s: %v, want w = %v", alpha, got, want)
		}
	}
}

// counter is a method that counts the elements it is given.
func counter(n *int64, mu *sync.Mutex) *methods.Method {
	return methods.Plain("counted", "Copies, and counts.", kernels.CutAnywhere, func(dst []float32, src [][]float32, _ int) error {
		mu.Lock()
		*n += int64(len(dst))
		mu.Unlock()
		copy(dst, src[0])
		return nil
	}, methods.Input("a", "model"))
}

// Row 51: what is used often is computed once for each key: by two users, through a dict, and by
// an alternative that is not taken for every key.
func TestRow51SharedValuesAreComputedOnce(t *testing.T) {
	const n = 5000
	var count int64
	var mu sync.Mutex
	w := newWorld(t, map[string]memory.Dict{"a": {"w": weights(1, tensor.F32, n)}, "b": {"w": weights(2, tensor.F32, n), "v": weights(3, tensor.F32, n)}})
	for name, lines := range map[string][]string{
		"two users":      {`merge "counted" &0`, `merge "weighted_sum" &2 &1 alpha=0.5`, `merge "weighted_sum" &3 &2 alpha=0.25`},
		"through a dict": {`merge "counted" &0`, "dict w=&2", "literal &3", `merge "weighted_sum" &4 &2 alpha=0.25`},
		"alternatives":   {`merge "counted" &0`, `merge "fallback" &2 &1`, `merge "subtract" &2 &1`, `merge "add_difference" &3 &4`, `merge "fallback" &5 &3`},
	} {
		count = 0
		w.mustMerge(recipeFor("ab", lines...), mecha.Options{Methods: []*methods.Method{counter(&count, &mu)}, UnitBytes: 4096})
		if count != n {
			t.Errorf("%s: %d elements were computed, want %d", name, count, n)
		}
	}
}

// Row 53: no method writes into its inputs. Each one is run beside other users of the same
// tensors, in memory.
func TestRow53InputsAreNotWritten(t *testing.T) {
	state := func(seed uint64) memory.Dict { return memory.Dict{"w": weights(seed, tensor.F32, 6, 8)} }
	ran := 0
	for _, m := range methods.Builtin().All() {
		if m.Status == methods.Known || m.Interface || m.Conversion || m.Broadcast || m.Keys != nil {
			continue
		}
		inputs := []memory.Dict{state(1), state(2), state(3)}
		var args []any
		o := mecha.Options{Sources: map[string]tensor.Source{}, MergeSpace: "any"}
		for i, p := range m.Params {
			if p.Default != nil || p.Keyword {
				continue
			}
			if p.Type == methods.String {
				args = append(args, "unet")
				continue
			}
			for k := range 1 + min(1, p.MinArgs) {
				name := fmt.Sprint("m", (i+k)%len(inputs))
				src, err := memory.NewSource(name, inputs[(i+k)%len(inputs)], nil)
				check(t, err)
				o.Sources[name] = src
				space := methods.Weight
				if !p.Spaces.Has(space) || p.Symbol != nil && !p.Symbol.Set.Has(space) {
					space = methods.Delta
				}
				args = append(args, mecha.Model(name).In(string(space)))
			}
		}
		if m.ID == "pick_component" || m.ID == "omit_component" || m.Return.Type != methods.Tensor && m.Return.Type != methods.Any {
			continue // no tensors of an unknown architecture come out
		}
		made := mecha.Call(m.ID, args...)
		r, err := mecha.Build(mecha.Call("n_average", made, made), o)
		check(t, err)
		if _, err = mecha.MergeInto(context.Background(), r, memory.NewSink("out", nil), o); err != nil {
			t.Errorf("%s: %v", m.ID, err)
			continue
		}
		ran++
		for i, d := range inputs {
			if !bytes.Equal(d["w"].Data, state(uint64(i + 1))["w"].Data) {
				t.Errorf("%s wrote into input %d", m.ID, i)
			}
		}
	}
	if ran < 15 {
		t.Errorf("only %d methods ran", ran)
	}
}

// Row 63: a relative path of an output is one in the working folder, not in a model folder.
func TestRow63OutputsAreInTheWorkingFolder(t *testing.T) {
	dir, work := t.TempDir(), t.TempDir()
	check(t, os.WriteFile(filepath.Join(dir, "a"), encode(t, memory.Dict{"w": f32s(tensor.Shape{1}, 5)}, nil), 0o600))
	t.Chdir(work)
	o := mecha.Options{ModelDirs: []string{dir}}
	r, err := mecha.ParseRecipe([]byte(recipeFor("a")), "r", o)
	check(t, err)
	_, err = mecha.Merge(context.Background(), r, "out.safetensors", o)
	check(t, err)
	if _, err := os.Stat(filepath.Join(work, "out.safetensors")); err != nil {
		t.Error(err)
	}
}

// Row 72: text has the paths that the recipe has, unless others are asked for.
func TestRow72PathsOfTextCanBeChosen(t *testing.T) {
	w := newWorld(t, map[string]memory.Dict{"a": {"w": f32s(tensor.Shape{1}, 5)}})
	o := mecha.Options{FS: w.Mem, ModelDirs: []string{"/in"}}
	r, err := mecha.ParseRecipe([]byte("version 0.1.0\nmodel \"./a\"\nmodel \"nowhere\"\nmerge \"weighted_sum\" &0 &1"), "r", o)
	check(t, err)
	for paths, want := range map[mecha.Paths]string{mecha.OriginalPaths: `"./a"`, mecha.AbsolutePaths: `"/in/a"`, mecha.RelativePaths: `"../in/a"`} {
		changed, err := r.WithPaths(paths, "/out", o)
		check(t, err)
		text, err := changed.Text()
		if err != nil || !strings.Contains(text, "model "+want) || !strings.Contains(text, `model "nowhere"`) {
			t.Errorf("%d: %v\n%s", paths, err, text)
		}
	}
	_, metadata, err := decode(func() []byte { w.mustMerge(recipeFor("a"), mecha.Options{}); return w.get("/out/m") }())
	check(t, err)
	if !strings.Contains(metadata[mecha.RecipeKey], `model "a"`) {
		t.Errorf("stored: %s", metadata[mecha.RecipeKey])
	}
}

// Row 80: keys that a config does not know are one warning for each model, however often it is
// used.
func TestRow80UnknownKeysAreOneWarning(t *testing.T) {
	w := newWorld(t, map[string]memory.Dict{"a": {"x": f32s(tensor.Shape{1}, 1), "u": f32s(tensor.Shape{1}, 1), "v": f32s(tensor.Shape{1}, 1)}})
	w.put("/in/toy.yaml", []byte("identifier: toy-a\ncomponents:\n  m:\n    x: {shape: [1], dtype: float32}\n"))
	text := "version 0.1.0\nmodel \"a\" \"toy-a\"\nmerge \"subtract\" &0 &0\nmerge \"add_difference\" &0 &1\nmerge \"weighted_sum\" &0 &2"
	_, rep := w.mustMerge(text, mecha.Options{Configs: []string{"/in/toy.yaml"}})
	var about []string
	for _, warning := range rep.Warnings {
		if strings.Contains(warning, "2 of 3 keys are not keys of model config toy-a") {
			about = append(about, warning)
		}
	}
	if len(about) != 1 {
		t.Errorf("warnings %q", rep.Warnings)
	}
}

// Rows 33 and 34: a recipe of an unknown architecture is stored with no config, and the hint infer
// demands a known one.
func TestRow33UnknownArchitecturesHaveNoConfig(t *testing.T) {
	w := newWorld(t, map[string]memory.Dict{"a": {"w": f32s(tensor.Shape{1}, 5)}})
	w.mustMerge(recipeFor("a"), mecha.Options{})
	_, metadata, err := decode(w.get("/out/m"))
	check(t, err)
	text := metadata[mecha.RecipeKey]
	if !strings.Contains(text, "model_config=null") || strings.Contains(text, `"structural"`) {
		t.Error(text)
	}
	if _, err := recipe.Parse([]byte(text), "stored", recipe.Builtin()); err != nil {
		t.Error(err)
	}
	_, err = merge(w.Mem, "version 0.1.0\nmodel \"a\" \"infer\"", "/out/m", mecha.Options{})
	if tensor.ClassOf(err) != tensor.ClassRecipe || !strings.Contains(err.Error(), "infer") {
		t.Errorf("%v", err)
	}
}
