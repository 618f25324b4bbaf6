package main

import (
	"errors"
	"os"
	"path/filepath"

	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// writeText writes a small file, which appears complete or not at all.
func writeText(path, text string) error {
	fail := func(err error) error { return &tensor.Error{Class: tensor.ClassIO, Path: path, Err: err} }
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
