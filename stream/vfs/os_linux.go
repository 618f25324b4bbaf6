package vfs

import (
	"errors"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// allocate reserves blocks with fallocate, so that a full disk shows before work
// starts. File systems without it (NFS before 4.2, some in user space) only get the
// size.
func allocate(f *os.File, size int64) error {
	if size <= 0 {
		return f.Truncate(size)
	}
	err := control(f, func(fd int) error { return unix.Fallocate(fd, 0, 0, size) })
	switch {
	case errors.Is(err, unix.EOPNOTSUPP), errors.Is(err, unix.ENOSYS):
		return f.Truncate(size)
	case err != nil:
		return &fs.PathError{Op: "fallocate", Path: f.Name(), Err: err}
	}
	return nil
}

// blockSize returns the unit of the block counts: the fragment size (statfs(2)).
func blockSize(st *unix.Statfs_t) uint64 {
	if st.Frsize > 0 {
		return uint64(st.Frsize)
	}
	return uint64(st.Bsize)
}
