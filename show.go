package mecha

import (
	"path/filepath"

	"github.com/mecha-gpu/mecha-gpu/recipe/draw"
	"github.com/mecha-gpu/mecha-gpu/recipe/script"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// Program returns the recipe as a Starlark program that makes the same graph (see package
// recipe/script). It fails on recipes that are too large for one.
func (r *Recipe) Program() (string, error) {
	b, err := script.Format(r.graph)
	return string(b), err
}

// DOT returns a picture of the recipe as text for Graphviz.
func (r *Recipe) DOT() string { return draw.DOT(r.graph) }

// SVG returns a picture of the recipe as an SVG file. It fails if the recipe has thousands of
// nodes.
func (r *Recipe) SVG() (string, error) { return draw.SVG(r.graph) }

// Paths says how the paths of models are written.
type Paths uint8

const (
	OriginalPaths Paths = iota // as the recipe has them
	AbsolutePaths              // of the files that a merge would take, if they are there
	RelativePaths              // the same, from a folder
)

// WithPaths returns the recipe with other paths of models. Models are looked for as a merge does
// (Options.ModelDirs, the working folder, the folder of the recipe), but not opened; one that is
// not found, or is in memory, keeps its path. dir is the folder that RelativePaths start from:
// the one in which the text will be stored.
func (r *Recipe) WithPaths(paths Paths, dir string, o Options) (*Recipe, error) {
	if paths == OriginalPaths {
		return r, nil
	}
	var firstErr error
	changed := *r
	changed.graph = r.graph.WithPaths(func(path string) string {
		file, err := r.pathOf(path, paths, dir, &o)
		if firstErr == nil {
			firstErr = err
		}
		return file
	})
	return &changed, firstErr
}

func (r *Recipe) pathOf(path string, paths Paths, dir string, o *Options) (string, error) {
	if _, memory := o.Sources[path]; memory {
		return path, nil
	}
	file, err := resolve(o.fs(), path, append(append([]string{}, o.ModelDirs...), "", r.dir))
	if err != nil {
		return path, nil
	}
	if file, err = filepath.Abs(file); err != nil {
		return path, &tensor.Error{Class: tensor.ClassIO, Path: path, Err: err}
	}
	if paths == AbsolutePaths {
		return file, nil
	}
	if dir, err = filepath.Abs(dir); err == nil {
		file, err = filepath.Rel(dir, file)
	}
	if err != nil {
		return path, &tensor.Error{Class: tensor.ClassUsage, Path: path, Err: err}
	}
	return filepath.ToSlash(file), nil
}
