package methods

import (
	"fmt"
	"slices"

	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// Set is a set of methods, by identifier. It is a value; With adds to a copy, so that a
// program's own methods do not leak into another's recipes.
type Set struct {
	byID map[string]*Method
	ids  []string
}

// NewSet returns the set of the given methods.
func NewSet(all ...*Method) (Set, error) { return Set{}.With(all...) }

// With returns the set with more methods. It fails if an identifier is taken already, or
// if a row is not well-formed.
func (s Set) With(more ...*Method) (Set, error) {
	n := Set{byID: make(map[string]*Method, len(s.byID)+len(more)), ids: slices.Clone(s.ids)}
	for id, m := range s.byID {
		n.byID[id] = m
	}
	for _, m := range more {
		if _, taken := n.byID[m.ID]; taken {
			return s, tensor.Errorf(tensor.ClassRecipe, "method %q is defined already", m.ID)
		}
		err := m.Validate()
		if err == nil {
			err = n.checkImplements(m)
		}
		if err != nil {
			return s, &tensor.Error{Class: tensor.ClassRecipe, Err: fmt.Errorf("method %q: %w", m.ID, err)}
		}
		n.byID[m.ID] = m
		n.ids = append(n.ids, m.ID)
	}
	return n, nil
}

// Get returns the method with the given identifier.
func (s Set) Get(id string) (*Method, bool) {
	m, ok := s.byID[id]
	return m, ok
}

// Nearest returns up to three identifiers that id may have been meant to be.
func (s Set) Nearest(id string) []string { return tensor.Nearest(id, s.ids, 3) }

// All returns the methods in order of definition.
func (s Set) All() []*Method {
	all := make([]*Method, len(s.ids))
	for i, id := range s.ids {
		all[i] = s.byID[id]
	}
	return all
}

// IDs lists the identifiers in order of definition.
func (s Set) IDs() []string { return slices.Clone(s.ids) }
