package tests

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"path"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/mecha-gpu/mecha-gpu"
	"github.com/mecha-gpu/mecha-gpu/methods"
	"github.com/mecha-gpu/mecha-gpu/stream/memory"
	"github.com/mecha-gpu/mecha-gpu/stream/vfs"
	"github.com/mecha-gpu/mecha-gpu/stream/vfs/errorfs"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// togetherModels are four models with everything that jobs with several outputs may meet: large
// and small keys, keys that not all have, other types, integers, and tensors that are not finite
// in one model or another.
func togetherModels() map[string]memory.Dict {
	bad := func(x memory.Tensor) memory.Tensor {
		binary.LittleEndian.PutUint16(x.Data[len(x.Data)-2:], 0x7c00)
		return x
	}
	models := map[string]memory.Dict{}
	for i, name := range []string{"a", "b", "c", "d"} {
		seed := uint64(i)
		models[name] = memory.Dict{
			"big": weights(seed, tensor.F16, 211, 503), "sums": weights(seed+10, tensor.BF16, 131101), "wide": weights(seed+20, tensor.F64, 31, 7),
			"small": weights(seed+30, tensor.F16, 5), "scalar": weights(seed+40, tensor.F32), "empty": {DType: tensor.F16, Shape: tensor.Shape{0, 3}},
			"ids": i64s(int64(i), 1<<62, -5), "bad a": weights(seed+50, tensor.F16, 9), "bad b": weights(seed+60, tensor.F16, 70001),
			"bad both": weights(seed+70, tensor.F16, 11), "only " + name: weights(seed+80, tensor.F16, 6),
		}
		for k := range 40 {
			models[name][fmt.Sprintf("layer %d", k)] = weights(seed+uint64(k)+100, tensor.F16, int64(k), 3)
		}
	}
	bad(models["a"]["bad a"])
	bad(models["b"]["bad b"])
	bad(models["a"]["bad both"])
	bad(models["b"]["bad both"])
	return models
}

// togetherRecipes are sets of recipes that are merged in one pass.
var togetherRecipes = map[string][]string{
	"a sweep with copies at its ends": alphas(`merge "weighted_sum" &0 &1 alpha=%v`, 0, 0.25, 0.5, 1),
	"a sweep of sums":                 alphas(`merge "slerp" &0 &1 alpha=%v`, 0, 0.3, 0.7, 1),
	"a sweep with fallbacks":          alphas("merge \"weighted_sum\" &0 &1 alpha=%v\nmerge \"fallback\" &4 &3", 0, 0.25, 1),
	"a sweep of a difference":         alphas("merge \"subtract\" &1 &2\nmerge \"add_difference\" &0 &4 alpha=%v", 0, 0.1, 0.2, 0.3, 0.4),
	"guards of results": alphas("merge \"weighted_sum\" &0 &1 alpha=%v\nmerge \"omit_non_finite\" &4\nmerge \"fallback\" &5 &2", 0, 0.5,
		1),
	"different recipes": {
		recipeFor("abcd", `merge "weighted_sum" &0 &1 alpha=0.3`), recipeFor("a"), recipeFor("cab", `merge "n_average" &0 &1 &2`),
		recipeFor("da", `merge "fallback" &0 &1`), recipeFor("ab", `merge "stack" &0 &1`), recipeFor("ba", `merge "stack" &0 &1`),
		recipeFor("b", `merge "cast" &0 dtype="float32"`), recipeFor("ab", `merge "perpendicular_component" &0 &1`),
		recipeFor("a"), recipeFor("a", "dict small=0.25 big=0.5", `merge "scale" &0 alpha=&1`),
	},
}

// alphas are recipes over a, b, c and d that differ in a number.
func alphas(instructions string, values ...float64) (all []string) {
	for _, v := range values {
		all = append(all, recipeFor("abcd", fmt.Sprintf(instructions, fmt.Sprintf("%.2f", v))))
	}
	return all
}

// outputs are recipes and files for them.
func outputs(t testing.TB, fsys vfs.FS, texts []string, o *mecha.Options) (outs []mecha.Output) {
	t.Helper()
	o.FS, o.ModelDirs, o.MergeSpace = fsys, []string{"/in"}, "any"
	for i, text := range texts {
		r, err := mecha.ParseRecipe([]byte(text), "test.mecha", *o)
		check(t, err)
		outs = append(outs, mecha.Output{Recipe: r, Path: fmt.Sprintf("/out/%d", i)})
	}
	return outs
}

// Whatever is merged in one pass, and however, every output is the file that its recipe makes
// alone.
func TestOutputsTogetherAreTheFilesOfSingleMerges(t *testing.T) {
	w := newWorld(t, togetherModels())
	for name, texts := range togetherRecipes {
		t.Run(name, func(t *testing.T) {
			for _, dtype := range []tensor.DType{tensor.InvalidDType, tensor.F16} {
				o := mecha.Options{OutputDType: dtype}
				outs := outputs(t, w.Mem, texts, &o)
				if name == "different recipes" {
					outs[0].DType, outs[2].DType = tensor.F32, tensor.BF16
				}
				var want [][]byte
				for _, out := range outs {
					single := o
					if out.DType.Valid() {
						single.OutputDType = out.DType
					}
					_, err := mecha.Merge(context.Background(), out.Recipe, "/out/single", single)
					check(t, err)
					want = append(want, w.get("/out/single"))
				}
				for i, s := range settings() {
					if s.tier != settings()[0].tier || i%4 > 0 && raceEnabled {
						continue
					}
					o.Threads, o.UnitBytes, o.MaxRAM = s.threads, s.unitBytes, s.maxRAM
					sameFiles(t, w, outs, o, want)
				}
			}
		})
	}
}

// sameFiles merges in one pass and compares the files.
func sameFiles(t *testing.T, w world, outs []mecha.Output, o mecha.Options, want [][]byte) {
	t.Helper()
	rep, err := mecha.MergeAll(context.Background(), outs, o)
	check(t, err)
	keys := 0
	for i, out := range outs {
		got := w.get(out.Path)
		d, _, err := decode(got)
		check(t, err)
		keys += len(d)
		if !bytes.Equal(got, want[i]) {
			one, _, _ := decode(want[i])
			for key := range one {
				if !bytes.Equal(one[key].Data, d[key].Data) {
					t.Errorf("%d threads, unit %d, %d bytes: output %d: key %s differs", o.Threads, o.UnitBytes, o.MaxRAM, i, key)
				}
			}
			t.Errorf("output %d has %d bytes and %d keys, alone %d and %d", i, len(got), len(d), len(want[i]), len(one))
		}
		if len(outs) > 1 && (rep.Outputs[i].Output != out.Path || rep.Outputs[i].Keys.Written != len(d)) {
			t.Errorf("output %d has %d keys, the report says %+v", i, len(d), rep.Outputs[i])
		}
	}
	if rep.Keys.Written != keys || rep.PeakRAM > o.MaxRAM {
		t.Errorf("%d keys, the report says %+v; %d bytes leased of %d", keys, rep.Keys, rep.PeakRAM, o.MaxRAM)
	}
	if names := strings.Join(w.files("/out"), " "); strings.Contains(names, "tmp") {
		t.Errorf("in the folder of the outputs: %s", names)
	}
}

// counting counts the bytes that are read from a source.
type counting struct {
	tensor.Source
	n atomic.Int64
}

func (c *counting) View(int64, int64) []byte { return nil }

func (c *counting) ReadAt(dst []byte, pos int64) error {
	c.n.Add(int64(len(dst)))
	return c.Source.ReadAt(dst, pos)
}

// A sweep reads its inputs once, as a single merge does, if sums do not need a second reading.
func TestASweepReadsItsInputsOnce(t *testing.T) {
	a, b := bytesModel(1, tensor.F16), bytesModel(2, tensor.F16)
	for name, c := range map[string]struct {
		instructions string
		values       []float64
	}{
		"alphas":         {`merge "weighted_sum" &0 &1 alpha=%v`, []float64{0, 0.1, 0.2, 0.3, 1}},
		"sums in memory": {`merge "slerp" &0 &1 alpha=%v`, []float64{0.1, 0.2, 0.3}},
	} {
		read := map[string]*counting{}
		o := mecha.Options{Sources: map[string]tensor.Source{}, Threads: 2, MaxRAM: 64 << 20}
		var size int64
		for name, d := range map[string]memory.Dict{"a": a, "b": b} {
			src, err := memory.NewSource(name, d, nil)
			check(t, err)
			read[name] = &counting{Source: src}
			o.Sources[name] = read[name]
			for _, x := range d {
				size += int64(len(x.Data))
			}
		}
		size -= int64(len(b["ids"].Data)) // integers are those of the first model
		var outs []mecha.Output
		for _, v := range c.values {
			r, err := mecha.ParseRecipe([]byte(recipeFor("ab", fmt.Sprintf(c.instructions, fmt.Sprintf("%.1f", v)))), "r", o)
			check(t, err)
			outs = append(outs, mecha.Output{Recipe: r, Sink: memory.NewSink("out", nil)})
		}
		planned, err := mecha.PlanAll(context.Background(), outs, o)
		check(t, err)
		rep, err := mecha.MergeAll(context.Background(), outs, o)
		check(t, err)
		if n := read["a"].n.Load() + read["b"].n.Load(); n != size || rep.BytesRead != size || planned.BytesRead != size {
			t.Errorf("%s: read %d bytes, reported %d, planned %d, the inputs have %d", name, n, rep.BytesRead, planned.BytesRead, size)
		}
	}
}

// Whatever file operation of a merge with two outputs fails, each target is the old file or the
// complete new one; and a new one is there only if all were ready.
func TestWhateverFailsOutputsAreOldOrComplete(t *testing.T) {
	s := situations[3] // a key is dropped
	paths := []string{"/out/0", "/in/a"}
	w := s.start(t)
	before := [][]byte{w.get(paths[0]), w.get(paths[1])}
	check(t, twoOutputs(t, w.Mem))
	after := [][]byte{w.get(paths[0]), w.get(paths[1])}
	for how, plan := range faults() {
		for i := int64(0); ; i++ {
			w := s.start(t)
			plan.At, plan.Err = i, errDisk
			fsys := errorfs.New(w.Mem, plan)
			err := twoOutputs(t, fsys)
			if fsys.Count() <= i {
				check(t, err)
				if i < 80 {
					t.Errorf("only %d operations", i)
				}
				break
			}
			what := fmt.Sprintf("operation %d (%s) fails %s", i, fsys.Op(i), how)
			published := 0
			for k, p := range paths {
				got := w.get(p)
				switch {
				case bytes.Equal(got, after[k]):
					published++
				case !bytes.Equal(got, before[k]):
					t.Errorf("%s: %s is neither old nor new", what, p)
				}
			}
			switch {
			case err == nil && published < 2:
				t.Errorf("%s: no error, but %d outputs", what, published)
			case published == 1 && !bytes.Equal(w.get(paths[0]), after[0]):
				t.Errorf("%s: the second output is there without the first", what)
			case published == 1 && !strings.Contains(fmt.Sprint(err), "1 of 2 outputs are in place already, the first is "+paths[0]) && !strings.HasSuffix(fsys.Op(i), " "+paths[0]) &&
				!strings.Contains(fmt.Sprint(err), paths[0]+": the file is complete and in place"):
				t.Errorf("%s: one output is there, and the error is: %v", what, err)
			case err != nil && published > 0 && !renamed(fsys, i):
				t.Errorf("%s: an output is there before all were ready", what)
			}
			for _, dir := range []string{"/in", "/out"} {
				for _, f := range w.files(dir) {
					if strings.HasSuffix(f, ".mecha-gpu-tmp") && !strings.Contains(what, "for good") && !strings.HasPrefix(fsys.Op(i), "remove ") {
						t.Errorf("%s: %s is left", what, path.Base(f))
					}
				}
			}
		}
	}
}

// rotated makes pairs of keys together: x1 and x2 are the sum and the difference of x1 and x2.
func rotated() *methods.Method {
	m := methods.Fused("rotated", "a test", nil, methods.Input("m", "a model"))
	m.Keys = func(string, []string) (methods.KeyMap, error) {
		return func(out string) (methods.Relation, bool) {
			base := out[:len(out)-1]
			keys := []string{base + "1", base + "2"}
			return methods.Relation{Outputs: keys, Alternatives: []methods.Clause{{Inputs: [][]string{keys}}}}, slices.Contains(keys, out)
		}, nil
	}
	m.Formula = func(c *methods.Call) (methods.T, error) {
		x := c.Ts("m")
		if strings.HasSuffix(c.Key, "1") {
			return x[0].Add(x[1]), nil
		}
		return x[0].Sub(x[1]), nil
	}
	return m
}

// Keys that a method makes together lie apart in the file, are made by one job, and read once.
func TestKeysThatAreMadeTogetherAreReadOnce(t *testing.T) {
	d, want := memory.Dict{}, memory.Dict{}
	var size int64
	for i, n := range []int64{1, 5, 0, 131101, 40007} {
		x := [2]memory.Tensor{weights(uint64(i), tensor.F32, n), weights(uint64(i)+50, tensor.F32, n)}
		y := [2][]float32{make([]float32, n), make([]float32, n)}
		for k := range n {
			a, b := math.Float32frombits(binary.LittleEndian.Uint32(x[0].Data[4*k:])), math.Float32frombits(binary.LittleEndian.Uint32(x[1].Data[4*k:]))
			y[0][k], y[1][k] = a+b, a-b
		}
		for k := range x {
			key := fmt.Sprintf("%c%d", "azcyb"[i], k+1)
			d[key], want[key] = x[k], f32s(tensor.Shape{n}, y[k]...)
			size += 4 * n
		}
	}
	w := newWorld(t, map[string]memory.Dict{"a": d})
	for _, s := range settings() {
		o := mecha.Options{Methods: []*methods.Method{rotated()}, MergeSpace: "any", Threads: s.threads, UnitBytes: s.unitBytes, MaxRAM: s.maxRAM, Devices: only(s.tier)}
		got, rep := w.mustMerge("version 0.1.0\nmodel \"a\"\nmerge \"rotated\" &0\n", o)
		for key := range want {
			if !bytes.Equal(got[key].Data, want[key].Data) {
				t.Fatalf("%+v: key %s differs", s, key)
			}
		}
		if len(got) != len(want) || rep.BytesRead != size {
			t.Errorf("%+v: %d keys, %d bytes read of %d", s, len(got), rep.BytesRead, size)
		}
	}
}

// twoOutputs merges two recipes, one of whose outputs is an input, on fsys.
func twoOutputs(t testing.TB, fsys vfs.FS) error {
	o := mecha.Options{Threads: 1, UnitBytes: 4 << 10, MaxRAM: 64 << 20}
	outs := outputs(t, fsys, []string{situationRecipe, strings.Replace(situationRecipe, "0.25", "0.75", 1)}, &o)
	outs[1].Path = "/in/a"
	_, err := mecha.MergeAll(context.Background(), outs, o)
	return err
}

// Whenever the power fails, each of two outputs is the old file or the complete new one.
func TestWheneverThePowerFailsOutputsAreOldOrComplete(t *testing.T) {
	paths := []string{"/out/0", "/in/a"}
	s := situations[3]
	w := s.start(t)
	before := [][]byte{w.get(paths[0]), w.get(paths[1])}
	check(t, twoOutputs(t, w.Mem))
	after := [][]byte{w.get(paths[0]), w.get(paths[1])}
	for i := int64(0); ; i++ {
		w, seed := s.start(t), uint64(i)
		fsys := errorfs.New(w.Mem, errorfs.Plan{At: i, After: i%2 == 1, Cut: func() { w.PowerCut(seed) }})
		err := twoOutputs(t, fsys)
		if fsys.Count() <= i {
			check(t, err)
			break
		}
		for k, p := range paths {
			if got := w.get(p); !bytes.Equal(got, before[k]) && !bytes.Equal(got, after[k]) {
				t.Errorf("power cut at operation %d (%s): %s is neither old nor new", i, fsys.Op(i), p)
			}
		}
	}
}

// A disk with room for one of two outputs is found out before anything is read.
func TestRoomIsNeededForAllOutputs(t *testing.T) {
	w := situations[0].start(t)
	check(t, twoOutputs(t, w.Mem))
	size := int64(len(w.get("/out/0")))
	w = situations[0].start(t)
	used := int64(0)
	for _, f := range append(w.files("/in"), w.files("/in/shards")...) {
		used += int64(len(w.get(f)))
	}
	w.SetCapacity(used + size*3/2)
	err := twoOutputs(t, w.Mem)
	if tensor.ClassOf(err) != tensor.ClassFit || !strings.Contains(err.Error(), "not enough disk space") {
		t.Errorf("%v", err)
	}
	if left := w.files("/out"); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
	w.SetCapacity(used + size*5/2)
	check(t, twoOutputs(t, w.Mem))
}
