//go:build linux || darwin

package vfs

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"math/bits"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

const closeBeforeRename = false

// IsNoSpace reports whether err says that a file system, or a quota on it, is full.
func IsNoSpace(err error) bool {
	return errors.Is(err, ErrNoSpace) || errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT)
}

func maxOpenFiles() int {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return math.MaxInt
	}
	return int(min(limit.Cur, math.MaxInt))
}

// syncDir opens the folder and syncs it. Some file systems cannot sync folders and
// say so with EINVAL or ENOTSUP; their renames are as durable as they get.
func syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	err = d.Sync()
	if errors.Is(err, unix.EINVAL) || errors.Is(err, errors.ErrUnsupported) {
		err = nil
	}
	return errors.Join(err, d.Close())
}

func statPath(path string) (Info, error) {
	i, err := os.Stat(path)
	if err != nil {
		return Info{}, err
	}
	return info(i)
}

func statFile(f *os.File) (Info, error) {
	i, err := f.Stat()
	if err != nil {
		return Info{}, err
	}
	return info(i)
}

func info(i fs.FileInfo) (Info, error) {
	st, ok := i.Sys().(*syscall.Stat_t)
	if !ok {
		return Info{}, fmt.Errorf("stat of %s has no device and inode", i.Name())
	}
	return Info{Device: uint64(st.Dev), Inode: st.Ino, Size: i.Size(), ModTime: i.ModTime().UnixNano(), Mode: i.Mode()}, nil
}

// freeBytes asks statfs. File systems without a size (some in user space) report no
// blocks at all.
func freeBytes(path string) (int64, error) {
	var st unix.Statfs_t
	if err := ignoringEINTR(func() error { return unix.Statfs(path, &st) }); err != nil {
		return 0, &fs.PathError{Op: "statfs", Path: path, Err: err}
	}
	if st.Blocks == 0 {
		return math.MaxInt64, nil
	}
	hi, lo := bits.Mul64(st.Bavail, blockSize(&st))
	if hi != 0 || lo > math.MaxInt64 {
		return math.MaxInt64, nil
	}
	return int64(lo), nil
}

func lock(f *os.File) error {
	err := control(f, func(fd int) error { return unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB) })
	switch {
	case errors.Is(err, unix.EWOULDBLOCK):
		return &fs.PathError{Op: "lock", Path: f.Name(), Err: ErrLocked}
	case errors.Is(err, unix.ENOLCK), errors.Is(err, unix.EINVAL), errors.Is(err, unix.EBADF):
		// NFS without a lock daemon, or one that wants a file open for writing.
		return &fs.PathError{Op: "lock", Path: f.Name(), Err: fmt.Errorf("%w: %w", errors.ErrUnsupported, err)}
	case err != nil:
		return &fs.PathError{Op: "lock", Path: f.Name(), Err: err}
	}
	return nil
}

// control runs fn on the descriptor of f, again if a signal interrupts it.
func control(f *os.File, fn func(fd int) error) error {
	conn, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var fnErr error
	err = conn.Control(func(fd uintptr) {
		fnErr = ignoringEINTR(func() error { return fn(int(fd)) })
	})
	return errors.Join(err, fnErr)
}

func ignoringEINTR(fn func() error) error {
	for {
		if err := fn(); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}
