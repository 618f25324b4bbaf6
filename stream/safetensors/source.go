package safetensors

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"sort"
	"strconv"

	"github.com/mecha-gpu/mecha-gpu/stream/vfs"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// Source is a model in one file or in several. Its bytes are read with one call each
// and without a lock, so that any number of goroutines can read at once.
type Source struct {
	name   string
	fs     vfs.FS
	header *tensor.Header
	shards []shard // ascending in base and first
	count  counter // of the header, while it is read
}

var _ tensor.Source = (*Source)(nil)

// shard is one open file of a model.
type shard struct {
	path  string
	file  vfs.File
	info  vfs.Info // when it was opened
	data  int64    // position of the data section in the file
	base  int64    // position of the file's data section in that of the model
	size  int64    // bytes in the data section
	first int      // index of its first entry in the header
}

// Name returns the path that was opened.
func (s *Source) Name() string { return s.name }

// Header returns the validated table of contents, in order of position.
func (s *Source) Header() *tensor.Header { return s.header }

// View returns nil: files are not in memory.
func (s *Source) View(pos, n int64) []byte { return nil }

// Files returns the paths of the files of the model, in order of position.
func (s *Source) Files() []string {
	paths := make([]string, len(s.shards))
	for i := range s.shards {
		paths[i] = s.shards[i].path
	}
	return paths
}

// ReadAt fills dst with the data at pos. It fails with ClassInput if a file has become
// too short, and with ClassIO if the system cannot read.
func (s *Source) ReadAt(dst []byte, pos int64) error {
	if pos < 0 || pos+int64(len(dst)) > s.dataSize() {
		return tensor.Errorf(tensor.ClassOther, "%s: read of %d bytes at %d leaves the %d bytes of data", s.name, len(dst), pos, s.dataSize())
	}
	for i := s.shardAt(pos); len(dst) > 0; i++ {
		sh := &s.shards[i]
		n := min(int64(len(dst)), sh.base+sh.size-pos)
		if err := vfs.ReadFull(sh.file, dst[:n], sh.data+pos-sh.base); err != nil {
			return s.readFailed(sh, pos, err)
		}
		dst, pos = dst[n:], pos+n
	}
	return nil
}

func (s *Source) dataSize() int64 {
	if len(s.shards) == 0 {
		return 0
	}
	last := s.shards[len(s.shards)-1]
	return last.base + last.size
}

// shardAt returns the index of the last shard that starts at or before pos.
func (s *Source) shardAt(pos int64) int {
	i, _ := slices.BinarySearchFunc(s.shards, pos, func(sh shard, pos int64) int {
		return cmp.Or(cmp.Compare(sh.base, pos), -1)
	})
	return i - 1
}

// shardOf returns the shard that holds entry i.
func (s *Source) shardOf(i int) *shard {
	n, _ := slices.BinarySearchFunc(s.shards, i, func(sh shard, i int) int {
		return cmp.Or(cmp.Compare(sh.first, i), -1)
	})
	return &s.shards[n-1]
}

// readFailed names the tensor in which a read failed.
func (s *Source) readFailed(sh *shard, pos int64, err error) error {
	e := &tensor.Error{Class: tensor.ClassIO, Path: sh.path, Err: fmt.Errorf("reading the data at %d: %w", sh.data+pos-sh.base, cause(err))}
	if i := sort.Search(s.header.Len(), func(i int) bool { return s.header.At(i).Pos > pos }); i > 0 {
		e.Key = s.header.At(i - 1).Key
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		e.Class, e.Hint = tensor.ClassInput, "the file became shorter after it was opened"
	}
	return e
}

// Unchanged compares device, inode, size and time of modification of every file with
// those at opening.
func (s *Source) Unchanged() error {
	for i := range s.shards {
		sh := &s.shards[i]
		now, err := s.fs.Stat(sh.path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return invalid(sh.path, "", "the file was removed after it was opened")
		case err != nil:
			return readError(sh.path, err)
		case !sh.info.Unchanged(now):
			return changed(sh.path, sh.info, now)
		}
	}
	return nil
}

func changed(path string, then, now vfs.Info) error {
	e := invalid(path, "", "the file changed after it was opened")
	switch {
	case !then.SameFile(now):
		e.Got = "another file of that name"
	case then.Size != now.Size:
		e.Got, e.Want = strconv.FormatInt(now.Size, 10)+" bytes", strconv.FormatInt(then.Size, 10)
	default:
		e.Got = "a later write to it"
	}
	return e
}

// Close closes the files.
func (s *Source) Close() error {
	var errs []error
	for i := range s.shards {
		if err := s.shards[i].file.Close(); err != nil {
			errs = append(errs, readError(s.shards[i].path, err))
		}
	}
	return errors.Join(errs...)
}
