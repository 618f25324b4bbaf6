package main

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"

	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// writeText writes a small file, which appears complete or not at all. It replaces a text, but no
// checkpoint, and nothing that is no file: a renaming would do so without a question.
func writeText(path, text string) error {
	fail := func(err error) error { return &tensor.Error{Class: tensor.ClassIO, Path: path, Err: err} }
	if err := replaceable(path); err != nil {
		return fail(err)
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*.tmp")
	if err != nil {
		return fail(err)
	}
	_, err = f.WriteString(text)
	err = errors.Join(err, f.Chmod(0o644), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return fail(errors.Join(err, os.Remove(f.Name())))
	}
	return nil
}

// replaceable returns an error if there is something at the path that a text should not replace.
// A checkpoint begins with a length, whose upper bytes are zero.
func replaceable(path string) error {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.IsDir():
		return &tensor.Error{Err: errors.New("the target is a folder"), Hint: "name a file in it"}
	case !info.Mode().IsRegular():
		return errors.New("the target is not a regular file")
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	head := make([]byte, 512)
	n, err := io.ReadFull(f, head)
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return err
	}
	if bytes.IndexByte(head[:n], 0) >= 0 {
		return &tensor.Error{Err: errors.New("the target is not a text: it may be a checkpoint"), Hint: "name another file, or remove it first"}
	}
	return nil
}
