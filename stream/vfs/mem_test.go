package vfs_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/mecha-gpu/mecha-gpu/stream/vfs"
)

// state lists all files of the root folder with their content.
func state(t testing.TB, m *vfs.Mem) string {
	t.Helper()
	names, err := m.List("/")
	check(t, err)
	var b strings.Builder
	for _, n := range names {
		fmt.Fprintf(&b, "%s=%s ", n, get(t, m, "/"+n))
	}
	return strings.TrimSpace(b.String())
}

// publish is what a careful program does to replace /m by "new"; it stops after n steps.
func publish(t testing.TB, m *vfs.Mem, n int) {
	t.Helper()
	var f vfs.File
	steps := []func() error{
		func() (err error) { f, err = m.Create("/tmp", 0o666); return err },
		func() error { return vfs.WriteFull(f, []byte("new"), 0) },
		func() error { return f.Sync() },
		func() error { return f.Close() },
		func() error { return m.Rename("/tmp", "/m") },
		func() error { return m.SyncDir("/") },
	}
	for _, step := range steps[:n] {
		check(t, step())
	}
}

func withOld(t testing.TB) *vfs.Mem {
	t.Helper()
	m := vfs.NewMem()
	f, err := m.Create("/m", 0o666)
	check(t, err)
	check(t, vfs.WriteFull(f, []byte("old"), 0))
	check(t, f.Sync())
	check(t, m.SyncDir("/"))
	return m
}

func TestOnlyWhatIsSyncedSurvivesForSure(t *testing.T) {
	for n := range 7 {
		m := withOld(t)
		publish(t, m, n)
		m.PowerCut(0)
		want := "m=old"
		if n == 6 {
			want = "m=new"
		}
		if got := state(t, m); got != want {
			t.Errorf("after %d steps: %q, want %q", n, got, want)
		}
	}
}

// What is not synced may survive, and every combination turns up that a disk allows.
func TestWhatIsNotSyncedMaySurvive(t *testing.T) {
	want := []string{
		"m=old",
		"m=old|m=old tmp=",
		"m=old|m=old tmp=|m=old tmp=new|m=old tmp=\x00\x00\x00",
		"m=old|m=old tmp=new",
		"m=old|m=old tmp=new",
		"m=old|m=old tmp=new|m=new",
		"m=new",
	}
	for n := range 7 {
		seen := map[string]bool{}
		for seed := uint64(1); seed < 200; seed++ {
			m := withOld(t)
			publish(t, m, n)
			m.PowerCut(seed)
			seen[state(t, m)] = true
		}
		for _, w := range strings.Split(want[n], "|") {
			if !seen[w] {
				t.Errorf("after %d steps: %q was never seen", n, w)
			}
			delete(seen, w)
		}
		if len(seen) > 0 {
			t.Errorf("after %d steps: %v cannot be", n, seen)
		}
	}
}

// A rename without syncing the bytes first gives a torn file: the mistake that the
// file system in memory is there to find.
func TestAFileThatWasNotSyncedIsTorn(t *testing.T) {
	seen := map[string]bool{}
	for seed := range uint64(100) {
		m := withOld(t)
		f, err := m.Create("/tmp", 0o666)
		check(t, err)
		check(t, vfs.WriteFull(f, []byte(strings.Repeat("a", 512)+strings.Repeat("b", 512)), 0))
		check(t, m.Rename("/tmp", "/m"))
		check(t, m.SyncDir("/"))
		m.PowerCut(seed)
		got := get(t, m, "/m")
		seen[fmt.Sprint(len(got), strings.Count(got, "a"), strings.Count(got, "b"))] = true
	}
	for _, want := range []string{"0 0 0", "1024 0 0", "1024 512 0", "1024 0 512", "1024 512 512"} {
		if !seen[want] {
			t.Errorf("size, a, b = %s was never seen", want)
		}
	}
	if len(seen) != 5 {
		t.Errorf("seen %v", seen)
	}
}

func TestAPowerCutEndsHandlesAndLocks(t *testing.T) {
	m := withOld(t)
	f, err := m.Open("/m")
	check(t, err)
	check(t, f.Lock())
	m.PowerCut(0)
	if _, err := f.ReadAt(make([]byte, 1), 0); !errors.Is(err, vfs.ErrPowerCut) {
		t.Errorf("read: %v", err)
	}
	if err := f.Close(); !errors.Is(err, vfs.ErrPowerCut) {
		t.Errorf("close: %v", err)
	}
	again, err := m.Open("/m")
	check(t, err)
	check(t, again.Lock())
}

func TestAFileOpenForReadingCannotBeWritten(t *testing.T) {
	m := withOld(t)
	f, err := m.Open("/m")
	check(t, err)
	if vfs.WriteFull(f, []byte("x"), 0) == nil || f.Truncate(0) == nil {
		t.Error("it was written")
	}
}

func TestFoldersNeedTheirParentsSynced(t *testing.T) {
	m := vfs.NewMem()
	check(t, m.MkdirAll("/a/b", 0o777))
	put(t, m, "/a/b/f", "x")
	f, err := m.Open("/a/b/f")
	check(t, err)
	check(t, f.Sync())
	check(t, m.SyncDir("/a/b"))
	check(t, m.SyncDir("/a"))
	check(t, m.SyncDir("/"))
	m.PowerCut(0)
	if get(t, m, "/a/b/f") != "x" {
		t.Error("the file is lost")
	}
	check(t, m.MkdirAll("/c/d", 0o777))
	check(t, m.SyncDir("/c"))
	m.PowerCut(0)
	if names, err := m.List("/"); err != nil || len(names) != 1 {
		t.Errorf("names %q (%v)", names, err)
	}
}
