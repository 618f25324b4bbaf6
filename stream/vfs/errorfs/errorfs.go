// Package errorfs wraps a file system and makes its operation number i fail, so that
// a test can go through every way in which a sequence of operations can break off.
//
// Glossary:
//
//   - operation: one call of a method of vfs.FS or vfs.File, also Close. Operations
//     are counted from 0 over the whole file system.
//   - [Plan]: which operation fails, and how.
//
// Example: fail every operation in turn.
//
//	for i := int64(0); ; i++ {
//		fsys := errorfs.New(vfs.NewMem(), errorfs.Plan{At: i, Err: errTest})
//		err := work(fsys)
//		if fsys.Count() <= i {
//			break // work has no operation i: all were tried
//		}
//		// check what work left behind
//	}
//
// The package does not fail at random and does not delay operations.
package errorfs

import (
	"errors"
	"fmt"
	"io/fs"
	"sync"

	"github.com/mecha-gpu/mecha-gpu/stream/vfs"
)

// ErrOff is what operations after a power cut return.
var ErrOff = errors.New("the power is off")

// Plan says which operation fails. The zero Plan fails the first one; with a negative
// At nothing fails.
type Plan struct {
	At    int64  // number of the operation that fails
	Err   error  // what it returns, wrapped; nil: "injected failure"
	After bool   // it takes effect all the same, and then fails
	Rest  bool   // the operations after it fail as well, without effect
	Cut   func() // called once at the failure (Mem.PowerCut); implies Rest
	Chunk int    // if positive, reads and writes move at most this many bytes a call
}

// FS is a file system that fails as planned. It may be used from any goroutine.
type FS struct {
	fs   vfs.FS
	plan Plan

	mu    sync.Mutex
	trace []string
}

var _ vfs.FS = (*FS)(nil)

// New wraps fsys.
func New(fsys vfs.FS, p Plan) *FS {
	if p.Err == nil {
		p.Err = errors.New("injected failure")
	}
	return &FS{fs: fsys, plan: p}
}

// Count returns the number of operations so far.
func (f *FS) Count() int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return int64(len(f.trace))
}

// Op returns what operation i was, such as "rename /a /b", and "" if there was none.
func (f *FS) Op(i int64) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	if i < 0 || i >= int64(len(f.trace)) {
		return ""
	}
	return f.trace[i]
}

// op counts an operation and runs it, unless it is to fail.
func (f *FS) op(fn func() error, format string, args ...any) error {
	i := f.count(fmt.Sprintf(format, args...))
	switch {
	case f.plan.At < 0 || i < f.plan.At:
		return fn()
	case i > f.plan.At && f.plan.Cut != nil:
		return ErrOff
	case i > f.plan.At && f.plan.Rest:
		return f.plan.Err
	case i > f.plan.At:
		return fn()
	}
	if f.plan.After {
		_ = fn() // whether or not it succeeds, it now fails as planned
	}
	if f.plan.Cut != nil {
		f.plan.Cut()
	}
	return fmt.Errorf("operation %d (%s): %w", i, f.Op(i), f.plan.Err)
}

func (f *FS) count(what string) int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.trace = append(f.trace, what)
	return int64(len(f.trace) - 1)
}

// Open is vfs.FS.Open.
func (f *FS) Open(path string) (file vfs.File, err error) {
	err = f.op(func() (err error) { file, err = f.fs.Open(path); return err }, "open %s", path)
	return f.wrap(file, path, err)
}

// Create is vfs.FS.Create.
func (f *FS) Create(path string, perm fs.FileMode) (file vfs.File, err error) {
	err = f.op(func() (err error) { file, err = f.fs.Create(path, perm); return err }, "create %s", path)
	return f.wrap(file, path, err)
}

// wrap returns the file, or closes it if its opening was made to fail afterwards.
func (f *FS) wrap(inner vfs.File, path string, err error) (vfs.File, error) {
	if err != nil {
		if inner != nil {
			err = errors.Join(err, inner.Close())
		}
		return nil, err
	}
	return &file{fs: f, f: inner, path: path}, nil
}

// Rename is vfs.FS.Rename.
func (f *FS) Rename(oldpath, newpath string) error {
	return f.op(func() error { return f.fs.Rename(oldpath, newpath) }, "rename %s %s", oldpath, newpath)
}

// Remove is vfs.FS.Remove.
func (f *FS) Remove(path string) error {
	return f.op(func() error { return f.fs.Remove(path) }, "remove %s", path)
}

// MkdirAll is vfs.FS.MkdirAll.
func (f *FS) MkdirAll(path string, perm fs.FileMode) error {
	return f.op(func() error { return f.fs.MkdirAll(path, perm) }, "mkdir %s", path)
}

// SyncDir is vfs.FS.SyncDir.
func (f *FS) SyncDir(path string) error {
	return f.op(func() error { return f.fs.SyncDir(path) }, "syncdir %s", path)
}

// Stat is vfs.FS.Stat.
func (f *FS) Stat(path string) (i vfs.Info, err error) {
	err = f.op(func() (err error) { i, err = f.fs.Stat(path); return err }, "stat %s", path)
	return i, err
}

// List is vfs.FS.List.
func (f *FS) List(path string) (names []string, err error) {
	err = f.op(func() (err error) { names, err = f.fs.List(path); return err }, "list %s", path)
	return names, err
}

// Resolve is vfs.FS.Resolve.
func (f *FS) Resolve(path string) (p string, err error) {
	err = f.op(func() (err error) { p, err = f.fs.Resolve(path); return err }, "resolve %s", path)
	return p, err
}

// Free is vfs.FS.Free.
func (f *FS) Free(path string) (n int64, err error) {
	err = f.op(func() (err error) { n, err = f.fs.Free(path); return err }, "free %s", path)
	return n, err
}
