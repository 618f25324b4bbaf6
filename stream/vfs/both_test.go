package vfs_test

import (
	"errors"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/mecha-gpu/mecha-gpu/stream/vfs"
)

// everyFS runs a test on the real file system and on the one in memory, in an empty
// folder, so that what is tested in memory holds in reality.
func everyFS(t *testing.T, test func(t *testing.T, fsys vfs.FS, dir string)) {
	t.Run("os", func(t *testing.T) { test(t, vfs.OS{}, t.TempDir()) })
	t.Run("mem", func(t *testing.T) {
		m := vfs.NewMem()
		check(t, m.MkdirAll("/dir", 0o777))
		test(t, m, "/dir")
	})
}

func put(t testing.TB, fsys vfs.FS, path, content string) {
	t.Helper()
	f, err := fsys.Create(path, 0o666)
	check(t, err)
	check(t, vfs.WriteFull(f, []byte(content), 0))
	check(t, f.Close())
}

func get(t testing.TB, fsys vfs.FS, path string) string {
	t.Helper()
	f, err := fsys.Open(path)
	check(t, err)
	info, err := f.Stat()
	check(t, err)
	p := make([]byte, info.Size)
	check(t, vfs.ReadFull(f, p, 0))
	check(t, f.Close())
	return string(p)
}

func TestFilesHoldWhatIsWritten(t *testing.T) {
	everyFS(t, func(t *testing.T, fsys vfs.FS, dir string) {
		f, err := fsys.Create(filepath.Join(dir, "f"), 0o666)
		check(t, err)
		check(t, f.Allocate(10))
		check(t, vfs.WriteFull(f, []byte("abc"), 8))
		check(t, f.Sync())
		check(t, fsys.SyncDir(dir))
		if got := get(t, fsys, filepath.Join(dir, "f")); got != "\x00\x00\x00\x00\x00\x00\x00\x00abc" {
			t.Errorf("content %q", got)
		}
		check(t, f.Truncate(9))
		p := make([]byte, 4)
		if n, err := f.ReadAt(p, 6); n != 3 || !errors.Is(err, io.EOF) || string(p[:3]) != "\x00\x00a" {
			t.Errorf("read %d bytes %q (%v)", n, p, err)
		}
		if n, err := f.ReadAt(p, 100); n != 0 || !errors.Is(err, io.EOF) {
			t.Errorf("read %d bytes behind the end (%v)", n, err)
		}
		check(t, f.Close())
		if f.Close() == nil {
			t.Error("the second Close did not fail")
		}
		if _, err := f.ReadAt(p, 0); !errors.Is(err, fs.ErrClosed) {
			t.Errorf("read of a closed file: %v", err)
		}
	})
}

func TestNamesFollowTheRules(t *testing.T) {
	everyFS(t, func(t *testing.T, fsys vfs.FS, dir string) {
		at := func(name string) string { return filepath.Join(dir, name) }
		put(t, fsys, at("a"), "A")
		put(t, fsys, at("b"), "B")
		if _, err := fsys.Create(at("a"), 0o666); !errors.Is(err, fs.ErrExist) {
			t.Errorf("creating what exists: %v", err)
		}
		for what, err := range map[string]error{
			"open":   second(fsys.Open(at("x"))),
			"stat":   second(fsys.Stat(at("x"))),
			"list":   second(fsys.List(at("x"))),
			"remove": fsys.Remove(at("x")),
			"rename": fsys.Rename(at("x"), at("y")),
			"create": second(fsys.Create(at("x/y"), 0o666)),
		} {
			if !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%s of what does not exist: %v", what, err)
			}
		}
		check(t, fsys.Rename(at("a"), at("b")))
		check(t, fsys.MkdirAll(at("d/e"), 0o777))
		check(t, fsys.MkdirAll(at("d/e"), 0o777))
		put(t, fsys, at("d/e/f"), "F")
		if names, err := fsys.List(dir); err != nil || !slices.Equal(names, []string{"b", "d"}) || get(t, fsys, at("b")) != "A" {
			t.Errorf("names %q (%v)", names, err)
		}
		if err := fsys.Remove(at("d/e")); !errors.Is(err, fs.ErrExist) {
			t.Errorf("removing a folder that is not empty: %v", err)
		}
		if fsys.MkdirAll(at("b/c"), 0o777) == nil || fsys.Rename(at("b"), at("d")) == nil {
			t.Error("a file was taken for a folder")
		}
		check(t, fsys.Remove(at("d/e/f")))
		check(t, fsys.Remove(at("d/e")))
		if info, err := fsys.Stat(at("d")); err != nil || !info.Mode.IsDir() {
			t.Errorf("folder %v (%v)", info, err)
		}
	})
}

func second[T any](_ T, err error) error { return err }

func TestInfoTellsFilesAndWritesApart(t *testing.T) {
	everyFS(t, func(t *testing.T, fsys vfs.FS, dir string) {
		at := func(name string) string { return filepath.Join(dir, name) }
		put(t, fsys, at("b"), "A")
		f, err := fsys.Create(at("a"), 0o666)
		check(t, err)
		check(t, vfs.WriteFull(f, []byte("A"), 0))
		before, err := f.Stat()
		check(t, err)
		if named, err := fsys.Stat(at("a")); err != nil || !before.Unchanged(named) || named.Size != 1 {
			t.Errorf("open %v, named %v (%v)", before, named, err)
		}
		if other, err := fsys.Stat(at("b")); err != nil || before.SameFile(other) {
			t.Errorf("two files are one: %v (%v)", other, err)
		}
		check(t, f.Truncate(2))
		if now, err := fsys.Stat(at("a")); err != nil || before.Unchanged(now) || !before.SameFile(now) {
			t.Errorf("a longer file is unchanged: %v (%v)", now, err)
		}
		check(t, f.Chmod(0o400))
		if now, err := f.Stat(); err != nil || now.Mode.Perm()&0o222 != 0 {
			t.Errorf("mode %v (%v)", now.Mode, err)
		}
		check(t, fsys.Rename(at("b"), at("a")))
		if now, err := fsys.Stat(at("a")); err != nil || before.SameFile(now) {
			t.Errorf("a replaced file is the same: %v (%v)", now, err)
		}
		if now, err := f.Stat(); err != nil || !before.SameFile(now) {
			t.Errorf("an open file became another: %v (%v)", now, err)
		}
	})
}

func TestLocksExcludeOthersUntilClose(t *testing.T) {
	everyFS(t, func(t *testing.T, fsys vfs.FS, dir string) {
		path := filepath.Join(dir, "f")
		first, err := fsys.Create(path, 0o666)
		check(t, err)
		other, err := fsys.Open(path)
		check(t, err)
		check(t, first.Lock())
		check(t, first.Lock())
		if err := other.Lock(); !errors.Is(err, vfs.ErrLocked) {
			t.Errorf("the lock was given twice (%v)", err)
		}
		check(t, vfs.WriteFull(first, []byte("x"), 0)) // a lock keeps nobody from reading
		check(t, vfs.ReadFull(other, make([]byte, 1), 0))
		check(t, first.Close())
		check(t, other.Lock())
		check(t, other.Close())
	})
}

func TestFreeSpaceIsKnown(t *testing.T) {
	everyFS(t, func(t *testing.T, fsys vfs.FS, dir string) {
		if free, err := fsys.Free(dir); err != nil || free <= 0 {
			t.Errorf("%d bytes free (%v)", free, err)
		}
		if _, err := fsys.Free(filepath.Join(dir, "absent")); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("of an absent folder: %v", err)
		}
	})
	m := vfs.NewMem()
	if free, err := m.Free("/"); err != nil || free != math.MaxInt64 {
		t.Errorf("%d bytes free (%v)", free, err)
	}
	put(t, m, "/f", "abc")
	m.SetCapacity(5)
	if free, err := m.Free("/"); err != nil || free != 2 {
		t.Errorf("%d bytes free (%v)", free, err)
	}
	f, err := m.Create("/g", 0o666)
	check(t, err)
	for _, err := range []error{f.Allocate(3), vfs.WriteFull(f, []byte("xyz"), 0), vfs.WriteFull(f, []byte("x"), 2)} {
		if !vfs.IsNoSpace(err) {
			t.Errorf("beyond the capacity: %v", err)
		}
	}
	check(t, vfs.WriteFull(f, []byte("xy"), 0))
	check(t, m.Remove("/f"))
	check(t, f.Truncate(5))
}

func TestAllocateReservesOrOnlySizes(t *testing.T) {
	f, err := vfs.OS{}.Create(filepath.Join(t.TempDir(), "f"), 0o666)
	check(t, err)
	defer f.Close()
	for _, size := range []int64{0, 1 << 20} {
		check(t, f.Allocate(size))
		if info, err := f.Stat(); err != nil || info.Size != size {
			t.Errorf("size %d, want %d (%v)", info.Size, size, err)
		}
	}
	if err := f.Allocate(1 << 60); err == nil {
		t.Error("2^60 bytes were allocated")
	}
}

func TestResolveFollowsLinks(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	check(t, err)
	at := func(name string) string { return filepath.Join(dir, name) }
	check(t, os.MkdirAll(at("x/y"), 0o777))
	if err := os.Symlink("x/y", at("folder")); err != nil {
		t.Skip("no symbolic links here")
	}
	check(t, os.Symlink("../target", at("x/y/relative")))
	check(t, os.Symlink(at("x/y/relative"), at("absolute")))
	check(t, os.Symlink("self", at("self")))
	for path, want := range map[string]string{
		"absent":          at("absent"),
		"absolute":        at("x/target"),
		"folder/relative": at("x/target"), // not at("target"): .. is of the real folder
		"folder":          at("x/y"),
		"folder/absent":   at("folder/absent"),
	} {
		if got, err := (vfs.OS{}).Resolve(at(path)); err != nil || got != want {
			t.Errorf("%s leads to %s, want %s (%v)", path, got, want, err)
		}
	}
	if got, err := (vfs.OS{}).Resolve(at("self")); err == nil {
		t.Errorf("a loop leads to %s", got)
	}
}
