package mecha

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/mecha-gpu/mecha-gpu/recipe"
	"github.com/mecha-gpu/mecha-gpu/stream/safetensors"
	"github.com/mecha-gpu/mecha-gpu/stream/vfs"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// models are the opened models of a recipe, in the order of the solved graph.
type models struct {
	sources []tensor.Source
	owned   []bool // opened here, to be closed here
	reports []ModelReport
}

// openModels opens every distinct model of a recipe. Two paths of one file are opened
// once for each path: the graph tells them apart.
func openModels(ctx context.Context, r *Recipe, paths []string, o *Options) (*models, error) {
	m := &models{}
	var errs []error
	for _, path := range paths {
		src, file, owned, err := openModel(ctx, r, path, o)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		m.sources = append(m.sources, src)
		m.owned = append(m.owned, owned)
		m.reports = append(m.reports, ModelReport{Path: path, File: file, Keys: src.Header().Len()})
	}
	if len(errs) > 0 {
		m.close()
		return nil, errors.Join(errs...)
	}
	return m, nil
}

func openModel(ctx context.Context, r *Recipe, path string, o *Options) (src tensor.Source, file string, owned bool, err error) {
	if s, ok := o.Sources[path]; ok {
		return s, s.Name(), false, nil
	}
	file, err = resolve(o.fs(), path, append(append([]string{}, o.ModelDirs...), "", r.dir))
	if err != nil {
		return nil, "", false, err
	}
	s, err := safetensors.Open(ctx, o.fs(), file)
	return s, file, true, err
}

var errEmptyPath = tensor.Errorf(tensor.ClassRecipe, "a model of the recipe has an empty path")

// resolve returns the first existing file for a path: as it is if it is absolute, else in
// the folders in order.
func resolve(fsys vfs.FS, path string, dirs []string) (string, error) {
	if path == "" {
		return "", errEmptyPath
	}
	if filepath.IsAbs(path) {
		dirs = []string{""}
	}
	var tried []string
	for _, dir := range dirs {
		file := filepath.Join(dir, path)
		_, err := fsys.Stat(file)
		if err == nil {
			return file, nil
		}
		if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ENOTDIR) { // a file where the path has a folder
			return "", &tensor.Error{Class: tensor.ClassIO, Path: file, Err: err}
		}
		if dir = filepath.Dir(file); len(tried) == 0 || tried[len(tried)-1] != dir {
			tried = append(tried, dir)
		}
	}
	return "", &tensor.Error{Class: tensor.ClassInput, Path: path, Err: errors.New("there is no such model"),
		Hint: "looked in: " + strings.Join(tried, ", ")}
}

// bind gives the headers to the solver.
func (m *models) bind() []recipe.Model {
	list := make([]recipe.Model, len(m.sources))
	for i, s := range m.sources {
		list[i] = recipe.Model{Path: m.reports[i].Path, Header: s.Header()}
	}
	return list
}

// headerBytes is what the headers take in memory.
func (m *models) headerBytes() int64 {
	var n int64
	for _, s := range m.sources {
		n += s.Header().MemoryBytes()
	}
	return n
}

// close closes what was opened here.
func (m *models) close() error {
	var errs []error
	for i, s := range m.sources {
		if m.owned[i] {
			errs = append(errs, s.Close())
		}
	}
	if err := errors.Join(errs...); err != nil {
		return &tensor.Error{Class: tensor.ClassIO, Err: fmt.Errorf("closing inputs: %w", err)}
	}
	return nil
}
