package vfs

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
)

// MaxIO is the largest number of bytes that Linux moves in one read or write call
// (read(2), NOTES: 0x7ffff000). ReadFull and WriteFull never ask for more.
const MaxIO = 0x7ffff000

// Errors of this package. Missing and existing files are fs.ErrNotExist and
// fs.ErrExist as in package os.
var (
	// ErrLocked says that another process, or another open file, holds the lock.
	ErrLocked = errors.New("file is locked")

	// ErrNoSpace says that the file system is full. Use IsNoSpace to test for it:
	// the real system has its own error value.
	ErrNoSpace = errors.New("no space left")

	// ErrPowerCut is what handles that were opened before a power cut return.
	ErrPowerCut = errors.New("file was open when the power was cut")
)

// FS is a file system. Paths have the form of the real system's. All methods may be
// called from any goroutine.
type FS interface {
	// Open opens an existing file for reading.
	Open(path string) (File, error)

	// Create makes a new file for reading and writing, with the given permissions
	// less the umask. It fails with fs.ErrExist if the path exists.
	Create(path string, perm fs.FileMode) (File, error)

	// Rename gives a file another name and replaces a file that has it.
	Rename(oldpath, newpath string) error

	// Remove removes a file, or a folder that is empty.
	Remove(path string) error

	// MkdirAll makes a folder and the folders it is in, if they are missing.
	MkdirAll(path string, perm fs.FileMode) error

	// SyncDir makes the names in a folder durable. It does nothing on Windows, which
	// has no such call.
	SyncDir(path string) error

	// Stat describes a file or folder; symbolic links are followed.
	Stat(path string) (Info, error)

	// List returns the names in a folder in ascending order of their bytes.
	List(path string) ([]string, error)

	// Resolve follows the path while it is a symbolic link, and returns what it
	// leads to. The last element need not exist.
	Resolve(path string) (string, error)

	// Free returns the number of bytes that this user can still write to the file
	// system that holds path, and math.MaxInt64 if that is unknown.
	Free(path string) (int64, error)
}

// File is an open file. ReadAt, WriteAt and Stat may be called from any goroutine.
type File interface {
	io.ReaderAt
	io.WriterAt
	io.Closer

	// Sync makes the file's bytes and size durable.
	Sync() error

	// Truncate sets the size; new bytes are zero.
	Truncate(size int64) error

	// Allocate makes the file size bytes large and reserves the space where the
	// system can do that; otherwise it is Truncate.
	Allocate(size int64) error

	// Lock takes the exclusive lock without waiting: ErrLocked if it is held
	// elsewhere, errors.ErrUnsupported if the file system has no locks.
	Lock() error

	// Chmod sets the permissions; the umask does not apply.
	Chmod(perm fs.FileMode) error

	// Stat describes the open file, whatever its name is now.
	Stat() (Info, error)
}

// Info describes a file. Two Infos that are equal (==) are taken to be the same file
// with the same content.
type Info struct {
	Device  uint64
	Inode   uint64
	Size    int64 // bytes
	ModTime int64 // nanoseconds since 1970
	Mode    fs.FileMode
}

// SameFile reports whether a and b are the same file, perhaps with other content.
func (a Info) SameFile(b Info) bool { return a.Device == b.Device && a.Inode == b.Inode }

// Unchanged reports whether b is the same file as a with the same size and time of
// modification. Permissions may differ.
func (a Info) Unchanged(b Info) bool {
	return a.SameFile(b) && a.Size == b.Size && a.ModTime == b.ModTime
}

// ReadFull fills p with the bytes at off. Reads that return less than they were asked
// for are continued; a file that ends too early is io.ErrUnexpectedEOF.
func ReadFull(r io.ReaderAt, p []byte, off int64) error {
	for len(p) > 0 {
		n, err := r.ReadAt(p[:min(len(p), MaxIO)], off)
		if n < 0 || n > len(p) {
			return fmt.Errorf("read of %d bytes returned %d", len(p), n)
		}
		p, off = p[n:], off+int64(n)
		switch {
		case len(p) == 0 && (err == nil || errors.Is(err, io.EOF)):
			return nil // io.EOF beside the last byte is no failure
		case errors.Is(err, io.EOF):
			return io.ErrUnexpectedEOF
		case err != nil:
			return err
		case n == 0:
			return io.ErrNoProgress
		}
	}
	return nil
}

// WriteFull writes all of p at off, in as many calls as that takes.
func WriteFull(w io.WriterAt, p []byte, off int64) error {
	for len(p) > 0 {
		n, err := w.WriteAt(p[:min(len(p), MaxIO)], off)
		if n < 0 || n > len(p) {
			return fmt.Errorf("write of %d bytes returned %d", len(p), n)
		}
		p, off = p[n:], off+int64(n)
		switch {
		case err != nil:
			return err
		case n == 0:
			return io.ErrShortWrite
		}
	}
	return nil
}
