package tests

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/mecha-gpu/mecha-gpu"
	"github.com/mecha-gpu/mecha-gpu/stream/memory"
	"github.com/mecha-gpu/mecha-gpu/stream/vfs"
	"github.com/mecha-gpu/mecha-gpu/stream/vfs/errorfs"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

const lerpRecipe = "version 0.1.0\nmodel \"a\"\nmodel \"b\"\nmerge \"weighted_sum\" &0 &1 alpha=0.25\n"

// doomedFolder makes a folder on the real file system with two models, a recipe and an old
// output, and returns it with the content of all files.
func doomedFolder(t *testing.T, elems int64) (dir string, files map[string][]byte) {
	t.Helper()
	dir = t.TempDir()
	files = map[string][]byte{
		"a": encode(t, memory.Dict{"x": weights(1, tensor.F16, elems), "y": weights(2, tensor.F32, 3000)}, nil),
		"b": encode(t, memory.Dict{"x": weights(3, tensor.F16, elems), "y": weights(4, tensor.F32, 3000)}, nil),
		"m": encode(t, memory.Dict{"old": f32s(tensor.Shape{1}, 1)}, nil), "r.mecha": []byte(lerpRecipe),
	}
	for name, content := range files {
		check(t, os.WriteFile(filepath.Join(dir, name), content, 0o600))
	}
	return dir, files
}

// doomedMerge merges the models of a folder.
func doomedMerge(fsys vfs.FS, dir string) error {
	o := mecha.Options{FS: fsys, Threads: 1, UnitBytes: 8 << 10, MaxRAM: 64 << 20}
	r, err := mecha.LoadRecipe(context.Background(), filepath.Join(dir, "r.mecha"), o)
	if err != nil {
		return err
	}
	_, err = mecha.Merge(context.Background(), r, filepath.Join(dir, "m"), o)
	return err
}

// doomedChild merges and kills itself, as by kill -9, before or after an operation on the
// real file system.
func doomedChild(args []string) error {
	at, err := strconv.ParseInt(args[1], 10, 64)
	if err != nil {
		return err
	}
	kill := func() {
		if p, err := os.FindProcess(os.Getpid()); err == nil {
			_ = p.Kill()
		}
		select {} // until the signal is there
	}
	return doomedMerge(errorfs.New(vfs.OS{}, errorfs.Plan{At: at, After: args[2] == "after", Cut: kill}), args[0])
}

// checkKilled checks the folder after a kill, and reports whether the output is the new one
// and whether a temporary file was left.
func checkKilled(t *testing.T, what, dir string, files map[string][]byte, after []byte) (isNew, left bool) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	check(t, err)
	for _, e := range entries {
		content, err := os.ReadFile(filepath.Join(dir, e.Name()))
		check(t, err)
		switch {
		case strings.HasSuffix(e.Name(), ".mecha-gpu-tmp"):
			left = true
		case e.Name() == "m" && bytes.Equal(content, after):
			isNew = true
		case !bytes.Equal(content, files[e.Name()]):
			t.Errorf("%s: %s is %d bytes, was %d", what, e.Name(), len(content), len(files[e.Name()]))
		}
	}
	return isNew, left
}

// The process is killed at every operation in turn: the target is the old file or the complete
// new one, and what is left is cleaned up by the next run.
func TestKilledAtAnyOperation(t *testing.T) {
	dir, files := doomedFolder(t, 30_001)
	check(t, doomedMerge(vfs.OS{}, dir))
	after, err := os.ReadFile(filepath.Join(dir, "m"))
	check(t, err)
	news, leftovers, step := 0, 0, int64(1)
	if raceEnabled {
		step = 3
	}
	for i := int64(0); ; i += step {
		check(t, os.WriteFile(filepath.Join(dir, "m"), files["m"], 0o600))
		when := [...]string{"before", "after"}[i%2]
		cmd := child(t, "doomed", dir, strconv.FormatInt(i, 10), when)
		out, err := cmd.CombinedOutput()
		if err == nil {
			if i < 40 {
				t.Errorf("only %d operations", i)
			}
			break
		}
		if cmd.ProcessState.ExitCode() != -1 {
			t.Fatalf("operation %d: %v: %s", i, err, out)
		}
		isNew, left := checkKilled(t, "killed "+when+" operation "+strconv.FormatInt(i, 10), dir, files, after)
		news += count(isNew)
		leftovers += count(left)
	}
	if isNew, left := checkKilled(t, "after all", dir, files, after); !isNew || left {
		t.Errorf("after the last run the output is new: %v, temporary files are left: %v", isNew, left)
	}
	if news == 0 || leftovers == 0 {
		t.Errorf("%d kills after the publishing, %d with a temporary file left", news, leftovers)
	}
}

func count(x bool) int {
	if x {
		return 1
	}
	return 0
}

// The real program is killed at random moments after it has begun to write.
func TestProgramKilledAtRandomMoments(t *testing.T) {
	dir, files := doomedFolder(t, 8<<20)
	bin := program(t)
	run := func(work int) {
		cmd := exec.Command(bin, "merge", filepath.Join(dir, "r.mecha"), "-o", filepath.Join(dir, "m"), "--json", "--max-ram", "16MiB", "--threads", "1")
		out, err := cmd.StdoutPipe()
		check(t, err)
		check(t, cmd.Start())
		lines := bufio.NewScanner(out)
		if !lines.Scan() {
			t.Error("no line of progress")
		}
		h := sha256.New()
		if work >= 0 {
			for range work {
				h.Write(files["b"][:64<<10])
			}
			check(t, cmd.Process.Kill())
		}
		for lines.Scan() { // what it had written
		}
		if err := cmd.Wait(); work < 0 {
			check(t, err)
		}
	}
	run(-1)
	after, err := os.ReadFile(filepath.Join(dir, "m"))
	check(t, err)
	rnd, news, leftovers := rand.New(rand.NewPCG(1, 2)), 0, 0
	for i := range 20 {
		check(t, os.WriteFile(filepath.Join(dir, "m"), files["m"], 0o600))
		run(rnd.IntN(1 << rnd.IntN(12)))
		isNew, left := checkKilled(t, "kill "+strconv.Itoa(i), dir, files, after)
		news += count(isNew)
		leftovers += count(left)
	}
	t.Logf("20 kills: %d after the publishing, %d left a temporary file", news, leftovers)
	run(-1)
	if isNew, left := checkKilled(t, "after all", dir, files, after); !isNew || left {
		t.Errorf("after the last run the output is new: %v, temporary files are left: %v", isNew, left)
	}
}
