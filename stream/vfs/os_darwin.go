package vfs

import (
	"os"

	"golang.org/x/sys/unix"
)

func allocate(f *os.File, size int64) error { return f.Truncate(size) }

func blockSize(st *unix.Statfs_t) uint64 { return uint64(st.Bsize) }
