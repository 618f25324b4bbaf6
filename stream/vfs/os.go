package vfs

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// OS is the file system of the machine.
type OS struct{}

var _ FS = OS{}

// CloseBeforeRename says that this system cannot rename a file that is open, so that
// a lock on it ends before it has its final name.
const CloseBeforeRename = closeBeforeRename

// MaxOpenFiles returns how many files the system lets the process have open at a time, standard
// streams included; MaxInt if there is no such limit.
func MaxOpenFiles() int { return maxOpenFiles() }

// maxLinks is how many symbolic links Resolve follows; Linux follows 40
// (path_resolution(7)).
const maxLinks = 40

// Open opens an existing file for reading.
func (OS) Open(path string) (File, error) { return wrap(os.Open(path)) }

// Create makes a new file for reading and writing.
func (OS) Create(path string, perm fs.FileMode) (File, error) {
	return wrap(os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, perm))
}

// Rename gives a file another name.
func (OS) Rename(oldpath, newpath string) error { return os.Rename(oldpath, newpath) }

// Remove removes a file or an empty folder.
func (OS) Remove(path string) error { return os.Remove(path) }

// MkdirAll makes a folder and the folders it is in.
func (OS) MkdirAll(path string, perm fs.FileMode) error { return os.MkdirAll(path, perm) }

// SyncDir makes the names in a folder durable.
func (OS) SyncDir(path string) error { return syncDir(path) }

// Stat describes a file or folder.
func (OS) Stat(path string) (Info, error) { return statPath(path) }

// List returns the names in a folder.
func (OS) List(path string) ([]string, error) {
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, err
	}
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.Name()
	}
	return names, nil
}

// Resolve follows path while it is a symbolic link. The folder of a link is resolved
// first, because ".." in a link means the parent of the real folder.
func (OS) Resolve(path string) (string, error) {
	for range maxLinks {
		info, err := os.Lstat(path)
		if err != nil || info.Mode()&fs.ModeSymlink == 0 {
			return path, nil // a path that cannot be examined fails when it is used
		}
		target, err := os.Readlink(path)
		if err != nil {
			return "", err
		}
		if filepath.IsAbs(target) {
			path = target
			continue
		}
		dir, err := filepath.EvalSymlinks(filepath.Dir(path))
		if err != nil {
			return "", err
		}
		path = filepath.Join(dir, target)
	}
	return "", &fs.PathError{Op: "resolve", Path: path, Err: fmt.Errorf("more than %d symbolic links", maxLinks)}
}

// Free returns the bytes that can still be written.
func (OS) Free(path string) (int64, error) { return freeBytes(path) }

// osFile is a file of the machine. Its ReadAt and WriteAt are those of os.File, which
// continue short transfers themselves.
type osFile struct{ *os.File }

func wrap(f *os.File, err error) (File, error) {
	if err != nil {
		return nil, err
	}
	return osFile{f}, nil
}

func (f osFile) Allocate(size int64) error { return allocate(f.File, size) }
func (f osFile) Lock() error               { return lock(f.File) }
func (f osFile) Stat() (Info, error)       { return statFile(f.File) }
