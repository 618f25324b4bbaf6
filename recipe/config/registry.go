package config

import (
	"fmt"
	"slices"
	"sync"

	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// Row is a config that recipes can name.
type Row struct {
	ID      string
	Inner   string         // another identifier of the same config; "" if it has none
	Adapter bool           // generated for adapter files (LoRA); tried after the others
	Base    string         // of an adapter: the config that it is for
	Make    func() *Config // makes the config; nil: the config is known, but not available yet

	// file is the identifier that is written in the file of the config; "" if it is ID.
	file string

	// path is the file that the config was read from; "" if there is none.
	path string

	// probe lists what all names and aliases of keys begin with, so that detection need not
	// make configs that cannot fit; nil: not known.
	probe []string
}

// Registry is a set of configs, by identifier. It is a value; With adds to a copy.
type Registry struct {
	rows []Row
	byID map[string]int // also by inner identifier
}

// Builtin returns the 17 configs of sd-mecha 1.1.5.
func Builtin() Registry {
	r, err := Registry{}.with(builtin())
	if err != nil {
		panic("config: the built-in table is not well-formed") // a test builds it
	}
	return r
}

// With returns the registry with more configs. It fails if an identifier is taken.
func (r Registry) With(configs ...*Config) (Registry, error) {
	rows := make([]Row, len(configs))
	for i, c := range configs {
		if c.Structural() {
			return r, tensor.Errorf(tensor.ClassRecipe, "a structural model config has no name and cannot be registered")
		}
		rows[i] = Row{ID: c.ID(), Make: func() *Config { return c }}
	}
	return r.with(rows)
}

// WithRows returns the registry with more configs, such as those of files. It fails if an
// identifier is taken; the inner identifier of a row is left out if it is.
func (r Registry) WithRows(rows ...Row) (Registry, error) {
	rows = slices.Clone(rows)
	for i := range rows {
		inner := rows[i].Inner
		_, taken := r.byID[inner]
		for k := range rows {
			taken = taken || k != i && rows[k].ID == inner || k < i && rows[k].Inner == inner
		}
		if taken {
			rows[i].Inner = ""
		}
	}
	return r.with(rows)
}

// FileID returns the identifier that is written in the file of the config.
func (r Row) FileID() string {
	switch {
	case r.file != "":
		return r.file
	case r.Inner != "":
		return r.Inner
	}
	return r.ID
}

func (r Registry) with(rows []Row) (Registry, error) {
	n := Registry{rows: slices.Clone(r.rows), byID: make(map[string]int, len(r.rows)+len(rows))}
	for id, i := range r.byID {
		n.byID[id] = i
	}
	for _, row := range rows {
		if row.Make != nil {
			row.Make = sync.OnceValue(row.Make)
		}
		for _, id := range []string{row.ID, row.Inner} {
			if _, taken := n.byID[id]; taken || id == StructuralID || id == InferID {
				return r, n.taken(id, row)
			}
			if id != "" {
				n.byID[id] = len(n.rows)
			}
		}
		n.rows = append(n.rows, row)
	}
	return n, nil
}

// taken is the error about a row that has the identifier of another.
func (r Registry) taken(id string, row Row) error {
	err := fmt.Errorf("model config %q is defined already", id)
	if other, ok := r.Get(id); ok && other.path != "" {
		err = fmt.Errorf("%w, by %s", err, other.path)
	}
	return &tensor.Error{Class: tensor.ClassRecipe, Path: row.path, Err: err}
}

// Get returns the row of an identifier. The identifiers structural and infer have none.
func (r Registry) Get(id string) (Row, bool) {
	i, ok := r.byID[id]
	if !ok {
		return Row{}, false
	}
	return r.rows[i], true
}

// All returns the rows in order of registration.
func (r Registry) All() []Row { return slices.Clone(r.rows) }

// Nearest returns up to three identifiers that id may have been meant to be.
func (r Registry) Nearest(id string) []string {
	names := make([]string, 0, len(r.byID))
	for name := range r.byID {
		names = append(names, name)
	}
	slices.Sort(names)
	var near []string
	for _, name := range tensor.Nearest(id, names, 3) {
		if canonical := r.rows[r.byID[name]].ID; !slices.Contains(near, canonical) {
			near = append(near, canonical)
		}
	}
	return near
}
