package safetensors_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/mecha-gpu/mecha-gpu/stream/safetensors"
	"github.com/mecha-gpu/mecha-gpu/stream/vfs"
	"github.com/mecha-gpu/mecha-gpu/stream/vfs/errorfs"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

const staleTemp = "/.m.00000000.mecha-gpu-tmp"

// disk returns a file system with an old model, if old, and a temp file that a killed
// run left behind; all durable.
func disk(t testing.TB, old bool) *vfs.Mem {
	t.Helper()
	fsys := vfs.NewMem()
	if old {
		put(t, fsys, "/m", bytesFile("old=1234"))
	}
	put(t, fsys, staleTemp, "x")
	check(t, fsys.SyncDir("/"))
	return fsys
}

// contentOf returns the file at /m, and "" if there is none.
func contentOf(t testing.TB, fsys vfs.FS) string {
	t.Helper()
	if strings.Contains(" "+names(t, fsys, "/")+" ", " m ") {
		return get(t, fsys, "/m")
	}
	return ""
}

// outcomes returns what may be at /m afterwards: what was there, and the new model.
func outcomes(t testing.TB, old bool, drop []int) (before, after string) {
	t.Helper()
	fsys := disk(t, old)
	before = contentOf(t, fsys)
	l, data := small(t)
	check(t, write(t.Context(), fsys, "/m", l, data, drop))
	return before, contentOf(t, fsys)
}

// faults are the ways in which an operation fails.
var faults = map[string]errorfs.Plan{
	"without effect":     {},
	"after its effect":   {After: true},
	"and all after it":   {Rest: true},
	"in small transfers": {Chunk: 5},
}

// situation is what a run finds and does.
type situation struct {
	old        bool  // there is an old file
	drop       []int // what Commit drops
	closeFirst bool  // the system cannot rename open files
}

var situations = []situation{
	{false, nil, false}, {true, nil, false}, {false, []int{0, 2}, false}, {true, []int{0, 2}, false}, {true, []int{0, 2}, true},
}

// run writes the small model to fsys.
func (s situation) run(t testing.TB, fsys vfs.FS) error {
	t.Helper()
	l, data := small(t)
	sink := safetensors.Create(fsys, "/m", safetensors.Options{})
	sink.CloseFirst(s.closeFirst)
	return writeTo(t.Context(), sink, l, data, s.drop)
}

func TestWhateverFailsTheTargetIsOldOrNew(t *testing.T) {
	for _, s := range situations {
		before, after := outcomes(t, s.old, s.drop)
		for name, plan := range faults {
			ops := int64(0)
			for i := int64(0); ; i++ {
				mem := disk(t, s.old)
				plan.At, plan.Err = i, errDisk
				fsys := errorfs.New(mem, plan)
				err := s.run(t, fsys)
				if ops = fsys.Count(); ops <= i {
					check(t, err)
					break
				}
				what := fmt.Sprintf("%+v, operation %d (%s) fails %s", s, i, fsys.Op(i), name)
				checkOutcome(t, what, mem, fsys.Op(i), err, plan, before, after)
			}
			if ops < 20 {
				t.Errorf("only %d operations", ops)
			}
		}
	}
}

func checkOutcome(t *testing.T, what string, mem *vfs.Mem, op string, err error, plan errorfs.Plan, before, after string) {
	t.Helper()
	switch got := contentOf(t, mem); {
	case err == nil && got != after:
		t.Errorf("%s: success, but the target is %q", what, got)
	case got != before && got != after:
		t.Errorf("%s: the target is %q", what, got)
	}
	// Only the removal of the stale temp file, and what it needs, may fail unnoticed.
	if err == nil && !strings.Contains(op, staleTemp) {
		t.Errorf("%s: no error", what)
	}
	if err != nil && (!errors.Is(err, errDisk) || tensor.ClassOf(err) != tensor.ClassIO) {
		t.Errorf("%s: error %v of class %v", what, err, tensor.ClassOf(err))
	}
	removed := !plan.Rest && !strings.HasPrefix(op, "remove")
	for n := range strings.FieldsSeq(names(t, mem, "/")) {
		if removed && n != "m" && "/"+n != staleTemp {
			t.Errorf("%s: %s is left", what, n)
		}
	}
}

func TestWheneverThePowerFailsTheTargetIsOldOrNew(t *testing.T) {
	for _, s := range situations {
		before, after := outcomes(t, s.old, s.drop)
		seen := map[string]bool{}
		for seed := range uint64(12) {
			for i := int64(0); ; i++ {
				mem := disk(t, s.old)
				fsys := errorfs.New(mem, errorfs.Plan{At: i, After: seed%2 == 1, Cut: func() { mem.PowerCut(seed) }})
				err := s.run(t, fsys)
				if fsys.Count() <= i {
					check(t, err)
					mem.PowerCut(seed) // after the end: what Commit has promised stays
					if got := contentOf(t, mem); got != after {
						t.Errorf("after Commit and a power cut the target is %q", got)
					}
					break
				}
				got := contentOf(t, mem)
				seen[got] = true
				if got != before && got != after || err == nil && got != after {
					t.Errorf("%+v, seed %d, power cut at operation %d (%s): error %v, the target is %q", s, seed, i, fsys.Op(i), err, got)
				}
				checkNextRun(t, mem)
			}
		}
		if !seen[before] || !seen[after] {
			t.Errorf("the power cuts led to %d outcomes, expected old and new", len(seen))
		}
	}
}

// checkNextRun checks that the next run succeeds and cleans up.
func checkNextRun(t *testing.T, fsys vfs.FS) {
	t.Helper()
	l, data := small(t)
	if err := write(t.Context(), fsys, "/m", l, data, nil); err != nil {
		t.Errorf("the next run: %v", err)
	}
	if got := names(t, fsys, "/"); got != "m" {
		t.Errorf("after the next run there are %q", got)
	}
}

// A Commit that broke off may have moved tensors already; a second one would move them
// again.
func TestACommitThatBrokeOffCannotBeRepeated(t *testing.T) {
	l, data := small(t)
	for i := int64(0); ; i++ {
		mem := disk(t, true)
		fsys := errorfs.New(mem, errorfs.Plan{At: i, Err: errDisk})
		s := safetensors.Create(fsys, "/m", safetensors.Options{})
		if s.Begin(t.Context(), l) != nil || s.WriteAt(data, 0) != nil {
			continue
		}
		if fsys.Count() > i {
			check(t, s.Abort())
			continue // it failed before, unnoticed
		}
		if err := s.Commit(t.Context(), []int{0}); err == nil {
			break
		}
		before := contentOf(t, mem)
		if err := s.Commit(t.Context(), []int{0}); err == nil || !strings.Contains(err.Error(), "out of order") {
			t.Errorf("%s: error %v", fsys.Op(i), err)
		}
		check(t, s.Abort())
		if contentOf(t, mem) != before || names(t, mem, "/") != "m" {
			t.Errorf("%s: files %q", fsys.Op(i), names(t, mem, "/"))
		}
	}
}

// A machine that reads the old file meanwhile sees it unharmed until the new one is there.
func TestReadersNeverSeeAPart(t *testing.T) {
	l, data := small(t)
	mem := disk(t, true)
	before := contentOf(t, mem)
	s := safetensors.Create(mem, "/m", safetensors.Options{})
	check(t, s.Begin(t.Context(), l))
	for i := range data {
		check(t, s.WriteAt(data[i:i+1], int64(i)))
		if contentOf(t, mem) != before {
			t.Fatal("the old file changed")
		}
	}
	check(t, s.Commit(t.Context(), nil))
	if contentOf(t, mem) == before {
		t.Error("the new file is not there")
	}
}
