package mecha

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"

	"github.com/mecha-gpu/mecha-gpu/plan"
	"github.com/mecha-gpu/mecha-gpu/recipe"
	"github.com/mecha-gpu/mecha-gpu/stream/safetensors"
	"github.com/mecha-gpu/mecha-gpu/stream/vfs"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// models are the opened models of recipes, in order of first use.
type models struct {
	sources []tensor.Source
	owned   []bool // opened here, to be closed here
	reports []ModelReport
	at      map[modelID]int
}

// modelID tells models apart: the graph does by path, and equal paths of recipes in different
// folders may be different files.
type modelID struct{ path, file string }

// open opens the models of a recipe that are not open yet, and returns the numbers of all of
// them. Two paths of one file are opened once for each path: the graph tells them apart.
// Headers are added to po, and not read where the memory is too small for them; then all of
// them are measured, so that the error says what they need together.
func (m *models) open(ctx context.Context, r *Recipe, paths []string, o *Options, po *plan.Options) (numbers []int, err error) {
	var errs []error
	over := false
	for _, path := range paths {
		n, err := m.openOne(ctx, r, path, o, po)
		var room *safetensors.RoomError
		switch {
		case errors.As(err, &room):
			over = true
			po.Fixed += room.Need
		case err != nil:
			errs = append(errs, err)
		default:
			numbers = append(numbers, n)
		}
	}
	if over && len(errs) == 0 {
		return nil, &tensor.Error{Class: tensor.ClassFit, Err: errors.New("the memory limit is too small for the headers of the models"),
			Want: "at least " + tensor.BytesUp(po.Least()), Got: tensor.Bytes(po.MaxRAM), Hint: "raise --max-ram"}
	}
	return numbers, errors.Join(errs...)
}

// in enters the merge spaces in which a recipe has the models.
func (m *models) in(t *plan.Target) {
	for i := range t.Solved.Nodes {
		n := &t.Solved.Nodes[i]
		if n.Kind != recipe.ModelNode {
			continue
		}
		if r := &m.reports[sourceOf(t, n.Model)]; !slices.Contains(r.Spaces, string(n.Space)) {
			r.Spaces = append(r.Spaces, string(n.Space))
		}
	}
}

func (m *models) openOne(ctx context.Context, r *Recipe, path string, o *Options, po *plan.Options) (int, error) {
	id := modelID{path: recipe.CleanPath(path)}
	if _, ok := o.Sources[path]; !ok {
		file, err := resolve(o.fs(), path, modelDirs(r, o))
		if err != nil {
			return 0, namedBy(r, path, err)
		}
		id.file = file
	}
	if n, ok := m.at[id]; ok {
		return n, nil
	}
	src, file, owned, err := openModel(ctx, r, path, o, po.Room())
	if err != nil {
		return 0, err
	}
	if m.at == nil {
		m.at = map[modelID]int{}
	}
	n := len(m.sources)
	m.at[id] = n
	po.Fixed += src.Header().MemoryBytes()
	m.sources, m.owned = append(m.sources, src), append(m.owned, owned)
	m.reports = append(m.reports, ModelReport{Path: path, File: file, Keys: src.Header().Len()})
	return n, nil
}

// headerOf reads the header of a single model, before there is a plan.
func headerOf(ctx context.Context, r *Recipe, path string, o *Options) (*tensor.Header, error) {
	po := o.planning()
	if po.MaxRAM == 0 {
		po.MaxRAM = defaultMaxRAM()
	}
	var m models
	if _, err := m.open(ctx, r, []string{path}, o, &po); err != nil {
		return nil, errors.Join(err, m.close())
	}
	return m.sources[0].Header(), m.close()
}

// modelDirs are the folders in which the models of a recipe are looked for.
func modelDirs(r *Recipe, o *Options) []string {
	return append(append([]string{}, o.ModelDirs...), "", r.dir)
}

// openModel opens a model whose header may take room bytes.
func openModel(ctx context.Context, r *Recipe, path string, o *Options, room int64) (src tensor.Source, file string, owned bool, err error) {
	if s, ok := o.Sources[path]; ok {
		if s == nil {
			return nil, "", false, &tensor.Error{Class: tensor.ClassInput, Path: path, Err: errors.New("the source of this model is nil")}
		}
		return s, s.Name(), false, nil
	}
	file, err = resolve(o.fs(), path, modelDirs(r, o))
	if err != nil {
		return nil, "", false, err
	}
	s, err := safetensors.OpenWithin(ctx, o.fs(), file, room)
	return s, file, true, err
}

var errEmptyPath = tensor.Errorf(tensor.ClassRecipe, "a model of the recipe has an empty path")

// namedBy adds to the error about a model that is not there which recipe names it, and where.
func namedBy(r *Recipe, path string, err error) error {
	var e *tensor.Error
	if r.graph == nil || !errors.As(err, &e) || e.Class != tensor.ClassInput {
		return err
	}
	named := *e
	if where := r.graph.Where(path); where != "" {
		named.Hint = "named by " + where + "; " + e.Hint
	}
	if lostBackslash.MatchString(path) {
		named.Hint += `; in the text of a recipe, \ is written \\ or /`
	}
	return &named
}

// lostBackslash is a path of Windows that was written as in C:\models.
var lostBackslash = regexp.MustCompile(`^[A-Za-z]:[^\\/]`)

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

// bind gives the headers to the solver: of the models with these paths and numbers.
func (m *models) bind(paths []string, numbers []int) []recipe.Model {
	list := make([]recipe.Model, len(paths))
	for i, path := range paths {
		list[i] = recipe.Model{Path: path, Header: m.sources[numbers[i]].Header()}
	}
	return list
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
