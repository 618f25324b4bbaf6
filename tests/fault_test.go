package tests

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/mecha-gpu/mecha-gpu"
	"github.com/mecha-gpu/mecha-gpu/stream/memory"
	"github.com/mecha-gpu/mecha-gpu/stream/vfs"
	"github.com/mecha-gpu/mecha-gpu/stream/vfs/errorfs"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

var errDisk = errors.New("the disk is on fire")

// situation is a whole merge, from the recipe file to the published output.
type situation struct {
	name string
	out  string
	old  bool // the output exists, with other content
	drop bool // a key is dropped, so that the file is closed up
}

var situations = []situation{
	{"new file", "/out/m", false, false},
	{"old file", "/out/m", true, false},
	{"output is an input", "/in/a", true, false},
	{"dropped key", "/out/m", true, true},
	{"dropped key, output is an input", "/in/a", true, true},
}

const situationRecipe = "version 0.1.0\nmodel \"a\"\nmodel \"b\"\nmodel \"shards\"\nmerge \"weighted_sum\" &0 &1 alpha=0.25\nmerge \"slerp\" &3 &2 alpha=0.5\n"

// start makes the world in which the situation begins: two files and a folder of two shards.
func (s situation) start(t testing.TB) world {
	t.Helper()
	model := func(seed uint64) memory.Dict {
		return memory.Dict{"x": weights(seed, tensor.F16, 91, 101), "y": weights(seed+9, tensor.F32, 3000), "z": weights(seed+17, tensor.BF16, 7), "n": i64s(5, 6)}
	}
	a, shards := model(1), model(3)
	if s.drop {
		binary.LittleEndian.PutUint16(a["x"].Data[len(a["x"].Data)-2:], 0x7c00)
	}
	w := newWorld(t, map[string]memory.Dict{"a": a, "b": model(2)})
	check(t, w.MkdirAll("/in/shards", 0o777))
	w.put("/in/shards/model-1.safetensors", encode(t, memory.Dict{"x": shards["x"], "n": shards["n"]}, nil))
	w.put("/in/shards/model-2.safetensors", encode(t, memory.Dict{"y": shards["y"], "z": shards["z"]}, nil))
	w.put("/in/shards/model.safetensors.index.json", []byte(`{"metadata":{},"weight_map":{"x":"model-1.safetensors","n":"model-1.safetensors","y":"model-2.safetensors","z":"model-2.safetensors"}}`))
	w.put("/in/r.mecha", []byte(situationRecipe))
	if s.old && s.out == "/out/m" {
		w.put("/out/m", encode(t, memory.Dict{"old": f32s(tensor.Shape{1}, 1)}, nil))
	}
	check(t, w.SyncDir("/in/shards"))
	w.settle()
	return w
}

// run merges on fsys, with one worker, so that the operations have one order.
func (s situation) run(fsys vfs.FS) error {
	o := onSuiteDevice(mecha.Options{FS: fsys, Threads: 1, UnitBytes: 4 << 10, MaxRAM: 64 << 20})
	r, err := mecha.LoadRecipe(context.Background(), "/in/r.mecha", o)
	if err != nil {
		return err
	}
	_, err = mecha.Merge(context.Background(), r, s.out, o)
	return err
}

// outcomes returns the target before and after a merge in which nothing fails, and the files
// that must stay as they are.
func (s situation) outcomes(t *testing.T) (before, after []byte, inputs map[string][]byte) {
	w := s.start(t)
	before, inputs = w.get(s.out), map[string][]byte{}
	for _, p := range append(w.files("/in/shards"), "/in/a", "/in/b", "/in/r.mecha") {
		if p != s.out {
			inputs[p] = w.get(p)
		}
	}
	check(t, s.run(w.Mem))
	after = w.get(s.out)
	d, _, err := decode(after)
	check(t, err)
	if want := 4; len(d) != want && !(s.drop && len(d) == want-1) {
		t.Fatalf("%d keys", len(d))
	}
	return before, after, inputs
}

// faults are the ways in which an operation fails.
func faults() map[string]errorfs.Plan {
	if raceEnabled {
		return map[string]errorfs.Plan{"cleanly": {}}
	}
	return map[string]errorfs.Plan{"cleanly": {}, "after taking effect": {After: true}, "for good": {Rest: true}, "with short transfers": {Chunk: 4000}}
}

// Whatever file operation of a merge fails, the target is the old file or the complete new
// one, the inputs are as they were, no temporary file is left that could be removed, and the
// failure is reported.
func TestWhateverFailsTheOutputIsOldOrComplete(t *testing.T) {
	for _, s := range situations {
		t.Run(s.name, func(t *testing.T) {
			before, after, inputs := s.outcomes(t)
			for how, plan := range faults() {
				for i := int64(0); ; i++ {
					w := s.start(t)
					plan.At, plan.Err = i, errDisk
					fsys := errorfs.New(w.Mem, plan)
					err := s.run(fsys)
					if fsys.Count() <= i {
						check(t, err)
						if i < 50 {
							t.Errorf("only %d operations", i)
						}
						break
					}
					what := fmt.Sprintf("operation %d (%s) fails %s", i, fsys.Op(i), how)
					s.checkFault(t, what, w, fsys, i, err, before, after)
					w.unchanged(what, inputs)
				}
			}
		})
	}
}

// checkFault looks at the target and its folder after operation i has failed.
func (s situation) checkFault(t *testing.T, what string, w world, fsys *errorfs.FS, i int64, err error, before, after []byte) {
	t.Helper()
	got, op := w.get(s.out), fsys.Op(i)
	switch {
	case err == nil && !bytes.Equal(got, after):
		t.Errorf("%s: success, but the target is %d bytes, want %d", what, len(got), len(after))
	case !bytes.Equal(got, before) && !bytes.Equal(got, after):
		t.Errorf("%s: the target is %d bytes: neither old nor new", what, len(got))
	case err != nil && !errors.Is(err, errDisk):
		t.Errorf("%s: the error hides the failure: %v", what, err)
	case err != nil && bytes.Equal(got, after) && !renamed(fsys, i):
		t.Errorf("%s: the target is new before it was renamed", what)
	case err == nil && !mayFail(op):
		t.Errorf("%s: no error", what)
	case err != nil && tensor.ClassOf(err) == tensor.ClassOther:
		t.Errorf("%s: error without a class: %v", what, err)
	}
	removable := !strings.Contains(what, "for good") && !strings.HasPrefix(op, "remove ")
	for _, dir := range []string{"/in", "/out"} {
		for _, p := range w.files(dir) {
			if removable && strings.HasSuffix(p, ".mecha-gpu-tmp") {
				t.Errorf("%s: %s is left", what, p)
			}
		}
	}
}

// renamed reports whether one of the first operations, up to i, was a rename.
func renamed(fsys *errorfs.FS, i int64) bool {
	for k := range i + 1 {
		if strings.HasPrefix(fsys.Op(k), "rename ") {
			return true
		}
	}
	return false
}

// mayFail reports whether a failure of the operation may go unnoticed: closing a recipe that
// was read loses nothing, and a glance at its first bytes, or at a shard, comes before it is
// read or opened anyway.
func mayFail(op string) bool {
	switch op {
	case "close /in/r.mecha", "read /in/r.mecha 0+16", "stat /in/shards/model-1.safetensors", "stat /in/shards/model-2.safetensors":
		return true
	}
	return false
}

// unchanged checks files against what they were.
func (w world) unchanged(what string, want map[string][]byte) {
	w.t.Helper()
	for p, content := range want {
		if !bytes.Equal(w.get(p), content) {
			w.t.Errorf("%s: the input %s has changed", what, p)
		}
	}
}

// Whenever the power is cut, whatever of the unsynced bytes and names the disk has kept, the
// target is the old file or the complete new one, and the next run cleans up.
func TestWheneverThePowerIsCutTheOutputIsOldOrComplete(t *testing.T) {
	seeds := uint64(3)
	if raceEnabled {
		seeds = 2
	}
	for _, s := range situations {
		t.Run(s.name, func(t *testing.T) {
			before, after, inputs := s.outcomes(t)
			news, olds := 0, 0
			for seed := range seeds {
				for i := int64(0); ; i++ {
					w := s.start(t)
					fsys := errorfs.New(w.Mem, errorfs.Plan{At: i, After: seed%2 == 1, Cut: func() { w.PowerCut(seed) }})
					err := s.run(fsys)
					if fsys.Count() <= i {
						check(t, err)
						w.PowerCut(seed) // what a successful merge has promised stays
						if !bytes.Equal(w.get(s.out), after) {
							t.Error("the output of a finished merge is lost")
						}
						break
					}
					what := fmt.Sprintf("seed %d, power cut at operation %d (%s)", seed, i, fsys.Op(i))
					switch got := w.get(s.out); {
					case bytes.Equal(got, after):
						news++
					case bytes.Equal(got, before):
						olds++
					default:
						t.Errorf("%s: the target is %d bytes: neither old nor new", what, len(got))
					}
					if err == nil && !bytes.Equal(w.get(s.out), after) {
						t.Errorf("%s: success, but the target is old", what)
					}
					w.unchanged(what, inputs)
					s.checkNextRun(t, what, w)
				}
			}
			if news == 0 || olds == 0 {
				t.Errorf("%d times new, %d times old", news, olds)
			}
		})
	}
}

// checkNextRun merges again after the power is back, and looks for temporary files.
func (s situation) checkNextRun(t *testing.T, what string, w world) {
	t.Helper()
	if err := s.run(w.Mem); err != nil {
		t.Errorf("%s: the next run: %v", what, err)
	}
	if _, _, err := decode(w.get(s.out)); err != nil {
		t.Errorf("%s: after the next run: %v", what, err)
	}
	for _, dir := range []string{"/in", "/out"} {
		for _, p := range w.files(dir) {
			if strings.HasSuffix(p, ".mecha-gpu-tmp") {
				t.Errorf("%s: the next run leaves %s", what, p)
			}
		}
	}
}

// A disk that is full, before or while the merge runs, is an error of class fit, and the
// old output stays.
func TestFullDiskLeavesTheOldOutput(t *testing.T) {
	s := situations[1]
	before, after, inputs := s.outcomes(t)
	used := func(w world) int64 {
		w.SetCapacity(1 << 40)
		free, err := w.Free("/")
		check(t, err)
		return 1<<40 - free
	}
	for _, room := range []int{0, 1, 100, len(after) - 1} {
		for _, lies := range []bool{false, true} {
			w := s.start(t)
			w.SetCapacity(used(w) + int64(room))
			var fsys vfs.FS = w.Mem
			if lies {
				fsys = boundless{w.Mem}
			}
			err := s.run(fsys)
			if tensor.ClassOf(err) != tensor.ClassFit || !strings.Contains(err.Error(), "space") {
				t.Errorf("room for %d bytes: %v (class %v)", room, err, tensor.ClassOf(err))
			}
			if !bytes.Equal(w.get("/out/m"), before) || len(w.files("/out")) != 1 {
				t.Errorf("room for %d bytes: left %v", room, w.files("/out"))
			}
			w.unchanged("full disk", inputs)
		}
	}
	w := s.start(t)
	w.SetCapacity(used(w) + int64(len(after)))
	if err := s.run(w.Mem); err != nil || !bytes.Equal(w.get("/out/m"), after) {
		t.Errorf("with just enough room: %v", err)
	}
}

// boundless is a file system that says it has room for everything.
type boundless struct{ vfs.FS }

func (boundless) Free(string) (int64, error) { return 1 << 62, nil }
