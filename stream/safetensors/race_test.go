package safetensors_test

import (
	"io/fs"
	"strings"
	"testing"

	"github.com/mecha-gpu/mecha-gpu/stream/safetensors"
	"github.com/mecha-gpu/mecha-gpu/stream/vfs"
)

// meddling lets another run act right after a temp file was made, before it is locked.
type meddling struct {
	*vfs.Mem
	times int
	act   func(temp string)
}

func (m *meddling) Create(path string, perm fs.FileMode) (vfs.File, error) {
	f, err := m.Mem.Create(path, perm)
	if m.times > 0 {
		m.times--
		m.act(path)
	}
	return f, err
}

// A run that looks for temp files left behind may find one that is not locked yet.
func TestATempFileThatAnotherRunTookIsMadeAnew(t *testing.T) {
	l, data := small(t)
	for _, locked := range []bool{false, true} {
		for _, removed := range []bool{false, true} {
			fsys := &meddling{Mem: vfs.NewMem(), times: 3}
			fsys.act = func(temp string) {
				f, err := fsys.Open(temp)
				check(t, err)
				if locked { // the other run is still at it
					check(t, f.Lock())
				}
				if removed {
					check(t, fsys.Remove(temp))
				}
			}
			check(t, write(t.Context(), fsys, "/m", l, data, nil))
			if got := names(t, fsys, "/"); got != "m" || !strings.HasSuffix(get(t, fsys, "/m"), string(data)) {
				t.Errorf("locked %v, removed %v: files %q", locked, removed, got)
			}
			if taken := locked || removed; taken && fsys.times != 0 {
				t.Errorf("locked %v, removed %v: %d tries left", locked, removed, fsys.times)
			}
		}
	}
}

func TestAFolderWhereEveryTempFileIsTakenIsAnError(t *testing.T) {
	l, data := small(t)
	fsys := &meddling{Mem: vfs.NewMem(), times: 1000}
	fsys.act = func(temp string) { check(t, fsys.Remove(temp)) }
	err := write(t.Context(), fsys, "/m", l, data, nil)
	if err == nil || !strings.Contains(err.Error(), "no temp file could be made") || names(t, fsys, "/") != "" {
		t.Errorf("error %v", err)
	}
}

// Many runs to one target at once: one of them wins, and nothing is left.
func TestRunsToOneTargetDoNotDisturbEachOther(t *testing.T) {
	unix(t)
	l, data := small(t)
	dir := t.TempDir()
	done := make(chan error)
	for range 8 {
		go func() {
			for range 5 {
				if err := write(t.Context(), vfs.OS{}, dir+"/m", l, data, nil); err != nil {
					done <- err
					return
				}
			}
			done <- nil
		}()
	}
	for range 8 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if got := names(t, vfs.OS{}, dir); got != "m" {
		t.Errorf("files %q", got)
	}
	src, err := safetensors.Open(t.Context(), vfs.OS{}, dir+"/m")
	check(t, err)
	check(t, src.Close())
}
