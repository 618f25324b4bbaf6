package errorfs_test

import (
	"errors"
	"testing"

	"github.com/mecha-gpu/mecha-gpu/stream/vfs"
	"github.com/mecha-gpu/mecha-gpu/stream/vfs/errorfs"
)

var errTest = errors.New("test")

// work does every operation once and returns the error of each.
func work(fsys vfs.FS) []error {
	var errs []error
	note := func(err error) { errs = append(errs, err) }
	note(fsys.MkdirAll("/d", 0o777))
	f, err := fsys.Create("/d/a", 0o666)
	note(err)
	if err == nil {
		_, err = f.WriteAt([]byte("abc"), 0)
		note(err)
		_, err = f.ReadAt(make([]byte, 3), 0)
		note(err)
		note(f.Lock())
		note(f.Chmod(0o600))
		note(f.Allocate(5))
		note(f.Truncate(4))
		_, err = f.Stat()
		note(err)
		note(f.Sync())
		note(f.Close())
	}
	note(fsys.Rename("/d/a", "/d/b"))
	_, err = fsys.Stat("/d/b")
	note(err)
	_, err = fsys.List("/d")
	note(err)
	_, err = fsys.Resolve("/d/b")
	note(err)
	_, err = fsys.Free("/d")
	note(err)
	note(fsys.SyncDir("/d"))
	g, err := fsys.Open("/d/b")
	note(err)
	if err == nil {
		note(g.Close())
	}
	note(fsys.Remove("/d/b"))
	return errs
}

func TestEveryOperationIsCountedAndCanFail(t *testing.T) {
	all := errorfs.New(vfs.NewMem(), errorfs.Plan{At: -1})
	for i, err := range work(all) {
		if err != nil {
			t.Fatalf("operation %d: %v", i, err)
		}
	}
	if all.Count() != 20 || all.Op(0) != "mkdir /d" || all.Op(10) != "close /d/a" || all.Op(20) != "" {
		t.Errorf("%d operations, the first %q, the tenth %q", all.Count(), all.Op(0), all.Op(10))
	}
	for i := range all.Count() {
		for _, after := range []bool{false, true} {
			fsys := errorfs.New(vfs.NewMem(), errorfs.Plan{At: i, Err: errTest, After: after})
			failed := 0
			for at, err := range work(fsys) {
				if errors.Is(err, errTest) {
					failed++
					if int64(at) != i {
						t.Errorf("operation %d failed instead of %d", at, i)
					}
				}
			}
			if failed != 1 {
				t.Errorf("%s: %d failures", all.Op(i), failed)
			}
		}
	}
}

func TestAfterMeansThatItTookEffect(t *testing.T) {
	for _, after := range []bool{false, true} {
		m := vfs.NewMem()
		fsys := errorfs.New(m, errorfs.Plan{At: 0, Err: errTest, After: after})
		if err := fsys.MkdirAll("/d", 0o777); !errors.Is(err, errTest) {
			t.Errorf("error %v", err)
		}
		if _, err := m.Stat("/d"); (err == nil) != after {
			t.Errorf("after %v: %v", after, err)
		}
	}
}

func TestACutStopsEverything(t *testing.T) {
	m := vfs.NewMem()
	cuts := 0
	fsys := errorfs.New(m, errorfs.Plan{At: 2, Cut: func() { cuts++; m.PowerCut(0) }})
	errs := work(fsys)
	for i, err := range errs {
		if (err != nil) != (i >= 2) || i > 2 && !errors.Is(err, errorfs.ErrOff) {
			t.Errorf("operation %d: %v", i, err)
		}
	}
	if names, err := m.List("/"); cuts != 1 || err != nil || len(names) != 0 {
		t.Errorf("%d cuts, names %q (%v)", cuts, names, err)
	}
}

func TestRestFailsWithTheSameError(t *testing.T) {
	fsys := errorfs.New(vfs.NewMem(), errorfs.Plan{At: 3, Err: errTest, Rest: true})
	for i, err := range work(fsys) {
		if errors.Is(err, errTest) != (i >= 3) {
			t.Errorf("operation %d: %v", i, err)
		}
	}
}

func TestChunksMakeTransfersShort(t *testing.T) {
	fsys := errorfs.New(vfs.NewMem(), errorfs.Plan{At: -1, Chunk: 2})
	f, err := fsys.Create("/f", 0o666)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := f.WriteAt([]byte("abc"), 0); n != 2 || err != nil {
		t.Errorf("wrote %d bytes (%v)", n, err)
	}
	if n, err := f.ReadAt(make([]byte, 3), 0); n != 2 || err != nil {
		t.Errorf("read %d bytes (%v)", n, err)
	}
}

// A file whose Close is made to fail is closed all the same, as by the real system.
func TestAFailedCloseCloses(t *testing.T) {
	m := vfs.NewMem()
	fsys := errorfs.New(m, errorfs.Plan{At: 2, Err: errTest})
	f, err := fsys.Create("/f", 0o666)
	if err != nil || f.Lock() != nil {
		t.Fatal("no lock")
	}
	if err := f.Close(); !errors.Is(err, errTest) {
		t.Errorf("error %v", err)
	}
	g, err := m.Open("/f")
	if err != nil || g.Lock() != nil {
		t.Error("the lock is still held")
	}
}
