package vfs

import (
	"errors"
	"io"
	"io/fs"
)

// memFile is an open file of a Mem.
type memFile struct {
	fs       *Mem
	node     *node
	path     string
	cuts     int // power cuts when it was opened
	writable bool
	closed   bool
}

// do runs fn on the node under the lock of the file system.
func (f *memFile) do(op string, fn func(n *node) error) error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	var err error
	switch {
	case f.closed:
		err = fs.ErrClosed
	case f.cuts != f.fs.cuts:
		err = ErrPowerCut
	default:
		err = fn(f.node)
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return pathError(op, f.path, err)
	}
	return err
}

// write is do for changes of the content.
func (f *memFile) write(op string, fn func(n *node) error) error {
	return f.do(op, func(n *node) error {
		if !f.writable {
			return fs.ErrPermission
		}
		err := fn(n)
		n.mtime = f.fs.tick()
		return err
	})
}

func (f *memFile) ReadAt(p []byte, off int64) (count int, err error) {
	err = f.do("read", func(n *node) error {
		if off < 0 || n.mode.IsDir() {
			return fs.ErrInvalid
		}
		if off < int64(len(n.data)) {
			count = copy(p, n.data[off:])
		}
		if count < len(p) {
			return io.EOF
		}
		return nil
	})
	return count, err
}

func (f *memFile) WriteAt(p []byte, off int64) (count int, err error) {
	err = f.write("write", func(n *node) error {
		if off < 0 {
			return fs.ErrInvalid
		}
		if err := f.fs.grow(n, off+int64(len(p))); err != nil {
			return err
		}
		count = copy(n.data[off:], p)
		return nil
	})
	return count, err
}

// grow makes the file at least size bytes large.
func (m *Mem) grow(n *node, size int64) error {
	more := size - int64(len(n.data))
	if more <= 0 {
		return nil
	}
	if more > m.free() {
		return ErrNoSpace
	}
	n.data = append(n.data, make([]byte, more)...)
	return nil
}

func (f *memFile) Truncate(size int64) error {
	return f.write("truncate", func(n *node) error {
		if size < 0 {
			return fs.ErrInvalid
		}
		if size < int64(len(n.data)) {
			n.data = n.data[:size:size]
			return nil
		}
		return f.fs.grow(n, size)
	})
}

func (f *memFile) Allocate(size int64) error { return f.Truncate(size) }

func (f *memFile) Sync() error {
	return f.do("sync", func(n *node) error {
		n.durable = append([]byte(nil), n.data...)
		return nil
	})
}

func (f *memFile) Lock() error {
	return f.do("lock", func(n *node) error {
		if n.locked != nil && n.locked != f {
			return ErrLocked
		}
		n.locked = f
		return nil
	})
}

func (f *memFile) Chmod(perm fs.FileMode) error {
	return f.do("chmod", func(n *node) error {
		n.mode = n.mode&^fs.ModePerm | perm.Perm()
		return nil
	})
}

func (f *memFile) Stat() (i Info, err error) {
	err = f.do("stat", func(n *node) error { i = n.info(); return nil })
	return i, err
}

// Close closes the file and ends its lock.
func (f *memFile) Close() error {
	return f.do("close", func(n *node) error {
		f.closed = true
		if n.locked == f {
			n.locked = nil
		}
		return nil
	})
}
