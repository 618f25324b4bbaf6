package tests

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mecha-gpu/mecha-gpu/stream/vfs"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// The promise: a merge takes at most its memory limit and this much for the program itself.
const (
	memoryLimit  = 64 << 20
	runtimeSlack = 16 << 20
)

// boundedVar names the environment variable that asks for the measurement of every method on
// a tensor of 1.5 GiB; otherwise it is a few methods on 256 MiB.
const boundedVar = "MECHA_BOUNDED"

// streaming lists recipes over the models a, b and c, or ten: elementwise ones, and those
// that reduce and then map. The first ones are measured always.
var streaming = []struct{ name, models, instructions string }{
	{"weighted_sum", "ab", `merge "weighted_sum" &0 &1 alpha=0.3`},
	{"n_average of 10", "abcdefghij", `merge "n_average" &0 &1 &2 &3 &4 &5 &6 &7 &8 &9`},
	{"slerp", "ab", `merge "slerp" &0 &1 alpha=0.3`},
	{"add_difference of subtract", "abc", "merge \"subtract\" &1 &2\nmerge \"add_difference\" &0 &3 alpha=0.5"},
	{"subtract", "ab", `merge "subtract" &0 &1`},
	{"scale", "a", `merge "scale" &0 alpha=0.5`},
	{"clamp", "abc", `merge "clamp" &0 &1 &2 stiffness=0.4`},
	{"train_difference_mask", "abc", `merge "train_difference_mask" &0 &1 &2 alpha=0.8`},
	{"add_opposite_mask", "abc", `merge "add_opposite_mask" &0 &1 &2 alpha=0.8`},
	{"add_strict_opposite_mask", "abc", `merge "add_strict_opposite_mask" &0 &1 &2 alpha=0.8`},
	{"perpendicular_component", "ab", `merge "perpendicular_component" &0 &1`},
	{"geometric_sum", "ab", `merge "geometric_sum" &0 &1 alpha=0.4`},
	{"multiply_quotient", "abc", `merge "multiply_quotient" &0 &1 &2 alpha=0.7`},
	{"cast", "a", `merge "cast" &0 dtype="bfloat16"`},
	{"fallback", "ab", `merge "fallback" &0 &1`},
	{"omit_non_finite", "ab", "merge \"add_difference\" &0 &1 alpha=1.0\nmerge \"omit_non_finite\" &2\nmerge \"fallback\" &3 &0"},
	{"stack", "ab", `merge "stack" &0 &1`},
}

// sparse writes a checkpoint of one float16 tensor that is a hole, with numbers in its last
// block only.
func sparse(t *testing.T, path string, seed uint64, rows int64) {
	t.Helper()
	const cols = 32768
	text := fmt.Sprintf(`{"w":{"dtype":"F16","shape":[%d,%d],"data_offsets":[0,%d]}}`, rows, cols, 2*rows*cols)
	text += strings.Repeat(" ", (8-len(text)%8)%8)
	head := append(binary.LittleEndian.AppendUint64(nil, uint64(len(text))), text...)
	f, err := os.Create(path)
	check(t, err)
	defer f.Close()
	_, err = f.WriteAt(head, 0)
	check(t, err)
	tail := weights(seed, tensor.F16, 32<<10).Data
	_, err = f.WriteAt(tail, int64(len(head))+2*rows*cols-int64(len(tail)))
	check(t, err)
}

// roomyFolder returns an empty folder with room for need bytes, in memory if possible.
func roomyFolder(t *testing.T, need int64) string {
	t.Helper()
	if free, err := (vfs.OS{}).Free("/dev/shm"); err == nil && free > need {
		if dir, err := os.MkdirTemp("/dev/shm", "mecha-gpu-test-"); err == nil {
			t.Cleanup(func() { os.RemoveAll(dir) })
			return dir
		}
	}
	dir := t.TempDir()
	if free, err := (vfs.OS{}).Free(dir); err != nil || free < need {
		t.Skipf("no folder has room for %d bytes (%d, %v)", need, free, err)
	}
	return dir
}

// A tensor much larger than the memory limit is merged within it.
func TestMemoryIsBoundedForALargeTensor(t *testing.T) {
	if !canMeasure {
		t.Skip("the peak of memory cannot be measured on this system")
	}
	cases, size := streaming[:3], int64(256<<20)
	if os.Getenv(boundedVar) != "" {
		cases, size = streaming, 3<<29
	}
	dir := roomyFolder(t, 2*size+1<<30)
	for i, name := range "abcdefghij" {
		path := filepath.Join(dir, string(name))
		if i < 3 {
			sparse(t, path, uint64(i), size/65536)
		} else {
			check(t, os.Link(filepath.Join(dir, "a"), path))
		}
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			check(t, os.WriteFile(filepath.Join(dir, "r.mecha"), []byte(recipeFor(c.models, c.instructions)), 0o600))
			out := filepath.Join(dir, "out")
			m := measure(t, "merge", filepath.Join(dir, "r.mecha"), "-o", out, "--max-ram", "64MiB", "--merge-space", "any")
			if m.Exit != 0 {
				t.Fatalf("exit code %d: %s", m.Exit, m.stderr)
			}
			if m.RSS > memoryLimit+runtimeSlack {
				t.Errorf("peak memory %.1f MiB, want at most %d", float64(m.RSS)/(1<<20), (memoryLimit+runtimeSlack)>>20)
			}
			t.Logf("peak memory %.1f MiB", float64(m.RSS)/(1<<20))
			check(t, os.Remove(out))
		})
	}
}

// manyKeys writes a checkpoint of n tiny tensors, whose header has about 110 bytes a key.
func manyKeys(t *testing.T, path string, n int, seed byte) {
	t.Helper()
	const size = 8
	text := []byte("{")
	for i := range n {
		if i > 0 {
			text = append(text, ',')
		}
		text = fmt.Appendf(text, `"model.layers.%06d.attention.projection.weight":{"dtype":"F16","shape":[2,2],"data_offsets":[%d,%d]}`, i, i*size, (i+1)*size)
	}
	text = append(text, '}')
	for len(text)%8 != 0 {
		text = append(text, ' ')
	}
	file := append(binary.LittleEndian.AppendUint64(nil, uint64(len(text))), text...)
	for i := range n * size / 2 {
		file = append(file, byte(i)+seed, 0x2c)
	}
	check(t, os.WriteFile(path, file, 0o600))
}

// Merges of state dicts with 100,000 keys stay within any limit: those that are refused before
// they start, and those that have just what they need.
func TestMemoryIsBoundedForManyKeys(t *testing.T) {
	if raceEnabled {
		t.Skip("a program starts with the peak of what started it, which is too high here: see make memory")
	}
	if !canMeasure {
		t.Skip("the peak of memory cannot be measured on this system")
	}
	dir := roomyFolder(t, 1<<30)
	for i, name := range "abc" {
		manyKeys(t, filepath.Join(dir, string(name)), 100_000, byte(i))
	}
	check(t, os.WriteFile(filepath.Join(dir, "r.mecha"), []byte(recipeFor("abc", "merge \"subtract\" &1 &2\nmerge \"add_difference\" &0 &3 alpha=0.5")), 0o600))
	model := func(name string) string { return name + "=" + filepath.Join(dir, name) }
	for name, c := range map[string]struct {
		most int64 // what the merge may need
		args []string
	}{
		"one output":   {48 << 20, []string{filepath.Join(dir, "r.mecha"), "-o", filepath.Join(dir, "out")}},
		"five outputs": {96 << 20, []string{"-e", "a + x*(b - c)", "-m", model("a"), "-m", model("b"), "-m", model("c"), "--sweep", "x=0.1:0.5:0.1", "-o", filepath.Join(dir, "out-{x}")}},
	} {
		t.Run(name, func(t *testing.T) {
			args := append(append([]string{"merge"}, c.args...), "--max-ram")
			least := leastMemory(t, args, filepath.Join(dir, "out*"))
			if least > c.most {
				t.Errorf("needs %d bytes, want at most %d", least, c.most)
			}
			if m := measureWithin(t, args, c.most+16<<20); m.Exit != 0 {
				t.Errorf("with more memory: exit code %d: %s", m.Exit, m.stderr)
			}
			found, err := filepath.Glob(filepath.Join(dir, "out*"))
			check(t, err)
			for _, path := range found {
				check(t, os.Remove(path))
			}
		})
	}
}

// measureWithin runs a merge with a memory limit, which it must keep, and logs its peak.
func measureWithin(t *testing.T, args []string, limit int64) measured {
	t.Helper()
	m := measure(t, append(args, fmt.Sprintf("%dKiB", limit>>10))...)
	t.Logf("%.1f MiB: exit code %d, peak memory %.1f MiB", float64(limit)/(1<<20), m.Exit, float64(m.RSS)/(1<<20))
	if m.RSS > limit+runtimeSlack {
		t.Errorf("%.1f MiB: peak memory %.1f MiB, want at most %d more", float64(limit)/(1<<20), float64(m.RSS)/(1<<20), runtimeSlack>>20)
	}
	return m
}

// leastMemory starts a merge with little memory, and with what each refusal says it needs, until
// it is done. No refusal may leave an output, take more memory than it had, or ask for what is
// then not enough more than once: first the headers of the inputs must fit, then all the rest.
func leastMemory(t *testing.T, args []string, outputs string) int64 {
	t.Helper()
	limit := int64(8 << 20)
	for range 3 {
		m := measureWithin(t, args, limit)
		if m.Exit == 0 {
			return limit
		}
		_, text, ok := strings.Cut(m.stderr, "expected at least ")
		var need float64
		if _, err := fmt.Sscanf(text, "%f MiB (raise --max-ram)", &need); err != nil || !ok || m.Exit != 5 {
			t.Fatalf("%d bytes: exit code %d: %s", limit, m.Exit, m.stderr)
		}
		if found, _ := filepath.Glob(outputs); len(found) > 0 {
			t.Errorf("%d bytes: refused, but there is an output", limit)
		}
		limit = int64((need + 0.1) * (1 << 20)) // the text is rounded
	}
	t.Fatalf("with %d bytes, as asked for, it is refused again", limit)
	return 0
}

// A sweep of a tensor much larger than the memory limit, and one of many keys, stay within it.
func TestMemoryIsBoundedForASweep(t *testing.T) {
	if !canMeasure {
		t.Skip("the peak of memory cannot be measured on this system")
	}
	const size, keys = 64 << 20, 50_000
	dir := roomyFolder(t, 5*size+1<<30)
	for i, name := range []string{"a", "b"} {
		sparse(t, filepath.Join(dir, name), uint64(i), size/65536)
		manyKeys(t, filepath.Join(dir, "many "+name), keys, byte(i))
	}
	for what, c := range map[string]struct {
		expr, prefix string
	}{
		"a large tensor":         {"weighted_sum(a, b, alpha=x)", ""},
		"sums of a large tensor": {"slerp(a, b, alpha=x)", ""},
		"many keys":              {"weighted_sum(a, b, alpha=x)", "many "},
	} {
		m := measure(t, "merge", "-e", c.expr, "-m", "a="+filepath.Join(dir, c.prefix+"a"), "-m", "b="+filepath.Join(dir, c.prefix+"b"),
			"--sweep", "x=0.1:0.3:0.1", "-o", filepath.Join(dir, "out-{x}"), "--max-ram", "64MiB")
		if m.Exit != 0 || m.RSS > memoryLimit+runtimeSlack {
			t.Errorf("%s: exit code %d, peak memory %.1f MiB, want at most %d\n%s", what, m.Exit, float64(m.RSS)/(1<<20), (memoryLimit+runtimeSlack)>>20, m.stderr)
		}
		t.Logf("%s: peak memory %.1f MiB", what, float64(m.RSS)/(1<<20))
	}
}
