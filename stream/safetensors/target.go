package safetensors

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/mecha-gpu/mecha-gpu/stream/vfs"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// findTarget finds out what the path leads to and whether it can be replaced.
func (s *Sink) findTarget() (err error) {
	if s.path == "" {
		return unwritable(s.path, "the path of the output is empty", "")
	}
	if s.target, err = s.fs.Resolve(s.path); err != nil {
		return writeError(s.path, "following the link", err)
	}
	s.dir = filepath.Dir(s.target)
	info, err := s.fs.Stat(s.target)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return s.findDir()
	case err != nil:
		return writeError(s.path, "examining the target", err)
	case info.Mode.IsDir():
		return unwritable(s.path, "the target is a folder", "name a file in it")
	case !info.Mode.IsRegular():
		return unwritable(s.path, "the target is not a regular file", "")
	case info.Mode.Perm()&0o222 == 0:
		return unwritable(s.path, "the target is read-only", "make it writable, or choose another name")
	}
	s.old = &info
	return nil
}

func unwritable(path, what, hint string) error {
	return &tensor.Error{Class: tensor.ClassIO, Path: path, Err: errors.New(what), Hint: hint}
}

// findDir makes sure that the folder of the target exists.
func (s *Sink) findDir() error {
	info, err := s.fs.Stat(s.dir)
	switch {
	case err == nil && info.Mode.IsDir():
		return nil
	case err == nil:
		return unwritable(s.path, s.dir+" is not a folder", "")
	case !errors.Is(err, fs.ErrNotExist):
		return writeError(s.path, "examining the folder", err)
	case !s.opts.MkdirAll:
		return unwritable(s.path, "the folder "+s.dir+" does not exist", "make it, or ask for missing folders to be made (--mkdir)")
	}
	return s.makeDir()
}

// makeDir makes the folder of the target, and the new names durable.
func (s *Sink) makeDir() error {
	var missing []string
	for dir := s.dir; ; dir = filepath.Dir(dir) {
		if _, err := s.fs.Stat(dir); err == nil || dir == filepath.Dir(dir) {
			break
		}
		missing = append(missing, dir)
	}
	slices.Reverse(missing)
	s.made = missing
	if err := s.fs.MkdirAll(s.dir, 0o777); err != nil {
		return writeError(s.path, "making the folder", err)
	}
	for _, dir := range missing {
		if err := s.fs.SyncDir(filepath.Dir(dir)); err != nil {
			return writeError(s.path, "syncing the new folder", err)
		}
	}
	return nil
}

// checkSpace compares the size of the file with the space that is free.
func (s *Sink) checkSpace() error {
	have, err := s.fs.Free(s.dir)
	if err != nil {
		return writeError(s.path, "asking for the free space", err)
	}
	if need := s.dataStart() + s.size; need > have {
		return &tensor.Error{Class: tensor.ClassFit, Path: s.path, Err: errors.New("not enough disk space"),
			Got: fmt.Sprintf("%d bytes free", have), Want: fmt.Sprint(need), Hint: "the old file stays until the new one is complete"}
	}
	return nil
}

// noRoom is the failure to allocate the file.
func (s *Sink) noRoom(err error) error {
	if !vfs.IsNoSpace(err) {
		return writeError(s.path, "allocating the file", err)
	}
	return &tensor.Error{Class: tensor.ClassFit, Path: s.path, Err: fmt.Errorf("not enough disk space: %w", cause(err)),
		Want: fmt.Sprintf("%d bytes free", s.dataStart()+s.size)}
}

// Names of temp files: .<name>.<8 hex>.mecha-gpu-tmp. Long names are cut, because file
// systems allow 255 bytes.
const (
	tempSuffix  = ".mecha-gpu-tmp"
	tempRandom  = 4 // bytes
	maxTempName = 255 - 2 - 2*tempRandom - len(tempSuffix)
)

// tempPrefix returns what the names of all temp files of the target begin with.
func tempPrefix(target string) string {
	name := filepath.Base(target)
	if len(name) > maxTempName {
		name = name[:maxTempName]
		for !utf8.ValidString(name) && len(name) > maxTempName-utf8.UTFMax {
			name = name[:len(name)-1]
		}
	}
	return "." + name + "."
}

func isTempOf(target, name string) bool {
	middle, ok := strings.CutPrefix(name, tempPrefix(target))
	middle, found := strings.CutSuffix(middle, tempSuffix)
	_, err := hex.DecodeString(middle)
	return ok && found && err == nil && len(middle) == 2*tempRandom
}

// maxTries bounds how often another name is tried for the temp file.
const maxTries = 100

// createTemp makes the temp file and locks it.
func (s *Sink) createTemp() error {
	var random [tempRandom]byte
	for range maxTries {
		if _, err := rand.Read(random[:]); err != nil {
			return writeError(s.path, "making a name for the temp file", err)
		}
		temp := filepath.Join(s.dir, tempPrefix(s.target)+hex.EncodeToString(random[:])+tempSuffix)
		f, err := s.fs.Create(temp, 0o666)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			_ = s.fs.Remove(temp) // it may exist all the same; nobody else has this name
			return writeError(s.path, "making the temp file", err)
		}
		s.temp, s.file = temp, f
		mine, err := s.lockTemp()
		if err != nil {
			return writeError(s.path, "locking the temp file", err)
		}
		if mine {
			return s.keepMode()
		}
		if err := s.dropTemp(); err != nil {
			return err
		}
	}
	return unwritable(s.path, fmt.Sprintf("no temp file could be made in %d tries", maxTries), "")
}

// lockTemp locks the new temp file and reports whether it still has its name: between
// its creation and the lock another run may have taken it for left behind. Where there
// are no locks, nothing is ever taken for left behind.
func (s *Sink) lockTemp() (bool, error) {
	err := s.file.Lock()
	switch {
	case errors.Is(err, errors.ErrUnsupported):
		return true, nil
	case errors.Is(err, vfs.ErrLocked):
		return false, nil
	case err != nil:
		return false, err
	}
	open, err := s.file.Stat()
	if err != nil {
		return false, err
	}
	named, err := s.fs.Stat(s.temp)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil && named.SameFile(open), err
}

// dropTemp forgets a temp file that another run has taken.
func (s *Sink) dropTemp() error {
	err := s.close()
	if e := s.fs.Remove(s.temp); e != nil && !errors.Is(e, fs.ErrNotExist) {
		err = errors.Join(err, e)
	}
	s.temp = ""
	if err != nil {
		return writeError(s.path, "making the temp file", err)
	}
	return nil
}

// keepMode gives the temp file the permissions of the file it will replace.
func (s *Sink) keepMode() error {
	if s.old == nil {
		return nil
	}
	if err := s.file.Chmod(s.old.Mode.Perm()); err != nil {
		return writeError(s.path, "setting the permissions", err)
	}
	return nil
}

// sweep removes temp files of the same target that killed runs left behind. Those that
// are locked belong to a run; those that cannot be opened, locked or removed stay, and
// are no reason to fail.
func (s *Sink) sweep() error {
	names, err := s.fs.List(s.dir)
	if err != nil {
		return writeError(s.path, "listing the folder", err)
	}
	for _, name := range names {
		if isTempOf(s.target, name) {
			s.sweepOne(filepath.Join(s.dir, name))
		}
	}
	return nil
}

func (s *Sink) sweepOne(temp string) {
	f, err := s.fs.Open(temp)
	if err != nil {
		return
	}
	defer f.Close() // opened for reading: nothing can be lost
	if f.Lock() != nil {
		return
	}
	if s.closeFirst {
		f.Close()
	}
	_ = s.fs.Remove(temp)
}
