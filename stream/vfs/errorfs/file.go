package errorfs

import (
	"io/fs"

	"github.com/mecha-gpu/mecha-gpu/stream/vfs"
)

// file is an open file whose operations are counted.
type file struct {
	fs   *FS
	f    vfs.File
	path string
}

// chunk cuts p to what one call may move.
func (f *file) chunk(p []byte) []byte {
	if c := f.fs.plan.Chunk; c > 0 && len(p) > c {
		return p[:c]
	}
	return p
}

func (f *file) ReadAt(p []byte, off int64) (n int, err error) {
	p = f.chunk(p)
	err = f.fs.op(func() (err error) { n, err = f.f.ReadAt(p, off); return err }, "read %s %d+%d", f.path, off, len(p))
	return n, err
}

func (f *file) WriteAt(p []byte, off int64) (n int, err error) {
	p = f.chunk(p)
	err = f.fs.op(func() (err error) { n, err = f.f.WriteAt(p, off); return err }, "write %s %d+%d", f.path, off, len(p))
	return n, err
}

func (f *file) Sync() error { return f.fs.op(f.f.Sync, "sync %s", f.path) }

func (f *file) Truncate(size int64) error {
	return f.fs.op(func() error { return f.f.Truncate(size) }, "truncate %s %d", f.path, size)
}

func (f *file) Allocate(size int64) error {
	return f.fs.op(func() error { return f.f.Allocate(size) }, "allocate %s %d", f.path, size)
}

func (f *file) Lock() error { return f.fs.op(f.f.Lock, "lock %s", f.path) }

func (f *file) Chmod(perm fs.FileMode) error {
	return f.fs.op(func() error { return f.f.Chmod(perm) }, "chmod %s %o", f.path, perm)
}

func (f *file) Stat() (i vfs.Info, err error) {
	err = f.fs.op(func() (err error) { i, err = f.f.Stat(); return err }, "stat open %s", f.path)
	return i, err
}

// Close closes the file even where it is made to fail, as close(2) does: the file is
// closed, and what failed is known.
func (f *file) Close() error {
	closed := false
	err := f.fs.op(func() error { closed = true; return f.f.Close() }, "close %s", f.path)
	if err != nil && !closed {
		_ = f.f.Close() // only its planned failure is reported
	}
	return err
}
