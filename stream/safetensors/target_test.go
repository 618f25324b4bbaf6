package safetensors_test

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"

	"github.com/mecha-gpu/mecha-gpu/stream/safetensors"
	"github.com/mecha-gpu/mecha-gpu/stream/vfs"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

func TestTargetsThatCannotBeWrittenAreRefused(t *testing.T) {
	l, _ := small(t)
	for _, c := range []struct {
		path, message string
		class         tensor.Class
	}{
		{"", "the path of the output is empty", tensor.ClassIO},
		{"/folder", "the target is a folder", tensor.ClassIO},
		{"/absent/m", "the folder /absent does not exist", tensor.ClassIO},
		{"/file/m", "not a folder", tensor.ClassIO},
		{"/readonly", "the target is read-only", tensor.ClassIO},
	} {
		fsys := vfs.NewMem()
		check(t, fsys.MkdirAll("/folder", 0o777))
		put(t, fsys, "/file", "x")
		f, err := fsys.Create("/readonly", 0o666)
		check(t, err)
		check(t, f.Chmod(0o444))
		before := names(t, fsys, "/")
		s := safetensors.Create(fsys, c.path, safetensors.Options{})
		err = s.Begin(t.Context(), l)
		if err == nil || !strings.Contains(err.Error(), c.message) || tensor.ClassOf(err) != c.class {
			t.Errorf("%q: error %v of class %v, want %q", c.path, err, tensor.ClassOf(err), c.message)
		}
		check(t, s.Abort())
		if got := names(t, fsys, "/"); got != before {
			t.Errorf("%q: files %q", c.path, got)
		}
	}
}

func TestDiskSpaceIsCheckedBeforeWorkStarts(t *testing.T) {
	l, data := small(t)
	fsys := vfs.NewMem()
	check(t, write(t.Context(), fsys, "/m", l, data, nil))
	old := get(t, fsys, "/m")
	need := int64(len(old))
	for _, c := range []struct {
		free int64
		fits bool
	}{{0, false}, {need - 1, false}, {need, true}} {
		fsys.SetCapacity(need + c.free)
		err := write(t.Context(), fsys, "/m", l, data, nil)
		if c.fits {
			check(t, err)
			continue
		}
		want := fmt.Sprintf("not enough disk space: found %d bytes free, expected %d", c.free, need)
		if err == nil || tensor.ClassOf(err) != tensor.ClassFit || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
		if got := get(t, fsys, "/m"); got != old || names(t, fsys, "/") != "m" {
			t.Errorf("files %q", names(t, fsys, "/"))
		}
	}
}

// full has a disk that says it has room, and has none.
type full struct{ *vfs.Mem }

func (full) Free(string) (int64, error) { return 1 << 40, nil }

func TestADiskThatIsFullAfterAllIsNoIOError(t *testing.T) {
	l, data := small(t)
	fsys := full{vfs.NewMem()}
	fsys.SetCapacity(10)
	err := write(t.Context(), fsys, "/m", l, data, nil)
	if tensor.ClassOf(err) != tensor.ClassFit || !strings.Contains(err.Error(), "not enough disk space") {
		t.Errorf("error %v", err)
	}
	if got := names(t, fsys, "/"); got != "" {
		t.Errorf("files %q", got)
	}
}

func TestFoldersAreMadeOnRequest(t *testing.T) {
	l, data := small(t)
	fsys := vfs.NewMem()
	check(t, fsys.MkdirAll("/x", 0o777))
	check(t, fsys.SyncDir("/"))
	s := safetensors.Create(fsys, "/x/y/z/m", safetensors.Options{MkdirAll: true})
	check(t, s.Begin(t.Context(), l))
	check(t, s.Abort())
	if got := names(t, fsys, "/x"); got != "" {
		t.Errorf("Abort left %q", got)
	}
	s = safetensors.Create(fsys, "/x/y/z/m", safetensors.Options{MkdirAll: true})
	check(t, s.Begin(t.Context(), l))
	check(t, s.WriteAt(data, 0))
	check(t, s.Commit(t.Context(), nil))
	fsys.PowerCut(0)
	if got := get(t, fsys, "/x/y/z/m"); !strings.HasSuffix(got, string(data)) {
		t.Errorf("after a power cut: %q", got)
	}
}

func TestTempFilesOfKilledRunsAreRemoved(t *testing.T) {
	l, data := small(t)
	fsys := vfs.NewMem()
	stale := []string{".m.00000000.mecha-gpu-tmp", ".m.deadbeef.mecha-gpu-tmp"}
	others := []string{".m.0000000.mecha-gpu-tmp", ".m.0000000g.mecha-gpu-tmp", ".m.000000000.mecha-gpu-tmp", ".m.00000000.tmp",
		".n.00000000.mecha-gpu-tmp", "m.00000000.mecha-gpu-tmp", ".m.x.00000000.mecha-gpu-tmp"}
	for _, n := range slices.Concat(stale, others) {
		put(t, fsys, "/"+n, "x")
	}
	locked := ".m.11111111.mecha-gpu-tmp"
	f, err := fsys.Create("/"+locked, 0o666)
	check(t, err)
	check(t, f.Lock())
	check(t, write(t.Context(), fsys, "/m", l, data, nil))
	left, err := fsys.List("/")
	check(t, err)
	want := append(others, locked, "m")
	slices.Sort(want)
	if !slices.Equal(left, want) {
		t.Errorf("files %q, want %q", left, want)
	}
	check(t, f.Close()) // its run is killed
	check(t, write(t.Context(), fsys, "/m", l, data, nil))
	if _, err := fsys.Stat("/" + locked); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the unlocked temp file is still there (%v)", err)
	}
}

func TestARunLeavesTheTempFileOfAnother(t *testing.T) {
	l, data := small(t)
	fsys := vfs.NewMem()
	first := safetensors.Create(fsys, "/m", safetensors.Options{})
	check(t, first.Begin(t.Context(), l))
	check(t, first.WriteAt(data, 0))
	check(t, write(t.Context(), fsys, "/m", l, []byte("xxyyyz"), nil))
	check(t, first.Commit(t.Context(), nil))
	if got := get(t, fsys, "/m"); !strings.HasSuffix(got, string(data)) || names(t, fsys, "/") != "m" {
		t.Errorf("file %q, files %q", got, names(t, fsys, "/"))
	}
}
